"""Differences between models in the same patients: their standard errors, and what is said of them."""

import re

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.accuracy.assessment import AUC, BRIER, COLUMNS, EPOCE, JOINT
from bayesctc.accuracy.verdict import judged, sentences
from bayesctc.data.outcome import CTC_COUNT
from bayesctc.time_to_event.ipcw import auc, brier, jackknife_error, leaving_one_out

pytestmark = pytest.mark.unit
SPEC = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")


def data(n, censored, seed=0):
    """Times, events and two predictions of survival at month 10, one better than the other."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    death, gone = rng.exponential(12.0 * np.exp(-x)), rng.exponential(12.0 / censored if censored else np.inf, size=n)
    good, poor = (np.exp(-10.0 / 12.0 * np.exp(x + rng.normal(0.0, s, n))) for s in (0.3, 0.9))
    return np.minimum(death, gone), (death <= gone).astype(float), good, poor


def without_each(measure, n):
    """A measure, a function of weights, without one patient after the other."""
    return np.concatenate([measure(weights) for weights in leaving_one_out(n)])


def error_of_difference(measure, n):
    """Of a function from weights to two measures."""
    return jackknife_error(without_each(lambda w: np.subtract(*measure(w)), n))


def test_leaving_out_is_deleting_rows():
    """Weights of 0 against tables without the patient, in the Brier score and the AUC, under censoring."""
    time, event, good, _ = data(60, 0.6)
    fold = np.arange(60) % 3
    for of, score in ((brier, good), (auc, 1.0 - good)):
        strata = () if of is brier else (fold,)
        found = without_each(lambda w, of=of, score=score, strata=strata: of(time, event, score, 10.0, w, *strata), 60)
        each = []
        for k in range(60):
            time_k, event_k, score_k = (np.delete(values, k) for values in (time, event, score))
            strata_k = (None, *(np.delete(s, k) for s in strata))
            each.append(of(time_k, event_k, score_k, 10.0, *strata_k)[0])
        np.testing.assert_allclose(found, each, rtol=1e-12)


def test_without_censoring_the_brier_scores_error_is_that_of_a_paired_mean():
    time, event, good, poor = data(700, 0.0)
    each = ((time > 10.0) - good) ** 2 - ((time > 10.0) - poor) ** 2
    found = error_of_difference(lambda w: [brier(time, event, s, 10.0, w) for s in (good, poor)], 700)
    assert found == pytest.approx(each.std(ddof=1) / np.sqrt(700), rel=1e-9)


def test_without_censoring_the_aucs_error_is_delongs():
    """DeLong et al. (Biometrics 1988;44:837), whose variance the jackknife's is up to terms of order 1 / n."""
    time, event, good, poor = data(700, 0.0)
    case = time <= 10.0
    parts = []
    for survival in (good, poor):
        risk = 1.0 - survival
        won = (risk[case][:, None] > risk[~case]) + 0.5 * (risk[case][:, None] == risk[~case])
        parts.append((won.mean(axis=1), won.mean(axis=0)))
    of_cases, of_controls = (parts[0][k] - parts[1][k] for k in (0, 1))
    variance = of_cases.var(ddof=1) / case.sum() + of_controls.var(ddof=1) / (~case).sum()
    found = error_of_difference(lambda w: [auc(time, event, 1.0 - s, 10.0, w) for s in (good, poor)], 700)
    assert found == pytest.approx(np.sqrt(variance), rel=5e-3)


@pytest.mark.parametrize("of", [brier, auc])
def test_under_censoring_the_error_is_the_bootstraps(of):
    """The standard deviation over resamples of patients: 4 Monte Carlo errors of it, 1 / sqrt(2 B) each."""
    n, B = 500, 4000
    time, event, good, poor = data(n, 0.7, seed=3)
    scores = (good, poor) if of is brier else (1.0 - good, 1.0 - poor)
    weights = np.random.default_rng(4).multinomial(n, np.full(n, 1.0 / n), size=B).astype(float)
    drawn = np.subtract(*(of(time, event, s, 10.0, weights) for s in scores))
    found = error_of_difference(lambda w: [of(time, event, s, 10.0, w) for s in scores], n)
    assert found == pytest.approx(drawn.std(ddof=1), rel=4.0 / np.sqrt(2.0 * B))


