"""The hazards, in words and formulas."""

from typing import TYPE_CHECKING

from bayesctc.data.outcome import Outcome
from bayesctc.design.grammar import columns_of
from bayesctc.model.association import AREA, EFFECTS, NONE, SLOPE, VALUE
from bayesctc.model.hazards import HAZARDS

if TYPE_CHECKING:
    from bayesctc.model.design import Design
    from bayesctc.model.spec import ModelSpec

ENDPOINTS = {"os": "overall survival", "pfs": "progression-free survival", "ttf": "time to treatment failure"}


def endpoint_words(spec: "ModelSpec") -> str:
    """The endpoint by its full name."""
    name = str(spec.endpoint)
    return f"{ENDPOINTS[name]} ({name})" if name in ENDPOINTS else f"the endpoint {name}"


def survival_lines(
    spec: "ModelSpec", outcome: Outcome, causes: tuple[str, ...], changing: tuple[str, ...] = ()
) -> list[str]:
    """The submodel of survival, line by line; `changing` are the covariates that change during follow-up."""
    if spec.endpoint is None:
        return [f"Survival is not modelled: classes are based on the {outcome.words.values} alone."]
    several, hazard = spec.n_classes > 1, HAZARDS[spec.hazard]
    alike = columns_of(spec.survival, "survival")
    by_class = columns_of(spec.survival_by_class, "survival_by_class")
    predictor = " + ".join(
        [*(["x_i′γ"] if alike else []), *(["z_i′γ_g" if several else "z_i′γ_2"] if by_class else [])]
    )
    filled = {
        "g": "_g" if several else "",
        "product": f" · exp({predictor})" if predictor else "",
        "given": " | x_i" if predictor else "",
        "zero": " where all terms are 0" if predictor else "",
        **{p.name: p.sign(spec) for p in hazard.parameters},
    }
    lines = [f"Time T: months from the start of treatment to the event of {endpoint_words(spec)}, right-censored."]
    if hazard.sentences:
        lines += [sentence.format(**filled) for sentence in hazard.sentences]
    else:
        lines.append(f"Hazard {hazard.name}: {hazard.formula}.")
    if hazard.has_knots:
        knots = spec.hazard_knots
        lines.append(
            f"Knots: {knots}, at quantiles of the event times."
            if isinstance(knots, int)
            else f"Knots: {', '.join(f'{k:g}' for k in knots)} months."
        )
    if alike:
        where = ", the same in all classes" if several else ""
        lines.append(f"x_i: the terms of {spec.survival}, with log hazard ratios γ{where}.")
    if by_class:
        where = "γ_g, which differ by class" if several else "γ_2"
        lines.append(f"z_i: the terms of {spec.survival_by_class}, with log hazard ratios {where}.")
    if changing:
        terms = " and ".join([*(["x_i"] if alike else []), *(["z_i"] if by_class else [])])
        lines.append(
            f"{', '.join(changing)}, from the intervals: at time t {terms} {'take' if alike and by_class else 'takes'} "
            "the values of the row with start < t ≤ stop, and the cumulative hazard is the sum over the rows of "
            "exp(predictor) times the increase of the baseline cumulative hazard. Where terms are scaled, patients "
            "have equal weight and each row is weighted by its share of the patient's time at risk."
        )
    if several:
        zero = ", where the terms of z are 0" if by_class else ""
        lines.append((hazard.alike if spec.common_shape else hazard.by_class).format(zero=zero))
    return lines + association_lines(spec, outcome) + _competing(causes)


