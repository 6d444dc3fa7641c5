"""Residuals of single samples, which are standard normal under the model for every family."""

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from bayesctc.arguments import seed
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import natural_by_row
from bayesctc.model.random_effects import RandomEffects
from bayesctc.predict.individual import drawn_effects
from bayesctc.results.fit import Fit


def quantile_residuals(fit: Fit, *, random_seed: int = 0) -> pd.DataFrame:
    """Randomised quantile residuals of the samples (Dunn and Smyth, J Comput Graph Stat 1996;5:236).

    The residual of a value y is Phi^-1 of P(Y <= y) under the patient's own curve; for counts, of a random number
    between P(Y < y) and P(Y <= y). Under the true model residuals are independent and standard normal at all times,
    fitted values and classes, for every family. To achieve this the curve is drawn rather than estimated: one set of
    parameters from the posterior (for maximum likelihood the estimate), one class of each patient from P(g | y, T) and
    one set of random effects given the counts and the class. With the data these are a draw from the model (Yuan and
    Johnson, Biometrics 2012;68:156), whereas residuals from estimated random effects vary too little, which would look
    like a good fit. Another seed gives another draw; patterns that differ between seeds are due to chance.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Or `Applied`, for new patients.
    random_seed : int

    Returns
    -------
    DataFrame
        One row for each sample: patient_id, time (months), the outcome's column, latent_class (as drawn), fitted (the
        patient's curve as drawn, in the unit of the outcome: for counts per 7.5 mL), residual (infinite if the
        probability is numerically 0 or 1).

    Raises
    ------
    SpecError
        A user-defined family for non-integer values has no normal residuals.

    Examples
    --------
    >>> table = bc.quantile_residuals(fit)
    >>> table.columns.tolist()
    ['patient_id', 'time', 'ctc', 'latent_class', 'fitted', 'residual']
    >>> round(float(table["residual"].std()), 1)
    1.0
    """
    rng = np.random.default_rng(seed(random_seed))
    design, family, outcome = fit.design, FAMILIES[fit.spec.family], fit.design.outcome
    if not outcome.whole and not family.normal:
        raise SpecError(
            f"quantile_residuals of values that are not whole are for normal residuals; found family={family.name!r}."
        )
    thetas = fit.classifying_thetas
    theta = thetas[rng.integers(len(thetas))]
    classes, b = (each[:, 0] for each in drawn_effects(fit.analysis, theta, 1, RandomEffects(fit.analysis, 1), rng))
    samples, patients = fit.analysis.tables()
    X = design.growth_matrix(samples, patients)
    who = fit.analysis.patient_index.get_indexer(pd.Index(samples["patient_id"]))
    growth = theta[:, design.sizes.blocks["growth"]][classes[who]]
    eta = np.sum(X * growth, axis=1) + np.sum(X[:, : b.shape[1]] * b[who], axis=1)
    own = natural_by_row(theta, design.layout, family.parameters, classes[who])
    value, exposure = samples[outcome.column].to_numpy(dtype=float), outcome.exposure(samples)
    if outcome.whole:
        upper = family.cdf(value, eta, exposure, **own)
        lower = np.where(value > 0, family.cdf(np.maximum(value - 1.0, 0.0), eta, exposure, **own), 0.0)
        share = lower + rng.random(len(value)) * (upper - lower)
    else:
        share = ndtr((design.transformed(value, exposure) - eta) / own[family.residual_sd])
    labels = pd.Categorical.from_codes(classes[who].tolist(), categories=fit.analysis.labels, ordered=True)
    return samples[["patient_id", "time", outcome.column]].assign(
        latent_class=labels,
        fitted=family.curve.value(outcome, design.untransformed(eta)),
        residual=ndtri(share),
    )
