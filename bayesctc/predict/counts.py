"""Dynamic prediction of counts, or of a marker, from those up to a landmark."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.arguments import seed
from bayesctc.data import Cohort
from bayesctc.data.outcome import CUTOFF
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import draw_classes, natural_by_row
from bayesctc.model.random_effects import RandomEffects
from bayesctc.predict.beyond import of_the_fit, unlike_the_fit, values_outside
from bayesctc.predict.landmark import (
    at_landmark,
    checked_landmark,
    checked_months,
    n_samples_after,
)
from bayesctc.predict.medians import BLOOD
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB, CI_TEXT

N_COUNTS = 4000  # simulated counts of a patient at a month: the level of a quantile is then off by at most 0.3 points
COUNTS_AT_ONCE = 40_000


def predict_counts(
    fit: Fit,
    patients: Cohort,
    landmark: float,
    times: Sequence[float],
    random_seed: int = 0,
    at: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Predictive distribution of the next counts of patients who are alive at a landmark.

    A count is drawn according to the model: a class from P(g | counts up to L, T > L), random effects given the counts
    and the class (and being alive at L, if they act on the hazard), and a count around the curve at that month. Given
    the class, survival beyond the landmark is independent of the counts unless the hazard depends on the curve. The
    prediction does not account for patients who may not survive to the sample. Values of a marker are predicted in the
    same way.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With ``endpoint=None`` the classes come from the counts alone.
    patients : Cohort
        New patients, or those of the fit; see `predict_survival`, whose attribute ``warnings`` this has too.
    landmark : float
        Months from the start of treatment, 0 or more; samples at the landmark itself are used.
    times : sequence of float
        Months from the start of treatment, after the landmark. Times beyond the last sample of the fit are allowed and
        marked as extrapolated.
    random_seed : int
        The same seed gives the same numbers.
    at : mapping, optional
        Assumed values of columns of the samples at `times`, such as ``{"line": "second"}``, which define the scenario.
        Needed if the model uses such columns, because they are not known after the landmark.

    Returns
    -------
    Dataset (patient, time)
        Cells per 7.5 mL: median_ctc, mean_ctc (NaN if not finite), lower and upper, the 95 % predictive interval of one
        count; positive_share, P(5 or more cells). For a marker, in its unit: median, lower, upper, never below the
        smallest value that its transformation allows. extrapolated (time). Bayes: over at most 400 evenly spaced draws
        of the parameters; maximum likelihood: at the estimate. Medians and limits are those of 4,000 simulated counts.

    Raises
    ------
    SpecError
        The arguments are not a fit and a cohort, landmark or times are not months, a formula of the growth curve uses a
        column of the samples for which `at` has no value, or `at` has another column.
    DataError
        As in `predict_survival`.

    Examples
    --------
    >>> dict(bc.predict_counts(fit, cohort.select(["P0005"]), landmark=6, times=[7, 9]).sizes)
    {'patient': 1, 'time': 2}
    """
    landmark = checked_landmark(landmark)
    told = f"from the start of treatment, each after the landmark {landmark:g}"
    months = checked_months(times, "times", landmark, told)
    known = at_landmark(fit, patients, landmark)
    basis = patients_basis(fit, known.cohort.patients, known.cohort.samples.columns, months, at)
    thetas = fit.classifying_thetas
    rng = np.random.default_rng(seed(random_seed))
    at_once = max(COUNTS_AT_ONCE // N_COUNTS, 1)
    places = [range(k, min(k + at_once, known.n_patients)) for k in range(0, known.n_patients, at_once)]
    parts = [_of_patients(known.take(place), thetas, basis[place], rng) for place in places]
    outcome = fit.design.outcome
    positive = CUTOFF in outcome.answers
    names = (*outcome.median_columns, *(("mean_ctc", "positive_share") if positive else ()))
    values = dict(zip(names, (np.concatenate(each) for each in zip(*parts, strict=True)), strict=True))
    last = float(fit.cohort.samples["time"].max())
    data = xr.Dataset(
        {name: (("patient", "time"), value) for name, value in values.items()},
        coords={"patient": list(known.packed.patient_ids), "time": months},
        attrs=_said(outcome.words, positive, landmark, at, n_samples_after(patients, landmark)),
    )
    data["extrapolated"] = ("time", months > last)
    unlike = (*unlike_the_fit(fit, patients, landmark), *values_outside(fit, known.cohort, landmark))
    data.attrs["warnings"] = (*of_the_fit(fit), *unlike)
    data["time"].attrs["unit"] = "months from the start of treatment"
    return data


def _said(words, positive, landmark, at, n_after) -> dict:
    """The attributes of a prediction."""
    return {
        "estimand": f"{words.value} of a sample given the {words.values} up to the landmark and being alive then"
        + ("; positive_share is P(count >= 5)" if positive else ""),
        "unit": words.unit,
        "landmark": landmark,
        **({"at": ", ".join(f"{name} = {value}" for name, value in at.items())} if at else {}),
        "n_samples_after_landmark": n_after,
        "interval": f"{CI_TEXT} predictive interval of one {words.noun}, {N_COUNTS} simulated {words.noun}s",
    }


def patients_basis(
    fit: Fit, table: pd.DataFrame, of_samples: pd.Index, times: np.ndarray, at: Mapping[str, object] | None
) -> np.ndarray:
    """Growth terms and longitudinal covariates of each patient at each month: array (n_patients, n_times, n_basis).

    Parameters
    ----------
    fit : Fit
    table : DataFrame
        Patients, with their covariates.
    of_samples : Index
        Columns of their samples.
    times : array (n_times,)
    at : mapping, optional
        Values of columns of the samples, which are not known without a sample.

    Raises
    ------
    SpecError
        The model uses a column of the samples for which `at` has no value, or `at` has another column.
    """
    own, given = fit.design.sample_columns, cast(dict[str, Any], dict(at or {}))
    unknown = [c for c in own if c in of_samples and c not in given]
    if unknown:
        raise SpecError(
            f"the model uses {unknown[0]!r}, a column of the samples that is not known without a sample; allowed: a "
            f"value for it, at={{{unknown[0]!r}: ...}}, or a model with only columns of the patients, and time."
        )
    others = [c for c in given if c not in own]
    if others:
        there = ", ".join(map(repr, own)) or "none in this model"
        raise SpecError(f"at: found {others[0]!r}; allowed: columns of the samples that the model uses: {there}.")
    n, T = len(table), len(times)
    schedule = pd.DataFrame({"patient_id": np.repeat(table.index.to_numpy(), T), "time": np.tile(times, n)})
    return fit.design.growth_matrix(schedule.assign(**given), table).reshape(n, T, -1)


def _of_patients(known: Analysis, thetas, basis, rng):
    """Median, lower, upper, mean and P(5 or more) of each patient at each month: arrays (n_patients, n_times).

    The last two are for counts only.
    """
    outcome = known.design.outcome
    design, family, n = known.design, FAMILIES[known.spec.family], known.n_patients
    each = -(-N_COUNTS // len(thetas))
    evaluator, effects = known.evaluator(), RandomEffects(known, each)
    values, mean, positive = [], np.zeros(basis.shape[:2]), np.zeros(basis.shape[:2])
    for theta in thetas:
        classes = draw_classes(evaluator.evaluate(theta).class_probabilities, each, rng)
        b = effects.draw(theta, classes, rng)
        growth = theta[:, design.sizes.blocks["growth"]][classes]
        eta = np.einsum("ntb,nrb->nrt", basis, growth) + np.einsum("ntq,nrq->nrt", basis[:, :, : b.shape[2]], b)
        own = natural_by_row(theta, design.layout, family.parameters, classes.ravel())
        own = {name: value.reshape(n, each, 1) for name, value in own.items()}
        drawn = family.draw(rng, eta, outcome.reference, **own)
        if family.reads_transformed:
            drawn = drawn, outcome.observed(design.untransformed(drawn), outcome.reference)
        values.append(drawn[1])
        if CUTOFF not in outcome.answers:
            continue
        mean += family.mean(eta, BLOOD, **own).mean(axis=1) / len(thetas)
        positive += (1.0 - family.cdf(POSITIVE_COUNT - 1.0, eta, BLOOD, **own)).mean(axis=1) / len(thetas)
    tail = (1.0 - CI_PROB) / 2.0
    lower, median, upper = np.quantile(
        np.concatenate(values, axis=1), [tail, 0.5, 1.0 - tail], axis=1, method="inverted_cdf"
    )
    limits = median, lower, upper
    return (*limits, np.where(np.isfinite(mean), mean, np.nan), positive) if CUTOFF in outcome.answers else limits
