"""The priors of a specification in words, with what they mean on the scale of counts, months and ratios."""

from collections.abc import Iterator
from math import exp, sqrt
from typing import Any

from bayesctc.data import Marker
from bayesctc.design.grammar import columns_of
from bayesctc.model.families import FAMILIES
from bayesctc.model.pieces import LOG_MEAN, LOG_PLUS_ONE
from bayesctc.model.spec import ModelSpec

Z95 = 1.959964  # standard normal quantiles: 97.5 %,
Z75 = 0.674490  # 75 %


def prior_lines(spec: ModelSpec, marker: Marker | None = None, design: Any = None) -> Iterator[str]:
    """One line a prior that the specification uses; with a `Design`, in the cohort's own numbers."""
    yield from _membership(spec)
    yield from _level(spec, design) if marker is None else _level_of(marker, spec.priors, design)
    yield from _growth(spec, marker)
    yield from _spread(spec, marker)
    if spec.endpoint is not None:
        yield from _survival(spec, design)


def number(value: float) -> str:
    """Two significant digits, without an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"


def _factor(sd):
    """A normal(0, sd) on a log scale, as a 95 % interval of ratios."""
    return f"95 % between {number(exp(-Z95 * sd))} and {number(exp(Z95 * sd))}"


def _membership(spec):
    if spec.n_classes == 1:
        return
    p, at = spec.priors, ""
    if columns_of(spec.membership, "membership"):
        at = " (at the mean of the terms)"
        yield (
            f"ξ: zero-sum normal over classes, sd {p.membership_covariate_sd:g} per standard deviation of a "
            "direction of the terms: its odds ratio between any two classes, "
            f"{_factor(sqrt(2) * p.membership_covariate_sd)}."
        )
    yield (
        f"ξ_0{at}: zero-sum normal over classes, sd {p.membership_sd:g}: odds between any two classes, "
        f"{_factor(sqrt(2) * p.membership_sd)}."
    )


def span_words(design: Any) -> str:
    """The time over which a cohort's curves are the samples'."""
    if design is None:
        return "the span of the samples (5 % to 95 % of their times)"
    low, high = design.basis.span
    return f"the span of the samples ({low:.3g} to {high:.3g} months, 5 % to 95 % of their times)"


def _level(spec, design):
    """The prior of a class's mean level, in cells."""
    p = spec.priors
    curve = FAMILIES[spec.family].curve
    shifted, what = curve == LOG_PLUS_ONE, "an expected count of " if curve == LOG_MEAN else ""
    low, median, high = (
        max(exp(p.level_mean + z * p.level_sd) - (1.0 if shifted else 0.0), 0.0) for z in (-Z95, 0.0, Z95)
    )
    yield (
        f"Level of a class, the mean of its curve over {span_words(design)}: normal({p.level_mean:g}, "
        f"{p.level_sd:g}): median {what}{number(median)} cells per 7.5 mL, 95 % between {number(low)} and "
        f"{number(high)}."
    )


def _level_of(marker, p, design):
    """The prior of a class's mean level, in the marker's unit where its samples are known."""
    yield (
        f"Level of a class, the mean of its curve over {span_words(design)}: normal around the mean of the samples, "
        f"sd {p.level_sd:g} of their standard deviations."
    )
    if design is not None:
        at = (design.marker_value(z * p.level_sd) for z in (-Z95, 0.0, Z95))
        low, middle, high = (max(float(value), marker.lower) for value in at)
        yield (
            f"That is a median {marker.words.label} of {number(middle)}, 95 % between {number(low)} and "
            f"{number(high)}; one standard deviation is {design.spread:.3g} in {marker.words.scale}."
        )


def _growth(spec, marker):
    p = spec.priors
    line = 2.0 * sqrt(3.0) * p.curve_sd  # a line of root mean square 1 over a span changes by 2 sqrt(3) from end to end
    how = f"from the start to the end of the span, a line changes by a factor, {_factor(line)}"
    if marker is not None:
        how = f"a line changes by {number(Z95 * line)} standard deviations of the samples or less (95 %)"
    yield (
        f"Each further component of a class's curve (change over the span, bends; the components are uncorrelated "
        f"over it): normal(0, {p.curve_sd:g}) for its root mean square: {how}."
    )
    if columns_of(spec.longitudinal, "longitudinal"):
        per = "factor on the count" if marker is None else "change in standard deviations of the samples"
        size = _factor(p.longitudinal_sd) if marker is None else f"up to {number(Z95 * p.longitudinal_sd)}"
        yield (
            f"α: normal(0, {p.longitudinal_sd:g}) per standard deviation of a direction of the terms: {per}, {size}."
        )


