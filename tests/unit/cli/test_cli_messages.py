"""What the command line says: problems of data, options in place of arguments, questions, and its first line."""

import io
import re
import subprocess
import sys

import pandas as pd
import pytest
from cli_runs import run

from bayesctc.cli.output import Output
from bayesctc.cli.priors_file import read_priors
from bayesctc.cli.spoken import spoken
from bayesctc.errors import SpecError, StorageError
from bayesctc.inference.ml import WHERE
from bayesctc.model.priors import Priors

pytestmark = pytest.mark.unit


def test_everything_wrong_is_listed(capsys, tmp_path, files):
    samples = pd.read_csv(files[0]).astype({"ctc": object})
    samples.loc[:29, "ctc"] = "many"
    samples.to_csv(tmp_path / "bad.csv", index=False)
    code, out, err = run(capsys, "check", tmp_path / "bad.csv", files[1])
    assert (code, out) == (1, "")
    head, line = err.splitlines()
    assert head == "error: 30 problems in the data:"
    assert line.startswith("  bad.csv, 30 rows, column 'ctc': allowed: a whole number, 0 or more")
    assert "found such as 'many' (row 2, patient P0); 'many' (row 3, patient P0); 'many' (row 4, patient P0)" in line
    assert line.endswith("If this is not a count of cells, use --marker COLUMN --family gaussian")
    assert "Traceback" not in err


def test_no_column_of_counts_is_said_in_options(capsys, tmp_path, files):
    pd.read_csv(files[0]).rename(columns={"ctc": "CTCs"}).to_csv(files[0], index=False)
    _, _, err = run(capsys, "check", *files)
    assert "did you mean 'CTCs'? (name it with --map ctc=COLUMN)" in err
    assert "columns=" not in err


def test_times_in_days_have_their_remedy(capsys, files):
    samples, patients = (pd.read_csv(path) for path in files)
    early = samples.assign(time=(samples["time"] * 30).where(samples["time"] > 0, -10))
    early.to_csv(files[0], index=False)
    patients.assign(os_time=patients["os_time"] * 30).to_csv(files[1], index=False)
    _, _, err = run(capsys, "check", *files)
    assert "40 problems in the data:" in err
    assert "40 rows, column 'time': allowed: at most 28 days before time 0; found such as '-10.0' (row 2" in err
    assert err.rstrip().endswith("Are times in days? If so, give --time-unit days")
    assert run(capsys, "check", *files, "--time-unit", "days")[0] == 0
    patients.to_csv(files[1], index=False)  # follow-up in months, samples in days
    early.assign(time=early["time"].clip(lower=0)).to_csv(files[0], index=False)
    _, _, err = run(capsys, "check", *files)
    assert len(err.splitlines()) == 2
    assert "allowed: at most the patient's os_time; found such as '60.0' (row 3, patient P0, whose limit is 9.0)" in err
    assert "Are the samples' times in days and the follow-up in months?" in err


def test_events_in_other_words(capsys, files):
    patients = pd.read_csv(files[1])
    for codes, said in (
        ({0: "lebt", 1: "tot"}, "such as table['os_event'].map({'alive': 0, 'dead': 1})"),
        ({0: 1, 1: 2}, "if 1 is censored and 2 an event, as often in R, use table['os_event'] - 1"),
        ({0: 0, 1: 2}, "have to be named, such as --causes ttf=progression,toxicity"),
    ):
        patients.assign(os_event=patients["os_event"].map(codes)).to_csv(files[1], index=False)
        assert said in run(capsys, "check", *files)[2]


def test_files_of_another_form(capsys, tmp_path, files):
    """Swapped, with semicolons, with names the other way round, without an endpoint."""
    samples, patients = (pd.read_csv(path) for path in files)
    _, _, err = run(capsys, "check", files[1], files[0])
    assert "samples.csv: found the columns of samples (ctc, time); allowed: samples first, then patients" in err
    assert len(err.splitlines()) == 2
    assert "the other way round, --map ctc=CELLS?" in run(capsys, "check", *files, "--map", "CELLS=ctc")[2]
    assert "Covariates are: none." in run(capsys, "fit", *files, "--classes", "2", "--ml", "--survival", "~ arm")[2]
    patients[["patient_id"]].to_csv(tmp_path / "alone.csv", index=False)
    code, out, _ = run(capsys, "check", files[0], tmp_path / "alone.csv")
    assert code == 0
    assert "none: survival needs two columns, such as os_time and os_event (--map os_time=COLUMN)" in out
    samples.to_csv(tmp_path / "semicolons.csv", sep=";", index=False)
    _, _, err = run(capsys, "check", tmp_path / "semicolons.csv", files[1])
    assert "'patient_id;time;ctc" in err
    assert "pd.read_csv('semicolons.csv', sep=';', dtype=str, keep_default_na=False)" in err
    assert ".to_csv('semicolons_commas.csv', index=False)" in err
    samples.assign(ctc=samples["ctc"].astype(object).where(samples.index > 0)).to_csv(files[0], index=False)
    assert "unless the sample's status (a column of this name) is failed or missing" in run(capsys, "check", *files)[2]


