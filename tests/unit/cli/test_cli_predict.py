"""bayesctc predict: one table for new patients, whole or not at all."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import frames, made_bayes

import bayesctc as bc
from bayesctc.cli.main import main

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def saved(tmp_path_factory, reference_cohort):
    """A saved fit of 80 patients whose draws are made, not sampled."""
    cohort = reference_cohort.select(reference_cohort.patients.index[:80])
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="intercept", survival="~ arm", common_shape=True, family="gaussian"
    )
    ml = bc.fit_ml(cohort, spec, n_starts=2, progress=False)
    fit = made_bayes(ml, ml.parameter_draws(100).reshape(2, 50, *ml.theta.shape))
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    fit.save(path)
    return path, fit


@pytest.fixture
def files(tmp_path):
    """Two new patients, without columns of follow-up."""
    patients = pd.DataFrame({"patient_id": ["N2", "N10"], "arm": [0, 1]})
    samples = pd.DataFrame(
        {"patient_id": ["N2", "N2", "N10", "N10"], "time": [0.0, 3.0, 0.0, 8.0], "ctc": [200, 90, 0, 1]}
    )
    paths = tmp_path / "samples.csv", tmp_path / "patients.csv"
    for table, path in zip((samples, patients), paths, strict=True):
        table.to_csv(path, index=False)
    return paths


def argv(fit, files, out, *, landmark=6, horizons=(6, 12), extra=()):
    return [
        "predict",
        str(fit),
        str(files[0]),
        str(files[1]),
        "--landmark",
        str(landmark),
        "--horizons",
        *map(str, horizons),
        *extra,
        "--out",
        str(out),
    ]


def test_the_table_is_that_of_predict_survival(capsys, tmp_path, saved, files):
    path, fit = saved
    out = tmp_path / "predictions.csv"
    assert main(argv(path, files, out)) == 0
    printed = capsys.readouterr()
    table = pd.read_csv(out)
    assert table["patient_id"].tolist() == ["N2", "N2", "N10", "N10"]
    assert table["horizon"].tolist() == [6, 12, 6, 12]
    found = bc.predict_survival(fit, bc.read_cohort(*files), 6.0, [6, 12])
    for name in ("survival_function", "lower", "upper"):
        np.testing.assert_allclose(table[name], found[name].to_numpy().ravel(), rtol=1e-9)
    classes = table.drop_duplicates("patient_id")[["P(class 1)", "P(class 2)"]]
    np.testing.assert_allclose(classes, found["class_probability"], rtol=1e-9)
    assert not table["extrapolated"].any()
    assert "2 patients alive at 6 months" in printed.out
    assert str(out) in printed.out
    assert printed.err == f"reading {files[0]} and {files[1]}\n"


def test_classes_have_the_names_that_are_given(capsys, tmp_path, saved, files, monkeypatch):
    shown = []
    monkeypatch.setattr("bayesctc.report.html.write_report", lambda fit, path, title: shown.append(fit) or path)
    path = saved[0]
    plain, named, tables = tmp_path / "plain.csv", tmp_path / "named.csv", tmp_path / "tables"
    assert main(argv(path, files, plain)) == 0
    assert main(argv(path, files, named, extra=["--labels", "never high, stays high"])) == 0
    new = {"P(class 1)": "P(never high)", "P(class 2)": "P(stays high)"}
    pd.testing.assert_frame_equal(pd.read_csv(named), pd.read_csv(plain).rename(columns=new))
    argv_of_report = ["report", str(path), "--out", str(tmp_path / "r.html"), "--tables", str(tables)]
    assert main([*argv_of_report, "--labels", "low,high"]) == 0
    assert {"low", "high"} <= set(pd.read_csv(tables / "classes_by_counts.csv").columns)
    assert shown[0].class_probabilities.columns.tolist() == ["low", "high"]
    capsys.readouterr()
    assert main(argv(path, files, tmp_path / "no.csv", extra=["--labels", "one"])) == 1
    assert "--labels has to be a name for each of 2 classes" in capsys.readouterr().err


def test_days_other_names_and_horizons_past_the_data(capsys, tmp_path, saved, files):
    path, _ = saved
    assert main(argv(path, files, tmp_path / "months.csv", horizons=(6, 500))) == 0
    assert "(extrapolated): 500 months after the landmark" in capsys.readouterr().out
    samples = pd.read_csv(files[0]).rename(columns={"ctc": "CELLS"})
    samples["time"] *= 30.4375
    samples.to_csv(files[0], index=False)
    extra = ["--map", "ctc=CELLS", "--time-unit", "days"]
    times = {"landmark": 6 * 30.4375, "horizons": (500 * 30.4375, 6 * 30.4375)}
    assert main(argv(path, files, tmp_path / "days.csv", **times, extra=extra)) == 0
    printed = capsys.readouterr().out
    assert "alive at 182.625 days (6 months)" in printed
    assert "(extrapolated): 500 months after the landmark" in printed
    one, other = (pd.read_csv(tmp_path / name) for name in ("months.csv", "days.csv"))
    assert set(one["time_unit"]) == {"months"}
    assert set(other["time_unit"]) == {"days"}
    assert other["horizon"].tolist() == [6 * 30.4375, 500 * 30.4375] * 2
    in_months = {name: other[name] / 30.4375 for name in ("landmark", "horizon")}
    pd.testing.assert_frame_equal(one, other.assign(**in_months, time_unit="months"), check_dtype=False)
    assert one["extrapolated"].tolist() == [False, True] * 2


def test_samples_that_look_like_days(capsys, tmp_path, saved, files):
    samples = pd.read_csv(files[0])
    samples.assign(time=samples["time"] * 30.4375).to_csv(files[0], index=False)
    assert main(argv(saved[0], files, tmp_path / "out.csv")) == 0
    printed = capsys.readouterr().out
    assert "warning: samples: those of one patient span 243.5 months" in printed
    assert re.search(r"samples are typically 1.7e\+02 months apart, .* another unit, give --time-unit", printed)


def test_the_unit_is_that_of_the_fit_unless_given(capsys, tmp_path, saved, files):
    """And names of follow-up columns that the fit's files had need not be there."""
    _, fit = saved
    days = fit.cohort.samples.assign(time=fit.cohort.samples["time"] * 30.4375)
    followed = fit.cohort.patients.assign(os_time=fit.cohort.patients["os_time"] * 30.4375).reset_index()
    ml = bc.fit_ml(bc.Cohort(days, followed, time_unit="days"), fit.spec, n_starts=1, progress=False)
    made_bayes(ml, ml.parameter_draws(100).reshape(2, 50, *ml.theta.shape)).save(tmp_path / "days.nc")
    samples = pd.read_csv(files[0])
    samples.assign(time=samples["time"] * 30.4375).to_csv(files[0], index=False)
    named = ["--map", "os_time=DAYS", "os_event=DEAD"]
    times = {"landmark": 6 * 30.4375, "horizons": (6 * 30.4375,)}
    for extra in ((), ("--time-unit", "days")):
        assert (
            main(argv(tmp_path / "days.nc", files, tmp_path / f"{len(extra)}.csv", **times, extra=[*named, *extra]))
            == 0
        )
    assert "times are read in days, like those of the fit;" in (printed := capsys.readouterr().out)
    assert "no column DAYS, DEAD: the patients are assumed to be alive" in printed
    assert "another unit" not in printed
    one, other = (pd.read_csv(tmp_path / f"{n}.csv") for n in (0, 2))
    pd.testing.assert_frame_equal(one, other)


