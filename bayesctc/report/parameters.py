"""The table of parameters, with their meaning and scale."""

from bayesctc.model.families import FAMILIES
from bayesctc.report.format import fixed, significant, with_interval
from bayesctc.report.subject import Subject
from bayesctc.report.tables import Table
from bayesctc.results.diagnostics import MAX_RHAT, MIN_ESS_PER_CHAIN
from bayesctc.results.intervals import CI_TEXT

# {values} are those of the samples, {curve} is the scale of the growth curve
_TERMS = {
    "intercept": "{curve}",
    "fall": "{curve}",
    "s": "{curve} per {unit:g} months",
    "s2": "… per ({unit:g} months)²",
    "s3": "… per ({unit:g} months)³",
}
_NAMES = {
    "membership": ("class membership", "log odds, sum to 0 over classes"),
    "growth": ("growth curve", ""),
    "random_effect_sd": ("random effects, sd", ""),
    "longitudinal": ("covariate on {values}", "{curve} per unit"),
    "longitudinal_by_class": ("covariate on the curve, by class", ""),
    "random_effect_corr": ("random effects, correlation", ""),
    "random_effect_scale": ("random effects, factor ω", "ratio"),
    "hazard_coefficient": ("covariate on hazard", "log hazard ratio per unit"),
    "hazard_coefficient_by_class": ("covariate on hazard, by class", "log hazard ratio per unit"),
}


def parameter_table(subject: Subject) -> Table:
    """Every parameter with its 95 % interval, and R-hat and ESS of draws."""
    blocks = {block.name: block for block in subject.fit.design.layout.blocks}
    if subject.bayesian:
        rows = [
            [
                *_what(subject, row, blocks),
                significant(row.mean),
                significant(row.sd),
                f"{significant(row.lower)} to {significant(row.upper)}",
                fixed(row.rhat, 3),
                fixed(row.ess_bulk, 0),
                fixed(row.ess_tail, 0),
            ]
            for row in subject.bayes.summary().itertuples()
        ]
        head = [
            "parameter",
            "class",
            "term",
            "unit",
            "mean",
            "sd",
            f"{CI_TEXT} interval",
            "R-hat",
            "ESS bulk",
            "ESS tail",
        ]
        note = (
            f"Posterior mean, standard deviation and equal-tailed {CI_TEXT} credible interval. R-hat: "
            f"{MAX_RHAT:g} or less is good. ESS: effective sample size; {MIN_ESS_PER_CHAIN} per chain or more is good."
        )
        return Table("Parameters", head, rows, note, n_text=4)
    rows = [
        [
            *_what(subject, row, blocks),
            with_interval(row.estimate, row.lower, row.upper),
            significant(row.se),
            str(row.interval_on),
        ]
        for row in subject.ml.estimates.itertuples()
    ]
    head = ["parameter", "class", "term", "unit", f"estimate ({CI_TEXT} interval)", "standard error", "symmetric on"]
    note = f"Maximum-likelihood estimates, {CI_TEXT} Wald intervals, symmetric on the scale in the last column."
    return Table("Parameters", head, rows, note, n_text=4)


def _what(subject, row, blocks):
    """Name, class, term and unit of one parameter."""
    spec, block = subject.spec, blocks.get(row.parameter)
    known = block.parameter if block is not None else row.parameter
    own = subject.fit.design.layout.pieces.get(known)
    name, unit = _NAMES.get(known, (known, "")) if own is None else (own.label or own.words, own.unit)
    if row.parameter == "growth":
        start = "start" if not spec.time_origin else f"month {spec.time_origin:g}"
        start += ", without the fall" if spec.growth == "treatment" else ""
        unit = f"{{curve}} at {start}" if row.term == "intercept" else _TERMS.get(row.term, "{curve} per unit of bend")
    elif row.parameter == "longitudinal_by_class":
        _, _, term = str(row.term).rpartition(":")
        of = term if term in subject.fit.design.basis.names else "intercept"
        unit = f"{_TERMS.get(of, '{curve} per unit of bend')}, per unit"
    elif row.parameter == "random_effect_sd":
        unit = _TERMS.get(row.term, "")
    elif row.parameter == "membership" and row.term != "intercept":
        unit = "log odds per unit, sum to 0"
    curve = FAMILIES[spec.family].curve.of(subject.outcome)
    name, unit = (t.format(values=subject.words.values, curve=curve, unit=spec.growth_unit) for t in (name, unit))
    cause = f", {block.cause}" if block is not None and block.cause else ""
    return [name + cause, row.latent_class, row.term, unit]
