"""Score test of conditional independence: are the random effects associated with the hazard within classes?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import exprel
from scipy.stats import chi2

from bayesctc.checks.calibrated import LEVEL
from bayesctc.data.endpoint import ONE_EVENT, checked_cause, code_of
from bayesctc.errors import SpecError
from bayesctc.model.association import EFFECTS, NONE
from bayesctc.model.hazard_along import patient_cumulative_hazard
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.model.random_effects import WeightedEffects, expected_effects
from bayesctc.results.ml_fit import MLFit
from bayesctc.shown import Shown

SINGULAR = 1e-8  # of the largest eigenvalue: directions in which there is nothing to test


@dataclass(frozen=True, repr=False)
class ScoreTest(Shown):
    """Score test of the association of random effects and hazard within classes.

    Attributes
    ----------
    statistic, p : float
    df : int
        Number of random effects tested; fewer if their covariance is singular.
    scores : dict of str to float
        Standardised score of each random effect separately: above 0 if patients with higher values have the event
        earlier.
    cause : str
        With competing events the cause whose hazard was tested; "" if there is one event.
    over_time : bool
        Whether the test is for a change of the effects over time, rather than for any effect.

    Examples
    --------
    >>> own = bc.ModelSpec(n_classes=1, family="gaussian", growth="linear", random_effects="intercept")
    >>> test = bc.conditional_independence_test(bc.fit_ml(cohort, own, n_starts=1, progress=False))
    >>> test.p < 0.001
    True
    """

    statistic: float
    df: int
    p: float
    scores: dict[str, float]
    cause: str = ""
    over_time: bool = False

    def _shown(self) -> Iterator[str]:
        yield self.sentence

    @property
    def sentence(self) -> str:
        """The result in words."""
        what = f"the hazard of {self.cause}" if self.cause else "survival"
        if self.over_time:
            verdict = "change with time" if self.p < LEVEL else "show no evidence of change with time"
            found = f"hazard ratios of the random effects of the counts for {what} {verdict}"
        else:
            verdict = "are still associated" if self.p < LEVEL else "show no evidence of association"
            found = f"the random effects of the counts {verdict} with {what}"
        test = f"score test, chi-square {self.statistic:.1f} on {self.df} df, p = {self.p:.3g}"
        return f"Within classes {found} ({test})."


def conditional_independence_test(fit: MLFit, *, cause: str | None = None) -> ScoreTest:
    """Test that survival depends on the counts through the class alone.

    With the alternative h_g(t) exp(x' gamma + eta' b_i), b_i the patient's random effects, the score at eta = 0 is the
    sum over patients of sum_g P(g | y_i, T_i) (event_i - H_g(T_i)) E(b_i | y_i, g). For an event between two visits L
    and R, event_i is x / (exp(x) - 1), with x = H_g(R) - H_g(L), and T_i is L. Its variance is that of the patients'
    scores, minus the part explained by the estimated parameters (Jacqmin-Gadda, Proust-Lima, Taylor and Commenges,
    Biometrics 2010;66:11). Delayed entry does not contribute: random effects have mean 0 among all who could have
    entered. With an association in the model (`current_value` and others) the same score tests whether the random
    effects act on the hazard in addition to it. If the random effects themselves are the association
    (`random_effects`), that score is 0 at the estimate, and the test is whether their effect is constant over time,
    with the alternative h_g(t) exp(alpha' b_i + eta' b_i log H_0g(t)): time is measured by the class's baseline
    cumulative hazard (for a Weibull hazard, by log t), as in tests of proportional hazards.

    The test assumes that the model of the counts is correct. If it is wrong, so are the classes, and differences that
    remain within them may be associated with survival (see `benchmarks/results/checks.csv`). With competing events one
    hazard is tested: event_i and H_g are then those of its cause.

    Parameters
    ----------
    fit : MLFit
        With random effects and an endpoint; of any family.
    cause : str, optional
        With competing events the cause whose hazard is tested; the first unless given.

    Returns
    -------
    ScoreTest

    Raises
    ------
    SpecError
        Another kind of fit, or one without an endpoint, random effects or such a cause.
    DataError
        Competing events, some of which lie between two visits.

    Examples
    --------
    >>> own = bc.ModelSpec(n_classes=1, family="gaussian", growth="linear", random_effects="intercept")
    >>> test = bc.conditional_independence_test(bc.fit_ml(cohort, own, n_starts=1, progress=False))
    >>> test.p < 0.001  # one class: patients with more cells die earlier, which the class does not explain
    True
    """
    if not isinstance(fit, MLFit):
        raise SpecError(f"the score test needs maximum-likelihood estimates (fit_ml); found {type(fit).__name__}.")
    if fit.spec.endpoint is None or fit.spec.n_random == 0:
        raise SpecError(
            "the score test needs an endpoint and random effects; found "
            f"endpoint={fit.spec.endpoint!r}, random_effects={fit.spec.random_effects!r}. "
            "For fits without random effects use the check 'independence' of predictive_check."
        )
    cause = checked_cause(fit.spec.endpoint, fit.design.causes, cause)
    if cause:  # the score of an integral over the other causes' survival is another one
        fit.cohort.endpoint(fit.spec.endpoint).need_known_times("the score test of competing events", ONE_EVENT)
    gradients = fit.analysis.evaluator().gradients(fit.theta)
    scores = patient_scores(fit, gradients, code_of(fit.design.causes, cause))
    others = gradients.reshape(fit.n_patients, -1) @ fit.design.layout.transform
    rest = scores - others @ np.linalg.lstsq(others, scores, rcond=None)[0]
    total, variance = scores.sum(axis=0), rest.T @ rest
    values, vectors = np.linalg.eigh(variance)
    kept = values > SINGULAR * values.max()
    statistic = float(np.sum((vectors[:, kept].T @ total) ** 2 / values[kept]))
    df = int(kept.sum())
    single = dict(zip(fit.design.layout.random_effects, total / np.sqrt(np.diagonal(variance)), strict=True))
    p, own = float(chi2.sf(statistic, df)), {name: float(value) for name, value in single.items()}
    return ScoreTest(statistic, df, p, own, cause, over_time=fit.spec.association == EFFECTS)


def _beside_association(fit, code):
    """Scores for the random effects in addition to the association in the model: array (n_patients, n_random).

    With the alternative of the hazard times exp(eta' b z(t)): E[(event_i z(T_i) - Z_g(T_i | b)) b | y_i, T_i], Z the
    integral of z by the cumulative hazard H; with delayed entry also E[Z_g(entry_i | b) b | free of all events then]. z
    is 1, or `in_log_time` if the random effects are the association. For an event between L and R it is -Z(L) +
    (Z(R) - Z(L)) / (exp(H(R) - H(L)) - 1).
    """
    theta, packed = fit.theta, fit.packed
    hazards, part = PatientHazards.of(packed, fit.design.layout), packed.sizes.events[code - 1]
    ends = np.column_stack([packed.sizes.own_time(each) for each in (packed.entry, packed.free_until, packed.time)])

    def at_ends(g, b):
        """z, its integral and the cumulative hazard: arrays (n_patients, 3, n_effects or 1)."""
        gone = hazards.given(theta[g], part, ends, b)
        if fit.spec.association != EFFECTS:
            return np.ones((*ends.shape, 1)), gone, gone
        z, integral = hazards.in_log_time(theta[g], part, ends, b)
        return z[..., None], integral, gone

    effects, weights = WeightedEffects(fit.analysis)(theta)
    scores = np.zeros((len(weights), effects.shape[3]))
    known, within = ((packed.event == code) & ~packed.within)[:, None], packed.within[:, None]
    for g in range(len(theta)):
        z, integral, gone = at_ends(g, effects[:, g])
        between = np.where(within, gone[:, 2] - gone[:, 1], 1.0)
        residual = known * z[:, 2] - integral[:, 1] + within * (integral[:, 2] - integral[:, 1]) / np.expm1(between)
        scores += np.einsum("ns,ns,nsk->nk", weights[:, g], residual, effects[:, g])
    if not packed.entry.any():
        return scores
    effects, weights = hazards.prior(theta)
    alive, before = weights * _shares(fit, theta)[..., None], []
    for g in range(len(theta)):
        gone = [hazards.given(theta[g], each, ends[:, :1], effects[:, g])[:, 0] for each in packed.sizes.events]
        alive[:, g] *= np.exp(-sum(gone))
        before.append(at_ends(g, effects[:, g])[1][:, 0])
    alive /= alive.sum(axis=(1, 2), keepdims=True)
    return scores + np.einsum("ngs,gns,ngsk->nk", alive, np.stack(before), effects)


def _shares(fit, theta):
    """Prior probability of each class: array (n_patients, n_classes)."""
    logits = fit.packed.terms("membership") @ theta[:, fit.design.sizes.blocks["membership"]].T
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])


def patient_scores(fit: MLFit, gradients: np.ndarray, code: int = 1) -> np.ndarray:
    """Each patient's score for the random effects in the log hazard: array (n_patients, n_random).

    `gradients` are those of `Evaluator.gradients` at the estimate, `code` that of the cause whose hazard it is.
    """
    packed, theta = fit.packed, fit.theta
    if fit.spec.association != NONE:
        own = _beside_association(fit, code)
        return own @ fit.design.basis.to_user[: own.shape[1], : own.shape[1]].T * fit.design.spread
    ends = packed.free_until, packed.time
    free, seen = (patient_cumulative_hazard(theta, packed, end, code - 1).T for end in ends)
    between = packed.within[:, None]
    event = np.where(between, 1.0 / exprel(np.where(between, seen - free, 0.0)), (packed.event == code)[:, None])
    residual = event - free
    own = np.einsum("ng,ngq->nq", residual, expected_effects(gradients, fit.design, theta))
    q = own.shape[1]
    return own @ fit.design.basis.to_user[:q, :q].T * fit.design.spread
