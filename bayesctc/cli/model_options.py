"""Options that define the model."""

import argparse
from pathlib import Path

from bayesctc.cli.values import choices_of, endpoint_name, hazard_knots

GROWTH = ("treatment", "linear", "quadratic", "cubic", "spline")
RANDOM_EFFECTS = ("none", "intercept", "slope", "quadratic")
ASSOCIATIONS = ("none", "random_effects", "current_value", "current_slope", "area")
MODEL = Path(__file__).parents[1] / "model"
FORMULAS = {
    "membership": "covariates of class membership",
    "survival": "covariates of the hazard, with the same effect in all classes",
    "survival-by-class": "covariates of the hazard, with a separate effect in each class",
    "longitudinal": "covariates of the counts",
    "longitudinal-by-class": "covariates that change the curve of the counts, separately in each class",
}


def _pieces(room: str, default: str) -> tuple[str, ...]:
    """Families or hazards by the names of their files, the default first, because the registries import numba."""
    names = {path.stem for path in (MODEL / room).glob("[a-z]*.py")} - {"none", default}
    return (default, *sorted(names))


def model_options(parser, *, families=False):
    """Endpoint, formulas and association, and the shape of curves and hazards."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--endpoint",
        type=endpoint_name,
        default="os",
        metavar="NAME",
        help="os (the default), pfs, ttf, another endpoint in your data, or none",
    )
    for name, text in FORMULAS.items():
        model.add_argument(f"--{name}", default="~ 1", metavar="FORMULA", help=f'{text}, such as "~ arm"')
    model.add_argument(
        "--association",
        choices=ASSOCIATIONS,
        default="none",
        help="feature of a patient's own curve that acts on the hazard within a class (default: none)",
    )
    model.add_argument("--association-by-class", action="store_true", help="by class, rather than the same in all")
    curve_options(model, families=families)


def curve_options(parser, *, families=False):
    """Curve of the classes and shape of their hazards; `families`: whether several can be given."""
    parser.add_argument("--priors", metavar="FILE", help='JSON file of other priors, such as {"level_sd": 3.0}')
    parser.add_argument("--growth", choices=GROWTH, default="treatment", help="curve of a class (default: treatment)")
    for name, what in (("time-origin", "origin of time for the curve"), ("growth-unit", "unit of time for the curve")):
        parser.add_argument(
            f"--{name}",
            default="0" if name == "time-origin" else "6",
            metavar="MONTHS",
            help=f'{what}: months, or such as "65 years"',
        )
    parser.add_argument(
        "--random-effects",
        choices=RANDOM_EFFECTS,
        default="none",
        help="deviations of a patient from the curve (default: none)",
    )
    text, default = "distribution of the counts (default: poisson_log_normal)", "poisson_log_normal"
    if families:
        known = _pieces("families", default)
        parser.add_argument(
            "--family",
            type=choices_of(known),
            default=[default],
            metavar="NAMES",
            help=f"{text}: {', '.join(known)}; several are compared, and the report is for the best",
        )
    else:
        parser.add_argument("--family", choices=_pieces("families", default), default=default, help=text)
    hazard = "weibull"
    parser.add_argument(
        "--hazard", choices=_pieces("hazards", hazard), default=hazard, help=f"hazard of the event (default: {hazard})"
    )
    parser.add_argument(
        "--hazard-knots",
        type=hazard_knots,
        default=3,
        metavar="N|TIMES",
        help="times at which a piecewise hazard changes, or inner knots of splines: a number of quantiles of the event "
        "times (default: 3), or times such as 6,12,24, in the unit of --time-unit",
    )
    parser.add_argument(
        "--common-shape",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether hazards are proportional between classes (default: proportional)",
    )
