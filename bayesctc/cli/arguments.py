"""The arguments of the command line. Heavy imports are avoided here, so that help is instant."""

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
        "--completion", action=Completion, choices=SHELLS, help="print a completion script for this shell"
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
    demo.add_argument("--out", default="demo", metavar="FOLDER", help="folder for the files (default: demo)")
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
        help="read two files and report their contents, or what is wrong",
        description="Read samples and patients; print a summary and the flow of patients, or a list of all problems.",
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
        help="file of the fit (default: fit.nc); class probabilities by counts alone and by counts and survival, and "
        "hazard ratios, are written next to it as CSV files; with --ml a folder (default: fit_ml)",
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
        help="a quick first comparison: LOO by a normal approximation of each posterior, with chains only if the "
        "approximation fails; fit.nc is written only if the recommended number of classes was sampled",
    )
    select.add_argument(
        "--every-k", action="store_true", help="sample every number of classes, even those that cannot be recommended"
    )
    select.add_argument("--out", required=True, metavar="FOLDER", help="folder for the files")
    select.add_argument("--title", help="title of the report")
    quiet_option(select)
    overwrite_option(select)


def _compare(commands):
    compare = commands.add_parser(
        "compare",
        help="compare baseline status, cycle 2 and trajectory classes by survival",
        description="Hazard ratios, AIC and LOO of three readings of the counts on the same patients; writes "
        "report.html and five tables: hazard_ratios, criteria, tests, associations and flow.",
    )
    _data(compare, markers=False)
    compare.add_argument("--classes", type=whole(2), default=4, metavar="K", help="trajectory classes (default: 4)")
    compare.add_argument("--endpoints", type=names, metavar="NAMES", help="default: all that can be compared")
    compare.add_argument("--confounders", default="~ 1", metavar="FORMULA", help='to adjust for, such as "~ arm"')
    compare.add_argument(
        "--landmark",
        type=float,
        metavar="TIME",
        help="use samples up to this time, and follow-up from it; in the unit of --time-unit",
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
        help="add the joint model of each endpoint, with classes specific to that endpoint "
        "(default: only classes by the counts alone, the same for all)",
    )
    compare.add_argument(
        "--published", action="store_true", help="add the published figures of CALGB 40502 (other patients)"
    )
    curve_options(compare)
    sampling_options(compare, COMPARED)
    compare.add_argument("--out", required=True, metavar="FOLDER", help="folder for the files")
    compare.add_argument("--title", help="title of the report")
    quiet_option(compare)
    overwrite_option(compare)


def _sensitivity(commands):
    sensitivity = commands.add_parser(
        "sensitivity",
        help="do the conclusions hold under other reasonable choices?",
        description="Fit one model and about a dozen variations of it (priors, classes, curve, hazard, family, "
        "inclusion); writes sensitivity.csv, summary.csv and sensitivity.png. Each result is stored in the folder as "
        "it finishes: to complete an interrupted run, run the same command again.",
    )
    _data(sensitivity)
    sensitivity.add_argument("--classes", type=whole(1), default=4, metavar="K", help="of the base fit (default: 4)")
    model_options(sensitivity)
    sampling_options(sensitivity, VARIED)
    sensitivity.add_argument("--out", required=True, metavar="FOLDER", help="folder for the files")
    quiet_option(sensitivity)


def _report(commands):
    report = commands.add_parser("report", help="write the report of a saved fit", description="Write a fit's report.")
    _saved_fit(report)
    report.add_argument("--out", default="report.html", metavar="FILE", help="default: report.html")
    report.add_argument("--tables", metavar="FOLDER", help="also the tables: a folder for CSV files, or NAME.xlsx")
    report.add_argument("--title", help="title of the report")
    overwrite_option(report)


def _predict(commands):
    predict = commands.add_parser(
        "predict",
        help="survival of new patients from their counts up to a landmark",
        description="Class probabilities and survival, with intervals, of patients who are alive at the landmark, from "
        "a saved fit. Their file needs no follow-up columns; covariates are read as for the fit. Writes one row per "
        "patient and horizon, with times in the unit in which they were given.",
    )
    _saved_fit(predict)
    predict.add_argument("samples", metavar="SAMPLES", help="CSV file: patient_id, time, ctc (or the fit's marker)")
    predict.add_argument("patients", metavar="PATIENTS", help="CSV file: patient_id and the fit's covariates")
    _intervals(predict)
    predict.add_argument("--scenario", metavar="CSV", help="covariates of --intervals assumed after the landmark")
    predict.add_argument(
        "--landmark",
        type=float,
        required=True,
        metavar="TIME",
        help="use samples up to this time after the start of treatment, in the unit of --time-unit, as in the files",
    )
    predict.add_argument(
        "--horizons",
        type=numbers(),
        required=True,
        metavar="TIMES",
        help="times after the landmark, in the unit of --time-unit",
    )
    _columns(predict, unit=None, unless_given="the unit of the fit's own files")
    predict.add_argument("--out", required=True, metavar="FILE.csv", help="file for the table")
    overwrite_option(predict)


def _calculator(commands):
    calculator = commands.add_parser(
        "calculator",
        help="write a page with predictions for one patient from a saved fit",
        description="Write one HTML file that works offline: it takes a patient's samples and covariates and shows "
        "class probabilities and survival with intervals. For research; the page states what it must not be used for.",
    )
    _saved_fit(calculator)
    calculator.add_argument("--out", default="calculator.html", metavar="FILE", help="default: calculator.html")
    calculator.add_argument("--title", help="title of the page")
    overwrite_option(calculator)


def _saved_fit(parser):
    parser.add_argument("fit", metavar="FIT.nc", help="a file written by fit or select")
    parser.add_argument(
        "--labels",
        type=names,
        metavar="NAME,NAME",
        help="names for the classes, separated by commas, the lowest class first, such as 'never high,falls,high'",
    )


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
    """Files and inclusion; `markers`: whether the command accepts markers that are not counts."""
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
        help="drop (the default) samples after an endpoint from its analysis, or keep them if the marker is still "
        "measured",
    )
    data.add_argument("--min-samples", type=whole(1), metavar="N", help="include patients with N samples or more")
    data.add_argument(
        "--entry",
        choices=("third_sample",),
        help="count follow-up from the sample that satisfies --min-samples (delayed entry)",
    )


def _intervals(parser):
    parser.add_argument(
        "--intervals",
        metavar="CSV",
        help="time-varying covariates of the hazard: patient_id, start, stop, covariates",
    )


def _columns(parser, unit="months", unless_given="months"):
    """Names and units of the user's columns; `unless_given` is the default unit in words."""
    parser.add_argument(
        "--map",
        type=column_pairs,
        action="extend",
        default=[],
        metavar="NAME=COLUMN",
        help="your name for a column, such as ctc=CELLS",
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
        help=f"unit of all times in the files and of those given here (default: {unless_given})",
    )