def association_lines(spec: "ModelSpec", outcome: Outcome) -> list[str]:
    """The association of a patient's curve with the hazard within a class; empty without one."""
    if spec.association == NONE:
        return []
    several = spec.n_classes > 1
    within = " within a class" if several else ""
    own = several and spec.association_by_class
    k = "κ" + ("_g" if own else "")
    whole = "the class's curve plus the patient's deviation" if several else "including the patient's deviation"
    unit = outcome.words.scale_unit
    kinds = {
        VALUE: (
            f"exp({k} m_i(t))",
            f"m_i(t): the patient's curve at t, {whole}, in {unit}.",
            f"one unit of the curve ({unit})",
        ),
        SLOPE: (
            f"exp({k} m_i′(t))",
            f"m_i′(t): the slope of the patient's curve at t, {whole}, in {unit} per {spec.growth_unit:g} months.",
            f"one unit of the slope ({unit} per {spec.growth_unit:g} months)",
        ),
        AREA: (
            f"exp({k} a_i(t))",
            f"a_i(t): the mean of the patient's curve from 0 to t, {whole}: the cumulative level per month, in {unit}.",
            f"one unit of the curve ({unit})",
        ),
        EFFECTS: (
            "exp(" + " + ".join(f"{k}{j} b_{j}i" for j in range(spec.n_random)) + ")",
            f"b_ki: the patient's random effects, deviations from the {'class' if several else 'mean'} curve.",
            "one unit of the random effect",
        ),
    }
    formula, what, unit_text = kinds[spec.association]
    lines = [f"The patient's own curve acts on the hazard{within}, which is multiplied by {formula}.", what]
    if spec.association in (VALUE, AREA):
        lines.append(f"The hazard above is that of a patient{' of the class' * several} whose curve is at 0.")
    shared = " that differs by class" if own else ", the same in all classes" if several else ""
    lines.append(
        f"κ: log hazard ratio{shared}; exp(κ) is the hazard ratio{within} for patients who differ by {unit_text}."
    )
    lines.append(
        "The cumulative hazard is integrated over time by Gauss-Legendre quadrature, with as many nodes as needed."
    )
    return lines[:-1] if spec.association == EFFECTS else lines


def _competing(causes):
    if not causes:
        return []
    named = ", ".join(f"{code} = {cause}" for code, cause in enumerate(causes, start=1))
    return [
        f"Competing events: the event has one of {len(causes)} causes ({named}), whichever occurs first. Each cause c "
        "has its own hazard, of the form above and with the same covariates; the names of its parameters end in the "
        "cause's name.",
        "S, the probability of being free of all of them, is the product of exp(−H_c) over the causes. The cumulative "
        "incidence of a cause is ∫ h_c S du: its probability in the presence of the other causes.",
    ]


def looked_for_lines(design: "Design | None") -> list[str]:
    """What is known of events that are looked for at visits; empty if there are none."""
    if design is None or not design.looked_for:
        return []
    what = "The event is" if not design.causes else f"{_named(design)} is"
    return [
        f"{what} looked for at visits: T_i is known to lie in (L_i, R_i], between the last visit without it and the "
        "first with it; if it was not seen, T_i is later than L_i, the last visit."
    ]


def looked_for_likelihood(design: "Design | None") -> list[str]:
    """The likelihood contribution of an event between two visits."""
    if design is None or not design.looked_for:
        return []
    g = "_g" if design.spec.n_classes > 1 else ""
    if not design.causes:
        return [
            f"An event between two visits contributes S{g}(L_i) − S{g}(R_i) in place of h{g}(T_i) S{g}(T_i): a "
            "probability, not a density."
        ]
    return [
        f"An event of a cause c that is looked for, between two visits, contributes S{g}c(L_i) − S{g}c(R_i) (with "
        "several such causes, the incidence of c among them), times the survival to R_i from the causes that are known "
        "to the day: a probability, not a density."
    ]


def looked_for_assumptions(design: "Design | None") -> list[str]:
    """Assumptions about visits, and about events known to the day if others are looked for at visits."""
    if design is None or not design.looked_for:
        return []
    lines = [
        "Given class and covariates, the timing of visits is independent of the time of an event that has not yet been "
        "seen."
    ]
    if not design.causes:
        return [
            *lines,
            "An event known to the day, such as a death, contributes its density at that time: the event is assumed "
            "not to have occurred before, although the last visit was earlier.",
        ]
    return [
        *lines,
        f"Another event known to the day, such as a death, rules out {_named(design)} only up to the last visit before "
        "it. After that visit it may have occurred unseen, and the hazards of the other events are assumed to be the "
        "same whether it has or not (Joly et al., Biostatistics 2002;3:433).",
    ]


def _named(design):
    """The causes that are looked for."""
    return " or ".join(design.causes[k - 1] for k in design.looked_for)
