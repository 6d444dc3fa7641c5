"""The growth curve and the scatter around it, in words and formulas."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bayesctc.data.outcome import Outcome
from bayesctc.design.basis import DEGREES
from bayesctc.design.grammar import columns_of
from bayesctc.model.families import FAMILIES

if TYPE_CHECKING:
    from bayesctc.model.design import Design
    from bayesctc.model.spec import ModelSpec

_POWERS, _TREATMENT = ("", " s", " s²", " s³"), ("", " exp(−t/τ)", " s")


def curve_words(spec: "ModelSpec") -> str:
    """The form of the growth curve, in a few words."""
    return "a level, a fall and a drift" if spec.growth == "treatment" else f"{spec.growth} curves"


def growth_time(spec: "ModelSpec", since: str = "months") -> str:
    """The time s of the growth curve, as a formula."""
    origin = float(spec.time_origin)
    if origin:
        since = f"({since} {'−' if origin > 0 else '+'} {abs(origin):g})"
    return f"{since} / {spec.growth_unit:g}"


def growth_lines(spec: "ModelSpec", outcome: Outcome, design: "Design | None") -> list[str]:
    """The submodel of the samples, line by line."""
    family, words, several = FAMILIES[spec.family], outcome.words, spec.n_classes > 1
    lines = [f"Unit of time: s = {growth_time(spec, 'months since the start of treatment')}."]
    if family.reads_transformed:
        lines.append(f"y_ij = {words.scale} of sample j, {words.definition}.")
    who, terms = "Given class g: " if several else "", _terms(spec)
    covariates = columns_of(spec.longitudinal, "longitudinal")
    effects = " + w_ij′α" if covariates else ""
    if columns_of(spec.longitudinal_by_class, "longitudinal_by_class"):
        effects += f" + Σ_m v_ijm d_m{'g' if several else ''}(s)"
    deviation = "".join(f" + b_{k}i{terms[k]}" for k in range(spec.n_random))
    curve = _curve(spec, "g" if several else "")
    if family.reads_transformed:
        lines.append(f"{who}y_ij = {curve}{effects}{deviation} + ε_ij.")
        lines.append(_residual(spec, family) if family.residual else f"Family {spec.family}: {family.formula}.")
    else:
        lines.append(f"{who}η_ij = {curve}{effects}{deviation}.")
        lines.append(f"Family {spec.family}: {family.formula}.")
    if spec.n_random and not spec.closed_form:
        lines.append("Random effects are integrated by adaptive Gauss-Hermite quadrature.")
    lines += _treatment_lines(spec, words.scale, design) if spec.growth == "treatment" else _spline_lines(spec)
    if covariates:
        lines.append(
            f"w_ij: the terms of {spec.longitudinal}; their effects α are common to all classes."
            if several
            else f"w_ij: the terms of {spec.longitudinal}, with effects α."
        )
    by_class = columns_of(spec.longitudinal_by_class, "longitudinal_by_class")
    lines += _curves_by_class(spec) if by_class else []
    lines.append(_random_effects(spec))
    if several:
        lines.append(
            f"By class: the growth curve β{' and its changes δ' * bool(by_class)}. Common to all classes: "
            + ", ".join(_common_growth(spec))
            + "."
        )
    if family.reads_transformed:
        whose = "the class's median" if several else "the median"
        named = " and ".join(sign for sign, used in (("w", covariates), ("v", by_class)) if used)
        zero = f" where the terms of {named} are 0" if named else ""
        lines.append(f"{words.inverse} is {whose} {words.quantity} over patients and their samples{zero}.")
    return lines


def _curves_by_class(spec):
    several = spec.n_classes > 1
    g = "g" if several else ""
    terms = [f"δ_m{k}{g}{term}" for k, term in enumerate(_terms(spec))]
    curve = " + ".join([*terms, *(["its own multiples of the bends"] if spec.growth == "spline" else [])])
    whose = "the curve of class g" if several else "the curve"
    return [
        f"v_ijm: the terms of {spec.longitudinal_by_class}. One unit of term m changes {whose} by d_m{g}(s), which has "
        f"the same terms as β: d_m{g}(s) = {curve}."
    ]


def _curve(spec, by_class):
    if spec.growth == "spline":
        bends = f"Σ_k θ_k{by_class} B_k(s)"
        return f"β_0{by_class} + β_1{by_class} s + {bends}"
    return " + ".join(f"β_{k}{by_class}{term}" for k, term in enumerate(_terms(spec)))


def _terms(spec):
    """The functions that the coefficients of a curve multiply, without the bends of a spline."""
    return _TREATMENT if spec.growth == "treatment" else _POWERS[: DEGREES.get(spec.growth, 1) + 1]


def _treatment_lines(spec, of, design):
    tau = spec.fall_months if design is None else design.basis.fall
    found = (
        "given"
        if spec.fall_months is not None
        else (f"the value at which least squares within patients explain most of {of}, then held fixed")
    )
    return [
        f"t: months since the start of treatment, 0 before it. τ{'' if tau is None else f' = {tau:.2g} months'} "
        f"({found}): the fall β_1 has faded to 37 % at t = τ and to 5 % at t = 3 τ."
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
    return [f"B_k: the {number} of a natural cubic spline with knots {where}, linear beyond the outer knots."]


def _residual(spec, family):
    signs = {p.name: p.sign(spec) for p in family.parameters}
    own = [p for p in family.parameters if signs[p.name].endswith("_g")]
    line = f"Residuals: ε_ij ~ {family.residual.format(**signs)}, independent"
    if own:
        line += ", with " + " and ".join(f"a {p.noun} {signs[p.name]}" for p in own) + " for each class"
    elif spec.n_classes > 1:
        line += f", {' and '.join(signs.values())} common to all classes"
    return line + "."


def _random_effects(spec):
    if spec.n_random == 0:
        around = "the curve of their class" if spec.n_classes > 1 else "the curve"
        return f"No random effects: patients follow {around} and differ from it only by residuals."
    names = ("intercept", "fall" if spec.growth == "treatment" else "slope", "quadratic term")[: spec.n_random]
    what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    scaled = spec.class_specific_random_effects and spec.n_classes > 1
    matrix = "a variance D" if spec.n_random == 1 else f"an unstructured {spec.n_random} × {spec.n_random} covariance D"
    text = f"Random effects of a patient on the {what}: b_i ~ Normal(0, {'ω_g² D' if scaled else 'D'}), with {matrix}"
    if scaled:
        return text + " common to all classes and a factor ω_g for each class, Σ_g log ω_g = 0."
    return text + (" common to all classes." if spec.n_classes > 1 else ".")


def _common_growth(spec) -> Iterator[str]:
    parameters = FAMILIES[spec.family].parameters
    common = [f"the {p.words}" for p in parameters if p.by_class and not getattr(spec, p.by_class)]
    if columns_of(spec.longitudinal, "longitudinal"):
        yield "the covariates' effects α"
    yield from common
    if spec.n_random:
        yield "the random-effect covariance D" + (" up to the factor ω_g" if spec.class_specific_random_effects else "")
    elif not common and not columns_of(spec.longitudinal, "longitudinal"):
        yield "nothing"
