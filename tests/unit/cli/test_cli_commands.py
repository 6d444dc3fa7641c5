"""Commands that sample nothing: what they print, write and refuse."""

import pandas as pd
import pytest
from cli_runs import run
from helpers import INTERCEPT, marker_frames

import bayesctc as bc
from bayesctc.cli import commands
from bayesctc.cli.main import main
from bayesctc.cli.output import Output
from bayesctc.cli.results import beside
from bayesctc.comparison.compare import comparable
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


def test_check(capsys, files):
    code, out, err = run(capsys, "check", *files, "--min-samples", 3, "--entry", "third_sample")
    assert (code, err) == (0, "")
    for part in (
        "patients             40",
        "include: 3 or more samples, entry at sample 3",
        "Endpoint os",
        "events",
        "32",
    ):
        assert part in out


@pytest.fixture
def interval_file(tmp_path, files):
    """Every other patient changes treatment at 5 months."""
    patients = pd.read_csv(files[1])
    first = patients[["patient_id"]].assign(start=0.0, stop=patients["os_time"], treatment="A")
    first.loc[::2, "stop"] = 5.0
    second = first[::2].assign(start=5.0, stop=patients["os_time"][::2] + 3.0, treatment="B")
    path = tmp_path / "intervals.csv"
    pd.concat([first, second]).to_csv(path, index=False)
    return str(path)


def test_check_of_intervals(capsys, files, interval_file):
    code, out, err = run(capsys, "check", *files, "--intervals", interval_file)
    assert (code, err) == (0, "")
    assert "60 rows; 20 of 40 patients have more than one" in out
    rows = pd.read_csv(interval_file)
    rows.loc[0, "stop"] = 6.0
    rows.to_csv(interval_file, index=False)
    code, _, err = run(capsys, "check", *files, "--intervals", interval_file)
    assert code == 1
    assert (
        "intervals.csv, row 42, patient 'P0', column 'start': found '5.0'; allowed: 6.0, where the patient's previous "
        "row stops" in err
    )


def test_fit_with_intervals(capsys, tmp_path, files, interval_file):
    argv = ["--classes", 2, "--growth", "linear", "--random-effects", "none", "--ml", "--starts", 2, "--quiet"]
    argv += ["--intervals", interval_file, "--survival", "~ treatment", "--out", tmp_path / "ml"]
    code, _, err = run(capsys, "fit", *files, *argv)
    assert (code, err) == (0, "")
    assert "treatment[T.B]" in pd.read_csv(tmp_path / "ml" / "estimates.csv")["term"].tolist()


def test_check_with_other_names_and_days(capsys, tmp_path, files):
    samples = pd.read_csv(files[0]).rename(columns={"ctc": "CELLS"})
    samples["time"] *= 30.4375
    samples.to_csv(tmp_path / "other.csv", index=False)
    patients = pd.read_csv(files[1])
    patients["os_time"] *= 30.4375
    patients.to_csv(tmp_path / "days.csv", index=False)
    argv = [tmp_path / "other.csv", tmp_path / "days.csv", "--map", "ctc=CELLS", "--time-unit", "days"]
    _, expected, _ = run(capsys, "check", *files)
    code, out, _ = run(capsys, "check", *argv)
    assert code == 0
    assert out.splitlines()[1:7] == expected.splitlines()[1:7]


def test_check_warns_of_units(capsys, tmp_path, files):
    assert "warning" not in run(capsys, "check", *files)[1]
    patients = pd.read_csv(files[1])
    patients.assign(os_time=(patients["os_time"] * 30.4375).round()).to_csv(files[1], index=False)
    code, out, _ = run(capsys, "check", *files)
    assert code == 0
    assert "warning 1" in out
    assert "os: the median time is" in out
    assert "give --time-unit" in out
    assert "time_unit" not in out


def test_check_keeps_samples_after_an_endpoint(capsys, files):
    patients = pd.read_csv(files[1])
    patients.assign(pfs_time=3.0, pfs_event=1).to_csv(files[1], index=False)
    for arguments, words in (
        ([], "samples after the endpoint 120"),
        (["keep"], "samples after the endpoint, kept 120"),
    ):
        given = ["--samples-after-endpoint", *arguments] if arguments else []
        _, out, _ = run(capsys, "check", *files, *given)
        assert words in " ".join(out.split())