def test_the_error_does_not_depend_on_row_order():
    time, event, good, poor = data(90, 0.5, seed=5)
    rows = np.random.default_rng(6).permutation(90)
    for of in (brier, auc):
        one = error_of_difference(lambda w, of=of: [of(time, event, s, 10.0, w) for s in (good, poor)], 90)
        other = error_of_difference(
            lambda w, of=of: [of(time[rows], event[rows], s[rows], 10.0, w) for s in (good, poor)], 90
        )
        assert other == pytest.approx(one, rel=1e-10)


def test_the_tables_errors_are_those_of_the_predictions_it_keeps(reference_cohort):
    few = reference_cohort.select(reference_cohort.patients.index[:120])
    fit = bc.fit_ml(few, SPEC, n_starts=2, random_seed=1, progress=False)
    found = bc.prediction_accuracy(fit, few, [0.0, 3.0], [12.0])
    told = found.predictions.query("landmark == 3").set_index(["patient_id", "model"])
    time, event = (told.xs(JOINT, level="model")[name].to_numpy() for name in ("time", "event"))
    table = found.table.query("landmark == 3").set_index(["measure", "model"])
    survival = told["survival_function"]
    for name in ("Cox: last", "Cox: mean", "Cox: last + baseline", "bCTC", "Kaplan-Meier"):
        pair = [survival.xs(each, level="model").to_numpy() for each in (name, JOINT)]
        expected = error_of_difference(lambda w, pair=pair: [brier(time, event, s, 15.0, w) for s in pair], len(time))
        assert table.loc[(BRIER, name), "difference_se"] == pytest.approx(expected, rel=1e-9)
        expected = error_of_difference(
            lambda w, pair=pair: [auc(time, event, 1.0 - s, 15.0, w) for s in pair], len(time)
        )
        assert table.loc[(AUC, name), "difference_se"] == pytest.approx(expected, rel=1e-9)
    assert table.loc[[(BRIER, JOINT), (EPOCE, "Cox: mean")], "difference_se"].isna().all()
    # at month 0 the last value is the one at baseline
    lost = found.table.query("landmark == 0 and model == 'Cox: last + baseline' and measure != 'epoce'")
    assert lost["estimate"].isna().all()
    assert not lost["usable"].any()
    assert lost["reason"].str.contains("not fitted: Cox regression: found 'baseline' to be a linear combination").all()
    assert found.sentences[-1].startswith("Not compared at month 0: Cox: last + baseline (not fitted")
    assert all(text in repr(found) for text in found.sentences)
    assert found.sentence == " ".join(found.sentences)
    bc.plot_accuracy(found)


def made_up(*rows, reason=""):
    """A table: model, Brier score, difference, lower, upper at landmark 6 and horizon 12, and AUCs alike."""
    told = []
    for horizon, model, score, difference, lower, upper in rows:
        head = (6.0, horizon)
        error = (upper - lower) / 5.0
        told.append((*head, BRIER, model, score, np.nan, np.nan, difference, error, lower, upper, 90, 30, ""))
        told.append((*head, AUC, model, 0.7, 0.6, 0.8, -difference, error, -upper, -lower, 90, 30, ""))
    table = pd.DataFrame(told, columns=COLUMNS)
    known = table["estimate"].notna()
    return table.assign(usable=known & (reason == ""), reason=np.where(known, reason, "not fitted: no event"))


def joint(horizon, score=0.177):
    """The joint model's row."""
    return horizon, JOINT, score, *[np.nan] * 3


def test_the_sentence_says_when_a_simple_model_is_as_good():
    table = made_up(
        joint(12.0),
        (12.0, "Cox: mean", 0.174, -0.003, -0.008, 0.002),
        (12.0, "bCTC", 0.19, 0.013, 0.002, 0.02),
        (12.0, "Cox: last", *[np.nan] * 4),
    )
    summary, said, lost = sentences(table, "os", "in new patients", CTC_COUNT)
    assert summary == (
        "Of 1 comparison of Brier scores (landmark and horizon; in new patients), in 1 a simpler model is as good or "
        "better, so the classes add no accuracy."
    )
    assert said == (
        "os within 12 months of month 6: a Cox regression on the mean log count up to month 6, the best of 2 simpler "
        "models by Brier score, predicts as well as the joint model: Brier score 0.174 versus 0.177 (difference "
        "-0.003, SE 0.002, 95 % interval -0.008 to 0.002); AUC 0.700 versus 0.700 (difference 0.003, SE 0.002, 95 % "
        "interval -0.002 to 0.008)."
    )
    assert lost == "Not compared at month 6: Cox: last (not fitted: no event)."
    assert "on the mean log(bili) up to month 6" in sentences(table, "os", "", bc.Marker("bili"))[1]


