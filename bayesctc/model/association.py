"""The association of a patient's curve with the hazard within a class, and the times at which it is evaluated.

The hazard of patient i in class g is h_g(t | x_i) exp(alpha a_i(t)). a_i(t) is a value of the patient's curve in that
class (Rizopoulos, J Stat Softw 2010;35(9), section 2): W(t)'beta_g + W_q(t)'b_i - c, with W the basis functions of the
curve, their slopes or their means from 0 to t, W_q those of the random effects, and c the level to which the baseline
hazard refers; or the exponent is alpha'b_i itself, constant in time.

A cumulative hazard is an integral in time. On a stretch from s to T without knots of the hazard, with f(t) =
exp(alpha a(t)) and t = T v^2::

    integral of h f  =  f(s) (H(T) - H(s))  +  integral of h (f - f(s)),   the latter by Gauss-Legendre in v

A Weibull hazard of shape k is t^(k - 1), infinite at 0 for k < 1; times f - f(0) it behaves as t^k, and in v as
v^(2 k + 1). If alpha is 0, the integral is H(T) - H(s), as in the model without association. The sum has weights
w_j h(t_j) on the nodes, and the rest of H(T) - H(s) on the stretch's start (`shared_out`).
"""

from dataclasses import dataclass

import numpy as np

from bayesctc.design.basis import TimeBasis
from bayesctc.design.quadrature import legendre
from bayesctc.model.curves_of_samples import curve_matrix

NONE, EFFECTS, VALUE, SLOPE, AREA = "none", "random_effects", "current_value", "current_slope", "area"
ASSOCIATIONS = (NONE, EFFECTS, VALUE, SLOPE, AREA)
FIRST_TIME_NODES, BETWEEN_KNOTS = 6, 3  # of a stretch, before it is known how many it takes


def shared_out(whole: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights of a stretch's start and of its nodes, none negative, which sum to the whole.

    If the weights of the nodes exceed the whole, even by rounding, the start would have a negative weight, and a steep
    curve could make a cumulative hazard negative. The nodes then share the whole.

    Parameters
    ----------
    whole : array (...)
        H(T) - H(s).
    weights : array (..., n_nodes)

    Returns
    -------
    array (..., 1 + n_nodes)
    """
    total = weights.sum(axis=-1)
    ratio = np.divide(whole, total, out=np.ones_like(whole), where=total > whole)
    return np.concatenate([np.maximum(whole - total, 0.0)[..., None], weights * ratio[..., None]], axis=-1)


def first_time_nodes(kind: str, has_knots: bool) -> int:
    """Initial number of Gauss-Legendre nodes of a stretch, for a hazard with or without knots; 0 if not needed."""
    if kind in (NONE, EFFECTS):
        return 0
    return BETWEEN_KNOTS if has_knots else FIRST_TIME_NODES


@dataclass(frozen=True)
class Association:
    """The association of a specification, settled on data.

    Attributes
    ----------
    kind : {"random_effects", "current_value", "current_slope", "area"}
    basis : TimeBasis
    n_random : int
        Random effects, on the first functions of the basis.
    n_alike, n_by_class : int
        Covariates of the patients that enter their curves at all times: terms of `longitudinal`, which shift the level,
        and of `longitudinal_by_class`, each multiplied with every basis function.
    level : float
        c, on the scale of the fit.
    n_nodes : int
        Gauss-Legendre nodes of each stretch of time.
    """

    kind: str
    basis: TimeBasis
    n_random: int
    n_alike: int
    n_by_class: int
    level: float
    n_nodes: int

    @property
    def n_terms(self) -> int:
        """Number of alphas of a cause."""
        return self.n_random if self.kind == EFFECTS else 1

    @property
    def n_rows(self) -> int:
        """Number of values of W: one for each coefficient of the curve; 0 if the association is constant in time."""
        return 0 if self.kind == EFFECTS else len(self.basis.names) * (1 + self.n_by_class) + self.n_alike

    @property
    def breaks(self) -> tuple[float, ...]:
        """Months at which the curve has no derivative."""
        kink = self.basis.kink
        return (kink,) if self.kind != EFFECTS and kink > 0.0 else ()

    def rows(self, months, constant) -> np.ndarray:
        """W at times of patients.

        Parameters
        ----------
        months : array (n_patients, ...)
        constant : array (n_patients, n_alike + n_by_class)
            Their longitudinal covariates on the scale of the fit.

        Returns
        -------
        array (n_patients, ..., n_rows)
        """
        months = np.asarray(months, dtype=float)
        if self.kind == EFFECTS:
            return np.zeros((*months.shape, 0))
        of_time = {VALUE: self.basis.evaluate, SLOPE: self.basis.slope, AREA: self.basis.mean}[self.kind]
        grown = of_time(months.ravel()).reshape(*months.shape, len(self.basis.names))
        fixed = constant.reshape(len(months), *[1] * (months.ndim - 1), self.n_alike + self.n_by_class)
        fixed = np.broadcast_to(fixed, (*months.shape, self.n_alike + self.n_by_class))
        alike, by_class = fixed[..., : self.n_alike], fixed[..., self.n_alike :]
        return curve_matrix(grown, np.zeros_like(alike) if self.kind == SLOPE else alike, by_class)

    def predictor(self, theta_g, alpha, rows, curve) -> tuple[np.ndarray, np.ndarray]:
        """The log of the factor on the hazard: a fixed part, and coefficients of the random effects.

        Parameters
        ----------
        theta_g : array (n_class_parameters,)
        alpha : array (n_terms,)
        rows : array (..., n_rows)
        curve : slice
            Where the curve's coefficients stand in theta_g.

        Returns
        -------
        fixed : array (...)
        by_effect : array (..., n_random)
        """
        if self.kind == EFFECTS:
            return np.zeros(rows.shape[:-1]), np.broadcast_to(alpha, (*rows.shape[:-1], self.n_random))
        return alpha[0] * (rows @ theta_g[curve] - self.level), alpha[0] * rows[..., : self.n_random]

    def points(self, start, stop, breaks) -> "Points":
        """Times and weights at which the hazard is evaluated from `start` to `stop`, arrays (n,) of one unit of time.

        `breaks` are times, of the same unit, that no stretch may cross.
        """
        # where time plays no part one stretch will do: the hazard's own integral is exact
        inner = np.sort(np.asarray(breaks, dtype=float)) if self.kind != EFFECTS else np.zeros(0)
        ends = np.concatenate([np.zeros(1), inner, np.full(1, np.inf)])
        first = np.clip(ends[None, :-1], start[:, None], stop[:, None])
        last = np.clip(ends[None, 1:], start[:, None], stop[:, None])
        used = (last > first).any(axis=0)
        used[0] |= not used.any()
        first, last = first[:, used], last[:, used]
        n_nodes = 0 if self.kind == EFFECTS else self.n_nodes
        z, w = legendre(n_nodes) if n_nodes else (np.zeros(0), np.zeros(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            low = np.where(last > 0.0, np.sqrt(first / last), 1.0)[..., None]
        v = low + (1.0 - low) * 0.5 * (z + 1.0)
        time = last[..., None] * v * v
        return Points(first, last, time, last[..., None] * (1.0 - low) * w * v)


@dataclass(frozen=True)
class Points:
    """Stretches of time of some patients and their nodes, in the fit's unit; unused stretches have length 0.

    Attributes
    ----------
    start, stop : array (n, n_stretches)
    time, weight : array (n, n_stretches, n_nodes)
    """

    start: np.ndarray
    stop: np.ndarray
    time: np.ndarray
    weight: np.ndarray
