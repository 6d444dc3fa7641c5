"""Predictive checks and the score test with competing events."""

import numpy as np
import pytest
from helpers import CAUSES, fit_causes, made_bayes, two_cause_cohort
from scipy.stats import norm

import bayesctc as bc
from bayesctc.checks.score_test import patient_scores
from bayesctc.errors import SpecError
from bayesctc.plots.kaplan_meier import incidence
from bayesctc.predict.patients import patient_survival
from bayesctc.time_to_event.aalen_johansen import aalen_johansen
from bayesctc.time_to_event.score import score_statistics

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def fit():
    return fit_causes(two_cause_cohort(), random_effects="intercept", hazard="weibull")


@pytest.fixture(scope="module")
def found(fit):
    return bc.predictive_check(fit, n_replicates=60, progress=False)


def statistics(found, name):
    c = found.checks[name]
    return {
        (label.group, label.statistic, label.month): value for label, value in zip(c.labels, c.observed, strict=True)
    }


def test_what_is_observed(found, fit):
    """Aalen-Johansen of each cause, Kaplan-Meier of being free of all of them: over the causes they sum to 1."""
    data, setting = found.setting.observed, found.setting
    assert setting.causes == CAUSES
    everyone = statistics(found, "incidence")
    curves = aalen_johansen(data.time, data.event, data.entry, setting.months, 2)
    free = statistics(found, "survival")
    for m, month in enumerate(setting.months):
        own = [everyone["all patients", f"had {cause}", month] for cause in CAUSES]
        np.testing.assert_allclose(own, curves[:, m], atol=1e-14)
        assert sum(own) + free["all patients", "free of every event", month] == pytest.approx(1.0, abs=1e-12)
    by_class = statistics(found, "incidence_by_class")
    for g, months in setting.months_by_class.items():
        of = data.latent_class == g
        curve = incidence(data.time[of], data.event[of], data.entry[of], 2)
        for month in months:
            last = curve[curve.index <= month].iloc[-1]
            assert by_class[setting.classes[g], "had toxicity", month] == pytest.approx(last, abs=1e-14)
    z = {statistic: value for (_, statistic, _), value in statistics(found, "independence").items()}
    assert len(z) == 6
    first = np.array([row[np.isfinite(row)][0] for row in data.log_count])[:, None]
    alone = score_statistics(data.time, data.event == 2, first, entry=data.entry, strata=data.latent_class)[0]
    assert z["z of the first log count, toxicity"] == pytest.approx(alone, abs=1e-12)
    c = {statistic: value for (_, statistic, _), value in statistics(found, "association").items()}
    mean = np.nanmean(data.log_count, axis=1)
    harrell = bc.concordance(data.time, data.event == 2, mean).estimate
    assert c["Harrell's C of the mean log count, toxicity"] == pytest.approx(harrell, abs=1e-12)


def test_the_model_agrees_with_its_own_data(found):
    """Drawn with one of the hazards of the fit's form; nothing about the events is flagged."""
    for name in ("incidence", "incidence_by_class"):
        c = found.checks[name]
        inside = (c.calibrated.lower <= c.observed) & (c.observed <= c.calibrated.upper)
        assert inside.mean() > 0.7
        known = c.draws[np.isfinite(c.draws)]
        assert known.min() >= 0.0
        assert known.max() <= 1.0


def test_replicates_have_the_events_of_the_model(fit, found):
    """The mean of the replicates' incidence is the model's, for the patients of the cohort."""
    month = found.setting.months[5]
    model = bc.cumulative_incidence(fit, [month])["cumulative_incidence"].to_numpy()[:, :, 0]
    share = fit.class_probabilities.to_numpy().mean(axis=0)
    labels, draws = found.checks["incidence"].labels, found.checks["incidence"].draws
    for k, cause in enumerate(CAUSES):
        column = next(j for j, label in enumerate(labels) if label.month == month and label.statistic == f"had {cause}")
        own = draws[:, column]
        assert abs(own.mean() - model[k] @ share) < 4.0 * own.std() / np.sqrt(len(own)) + 0.02


def test_checks_of_one_event_have_no_causes(fit):
    patients = fit.cohort.patients.reset_index()
    merged = bc.Cohort(fit.cohort.samples, patients.assign(ttf_event=np.minimum(patients["ttf_event"], 1)))
    spec = fit.spec.with_(survival="~ 1")
    every = bc.prior_predictive(merged, spec, n_replicates=20, progress=False)
    assert not {"incidence", "incidence_by_class"} & ({*every.checks} | {*every.left_out["check"]})
    asked = bc.prior_predictive(merged, spec, n_replicates=20, checks=("incidence", "survival"), progress=False)
    assert asked.left_out["reason"].tolist() == ["the endpoint has no competing events"]
    competing = bc.prior_predictive(fit.cohort, spec, n_replicates=20, checks=("incidence",), progress=False)
    assert list(competing.checks) == ["incidence"]


