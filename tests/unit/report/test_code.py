"""The code of a report, run as it stands, gives the fit again; once in a process of its own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from report_fits import simulated_cohort

import bayesctc as bc
from bayesctc.inference.optimise import CLIMBED, MAX_EVALUATIONS
from bayesctc.report import grolts, made_by
from bayesctc.report.code import code
from bayesctc.report.subject import Subject
from bayesctc.results.search_facts import SearchFacts

pytestmark = pytest.mark.unit

SPEC = bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", random_effects="intercept", common_shape=False)


def run(text: str) -> str:
    """What `said_of` says of the fit that the code makes, with no name of this module known to it."""
    names = {"__name__": "__main__"}
    exec(compile(text, "code", "exec"), names)
    return said_of(names["fit"])


def run_alone(text: str, folder: Path) -> str:
    """The same, in a process of its own."""
    said = "\nprint(cohort.fingerprint, f'{fit.log_likelihood:.6f}')"
    done = subprocess.run([sys.executable, "-c", text + said], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def said_of(fit) -> str:
    return f"{fit.cohort.fingerprint} {fit.log_likelihood:.6f}"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The simulated cohort in files of other names, units and columns."""
    cohort = simulated_cohort()
    samples, patients = cohort.samples.drop(columns="volume_ml"), cohort.patients.reset_index()
    samples["time"], patients["os_time"] = samples["time"] * 30.4375, patients["os_time"] * 30.4375
    samples.rename(columns={"patient_id": "USUBJID"}).to_csv(tmp_path / "the 'samples'.csv", index=False)
    patients.rename(columns={"patient_id": "USUBJID"}).to_csv(tmp_path / "patients.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return bc.read_cohort(
        "the 'samples'.csv",
        "patients.csv",
        columns={"patient_id": "USUBJID"},
        time_unit="days",
        samples_after_endpoint="keep",
    )


def test_of_files_and_steps(files, tmp_path):
    ids = list(files.patients.index[::-1][:90])
    cohort = files.select(ids, 'it\'s a "reason"\nof two lines').include(min_samples=2).landmark(3.25)
    spec = SPEC.with_(time_origin=1.0, growth_unit=3.0, priors=bc.Priors(curve_sd=2.0))
    fit = bc.fit_ml(cohort, spec, n_starts=2, random_seed=11, bounds=bc.Bounds(sigma=0.05), progress=False)
    text = code(Subject.of(fit))
    for part in ("n_starts=2", "random_seed=11", "sigma=0.05", "time_unit='days'", "growth_unit=3.0"):
        assert part in text
    assert run_alone(text, tmp_path) == said_of(fit)


def test_types_that_were_given_are_written_out(files):
    names = {"columns": {"patient_id": "USUBJID"}, "time_unit": "days", "samples_after_endpoint": "keep"}
    given = {"arm": bc.ColumnType("factor", ("B", "A"))}
    cohort = bc.read_cohort("the 'samples'.csv", "patients.csv", like=given, **names).include(min_samples=2)
    assert cohort.covariate_types["arm"].levels == ("B", "A")
    assert cohort.fingerprint != files.include(min_samples=2).fingerprint
    fit = bc.fit_ml(cohort, SPEC.with_(survival="~ arm"), n_starts=1, random_seed=2, progress=False)
    assert run(code(Subject.of(fit))) == said_of(fit)


def test_of_the_trial():
    fit = bc.fit_ml(bc.load_trial().include(min_samples=3), SPEC, n_starts=1, random_seed=2, progress=False)
    assert run(code(Subject.of(fit))) == said_of(fit)


def test_other_data_are_refused(files, tmp_path):
    fit = bc.fit_ml(files, SPEC, n_starts=1, progress=False)
    path = tmp_path / "patients.csv"
    path.write_text(path.read_text().replace(",A", ",B", 1))
    with pytest.raises(AssertionError):
        run(code(Subject.of(fit)))


def test_tables_of_the_caller_are_said_to_be_his(ml):
    text = code(Subject.of(ml))
    compile(text, "code", "exec")
    assert "# samples and patients are the caller's tables" in text
    assert "cohort = bc.Cohort(samples, patients)" in text
    cohort = ml.cohort.with_covariates(**{"Hb (g/dL)": ml.cohort.patients["os_time"]})
    again = code(Subject.of(replace(ml, analysis=replace(ml.analysis, cohort=cohort))))
    compile(again, "code", "exec")
    assert "'Hb (g/dL)': given by the caller" in again


def test_intervals_are_read_again(ml, tmp_path):
    samples, patients = ml.cohort.samples, ml.cohort.patients.reset_index()
    rows = patients[["patient_id"]].assign(start=0.0, stop=1000.0, treatment="A")
    for name, table in (("samples", samples), ("patients", patients), ("intervals", rows)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    paths = [str(tmp_path / f"{name}.csv") for name in ("samples", "patients", "intervals")]
    read = bc.read_cohort(*paths[:2], intervals=paths[2])
    for cohort, said in (
        (read, f"cohort = bc.read_cohort({paths[0]!r}, {paths[1]!r}, intervals={paths[2]!r})"),
        (bc.Cohort(samples, patients, intervals=rows), "cohort = bc.Cohort(samples, patients, intervals=intervals)"),
    ):
        text = code(Subject.of(replace(ml, analysis=replace(ml.analysis, cohort=cohort))))
        compile(text, "code", "exec")
        assert said in text.splitlines()


def test_the_search_is_read_from_the_run(ml, bayes):
    assert ml.search.max_evaluations == MAX_EVALUATIONS
    assert ml.search.climbed == CLIMBED
    assert (ml.search.n_starts, ml.search.random_seed) == (2, 3)
    assert SearchFacts.from_json(ml.search.to_json()) == ml.search
    assert bayes.search == ml.search
    other = replace(ml, search=replace(ml.search, optimiser="another one", max_evaluations=77, n_starts=5))
    item = next(item for item in grolts.checklist(Subject.of(other)) if item.number == "9")
    for part in ("another one", "77 evaluations", "5 starting values", "10⁻⁶"):
        assert part in item.answer
        assert part in dict(made_by.facts(Subject.of(other)))["method"]
