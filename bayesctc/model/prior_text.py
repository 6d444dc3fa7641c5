"""The priors of a specification in words, with what they mean on the scale of values, months and ratios.

A parameter of a family or hazard has its own sentence (`Parameter.prior_sentence`), or that of its kind of prior. It is
a template with the fields

- name, sign: the parameter's name, and its symbol with the index of the class if it differs between classes;
- mean, sd: hyperparameters, on the likelihood's scale;
- median, interval: of the prior on the parameter's own scale, "95 % between 0.14 and 7.1" (for a parameter on an
  identity scale, of its exponential); below: "median 0.67, 95 % below 2" for a half-normal prior;
- unit: the unit of parameters on the scale of the growth curve;
- where, late: the prior median, which depends on the cohort's survival times, and the reason;
- at: the values of the covariates.
"""

from collections.abc import Iterator
from math import exp, inf, sqrt
from typing import TYPE_CHECKING

from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.design.grammar import columns_of
from bayesctc.model.association import EFFECTS, NONE, SLOPE
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import LOG, LOGIT, SCALE, Parameter
from bayesctc.model.scales import Scales

if TYPE_CHECKING:
    from bayesctc.model.design import Design
    from bayesctc.model.spec import ModelSpec

Z95 = 1.959964  # standard normal quantiles: 97.5 %,
Z75 = 0.674490  # 75 %
LARGEST_EXPONENT = 700.0
SENTENCES = {
    ("half_normal", LOG): "{sign}: half-normal({sd:g}), {below} {unit}.",
    ("normal", LOG): "{name}: log-normal({mean:g}, {sd:g}), median {median}, {interval}.",
    ("normal", LOGIT): "{name}: logit-normal({mean:g}, {sd:g}), median {median}, {interval}.",
}
OTHERWISE = "{name}: normal({mean:g}, {sd:g})."


def prior_lines(spec: "ModelSpec", outcome: Outcome = CTC_COUNT, design: "Design | None" = None) -> Iterator[str]:
    """One line per prior that the specification uses; with a `Design`, in the cohort's own numbers."""
    yield from _membership(spec)
    yield from _standard_level(spec.priors, outcome, design) if outcome.standardised else _level(spec, outcome, design)
    yield from _growth(spec, outcome)
    for parameter in FAMILIES[spec.family].parameters:
        yield _sentence(parameter, spec, outcome, design)
    if spec.n_random:
        yield from _random_effects(spec, outcome)
    if spec.endpoint is not None:
        yield from _survival(spec, outcome, design)


def _sentence(parameter: Parameter, spec: "ModelSpec", outcome: Outcome, design: "Design | None", at: str = "") -> str:
    """The prior of a family's or hazard's parameter, in words."""
    prior = parameter.prior
    mean, sd = (float(getattr(spec.priors, name)) if name else 0.0 for name in (prior.mean, prior.sd))
    moved, stretched = parameter.where_data_are(Scales() if design is None else design.scales, 0)
    low, middle, high = (mean + z * sd * stretched for z in (-Z95, 0.0, Z95))
    if parameter.scale == LOGIT:
        median, *ends = (f"{100.0 / (1.0 + exp(-x)):.2g}" for x in (middle, low, high))
        median, interval = f"{median} %", f"95 % between {ends[0]} and {ends[1]} %"
    else:
        median, interval = number(_exp(middle)), f"95 % between {number(_exp(low))} and {number(_exp(high))}"
    template = parameter.prior_sentence or SENTENCES.get((prior.kind, parameter.scale), OTHERWISE)
    return template.format(
        name=parameter.name,
        sign=parameter.sign(spec),
        mean=mean,
        sd=sd,
        median=median,
        interval=interval,
        below=_half_normal(sd),
        unit=_unit(outcome) if parameter.on_curve else parameter.unit,
        where=_exp(moved),
        late=" (no patient is observed from time 0)" if moved else "",
        at=at,
    )


def number(value: float) -> str:
    """Two significant digits, without an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.2g}"


def _factor(sd):
    """A normal(0, sd) on a log scale, as a 95 % interval of ratios."""
    return f"95 % between {number(exp(-Z95 * sd))} and {number(exp(Z95 * sd))}"


def _exp(x):
    """exp, infinite if it overflows."""
    return exp(x) if x < LARGEST_EXPONENT else inf


def _membership(spec):
    if spec.n_classes == 1:
        return
    p, at = spec.priors, ""
    if columns_of(spec.membership, "membership"):
        at = " (at the mean of the terms)"
        yield (
            f"ξ: zero-sum normal over classes, sd {p.membership_covariate_sd:g} per standard deviation of a "
            "direction of the terms; odds ratio between any two classes: "
            f"{_factor(sqrt(2) * p.membership_covariate_sd)}."
        )
    yield (
        f"ξ_0{at}: zero-sum normal over classes, sd {p.membership_sd:g}; odds of any class against another: "
        f"{_factor(sqrt(2) * p.membership_sd)}."
    )


def span_words(design: "Design | None") -> str:
    """The span of time in which a cohort has samples."""
    if design is None:
        return "the span of the samples (5 % to 95 % of their times)"
    low, high = design.basis.span
    return f"the span of the samples ({low:.3g} to {high:.3g} months, 5 % to 95 % of their times)"


def _level(spec, outcome, design):
    """The prior of a class's mean level, in the unit of the outcome."""
    p, curve = spec.priors, FAMILIES[spec.family].curve
    low, median, high = (float(curve.value(outcome, p.level_mean + z * p.level_sd)) for z in (-Z95, 0.0, Z95))
    yield (
        f"Level of a class, the mean of its curve over {span_words(design)}: normal({p.level_mean:g}, "
        f"{p.level_sd:g}), median {curve.prefix}{number(median)} {outcome.words.label}, 95 % between {number(low)} and "
        f"{number(high)}."
    )