def test_the_score_test_is_of_one_hazard(fit):
    """Its score is the derivative of the log likelihood by eta in h_c exp(eta b), at 0: by a plain integral over b."""
    gradients = fit.analysis.evaluator().gradients(fit.theta)
    scores = np.stack([patient_scores(fit, gradients, code)[:, 0] for code in (1, 2)])
    natural, packed = fit.design.layout.natural(fit.theta), fit.packed
    nodes = np.linspace(-8.0, 8.0, 801)
    weights = norm.pdf(nodes)
    sd = natural["random_effect_sd"][0]
    samples = fit.cohort.samples
    y = np.log1p(samples["ctc"].to_numpy())
    for i in (0, 11, 47):
        own = (samples["patient_id"] == packed.patient_ids[i]).to_numpy()
        s, t, event = samples["time"].to_numpy()[own] / 6.0, packed.time[i], packed.event[i]
        total, by_cause = 0.0, np.zeros(2)
        for g in range(2):
            mean = natural["growth"][g, 0] + natural["growth"][g, 1] * s[:, None] + sd * nodes
            sigma = np.broadcast_to(natural["sigma"], 2)[g]
            density = weights * np.exp(norm.logpdf(y[own][:, None], mean, sigma).sum(axis=0))
            shape, scale = ([natural[f"{n}_{c}"][g] for c in CAUSES] for n in ("shape", "scale"))
            gone = [(t / b) ** a for a, b in zip(shape, scale, strict=True)]
            at = 1.0 if event == 0 else shape[int(event) - 1] / t * gone[int(event) - 1]
            density *= np.exp(natural["membership"][g, 0]) * at * np.exp(-sum(gone))
            total += density.sum()
            by_cause += [np.sum(density * sd * nodes) * ((event == k + 1) - gone[k]) for k in range(2)]
        np.testing.assert_allclose(scores[:, i], by_cause / total, rtol=1e-6, atol=1e-9)
    result = bc.conditional_independence_test(fit, cause="toxicity")
    assert "with the hazard of toxicity" in result.sentence
    assert bc.conditional_independence_test(fit).cause == "progression"
    with pytest.raises(SpecError, match=r"found 'death'; allowed: progression, toxicity\."):
        bc.conditional_independence_test(fit, cause="death")


def test_pit_is_of_the_first_event(fit):
    """Of draws that are all at one place: 1 - the probability of no event of either cause by then."""
    rng = np.random.default_rng(1)
    thetas = fit.theta + 1e-9 * rng.normal(size=(2, 60, *fit.theta.shape))
    found = bc.loo_pit(made_bayes(fit, thetas))
    time, happened = fit.packed.time, fit.packed.event > 0
    free = patient_survival(fit, time[:, None])[:, 0]
    pit = found.survival["pit"].to_numpy()
    np.testing.assert_allclose(pit[happened], 1.0 - free[happened], atol=1e-6)
    assert (pit[~happened] >= 1.0 - free[~happened] - 1e-6).all()
    assert found.counts["pit"].between(0.0, 1.0).all()


def test_the_pictures(found):
    """Of all patients a curve for each cause; by class one cause, the first unless another is asked for."""
    data, setting = found.setting.observed, found.setting
    ax = bc.plot_predictive_check(found, "incidence")
    assert set(CAUSES) < {text.get_text() for text in ax.get_legend().get_texts()}
    assert len(ax.collections) == 2
    for line, code in zip(ax.lines[:2], (1, 2), strict=True):
        curve = incidence(data.time, data.event, data.entry, code).to_numpy()
        np.testing.assert_array_equal(line.get_ydata(), curve[: len(line.get_ydata())])
    for cause, code in ((None, 1), ("toxicity", 2)):
        ax = bc.plot_predictive_check(found, "incidence_by_class", cause=cause)
        assert cause or "progression" in ax.get_title()
        of = data.latent_class == 0
        curve = incidence(data.time[of], data.event[of], data.entry[of], code, setting.start)
        drawn = next(line for line in ax.lines if len(line.get_xdata()) > 2)
        np.testing.assert_allclose(drawn.get_ydata(), curve.to_numpy()[: len(drawn.get_ydata())])
    with pytest.raises(SpecError, match=r"found 'death'; allowed: progression, toxicity"):
        bc.plot_predictive_check(found, "incidence_by_class", cause="death")
    with pytest.raises(SpecError, match=r"found 'toxicity' for survival; allowed: only for incidence_by_class"):
        bc.plot_predictive_check(found, "survival", cause="toxicity")
    assert bc.plot_predictive_check(found, "survival").get_ylabel() == "Free of every event"
