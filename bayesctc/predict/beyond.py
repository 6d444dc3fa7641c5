"""Whether new patients, a landmark and horizons are within the range of a fit, which times in another unit are not."""

from collections.abc import Iterator

import numpy as np

from bayesctc.data import Cohort
from bayesctc.data.columns import TIME_TOLERANCE
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


def _longest(fit: Fit) -> float:
    """The longest follow-up of the fit, in months."""
    return float(fit.packed.time.max())


def _gap(cohort: Cohort) -> float:
    """Median time between one sample of a patient and the next, in months; 0 if no patient has two."""
    gaps = cohort.samples.groupby("patient_id")["time"].diff().dropna()
    return float(gaps.median()) if len(gaps) else 0.0
