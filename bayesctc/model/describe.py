"""A specification in words and formulas: classes, samples, survival, priors and assumptions."""

import textwrap
from typing import TYPE_CHECKING

from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.design.grammar import columns_of
from bayesctc.model.association import NONE
from bayesctc.model.describe_growth import growth_lines
from bayesctc.model.describe_survival import (
    endpoint_words,
    looked_for_assumptions,
    looked_for_likelihood,
    looked_for_lines,
    survival_lines,
)
from bayesctc.model.families import FAMILIES
from bayesctc.model.prior_text import prior_lines, span_words

if TYPE_CHECKING:
    from bayesctc.model.design import Design
    from bayesctc.model.spec import ModelSpec

WIDTH = 110


def describe(
    spec: "ModelSpec",
    causes: tuple[str, ...] = (),
    outcome: Outcome = CTC_COUNT,
    design: "Design | None" = None,
    samples_after: str | None = None,
) -> str:
    """The model in words and formulas, priors on scales a clinician can read.

    Parameters
    ----------
    spec : ModelSpec
    causes : tuple of str
        Competing events of the endpoint.
    outcome : Outcome
        What the samples hold.
    design : Design, optional
        The specification settled on a cohort, in whose numbers data-dependent parts are then expressed.
    samples_after : {"drop", "keep"}, optional
        `Cohort.samples_after_endpoint`: whether samples after the endpoint are excluded from its analysis.

    Returns
    -------
    str
        Plain text, a heading and indented lines for each part.
    """
    lines = [title(spec, outcome)]
    for heading, items in sections(spec, causes, outcome, design, samples_after):
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


def title(spec: "ModelSpec", outcome: Outcome = CTC_COUNT) -> str:
    """The model in one sentence."""
    K, grown = spec.n_classes, outcome.words.log_values
    if K == 1:
        what = f"One class: a single growth curve of {grown} for all patients"
        return what + (
            "."
            if spec.endpoint is None
            else f", and a model of {endpoint_words(spec)} that does not depend on it."
            if spec.association == NONE
            else f", which acts on {endpoint_words(spec)}."
        )
    if spec.endpoint is None:
        return f"A growth mixture model with {K} latent classes of {grown} over time, without survival."
    return f"A joint latent class model with {K} classes: {grown} over time, and {endpoint_words(spec)}."


def sections(
    spec: "ModelSpec",
    causes: tuple[str, ...] = (),
    outcome: Outcome = CTC_COUNT,
    design: "Design | None" = None,
    samples_after: str | None = None,
) -> list[tuple[str, list[str]]]:
    """The parts of the description, heading and lines; parameters as `describe` takes them."""
    priors = list(prior_lines(spec, outcome, design))
    if causes:
        priors.append(f"The hazard of each cause ({', '.join(causes)}) has these priors.")
    return [
        ("Classes", _classes(spec, outcome, design)),
        (f"{outcome.words.heading} over time", growth_lines(spec, outcome, design)),
        ("Survival", [*survival_lines(spec, outcome, causes, _changing(design)), *looked_for_lines(design)]),
        (
            "Likelihood",
            [*_likelihood(spec, samples_after), *_competing_likelihood(causes), *looked_for_likelihood(design)],
        ),
        ("Priors (not used in a maximum-likelihood fit)", priors),
        ("Assumptions", [*_assumptions(spec, outcome), *looked_for_assumptions(design)]),
    ]


def _changing(design):
    """Columns of intervals that the hazard reads."""
    return () if design is None else tuple(design.interval_types)


def _classes(spec, outcome, design):
    if spec.n_classes == 1:
        lines = ["There is one class, to which every patient belongs."]
        if columns_of(spec.membership, "membership"):
            lines.append(f"The membership formula {spec.membership} has no effect with one class.")
        return lines
    K = spec.n_classes
    lines = [f"Patient i belongs to one of K = {K} classes g, which are not observed and do not change with time."]
    if columns_of(spec.membership, "membership"):
        lines.append(
            "P(class g | x_i) = exp(ξ_0g + x_i′ξ_g) / Σ_h exp(ξ_0h + x_i′ξ_h), with x_i the terms of "
            f"{spec.membership}."
        )
    else:
        lines.append("P(class g) = exp(ξ_0g) / Σ_h exp(ξ_0h), the same for every patient (membership ~ 1).")
    lines.append("Each coefficient ξ sums to zero over the classes, so there is no reference class.")
    of = FAMILIES[spec.family].curve.of(outcome)
    lines.append(f"Classes are numbered by their mean {of} over {span_words(design)}, lowest first.")
    return lines


