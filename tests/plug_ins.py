"""An outcome, a hazard and families that the package does not know: what a user brings in a file of one's own."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numba
import numpy as np
from scipy.special import expit, logit

from bayesctc.data import parsing
from bayesctc.data.outcome import register
from bayesctc.data.outcome_base import Outcome
from bayesctc.data.words import Words
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.backends.compiled.vector_math import vexp, vlog1p
from bayesctc.model.backends.visits import by_visit
from bayesctc.model.families.gaussian import GAUSSIAN
from bayesctc.model.hazards.weibull import SCALE
from bayesctc.model.pieces import Family, Hazard, Parameter, Prior


@register
@dataclass(frozen=True)
class Fraction(Outcome):
    """The share of mutated molecules, above 0 and below 1."""

    kind: ClassVar[str] = "continuous"
    columns: ClassVar[tuple[str, ...]] = ("vaf",)
    words: ClassVar[Words] = Words(
        value="fraction",
        values="fractions",
        full_value="Variant allele fraction",
        full_values="variant allele fractions",
        noun="fraction",
        heading="Fractions",
        topic="variant allele fractions",
        label="VAF",
        heading_label="VAF",
        axis="VAF",
        unit="share of the molecules",
        scale="logit(VAF)",
        short_scale="logit(VAF)",
        log_value="logit fraction",
        log_values="logit fractions",
        scale_unit="units of logit(VAF)",
        definition="log(VAF / (1 − VAF))",
        inverse="1 / (1 + exp(−curve))",
        quantity="VAF",
    )
    lower: ClassVar[float] = float(np.nextafter(0.0, 1.0))
    upper: ClassVar[float] = float(np.nextafter(1.0, 0.0))
    allowed: ClassVar[str] = "a number between 0 and 1"

    def read(self, table, problems):
        return {
            "vaf": parsing.required_numbers(
                table, "vaf", problems, allowed=self.allowed, minimum=self.lower, maximum=self.upper
            )
        }

    def forward(self, value, exposure=None):
        return logit(np.asarray(value, dtype=float))

    def inverse(self, y):
        return expit(np.asarray(y, dtype=float))

    def ticks(self, low, high, most):
        return (0.5, 0.1, 0.9, 0.01, 0.99, 0.2, 0.8, 0.001, 0.999)


def log_hazard(time, knots, scale, steepness):
    z = steepness * (np.log(time) - np.log(scale))
    return np.log(steepness) - np.log(time) + z - np.logaddexp(0.0, z)


def cumulative_hazard(time, knots, scale, steepness):
    return np.log1p((time / scale) ** steepness)


def inverse(cumulative_hazard, knots, scale, steepness):
    return scale * np.expm1(cumulative_hazard) ** (1.0 / steepness)


def rescaled(parameters, units, log_ratio):
    """Not closed under a ratio of hazards: the baseline is that of the mean patient on both scales."""
    assert np.all(log_ratio == 0.0)
    return {**parameters, "scale": parameters["scale"] * units}


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    if time <= 0.0:
        gradient[m0, i] = gradient[m0 + 1, i] = 0.0
        return 0.0, 0.0
    steepness = positive[g, h0 + 1]
    away = log_time - theta[g, h0]
    z = steepness * away
    odds, ratio = math.exp(z), math.exp(linear_predictor)
    share, cumulative = odds / (1.0 + odds), ratio * math.log1p(odds)
    by_z = event * (1.0 - share) - ratio * share
    gradient[m0, i] = -steepness * by_z
    gradient[m0 + 1, i] = event + z * by_z
    value = event * (theta[g, h0 + 1] - log_time + z - math.log1p(odds) + linear_predictor) - cumulative
    return value, event - cumulative


LOG_LOGISTIC = Hazard(
    name="log_logistic",
    parameters=(
        SCALE,
        Parameter(
            "steepness",
            unit="",
            by_class="class_specific_shape",
            prior=Prior("normal", "log_shape_sd"),
            words="steepness of the odds of an event",
        ),
    ),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t) = log(1 + (t / scale_g)^steepness_g)",
    closed=False,
    compiled=terms,
)


def log_density(y, eta, exposure, spread):
    z = (y - eta) / spread
    return -np.abs(z) - 2.0 * np.log1p(np.exp(-np.abs(z))) - np.log(spread)


def rows(y, exposure, basis, patient, n_patients):
    """A sample that is not there has the weight 0."""
    return by_visit(np.column_stack([y, np.ones(len(y))]), basis, patient, n_patients, np.zeros(2))


@numba.njit(error_model="numpy")
def constants(data, d, theta, positive, g, p0, work, c):
    """Nothing is free of the curve."""


@numba.njit(error_model="numpy")
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    spread = positive[g, p0]
    for i in range(BLOCK):
        z, there = (data[d, i] - work[eta, i]) / spread, data[d + 1, i]
        small = vexp(-abs(z))
        tilt = (1.0 - small) / (1.0 + small) * (1.0 if z > 0.0 else -1.0)  # tanh(z / 2)
        work[value, i] += there * (-abs(z) - 2.0 * vlog1p(small) - theta[g, p0])
        work[slope, i] = there * tilt / spread
        work[by, i] += there * (z * tilt - 1.0)


LOGISTIC = Family(
    name="logistic",
    parameters=(replace(GAUSSIAN.parameters[0], name="spread", words="spread of the logistic residuals"),),
    log_probability=log_density,
    draw=lambda rng, eta, volume_ml, spread: GAUSSIAN.draw(rng, eta, volume_ml, spread),
    cdf=GAUSSIAN.cdf,
    mean=GAUSSIAN.mean,
    formula="log(1 + ctc / v) ~ Logistic(eta, spread)",
    curve=GAUSSIAN.curve,
    measure=GAUSSIAN.measure,
    compiled=CompiledFamily(rows, visit=visit, constants=constants, n_values=2),
)
