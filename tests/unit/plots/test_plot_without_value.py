"""Ticks of samples without a value, and curves at chosen covariates."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from curves_helpers import counts_only, frames

import bayesctc as bc

pytestmark = pytest.mark.unit


def made(earlier: float = 0.0) -> bc.Cohort:
    """Every ninth sample failed, every eleventh is missing; those at the start may be some months earlier."""
    samples, patients = frames(150)
    k = np.arange(len(samples))
    status = np.where(k % 9 == 4, "failed", np.where(k % 11 == 4, "missing", "ok"))
    time = samples["time"] - earlier * (samples["time"] < 0.5)
    ctc = samples["ctc"].astype(float).where(status == "ok")
    return bc.Cohort(samples.assign(status=status, time=time, ctc=ctc), patients)


@pytest.fixture(scope="module")
def fit():
    """The arms have curves of their own."""
    return counts_only(made(), n_classes=2, longitudinal_by_class="~ arm", endpoint="os", common_shape=True)


def ticks(ax) -> dict[str, list[float]]:
    """Months of the ticks, by status."""
    return {
        line.get_label().removeprefix("_"): sorted(line.get_xdata().tolist())
        for line in ax.lines
        if line.get_marker() == "|"
    }


def test_of_a_patient_up_to_the_landmark(fit):
    failed = fit.cohort.failed_samples
    who = failed[failed["time"] < 4].groupby("patient_id")["status"].nunique().idxmax()
    own = failed[failed["patient_id"] == who]
    axes = bc.plot_prediction(fit, fit.cohort, who, landmarks=[0.5, 5.0])
    for ax, landmark in zip(axes[:, 0], (0.5, 5.0), strict=True):
        known = own[own["time"] <= landmark]
        assert ticks(ax) == {s: sorted(t["time"].tolist()) for s, t in known.groupby("status", observed=True)}
    assert "ticks: samples without a value" in axes[0, 0].figure.get_suptitle()
    whole = fit.cohort.patients.index[~fit.cohort.patients.index.isin(failed["patient_id"])][0]
    axes = bc.plot_prediction(fit, fit.cohort, whole, landmarks=[5.0])
    assert ticks(axes[0, 0]) == {}
    assert "ticks" not in axes[0, 0].figure.get_suptitle()


def test_of_the_patients_that_are_drawn(fit):
    ax = bc.plot_trajectories(fit, at={"arm": "B"})
    arm = fit.cohort.failed_samples["patient_id"].map(fit.cohort.patients["arm"])
    own = fit.cohort.failed_samples[arm == "B"]
    last = ax.get_xlim()[1]
    for status, found in ticks(ax).items():
        expected = own["time"][(own["status"] == status) & own["time"].between(0, last)]
        assert found == sorted(expected.tolist())
    assert ax.get_title().endswith("median of each class, arm = B")
    texts = " ".join(text.get_text() for text in ax.texts)
    n = int((fit.cohort.patients["arm"] == "B").sum())
    assert f"the {n} patients." in texts
    assert "samples without a value" in texts.replace("\n", " ")
    curves = bc.class_trajectories(fit, at={"arm": "B"})
    drawn = [line.get_ydata() for line in ax.lines if line.get_label() == "class 2"]
    np.testing.assert_allclose(drawn[0], curves["median_ctc"].to_numpy()[1])
    plt.close(ax.figure)
    assert ticks(bc.plot_trajectories(fit, show_samples=False)) == {}


def test_samples_before_day_0_are_on_the_axis(fit):
    """Nothing is fitted to them, so only their times matter."""
    early = replace(fit, analysis=replace(fit.analysis, cohort=made(0.9)))
    first = min(early.cohort.samples["time"].min(), early.cohort.failed_samples["time"].min())
    assert first < -0.5
    ax = bc.plot_trajectories(early)
    assert ax.get_xlim()[0] == first
    failed = early.cohort.failed_samples
    for status, found in ticks(ax).items():
        expected = failed["time"][(failed["status"] == status) & (failed["time"] <= ax.get_xlim()[1])]
        assert found == sorted(expected.tolist())
    assert bc.plot_trajectories(early, months=[2.0, 6.0]).get_xlim() == (first, 6.0)


def test_of_single_patients_within_the_axis(fit):
    """A sample that failed before the first one, or after the last one that has a value."""
    early = replace(fit, analysis=replace(fit.analysis, cohort=made(0.9)))
    failed = early.cohort.failed_samples
    last = early.cohort.samples.groupby("patient_id")["time"].max()
    of = failed.groupby("patient_id")["time"].agg(["min", "max"])
    who = of.index[(of["min"] < 0.0) & (of["max"] > last[of.index])][0]
    for months in (None, [0.0, 3.0]):
        (ax,) = bc.plot_individual_fits(early, [who], months=months)
        low, high = ax.get_xlim()
        own = failed["time"][failed["patient_id"] == who]
        assert low < own.min()
        assert sum(map(len, ticks(ax).values())) == (len(own) if months is None else (own <= high).sum())
        assert all(low <= time <= high for times in ticks(ax).values() for time in times)
    axes = bc.plot_prediction(early, early.cohort, who, landmarks=[3.0])
    assert axes[0, 0].get_xlim()[0] < min(times[0] for times in ticks(axes[0, 0]).values())
