"""What the command line accepts, and how fast it answers."""

import subprocess
import sys

import pytest

from bayesctc._version import __version__
from bayesctc.cli import arguments, model_options, values
from bayesctc.cli.main import main
from bayesctc.data.columns import MONTHS_PER_UNIT, SAMPLES_AFTER
from bayesctc.data.outcome import TRANSFORMS
from bayesctc.design.basis import GROWTH
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.spec import RANDOM_EFFECTS, ModelSpec

pytestmark = pytest.mark.unit

HEAVY = ("pymc", "pytensor", "pandas", "numpy", "scipy", "matplotlib", "numba", "arviz", "xarray", "jinja2", "rich")


def refused(capsys, *argv) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(argv))
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--help"], ["select", "--help"], ["--version"]])
def test_help_is_instant_and_imports_nothing_heavy(argv):
    code = (
        "import sys\nfrom bayesctc.cli.main import main\n"
        f"try:\n    main({argv!r})\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        f"import time\nprint(time.process_time(), sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, heavy = done.stdout.splitlines()[-1].split(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 0.3  # of the processor: other work may share it


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"bayesctc {__version__}\n"


def test_choices_are_the_models():
    assert tuple(GROWTH) == model_options.GROWTH
    assert tuple(RANDOM_EFFECTS) == model_options.RANDOM_EFFECTS
    assert set(arguments.TIME_UNITS) == set(MONTHS_PER_UNIT)
    assert set(arguments.TRANSFORMS) == set(TRANSFORMS)
    assert arguments.SAMPLES_AFTER == SAMPLES_AFTER
    assert set(model_options._pieces("families", "poisson")) == set(FAMILIES)
    assert set(model_options._pieces("hazards", "weibull")) == set(HAZARDS) - {"none"}
    options = arguments.build_parser().parse_args(["fit", "s.csv", "p.csv", "--classes", "4"])
    default = ModelSpec()
    for name in (
        "growth",
        "random_effects",
        "family",
        "endpoint",
        "membership",
        "survival",
        "survival_by_class",
        "longitudinal",
        "longitudinal_by_class",
        "common_shape",
        "hazard",
        "hazard_knots",
    ):
        assert getattr(options, name) == getattr(default, name)


@pytest.mark.parametrize(
    ("text", "classes"), [("4", [4]), ("1-6", [1, 2, 3, 4, 5, 6]), ("2,4", [2, 4]), ("3,1-2,2", [1, 2, 3])]
)
def test_classes(text, classes):
    assert values.class_range(text) == classes


@pytest.mark.parametrize(("text", "knots"), [("3", 3), ("6,12.5", (6.0, 12.5)), ("12,", (12.0,))])
def test_hazard_knots(text, knots):
    options = arguments.build_parser().parse_args(["fit", "s", "p", "--classes", "2", "--hazard-knots", text])
    assert options.hazard_knots == knots


@pytest.mark.parametrize("text", ["", "a", "0", "0-3", "3-1", "1-", "-2", "1-1000", "2.5"])
def test_no_classes(capsys, text):
    message = refused(capsys, "demo", f"--classes={text}")
    assert "allowed: numbers of classes such as 4, 1-6 or 2,4,6" in message
    assert repr(text) in message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "COMMAND"),
        (["bake"], "bake"),
        (["comare"], "did you mean compare?"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--hazrad", "weibull"], "did you mean --hazard?"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--growth", "cubik"], "did you mean cubic?"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "3"], "found '2,3'"),
        (["select", "s.csv", "p.csv", "--out", "a", "--family", "poison"], "did you mean poisson?"),
        (["compare", "s.csv", "p.csv", "--out", "a", "--window", "2"], "found '2'; allowed: 2 numbers"),
        (["predict", "f.nc", "s.csv", "p.csv", "--landmark", "6", "--horizons", "x", "--out", "a"], "found 'x'"),
        (["check", "only.csv"], "PATIENTS"),
        (["fit", "s.csv", "p.csv"], "--classes"),
        (["fit", "s.csv", "p.csv", "--classes", "1-3"], "allowed: a whole number, 1 or more"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--draws", "3"], "4 or more"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--seed", "-1"], "0 or more"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--growth", "wild"], "quadratic"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--ml", "--out", "a.nc"], "folder for CSV tables"),
        (["select", "s.csv", "p.csv"], "--out"),
        (["check", "s.csv", "p.csv", "--map", "ctc"], "such as ctc=CELLS"),
        (["check", "s.csv", "p.csv", "--causes", "ttf=progression"], "such as ttf=progression,toxicity"),
        (["check", "s.csv", "p.csv", "--entry", "third_sample"], "--entry needs --min-samples"),
        (["check", "s.csv", "p.csv", "--time-unit", "hours"], "hours"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--hazard-knots", "early"], "found 'early'; allowed: a number of"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--hazard-knots", "3,x"], "found '3,x'; allowed: a number of"),
        (["fit", "s.csv", "p.csv", "--classes", "2", "--family", "poisson", "gaussian"], "gaussian"),
        (["select", "s.csv", "p.csv", "--out", "a", "--family", "poisson", "normal"], "'normal'"),
    ],
)
def test_refusals(capsys, argv, message):
    assert message in refused(capsys, *argv)