def _competing_likelihood(causes):
    if not causes:
        return []
    return [
        "With competing events h(T_i)^δ_i is Π_c h_c(T_i)^δ_ic, with δ_ic = 1 if the event was of cause c: for each "
        "cause, events of the others end follow-up. This needs no assumption about dependence between the causes."
    ]


def _likelihood(spec, samples_after):
    K, joint = spec.n_classes, spec.endpoint is not None
    if spec.association != NONE:
        first = (
            "Patient i contributes log L_i = log Σ_g π_ig ∫ f_g(y_i | b) h_g(T_i | b)^δ_i S_g(T_i | b) φ(b) db − "
            "log Σ_g π_ig ∫ S_g(e_i | b) φ(b) db, with class and random effects integrated out."
        )
    elif K == 1:
        product = "f(y_i) h(T_i)^δ_i S(T_i) / S(e_i)" if joint else "f(y_i)"
        first = f"Patient i contributes {product}, with random effects integrated out."
    elif joint:
        first = (
            "Patient i contributes log L_i = log Σ_g π_ig f_g(y_i) h_g(T_i)^δ_i S_g(T_i) − log Σ_g π_ig "
            "S_g(e_i), with class and random effects integrated out."
        )
    else:
        first = "Patient i contributes log L_i = log Σ_g π_ig f_g(y_i), with class and random effects integrated out."
    lines = [first]
    if joint:
        lines.append(
            "δ_i is 1 for an event and 0 for censoring. The term with the entry time e_i conditions on being free of "
            "the event at entry (delayed entry); e_i is 0, where S = 1, unless an entry column or an inclusion rule "
            "sets it."
        )
        lines.append(
            f"{_samples_after(spec, samples_after)} A patient without samples contributes through survival alone."
        )
    return lines


def _samples_after(spec, samples_after):
    """How samples after the endpoint are treated, as the cohort decides; without a cohort, the default."""
    if samples_after == "keep":
        return f"Samples after the {spec.endpoint} time are kept and modelled like the others."
    usual = ", unless the cohort keeps them" if samples_after is None else ""
    return f"Samples after the {spec.endpoint} time are excluded{usual}."


def _assumptions(spec, outcome):
    lines, family, words = [], FAMILIES[spec.family], outcome.words
    values = words.values
    if spec.endpoint is not None:
        if spec.association != NONE:
            lines.append(
                f"Given{' class,' if spec.n_classes > 1 else ''} covariates and random effects, {values} and survival "
                "are independent: they are linked by the part of the patient's curve that acts on the hazard, and "
                "scatter around the curve does not affect the hazard."
            )
        elif spec.n_classes > 1:
            lines.append(
                f"Conditional independence: given class and covariates, {values} and survival are independent. A "
                "patient's deviation from the class's curve does not affect the hazard."
            )
        else:
            lines.append(
                f"With one class, {values} and survival are modelled as independent: no association is estimated."
            )
        lines.append("Given class and covariates, censoring is independent of the time of the event.")
        lines.append(
            f"Missing at random: whether sampling continues depends on observed {values} and covariates and on the "
            f"modelled event, not on unobserved {values}."
        )
    else:
        lines.append(
            "Missing at random: whether sampling continues (drop-out, progression, death) depends on observed "
            f"{values} and covariates, not on unobserved {values}."
        )
    if spec.n_random:
        lines.append(
            "Random effects are normal, and the samples of a patient are independent given them"
            + (" and the class." if spec.n_classes > 1 else ".")
        )
    else:
        lines.append("The samples of a patient are independent" + (" given the class." if spec.n_classes > 1 else "."))
    if family.reads_transformed:
        rounding = ": zeros and rounding are not modelled as such" if outcome.whole else ""
        lines.append(f"{words.short_scale} is treated as continuous{' and normal' * family.normal}{rounding}.")
    if columns_of(spec.longitudinal, "longitudinal") and "time" in columns_of(spec.longitudinal, "longitudinal"):
        lines.append("In the longitudinal formula, time is the time of the sample in months (not in units of s).")
    if spec.n_classes > 1:
        lines.append(
            f"The number of classes, {spec.n_classes}, is taken as known. Classes summarise a distribution; "
            "they need not be biological groups."
        )
    return lines
