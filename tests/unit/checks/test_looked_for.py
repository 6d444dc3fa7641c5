"""Checks of an endpoint whose events lie between two visits, and what refuses them."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from checks_helpers import fitted, simulated
from helpers import made_bayes
from scipy.stats import kstest

import bayesctc as bc
from bayesctc.checks.replicate import Replicator
from bayesctc.criteria.blrt import _replicate
from bayesctc.errors import DataError, SpecError
from bayesctc.model.graph import _draw
from bayesctc.model.hazards import HAZARDS
from bayesctc.report.figures import survival_picture
from bayesctc.report.overview import paragraph
from bayesctc.report.subject import Subject
from bayesctc.time_to_event.turnbull import turnbull

mpl.use("Agg")
pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def scanned():
    return simulated(160, scans=True)


@pytest.fixture(scope="module")
def fit(scanned):
    return fitted(scanned, endpoint="pfs")


@pytest.fixture(scope="module")
def checked(fit):
    names = ("survival", "survival_by_class", "association", "independence", "n_samples")
    return bc.predictive_check(fit, n_replicates=60, checks=names, progress=False)


def test_replicates_are_inspected(fit):
    made = Replicator(fit.analysis, random_seed=1, theta=fit.theta)
    rng = np.random.default_rng(2)
    observed = made.observed
    between, ends = [], []
    for _ in range(40):
        data = made.draw(fit.theta, rng)
        seen = data.event == 1
        assert (data.left[seen] < data.time[seen]).all()
        np.testing.assert_array_equal(data.left[~seen], data.time[~seen])
        own = np.isin(data.time, made.inspections.visits)
        assert np.mean(own[seen]) > 0.8  # else at the end of follow-up
        between.append(np.mean((data.time - data.left)[seen]))
        ends.append(np.mean(seen))
    width = np.mean((observed.time - observed.left)[observed.event == 1])
    assert np.mean(between) == pytest.approx(width, rel=0.15)
    assert np.mean(ends) == pytest.approx(np.mean(observed.event), abs=0.08)


def test_a_model_that_is_right_is_not_flagged(checked, fit):
    assert checked.flagged == ()
    own = turnbull(fit.packed.left, fit.packed.time, fit.packed.event, fit.packed.entry)
    np.testing.assert_allclose(checked.checks["survival"].observed, own.survival(checked.setting.months), atol=1e-12)
    said = " ".join(checked.assumptions)
    assert "pfs are looked for at visits" in said
    assert "Turnbull" in said
    assert "known to the day" not in said


def test_the_wrong_hazard_is_flagged(scanned, monkeypatch):
    """Events moved to the first scan or beyond the tenth month."""
    monkeypatch.setitem(HAZARDS, "exponential", replace(HAZARDS["exponential"], compiled=None))
    people = scanned.patients.reset_index()
    event = people["pfs_right"].notna().to_numpy()
    early = event & (np.arange(len(people)) % 2 == 0)
    people["pfs_left"] = np.where(early, 0.0, np.where(event, 18.9, people["pfs_left"] + 18.9))
    people["pfs_right"] = np.where(early, 2.1, np.where(event, 21.0, np.nan))
    people = people.drop(columns=["pfs_time", "pfs_event"])
    samples = scanned.samples[scanned.samples["time"] <= 2.0]
    fit = fitted(bc.Cohort(samples, people), endpoint="pfs", hazard="exponential", n_classes=1)
    found = bc.predictive_check(fit, n_replicates=60, checks=("survival",), progress=False)
    assert found.flagged == ("survival",)


def test_pictures_say_whose_estimate_it_is(checked, fit):
    ax = bc.plot_survival(fit)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "Turnbull" in labels
    assert "Kaplan–Meier" not in labels
    said = " ".join(text.get_text() for text in ax.texts)
    assert "Turnbull" in said
    assert "Known to be free of the event" in said
    ax = bc.plot_predictive_check(checked, "survival")
    assert "Turnbull" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_pit_of_an_interval_is_uniform(fit):
    bayes = made_bayes(fit, fit.parameter_draws(100)[None])
    found = bc.loo_pit(bayes, n_draws=100).survival
    assert kstest(found["pit"], "uniform").pvalue > 0.01
    assert found["pit"].between(0.0, 1.0).all()


def test_bootstrap_and_prior_draws_are_inspected(fit):
    rng = np.random.default_rng(3)
    drawn = _replicate(fit, rng).packed
    assert drawn.within.sum() == (drawn.event == 1).sum() > 50
    assert np.isfinite(fit.analysis.with_nodes(1).evaluator().patients(fit.theta)).all()
    samples, patients = fit.analysis.tables()
    rows = _draw(fit.design, fit.theta, samples, patients, None, rng)
    assert (rows[:, 1] == 1).sum() > 50


def test_what_needs_known_times_is_refused_before_anything_is_fitted(fit, scanned, monkeypatch):
    def never(*args, **options):
        raise AssertionError("something was fitted")

    monkeypatch.setattr("bayesctc.inference.ml.fit_analysis", never)
    told = r"found \d+ events of 'pfs' that lie between two visits \(pfs_left and pfs_right\); allowed: events known"
    for ask in (
        lambda: bc.compare_classifiers(scanned, fit.spec, progress=False),
        lambda: bc.validate(fit, scanned),
        lambda: bc.prediction_accuracy(fit, scanned, [2.0], [6.0]),
        lambda: bc.cross_validate(scanned, fit.spec, [2.0], [6.0], progress=False),
    ):
        with pytest.raises(DataError, match=told):
            ask()


def test_scan_dates_as_times_are_another_measure(fit, scanned):
    people = scanned.patients.drop(columns=["pfs_left", "pfs_right"]).reset_index()
    dated = fitted(bc.Cohort(scanned.samples, people), endpoint="pfs")
    scores = [bc.waic(made_bayes(each, each.parameter_draws(30)[None])) for each in (fit, dated)]
    assert scores[0].pointwise.index.equals(scores[1].pointwise.index)
    with pytest.raises(SpecError, match="probability of the interval between two visits"):
        scores[0].difference_from(scores[1])


def test_what_is_known_at_a_landmark(fit, scanned):
    patients = scanned.patients
    alive = scanned.select(patients.index[(patients["pfs_time"] > 5.0).to_numpy()])
    found = bc.predict_survival(fit, alive, 5.0, [6.0])
    unsure = ((alive.patients["pfs_left"] < 5.0) & (alive.patients["pfs_time"] > 5.0)).sum()
    assert found.attrs["n_not_known_free"] == unsure > 10


def test_new_patients_who_are_scanned_under_a_fit_whose_were_not(fit, scanned):
    """Whose events lie between two visits is a matter of the patients."""
    people = scanned.patients.drop(columns=["pfs_left", "pfs_right"]).reset_index()
    dated = fitted(bc.Cohort(scanned.samples, people), endpoint="pfs")
    packed = dated.design.pack(scanned)
    assert packed.within.sum() == scanned.endpoint("pfs").between.sum()


def test_in_words(fit, scanned):
    said = fit.spec.describe(cohort=scanned)
    assert "S_g(L_i) − S_g(R_i)" in " ".join(said.split())
    assert "looked for at visits" in said
    assert "looked for" not in fit.spec.describe()
    n = int(scanned.endpoint("pfs").between.sum())
    assert f"pfs: {n} events, {n} between two visits" in repr(scanned)


def test_a_report_says_so(fit, scanned):
    subject = Subject.of(fit)
    n = int(scanned.endpoint("pfs").between.sum())
    assert f"{n} events of progression-free survival (pfs) ({n} known only to lie between two visits)" in paragraph(
        subject
    )
    shown = survival_picture(subject)
    assert shown.caption.startswith("Turnbull's estimates of patients")
    assert shown.problem == ""


def test_a_fit_is_kept_with_its_bounds(fit, tmp_path):
    made_bayes(fit, fit.parameter_draws(30)[None]).save(tmp_path / "fit.nc")
    again = bc.load_fit(tmp_path / "fit.nc")
    np.testing.assert_array_equal(again.packed.left, fit.packed.left)
    np.testing.assert_array_equal(again.packed.within, fit.packed.within)
    assert again.cohort.fingerprint == fit.cohort.fingerprint
    assert again.analysis.evaluator().total(fit.theta)[0] == fit.analysis.evaluator().total(fit.theta)[0]


def test_competing_events_are_inspected():
    """Progression at scans, death to the day: replicates are too, and methods that need one event say so."""
    cohort = simulated(160, scans=True)
    people = cohort.patients.drop(columns=["pfs_time", "pfs_event"]).reset_index()
    died = np.arange(160) % 4 == 0
    seen = people["pfs_right"].notna()
    people["pfs_time"] = ((people["pfs_left"] + people["pfs_right"]) / 2).where(seen & died, people["pfs_right"])
    people["pfs_event"] = np.where(seen, np.where(died, 2, 1), 0)
    people["pfs_right"] = people["pfs_right"].where(~died)
    kept = cohort.samples[cohort.samples["time"] <= 2.5]
    two = bc.Cohort(kept, people, causes={"pfs": ("progression", "death")})
    fit = fitted(two, endpoint="pfs")
    made = Replicator(fit.analysis, random_seed=1, theta=fit.theta)
    data = made.draw(fit.theta, np.random.default_rng(2))
    progressed = data.event == 1
    assert (data.left[progressed] < data.time[progressed]).all()
    np.testing.assert_array_equal(data.left[~progressed], data.time[~progressed])
    assert (data.event == 2).sum() > 10
    found = bc.predictive_check(fit, n_replicates=40, checks=("survival", "incidence"), progress=False)
    assert found.flagged == ()
    with pytest.raises(DataError, match=r"loo_pit of competing events: found .* allowed: an endpoint with one event"):
        bc.loo_pit(made_bayes(fit, fit.parameter_draws(100)[None]))
    with pytest.raises(DataError, match="score test of competing events"):
        bc.conditional_independence_test(fit)
