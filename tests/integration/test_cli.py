"""The command line with sampling: files, and interruptions."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.cli.main import main

pytestmark = pytest.mark.integration
SIMPLE = ["--growth", "linear", "--family", "gaussian", "--random-effects", "intercept"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """60 patients of the synthetic trial, as two files."""
    cohort = bc.load_trial().include(min_samples=4)
    cohort = cohort.select(cohort.patients.index[:60])
    folder = tmp_path_factory.mktemp("data")
    cohort.samples.to_csv(folder / "samples.csv", index=False)
    cohort.patients.to_csv(folder / "patients.csv")
    return [str(folder / "samples.csv"), str(folder / "patients.csv")]


def test_select_and_report(files, tmp_path, capsys):
    sampling = ["--draws", "250", "--tune", "100", "--chains", "2", "--starts", "4", "--quiet"]
    hazard = ["--hazard", "piecewise", "--hazard-knots", "12,"]
    folder = tmp_path / "new" / "results"
    argv = ["select", *files, "--classes", "1-2", *SIMPLE, *hazard, *sampling, "--out", str(folder)]
    assert main(argv) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["fit.nc", "report.html", "selection.csv"]
    table = pd.read_csv(folder / "selection.csv", index_col="n_classes")
    assert list(table.index) == [1, 2]
    assert table["elpd_loo"].notna().all()
    fit = bc.load_fit(folder / "fit.nc")
    assert fit.n_patients == 60
    assert fit.design.hazard_knots == (12.0,)
    assert fit.idata.attrs["draws"] == 250
    out = capsys.readouterr().out
    for part in ("The rule", "Classes of the model with K =", "Done in", str(folder / "report.html")):
        assert part in out
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "Number of classes" in html

    look = tmp_path / "look"
    assert main([*argv[:-1], str(look), "--quick"]) == 0
    assert sorted(p.name for p in look.iterdir()) == ["report.html", "selection.csv"]
    quick = pd.read_csv(look / "selection.csv", index_col="n_classes")
    assert (quick["method"] == "normal approximation").all()
    assert (quick["elpd_loo"] - table["elpd_loo"]).abs().max() < 3.0
    assert "was not sampled, so its maximum-likelihood estimate is shown" in capsys.readouterr().out

    assert main(["report", str(folder / "fit.nc"), "--out", str(tmp_path / "again.html"), "--title", "Again"]) == 0
    assert "<title>Again</title>" in (tmp_path / "again.html").read_text(encoding="utf-8")
    page = tmp_path / "calculator.html"
    assert main(["calculator", str(folder / "fit.nc"), "--out", str(page), "--title", "One patient"]) == 0
    assert "<title>One patient</title>" in page.read_text(encoding="utf-8")


def test_families_side_by_side(files, tmp_path, capsys):
    argv = [
        "select",
        *files,
        "--classes",
        "1-2",
        "--growth",
        "linear",
        "--random-effects",
        "none",
        "--common-shape",
        "--family",
        "gaussian",
        "negative_binomial",
        "--draws",
        "150",
        "--tune",
        "100",
        "--chains",
        "2",
        "--starts",
        "3",
        "--quiet",
        "--out",
        str(tmp_path),
    ]
    assert main(argv) == 0
    table = pd.read_csv(tmp_path / "selection.csv", index_col=["family", "n_classes"])
    assert list(table.index) == [(name, k) for name in ("gaussian", "negative_binomial") for k in (1, 2)]
    best = table["elpd"].where(table["usable"] & table["above_floor"]).idxmax()
    fit = bc.load_fit(tmp_path / "fit.nc")
    assert fit.spec.family == best[0]
    out = capsys.readouterr().out
    assert f"LOO of the counts ranks {best[0]} with K = {best[1]} first" in out
    assert f"Fit and report are for the family that is best by LOO of the counts, {best[0]}." in out


def test_compare(files, tmp_path, capsys):
    argv = [
        "compare",
        *files,
        "--classes",
        "2",
        "--endpoints",
        "os",
        "--confounders",
        "~ age",
        "--window",
        "0",
        "6",
        *SIMPLE,
        "--common-shape",
        "--draws",
        "100",
        "--tune",
        "100",
        "--chains",
        "2",
        "--starts",
        "4",
        "--quiet",
        "--out",
        str(tmp_path / "comparison"),
    ]
    assert main(argv) == 0
    out = capsys.readouterr().out
    for part in ("Hazard ratios (95 % intervals)", "Criteria", "landmark="):
        assert part in out
    table = pd.read_csv(tmp_path / "comparison" / "hazard_ratios.csv")
    assert set(table["reading"]) == {"bctc", "b2ctc", "tctc"}
    assert set(table["classes"].dropna()) == {"counts alone"}
    assert len(pd.read_csv(tmp_path / "comparison" / "criteria.csv")) == 3
    names = ["associations.csv", "criteria.csv", "flow.csv", "hazard_ratios.csv", "report.html", "tests.csv"]
    assert sorted(p.name for p in (tmp_path / "comparison").iterdir()) == names
    assert main([*argv, "--joint", "--overwrite"]) == 0
    table = pd.read_csv(tmp_path / "comparison" / "hazard_ratios.csv")
    assert set(table["classes"].dropna()) == {"counts alone", "joint fit"}
    assert main([*argv, "--landmark", "500", "--overwrite"]) == 1
    assert "landmark" in capsys.readouterr().err


def test_sensitivity(files, tmp_path, capsys):
    """The default plan of a negative binomial: a gaussian is compared on the probability of the counts."""
    folder = tmp_path / "plan"
    argv = [
        "sensitivity",
        *files,
        "--family",
        "negative_binomial",
        "--classes",
        "1",
        "--growth",
        "linear",
        "--draws",
        "120",
        "--tune",
        "150",
        "--chains",
        "2",
        "--starts",
        "2",
        "--quiet",
        "--out",
        str(folder),
    ]
    assert main(argv) == 0
    table = pd.read_csv(folder / "sensitivity.csv")
    assert {"sensitivity.csv", "summary.csv", "sensitivity.png"} <= {p.name for p in folder.iterdir()}
    status = pd.read_csv(folder / "summary.csv", index_col="variation")["status"]
    assert (status.drop("without pareto_k above 0.5") == "done").all()  # of which there may be none
    elpd = table[table["quantity"] == "elpd"].set_index("variation")
    assert elpd.loc["family gaussian", "estimate"] < elpd.loc["family gaussian", "base"] - 10
    capsys.readouterr()
    assert main(argv) == 0  # everything is there
    assert pd.read_csv(folder / "sensitivity.csv").equals(table)


# The command, which makes a file when its chains have started.
SAMPLING = """
import sys
from pathlib import Path
import nutpie

