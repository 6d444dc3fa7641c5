"""Growth over time: the basis X of the growth curves, in units of s = time / 6 months."""

from dataclasses import dataclass

import numpy as np

from bayesctc.errors import SpecError

MONTHS_PER_UNIT = 6.0
DEGREES = {"linear": 1, "quadratic": 2, "cubic": 3}
GROWTH = (*DEGREES, "spline")
POLYNOMIAL_NAMES = ("intercept", "s", "s2", "s3")


@dataclass(frozen=True)
class TimeBasis:
    """Basis functions of time since the start of treatment.

    Attributes
    ----------
    kind : {"linear", "quadratic", "cubic", "spline"}
    knots : tuple of float
        Knots in months, for a spline; the first and the last are the boundaries, beyond which the curve is a line.
    """

    kind: str
    knots: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Terms of the growth curve: powers of s, or s and the spline's bends."""
        if self.kind == "spline":
            return ("intercept", "s", *(f"bend{k}" for k in range(1, len(self.knots) - 1)))
        return POLYNOMIAL_NAMES[: DEGREES[self.kind] + 1]

    def evaluate(self, months) -> np.ndarray:
        """Basis functions at times.

        Parameters
        ----------
        months : array (n,)

        Returns
        -------
        array (n, len(names))
        """
        s = np.asarray(months, dtype=float) / MONTHS_PER_UNIT
        if self.kind != "spline":
            return s[:, None] ** np.arange(DEGREES[self.kind] + 1)
        knots = np.asarray(self.knots) / MONTHS_PER_UNIT
        return np.column_stack([np.ones_like(s), s, *_bends(s, knots)])


def _bends(s, knots):
    """Nonlinear terms of a natural cubic spline, linear beyond the outer knots (Harrell, 2001, eq. 2.24)."""
    span, last, before = knots[-1] - knots[0], knots[-1], knots[-2]

    def cube(knot):
        return np.maximum(s - knot, 0.0) ** 3

    for knot in knots[:-2]:
        bend = (
            cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before)
        )
        yield bend / span**2


def choose_basis(growth: str, spline_df: int, knots, sample_times) -> TimeBasis:
    """Settle the basis on the data: where knots are not given, they go to quantiles of the sample times.

    Parameters
    ----------
    growth : str
        One of `GROWTH`.
    spline_df : int
        Degrees of freedom of a spline beside the intercept: 1 more than its bends.
    knots : tuple of float or None
        Knots in months, boundaries included.
    sample_times : array (n_samples,)
        Months.

    Raises
    ------
    SpecError
        If the knots cannot be placed on these data.
    """
    if growth != "spline":
        return TimeBasis(growth)
    times = np.asarray(sample_times, dtype=float)
    if knots is None:
        knots = tuple(float(q) for q in np.quantile(times, np.linspace(0.05, 0.95, spline_df + 1)))
    if np.any(np.diff(knots) <= 0):
        raise SpecError(
            f"growth='spline': the knots {tuple(round(k, 2) for k in knots)} months are not increasing; samples "
            "cluster at few times. Give fewer degrees of freedom (spline_df) or knots of your own."
        )
    low, high = times.min(initial=np.inf), times.max(initial=-np.inf)
    if knots[0] > high or knots[-1] < low or any(not low <= k <= high for k in knots[1:-1]):
        raise SpecError(
            f"growth='spline': inner knots have to lie within the samples' times, {low:.2f} to {high:.2f} months; "
            f"given were {tuple(knots)}."
        )
    return TimeBasis("spline", tuple(float(k) for k in knots))
