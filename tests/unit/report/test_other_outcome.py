"""A fraction on a logit scale that the package does not know: it is fitted, checked, drawn and reported as it is."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import MARKER_SPEC, marker_frames
from plug_ins import Fraction
from scipy.special import expit, logit

import bayesctc as bc
from bayesctc.data.outcome import CTC_COUNT
from bayesctc.errors import DataError, SpecError

pytestmark = pytest.mark.unit
OF_COUNTS = re.compile(r"CTC|\b[Cc]ounts?\b|\b[Cc]ells?\b|7\.5 mL")


@pytest.fixture(scope="module")
def cohort():
    samples, patients = marker_frames(150)
    vaf = expit(np.log(samples.pop("bili")) - 1.0)
    return bc.Cohort(samples.assign(vaf=vaf), patients, marker=Fraction())


@pytest.fixture(scope="module")
def fit(cohort):
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=2, endpoint="os", **MARKER_SPEC), n_starts=2, progress=False)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_values_beyond_its_bounds_are_refused(cohort):
    samples = cohort.samples.assign(vaf=cohort.samples["vaf"].where(cohort.samples.index > 0, 1.0))
    with pytest.raises(DataError, match="allowed: a number between 0 and 1"):
        bc.Cohort(samples, cohort.patients.reset_index(), marker=Fraction())


def _on_logit_scale(ax):
    """Equal steps of the logit are equal steps on the page."""
    places = ax.transData.transform([(0.0, p) for p in expit([-2.0, -1.0, 0.0, 1.0])])[:, 1]
    return np.allclose(np.diff(places), np.diff(places)[0])


def test_trajectories_are_drawn_on_its_scale_and_between_its_bounds(fit):
    ax = bc.plot_trajectories(fit)
    low, high = ax.get_ylim()
    assert 0.0 < low < 0.2
    assert 0.5 < high < 1.0
    assert _on_logit_scale(ax)
    assert set(ax.get_yticks()) <= {0.5, 0.1, 0.9, 0.01, 0.99, 0.2, 0.8, 0.001, 0.999}
    assert {0.1, 0.5} <= set(ax.get_yticks())
    assert ax.get_ylabel() == "VAF"
    assert ax.get_title().startswith("Variant allele fraction over time")
    assert not [text for text in ax.texts if "cut-off" in text.get_text()]


def test_a_patients_picture_stays_between_its_bounds(cohort, fit):
    axes = bc.plot_prediction(fit, cohort, "P0", landmarks=[3.0])
    low, high = axes[0, 0].get_ylim()
    own = cohort.samples.loc[cohort.samples["patient_id"] == "P0", "vaf"]
    assert 0.0 < low < own.min() <= own.max() < high < 1.0
    assert _on_logit_scale(axes[0, 0])
    assert "Patient P0: fractions (black)" in axes[0, 0].figure.get_suptitle()


def test_checks_leave_out_what_it_does_not_answer_and_speak_of_the_rest_in_its_words(cohort, fit):
    found = bc.predictive_check(fit, n_replicates=40, progress=False)
    assert {"zeros", "positive", "frequencies", "transitions"} <= set(found.left_out["check"])
    said = [*found.table["sentence"], *found.table["statistic"], *found.assumptions, repr(found)]
    assert not [text for text in said if OF_COUNTS.search(text)]
    assert found.checks["quantiles"].check.title == "Median and 90 % quantile of the fractions, by visit"
    spread = found.table.set_index("statistic").loc["mean sd of logit fractions", "observed"]
    each = cohort.samples.assign(y=logit(cohort.samples["vaf"])).groupby("patient_id")["y"].std().dropna()
    assert spread == pytest.approx(each.mean())
    ax = bc.plot_predictive_check(found, "maximum")
    assert _on_logit_scale(ax)
    assert ax.get_ylim()[1] < 1.0
    assert bc.plot_predictive_check(found, "change").get_ylabel() == "logit(VAF)"


def test_accuracy_and_readings(cohort, fit):
    found = bc.prediction_accuracy(fit, cohort, [3.0], [6.0])
    assert "log count" not in found.sentence
    assert set(found.table["model"]) >= {"joint model", "Cox: last"}
    assert not set(found.table["model"]) & {"bCTC", "b2CTC"}
    with pytest.raises(SpecError, match="a reading by cut-off"):
        bc.bctc(cohort)


def test_the_report_is_written_with_its_words(fit, tmp_path):
    html = bc.write_report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html)
    assert "could not be drawn" not in text
    for part in (
        "2 trajectory classes of variant allele fractions",
        "Fractions by class",
        "logit(VAF) per 6 months",
        "Modelled as normal on logit(VAF)",
        "Fractions: share of the molecules.",
    ):
        assert part in text
    assert OF_COUNTS.findall(text) == []


@pytest.mark.parametrize("result", [bc.Accuracy, bc.LooPit, bc.Sensitivity])
def test_results_have_their_outcome_under_its_former_name(result):
    fields = dict.fromkeys(result.__dataclass_fields__)
    for outcome, former in ((Fraction(), Fraction()), (CTC_COUNT, None)):
        with pytest.warns(DeprecationWarning, match="use outcome"):
            assert result(**fields | {"outcome": outcome}).marker == former
