"""What the command line understands. Nothing heavy is imported here: help has to be instant."""

import argparse

from bayesctc._version import __version__
from bayesctc.cli.completion import SHELLS, Completion
from bayesctc.cli.how import EXAMPLES, overwrite_option, quiet_option, sampling_options
from bayesctc.cli.model_options import curve_options, model_options
from bayesctc.cli.parser import Parser
from bayesctc.cli.values import (
    cause_lists,
    class_range,
    column_pairs,
    level_lists,
    names,
    numbers,
    whole,
)
from bayesctc.inference.settings import COMPARED, FITTED, VARIED

TIME_UNITS = ("months", "days", "weeks", "years")
SAMPLES_AFTER = ("drop", "keep")
TRANSFORMS = ("log", "log1p", "identity")


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="bayesctc",
        description="Trajectory classes of serial circulating-tumour-cell counts, joined to survival.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bayesctc {__version__}")
    parser.add_argument(
        "--completion", action=Completion, choices=SHELLS, help="print a script by which this shell completes words"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo(commands)
    _check(commands)
    _fit(commands)
    _select(commands)
    _compare(commands)
    _sensitivity(commands)
    _report(commands)
    _predict(commands)
    _calculator(commands)
    return parser


def _demo(commands):
    demo = commands.add_parser(
        "demo",
        help="the embedded synthetic trial, from data to report",
        description="Choose the number of trajectory classes in the embedded synthetic trial (patients with 3 or more "
        "samples, overall survival) and write report.html, fit.nc and selection.csv.",
    )
    demo.add_argument("--out", default="demo", metavar="FOLDER", help="where the files go (default: demo)")
    demo.add_argument(
        "--classes",
        type=class_range,
        default=class_range("1-6"),
        metavar="RANGE",
        help="numbers of classes to compare (default: 1-6)",
    )
    sampling_options(demo, COMPARED, seed=1)
    quiet_option(demo)
    overwrite_option(demo)


def _check(commands):
    check = commands.add_parser(
        "check",
        help="read two files and say what is in them, or what is wrong",
        description="Read samples and patients; print a summary and the flow of patients, or all that is wrong.",
    )
    _data(check)


def _fit(commands):
    fit = commands.add_parser(
        "fit",
        help="fit one model",
        description="Fit a model with a given number of classes by sampling its posterior, or by maximum likelihood.",
    )
    _data(fit)
    fit.add_argument("--classes", type=whole(1), required=True, metavar="K", help="number of classes")
    model_options(fit)
    sampling_options(fit, FITTED)
    fit.add_argument("--ml", action="store_true", help="maximum likelihood only; writes CSV tables to a folder")
    fit.add_argument(
        "--out",
        metavar="PATH",
        help="file of the fit (default: fit.nc), with class probabilities by counts alone and by counts and survival, "
        "and hazard ratios as CSV files beside it; with --ml a folder (fit_ml)",
    )
    quiet_option(fit)
    overwrite_option(fit)


def _select(commands):
    select = commands.add_parser(
        "select",
        help="choose the number of classes",
        description="Fit several numbers of classes, compare them, and write selection.csv, fit.nc and report.html.",
    )
    _data(select)
    select.add_argument(
        "--classes",
        type=class_range,
        default=class_range("1-6"),
        metavar="RANGE",
        help="numbers of classes, such as 1-6 (the default) or 2,4",
    )
    model_options(select, families=True)
    sampling_options(select, COMPARED)
    select.add_argument(
        "--blrt",
        type=whole(0),
        default=0,
        metavar="N",
        help="replicates of the bootstrap likelihood-ratio test (default: 0, none)",
    )
    select.add_argument(
        "--quick",
        action="store_true",
        help="a first look: LOO by a normal approximation of each posterior, chains only where that does not do; "
        "fit.nc is written only if the recommended number of classes was sampled",
    )
    select.add_argument(
        "--every-k", action="store_true", help="sample every number of classes, also those that cannot be recommended"
    )
    select.add_argument("--out", required=True, metavar="FOLDER", help="where the files go")
    select.add_argument("--title", help="title of the report")
    quiet_option(select)
    overwrite_option(select)


def _compare(commands):
    compare = commands.add_parser(
        "compare",
        help="baseline status, cycle 2 and trajectory classes against survival",
        description="Hazard ratios, AIC and LOO of three readings of the counts on the same patients; writes "
        "report.html and five tables: hazard_ratios, criteria, tests, associations and flow.",
    )
    _data(compare, markers=False)
    compare.add_argument("--classes", type=whole(2), default=4, metavar="K", help="trajectory classes (default: 4)")
    compare.add_argument("--endpoints", type=names, metavar="NAMES", help="default: all that can be compared")
    compare.add_argument("--confounders", default="~ 1", metavar="FORMULA", help='adjust for them, such as "~ arm"')
    compare.add_argument(
        "--landmark",
        type=float,
        metavar="TIME",
        help="read samples up to then, follow from then; in the unit of --time-unit",
    )
    compare.add_argument("--cutoff", type=float, default=5.0, help="cells per 7.5 mL that are positive (default: 5)")
    compare.add_argument(
        "--window",
        type=numbers(2),
        metavar="TIMES",
        help="cycle 2 is the first sample after and up to these times, in the unit of --time-unit "
        "(default: 0 and 2 months)",
    )
    compare.add_argument(
        "--joint",
        action="store_true",
        help="add the joint model of each endpoint; its classes are that endpoint's own "
        "(default: classes by the counts alone, the same for all)",
    )
    compare.add_argument(
        "--published", action="store_true", help="add the published figures of CALGB 40502 (its own patients)"
    )
    curve_options(compare)
    sampling_options(compare, COMPARED)
    compare.add_argument("--out", required=True, metavar="FOLDER", help="where the files go")
    compare.add_argument("--title", help="title of the report")
    quiet_option(compare)
    overwrite_option(compare)


def _sensitivity(commands):
    sensitivity = commands.add_parser(
        "sensitivity",
        help="does the conclusion survive other reasonable choices?",
        description="Fit one model and about a dozen variations of it (priors, classes, curve, hazard, family, who is "
        "in the cohort); writes sensitivity.csv, summary.csv and sensitivity.png. Results are kept in the folder as "
        "they finish: run the same command again to finish what was interrupted.",
    )
    _data(sensitivity)
    sensitivity.add_argument("--classes", type=whole(1), default=4, metavar="K", help="of the base fit (default: 4)")
    model_options(sensitivity)
    sampling_options(sensitivity, VARIED)
    sensitivity.add_argument("--out", required=True, metavar="FOLDER", help="where the files go")
    quiet_option(sensitivity)


def _report(commands):
    report = commands.add_parser("report", help="write the report of a saved fit", description="Write a fit's report.")
    report.add_argument("fit", metavar="FIT.nc", help="a file that fit or select wrote")
    report.add_argument("--out", default="report.html", metavar="FILE", help="default: report.html")
    report.add_argument("--tables", metavar="FOLDER", help="the tables too: a folder for CSV files, or NAME.xlsx")
    report.add_argument("--title", help="title of the report")
    overwrite_option(report)


def _predict(commands):
    predict = commands.add_parser(
        "predict",
        help="survival of new patients from their counts up to a landmark",
        description="Class probabilities and survival, with intervals, of patients who are alive at the landmark, by "
        "a saved fit. Their file needs no columns of follow-up; covariates are read as they were for the fit. Writes "
        "one row per patient and horizon, times in the unit they were given in.",
    )
    predict.add_argument("fit", metavar="FIT.nc", help="a file that fit or select wrote")
    predict.add_argument("samples", metavar="SAMPLES", help="CSV file: patient_id, time, ctc (or the fit's marker)")
    predict.add_argument("patients", metavar="PATIENTS", help="CSV file: patient_id and the fit's covariates")
    _intervals(predict)
    predict.add_argument("--scenario", metavar="CSV", help="covariates of --intervals as assumed after the landmark")
    predict.add_argument(
        "--landmark",
        type=float,
        required=True,
        metavar="TIME",
        help="samples up to then count; from the start of treatment, in the unit of --time-unit, as in the files",
    )
    predict.add_argument(
        "--horizons",
        type=numbers(),
        required=True,
        metavar="TIMES",
        help="after the landmark, in the unit of --time-unit",
    )
    _columns(predict, unit=None, unless_given="the unit that the fit's own files were read in")
    predict.add_argument("--out", required=True, metavar="FILE.csv", help="where the table goes")
    overwrite_option(predict)


def _calculator(commands):
    calculator = commands.add_parser(
        "calculator",
        help="write a page that predicts for one patient, of a saved fit",
        description="Write one HTML file, which works offline: somebody enters a patient's samples and covariates, and "
        "sees class probabilities and survival with its interval. For research; it says what it may not be used for.",
    )
    calculator.add_argument("fit", metavar="FIT.nc", help="a file that fit or select wrote")
    calculator.add_argument("--out", default="calculator.html", metavar="FILE", help="default: calculator.html")
    calculator.add_argument("--title", help="title of the page")
    overwrite_option(calculator)


def _levels(parser):
    parser.add_argument(
        "--levels",
        type=level_lists,
        action="extend",
        default=[],
        metavar="COLUMN=LEVEL,LEVEL",
        help="levels of a factor in their order, the reference first, such as arm=Standard,Experimental (default: in "
        "alphabetical order)",
    )


def _data(parser, *, markers=True):
    """Files and who of them is in the analysis; `markers` says whether the command takes what is not a count."""
    data = parser.add_argument_group("data")
    data.add_argument("samples", metavar="SAMPLES", help="CSV file: patient_id, time, ctc; optionally volume_ml")
    data.add_argument("patients", metavar="PATIENTS", help="CSV file: patient_id, os_time, os_event, ..., covariates")
    _intervals(data)
    _columns(data)
    _levels(data)
    if markers:
        data.add_argument(
            "--marker",
            metavar="COLUMN",
            help="column of the samples with a marker that is not a count, in place of ctc and "
            "volume_ml; for --family gaussian",
        )
        data.add_argument("--unit", metavar="UNIT", help="the marker's unit, such as mg/dL")
        data.add_argument(
            "--transform", choices=TRANSFORMS, help="the scale on which the marker is normal (default: log)"
        )
    data.add_argument(
        "--samples-after-endpoint",
        choices=SAMPLES_AFTER,
        default="drop",
        help="drop (the default) samples after an endpoint from its analysis, or keep them, where the "
        "marker is measured on",
    )
    data.add_argument("--min-samples", type=whole(1), metavar="N", help="include patients with N samples or more")
    data.add_argument(
        "--entry",
        choices=("third_sample",),
        help="count a patient from the sample that meets --min-samples (delayed entry)",
    )


def _intervals(parser):
    parser.add_argument(
        "--intervals",
        metavar="CSV",
        help="covariates of the hazard that change: patient_id, start, stop, covariates",
    )


def _columns(parser, unit="months", unless_given="months"):
    """Names and units of the user's columns; `unless_given` says which unit that is where the option is not given."""
    parser.add_argument(
        "--map",
        type=column_pairs,
        action="extend",
        default=[],
        metavar="NAME=COLUMN",
        help="your name of a column, such as ctc=CELLS",
    )
    parser.add_argument(
        "--causes",
        type=cause_lists,
        action="extend",
        default=[],
        metavar="ENDPOINT=NAME,NAME",
        help="competing events coded 1, 2, ..., such as ttf=progression,toxicity",
    )
    parser.add_argument(
        "--time-unit",
        choices=TIME_UNITS,
        default=unit,
        help=f"of all times in the files and of those given here (default: {unless_given})",
    )
