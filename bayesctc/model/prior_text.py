"""The priors of a specification in words, with what they mean on the scale of counts, months and ratios."""

from collections.abc import Iterator
from math import exp, sqrt

from bayesctc.data import Marker
from bayesctc.design.basis import DEGREES
from bayesctc.design.formulas import columns_of
from bayesctc.model.families import FAMILIES
from bayesctc.model.spec import ModelSpec

Z95 = 1.959964  # standard normal quantiles: 97.5 %,
Z75 = 0.674490  # 75 %


def prior_lines(spec: ModelSpec, marker: Marker | None = None) -> Iterator[str]:
    """One line a prior that the specification uses."""
    yield from _membership(spec)
    yield from _growth(spec) if marker is None else _growth_of(spec, marker)
    yield from _spread(spec)
    if spec.endpoint is not None:
        yield from _survival(spec)


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
    p = spec.priors
    yield (f"ξ_0: zero-sum normal over classes, sd {p.membership_sd:g}: odds between any two classes, "
           f"{_factor(sqrt(2) * p.membership_sd)}.")  # fmt: skip
    if columns_of(spec.membership, "membership"):
        yield (f"ξ of covariates: zero-sum normal over classes, sd {p.membership_covariate_sd:g}: odds ratio between "
               f"any two classes per unit of a term, {_factor(sqrt(2) * p.membership_covariate_sd)}.")  # fmt: skip


def _growth(spec):
    p = spec.priors
    # the curve is of log(1 + count) where the family has a sigma, else of the log expected count
    shifted = any(q.name == "sigma" for q in FAMILIES[spec.family].parameters)
    what, of = ("", "1 + count") if shifted else ("an expected count of ", "the expected count")
    low, median, high = (
        max(exp(p.intercept_mean + z * p.intercept_sd) - (1.0 if shifted else 0.0), 0.0) for z in (-Z95, 0.0, Z95)
    )
    yield (f"β_0: normal({p.intercept_mean:g}, {p.intercept_sd:g}): median {what}{number(median)} cells per 7.5 mL at "
           f"the start of treatment, 95 % between {number(low)} and {number(high)}.")  # fmt: skip
    yield (f"β_1: normal(0, {p.slope_sd:g}): factor on {of} in 6 months, {_factor(p.slope_sd)}"
           f"{'' if spec.growth == 'linear' else ', before the other terms'}.")  # fmt: skip
    if spec.growth == "spline":
        yield (f"θ: normal(0, {p.bend_sd:g}), in log counts per unit of a bend B_k.")
    else:
        for degree, sign, sd in ((2, "2", p.quadratic_sd), (3, "3", p.cubic_sd)):
            if DEGREES[spec.growth] >= degree:
                yield f"β_{sign}: normal(0, {sd:g}): its factor on {of} at 6 months, {_factor(sd)}."
    if columns_of(spec.longitudinal, "longitudinal"):
        yield (f"α: normal(0, {p.longitudinal_sd:g}): factor on {of} per unit of a term, "
               f"{_factor(p.longitudinal_sd)}.")  # fmt: skip


def _growth_of(spec, marker):
    """The priors of a marker's curve: what they are on its scale, and the median at the start in its unit."""
    p, scale = spec.priors, marker.formula
    at = (marker.inverse(p.intercept_mean + z * p.intercept_sd) for z in (-Z95, 0.0, Z95))
    low, middle, high = (max(float(value), marker.least) for value in at)
    yield (f"β_0: normal({p.intercept_mean:g}, {p.intercept_sd:g}): median {marker.label} {number(middle)} at the "
           f"start of treatment, 95 % between {number(low)} and {number(high)}.")  # fmt: skip
    terms = [("β_1", p.slope_sd, "change in 6 months"), ("β_2", p.quadratic_sd, "change at 6 months")]
    terms.append(("β_3", p.cubic_sd, "change at 6 months"))
    terms = terms[: DEGREES.get(spec.growth, 1)]
    if spec.growth == "spline":
        terms.append(("θ", p.bend_sd, "change per unit of a bend B_k"))
    if columns_of(spec.longitudinal, "longitudinal"):
        terms.append(("α", p.longitudinal_sd, "change per unit of a term"))
    for name, sd, words in terms:
        yield f"{name}: normal(0, {sd:g}): {words} in {scale}, 95 % between {-Z95 * sd:.2g} and {Z95 * sd:.2g}."


