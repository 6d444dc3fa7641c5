"""Accuracy and validation of one of competing events: simpler models, relabelled causes, and what is asked for."""

import numpy as np
import pandas as pd
import pytest
from helpers import CAUSES, fit_at, fit_causes, two_cause_cohort
from scipy.integrate import quad

import bayesctc as bc
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.accuracy.baselines import baselines
from bayesctc.errors import SpecError
from bayesctc.time_to_event.aalen_johansen import aalen_johansen
from bayesctc.time_to_event.ipcw import auc, brier

pytestmark = pytest.mark.unit
HORIZONS = np.array([4.0, 12.0])


@pytest.fixture(scope="module")
def fit():
    return fit_causes(two_cause_cohort(), hazard="exponential")


@pytest.fixture(scope="module")
def turned(fit):
    """The same patients and hazards, the codes of the causes the other way round."""
    patients = fit.cohort.patients.reset_index()
    patients["ttf_event"] = np.array([0, 2, 1])[patients["ttf_event"].astype(int)]
    cohort = bc.Cohort(fit.cohort.samples, patients, causes={"ttf": CAUSES[::-1]})
    return fit_at(cohort, fit.spec, {name: np.asarray(v) for name, v in fit.design.layout.natural(fit.theta).items()})


@pytest.fixture(scope="module")
def found(fit):
    return bc.prediction_accuracy(fit, fit.cohort, [2.0], HORIZONS)


def test_the_table_says_what_the_predictions_say(found, fit):
    """AUC and Brier score of the incidence that `predict_survival` gives; observed over expected of Aalen-Johansen."""
    assert (found.cause, found.endpoint, found.event_name) == ("progression", "ttf", "ttf (progression)")
    risk = at_risk(fit.cohort, "ttf", 2.0, "progression")
    predicted = bc.predict_survival(fit, fit.cohort.select(risk.patient_ids), 2.0, HORIZONS)["cumulative_incidence"]
    own = found.table[found.table["model"] == "joint model"].set_index(["measure", "horizon"])["estimate"]
    for j, h in enumerate(HORIZONS):
        mine = predicted.sel(cause="progression").to_numpy()[:, j]
        given = (risk.time, risk.event)
        assert own["auc", h] == pytest.approx(auc(*given, mine, 2.0 + h)[0], abs=1e-12)
        assert own["brier", h] == pytest.approx(brier(*given, 1.0 - mine, 2.0 + h)[0], abs=1e-12)
        observed = aalen_johansen(*given, np.zeros(len(risk.time)), [2.0 + h], 2)[0, 0]
        assert own["observed_expected", h] == pytest.approx(observed / mine.mean(), abs=1e-12)
    told = found.predictions.query("model == 'joint model' and horizon == 12")
    np.testing.assert_allclose(told["cumulative_incidence"], mine, atol=1e-12)
    assert set(told["event"]) == {0.0, 1.0, 2.0}
    simple = found.table[found.table["model"] == "Aalen-Johansen"].set_index("measure")["estimate"]
    assert (simple["auc"] == 0.5).all()
    np.testing.assert_allclose(simple["observed_expected"], 1.0, atol=1e-12)
    assert "ttf (progression) within 4 months of month 2" in found.sentence


def test_codes_do_not_matter(found, fit, turned):
    """Whatever the order of the causes in the data, a cause has the same figures."""
    same = bc.prediction_accuracy(turned, turned.cohort, [2.0], HORIZONS, cause="progression")
    figures = ["landmark", "horizon", "measure", "model", "estimate", "n_events"]
    ours, theirs = (each.table.query("measure != 'cvpol'")[figures] for each in (found, same))
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True), atol=1e-10, rtol=0.0)
    first, second = bc.validate(fit, fit.cohort), bc.validate(turned, turned.cohort, cause="progression")
    pd.testing.assert_frame_equal(first.calibration.events, second.calibration.events)
    np.testing.assert_allclose(first.calibration.risk, second.calibration.risk, atol=1e-10)
    by_cause = [
        each.hazard_ratios.query("method == 'Cox, new patients'").set_index("cause")["estimate"].astype(float)
        for each in (first, second)
    ]
    assert list(by_cause[1].index) == list(CAUSES[::-1])
    pd.testing.assert_series_equal(by_cause[0].sort_index(), by_cause[1].sort_index())