sample = nutpie.sample

def told(*arguments, **options):
    chains = sample(*arguments, **options)
    Path(sys.argv[1]).touch()
    return chains

nutpie.sample = told
from bayesctc.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def heard():
    """SIGINT ends the command even where the tests ignore it, as jobs in the background of a shell do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent")
@pytest.mark.parametrize("when", ["early", "sampling"])
def test_interrupted_fit_leaves_nothing(files, tmp_path, tmp_path_factory, when):
    started = tmp_path_factory.mktemp("told") / "sampling"
    run = {"early": ["-m", "bayesctc.cli.main"], "sampling": ["-c", SAMPLING, str(started)]}[when]
    argv = ["fit", *files, "--classes", "2", *SIMPLE, "--draws", "1000000", "--chains", "2"]
    argv += ["--out", str(tmp_path / "fit.nc")]
    process = subprocess.Popen(
        [sys.executable, *run, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    )
    try:
        time.sleep(1.5)
        while when == "sampling" and not started.exists() and process.poll() is None:
            time.sleep(0.1)
        assert process.poll() is None, process.communicate()[1]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    # Python ends by the signal itself if it came inside an exec() of an import; a shell reports both as 130.
    assert process.returncode in (130, -signal.SIGINT), err
    assert "interrupted; nothing was written" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
