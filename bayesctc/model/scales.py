"""Conversion between the scale of a fit and the user's: time, covariates, a marker, and parameters.

A fit measures time since day 0 in units of the cohort's follow-up, growth by functions of the span of the samples,
covariates as uncorrelated directions of standard deviation 1, and a marker in standard deviations from its mean. Priors
and the search for a maximum are on these scales, so that neither depends on the units of the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.design.rounding import rounded, rounded_times
from bayesctc.design.standardise import Standard
from bayesctc.model.association import EFFECTS, NONE, SLOPE
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import SCALE

CURVES = "longitudinal_by_class"
NOTHING = Standard(np.zeros(0), np.zeros(0), np.zeros((0, 0)))
STEEPER = 2.0  # log hazard over the time observed, per share of it that passed before anybody was observed
LAST = 0.95  # quantile of follow-up


@dataclass(frozen=True)
class SurvivalScale:
    """The scale of a cohort's survival times.

    Attributes
    ----------
    months : float
        From the first entry to the 95 % quantile of follow-up: the fit's unit of time.
    log_scale : tuple of float
        For each cause, log of the scale, in that unit, of a single hazard for all patients of the shape below, from
        person-time and number of events.
    shape : float
        1 if any patient is observed from time 0, so that priors are centred at a constant hazard. With age as time no
        patient is, and over the observed ages a hazard t^(shape - 1) rises little unless its shape is large.
    """

    months: float = 1.0
    log_scale: tuple[float, ...] = (0.0,)
    shape: float = 1.0

    @classmethod
    def of(cls, patients: pd.DataFrame, n_causes: int) -> "SurvivalScale":
        """The scale for patients with _time, _event and _entry."""
        time, event, entry = (patients[c].to_numpy(dtype=float) for c in ("_time", "_event", "_entry"))
        first = entry.min()
        months = float(np.quantile(time, LAST) - first) or float(time.max() - first)
        shape = float(rounded(1.0 + STEEPER * first / months))
        reached, entered = rounded_times(time / months), rounded_times(entry / months)
        exposure = float(np.sum(reached**shape - entered**shape))
        n_events = (max(float(np.sum(event == c + 1)), 0.5) for c in range(n_causes))
        return cls(months, tuple(float(rounded(np.log(exposure / n) / shape)) for n in n_events), shape)


@dataclass(frozen=True, eq=False)
class Scales:
    """The user's units on the scale of a fit.

    Attributes
    ----------
    growth : array (n_growth, n_growth), optional
        `TimeBasis.to_user`; None is the identity.
    membership, longitudinal, survival, survival_by_class, longitudinal_by_class : Standard
        The covariates of each formula.
    months : float
        Months in the fit's unit of survival time.
    log_scale : tuple of float
        For each cause, log of the scale (in that unit) of a single hazard for all: the centre of priors and starts.
    shape : float
        Weibull shape at the centre of priors and bounds: 1, or more if no patient is observed from time 0.
    location, spread : float
        Of the values: 0 and 1 for counts, mean and standard deviation of a marker (transformed).
    association : str
        `ModelSpec.association`.
    level : float
        The value of the fit's curve to which baseline hazards refer, if they depend on it; 0 on the user's scale.
    growth_unit : float
        The user's unit of slopes, in spans.
    """

    growth: np.ndarray | None = None
    membership: Standard = NOTHING
    longitudinal: Standard = NOTHING
    survival: Standard = NOTHING
    survival_by_class: Standard = NOTHING
    months: float = 1.0
    log_scale: tuple[float, ...] = field(default=(0.0,))
    shape: float = 1.0
    location: float = 0.0
    spread: float = 1.0
    longitudinal_by_class: Standard = NOTHING
    association: str = NONE
    level: float = 0.0
    growth_unit: float = 1.0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scales):
            return False
        mine, theirs = ({**vars(each), "growth": None} for each in (self, other))
        a, b = (np.eye(0) if each.growth is None else each.growth for each in (self, other))
        return mine == theirs and np.array_equal(a, b)

    def __hash__(self) -> int:
        return hash((self.months, self.log_scale, self.shape, self.location, self.spread))

    def to_user(self, values: Mapping[str, np.ndarray], layout: Any) -> dict[str, np.ndarray]:
        """Natural parameters on the user's scale of those on the fit's; dimensions as `Layout.dims`."""
        found = dict(values)
        if "membership" in found:
            coefficients = self.membership.coefficients(found["membership"][..., 1:])
            found["membership"] = _led(
                found["membership"][..., 0] - self.membership.constant(coefficients), coefficients
            )
        growth = found["growth"] if self.growth is None else found["growth"] @ self.growth.T
        growth = growth * self.spread
        if CURVES in found:
            found[CURVES], of_means = self._curves(found[CURVES], self.growth, to_user=True)
            growth = growth - of_means
        moved: Any = self.location
        if "longitudinal" in found:
            found["longitudinal"] = self.longitudinal.coefficients(found["longitudinal"]) * self.spread
            moved = moved - self.longitudinal.constant(found["longitudinal"])[..., None]
        found["growth"] = _led(growth[..., 0] + moved, growth[..., 1:])
        self._spread(found, layout, self.spread, self.growth)
        with np.errstate(over="ignore", under="ignore"):
            for cause in range(layout.sizes.n_causes):
                self._survival(found, layout, cause, to_user=True)
        return found

    def to_own(self, values: Mapping[str, np.ndarray], layout: Any) -> dict[str, np.ndarray]:
        """The inverse of `to_user`."""
        found = dict(values)
        with np.errstate(over="ignore", under="ignore"):
            for cause in range(layout.sizes.n_causes):
                self._survival(found, layout, cause, to_user=False)
        moved: Any = self.location
        if "longitudinal" in found:
            moved = moved - self.longitudinal.constant(found["longitudinal"])[..., None]
            found["longitudinal"] = self.longitudinal.of_directions(found["longitudinal"]) / self.spread
        growth = _led(found["growth"][..., 0] - moved, found["growth"][..., 1:])
        inverse = None if self.growth is None else np.linalg.inv(self.growth)
        if CURVES in found:
            found[CURVES], of_means = self._curves(found[CURVES], inverse, to_user=False)
            growth = growth + of_means
        growth = growth / self.spread
        found["growth"] = growth if inverse is None else growth @ inverse.T
        self._spread(found, layout, 1.0 / self.spread, inverse)
        if "membership" in found:
            coefficients = found["membership"][..., 1:]
            found["membership"] = _led(
                found["membership"][..., 0] + self.membership.constant(coefficients),
                self.membership.of_directions(coefficients),
            )
        return found

    def _curves(self, values, growth, to_user):
        """Effects by class on the curve, (..., terms x growth terms), on the other scale; and what they add to the
        curve of a class at the terms' means, on the user's: array (..., growth terms)."""
        standard = self.longitudinal_by_class
        *leading, n = np.shape(values)
        effects = np.reshape(values, (*leading, len(standard.turn), n // len(standard.turn)))
        turned = effects if growth is None else effects @ growth.T
        if to_user:
            turned = standard.turn @ turned * self.spread
        else:
            turned = np.linalg.inv(standard.turn) @ turned / self.spread
        of_user = turned if to_user else effects
        means = np.einsum("p,...pj->...j", standard.start + standard.centre, of_user)
        return turned.reshape(np.shape(values)), means

    def _spread(self, values, layout, spread, growth):
        """Residual and random-effect standard deviations, in place; random effects act on the first growth terms."""
        residual = FAMILIES[layout.sizes.family].residual_sd
        if residual:
            values[residual] = values[residual] * spread
        if "random_effect_sd" not in values:
            return
        sd, corr = values["random_effect_sd"], values["random_effect_corr"]
        q = sd.shape[-1]
        turn = spread * (np.eye(q) if growth is None else growth[:q, :q])
        covariance = turn @ (sd[..., :, None] * corr * sd[..., None, :]) @ turn.T
        values["random_effect_sd"], values["random_effect_corr"] = sd_and_corr(covariance)

    def _survival(self, values, layout, cause, to_user):
        """The hazard of one cause and its coefficients, in place."""
        blocks = {block.parameter: block.name for block in layout.of_cause(cause)}
        if not blocks:
            return
        constant = np.zeros(layout.n_classes)
        for parameter, standard, by_class in (
            ("hazard_coefficient", self.survival, False),
            ("hazard_coefficient_by_class", self.survival_by_class, True),
        ):
            if parameter in blocks:
                given = values[blocks[parameter]]
                terms = standard.coefficients(given) if to_user else given
                values[blocks[parameter]] = terms if to_user else standard.of_directions(given)
                each = standard.constant(terms)
                constant = constant + (each if by_class else each[..., None])
        if self.association != NONE:
            constant = constant + self._associated(values, blocks["association"], layout, to_user)
        hazard = HAZARDS[layout.sizes.hazard]
        alone = layout.n_classes == 1  # then nothing of a hazard has a dimension of classes
        constant = constant[..., 0] if alone else constant
        own = {p.name: values[blocks[p.name]] for p in hazard.parameters}
        wide = {
            n: v if alone or layout.by_class(blocks[n]) or layout.pieces[n].by_interval else v[..., None]
            for n, v in own.items()
        }
        months, ratio = (self.months, -constant) if to_user else (1.0 / self.months, constant)
        for name, value in hazard.rescaled(wide, months, ratio).items():
            values[blocks[name]] = value.reshape(own[name].shape) if np.size(value) == np.size(own[name]) else value

    def _associated(self, values, name, layout, to_user):
        """Associations in place, and the change of the log hazard at a user's curve of 0: (..., n_classes or 1).

        A curve is spread times the fit's plus the location; random effects are A times those of the fit.
        """
        given = values[name]
        if self.association == EFFECTS:
            q = given.shape[-1]
            turn = self.spread * (np.eye(q) if self.growth is None else self.growth[:q, :q])
            values[name] = given @ (np.linalg.inv(turn) if to_user else turn)
            return 0.0
        per = self.spread * (self.growth_unit if self.association == SLOPE else 1.0)
        values[name] = given / per if to_user else given * per
        moved = 0.0 if self.association == SLOPE else self.level + self.location / self.spread
        own = moved * (given if to_user else values[name])
        return own if layout.by_class(name) else own[..., None]


def far_from_zero(name: str, layout: Any) -> str:
    """Why the scale of a hazard may be 0 or overflow, and what to do; "" for any other parameter."""
    terms = [*layout.coords.get("survival_term", ()), *layout.coords.get("survival_by_class_term", ())]
    if not terms or next((b.parameter for b in layout.blocks if b.name == name), "") != SCALE.name:
        return ""
    return (
        f"It refers to a patient whose {', '.join(terms)} {'are' if len(terms) > 1 else 'is'} 0, too far from the "
        "cohort's patients: centre covariates at a value within the cohort's range (year - 2015)."
    )


def sd_and_corr(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations (..., q) and correlations (..., q, q) of covariances; 0 where a variance is 0."""
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    product = sd[..., :, None] * sd[..., None, :]
    corr = np.divide(covariance, product, out=np.zeros_like(covariance), where=product > 0)
    return sd, np.clip(np.where(np.eye(sd.shape[-1]) == 1, 1.0, corr), -1, 1)


def _led(first, rest):
    """First values (...) before the rest (..., n)."""
    return np.concatenate([np.asarray(first)[..., None], rest], axis=-1)
