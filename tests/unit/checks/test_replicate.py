"""Replicated cohorts: like the observed one, from the model, under the same inclusion rule."""

import numpy as np
import pytest
from checks_helpers import fitted, simulated
from scipy.stats import kstest

from bayesctc.checks.replicate import Replicator

pytestmark = pytest.mark.unit


def replicates(fit, n, seed=1, **options):
    """n cohorts at the estimate."""
    made = Replicator(fit.analysis, random_seed=seed, theta=fit.theta, **options)
    rng = np.random.default_rng(seed)
    return made, [made.draw(fit.theta, rng) for _ in range(n)]


def test_observed_is_the_cohort(ml, cohort):
    made, _ = replicates(ml, 0)
    data, samples = made.observed, cohort.samples
    assert data.present.sum() == len(samples)
    assert np.nansum(data.ctc) == samples["ctc"].sum()
    row, slot = np.nonzero(data.present)
    np.testing.assert_array_equal(made.visits.times[row, slot], samples["time"])
    np.testing.assert_array_equal(data.time, cohort.patients["os_time"])
    np.testing.assert_array_equal(data.latent_class, ml.class_probabilities_counts.to_numpy().argmax(axis=1))
    assert len(made.schedule.months) == 5


def test_samples_stop_at_the_replicated_event(ml):
    made, drawn = replicates(ml, 20)
    for data in drawn:
        late = made.visits.times > data.time[:, None] + 1e-6
        assert not (data.present & late).any()
    assert any((d.present & (made.visits.times > made.observed.time[:, None] + 1e-6)).any() for d in drawn)


def test_events_have_the_distribution_of_the_model(ml):
    """F(T) of the replicates, mixed over classes, is uniform below its value at the end of follow-up."""
    made, drawn = replicates(ml, 60)
    p = ml.parameters
    share = np.exp(p["membership"].to_numpy()[:, 0])
    share /= share.sum()

    def cdf(t):
        t = np.asarray(t)[:, None]
        survival = np.exp(-((t / p["scale"].to_numpy()) ** p["shape"].to_numpy()))
        return 1 - survival @ share

    known = made.observed.event == 0  # follow-up ends at one month in all replicates
    ratio = np.concatenate([(cdf(d.time) / cdf(made.observed.time))[known & (d.event == 1)] for d in drawn])
    assert len(ratio) > 500
    assert kstest(ratio, "uniform").pvalue > 0.001


def test_followup_end_is_where_follow_up_ends():
    cohort = simulated(followup_end=60.0)
    fit = fitted(cohort)
    _, drawn = replicates(fit, 3)
    event = cohort.patients["os_event"].to_numpy() == 1
    for data in drawn:
        assert (data.time[event & (data.event == 0)] == 60.0).all()


@pytest.mark.parametrize("entry", ["third_sample", None])
def test_the_inclusion_rule_holds_in_every_replicate(entry):
    cohort = simulated(200).include(min_samples=3, entry=entry)
    assert cohort.min_samples == 3
    fit = fitted(cohort)
    made, drawn = replicates(fit, 10)
    third = np.sort(np.where(made.observed.present, made.visits.times, np.inf), axis=1)[:, 2]
    assert made.n_unmet == 0
    numbers = []
    for data in drawn:
        assert (data.present.sum(axis=1) >= 3).all()
        assert (data.time > third).all()
        early = made.visits.times <= third[:, None]
        np.testing.assert_array_equal(data.present & early, made.observed.present & early)
        numbers.append(data.present.sum(axis=1).mean())
    assert np.mean(numbers) == pytest.approx(made.observed.present.sum(axis=1).mean(), abs=0.15)
    share = made.early_share(fit.theta[None])
    assert share == 0.0 if entry else 0.0 < share < 0.1


def test_the_early_share_is_that_of_unconditioned_draws():
    fit = fitted(simulated(200).include(min_samples=3))
    made, _ = replicates(fit, 0)
    rng = np.random.default_rng(3)
    from dataclasses import replace

    free = replace(made.simulator, entry=np.zeros(len(made.observed.time)))
    early = [np.mean(free.draw_patients(fit.theta, rng, np.inf)[1] < made.condition_time) for _ in range(300)]
    error = np.std(early) / np.sqrt(len(early))
    assert made.early_share(fit.theta[None]) == pytest.approx(np.mean(early), abs=4 * error)


def test_a_rule_met_after_the_endpoint_is_counted():
    base = simulated(150)
    third = base.samples.groupby("patient_id")["time"].nth(2).to_numpy()
    patients = base.patients.assign(pfs_time=base.patients["os_time"], pfs_event=base.patients["os_event"]).copy()
    with_three = base.samples.groupby("patient_id").size().loc[lambda n: n >= 3].index
    patients.loc[with_three[:4], "pfs_time"] = third[:4] - 0.5
    patients.loc[with_three[:4], "pfs_event"] = 1
    import bayesctc as bc

    cohort = bc.Cohort(base.samples, patients.reset_index()).include(min_samples=3)
    fit = fitted(cohort, endpoint="pfs")
    made, drawn = replicates(fit, 3)
    assert made.n_unmet == 4
    assert (made.condition_time[[cohort.patients.index.get_loc(p) for p in with_three[:4]]] == 0).all()
    assert len(drawn) == 3


@pytest.mark.parametrize("family", ["negative_binomial", "gaussian"])
def test_patients_are_classified_as_the_fit_does(cohort, family):
    fit = fitted(cohort, family=family, endpoint=None)
    made, drawn = replicates(fit, 2)
    p = fit.class_probabilities_counts.to_numpy()
    sure = p.max(axis=1) > 0.6  # fewer nodes may move the others
    np.testing.assert_array_equal(made.observed.latent_class[sure], p.argmax(axis=1)[sure])
    assert sure.mean() > 0.8
    assert (drawn[0].time == np.inf).all()
