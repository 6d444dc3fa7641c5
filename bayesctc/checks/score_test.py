"""Score test of conditional independence: do the random effects of the counts move the hazard within classes?"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from bayesctc.checks.calibrated import LEVEL
from bayesctc.errors import SpecError
from bayesctc.model.design import analysis_tables
from bayesctc.model.generative import packed_terms
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.shape import EVENT, TIME
from bayesctc.model.survival import cumulative_hazard
from bayesctc.results.ml_fit import MLFit

SINGULAR = 1e-8  # of the largest eigenvalue: directions in which there is nothing to test


@dataclass(frozen=True)
class ScoreTest:
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
    over patients of sum_g P(g | y_i, T_i) (event_i - H_g(T_i)) E(b_i | y_i, g). Its variance is that of the patients'
    scores, less what the estimated parameters explain of them (Jacqmin-Gadda, Proust-Lima, Taylor and Commenges,
    Biometrics 2010;66:11). Entry adds nothing: random effects have mean 0 among all who could have entered.

    Parameters
    ----------
    fit : MLFit
        Of the gaussian family, with random effects and an endpoint.

    Returns
    -------
    ScoreTest

    Raises
    ------
    SpecError
        Another kind of fit.
    DataError
        The endpoint has competing events.
    """
    if not isinstance(fit, MLFit):
        raise SpecError(f"the score test is taken at maximum-likelihood estimates; found {type(fit).__name__}.")
    if fit.spec.family != "gaussian" or fit.spec.endpoint is None or fit.spec.n_random == 0:
        raise SpecError(
            "the score test needs family='gaussian', an endpoint and random effects; found "
            f"family={fit.spec.family!r}, endpoint={fit.spec.endpoint!r}, random_effects={fit.spec.random_effects!r}. "
            "predictive_check has a check 'independence' for all of them."
        )
    fit.cohort.endpoint(fit.spec.endpoint).need_one_event("the score test")
    scores = patient_scores(fit)
    others = _parameter_scores(fit)
    rest = scores - others @ np.linalg.lstsq(others, scores, rcond=None)[0]
    total, variance = scores.sum(axis=0), rest.T @ rest
    values, vectors = np.linalg.eigh(variance)
    kept = values > SINGULAR * values.max()
    statistic = float(np.sum((vectors[:, kept].T @ total) ** 2 / values[kept]))
    df = int(kept.sum())
    single = dict(zip(fit.design.layout.random_effects, total / np.sqrt(np.diagonal(variance)), strict=True))
    return ScoreTest(statistic, df, float(chi2.sf(statistic, df)), {k: float(v) for k, v in single.items()})


def patient_scores(fit: MLFit) -> np.ndarray:
    """Each patient's score for the random effects in the log hazard: array (n_patients, n_random)."""
    design, shape, theta = fit.design, fit.design.shape, fit.theta
    p = Evaluator(fit.packed, shape, len(theta)).evaluate(theta).class_probabilities
    baseline = cumulative_hazard(theta, shape, fit.packed.row(TIME))[:, 0].T
    terms = packed_terms(fit.packed, design, "survival")
    hazard = baseline * np.exp(terms @ theta[:, shape.cause(0)[1]].T)
    residual = fit.packed.row(EVENT)[:, None] - hazard
    return np.einsum("ng,ngq->nq", p * residual, random_effect_means(fit))


def random_effect_means(fit: MLFit) -> np.ndarray:
    """E(b_i | y_i, g) at the estimate: array (n_patients, n_classes, n_random).

    L M^-1 L' Z'r / sigma^2 with M = I + L' Z'Z L / sigma^2, as in `families.gaussian`.
    """
    design, shape, theta = fit.design, fit.design.shape, fit.theta
    samples, patients = analysis_tables(fit.cohort, fit.spec)
    X, n, q = design.growth_matrix(samples, patients), fit.n_patients, shape.n_random
    row = patients.index.get_indexer(samples["patient_id"])
    Z, y = X[:, :q], design.transformed(samples[design.value_column].to_numpy(), design.volume_ml(samples))
    r = y[:, None] - X @ theta[:, shape.blocks["growth"]].T
    ZZ, Zr = np.zeros((n, q, q)), np.zeros((n, len(theta), q))
    np.add.at(ZZ, row, Z[:, :, None] * Z[:, None, :])
    np.add.at(Zr, row, r[:, :, None] * Z[:, None, :])
    factor = design.layout.cholesky(theta)
    variance = np.exp(2.0 * theta[:, design.layout.columns["sigma"]])[:, 0]
    M = np.eye(q) + np.einsum("gaq,nab,gbr->ngqr", factor, ZZ, factor) / variance[:, None, None]
    u = np.einsum("gaq,nga->ngq", factor, Zr) / variance[:, None]
    return np.einsum("gaq,ngq->nga", factor, np.linalg.solve(M, u[..., None])[..., 0])


def _parameter_scores(fit):
    """Each patient's score for the free parameters of the model: array (n_patients, n_parameters)."""
    evaluator = Evaluator(fit.packed, fit.design.shape, len(fit.theta))
    scores = []
    for i in range(fit.n_patients):
        evaluator.weights[...] = fit.packed.spread(np.arange(fit.n_patients) == i)
        scores.append(fit.design.layout.transform.T @ evaluator.total(fit.theta)[1].ravel())
    return np.array(scores)
