"""Statistics of the checks, by hand."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from bayesctc.checks import counts, course, sampling, survival_and_classes
from bayesctc.checks.check import Setting
from bayesctc.checks.replicate import Data
from bayesctc.checks.visits import Visits

pytestmark = pytest.mark.unit
nan = np.nan


def made(ctc, times=None, visit=None, time=None, event=None, latent_class=None):
    """A cohort and its setting; by default visits at months 0, 1, 2, ... and nobody dies."""
    ctc = np.array(ctc, dtype=float)
    n, n_slots = ctc.shape
    visit = np.arange(n_slots) if visit is None else np.array(visit)
    times = np.tile(np.arange(float(n_slots)), (n, 1)) if times is None else np.array(times, dtype=float)
    first = np.concatenate([[True], np.diff(visit) > 0])
    visits = Visits(
        tuple(f"P{i}" for i in range(n)),
        np.arange(float(visit.max() + 1)),
        visit,
        (~first).astype(int),
        times,
        np.full(ctc.shape, 7.5),
        np.isfinite(ctc),
        ctc,
    )
    time = np.full(n, 100.0) if time is None else np.array(time, dtype=float)
    event = np.zeros(n) if event is None else np.array(event, dtype=float)
    latent_class = np.zeros(n, dtype=int) if latent_class is None else np.array(latent_class)
    data = Data(ctc, ctc, np.log1p(ctc), time, event, np.zeros(n), latent_class, np.isfinite(ctc))
    kept = np.zeros((n, visits.n_visits), dtype=bool)
    return data, Setting(visits, kept, data, ("class 1", "class 2"), True)


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch):
    for module in ("check", "course"):
        monkeypatch.setattr(f"bayesctc.checks.{module}.ENOUGH", 1)


def values(check, data, setting):
    """Statistics by label; as many as there are labels."""
    labels, found = check.labels(setting), check.values(data, setting)
    assert len(labels) == len(found)
    return {(label.group, label.statistic): value for label, value in zip(labels, found, strict=True)}


def test_counts_by_visit():
    data, setting = made([[0, 3, nan], [7, 0, 9], [0, nan, 5], [12, 4, nan]])
    np.testing.assert_allclose(counts.ZEROS.values(data, setting), [0.5, 1 / 3, 0.0])
    np.testing.assert_allclose(counts.POSITIVE.values(data, setting), [0.5, 0.0, 1.0])
    np.testing.assert_allclose(counts.MAXIMUM.values(data, setting), [12, 4, 9])
    expected = [np.quantile(x, (0.5, 0.9)) for x in ([0, 7, 0, 12], [3, 0, 4], [9, 5])]
    np.testing.assert_allclose(counts.QUANTILE.values(data, setting), np.ravel(expected))
    assert [label.month for label in counts.ZEROS.labels(setting)] == [0.0, 1.0, 2.0]


def test_a_visit_with_two_slots_is_one():
    data, setting = made([[0, 3, 0], [7, 0, nan]], visit=[0, 1, 1])
    np.testing.assert_allclose(counts.ZEROS.values(data, setting), [0.5, 2 / 3])


def test_frequencies_sum_to_one():
    data, setting = made([[0, 1, 2, 3], [4, 5, 600, nan]])
    found = values(counts.FREQUENCIES, data, setting)
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["3 to 4 cells", "share of samples"] == pytest.approx(2 / 7)
    assert found["500 or more cells", "share of samples"] == pytest.approx(1 / 7)
    assert found["0 cells", "share of samples"] == pytest.approx(1 / 7)


def test_change_and_variation():
    y = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, nan], [2.0, nan, 1.0], [0.0, nan, nan]])
    data, setting = made(np.expm1(y))
    np.testing.assert_allclose(course.CHANGE.values(data, setting), [0.5, 0.5, 1.0, 2.0])
    found = values(course.VARIATION, data, setting)
    sd = [np.std([1, 2, 4], ddof=1), 0.0, np.std([2, 1], ddof=1)]
    assert found["within patients", "mean sd of log counts"] == pytest.approx(np.mean(sd))
    assert found["within patients", "90 % quantile of sd"] == pytest.approx(np.quantile(sd, 0.9))
    assert found["within patients", "share with no variation"] == pytest.approx(1 / 3)
    assert found["from sample to sample", "mean absolute change"] == pytest.approx((1 + 2 + 0 + 1) / 4)
    pairs = np.array([[1, 2], [2, 4], [3, 3], [2, 1]])
    assert found["from sample to sample", "correlation of log counts"] == pytest.approx(np.corrcoef(pairs.T)[0, 1])
    assert found["between patients", "sd of mean log counts"] == pytest.approx(np.std([7 / 3, 3, 1.5, 0]))


def test_transitions_are_those_of_b2ctc():
    import pandas as pd

    import bayesctc as bc

    rng = np.random.default_rng(1)
    ctc = np.where(rng.random((40, 4)) < 0.2, nan, rng.integers(0, 12, (40, 4)))
    times = np.tile([-0.2, 0.9, 1.9, 2.5], (40, 1))
    data, setting = made(ctc, times)
    row, slot = np.nonzero(np.isfinite(ctc))
    samples = pd.DataFrame(
        {"patient_id": [f"P{i}" for i in row], "time": times[row, slot], "ctc": ctc[row, slot].astype(int)}
    )
    people = pd.DataFrame({"patient_id": [f"P{i}" for i in range(40)]})
    table = bc.b2ctc(bc.Cohort(samples, people)).table["percent"] / 100
    found = {group: value for (group, _), value in values(course.TRANSITION, data, setting).items()}
    assert found == pytest.approx({level: table[level] for level in found})


def test_number_of_samples():
    data, setting = made([[1, nan, nan], [1, 2, 3], [1, nan, 3], [nan, nan, nan]])
    assert list(sampling.N_SAMPLES.values(data, setting)) == [0.25, 0.25, 0.25]


def test_dropout_looks_at_those_who_were_due():
    """Low counts stop at the first visit; those whose follow-up ended do not count."""
    ctc = [[1, nan, nan], [2, nan, nan], [30, 20, 10], [40, 50, 60], [900, nan, nan]]
    data, setting = made(ctc, time=[9, 9, 9, 9, 0.5])
    last, mean = sampling.DROPOUT.values(data, setting)
    y = np.log1p([1, 2, 30, 40])
    left = np.array([1, 1, 0, 0])
    # at the second visit nobody stops: it adds to the spread of the counts alone
    extra = np.log1p([20, 50])
    spread = np.sum((y - y.mean()) ** 2) + np.sum((extra - extra.mean()) ** 2)
    expected = np.sum((y - y.mean()) * (left - 0.5)) / np.sqrt(spread * 1.0)
    assert last == pytest.approx(expected)
    assert mean < -0.8
    kept = np.ones_like(setting.kept)
    both = sampling.DROPOUT.values(data, Setting(setting.visits, kept, data, (), True))
    assert np.isnan(both).all()


def test_survival_by_class_and_shares():
    rng = np.random.default_rng(2)
    group = np.repeat([0, 1], 30)
    data, setting = made(
        rng.integers(0, 9, (60, 2)),
        time=rng.exponential(np.where(group, 5.0, 20.0)),
        event=np.ones(60),
        latent_class=group,
    )
    assert list(survival_and_classes.CLASS_SHARES.values(data, setting)) == [0.5, 0.5]
    labels = survival_and_classes.SURVIVAL_BY_CLASS.labels(setting)
    found = survival_and_classes.SURVIVAL_BY_CLASS.values(data, setting)
    for label, value in zip(labels, found, strict=True):
        of = data.time[group == int(label.group[-1]) - 1]
        assert value == pytest.approx(np.mean(of > label.month))
    overall = values(survival_and_classes.SURVIVAL, data, setting)
    assert len(overall) == 1  # one group and statistic, at twelve months
    assert survival_and_classes.SURVIVAL.values(data, setting)[0] == pytest.approx(
        np.mean(data.time > setting.months[0])
    )


def test_association_and_independence_see_who_dies_first():
    rng = np.random.default_rng(3)
    level = rng.normal(3.0, 1.0, 80)
    y = level[:, None] + rng.normal(0.0, 0.3, (80, 3))
    data, setting = made(np.expm1(np.maximum(y, 0)), time=np.exp(4 - level), event=np.ones(80))
    assert survival_and_classes.ASSOCIATION.values(data, setting)[0] == pytest.approx(
        0.5 + 0.5 * _kendall(np.maximum(y, 0).mean(axis=1), -data.time)
    )
    first, mean, change = survival_and_classes.INDEPENDENCE.values(data, setting)
    assert first > 4
    assert mean > 4
    assert abs(change) < 4
    assert spearmanr(level, data.time).statistic == pytest.approx(-1.0)


def _kendall(a, b):
    signs = np.sign(a[:, None] - a) * np.sign(b[:, None] - b)
    return signs.sum() / (len(a) * (len(a) - 1))