def test_a_landmark_in_another_unit(saved):
    _, fit = saved
    patient = bc.Cohort(fit.cohort.samples, fit.cohort.patients[["arm"]]).select(fit.cohort.patients.index[:1])
    warned = bc.predict_survival(fit, patient, 90.0, [180.0]).attrs["warnings"]
    assert "the landmark, 90 months, is beyond the longest follow-up" in warned[0]
    assert bc.predict_survival(fit, patient, 1.0, [6.0]).attrs["warnings"] == ()


def test_the_fits_own_warnings_are_those_of_python(capsys, tmp_path, saved, files):
    told = replace(saved[1], notes=("R-hat is up to 1.02",))
    told.save(tmp_path / "told.nc")
    assert main(argv(tmp_path / "told.nc", files, tmp_path / "out.csv")) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    new = bc.read_cohort(*files)
    warned = bc.predict_survival(told, new, 6.0, [6, 12]).attrs["warnings"]
    assert "the fit: R-hat is up to 1.02" in warned
    assert printed == [f"warning: {text}" for text in warned]
    assert "the fit: R-hat is up to 1.02" in bc.predict_counts(told, new, 6.0, [7.0]).attrs["warnings"]


def test_samples_after_the_landmark_are_counted(capsys, tmp_path, saved, files):
    assert main(argv(saved[0], files, tmp_path / "out.csv", landmark=3)) == 0
    assert "samples after the landmark, not used: 1\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmark": -1}, "landmark has to be a number of months, 0 or more; found -1.0"),
        ({"horizons": (0,)}, "horizons has to be a list of months after the landmark"),
    ],
)
def test_arguments_that_are_refused(capsys, tmp_path, saved, files, options, message):
    assert main(argv(saved[0], files, tmp_path / "out.csv", **options)) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("patients", "message"),
    [
        ("patient_id,arm,os_time,os_event\nN2,0,5,1\nN10,1,9,0\n", "patient 'N2' died at 5 months"),
        ("patient_id\nN2\nN10\n", "the column 'arm' is needed but absent"),
        ("patient_id,arm\nN2,0\nN10,B\n", "arm"),
        ("patient_id,arm\nN2,0\n", "N10"),
    ],
)
def test_patients_who_are_refused(capsys, tmp_path, saved, files, patients, message):
    files[1].write_text(patients)
    assert main(argv(saved[0], files, tmp_path / "out.csv")) == 1
    error = capsys.readouterr().err.split("\n", 1)[1]
    assert error.startswith("error: ")
    assert message in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["patients.csv", "samples.csv"]


