"""A specification in words and formulas: what is assumed of classes, counts, survival and priors."""

import textwrap

from bayesctc.data import Marker
from bayesctc.data.marker import in_words
from bayesctc.design.basis import DEGREES
from bayesctc.design.grammar import columns_of
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.prior_text import prior_lines, span_words
from bayesctc.model.spec import ModelSpec

WIDTH = 110
ENDPOINTS = {"os": "overall survival", "pfs": "progression-free survival", "ttf": "time to treatment failure"}
_POWERS, _TREATMENT = ("", " s", " s²", " s³"), ("", " exp(−t/τ)", " s")


def describe(
    spec: ModelSpec,
    causes: tuple[str, ...] = (),
    marker: Marker | None = None,
    design: Design | None = None,
    samples_after: str | None = None,
) -> str:
    """The model in words and formulas, priors on scales a clinician can read.

    Parameters
    ----------
    spec : ModelSpec
    causes : tuple of str
        Competing events of the endpoint.
    marker : Marker, optional
        What grows, where it is not a count.
    design : Design, optional
        The specification settled on a cohort: what is relative to the data is then said in its numbers.
    samples_after : {"drop", "keep"}, optional
        `Cohort.samples_after_endpoint`: whether samples after the endpoint leave its analysis.

    Returns
    -------
    str
        Plain text, a heading and indented lines for each part.
    """
    lines = [title(spec, marker)]
    for heading, items in sections(spec, causes, marker, design, samples_after):
        lines += ["", heading]
        for item in items:
            lines += textwrap.wrap(
                item,
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def title(spec: ModelSpec, marker: Marker | None = None) -> str:
    """The model in one sentence."""
    return in_words(_title(spec), marker)


def _title(spec):
    K = spec.n_classes
    if K == 1:
        what = "One class: a single growth curve of log counts for all patients"
        return what + (
            "." if spec.endpoint is None else f", beside a model of {endpoint_words(spec)} that does not depend on it."
        )
    if spec.endpoint is None:
        return f"A growth mixture model with {K} latent classes of log counts over time, without survival."
    return f"A joint latent class model with {K} classes: log counts over time, and {endpoint_words(spec)}."


def endpoint_words(spec: ModelSpec) -> str:
    """The endpoint by its full name."""
    name = str(spec.endpoint)
    return f"{ENDPOINTS[name]} ({name})" if name in ENDPOINTS else f"the endpoint {name}"


def sections(
    spec: ModelSpec,
    causes: tuple[str, ...] = (),
    marker: Marker | None = None,
    design: Design | None = None,
    samples_after: str | None = None,
) -> list[tuple[str, list[str]]]:
    """The parts of the description, heading and lines; parameters as `describe` takes them."""
    parts = [("Classes", _classes(spec, design)), ("Counts over time", _counts(spec, marker, design))]
    parts.append(("Survival", [*_survival(spec), *_competing(causes)]))
    parts.append(("Likelihood", [*_likelihood(spec, samples_after), *_competing_likelihood(causes)]))
    priors = list(prior_lines(spec, marker, design))
    if causes:
        priors.append(f"The priors of a hazard are those of each cause's ({', '.join(causes)}).")
    parts.append(("Priors (they play no part in a maximum-likelihood fit)", priors))
    parts.append(("Assumptions", _assumptions(spec, marker)))
    return [(in_words(heading, marker), [in_words(line, marker) for line in lines]) for heading, lines in parts]


def has_covariates(formula: str, what: str) -> bool:
    """Whether a formula has terms beside the intercept."""
    return bool(columns_of(formula, what))


def _classes(spec, design):
    if spec.n_classes == 1:
        lines = ["There is one class, to which every patient belongs."]
        if has_covariates(spec.membership, "membership"):
            lines.append(f"The membership formula {spec.membership} has no effect with one class.")
        return lines
    K = spec.n_classes
    lines = [f"Patient i belongs to one of K = {K} classes g, which are not observed and do not change with time."]
    if has_covariates(spec.membership, "membership"):
        lines.append(
            "P(class g | x_i) = exp(ξ_0g + x_i′ξ_g) / Σ_h exp(ξ_0h + x_i′ξ_h), with x_i the terms of "
            f"{spec.membership}."
        )
    else:
        lines.append("P(class g) = exp(ξ_0g) / Σ_h exp(ξ_0h), the same for every patient (membership ~ 1).")
    lines.append("Each coefficient ξ sums to zero over the classes, so that no class is a reference.")
    of = FAMILIES[spec.family].curve
    lines.append(f"Classes are numbered by their mean {of} over {span_words(design)}, lowest first.")
    return lines


def curve_words(spec: ModelSpec) -> str:
    """What a growth curve is, in a few words."""
    return "a level, a fall and a drift" if spec.growth == "treatment" else f"{spec.growth} curves"


def growth_time(spec: ModelSpec, since: str = "months") -> str:
    """The time s of the growth curve, as a formula."""
    origin = float(spec.time_origin)
    if origin:
        since = f"({since} {'−' if origin > 0 else '+'} {abs(origin):g})"
    return f"{since} / {spec.growth_unit:g}"


def _counts(spec, marker, design):
    by_class = "g" if spec.n_classes > 1 else ""
    lines = [f"Unit of time: s = {growth_time(spec, 'months since the start of treatment')}."]
    if marker is not None:
        lines.append(f"y_ij = {marker.words.scale} of sample j, {marker.words.label}.")
    elif spec.family == "gaussian":
        lines.append(
            "y_ij = log(1 + count per 7.5 mL) of sample j, natural logarithm; a count c in v mL is c · 7.5 / v per "
            "7.5 mL."
        )
    who, terms = "Given class g: " if spec.n_classes > 1 else "", _terms(spec)
    effects = " + w_ij′α" if has_covariates(spec.longitudinal, "longitudinal") else ""
    deviation = "".join(f" + b_{k}i{terms[k]}" for k in range(spec.n_random))
    curve = _curve(spec, by_class)
    if spec.family == "gaussian":
        lines.append(f"{who}y_ij = {curve}{effects}{deviation} + ε_ij.")
        lines.append(_residual(spec))
    else:
        lines.append(f"{who}η_ij = {curve}{effects}{deviation}.")
        lines.append(f"Family {spec.family}: {FAMILIES[spec.family].formula}.")
        if spec.n_random:
            lines.append("Random effects are integrated by adaptive Gauss-Hermite quadrature.")
    lines += _treatment_lines(spec, marker, design) if spec.growth == "treatment" else _spline_lines(spec)
    if effects:
        lines.append(
            f"w_ij: the terms of {spec.longitudinal}; their effects α are common to all classes."
            if spec.n_classes > 1
            else f"w_ij: the terms of {spec.longitudinal}, with effects α."
        )
    lines.append(_random_effects(spec))
    if spec.n_classes > 1:
        lines.append("By class: the growth curve β. Common to all classes: " + ", ".join(_common_growth(spec)) + ".")
    if spec.family == "gaussian":
        whose = "the class's median" if spec.n_classes > 1 else "the median"
        zero = " where the terms of w are 0" if effects else ""
        back, what = ("exp(curve) − 1", "count per 7.5 mL")
        if marker is not None:
            back = {"log": "exp(curve)", "log1p": back, "identity": "The curve"}[marker.transform]
            what = marker.words.label
        lines.append(f"{back} is {whose} {what} over patients and their samples{zero}.")
    return lines


def _curve(spec, by_class):
    if spec.growth == "spline":
        bends = f"Σ_k θ_k{by_class} B_k(s)"
        return f"β_0{by_class} + β_1{by_class} s + {bends}"
    return " + ".join(f"β_{k}{by_class}{term}" for k, term in enumerate(_terms(spec)))


def _terms(spec):
    """What the coefficients of a curve multiply; of a spline, but for its bends."""
    return _TREATMENT if spec.growth == "treatment" else _POWERS[: DEGREES.get(spec.growth, 1) + 1]


def _treatment_lines(spec, marker, design):
    tau = spec.fall_months if design is None else design.basis.fall
    of = "log(1 + count per 7.5 mL)" if marker is None else marker.words.scale
    found = (
        "given"
        if spec.fall_months is not None
        else (f"settled on the data, where least squares within patients explain most of {of}, and held fixed")
    )
    return [
        f"t: months since the start of treatment, 0 before it; τ{'' if tau is None else f' = {tau:.2g} months'} "
        f"({found}): the fall β_1 has faded to 37 % at t = τ, to 5 % at t = 3 τ."
    ]


def _spline_lines(spec):
    if spec.growth != "spline":
        return []
    if spec.knots is not None:
        inner, where = len(spec.knots) - 2, f"at {', '.join(f'{k:g}' for k in spec.knots)} months (given)"
    else:
        inner, n = spec.spline_df - 1, spec.spline_df + 1
        where = f"at {n} quantiles of the sample times, evenly spaced from 5 % to 95 %"
    number = "1 bend" if inner == 1 else f"{inner} bends"
    return [f"B_k: the {number} of a natural cubic spline with knots {where}; beyond the outer knots it is a line."]


def _residual(spec):
    if spec.class_specific_sigma and spec.n_classes > 1:
        return "Residuals: ε_ij ~ Normal(0, σ_g²), independent, with a standard deviation σ_g for each class."
    return "Residuals: ε_ij ~ Normal(0, σ²), independent" + (
        ", σ common to all classes." if spec.n_classes > 1 else "."
    )


def _random_effects(spec):
    if spec.n_random == 0:
        around = "the curve of their class" if spec.n_classes > 1 else "the curve"
        return f"No random effects: patients follow {around}, and differ from it by residuals alone."
    names = ("intercept", "fall" if spec.growth == "treatment" else "slope", "quadratic term")[: spec.n_random]
    what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    scaled = spec.class_specific_random_effects and spec.n_classes > 1
    matrix = "a variance D" if spec.n_random == 1 else f"an unstructured {spec.n_random} × {spec.n_random} covariance D"
    text = f"Random effects of a patient on the {what}: b_i ~ Normal(0, {'ω_g² D' if scaled else 'D'}), with {matrix}"
    if scaled:
        return text + " common to all classes and a factor ω_g for each class, Σ_g log ω_g = 0."
    return text + (" common to all classes." if spec.n_classes > 1 else ".")


def _common_growth(spec):
    if has_covariates(spec.longitudinal, "longitudinal"):
        yield "the covariates' effects α"
    yield from _common_family(spec)
    if spec.n_random:
        yield "the random-effect covariance D" + (" up to ω_g" if spec.class_specific_random_effects else "")
    elif not any(_common_family(spec)) and not has_covariates(spec.longitudinal, "longitudinal"):
        yield "nothing"


def _common_family(spec):
    """Parameters of the family that the classes share."""
    parameters = FAMILIES[spec.family].parameters
    return [f"the {p.words}" for p in parameters if p.by_class and not getattr(spec, p.by_class)]


def _survival(spec):
    if spec.endpoint is None:
        return ["Survival is not modelled: classes come from the counts alone."]
    several = spec.n_classes > 1
    alike = has_covariates(spec.survival, "survival")
    by_class = has_covariates(spec.survival_by_class, "survival_by_class")
    predictor = " + ".join(
        [*(["x_i′γ"] if alike else []), *(["z_i′γ_g" if several else "z_i′γ_2"] if by_class else [])]
    )
    g, shape = ("_g", "shape" if spec.common_shape else "shape_g") if several else ("", "shape")
    lines = [
        f"Time T: months from the start of treatment to the event of {endpoint_words(spec)}; censored from the right."
    ]
    if spec.hazard == "weibull":
        product = f" · exp({predictor})" if predictor else ""
        given = " | x_i" if predictor else ""
        lines.append(
            f"Weibull: cumulative hazard H{g}(t{given}) = (t / scale{g})^{shape}{product}, survival S{g} = exp(−H{g})."
        )
        zero = " where all terms are 0" if predictor else ""
        lines.append(
            f"scale{g}: months by which 63 % have the event{zero}. {shape}: below 1 the "
            "hazard falls with time, above 1 it rises."
        )
    else:
        lines.append(f"Hazard {spec.hazard}: {HAZARDS[spec.hazard].formula}.")
        if spec.hazard == "piecewise":
            knots = spec.hazard_knots
            lines.append(
                f"Knots: {knots}, at quantiles of the event times."
                if isinstance(knots, int)
                else f"Knots: {', '.join(f'{k:g}' for k in knots)} months."
            )
    if alike:
        where = " alike in all classes" if several else ""
        lines.append(f"x_i: the terms of {spec.survival}, with log hazard ratios γ{where}.")
    if by_class:
        where = "of their own in each class" if several else "γ_2"
        lines.append(f"z_i: the terms of {spec.survival_by_class}, with log hazard ratios {where}.")
    if several:
        lines.append(_between_classes(spec, by_class))
    return lines


def _competing(causes):
    if not causes:
        return []
    named = ", ".join(f"{code} = {cause}" for code, cause in enumerate(causes, start=1))
    return [
        f"Competing events: the event is of one of {len(causes)} causes ({named}), whichever comes first. Each cause c "
        "has a hazard of its own, of the form above and with the same covariates; its parameters end in the cause's "
        "name.",
        "S, the probability of being free of all of them, is the product of exp(−H_c) over the causes. The cumulative "
        "incidence of a cause is ∫ h_c S du: what is seen while the other causes are at work.",
    ]


def _competing_likelihood(causes):
    if not causes:
        return []
    return [
        "With competing events h(T_i)^δ_i is Π_c h_c(T_i)^δ_ic, with δ_ic 1 where cause c happened: for a cause, the "
        "others end follow-up. This needs no assumption about how the causes depend on each other."
    ]


def _between_classes(spec, by_class):
    if spec.hazard != "weibull":
        rest = "; the rest of the hazard is common, so hazards are proportional" if spec.common_shape else ""
        return f"By class: {'the scale' if spec.common_shape else 'every parameter of the hazard'}{rest}."
    if spec.common_shape:
        where = ", where the terms of z are 0" if by_class else ""
        return (
            "By class: the scale. Common: the shape, so hazards are proportional between classes: the hazard "
            f"ratio of class g against class h is (scale_h / scale_g)^shape at all times{where}."
        )
    return (
        "By class: scale and shape, so the hazard ratio between classes changes with time. It is reported as exp of "
        "the mean log hazard ratio over the observed event times, beside differences in survival."
    )


def _likelihood(spec, samples_after):
    K, joint = spec.n_classes, spec.endpoint is not None
    if K == 1:
        product = "f(y_i) h(T_i)^δ_i S(T_i) / S(e_i)" if joint else "f(y_i)"
        first = f"Patient i contributes {product}, random effects integrated out."
    elif joint:
        first = (
            "Patient i contributes log L_i = log Σ_g π_ig f_g(y_i) h_g(T_i)^δ_i S_g(T_i) − log Σ_g π_ig "
            "S_g(e_i), class and random effects integrated out."
        )
    else:
        first = "Patient i contributes log L_i = log Σ_g π_ig f_g(y_i), class and random effects integrated out."
    lines = [first]
    if joint:
        lines.append(
            "δ_i is 1 for the event and 0 for censoring. The term with e_i, the entry time, conditions on "
            "being free of the event then (delayed entry); e_i is 0, where S = 1, unless the cohort has an "
            "entry column or an inclusion rule that sets one."
        )
        lines.append(f"{_samples_after(spec, samples_after)} A patient without samples contributes by survival alone.")
    return lines


def _samples_after(spec, samples_after):
    """What becomes of samples after the endpoint, which the cohort decides; what is usual where there is none."""
    if samples_after == "keep":
        return f"Samples after the {spec.endpoint} time are kept, and belong to the curve as the others do."
    usual = ", unless the cohort keeps them" if samples_after is None else ""
    return f"Samples after the {spec.endpoint} time are left out{usual}."


def _assumptions(spec, marker):
    lines = []
    if spec.endpoint is not None:
        if spec.n_classes > 1:
            lines.append(
                "Conditional independence: given class and covariates, counts and survival are independent. A "
                "patient's deviation from the class's curve does not act on the hazard."
            )
        else:
            lines.append(
                "With one class, counts and survival are independent; the model says nothing of their relation."
            )
        lines.append("Censoring, given class and covariates, says nothing of the time of the event.")
        lines.append(
            "Missing at random: whether sampling goes on depends on observed counts and covariates and on the "
            "modelled event, not on counts that were not seen."
        )
    else:
        lines.append(
            "Missing at random: whether sampling goes on (drop-out, progression, death) depends on observed "
            "counts and covariates, not on counts that were not seen."
        )
    if spec.n_random:
        lines.append(
            "Random effects are normal, and the samples of a patient are independent given them"
            + (" and the class." if spec.n_classes > 1 else ".")
        )
    else:
        lines.append("The samples of a patient are independent" + (" given the class." if spec.n_classes > 1 else "."))
    if marker is not None:
        lines.append(f"{marker.words.scale} is treated as continuous and normal.")
    elif spec.family == "gaussian":
        lines.append("log(1 + count) is treated as continuous and normal: zeros and rounding are not modelled as such.")
    if has_covariates(spec.longitudinal, "longitudinal") and "time" in columns_of(spec.longitudinal, "longitudinal"):
        lines.append("In the longitudinal formula, time is the sample's, in months (not in units of s).")
    if spec.n_classes > 1:
        lines.append(
            f"The number of classes, {spec.n_classes}, is taken as known. Classes summarise a distribution; "
            "they need not be biological groups."
        )
    return lines