def test_times_given_are_in_the_files_unit(monkeypatch, capsys, tmp_path, files):
    asked = []

    def compare(cohort, spec, **settings):
        asked.append((settings["landmark"], settings.get("window"), spec.hazard_knots))
        raise DataError("asked enough")

    monkeypatch.setattr("bayesctc.comparison.compare.compare_classifiers", compare)
    argv = ["compare", *files, "--out", tmp_path / "out", "--hazard-knots"]
    assert run(capsys, *argv, "6,12", "--landmark", 3)[0] == 1
    in_weeks = [str(months * 30.4375 / 7) for months in (6, 12, 3, 0, 2)]
    times = ["--landmark", in_weeks[2], "--window", *in_weeks[3:]]
    run(capsys, *argv, ",".join(in_weeks[:2]), *times, "--time-unit", "weeks")
    run(capsys, *argv, 3, "--time-unit", "weeks")
    assert asked[0] == (3.0, None, (6.0, 12.0))
    assert asked[1][0] == pytest.approx(3.0)
    assert asked[1][1] == pytest.approx((0.0, 2.0))
    assert asked[1][2] == pytest.approx((6.0, 12.0))
    assert asked[2] == (None, None, 3)


def test_compare_leaves_out_an_endpoint_whose_times_are_not_known(monkeypatch, capsys, tmp_path, files):
    asked = []

    def compare(cohort, spec, **settings):
        asked.append(settings["endpoints"])
        raise DataError("asked enough")

    monkeypatch.setattr("bayesctc.comparison.compare.compare_classifiers", compare)
    patients = pd.read_csv(files[1]).assign(pfs_left=2.0, pfs_right=4.0)
    patients.to_csv(files[1], index=False)
    argv = ["compare", *files, "--out", tmp_path / "out"]
    run(capsys, *argv)
    run(capsys, *argv, "--endpoints", "os,pfs")
    assert asked == [["os"], ["os", "pfs"]]
    names, (why,) = comparable(bc.read_cohort(*files))
    assert names == ["os"]
    assert why.startswith("pfs was excluded from the comparison: ")
    assert "found 40 events of 'pfs' that lie between two visits" in why
    patients.drop(columns=["os_time", "os_event"]).to_csv(files[1], index=False)
    code, _, said = run(capsys, *argv)
    assert code == 1
    assert "40 events of 'pfs' that lie between two visits" in said


def test_check_of_competing_events(capsys, tmp_path, files):
    patients = pd.read_csv(files[1])
    patients["ttf_time"], patients["ttf_event"] = patients["os_time"], [i % 3 for i in range(40)]
    patients.to_csv(tmp_path / "causes.csv", index=False)
    argv = ["check", files[0], tmp_path / "causes.csv"]
    code, out, _ = run(capsys, *argv, "--causes", "ttf=progression,toxicity")
    assert code == 0
    assert "26 events (13 progression, 13 toxicity)" in out
    assert "events: toxicity" in out
    code, _, err = run(capsys, *argv)
    assert code != 0
    assert "0 (censored) or 1 (event)" in err
    code, _, err = run(capsys, *argv, "--causes", "ttf=a,b", "ttf=c,d")
    assert "given twice" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--endpoint", "pfs"], "endpoint: found 'pfs'; allowed, by the patients' columns: os"),
        (["--survival", "~ arm"], "'arm', which is not a column"),
        (["--survival", "~ ("], "survival"),
        (["--random-effects", "quadratic", "--growth", "linear"], "--random-effects quadratic has to be part of"),
        (["--survival", "~ os_tme"], "did you mean 'os_time'?"),
        (["--min-samples", "9"], "leaves no patient"),
        (["--map", "weight=w"], "--map: found 'weight'"),
        (["--map", "ctc=CTC"], "one of the existing columns: 'patient_id', 'time', 'ctc'; did you mean 'ctc'?"),
        (["--priors", "none.json"], "--priors none.json: this cannot be read as a JSON file"),
        (["--endpoint", "none", "--survival", "~ os_event"], "--endpoint none models no survival"),
        (["--map", "ctc=ctc", "ctc=time"], "given twice"),
    ],
)
def test_what_cannot_be_fitted(capsys, tmp_path, files, argv, message):
    folder = tmp_path / "new" / "deep"
    code, _, err = run(capsys, "fit", *files, "--classes", 2, "--ml", "--quiet", *argv, "--out", folder)
    assert code == 1
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "new").exists()


