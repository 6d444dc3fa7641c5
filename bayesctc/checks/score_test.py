"""Score test of conditional independence: do the random effects of the counts move the hazard within classes?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import exprel
from scipy.stats import chi2

from bayesctc.checks.calibrated import LEVEL
from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.random_effects import expected_effects
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
        Random effects tested; fewer where their covariance is singular.
    scores : dict of str to float
        Standardised score of each random effect by itself: above 0 where those with more have the event earlier.
    """

    statistic: float
    df: int
    p: float
    scores: dict[str, float]

    def _shown(self) -> Iterator[str]:
        yield self.sentence

    @property
    def sentence(self) -> str:
        """The result in words."""
        verdict = "still associated with" if self.p < LEVEL else "independent, as far as can be told, of"
        return (
            f"Within classes the random effects of the counts are {verdict} survival "
            f"(score test, chi-square {self.statistic:.1f} on {self.df} df, p = {self.p:.3g})."
        )


def conditional_independence_test(fit: MLFit) -> ScoreTest:
    """Test that survival depends on the counts through the class alone.

    Against a hazard h_g(t) exp(x' gamma + eta' b_i), b_i the patient's random effects, the score at eta = 0 is the sum
    over patients of sum_g P(g | y_i, T_i) (event_i - H_g(T_i)) E(b_i | y_i, g); of an event between two visits L and R
    event_i is x / (exp(x) - 1), with x = H_g(R) - H_g(L), and T_i is L. Its variance is that of the patients'
    scores, less what the estimated parameters explain of them (Jacqmin-Gadda, Proust-Lima, Taylor and Commenges,
    Biometrics 2010;66:11). Entry adds nothing: random effects have mean 0 among all who could have entered. The test
    takes the model of the counts as it is: where that is wrong, classes are too, and what they leave within them may
    well go with survival (see `benchmarks/results/checks.csv`).

    Parameters
    ----------
    fit : MLFit
        With random effects and an endpoint; of any family.

    Returns
    -------
    ScoreTest

    Raises
    ------
    SpecError
        Another kind of fit, or one without an endpoint or random effects.
    DataError
        The endpoint has competing events.
    """
    if not isinstance(fit, MLFit):
        raise SpecError(f"the score test is taken at maximum-likelihood estimates; found {type(fit).__name__}.")
    if fit.spec.endpoint is None or fit.spec.n_random == 0:
        raise SpecError(
            "the score test needs an endpoint and random effects; found "
            f"endpoint={fit.spec.endpoint!r}, random_effects={fit.spec.random_effects!r}. "
            "predictive_check has a check 'independence' for fits without random effects."
        )
    fit.cohort.endpoint(fit.spec.endpoint).need_one_event("the score test")
    gradients = fit.analysis.evaluator().gradients(fit.theta)
    scores = patient_scores(fit, gradients)
    others = gradients.reshape(fit.n_patients, -1) @ fit.design.layout.transform
    rest = scores - others @ np.linalg.lstsq(others, scores, rcond=None)[0]
    total, variance = scores.sum(axis=0), rest.T @ rest
    values, vectors = np.linalg.eigh(variance)
    kept = values > SINGULAR * values.max()
    statistic = float(np.sum((vectors[:, kept].T @ total) ** 2 / values[kept]))
    df = int(kept.sum())
    single = dict(zip(fit.design.layout.random_effects, total / np.sqrt(np.diagonal(variance)), strict=True))
    return ScoreTest(statistic, df, float(chi2.sf(statistic, df)), {k: float(v) for k, v in single.items()})


def patient_scores(fit: MLFit, gradients: np.ndarray) -> np.ndarray:
    """Each patient's score for the random effects in the log hazard: array (n_patients, n_random).

    `gradients` are those of `Evaluator.gradients` at the estimate.
    """
    sizes, theta = fit.design.sizes, fit.theta
    packed, risk = fit.packed, np.exp(fit.packed.terms("survival") @ theta[:, sizes.cause(0)[1]].T)
    free, seen = (cumulative_hazard(theta, sizes, at)[:, 0].T * risk for at in (packed.free_until, packed.time))
    between = packed.within[:, None]
    event = np.where(between, exprel(np.where(between, seen - free, 0.0)) ** -1.0, packed.event[:, None])
    residual = event - free
    own = np.einsum("ng,ngq->nq", residual, expected_effects(gradients, fit.design, theta))
    q = own.shape[1]
    return own @ fit.design.basis.to_user[:q, :q].T * fit.design.spread
