"""The log probability of the counts themselves: one measure for every family.

A family with a density on log(1 + count) has no probability of a count. Its estimates and draws are scored by the
probability that the same variable rounds to the count: its counting twin (`Family.counting`), with the same parameters.
"""

import numpy as np
from scipy.special import logsumexp

from bayesctc.arguments import whole
from bayesctc.criteria.loo import Loo, leave_one_out, without_patient
from bayesctc.data.outcome import FAMILIES as ANY_FAMILY
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.likelihood import Evaluator, enough_nodes, pointwise
from bayesctc.model.packed import Packed
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import measure
from bayesctc.results.ml_fit import MLFit


def counting(fit: MLFit | BayesFit) -> tuple[Design, Packed]:
    """Design and patients under which a fit's thetas give probabilities of counts; the fit's own unless a density.

    Raises
    ------
    SpecError
        A random quadratic term, which the counting twin does not integrate, or values that are no counts.
    """
    fit.design.outcome.need(ANY_FAMILY, "the probability of the counts")
    twin = FAMILIES[fit.spec.family].counting
    if not twin:
        return fit.design, fit.packed
    design = Design.settle(fit.cohort, fit.spec.with_(family=twin))
    packed = design.pack(fit.cohort)
    theta = fit.theta if isinstance(fit, MLFit) else fit.mode_theta
    return design.with_nodes(enough_nodes(packed, design, [theta])[0]), packed


def log_likelihood_counts(fit: MLFit) -> float:
    """Log probability of counts and survival at the estimate; for a family with a density not its maximum."""
    if not FAMILIES[fit.spec.family].counting:
        return fit.log_likelihood
    design, packed = counting(fit)
    return float(Evaluator(packed, design.shape, fit.spec.n_classes).patients(fit.theta).sum())


def loo_counts(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd of counts and survival, comparable across families.

    For a family with a density the draws are its own, weighted by its own density, and scored by its counting twin's
    probability: what such a fit to the others says of a patient's counts.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        As `loo` takes it.
    progress : bool

    Returns
    -------
    Loo
    """
    max_refits = whole("max_refits", max_refits, 0)
    design, packed = counting(fit)
    values = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    scored = None
    if FAMILIES[fit.spec.family].counting:
        scored, _ = pointwise(packed, design.shape, fit.thetas)

    def exact(position):
        without, _ = without_patient(fit, position)
        one = Evaluator(packed.take([position]), design.shape, fit.spec.n_classes).draws(without)[:, 0]
        return float(logsumexp(one) - np.log(len(one)))

    of = measure(design)
    return leave_one_out(fit, values, exact, of, scored=scored, max_refits=max_refits, progress=progress)
