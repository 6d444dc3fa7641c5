"""Patients at a landmark: with counts up to it, alive at it, and without later information.

Their density is the likelihood with samples up to the landmark, time = landmark and no event.
"""

from collections.abc import Sequence

import numpy as np

from bayesctc.data import Cohort
from bayesctc.data.columns import TIME_TOLERANCE, time_text
from bayesctc.data.scenario import assumed_after
from bayesctc.data.source import time_unit_of
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.fit import Fit
from bayesctc.results.ml_fit import MLFit

DEATH = "os"


def n_samples_after(patients: Cohort, landmark: float) -> int:
    """The number of samples after a landmark."""
    return int((patients.samples["time"] > landmark + TIME_TOLERANCE).sum())


def n_not_known_free(patients: Cohort, endpoint: str, landmark: float) -> int:
    """Patients whose event was seen at a visit after a landmark but may have happened before it."""
    if endpoint not in patients.looked_for:
        return 0
    table = patients.patients
    left, time = (table[f"{endpoint}_{part}"].to_numpy(dtype=float) for part in ("left", "time"))
    return int(((left < landmark) & (landmark < time)).sum())


def at_landmark(fit: Fit, patients: Cohort, landmark: float, assumed=None) -> Analysis:
    """All patients of a cohort, under the design of a fit, as they are known at a landmark.

    Columns of follow-up may be absent, in which case patients are assumed to be alive and free of the endpoint at the
    landmark. If present, they have to agree with that. Entry is not used, because it does not matter when a patient
    alive at the landmark came under observation. Later samples are not used or checked.

    Parameters
    ----------
    fit : MLFit or BayesFit
    patients : Cohort
    landmark : float
        Months from the start of treatment, 0 or more.
    assumed : DataFrame, optional
        Assumed covariates of the intervals from the landmark on; the last known values unless given.

    Raises
    ------
    SpecError
        The arguments are not a fit, a cohort and a landmark.
    DataError
        A patient had the endpoint, died or was last seen at or before the landmark, has no sample up to it, or has a
        value of a covariate that the model cannot read; or the marker is not that of the fit.
    """
    if not isinstance(fit, MLFit | BayesFit) or not isinstance(patients, Cohort):
        found = f"{type(fit).__name__} and {type(patients).__name__}"
        raise SpecError(f"a prediction needs a fit (by fit_ml or fit_bayes) and a Cohort of patients; found {found}.")
    landmark = checked_landmark(landmark)
    fit.design.check_outcome(patients)
    _refuse_followed_no_longer(patients, fit.spec.endpoint, landmark)
    _refuse_without_samples(patients, landmark)
    return known_at(fit.design, fit.design.read(patients.with_samples_up_to(landmark)), landmark, assumed=assumed)


def known_at(design: Design, cohort: Cohort, landmark: float, ids=None, assumed=None) -> Analysis:
    """Patients (all, or those of `ids`) with samples up to the landmark, alive and free of the endpoint then.

    Time-varying covariates are those known at the landmark, carried forward, or then the `assumed` ones.
    """
    samples, patients = cohort.samples, cohort.patients
    if ids is not None:
        samples, patients = samples[samples["patient_id"].isin(ids)], patients.loc[ids]
    known = samples[samples["time"].to_numpy() <= landmark + TIME_TOLERANCE].reset_index(drop=True)
    alive_at = 0.0 if design.spec.endpoint is None else landmark
    intervals = None
    if design.interval_types:
        intervals = assumed_after(cohort if ids is None else cohort.select(ids), landmark, assumed)[0]
    elif assumed is not None:
        raise DataError("intervals: found a scenario; allowed: if the hazard uses covariates of intervals")
    followed = patients.assign(_time=alive_at, _event=0.0, _entry=0.0)
    return Analysis(cohort, design, design.pack_tables(known, followed, intervals))


def checked_landmark(landmark) -> float:
    """A landmark in months; refuses anything but a number of 0 or more."""
    if isinstance(landmark, bool) or not isinstance(landmark, int | float | np.number) or not 0 <= landmark < np.inf:
        raise SpecError(f"landmark has to be a number of months, 0 or more; found {landmark!r}.")
    return float(landmark)


def checked_months(values, name: str, above: float, words: str) -> np.ndarray:
    """Increasing distinct months above a number; refuses anything else. A single number is a list of one."""
    try:
        months = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        months = np.zeros(0)
    if months.ndim != 1 or len(months) == 0 or not np.isfinite(months).all() or months.min() <= above:
        raise SpecError(f"{name} has to be a list of months {words}; found {values!r}.")
    if len(np.unique(months)) < len(months):
        raise SpecError(f"{name}: found the same month twice; allowed: each once.")
    return np.sort(months)


def checked_horizons(horizons: Sequence[float]) -> np.ndarray:
    """Months after the landmark, increasing."""
    return checked_months(horizons, "horizons", 0.0, "after the landmark, each above 0")


def _refuse_followed_no_longer(patients, endpoint, landmark):
    """Refuse patients who are not known to be alive and free of the endpoint just after the landmark."""
    table = patients.patients
    if endpoint is None:
        return
    for name in dict.fromkeys(name for name in (endpoint, DEATH) if name in patients.endpoints):
        time, event = table[f"{name}_time"], table[f"{name}_event"] > 0
        for words, gone in (
            (f"had the endpoint {name}" if name != DEATH else "died", event & (time <= landmark)),
            (f"was last followed for {name}", ~event & (time <= landmark)),
        ):
            _refuse(patients, gone.to_numpy(), time.to_numpy(), words, landmark)
    if "followup_end" in table:
        end = table["followup_end"].to_numpy()
        _refuse(patients, end < landmark, end, "was last followed", landmark)


def _refuse(patients, gone, time, words, landmark):
    if not gone.any():
        return
    k = int(np.flatnonzero(gone)[0])
    unit = time_unit_of(patients.source)
    when, at = time_text(time[k], unit, ".4g"), time_text(landmark, unit, "g")
    raise DataError(
        f"patient {patients.patients.index[k]!r} {words} at {when}, at or before the landmark of {at} "
        f"({int(gone.sum())} in all); allowed: patients who are alive and followed beyond the landmark (exclude the "
        "others with cohort.select())"
    )


def _refuse_without_samples(patients, landmark):
    samples, ids = patients.samples, patients.patients.index
    first = samples.groupby("patient_id")["time"].min().reindex(ids)
    late = ~(first.to_numpy() <= landmark + TIME_TOLERANCE)
    if late.any():
        k, unit = int(np.flatnonzero(late)[0]), time_unit_of(patients.source)
        when = "they have none at all"
        if not np.isnan(first.iloc[k]):
            when = f"the first is at {time_text(first.iloc[k], unit, '.4g')}"
        raise DataError(
            f"patient {ids[k]!r} has no sample up to the landmark of {time_text(landmark, unit, 'g')}: {when} "
            f"({int(late.sum())} in all); allowed: a sample or more up to the landmark"
        )