def _spread(spec):
    p = spec.priors
    names = {q.name for q in FAMILIES[spec.family].parameters}
    if "dispersion" in names:
        yield (f"dispersion: log-normal(0, {p.log_dispersion_sd:g}): median 1 (variance mu + mu²), "
               f"{_factor(p.log_dispersion_sd)}.")  # fmt: skip
    if "zero_inflation" in names:
        low, middle, high = (
            1.0 / (1.0 + exp(-p.zero_inflation_mean - z * p.zero_inflation_sd)) for z in (-Z95, 0, Z95)
        )
        yield (f"zero_inflation: logit-normal({p.zero_inflation_mean:g}, {p.zero_inflation_sd:g}): median "
               f"{100 * middle:.2g} %, 95 % between {100 * low:.2g} and {100 * high:.2g} %.")  # fmt: skip
    if "sigma" in names:
        sign = "σ_g" if spec.class_specific_sigma and spec.n_classes > 1 else "σ"
        yield f"{sign}: half-normal({p.sigma_sd:g}): {_half_normal(p.sigma_sd)} log units."
    if not spec.n_random:
        return
    sds = (
        "Standard deviation of the random effect" if spec.n_random == 1 else "Standard deviations of the random effects"
    )
    per = "; slopes per 6 months" if spec.n_random > 1 else ""
    yield f"{sds}: half-normal({p.random_effect_sd:g}): {_half_normal(p.random_effect_sd)} (log units{per})."
    if spec.n_random > 1:
        from scipy.stats import beta  # slow to import

        a = p.correlation_eta + (spec.n_random - 2) / 2  # each correlation is Beta(a, a) on (-1, 1)
        edge = 2.0 * float(beta.ppf(0.975, a, a)) - 1.0
        yield (f"Correlations of the random effects: LKJ({p.correlation_eta:g}): each one 95 % between "
               f"{-edge:.2f} and {edge:.2f}.")  # fmt: skip
    if spec.class_specific_random_effects and spec.n_classes > 1:
        yield (f"log ω_g: zero-sum normal, sd {p.random_effect_scale_sd:g}: ratio of ω between any two classes, "
               f"{_factor(sqrt(2) * p.random_effect_scale_sd)}.")  # fmt: skip


def _half_normal(sd):
    return f"median {number(Z75 * sd)}, 95 % below {number(Z95 * sd)}"


def _survival(spec):
    p = spec.priors
    several = spec.n_classes > 1
    scale, shape = ("scale_g", "shape" if spec.common_shape else "shape_g") if several else ("scale", "shape")
    middle, spread = exp(p.log_scale_mean), Z95 * p.log_scale_sd
    yield (f"{scale}: log-normal, median {number(middle)} months, 95 % between "
           f"{number(middle * exp(-spread))} and {number(middle * exp(spread))} months.")  # fmt: skip
    if spec.hazard == "weibull":
        yield f"{shape}: log-normal(0, {p.log_shape_sd:g}): median 1, {_factor(p.log_shape_sd)}."
    if spec.hazard == "gompertz":
        yield (f"slope: normal(0, {p.gompertz_slope_sd:g}) per month: factor on the hazard in a year, "
               f"{_factor(12 * p.gompertz_slope_sd)}.")  # fmt: skip
    if spec.hazard == "piecewise":
        yield (f"relative_hazard: log-normal(0, {p.log_relative_hazard_sd:g}): median 1, "
               f"{_factor(p.log_relative_hazard_sd)}.")  # fmt: skip
    if columns_of(spec.survival, "survival") or columns_of(spec.survival_by_class, "survival_by_class"):
        yield (f"γ: normal(0, {p.hazard_coefficient_sd:g}): hazard ratio per unit of a term, "
               f"{_factor(p.hazard_coefficient_sd)}.")  # fmt: skip