def _standard_level(p, outcome, design):
    """The same in standard deviations and, if the samples are known, in the unit of the outcome."""
    yield (
        f"Level of a class, the mean of its curve over {span_words(design)}: normal around the mean of the samples, "
        f"with sd {p.level_sd:g} times their standard deviation."
    )
    if design is not None:
        low, middle, high = (float(design.value(z * p.level_sd)) for z in (-Z95, 0.0, Z95))
        yield (
            f"That is a median {outcome.words.label} of {number(middle)}, 95 % between {number(low)} and "
            f"{number(high)}; the standard deviation of the samples is {design.spread:.3g} in {outcome.words.scale}."
        )


def _growth(spec, outcome):
    p = spec.priors
    line = 2.0 * sqrt(3.0) * p.curve_sd  # a line of root mean square 1 over a span changes by 2 sqrt(3) from end to end
    how = f"factor by which a straight line changes from the start to the end of the span: {_factor(line)}"
    per, size = f"factor on the {outcome.words.value}", _factor(p.longitudinal_sd)
    if outcome.standardised:
        how = f"a straight line changes by up to {number(Z95 * line)} {_unit(outcome)} (95 %)"
        per, size = f"change in {_unit(outcome)}", f"up to {number(Z95 * p.longitudinal_sd)}"
    yield (
        f"Each further component of a class's curve (change over the span, bends; the components are uncorrelated "
        f"over it): normal(0, {p.curve_sd:g}) for its root mean square; {how}."
    )
    if columns_of(spec.longitudinal, "longitudinal"):
        yield (
            f"α: normal(0, {p.longitudinal_sd:g}) per standard deviation of a direction of the terms; {per}: {size}."
        )
    if columns_of(spec.longitudinal_by_class, "longitudinal_by_class"):
        yield (
            f"δ: normal(0, {p.longitudinal_sd:g}) per standard deviation of a direction of the terms, for the change "
            f"of a class's level and for the root mean square of the change of each further component; {per}: {size}."
        )


def _unit(outcome):
    """The unit of the fit's growth curve."""
    return "standard deviations of the samples" if outcome.standardised else outcome.words.scale_unit


def _random_effects(spec, outcome):
    p, unit = spec.priors, _unit(outcome)
    sds = (
        "Standard deviation of the random effect" if spec.n_random == 1 else "Standard deviations of the random effects"
    )
    per = ", of the level and of the further components" if spec.n_random > 1 else ""
    yield f"{sds}{per}: half-normal({p.random_effect_sd:g}), {_half_normal(p.random_effect_sd)} {unit}."
    if spec.n_random > 1:
        from scipy.stats import beta  # slow to import

        a = p.correlation_eta + (spec.n_random - 2) / 2  # each correlation is Beta(a, a) on (-1, 1)
        edge = 2.0 * float(beta.ppf(0.975, a, a)) - 1.0
        yield (
            f"Correlations of the random effects: LKJ({p.correlation_eta:g}), each 95 % between "
            f"{-edge:.2f} and {edge:.2f}."
        )
    if spec.class_specific_random_effects and spec.n_classes > 1:
        yield (
            f"log ω_g: zero-sum normal, sd {p.random_effect_scale_sd:g}; ratio of ω between any two classes: "
            f"{_factor(sqrt(2) * p.random_effect_scale_sd)}."
        )


def _half_normal(sd):
    return f"median {number(Z75 * sd)}, 95 % below {number(Z95 * sd)}"


def _survival(spec, outcome, design):
    p = spec.priors
    covariates = columns_of(spec.survival, "survival") or columns_of(spec.survival_by_class, "survival_by_class")
    at = " (at the mean of the terms)" if covariates else ""
    for parameter in HAZARDS[spec.hazard].parameters:
        yield _sentence(parameter, spec, outcome, design, at)
        if parameter.name == SCALE.name and design is not None:
            of_all = [design.follow_up.months * exp(each) for each in design.follow_up.log_scale]
            names = design.causes or [""]
            each = ", ".join(f"{number(m)} months{' ' * bool(c)}{c}" for m, c in zip(of_all, names, strict=True))
            yield f"In this cohort that value is {each}."
    if spec.association != NONE:
        of = (
            "random effect of one unit of the curve"
            if spec.association == EFFECTS
            else "slope that changes the curve by one unit over the span of the samples"
            if spec.association == SLOPE
            else "unit of the curve"
        )
        yield (
            f"κ: normal(0, {p.association_sd:g}) per {of}, in {_unit(outcome)}; hazard ratio within a class: "
            f"{_factor(p.association_sd)}."
        )
    if covariates:
        yield (
            f"γ: normal(0, {p.hazard_coefficient_sd:g}) per standard deviation of a direction of the terms; hazard "
            f"ratio: {_factor(p.hazard_coefficient_sd)}."
        )