def test_validation_by_cause(fit):
    """Cause-specific Cox regressions and concordance, others censored; as many events expected as there were."""
    event = fit.cohort.endpoint("ttf").by_cause()
    for cause in CAUSES:
        result = bc.validate(fit, fit.cohort, cause=cause)
        row = result.calibration.events.iloc[0]
        assert row["observed"] == event[cause].sum()
        assert row["expected"] == pytest.approx(event[cause].sum(), rel=0.01)  # constant hazards at their estimate
        assert f"ttf ({cause}): {row['observed']} events observed" in result.sentence
        assert result.concordance.query("of != 'class'")["cause"].tolist() == [cause]
        levels = result.reading.levels
        design = pd.DataFrame({"class 2": (levels == "class 2").astype(float).to_numpy()})
        cox = bc.cox_regression(fit.cohort.patients["ttf_time"], event[cause], design).table.iloc[0]
        mine = result.hazard_ratios.query("cause == @cause and method == 'Cox, new patients'").iloc[0]
        assert mine["estimate"] == pytest.approx(cox["hazard_ratio"], abs=1e-12)
        c = bc.concordance(fit.cohort.patients["ttf_time"], event[cause], levels.cat.codes)
        told = result.concordance.query("cause == @cause and of == 'class'").iloc[0]
        assert told["estimate"] == pytest.approx(c.estimate, abs=1e-12)


def test_simpler_models_of_each_cause_and_of_both(fit):
    """Incidences of the causes add up to that of any event; Weibull's is the integral of its hazards."""
    patients = fit.cohort.patients.reset_index()
    merged = bc.Cohort(fit.cohort.samples, patients.assign(ttf_event=np.minimum(patients["ttf_event"], 1)))
    one = at_risk(merged, "ttf", 2.0)
    survival = baselines(one, one, HORIZONS)["Kaplan-Meier"].free
    risks = {cause: at_risk(fit.cohort, "ttf", 2.0, cause) for cause in CAUSES}
    models = {cause: baselines(risk, risk, HORIZONS) for cause, risk in risks.items()}
    total = sum(1.0 - each["Aalen-Johansen"].free for each in models.values())
    np.testing.assert_allclose(total, 1.0 - survival, atol=1e-12)
    risk = risks["progression"]
    positive = (risk.readings["bCTC"] == "pos").to_numpy(dtype=float)
    entry, design = np.full(len(positive), 2.0), pd.DataFrame({"pos": positive})
    fits = [bc.weibull_regression(risk.time, risk.event == code, design, entry=entry) for code in (1, 2)]

    def cumulative(each, t, x):
        return (t / each.scale) ** each.shape * each.table.loc["pos", "hazard_ratio"] ** x

    for x in (0.0, 1.0):

        def density(t, x=x):
            left = np.exp(sum(cumulative(each, 2.0, x) - cumulative(each, t, x) for each in fits))
            return fits[0].shape / t * cumulative(fits[0], t, x) * left

        mine = 1.0 - models["progression"]["bCTC"].free[positive == x]
        for j, h in enumerate(HORIZONS):
            np.testing.assert_allclose(mine[:, j], quad(density, 2.0, 2.0 + h)[0], atol=1e-5)


def test_without_another_cause_the_figures_are_those_of_one_event(fit):
    """Coded as one of two causes the other of which nobody in the analysis has, to 1e-10."""
    patients = fit.cohort.patients.reset_index()
    kept = patients["ttf_event"] != 2
    samples = fit.cohort.samples[fit.cohort.samples["patient_id"].isin(patients["patient_id"][kept])]
    for_two = bc.Cohort(samples, patients[kept], causes={"ttf": CAUSES})
    for_one = bc.Cohort(samples, patients[kept])
    two, one = at_risk(for_two, "ttf", 2.0, "progression"), at_risk(for_one, "ttf", 2.0)
    ours, theirs = (baselines(each, each, HORIZONS) for each in (two, one))
    for name, model in theirs.items():
        mine = ours["Aalen-Johansen" if name == "Kaplan-Meier" else name]
        np.testing.assert_allclose(mine.free, model.free, atol=1e-10)
        if model.log_density is not None:
            np.testing.assert_allclose(mine.log_density, model.log_density, atol=1e-10)


def test_a_cause_has_to_be_one_of_the_endpoints(fit):
    for ask in (
        lambda cause: bc.prediction_accuracy(fit, fit.cohort, [2.0], [4.0], cause=cause),
        lambda cause: bc.cross_validate(fit.cohort, fit.spec, [2.0], [4.0], cause=cause),
        lambda cause: bc.validate(fit, fit.cohort, cause=cause),
    ):
        with pytest.raises(SpecError, match=r"'ttf': found 'death'; allowed: progression, toxicity\."):
            ask("death")
    one = fit.spec.with_(endpoint=None)
    with pytest.raises(SpecError, match="cross_validate needs a survival model"):
        bc.cross_validate(fit.cohort, one, [2.0], [4.0], cause="toxicity")


def test_cross_validation_of_a_cause(fit):
    found = bc.cross_validate(fit.cohort, fit.spec, [2.0], [6.0], cause="toxicity", folds=3, n_starts=2, progress=False)
    assert found.cause == "toxicity"
    own = found.table.query("model == 'joint model' and measure == 'brier'").iloc[0]
    apparent = bc.prediction_accuracy(fit, fit.cohort, [2.0], [6.0], cause="toxicity").table
    simple = apparent.query("model == 'joint model' and measure == 'brier'").iloc[0]
    assert simple["estimate"] < own["estimate"] < simple["estimate"] + 0.05
    assert own["n_events"] == simple["n_events"]
