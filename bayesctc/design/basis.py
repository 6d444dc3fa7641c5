"""Growth over time: the basis functions of a growth curve, on the user's scale and on that of the fit.

Reported coefficients are those of powers of s = (time - origin) / unit, of s and a spline's bends, or of the fall
exp(-t / tau) after the start of treatment and s. A fit describes the same curves by functions that are orthonormal over
the span of the samples: the first is 1, so that its coefficient is the curve's mean level there; each of the others has
mean 0 and root mean square 1. They depend on neither origin nor unit of time.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import comb
from typing import Any

import numpy as np

from bayesctc.design.fall import settle_fall
from bayesctc.design.quadrature import legendre
from bayesctc.design.rounding import rounded
from bayesctc.errors import SpecError

DEGREES = {"linear": 1, "quadratic": 2, "cubic": 3}
GROWTH = ("treatment", *DEGREES, "spline")
POLYNOMIAL_NAMES = ("intercept", "s", "s2", "s3")
TREATMENT_NAMES = ("intercept", "fall", "s")
SPAN = (0.05, 0.95)  # quantiles of the sample times between which the curve is the cohort's
_CUBE, _SQUARE, _FOURTH = (3, 1.0), (2, 3.0), (4, 0.25)
_NEAR = 1e-3  # of half a span
_NODES = 64  # of the Gauss-Legendre rule over the span: exact for products of polynomials


@dataclass(frozen=True)
class TimeBasis:
    """Basis functions of time.

    Attributes
    ----------
    kind : {"treatment", "linear", "quadratic", "cubic", "spline"}
    knots : tuple of float
        Knots in months, for a spline; the first and the last are the boundaries, beyond which the curve is linear.
    origin, unit : float
        Months: s = (time - origin) / unit is what the reported coefficients refer to.
    span : (float, float)
        Months between which the functions of the fit are orthonormal.
    fall : float
        Months tau after which 37 % of the fall since the start of treatment remains; 0 for the other kinds.
    """

    kind: str
    knots: tuple[float, ...] = ()
    origin: float = 0.0
    unit: float = 6.0
    span: tuple[float, float] = (0.0, 12.0)
    fall: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """Terms of the growth curve as reported: powers of s, s and the spline's bends, or fall and s."""
        if self.kind == "treatment":
            return TREATMENT_NAMES
        if self.kind == "spline":
            return ("intercept", "s", *(f"bend{k}" for k in range(1, len(self.knots) - 1)))
        return POLYNOMIAL_NAMES[: DEGREES[self.kind] + 1]

    def evaluate(self, months) -> np.ndarray:
        """Functions of the fit at times.

        Parameters
        ----------
        months : array (n,)

        Returns
        -------
        array (n, len(names))
        """
        return self._raw(self._place(months)) @ self._orthonormal

    def slope(self, months) -> np.ndarray:
        """Their derivatives, per span: array (n, len(names)); from the right at the start of the fall."""
        return 2.0 * self._raw_slope(self._place(months)) @ self._orthonormal

    def mean(self, months) -> np.ndarray:
        """Their means from month 0 to times above it, the values where time is 0: array (n, len(names))."""
        start, w = float(self._place(0.0)), self._place(months)
        area = self._raw_area(w) - self._raw_area(np.array([start]))
        length = (w - start)[:, None]
        near = np.abs(length) < _NEAR  # a difference of areas would lose digits there
        mean = np.divide(area, length, out=np.zeros_like(area), where=~near)
        middle = self._raw(w), self._raw(0.5 * (w + start)), self._raw(np.full_like(w, start))
        return np.where(near, (middle[0] + 4.0 * middle[1] + middle[2]) / 6.0, mean) @ self._orthonormal

    @property
    def kink(self) -> float:
        """Months at which the curve has no derivative: the start of the fall; 0 for a smooth curve."""
        low, high = self.span
        return low if self.kind == "treatment" and not low < 0.0 < high else 0.0

    @property
    def recipe(self) -> dict[str, Any]:
        """What is needed to evaluate the functions elsewhere, as `json.dumps` takes it.

        `span`, the months at which the variable w is -1 and 1; on the scale of w the `start` of treatment, `knots` and
        `tau`; `matrix`, by which functions of w (1, w, ...; 1, the fall, w; 1, w, bends) are multiplied.
        """
        return {
            "kind": self.kind,
            "span": list(self.span),
            "start": self._start,
            "knots": self._place(self.knots).tolist(),
            "tau": self._tau,
            "matrix": self._orthonormal.tolist(),
        }

    @cached_property
    def to_user(self) -> np.ndarray:
        """A (n_terms, n_terms), upper triangular: reported coefficients are A times those of the fit."""
        return self._powers @ self._orthonormal

    def _place(self, months):
        """Times on the span, -1 at its start and 1 at its end."""
        low, high = self.span
        return rounded((np.asarray(months, dtype=float) - low) / (high - low)) * 2.0 - 1.0

    @property
    def _start(self):
        """Place of the start of treatment: month 0, or the first sample if all are after or before it."""
        low, high = self.span
        return float(self._place(0.0)) if low < 0.0 < high else -1.0

    def _since_start(self, w):
        """Spans since treatment started, 0 before."""
        return np.maximum(w - self._start, 0.0) / 2.0

    @property
    def _tau(self):
        """The time constant of the fall, in spans."""
        return float(rounded(self.fall / (self.span[1] - self.span[0])))

    def _raw(self, w):
        """Functions of w of which those of the fit are combinations, 1 first: array (n, n_terms)."""
        if self.kind == "treatment":
            return np.column_stack([np.ones_like(w), np.exp(-self._since_start(w) / self._tau), w])
        if self.kind != "spline":
            return w[:, None] ** np.arange(DEGREES[self.kind] + 1)
        return np.column_stack([np.ones_like(w), w, *_bends(w, self._place(self.knots))])

    def _raw_slope(self, w):
        """Their derivatives by w."""
        zero, one = np.zeros_like(w), np.ones_like(w)
        if self.kind == "treatment":
            tau = rounded(self.fall / (self.span[1] - self.span[0]))
            falling = np.where(w >= self._start, -np.exp(-self._since_start(w) / tau) / (2.0 * tau), 0.0)
            return np.column_stack([zero, falling, one])
        if self.kind != "spline":
            k = np.arange(1, DEGREES[self.kind] + 1)
            return np.column_stack([zero, k * w[:, None] ** (k - 1)])
        return np.column_stack([zero, one, *_bends(w, self._place(self.knots), _SQUARE)])

    def _raw_area(self, w):
        """Their antiderivatives by w."""
        if self.kind == "treatment":
            tau, start = rounded(self.fall / (self.span[1] - self.span[0])), self._start
            fallen = -2.0 * tau * np.expm1(-self._since_start(w) / tau)
            return np.column_stack([w, np.minimum(w - start, 0.0) + fallen, 0.5 * w * w])
        if self.kind != "spline":
            k = np.arange(1, DEGREES[self.kind] + 2)
            return w[:, None] ** k / k
        return np.column_stack([w, 0.5 * w * w, *_bends(w, self._place(self.knots), _FOURTH)])

    @cached_property
    def _orthonormal(self):
        """Upper triangular T: the functions are raw @ T."""
        ends = np.unique([-1.0, self._start if self.kind == "treatment" else -1.0, 1.0])  # smooth between them
        half, middle = 0.5 * np.diff(ends)[:, None], 0.5 * (ends[1:] + ends[:-1])[:, None]
        nodes, weights = legendre(_NODES)
        nodes, weights = (middle + half * nodes).ravel(), (half * weights).ravel()
        root = np.sqrt(0.5 * weights)[:, None]
        triangle = np.linalg.qr(root * self._raw(nodes), mode="r")
        return np.linalg.inv(triangle * np.sign(np.diagonal(triangle))[:, None])

    @cached_property
    def _powers(self):
        """Upper triangular P: raw terms in w are those in s @ P, with w = shift + step s."""
        low, high = self.span
        step = 2.0 * self.unit / (high - low)
        shift = 2.0 * (self.origin - low) / (high - low) - 1.0
        n = len(self.names)
        if self.kind == "spline":
            powers = step * np.eye(n)  # a bend has the unit of its variable
            powers[0, :2] = 1.0, shift
            return powers
        if self.kind == "treatment":
            return np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0], [0.0, 0.0, step]])
        return np.array(
            [[comb(k, j) * shift ** (k - j) * step**j if j <= k else 0.0 for k in range(n)] for j in range(n)]
        )


