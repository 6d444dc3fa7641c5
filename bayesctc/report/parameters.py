"""The table of parameters: what each one is, and on which scale."""

from bayesctc.report.format import fixed, significant, with_interval
from bayesctc.report.subject import Subject
from bayesctc.report.tables import Table

_GROWTH = {"intercept": "log(1 + count) at start", "s": "log(1 + count) per 6 months", "s2": "… per (6 months)²",
           "s3": "… per (6 months)³"}  # fmt: skip
_RANDOM = {"intercept": "log(1 + count)", "s": "log(1 + count) per 6 months", "s2": "… per (6 months)²"}
_CURVE = "log(1 + count)"  # the scale of the curve, in these; families of the expected count say so instead
_NAMES = {
    "membership": ("class membership", "log odds, sum to 0 over classes"),
    "longitudinal": ("covariate on counts", "log(1 + count) per unit"),
    "sigma": ("residual sd", "log(1 + count)"),
    "random_effect_corr": ("random effects, correlation", ""),
    "random_effect_scale": ("random effects, factor ω", "ratio"),
    "scale": ("survival scale", "months"),
    "shape": ("survival shape", ""),
    "slope": ("slope of the log hazard", "log hazard per month"),
    "relative_hazard": ("hazard relative to that before the first knot", "ratio"),
    "dispersion": ("dispersion of the counts", ""),
    "zero_inflation": ("extra zeros", "probability"),
    "hazard_coefficient": ("covariate on hazard", "log hazard ratio per unit"),
    "hazard_coefficient_by_class": ("covariate on hazard, by class", "log hazard ratio per unit"),
}


def parameter_table(subject: Subject) -> Table:
    """Every parameter with its 95 % interval, and R-hat and ESS of draws."""
    blocks = {block.name: block for block in subject.fit.design.layout.blocks}
    if subject.bayesian:
        rows = [
            [*_in_words(subject, row, blocks), significant(row.mean), significant(row.sd),
             f"{significant(row.lower)} to {significant(row.upper)}",
             fixed(row.rhat, 3), fixed(row.ess_bulk, 0), fixed(row.ess_tail, 0)]
            for row in subject.bayes.summary().itertuples()
        ]  # fmt: skip
        head = ["parameter", "class", "term", "unit", "mean", "sd", "95 % interval", "R-hat", "ESS bulk", "ESS tail"]
        note = ("Posterior mean, standard deviation and equal-tailed 95 % credible interval. R-hat: 1.01 or less is "
                "good. ESS: effective number of draws, 100 a chain or more is good.")  # fmt: skip
        return Table("Parameters", head, rows, note, n_text=4)
    rows = [
        [
            *_in_words(subject, row, blocks),
            with_interval(row.estimate, row.lower, row.upper),
            significant(row.se),
            str(row.interval_on),
        ]
        for row in subject.ml.estimates.itertuples()
    ]
    head = ["parameter", "class", "term", "unit", "estimate (95 % interval)", "standard error", "symmetric on"]
    note = "Maximum-likelihood estimates with 95 % Wald intervals, symmetric on the scale named in the last column."
    return Table("Parameters", head, rows, note, n_text=4)


def _in_words(subject, row, blocks):
    """As `_what`, name and unit in a marker's words where there is one; class and term are what they are."""
    name, label, term, unit = _what(row, blocks)
    if "sigma" not in blocks:
        unit = unit.replace(_CURVE, "log expected count")
    return [subject.words(name), label, term, subject.words(unit)]


def _what(row, blocks):
    """Name, class, term and unit of one parameter."""
    if row.parameter == "growth":
        return [
            "growth curve",
            row.latent_class,
            row.term,
            _GROWTH.get(row.term, "log(1 + count) per unit of the bend"),
        ]
    if row.parameter == "random_effect_sd":
        return ["random effects, sd", row.latent_class, row.term, _RANDOM.get(row.term, "")]
    block = blocks.get(row.parameter)
    known = block.parameter if block is not None else row.parameter
    name, unit = _NAMES.get(known, (known, ""))
    if block is not None and block.cause:
        name += f", {block.cause}"
    if row.parameter == "membership" and row.term != "intercept":
        unit = "log odds per unit, sum to 0"
    return [name, row.latent_class, row.term, unit]
