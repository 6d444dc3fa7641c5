"""Whether chains agree in their predictions, as a comparison by elpd requires.

Class parameters that the data hardly identify mix slowly: their R-hat may stay above its limit although every chain
predicts every patient equally well. A comparison of numbers of classes depends only on the log likelihoods of patients,
so agreement is assessed on those, by three complementary measures:

- R-hat of the total log likelihood: whether chains reach the same level of the likelihood, as in one posterior;
- the range of the chains' own elpds, in log-likelihood units, as in the margin of the rule. A range that Monte Carlo
  error explains is ignored;
- the gain from averaging, sum_i (log mean_c p_ci - mean_c log p_ci) with p_ci = chain c's density of patient i without
  them, which detects chains in modes that are equally good in total, but for different patients.

Chains that disagree are not discarded: their predictions are stacked (`stacking.py`).
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayesctc.criteria.psis import psis, weighted
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.diagnostics import quality
from bayesctc.results.idata import SET_ASIDE
from bayesctc.results.usable import COMPARED_ESS_PER_CHAIN, COMPARED_RHAT, FEWEST_CHAINS
from bayesctc.shown import told_apart

SAME_ELPD = 4.0  # log-likelihood units: the rule's margin, within which numbers of classes count as equal too
FEWEST_DRAWS = 25  # of a chain: the smoothing of weights needs 5 in their tail
EXPLAINED = 3.0  # standard errors of the Monte Carlo difference of two chains that a range may be


@dataclass(frozen=True)
class Agreement:
    """The predictions of each chain, and whether they agree.

    Attributes
    ----------
    chains : tuple of int
        The chains compared.
    elpd : array (n_chains, n_patients)
        Leave-one-patient-out elpd from the draws of each chain alone.
    pareto_k : array (n_chains, n_patients)
    mcse : array (n_chains,)
        Monte Carlo standard error of each chain's elpd.
    rhat : float
        Rank-normalised split R-hat of the total log likelihood; NaN for one chain.
    ess : float
        Its bulk effective sample size, all chains together.
    ess_by_chain : array (n_chains,)
        Those of each chain alone.
    max_rhat : float
        R-hat up to which chains agree.
    """

    chains: tuple[int, ...]
    elpd: np.ndarray
    pareto_k: np.ndarray
    mcse: np.ndarray
    rhat: float
    ess: float
    ess_by_chain: np.ndarray
    max_rhat: float = COMPARED_RHAT

    @classmethod
    def of(cls, values: xr.DataArray, max_rhat: float = COMPARED_RHAT) -> "Agreement":
        """Of pointwise log likelihoods (chain, draw, patient)."""
        values = values.transpose("chain", "draw", "patient")
        total = values.to_numpy().sum(axis=2)
        # nothing is known from a chain that does not move or is too short: NaN, which disagrees
        stuck = (np.ptp(total, axis=1) == 0.0) | (total.shape[1] < FEWEST_DRAWS)
        total = np.where(stuck[:, None], np.nan, total)
        together = quality(total[None], ["rhat", "ess_bulk"]).iloc[0]
        alone = quality(total[:, None, :], ["ess_bulk"])["ess_bulk"].to_numpy()
        found = [_alone(values.isel(chain=[c]), stuck[c]) for c in range(len(total))]
        elpd, k, mcse = (np.stack([each[j] for each in found]) for j in range(3))
        chains = tuple(int(c) for c in values["chain"].to_numpy())
        rhat, ess = (float(together[name]) for name in ("rhat", "ess_bulk"))
        return cls(chains, elpd, k, mcse, rhat, ess, alone, max_rhat)

    @property
    def range(self) -> float:
        """Largest difference of elpd between chains."""
        totals = self.elpd.sum(axis=1)
        return float(totals.max() - totals.min())

    @property
    def explained(self) -> float:
        """The range that Monte Carlo error allows."""
        totals = self.elpd.sum(axis=1)
        high, low = np.argmax(totals), np.argmin(totals)
        return EXPLAINED * float(np.hypot(self.mcse[high], self.mcse[low]))

    @property
    def gain(self) -> float:
        """Gain from averaging the chains' predictions over using one of them, in log-likelihood units."""
        return float((logsumexp(self.elpd, axis=0) - np.log(len(self.elpd)) - self.elpd.mean(axis=0)).sum())

    def disagreement(self) -> str | None:
        """How the chains disagree, in words; None if they agree. NaN counts as disagreement."""
        if len(self.chains) < FEWEST_CHAINS:
            return f"{len(self.chains)} chain, at least {FEWEST_CHAINS} needed"
        if not self.rhat <= self.max_rhat:
            found = told_apart(self.rhat, self.max_rhat, 2)
            return f"R-hat of the total log likelihood is {found}, at most {self.max_rhat:g} allowed"
        allowed = max(SAME_ELPD, self.explained)
        if not self.range <= allowed:
            return f"their elpds differ by {told_apart(self.range, allowed, 1)}, at most {allowed:.1f} allowed"
        if not self.gain <= SAME_ELPD:
            gain = told_apart(self.gain, SAME_ELPD, 1)
            return f"averaging their predictions gains {gain}, at most {SAME_ELPD:g} allowed"
        return None

    def agrees(self) -> bool:
        """Whether the chains may be taken together."""
        return self.disagreement() is None

    def failure(self) -> str | None:
        """Why the pooled draws of the chains have no valid elpd, in words; None if they have."""
        if not np.isfinite(self.elpd).all():
            return "the log likelihood of some draws is not finite, or a chain is stuck or too short"
        least = COMPARED_ESS_PER_CHAIN * len(self.chains)
        if not self.ess >= least:
            draws = told_apart(self.ess, least, 0)
            return f"the effective sample size of the total log likelihood is {draws}, at least {least} needed"
        found = self.disagreement()
        return None if found is None else f"the predictions of the chains disagree: {found}"


def _alone(draws, stuck):
    """elpd and pareto_k by patient from one chain, and the Monte Carlo standard error of the elpd.

    elpd = -sum_i log mean_s 1 / p(y_i | theta_s). The influence of a draw is the sum of its weights over patients,
    because patients share the draws.
    """
    values = draws.to_numpy().reshape(-1, draws.shape[-1])
    if stuck or not np.isfinite(values).all():
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan), np.nan
    weights, k = psis(draws)
    influence = len(values) * np.exp(weights).sum(axis=1)
    ess = quality(influence[None, None, :], ["ess_bulk"])["ess_bulk"].iloc[0]
    return weighted(weights, values), k, float(influence.std(ddof=1) / np.sqrt(ess))


def every_chain(fit: BayesFit) -> xr.DataArray:
    """log L_i of all chains that ran (chain, draw, patient), those set aside last; chains are numbered as they ran."""
    main = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    left = fit.diagnostics.chains_left
    main = main.assign_coords(chain=np.setdiff1d(np.arange(main.sizes["chain"] + len(left)), left))
    if SET_ASIDE not in fit.idata.children:  # no chain left, or an earlier version did not keep it
        return main
    aside = fit.idata[SET_ASIDE].dataset["joint"].transpose("chain", "draw", "patient")
    return xr.concat([main, aside], dim="chain")