def _bends(s, knots, power=_CUBE):
    """Nonlinear terms of a natural cubic spline, linear beyond the outer knots (Harrell, 2001, eq. 2.24).

    `power` is of (s - knot)+ the exponent and a factor: of the cubes, of their derivatives or of their antiderivatives.
    """
    exponent, factor = power
    span, last, before = knots[-1] - knots[0], knots[-1], knots[-2]

    def cube(knot):
        return factor * np.maximum(s - knot, 0.0) ** exponent

    for knot in knots[:-2]:
        bend = (
            cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before)
        )
        yield bend / span**2


def choose_basis(
    growth: str,
    spline_df: int,
    knots,
    sample_times,
    origin: float = 0.0,
    unit: float = 6.0,
    fall: float | None = None,
    values=(),
    patients=(),
) -> TimeBasis:
    """Settle the basis on the data: its span and, unless given, knots at quantiles of the sample times, and tau.

    Parameters
    ----------
    growth : str
        One of `GROWTH`.
    spline_df : int
        Degrees of freedom of a spline without the intercept: 1 more than its bends.
    knots : tuple of float or None
        Knots in months, boundaries included; quantiles of the sample times, or of the different ones, unless given.
    sample_times : array (n_samples,)
        Months.
    origin, unit : float
        Months; see `TimeBasis`.
    fall : float, optional
        Months tau of growth="treatment"; `settle_fall` finds it unless given.
    values, patients : array (n_samples,)
        On the scale of the curve, and places of their patients; for `settle_fall`.

    Raises
    ------
    SpecError
        If the knots cannot be placed on these data, or the curve needs more sample times than they have.
    """
    times = np.asarray(sample_times, dtype=float)
    span = _span(times)
    if growth == "treatment":
        basis = TimeBasis(growth, (), origin, unit, span, fall or 1.0)
        since_start = basis._since_start(basis._place(times))
        if len(np.unique(since_start)) < len(TREATMENT_NAMES):
            raise SpecError(
                "growth='treatment': a level, a fall and a drift need samples at three or more times, counting all "
                "times before the start of treatment as one; these data have fewer. growth='linear' needs two."
            )
        if fall is None:
            found = settle_fall(since_start, np.asarray(values, dtype=float), np.asarray(patients))
            basis = replace(basis, fall=found * (span[1] - span[0]))
        return basis
    if growth != "spline":
        return TimeBasis(growth, (), origin, unit, span)
    if knots is None:
        at = np.linspace(*SPAN, spline_df + 1)
        knots = np.quantile(times, at)
        if np.any(np.diff(knots) <= 0) and len(np.unique(times)) > spline_df:  # most samples are at planned times
            knots = np.quantile(np.unique(times), at)
        knots = tuple(float(k) for k in knots)
    if np.any(np.diff(knots) <= 0):
        raise SpecError(
            f"growth='spline': the knots {tuple(round(k, 2) for k in knots)} months are not increasing; samples "
            "cluster at few times. Give fewer degrees of freedom (spline_df) or your own knots."
        )
    low, high = times.min(initial=np.inf), times.max(initial=-np.inf)
    if knots[0] > high or knots[-1] < low or any(not low <= k <= high for k in knots[1:-1]):
        raise SpecError(
            f"growth='spline': inner knots have to lie within the samples' times, {low:.2f} to {high:.2f} months; "
            f"found {tuple(knots)}."
        )
    return TimeBasis("spline", tuple(float(k) for k in knots), origin, unit, span)


def _span(times):
    """Months between which 90 % of the samples lie; if need be all of them, or half a month around a single time."""
    for low, high in (np.quantile(times, SPAN), (times.min(), times.max())):
        if high > low:
            return float(low), float(high)
    return float(low) - 0.5, float(high) + 0.5
