"""Options of the amount of work and of output, which most commands have."""

from bayesctc.cli.values import whole
from bayesctc.inference.settings import FITTED, LEAST, Settings

REFITS = "exact leave-one-out refits of a model, at most"

EXAMPLES = """examples:
  bayesctc demo
  bayesctc check samples.csv patients.csv --map ctc=CELLS patient_id=USUBJID --time-unit days
  bayesctc select samples.csv patients.csv --min-samples 3 --classes 1-6 --out results
  bayesctc fit samples.csv patients.csv --classes 4 --survival "~ arm" --out fit.nc
  bayesctc compare samples.csv patients.csv --classes 4 --confounders "~ arm" --out comparison
  bayesctc sensitivity samples.csv patients.csv --min-samples 3 --classes 4 --out sensitivity
  bayesctc select samples.csv patients.csv --marker bili --unit mg/dL --family gaussian --out bilirubin
  bayesctc report fit.nc --out report.html
  bayesctc predict fit.nc new_samples.csv new_patients.csv --landmark 6 --horizons 6 12 24 --out predictions.csv
  bayesctc calculator fit.nc --out calculator.html

Lists can be separated by commas or blanks: --horizons 6,12,24. Files can be given before or after options.
"""


def sampling_options(parser, default: Settings, seed: int = 0):
    """Settings of the command line; `default` has their default values and the other settings."""
    parser.set_defaults(settings=default)
    group = parser.add_argument_group("sampling")
    for name, least, unless_given, text in (
        ("draws", LEAST["draws"], default.draws, "draws kept per chain"),
        ("tune", LEAST["tune"], default.tune, "warm-up steps per chain"),
        ("chains", LEAST["chains"], default.chains, "chains"),
        ("starts", LEAST["n_starts"], default.n_starts, "starts of the maximum-likelihood search"),
        ("seed", 0, seed, "random seed"),
        *([("max-refits", LEAST["max_refits"], default.max_refits, REFITS)] if default != FITTED else []),
    ):
        help_text = f"{text} (default: {unless_given})"
        group.add_argument(f"--{name}", type=whole(least), default=unless_given, metavar="N", help=help_text)


def quiet_option(parser):
    """Silence."""
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def overwrite_option(parser):
    """The treatment of existing files."""
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
