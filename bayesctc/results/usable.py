"""Whether a fit can enter a comparison: decided here, for every rule, table, sentence and picture.

NaN fails, because chains whose R-hat cannot be computed cannot be assessed.
"""

from math import isfinite
from typing import cast

import numpy as np

from bayesctc.results.applied import Applied
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.fit import Fit
from bayesctc.results.ml_fit import CONVERGED, MLFit
from bayesctc.shown import told_apart

COMPARED_RHAT = 1.05  # up to which draws are compared; `diagnostics.MAX_RHAT` is the stricter limit of a good fit
COMPARED_ESS_PER_CHAIN = 10  # Gelman et al., Bayesian Data Analysis, 2013, section 11.5: 5 for each half of a chain
FEWEST_CHAINS = 2


def why_not(fit: Fit, max_rhat: float = COMPARED_RHAT) -> str | None:
    """Why a fit cannot enter a comparison, in words; None if it can.

    Parameters
    ----------
    fit : MLFit, BayesFit or Applied
    max_rhat : float
        Largest R-hat with which draws are compared.
    """
    if isinstance(fit, Applied):
        return why_not(fit.fit, max_rhat)
    if isinstance(fit, MLFit):
        return _why_not_ml(fit)
    fit = cast(BayesFit, fit)
    found = fit.diagnostics
    reason = why_not_draws(found.max_rhat, found.min_ess, found.n_chains, max_rhat)
    if reason is not None and found.chains_left:
        reason += f" ({len(found.chains_left)} set aside)"
    if reason is None and not np.isfinite(fit.idata["log_likelihood"].dataset["joint"].to_numpy()).all():
        reason = "the log likelihood of some draws is not finite"
    return reason


def usable(fit: Fit, max_rhat: float = COMPARED_RHAT) -> bool:
    """Whether a fit can enter a comparison; see `why_not`."""
    return why_not(fit, max_rhat) is None


def why_not_draws(rhat: float, ess: float | None, n_chains: float, max_rhat: float = COMPARED_RHAT) -> str | None:
    """Why draws of this quality cannot be compared; None if they can.

    Parameters
    ----------
    rhat : float
        The largest R-hat over parameters.
    ess : float or None
        The smallest effective sample size over parameters; None if not known.
    n_chains : int
        Number of remaining chains.
    max_rhat : float
    """
    if not n_chains >= FEWEST_CHAINS:
        return f"{n_chains:.0f} chain left, at least {FEWEST_CHAINS} needed" if isfinite(n_chains) else "no chains"
    if not isfinite(rhat):
        return "R-hat cannot be computed"
    if rhat > max_rhat:
        return f"R-hat is {told_apart(rhat, max_rhat, 2)}, at most {max_rhat:g} allowed: the chains have not mixed"
    least = COMPARED_ESS_PER_CHAIN * n_chains
    if ess is not None and not isfinite(ess):
        return "the effective sample size cannot be computed"
    if ess is not None and ess < least:
        return f"the effective sample size is {told_apart(ess, least, 0)}, at least {least:.0f} needed"
    return None


def _why_not_ml(fit: MLFit) -> str | None:
    if len(fit.modes) and not fit.modes["interior"].any():
        return "no interior mode"
    if not isfinite(fit.log_likelihood):
        return "the log likelihood is not finite"
    if not fit.converged:
        return f"not converged (g' H^-1 g / m is {fit.criterion:.2g}, below {CONVERGED:g} allowed)"
    return None