def _spread(spec, marker):
    p, unit = spec.priors, "log units" if marker is None else "standard deviations of the samples"
    names = {q.name for q in FAMILIES[spec.family].parameters}
    if "dispersion" in names:
        yield (
            f"dispersion: log-normal(0, {p.log_dispersion_sd:g}): median 1 (variance mu + mu²), "
            f"{_factor(p.log_dispersion_sd)}."
        )
    if "zero_inflation" in names:
        low, middle, high = (
            1.0 / (1.0 + exp(-p.zero_inflation_mean - z * p.zero_inflation_sd)) for z in (-Z95, 0, Z95)
        )
        yield (
            f"zero_inflation: logit-normal({p.zero_inflation_mean:g}, {p.zero_inflation_sd:g}): median "
            f"{100 * middle:.2g} %, 95 % between {100 * low:.2g} and {100 * high:.2g} %."
        )
    if "sigma" in names:
        sign = "σ_g" if spec.class_specific_sigma and spec.n_classes > 1 else "σ"
        yield f"{sign}: half-normal({p.sigma_sd:g}): {_half_normal(p.sigma_sd)} {unit}."
    if not spec.n_random:
        return
    sds = (
        "Standard deviation of the random effect" if spec.n_random == 1 else "Standard deviations of the random effects"
    )
    per = ": of the level, and of the components that follow it" if spec.n_random > 1 else ""
    yield f"{sds}{per}: half-normal({p.random_effect_sd:g}): {_half_normal(p.random_effect_sd)} {unit}."
    if spec.n_random > 1:
        from scipy.stats import beta  # slow to import

        a = p.correlation_eta + (spec.n_random - 2) / 2  # each correlation is Beta(a, a) on (-1, 1)
        edge = 2.0 * float(beta.ppf(0.975, a, a)) - 1.0
        yield (
            f"Correlations of the random effects: LKJ({p.correlation_eta:g}): each one 95 % between "
            f"{-edge:.2f} and {edge:.2f}."
        )
    if spec.class_specific_random_effects and spec.n_classes > 1:
        yield (
            f"log ω_g: zero-sum normal, sd {p.random_effect_scale_sd:g}: ratio of ω between any two classes, "
            f"{_factor(sqrt(2) * p.random_effect_scale_sd)}."
        )


def _half_normal(sd):
    return f"median {number(Z75 * sd)}, 95 % below {number(Z95 * sd)}"


def _survival(spec, design):
    p = spec.priors
    several = spec.n_classes > 1
    scale, shape = ("scale_g", "shape" if spec.common_shape else "shape_g") if several else ("scale", "shape")
    covariates = columns_of(spec.survival, "survival") or columns_of(spec.survival_by_class, "survival_by_class")
    at = " (at the mean of the terms)" if covariates else ""
    steep = 1.0 if design is None else design.follow_up.shape
    middle, spread = exp(p.log_scale_mean), Z95 * p.log_scale_sd / steep
    limits = f"{number(middle * exp(-spread))} and {number(middle * exp(spread))} times"
    yield (
        f"{scale}{at}: log-normal around that of one hazard for all patients, by their person-months per event: "
        f"95 % between {limits} it."
    )
    if design is not None:
        of_all = [design.follow_up.months * exp(each) for each in design.follow_up.log_scale]
        names = design.causes or [""]
        each = ", ".join(f"{number(m)} months{' ' * bool(c)}{c}" for m, c in zip(of_all, names, strict=True))
        yield f"In this cohort it is {each}."
    if spec.hazard == "weibull":
        late = "" if steep == 1.0 else ", since nobody is observed from time 0 on"
        yield f"{shape}: log-normal, median {steep:.3g}{late}, ratio to it {_factor(p.log_shape_sd)}."
    if spec.hazard == "gompertz":
        yield (
            f"slope: normal(0, {p.gompertz_slope_sd:g}) over the follow-up: factor on the hazard from its start to "
            f"its end, {_factor(p.gompertz_slope_sd)}."
        )
    if spec.hazard == "piecewise":
        yield (
            f"relative_hazard: log-normal(0, {p.log_relative_hazard_sd:g}): median 1, "
            f"{_factor(p.log_relative_hazard_sd)}."
        )
    if covariates:
        yield (
            f"γ: normal(0, {p.hazard_coefficient_sd:g}) per standard deviation of a direction of the terms: hazard "
            f"ratio, {_factor(p.hazard_coefficient_sd)}."
        )