def test_few_problems_are_told_one_by_one(capsys, files):
    samples = pd.read_csv(files[0]).astype({"ctc": object})
    samples.loc[[3, 9], "ctc"] = ["x", "1,5"]
    samples.to_csv(files[0], index=False)
    _, _, err = run(capsys, "check", *files)
    assert "2 problems in the data:" in err
    assert "samples.csv, row 5, patient 'P0', column 'ctc': found 'x'; allowed: a whole number" in err
    assert "row 11" in err


def test_priors_of_a_file(tmp_path):
    path = tmp_path / "priors.json"
    for text, said in (
        ('{"level_sd": 3.0}', None),
        ('{"level_ds": 3.0}', "found 'level_ds'; did you mean level_sd?"),
        ('{"level_sd": -1}', "level_sd has to be above 0"),
        ("[1]", "allowed: an object"),
    ):
        path.write_text(text)
        if said is None:
            assert read_priors(str(path)) == Priors(level_sd=3.0)
        else:
            with pytest.raises(SpecError, match=re.escape(said)):
                read_priors(str(path))
    assert read_priors(None) == Priors()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("growth='linear' needs two.", "--growth linear needs two."),
        ("n_classes has to be a whole number", "--classes has to be a whole number"),
        ("found 'random_effects'; allowed: hazard_knots", "found 'random_effects'; allowed: --hazard-knots"),
        (
            "read the data with causes=, such as {'ttf': ('progression', 'toxicity')}).",
            "read the data with --causes ttf=progression,toxicity).",
        ),
        ("the survival of patients", "the survival of patients"),
        (WHERE, "see modes.csv (fit --ml) or the table of modes in the report"),
    ],
)
def test_messages_speak_in_options(message, said):
    assert spoken(message, ["growth", "random_effects", "hazard_knots", "survival"]) == said


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("\n", False)])
def test_a_terminal_is_asked_before_files_are_replaced(tmp_path, monkeypatch, capsys, answer, written):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    (tmp_path / "fit.nc").write_text("")
    asked = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", asked)
    output = Output(overwrite=False)
    if written:
        assert output.file(tmp_path / "fit.nc", "classes.csv")[1] == tmp_path / "fit_classes.csv"
    else:
        with pytest.raises(StorageError, match="nothing was overwritten"):
            output.file(tmp_path / "fit.nc")
    assert "fit.nc already exists. Overwrite? [y/N]" in asked.getvalue()


def test_the_folder_of_a_file_is_made_and_goes_if_nothing_is_written(tmp_path):
    output = Output()
    output.file(tmp_path / "a" / "b" / "fit.nc")
    assert (tmp_path / "a" / "b").is_dir()
    output.clean()
    assert not (tmp_path / "a").exists()


def test_python_m_and_the_first_line_before_anything_heavy(files):
    code = (
        "import runpy\nsys.argv = ['bayesctc', 'check', *sys.argv[1:]]\n"
        "runpy.run_module('bayesctc', run_name='__main__')"
    )
    told = (
        "import sys, time\nwrite = sys.stderr.write\n"
        "def timed(text):\n    if 'reading' in text: write(f'{time.process_time():.3f} ')\n    return write(text)\n"
        "sys.stderr.write = timed\n"
    )
    done = subprocess.run([sys.executable, "-c", told + code, *files], capture_output=True, text=True)
    assert done.returncode == 0
    seconds, said = done.stderr.splitlines()[0].split(" ", 1)
    assert said == f"reading {files[0]} and {files[1]}"
    assert float(seconds) < 0.3  # of the processor
    assert "Endpoint os" in done.stdout