def test_no_such_files(capsys, tmp_path):
    code, _, err = run(capsys, "check", tmp_path / "a.csv", tmp_path / "b.csv")
    assert code == 1
    assert "a.csv" in err
    assert "b.csv" in err


def test_levels_in_the_users_order(capsys, files):
    patients = pd.read_csv(files[1])
    patients.assign(arm=["New", "Standard"] * (len(patients) // 2)).to_csv(files[1], index=False)
    assert "arm: factor of New (reference), Standard" in run(capsys, "check", *files)[1]
    _, out, _ = run(capsys, "check", *files, "--levels", "arm=Standard,New")
    assert "arm: factor of Standard (reference), New" in out
    for levels, said in (
        ("Arm=Standard,New", "--levels: found 'Arm'; allowed: arm"),
        ("arm=Standard,Old", "found such as 'New'"),
    ):
        code, _, err = run(capsys, "check", *files, "--levels", levels)
        assert code == 1
        assert said in err
    refused = run(capsys, "fit", *files, "--classes", 2, "--ml", "--survival", "~ C(arm, Treatment('Standard'))")[2]
    assert "to change it, use --levels COLUMN=FIRST,OTHERS" in refused


def test_ml_fit(capsys, tmp_path, files):
    folder = tmp_path / "ml"
    argv = ["--classes", 2, "--growth", "linear", "--random-effects", "none", "--ml", "--starts", 2, "--quiet"]
    code, out, err = run(capsys, "fit", *files, *argv, "--out", folder)
    assert (code, err) == (0, "")
    assert sorted(p.name for p in folder.iterdir()) == sorted((*commands.ML_FILES, *beside("os")))
    by_counts, by_both = (
        pd.read_csv(folder / f"classes_by_{given}.csv", index_col="patient_id")
        for given in ("counts", "counts_and_survival")
    )
    for classes in (by_counts, by_both):
        assert list(classes.columns) == ["latent_class", "class 1", "class 2"]
        assert (classes["latent_class"] == classes[["class 1", "class 2"]].idxmax(axis=1)).all()
        assert len(classes) == 40
    assert not by_counts.equals(by_both)
    assert pd.read_csv(folder / "hazard_ratios.csv")["comparison"].iloc[0] == "class 2 vs class 1"
    before = (folder / "modes.csv").read_bytes()
    code, _, err = run(capsys, "fit", *files, *argv, "--out", folder)
    assert (code, (folder / "modes.csv").read_bytes()) == (1, before)
    assert "already exist; --overwrite replaces them." in err
    assert "classes.csv" in err
    assert {"parameter", "estimate", "se", "lower", "upper"} <= set(pd.read_csv(folder / "estimates.csv").columns)
    for part in ("MLFit: 2 classes", "95 % Wald intervals", "Done in", str(folder / "modes.csv")):
        assert part in out


@pytest.mark.parametrize(
    "argv",
    [
        ["fit", "SAMPLES", "PATIENTS", "--classes", "2", "--out", "SAMPLES"],
        ["fit", "SAMPLES", "PATIENTS", "--classes", "2", "--out", "FILE/fit.nc"],
        ["fit", "SAMPLES", "PATIENTS", "--classes", "2", "--ml", "--out", "FILE"],
        ["fit", "SAMPLES", "PATIENTS", "--classes", "2", "--out", "FOLDER"],
        ["select", "SAMPLES", "PATIENTS", "--out", "FILE/results"],
        ["demo", "--out", "FILE"],
        ["report", "fit.nc", "--out", "FILE/report.html"],
        ["calculator", "fit.nc", "--out", "FILE/calculator.html"],
    ],
)
def test_where_nothing_can_be_written_no_work_starts(capsys, tmp_path, files, monkeypatch, argv):
    (tmp_path / "file").write_text("")
    for name in ("cohort_of", "_selection"):
        monkeypatch.setattr(commands, name, lambda *args: pytest.fail("work started"))
    names = {"SAMPLES": files[0], "PATIENTS": files[1], "FILE": str(tmp_path / "file"), "FOLDER": str(tmp_path)}
    for name, path in names.items():
        argv = [a.replace(name, path) for a in argv]
    code, _, err = run(capsys, *argv)
    assert code == 1
    assert err.startswith("error: ")
    assert str(tmp_path) in err


def test_report_of_what_is_not_a_fit(capsys, tmp_path, files):
    code, _, err = run(capsys, "report", files[0], "--out", tmp_path / "report.html")
    assert code == 1
    assert "not a netCDF file" in err
    code, _, err = run(capsys, "report", tmp_path / "none.nc", "--out", tmp_path / "report.html")
    assert code == 1
    assert "no such file" in err
    assert not (tmp_path / "report.html").exists()


def test_interrupted(capsys, tmp_path, files, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_fit_ml", interrupt)
    code, out, err = run(capsys, "fit", *files, "--classes", 2, "--ml", "--out", tmp_path / "ml")
    assert (code, out, err) == (130, "", "interrupted; nothing was written\n")
    assert not (tmp_path / "ml").exists()


def test_interrupted_between_files(capsys, tmp_path, files, monkeypatch):
    table = Output.table

    def once(self, path, frame, *, index=True):
        if self.written:
            raise KeyboardInterrupt
        table(self, path, frame, index=index)

    monkeypatch.setattr(Output, "table", once)
    argv = ["--classes", 1, "--growth", "linear", "--random-effects", "none", "--ml", "--quiet"]
    code, _, err = run(capsys, "fit", *files, *argv, "--out", tmp_path / "ml")
    assert code == 130
    assert err.splitlines() == ["interrupted; already written:", f"  {tmp_path / 'ml' / 'estimates.csv'}"]
    assert [p.name for p in (tmp_path / "ml").iterdir()] == ["estimates.csv"]


@pytest.fixture
def marker_files(tmp_path):
    """40 patients with serial bilirubin."""
    samples, patients = marker_frames(40)
    paths = tmp_path / "samples.csv", tmp_path / "patients.csv"
    samples.to_csv(paths[0], index=False)
    patients.to_csv(paths[1], index=False)
    return [str(path) for path in paths]


def test_check_of_a_marker(capsys, marker_files):
    code, out, err = run(capsys, "check", *marker_files, "--marker", "bili", "--unit", "mg/dL")
    assert (code, err) == (0, "")
    assert "bili (mg/dL)" in out
    assert "ctc" not in out
    samples = pd.read_csv(marker_files[0])
    samples.loc[3, "bili"] = 0.0
    samples.to_csv(marker_files[0], index=False)
    code, _, err = run(capsys, "check", *marker_files, "--marker", "bili")
    assert code == 1
    assert "a number above 0 (transform 'log')" in err
    assert run(capsys, "check", *marker_files, "--marker", "bili", "--transform", "log1p")[0] == 0


def test_fit_of_a_marker_by_maximum_likelihood(capsys, tmp_path, marker_files):
    argv = [
        "fit",
        *marker_files,
        "--marker",
        "bili",
        "--unit",
        "mg/dL",
        "--classes",
        2,
        "--growth",
        "linear",
        "--random-effects",
        "intercept",
        "--ml",
        "--starts",
        4,
        "--quiet",
        "--out",
        tmp_path / "ml",
    ]
    code, out, err = run(capsys, *argv, "--family", "gaussian")
    assert (code, err) == (0, "")
    growth = pd.read_csv(tmp_path / "ml" / "estimates.csv").query("parameter == 'growth' and term == 'intercept'")
    assert growth["estimate"].tolist() == pytest.approx(INTERCEPT, abs=0.4)  # log mg/dL
    assert "CTC" not in out
    code, _, err = run(capsys, *argv, "--family", "negative_binomial", "--overwrite")
    assert code == 1
    assert "found a cohort of the marker 'bili (mg/dL)'; allowed with a marker: --family gaussian" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["check", "--unit", "mg/dL"], "--unit needs --marker"),
        (["check", "--transform", "log1p"], "--transform needs --marker"),
        (["check", "--marker", "bili", "--transform", "sqrt"], "invalid choice"),
        (["compare", "--marker", "bili", "--out", "x"], "unrecognized arguments: --marker"),
    ],
)
def test_options_of_a_marker_that_are_refused(capsys, marker_files, options, said):
    command, *rest = options
    with pytest.raises(SystemExit) as stopped:
        main([command, *marker_files, *rest])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
