"""The log probability of the counts themselves: one measure for every family.

A family with a density on log(1 + count) gives no probability of a count. Its estimates and draws are scored by the
probability that the same variable rounds to the count, that is by its counting twin (`Family.counting`), which has the
same parameters.
"""

import numpy as np
from scipy.special import logsumexp

from bayesctc.arguments import whole
from bayesctc.criteria.loo import Loo, leave_one_out, without_patient
from bayesctc.data.outcome import FAMILIES as ANY_FAMILY
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.nodes import enough_nodes
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import measure
from bayesctc.results.ml_fit import MLFit


def counting(fit: MLFit | BayesFit) -> Analysis:
    """The analysis under which a fit's thetas give probabilities of counts; the fit's own unless that is a density.

    Raises
    ------
    SpecError
        A random quadratic term, which the counting twin cannot integrate, values that are not counts, or a density
        without a counting twin.
    """
    fit.design.outcome.need(ANY_FAMILY, "the probability of the counts")
    family = FAMILIES[fit.spec.family]
    if not family.counts_or_has_twin:
        raise SpecError(
            f"family={family.name!r} gives counts no probability, so its fits cannot be compared on counts."
        )
    if not family.counting:
        return fit.analysis
    analysis = Analysis.settle(fit.cohort, fit.spec.with_(family=family.counting))
    theta = fit.theta if isinstance(fit, MLFit) else fit.mode_theta
    return enough_nodes(analysis, [theta])[0]


def log_likelihood_counts(fit: MLFit) -> float:
    """Log probability of counts and survival at the estimate, which does not maximise it if the family is a density."""
    if not FAMILIES[fit.spec.family].counting:
        return fit.log_likelihood
    return float(counting(fit).evaluator().patients(fit.theta).sum())


def loo_counts(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd of counts and survival, comparable across families.

    If the family is a density, its draws are weighted by that density and scored by the probability of its counting
    twin, so that the elpd is that of a patient's counts under the fit to the other patients.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        As in `loo`.
    progress : bool

    Returns
    -------
    Loo

    Examples
    --------
    >>> bc.loo_counts(posterior, max_refits=0, progress=False).measure
    'probability of the counts, density of the time to os'
    """
    max_refits = whole("max_refits", max_refits, 0)
    analysis = counting(fit)
    values = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    scored = None
    if FAMILIES[fit.spec.family].counting:
        scored, _ = analysis.pointwise(fit.thetas)

    def exact(position):
        without, _ = without_patient(fit, position)
        one = analysis.take([position]).evaluator().draws(without)[:, 0]
        return float(logsumexp(one) - np.log(len(one)))

    of = measure(analysis.design)
    return leave_one_out(fit, values, exact, of, scored=scored, max_refits=max_refits, progress=progress)
