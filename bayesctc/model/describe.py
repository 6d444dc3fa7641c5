"""A specification in words and formulas: what is assumed of classes, counts, survival and priors."""

import textwrap

from bayesctc.design.basis import DEGREES
from bayesctc.design.formulas import columns_of
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.prior_text import prior_lines
from bayesctc.model.spec import ModelSpec

WIDTH = 110
ENDPOINTS = {"os": "overall survival", "pfs": "progression-free survival", "ttf": "time to treatment failure"}
_POWERS = ("", " s", " s²", " s³")
_SUB = "₀₁₂₃"


def describe(spec: ModelSpec) -> str:
    """The model in words and formulas, priors on scales a clinician can read.

    Parameters
    ----------
    spec : ModelSpec

    Returns
    -------
    str
        Plain text, a heading and indented lines for each part.
    """
    lines = [title(spec)]
    for heading, items in sections(spec):
        lines += ["", heading]
        for item in items:
            lines += textwrap.wrap(item, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    return "\n".join(lines)


def title(spec: ModelSpec) -> str:
    """The model in one sentence."""
    K = spec.n_classes
    if K == 1:
        what = "One class: a single growth curve of log counts for all patients"
        return what + ("." if spec.endpoint is None else f", beside a model of {endpoint_words(spec)} that does not "
                       "depend on it.")  # fmt: skip
    if spec.endpoint is None:
        return f"A growth mixture model with {K} latent classes of log counts over time, without survival."
    return f"A joint latent class model with {K} classes: log counts over time, and {endpoint_words(spec)}."


def endpoint_words(spec: ModelSpec) -> str:
    """The endpoint by its full name."""
    name = str(spec.endpoint)
    return f"{ENDPOINTS[name]} ({name})" if name in ENDPOINTS else f"the endpoint {name}"


def sections(spec: ModelSpec) -> list[tuple[str, list[str]]]:
    """The parts of the description: heading and lines."""
    parts = [("Classes", _classes(spec)), ("Counts over time", _counts(spec))]
    parts.append(("Survival", _survival(spec)))
    parts.append(("Likelihood", _likelihood(spec)))
    parts.append(("Priors (they play no part in a maximum-likelihood fit)", list(prior_lines(spec))))
    parts.append(("Assumptions", _assumptions(spec)))
    return parts


def has_covariates(formula: str, what: str) -> bool:
    """Whether a formula has terms beside the intercept."""
    return bool(columns_of(formula, what))


def _classes(spec):
    if spec.n_classes == 1:
        lines = ["There is one class, to which every patient belongs."]
        if has_covariates(spec.membership, "membership"):
            lines.append(f"The membership formula {spec.membership} has no effect with one class.")
        return lines
    K = spec.n_classes
    lines = [f"Patient i belongs to one of K = {K} classes g, which are not observed and do not change with time."]
    if has_covariates(spec.membership, "membership"):
        lines.append("P(class g | xᵢ) = exp(ξ₀g + xᵢ′ξg) / Σₕ exp(ξ₀ₕ + xᵢ′ξₕ), with xᵢ the terms of "
                     f"{spec.membership}.")  # fmt: skip
    else:
        lines.append("P(class g) = exp(ξ₀g) / Σₕ exp(ξ₀ₕ), the same for every patient (membership ~ 1).")
    lines.append("Each coefficient ξ sums to zero over the classes, so that no class is a reference.")
    lines.append("Classes are numbered by their mean log(1 + count) over months 0 to 12, lowest first.")
    return lines


def _counts(spec):
    by_class = "g" if spec.n_classes > 1 else ""
    lines = [
        "Unit of time: s = months since the start of treatment / 6 (samples before day 0 have s < 0).",
        "yᵢⱼ = log(1 + count per 7.5 mL) of sample j, natural logarithm; a count c in v mL is c · 7.5 / v per 7.5 mL.",
    ]
    who = "Given class g: " if spec.n_classes > 1 else ""
    effects = " + wᵢⱼ′α" if has_covariates(spec.longitudinal, "longitudinal") else ""
    deviation = "".join(f" + b{_SUB[k]}ᵢ{_POWERS[k]}" for k in range(spec.n_random))
    curve = _curve(spec, by_class)
    if spec.family == "gaussian":
        lines.append(f"{who}yᵢⱼ = {curve}{effects}{deviation} + εᵢⱼ.")
        lines.append(_residual(spec))
    else:
        lines.append(f"{who}ηᵢⱼ = {curve}{effects}{deviation}.")
        lines.append(f"Family {spec.family}: {FAMILIES[spec.family].formula}.")
    lines += _spline_lines(spec)
    if effects:
        lines.append(f"wᵢⱼ: the terms of {spec.longitudinal}; their effects α are common to all classes."
                     if spec.n_classes > 1 else f"wᵢⱼ: the terms of {spec.longitudinal}, with effects α.")  # fmt: skip
    lines.append(_random_effects(spec))
    if spec.n_classes > 1:
        lines.append("By class: the growth curve β. Common to all classes: " + ", ".join(_common_growth(spec)) + ".")
    if spec.family == "gaussian":
        curve_words = "the class's median count" if spec.n_classes > 1 else "the median count"
        lines.append(f"exp(curve) − 1 is {curve_words} per 7.5 mL, over patients and their samples.")
    return lines


def _curve(spec, by_class):
    if spec.growth == "spline":
        bends = f"Σₖ β₍ₖ₊₁₎{by_class} Bₖ(s)"
        return f"β₀{by_class} + β₁{by_class} s + {bends}"
    return " + ".join(f"β{_SUB[k]}{by_class}{_POWERS[k]}" for k in range(DEGREES[spec.growth] + 1))


def _spline_lines(spec):
    if spec.growth != "spline":
        return []
    if spec.knots is not None:
        inner, where = len(spec.knots) - 2, f"at {', '.join(f'{k:g}' for k in spec.knots)} months (given)"
    else:
        inner, n = spec.spline_df - 1, spec.spline_df + 1
        where = f"at {n} quantiles of the sample times, evenly spaced from 5 % to 95 %"
    number = "1 bend" if inner == 1 else f"{inner} bends"
    return [f"Bₖ: the {number} of a natural cubic spline with knots {where}; beyond the outer knots it is a line."]


def _residual(spec):
    if spec.class_specific_sigma and spec.n_classes > 1:
        return "Residuals: εᵢⱼ ~ Normal(0, σg²), independent, with a standard deviation σg for each class."
    return "Residuals: εᵢⱼ ~ Normal(0, σ²), independent" + (", σ common to all classes." if spec.n_classes > 1 else ".")


def _random_effects(spec):
    if spec.n_random == 0:
        around = "the curve of their class" if spec.n_classes > 1 else "the curve"
        return f"No random effects: patients follow {around}, and differ from it by residuals alone."
    names = ("intercept", "slope", "quadratic term")[: spec.n_random]
    what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    scaled = spec.class_specific_random_effects and spec.n_classes > 1
    matrix = "a variance D" if spec.n_random == 1 else f"an unstructured {spec.n_random} × {spec.n_random} covariance D"
    text = f"Random effects of a patient on the {what}: bᵢ ~ Normal(0, {'ωg² D' if scaled else 'D'}), with {matrix}"
    if scaled:
        return text + " common to all classes and a factor ωg for each class, Σ log ωg = 0."
    return text + (" common to all classes." if spec.n_classes > 1 else ".")


def _common_growth(spec):
    if has_covariates(spec.longitudinal, "longitudinal"):
        yield "the covariates' effects α"
    if spec.family == "gaussian" and not spec.class_specific_sigma:
        yield "the residual standard deviation σ"
    if spec.n_random:
        yield "the random-effect covariance D" + (" up to ωg" if spec.class_specific_random_effects else "")
    elif spec.class_specific_sigma and not has_covariates(spec.longitudinal, "longitudinal"):
        yield "nothing"


def _survival(spec):
    if spec.endpoint is None:
        return ["Survival is not modelled: classes come from the counts alone."]
    several = spec.n_classes > 1
    alike = has_covariates(spec.survival, "survival")
    by_class = has_covariates(spec.survival_by_class, "survival_by_class")
    predictor = " + ".join([*(["xᵢ′γ"] if alike else []), *(["zᵢ′γg" if several else "zᵢ′γ₂"] if by_class else [])])
    g, shape = ("g", "a" if spec.common_shape else "ag") if several else ("", "a")
    lines = [f"Time T from the start of treatment to {endpoint_words(spec)}, in months; censored from the right."]
    if spec.hazard == "weibull":
        product = f" · exp({predictor})" if predictor else ""
        lines.append(f"Weibull: cumulative hazard H{g}(t{' | xᵢ' if predictor else ''}) = (t / s{g})^{shape}{product}, "
                     f"survival S{g} = exp(−H{g}).")  # fmt: skip
        zero = ", with all terms at 0," if predictor else ""
        lines.append(f"Scale s{g}, months: the time by which 63 % have the event{zero}. Shape {shape}: below 1 the "
                     "hazard falls with time, above 1 it rises.")  # fmt: skip
    else:
        lines.append(f"{spec.hazard}: {HAZARDS[spec.hazard].formula}")
    if alike:
        lines.append(f"xᵢ: the terms of {spec.survival}, with log hazard ratios γ" + (" alike in all classes." if several
                     else "."))  # fmt: skip
    if by_class:
        lines.append(f"zᵢ: the terms of {spec.survival_by_class}, with log hazard ratios of their own in each class."
                     if several else f"zᵢ: the terms of {spec.survival_by_class}, with log hazard ratios γ₂.")  # fmt: skip
    if several:
        lines.append(_between_classes(spec, by_class))
    return lines


def _between_classes(spec, by_class):
    if spec.hazard != "weibull":
        return "By class: the baseline hazard's scale."
    if spec.common_shape:
        given = " for the same covariates" if by_class else ""
        return ("By class: the scale. Common: the shape, so hazards are proportional between classes, with hazard ratio "
                f"(sₕ / sg)^a of class g against class h{' where z is 0, and constant in time' if by_class else ''}"
                f"{given}.")  # fmt: skip
    return (
        "By class: scale and shape, so the hazard ratio between classes changes with time. It is reported as exp of the "
        "mean log hazard ratio over the observed event times, beside differences in survival."
    )


def _likelihood(spec):
    K, joint = spec.n_classes, spec.endpoint is not None
    if K == 1:
        product = "f(yᵢ) h(Tᵢ)^eventᵢ S(Tᵢ) / S(entryᵢ)" if joint else "f(yᵢ)"
        first = f"Patient i contributes {product}, random effects integrated out."
    elif joint:
        first = ("Patient i contributes log Lᵢ = log Σg πᵢg fg(yᵢ) hg(Tᵢ)^eventᵢ Sg(Tᵢ) − log Σg πᵢg Sg(entryᵢ), class and "
                 "random effects integrated out.")  # fmt: skip
    else:
        first = "Patient i contributes log Lᵢ = log Σg πᵢg fg(yᵢ), class and random effects integrated out."
    lines = [first]
    if joint:
        lines.append("It conditions on being free of the event at entry (delayed entry); entry is 0, where S = 1, unless "
                     "the cohort has an entry column or an inclusion rule that sets one.")  # fmt: skip
        lines.append(f"Samples after the {spec.endpoint} time are left out. A patient without samples contributes by "
                     "survival alone.")  # fmt: skip
    return lines


def _assumptions(spec):
    lines = []
    if spec.endpoint is not None:
        if spec.n_classes > 1:
            lines.append("Conditional independence: given class and covariates, counts and survival are independent. A "
                         "patient's deviation from the class's curve does not act on the hazard.")  # fmt: skip
        else:
            lines.append("With one class, counts and survival are independent; the model says nothing of their relation.")
        lines.append("Censoring, given class and covariates, says nothing of the time of the event.")
        lines.append("Missing at random: whether sampling goes on depends on observed counts and covariates and on the "
                     "modelled event, not on counts that were not seen.")  # fmt: skip
    else:
        lines.append("Missing at random: whether sampling goes on (drop-out, progression, death) depends on observed "
                     "counts and covariates, not on counts that were not seen.")  # fmt: skip
    if spec.n_random:
        lines.append("Random effects are normal, and the samples of a patient are independent given them"
                     + (" and the class." if spec.n_classes > 1 else "."))  # fmt: skip
    else:
        lines.append("The samples of a patient are independent" + (" given the class." if spec.n_classes > 1 else "."))
    if spec.family == "gaussian":
        lines.append("log(1 + count) is treated as continuous and normal: zeros and rounding are not modelled as such.")
    if has_covariates(spec.longitudinal, "longitudinal") and "time" in columns_of(spec.longitudinal, "longitudinal"):
        lines.append("In the longitudinal formula, time is the sample's, in months (not in units of 6 months).")
    if spec.n_classes > 1:
        lines.append(f"The number of classes, {spec.n_classes}, is taken as known. Classes summarise a distribution; they "
                     "need not be biological groups.")  # fmt: skip
    return lines
