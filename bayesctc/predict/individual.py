"""Fitted curves of single patients, given all that is known about each."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.arguments import seed
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import draw_classes
from bayesctc.model.random_effects import RandomEffects
from bayesctc.predict.counts import patients_basis
from bayesctc.predict.curves import checked_grid
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB, CI_TEXT

N_CURVES = 4000  # of a patient: the level of a quantile is then off by at most 0.3 points
N_PATIENTS, N_MONTHS = 12, 61


def individual_trajectories(
    fit: Fit,
    patients: Sequence[str] | None = None,
    months: ArrayLike | None = None,
    *,
    at: Mapping[str, object] | None = None,
    random_seed: int = 0,
) -> xr.Dataset:
    """Curves of single patients given all that is known about them, counts and survival.

    A curve is drawn according to the model: a class from P(g | y, T), random effects given the counts and the class,
    and the resulting curve. The patient's counts vary around the curve, so the 95 % band of the curves contains fewer
    than 95 % of the counts. The fit used the same data, so good agreement is not evidence of good prediction; see
    `predict_counts` and `quantile_residuals`.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Or `Applied`, for other patients.
    patients : sequence of str, optional
        Identifiers, in the order wanted; the first 12 in the cohort's order unless given.
    months : array, optional
        Months from the start of treatment; 61 from the first to the last sample of these patients unless given.
    at : mapping, optional
        Assumed values of columns of the samples at `months`, such as ``{"line": "second"}``. Needed if the model uses
        such columns, because they are not known between the samples.
    random_seed : int
        The same seed gives the same numbers.

    Returns
    -------
    Dataset (patient, time)
        median, lower, upper (95 %), in the unit of the outcome (per 7.5 mL for counts), from 4,000 curves of each
        patient. Bayes: over at most 400 evenly spaced draws of the parameters; maximum likelihood: at the estimate.

    Raises
    ------
    SpecError
        A patient is not in the analysis or given twice, months are not numbers, or the model uses columns of the
        samples for which `at` has no value.

    Examples
    --------
    >>> curves = bc.individual_trajectories(fit, ["P0005"], months=[0, 3, 6])
    >>> bool((curves["lower"] <= curves["median"]).all())
    True
    """
    rng = np.random.default_rng(seed(random_seed))
    known = fit.analysis.take(places_of(fit, patients))
    ids = list(known.packed.patient_ids)
    samples, table = fit.analysis.tables()
    if months is None:
        times = samples.loc[samples["patient_id"].isin(ids), "time"]
        first, last = min(0.0, float(times.min())), float(times.max())
        months = np.linspace(first, max(last, first + 0.1), N_MONTHS)
    grid = checked_grid(months, "months", least=-np.inf)
    basis = patients_basis(fit, table.loc[ids], samples.columns, grid, at)
    values = _of_patients(known, fit.classifying_thetas, basis, rng)
    words = fit.design.outcome.words
    data = xr.Dataset(
        {name: (("patient", "time"), value) for name, value in zip(("lower", "median", "upper"), values, strict=True)},
        coords={"patient": ids, "time": grid},
        attrs={
            "estimand": f"the curve around which a patient's {words.values} vary, given all of them and survival",
            "unit": words.unit,
            "interval": f"{CI_TEXT} pointwise equal-tailed interval of {N_CURVES} curves",
        },
    )
    data["time"].attrs["unit"] = "months from the start of treatment"
    return data


def places_of(fit: Fit, patients: Sequence[str] | None) -> np.ndarray:
    """Positions of patients in the analysis by identifier; the first twelve unless given.

    Raises
    ------
    SpecError
        A patient is not in the analysis or given twice, or there is none.
    """
    there = fit.analysis.patient_index
    if patients is None:
        return np.arange(min(N_PATIENTS, len(there)))
    ids = [patients] if isinstance(patients, str) else list(patients)
    places = there.get_indexer(pd.Index(ids, dtype=object))
    unknown = [each for each, place in zip(ids, places, strict=True) if place < 0]
    if unknown:
        raise SpecError(
            f"patients: found {unknown[0]!r}; allowed: patients of the analysis, such as {there[0]!r} "
            "(fit.class_probabilities.index)."
        )
    if not ids or len(set(ids)) < len(ids):
        raise SpecError(f"patients: found {', '.join(map(repr, ids)) or 'none'}; allowed: at least one, each once.")
    return np.asarray(places)


def drawn_effects(
    analysis: Analysis, theta: np.ndarray, n: int, effects: RandomEffects, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Classes (n_patients, n) and random effects (n_patients, n, n_random) given what is known about each patient."""
    classes = draw_classes(analysis.evaluator().evaluate(theta).class_probabilities, n, rng)
    return classes, effects.draw(theta, classes, rng)


def _of_patients(known: Analysis, thetas, basis, rng):
    """Lower limit, median and upper limit of each patient's curves: arrays (n_patients, n_times)."""
    design, family = known.design, FAMILIES[known.spec.family]
    each = -(-N_CURVES // len(thetas))
    effects, curves = RandomEffects(known, each), []
    for theta in thetas:
        classes, b = drawn_effects(known, theta, each, effects, rng)
        growth = theta[:, design.sizes.blocks["growth"]][classes]
        curves.append(
            np.einsum("ntb,nrb->nrt", basis, growth) + np.einsum("ntq,nrq->nrt", basis[:, :, : b.shape[2]], b)
        )
    tail = (1.0 - CI_PROB) / 2.0
    limits = np.quantile(np.concatenate(curves, axis=1), [tail, 0.5, 1.0 - tail], axis=1)
    return family.curve.value(design.outcome, design.untransformed(limits))