def test_what_is_no_fit_or_no_folder(capsys, tmp_path, saved, files):
    assert main(argv(files[0], files, tmp_path / "out.csv")) == 1
    assert main(argv(saved[0], files, files[0] / "out.csv")) == 1
    assert "cannot be used as a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predict", "--fit", "fit.nc"])


def test_report_with_its_tables(capsys, tmp_path, saved, monkeypatch):
    def write(fit, path, title):
        path.write_text("")
        return path

    monkeypatch.setattr("bayesctc.report.html.write_report", write)  # the fit was not sampled and cannot say how
    path, fit = saved
    out, tables = tmp_path / "new" / "report.html", tmp_path / "tables"
    assert main(["report", str(path), "--out", str(out), "--tables", str(tables)]) == 0
    printed = capsys.readouterr().out
    assert str(tables / "hazard_ratios.csv") in printed
    assert len(pd.read_csv(tables / "classes_by_counts.csv")) == fit.n_patients
    assert main(["report", str(path), "--out", str(out)]) == 1
    assert "report.html already exists; --overwrite replaces it." in capsys.readouterr().err


def test_a_scenario_of_later_treatment(capsys, tmp_path, files):
    """The table is that of `predict_survival` with the same scenario, in days; a row before the landmark is refused."""
    samples, patients = frames(40, 3)
    rows = patients.reset_index()[["patient_id"]].assign(start=0.0, stop=60.0, treatment="A")
    rows.loc[::2, "treatment"] = "B"
    cohort = bc.Cohort(samples, patients, intervals=rows)
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="none", family="gaussian", survival="~ treatment")
    ml = bc.fit_ml(cohort, spec, n_starts=2, progress=False)
    fit = made_bayes(ml, ml.parameter_draws(40).reshape(2, 20, *ml.theta.shape))
    fit.save(tmp_path / "fit.nc")
    intervals, scenario, out = (tmp_path / name for name in ("intervals.csv", "scenario.csv", "predictions.csv"))
    pd.DataFrame({"patient_id": ["N2", "N10"], "start": 0.0, "stop": 300.0, "treatment": "A"}).to_csv(
        intervals, index=False
    )
    later = pd.DataFrame({"patient_id": ["N2"], "start": [200.0], "stop": [400.0], "treatment": ["B"]})
    later.to_csv(scenario, index=False)
    extra = ["--intervals", str(intervals), "--scenario", str(scenario), "--time-unit", "days"]
    asked = {"landmark": 183, "horizons": (183, 365)}
    assert main(argv(tmp_path / "fit.nc", files, out, **asked, extra=extra)) == 0
    assert "apply until the scenario begins" in capsys.readouterr().out
    found = pd.read_csv(out, dtype={"patient_id": str})
    new = bc.read_cohort(*files, intervals=str(intervals), time_unit="days", like=cohort.interval_types)
    day = 1.0 / 30.4375
    months = later.assign(start=later["start"] * day, stop=later["stop"] * day)
    expected = bc.predict_survival(fit, new, 183 * day, [183 * day, 365 * day], intervals=months)
    for name in ("survival_function", "lower", "upper"):
        np.testing.assert_allclose(found[name], expected[name].to_numpy().ravel(), rtol=1e-6)
    later.assign(start=100.0).to_csv(scenario, index=False)
    assert main(argv(tmp_path / "fit.nc", files, tmp_path / "other.csv", **asked, extra=extra)) == 1
    assert "scenario.csv, row 2, patient 'N2', column 'start'" in capsys.readouterr().err