@pytest.mark.parametrize(
    ("option", "words", "name", "value"),
    [
        ("--map", ["ctc=CELLS", "time=T"], "map", [("ctc", "CELLS"), ("time", "T")]),
        ("--map", ["ctc=CELLS, all"], "map", [("ctc", "CELLS, all")]),
        ("--causes", ["ttf=a", "b", "pfs=c", "d"], "causes", [("ttf", ("a", "b")), ("pfs", ("c", "d"))]),
        ("--classes", ["1-2", "4"], "classes", [1, 2, 4]),
        ("--hazard-knots", ["6", "12"], "hazard_knots", (6.0, 12.0)),
        ("--hazard-knots", ["3"], "hazard_knots", 3),
        ("--family", ["poisson", "gaussian"], "family", ["poisson", "gaussian"]),
    ],
)
def test_lists_take_commas_or_blanks_and_files_stand_before_or_after(option, words, name, value):
    files, out = ["s.csv", "p.csv"], ["--out", "a"]
    together, separate = ",".join(words), [f"{word}," for word in words[:-1]] + words[-1:]
    for given in ([option, *words], [option, together], [f"{option}={together}"], [option, *separate]):
        for argv in ([*files, *given], [*given, *files], [*given, "--chains", "2", *files]):
            options = arguments.build_parser().parse_args(["select", *argv, *out])
            assert getattr(options, name) == value, argv
            assert (options.samples, options.patients) == ("s.csv", "p.csv")


def test_horizons_and_former_options_of_predict(capsys):
    rest = ["--landmark", "6", "--out", "a", "--horizons"]
    old = ["--fit", "f.nc", "--samples=s.csv", "--patients", "p.csv"]
    for argv in (["f.nc", "s.csv", "p.csv", *rest, "6,12"], [*rest, "6", "12", "f.nc", "s.csv", "p.csv"]):
        options = arguments.build_parser().parse_args(["predict", *argv])
        assert (options.fit, options.samples, options.patients, options.horizons) == ("f.nc", "s.csv", "p.csv", [6, 12])
    assert capsys.readouterr().err == ""
    options = arguments.build_parser().parse_args(["predict", *old, *rest, "6", "12"])
    assert (options.fit, options.samples, options.patients, options.horizons) == ("f.nc", "s.csv", "p.csv", [6, 12])
    assert "deprecated, to be removed in 0.4" in capsys.readouterr().err


def test_pairs():
    options = arguments.build_parser().parse_args(["check", "s", "p", "--map", "ctc=A", "entry=B=C", "--map", "time=D"])
    assert options.map == [("ctc", "A"), ("entry", "B=C"), ("time", "D")]
    assert values.endpoint_name("none") is None
    assert values.endpoint_name("pfs") == "pfs"
