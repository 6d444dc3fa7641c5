"""Whether new patients, a landmark, times and horizons are within the range of a fit."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.cells import is_typed_number, number_text
from bayesctc.data.columns import TIME_TOLERANCE
from bayesctc.data.scenario import assumed_after
from bayesctc.model.settling import FORMULAS
from bayesctc.results.fit import Fit

OTHER_UNIT = 10.0  # factor between gaps of samples; a month has 30 days, a year 12 months


def unlike_the_fit(fit: Fit, patients: Cohort, landmark: float | None = None) -> Iterator[str]:
    """Reasons to doubt a prediction for these patients: what was found, the range of the fit, and the remedy.

    Parameters
    ----------
    fit : MLFit or BayesFit
    patients : Cohort
    landmark : float, optional
        Months; without a landmark, all samples are used.

    Yields
    ------
    str
    """
    own, apart = _gap(fit.cohort), _gap(patients)
    if own and apart and not 1 / OTHER_UNIT < apart / own < OTHER_UNIT:
        yield (
            f"the patients' samples are typically {apart:.2g} months apart, those of the fit {own:.2g}: if their times "
            "are in another unit, give time_unit= when they are read"
        )
    seen, times = fit.cohort.samples["time"], patients.samples["time"]
    used = times if landmark is None else times[times <= landmark + TIME_TOLERANCE]
    outside = int(((used < seen.min() - TIME_TOLERANCE) | (used > seen.max() + TIME_TOLERANCE)).sum())
    if outside:
        yield (
            f"{outside:,} of {len(used):,} samples are outside the times of the fit ({seen.min():.2g} to "
            f"{seen.max():.4g} months): its curves are extrapolated there"
        )
    longest = _longest(fit)
    if landmark is not None and fit.spec.endpoint is not None and landmark > longest:
        yield (
            f"the landmark, {landmark:.4g} months, is beyond the longest follow-up of the fit, {longest:.4g} months: "
            "all survival after it is extrapolated"
        )


def values_outside(fit: Fit, known: Cohort, landmark: float, assumed: pd.DataFrame | None = None) -> Iterator[str]:
    """Measurements and covariates that are numbers outside the range of the fit.

    Parameters
    ----------
    fit : MLFit or BayesFit
    known : Cohort
        New patients, under the fit's schema, with samples up to the landmark.
    landmark : float
        Months.
    assumed : DataFrame, optional
        A scenario of time-varying covariates; see `predict_survival`.

    Yields
    ------
    str
        Column, value, patient and range.
    """
    samples, patients = fit.analysis.tables()
    pairs = [(samples, known.samples), (patients, known.patients.reset_index())]
    of_fit = fit.analysis.intervals if fit.design.interval_types else None
    changing = None if of_fit is None else assumed_after(known, landmark, assumed)[0]
    if of_fit is not None and changing is not None:
        pairs.append((of_fit, changing))
    covariates = [column for part in FORMULAS for column in getattr(fit.design, part).columns if column != "time"]
    for name in dict.fromkeys((*fit.design.outcome.columns, *covariates)):
        for seen, table in pairs:
            if name in seen and name in table and is_typed_number(seen[name].dtype):
                yield from _outside(name, seen[name], table[name], table["patient_id"])


def _outside(name: str, of_fit: pd.Series, values: pd.Series, patients: pd.Series) -> Iterator[str]:
    """What is outside the range of one column, with the value furthest from it."""
    low, high = of_fit.min(), of_fit.max()
    distance = np.maximum(low - values, values - high)
    n = int((distance > 0).sum())
    if n:
        at = distance.argmax()
        said = f"{number_text(values.iloc[at])} (patient {patients.iloc[at]})"
        found = f"{said} is" if n == 1 else f"{n:,} of {len(values):,} values, such as {said}, are"
        yield f"{name}: {found} outside the range of the fit, {number_text(low)} to {number_text(high)}"


def of_the_fit(fit: Fit) -> Iterator[str]:
    """The fit's own warnings, which apply to all its predictions."""
    yield from (f"the fit: {text}" for text in fit.warnings)


def extrapolated(fit: Fit, landmark: float, horizons: np.ndarray) -> np.ndarray:
    """(n_horizons,) whether landmark + horizon is beyond the longest follow-up of the fit."""
    return landmark + horizons > _longest(fit)


def horizons_beyond(fit: Fit, landmark: float, horizons: np.ndarray) -> Iterator[str]:
    """A warning about horizons beyond every patient's follow-up."""
    if (beyond := extrapolated(fit, landmark, horizons)).any():
        months = ", ".join(f"{horizon:.4g}" for horizon in horizons[beyond])
        yield (
            f"horizons beyond the longest follow-up of the fit, {_longest(fit):.4g} months from the start of treatment "
            f"(extrapolated): {months} months after the landmark"
        )


def past_follow_up(fit: Fit, last: float) -> tuple[str, ...]:
    """A warning if a time or horizon, in months from the start of treatment, is beyond every patient's follow-up."""
    longest = _longest(fit)
    if last <= longest:
        return ()
    return (f"extrapolated: {last:.4g} months is beyond the longest follow-up of the fit, {longest:.4g} months",)


def _longest(fit: Fit) -> float:
    """The longest follow-up of the fit, in months."""
    return float(fit.packed.time.max())


def _gap(cohort: Cohort) -> float:
    """Median time between one sample of a patient and the next, in months; 0 if no patient has two."""
    gaps = cohort.samples.groupby("patient_id")["time"].diff().dropna()
    return float(gaps.median()) if len(gaps) else 0.0