@pytest.mark.parametrize(
    ("limits", "verdict", "words"),
    [
        ((-0.01, -0.02, -0.001), "better", "predicts better than the joint model"),
        ((0.0, -0.02, 0.02), "as good", "predicts as well as the joint model"),
        ((0.01, -0.001, 0.02), "undecided", "the joint model is not shown to predict better than a Cox regression"),
        ((0.01, 0.001, 0.02), "worse", "the joint model predicts better than a Cox regression"),
    ],
)
def test_verdicts(limits, verdict, words):
    table = made_up(joint(12.0), (12.0, "Cox: last", 0.177 + limits[0], *limits))
    assert judged(table)["verdict"].tolist() == [verdict]
    summary, said = sentences(table, "os", "in new patients", CTC_COUNT)
    assert words in said
    assert "the only simpler model" in said
    assert ("add no accuracy" in summary) == (verdict in ("better", "as good"))


@pytest.mark.parametrize(("low", "high"), [(-0.008, 0.002), (0.002, 0.02), (-0.02, -0.001), (-0.002, 0.02)])
def test_figures_are_in_the_order_of_the_sentence(low, high):
    """The subject's score comes first, and the difference is the first score minus the second."""
    middle = (low + high) / 2
    table = made_up(joint(12.0, 0.15), (12.0, "Cox: last", 0.15 + middle, middle, low, high))
    said = sentences(table, "os", "in new patients", CTC_COUNT)[1]
    scores = {"the joint model": "0.150", "a Cox regression on the last log count": f"{0.15 + middle:.3f}"}
    claim, figures = said.split(": ")[1:3]
    subject = next(name for name in scores if claim.startswith(name))
    number = r"-?0\.\d{3}"
    pattern = rf"Brier score ({number}) versus ({number}) \(difference ({number}), .* ({number}) to ({number})\); AUC"
    one, other, difference, lower, upper = re.match(pattern, figures).groups()
    assert one == scores[subject]
    assert other == next(score for name, score in scores.items() if name != subject)
    assert float(difference) == pytest.approx(float(one) - float(other), abs=0.0011)
    sign = -1.0 if subject == "the joint model" else 1.0
    assert sorted([sign * low, sign * high]) == pytest.approx([float(lower), float(upper)], abs=0.0005)


def test_horizons_are_counted_apart():
    table = made_up(
        joint(12.0),
        (12.0, "Cox: mean", 0.15, -0.02, -0.03, -0.01),
        joint(24.0),
        (24.0, "Cox: mean", 0.2, 0.02, 0.01, 0.03),
        joint(36.0),
        (36.0, "Kaplan-Meier", 0.18, 0.003, -0.01, 0.02),
    )
    summary, *each = sentences(table, "os", "in new patients", CTC_COUNT)
    assert summary.startswith("Of 3 comparisons")
    assert len(each) == 3
    for text in ("in 1 a simpler model", "in 1 the joint model has the lower", "in 1 the joint model predicts better"):
        assert text in summary


def test_nothing_is_compared_with_a_fit_that_failed_or_has_no_score():
    failed = made_up(joint(12.0), (12.0, "Cox: mean", 0.174, *[np.nan] * 3))
    failed.loc[failed["model"] == JOINT, ["usable", "reason"]] = [False, "not converged"]
    assert sentences(failed, "os", "in new patients", CTC_COUNT) == (
        "The fit of the joint model failed and is not compared with other models: not converged.",
    )
    nothing = made_up(joint(12.0, np.nan), (12.0, "Cox: mean", *[np.nan] * 4))
    assert sentences(nothing, "os", "in new patients", CTC_COUNT) == (
        "The joint model cannot be compared with other models: not fitted: no event.",
    )
