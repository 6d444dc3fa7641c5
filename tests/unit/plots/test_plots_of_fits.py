"""Pictures of a fit: what is in them, not how they please."""

import re
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import made_bayes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import bayesctc as bc
from bayesctc.data.outcome import CTC_COUNT
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import at_risk, kaplan_meier
from bayesctc.time_to_event.product_limit import curves_start

pytestmark = pytest.mark.unit
PLOTS = (bc.plot_trajectories, bc.plot_survival, bc.plot_class_probabilities)


def legend_texts(ax):
    """Entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn(ax):
    """All text, after drawing."""
    ax.figure.canvas.draw()
    return [" ".join(text.get_text().split()) for text in ax.texts]


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", ["ml", "ml_one", "ml_three", "ml_entry", "ml_no_hessian", "bayes"])
def test_every_fit_can_be_drawn(plot, name, request):
    ax = plot(request.getfixturevalue(name))
    ax.figure.canvas.draw()
    assert ax.get_title()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert ax.figure.get_figwidth() == 3.5
    sizes = [t.get_fontsize() for t in (*ax.texts, *ax.get_xticklabels(), *ax.get_legend().get_texts(), ax.xaxis.label)]
    assert min(sizes) >= 6.5


@pytest.mark.parametrize("plot", PLOTS)
def test_axes_given_are_used(plot, ml):
    ax = Figure().subplots()
    assert plot(ml, ax=ax) is ax
    with pytest.raises(SpecError, match="Axes"):
        plot(ml, ax="here")


@pytest.mark.parametrize("plot", PLOTS)
def test_a_fit_that_failed_is_marked(plot, ml, bayes):
    def marks(fit, **options):
        return [text for text in drawn(plot(fit, **options)) if "NOT TO BE TRUSTED" in text]

    two = made_bayes(ml, ml.parameter_draws(400, random_seed=2).reshape(2, 200, *ml.theta.shape))
    assert marks(ml) == marks(two) == []
    assert marks(replace(ml, criterion=1.0)) == [
        "NOT TO BE TRUSTED: not converged (g' H^-1 g / m is 1, below 1e-06 allowed)"
    ]
    assert marks(bayes) == ["NOT TO BE TRUSTED: 1 chain left, at least 2 needed"]
    rhat = two.diagnostics.max_rhat
    (mark,) = marks(two, max_rhat=rhat - 0.001)
    said, limit = map(float, re.match(r"NOT TO BE TRUSTED: R-hat is ([\d.]+), at most ([\d.]+) allowed", mark).groups())
    assert said == pytest.approx(rhat, abs=0.001)
    assert limit < said  # in as many digits as it takes


def test_trajectories(ml):
    ax = bc.plot_trajectories(ml)
    codes = ml.assignment["latent_class"].cat.codes
    n = [int((codes == g).sum()) for g in (0, 1)]
    expected = {f"class {g + 1}, n = {n[g]} ({n[g] / 0.8:.0f} %)" for g in (0, 1)}
    assert set(legend_texts(ax)) == {*expected, "95 % band of the median"}
    assert ax.get_xlabel() == "Months from start of treatment"
    assert "7.5 mL" in ax.get_ylabel()
    curves = bc.class_trajectories(ml)
    solid = [line for line in ax.lines if line.get_label() in ("class 1", "class 2")]
    assert [line.get_color() for line in solid] == list(style.class_colours(2))
    for g, line in enumerate(solid):
        shown = len(line.get_ydata())
        np.testing.assert_allclose(line.get_ydata(), curves["median_ctc"][g, :shown])
    assert sum(isinstance(c, PolyCollection) for c in ax.collections) == 2
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    several = ml.cohort.endpoint("os").samples.groupby("patient_id").size() > 1
    assert sum(len(c.get_segments()) for c in lines) == several.sum()
    texts = drawn(ax)
    assert any("cut-off: 5" in text for text in texts)
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert labels[:3] == ["0", "1", "2"]
    assert {"5", "10", "100"} <= set(labels)
    boxes = [t.get_window_extent() for t in ax.get_yticklabels()]
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(boxes))


def test_trajectories_without_samples_or_hessian(ml, ml_no_hessian):
    ax = bc.plot_trajectories(ml, show_samples=False)
    assert not any(isinstance(c, LineCollection) for c in ax.collections)
    ax = bc.plot_trajectories(ml_no_hessian)
    assert not any(isinstance(c, PolyCollection) for c in ax.collections)
    assert any("not positive definite" in text for text in drawn(ax))


def test_many_patients_are_thinned_and_said_so(ml, monkeypatch):
    monkeypatch.setattr("bayesctc.plots.trajectories.MAX_PATIENTS", 30)
    ax = bc.plot_trajectories(ml)
    assert any("30 of 80 patients" in text for text in drawn(ax))
    shown = sum(len(c.get_segments()) for c in ax.collections if isinstance(c, LineCollection))
    assert shown <= 30


@pytest.mark.parametrize("top", [12, 300, 5_000, 3e6])
def test_ticks_of_counts_are_round_and_apart(top):
    ax = style.new_axes()
    style.value_axis(ax, CTC_COUNT, 0.0, top)
    ticks = ax.get_yticks()
    assert ticks[0] == 0
    assert 5 in ticks
    assert np.diff(np.log1p(ticks)).min() > 0.04 * np.log1p(top)
    assert ticks.max() <= top


def test_kaplan_meier_by_hand():
    """Deaths at 1 (of 5), 3 (of 3, one of two who leave), 6 (of 1); censored at 2, 3, and at 6 nobody."""
    time, event = np.array([1.0, 2.0, 3.0, 3.0, 6.0]), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    curve = kaplan_meier(time, event, np.zeros(5))
    assert curve.loc[[0.0, 1.0, 3.0]].tolist() == pytest.approx([1.0, 4 / 5, 4 / 5 * 2 / 3])
    assert curve.iloc[-1] == 0.0
    entered = kaplan_meier(time, event, np.array([0.0, 0.0, 0.0, 2.5, 2.0]))  # at 1: 3 at risk; at 3: 3
    assert entered.loc[[1.0, 3.0]].tolist() == pytest.approx([2 / 3, 2 / 3 * 2 / 3])
    censored = kaplan_meier(np.array([2.0, 4.0]), np.zeros(2), np.zeros(2))
    assert censored.tolist() == [1.0, 1.0]
    assert censored.index[-1] == 4.0
    assert kaplan_meier(np.array([2.0]), np.array([0.0]), np.array([2.0])).tolist() == [1.0]


def test_numbers_at_risk_by_hand():
    time, entry = np.array([1.0, 2.0, 5.0, 7.0]), np.array([0.0, 0.0, 2.0, 3.0])
    assert [at_risk(time, entry, t) for t in (0.0, 1.0, 2.0, 4.0, 6.0)] == [2, 2, 1, 2, 1]
    group = np.zeros(4, dtype=int)
    assert curves_start(group, time, np.zeros(4)) == 0.0
    late = np.array([0.5, 1.0, 2.0, 3.0])
    assert curves_start(np.zeros(4, dtype=int), late + 5, late) == 0.5  # a quarter of four
    assert (
        curves_start(np.zeros(80, dtype=int), np.full(80, 50.0), np.arange(1.0, 81.0) / 10) == 1.0
    )  # the tenth enters


def test_survival(ml):
    ax = bc.plot_survival(ml)
    modal = ml.class_probabilities_counts.to_numpy().argmax(axis=1)
    n = np.bincount(modal)
    assert legend_texts(ax)[0].startswith(f"class 1, n = {n[0]}")
    assert {"Kaplan–Meier", "model, 95 % band"} <= set(legend_texts(ax))
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 2
    assert sum(isinstance(c, PolyCollection) for c in ax.collections) == 2
    texts = drawn(ax)
    assert "Number at risk" in texts
    time = ml.cohort.patients["os_time"].to_numpy()
    for tick in ax.get_xticks():
        assert str(int(np.sum(time[modal == 1] >= tick))) in texts
    numbers = [t for t in ax.texts if t.get_text().isdigit()]
    assert {t.xy[0] for t in numbers} == set(ax.get_xticks())
    assert ax.get_ylim()[0] == 0.0


def test_survival_with_entry_starts_where_patients_are_at_risk(ml_entry):
    ax = bc.plot_survival(ml_entry)
    assert any("Delayed entry" in text for text in drawn(ax))
    starts = {line.get_xdata()[0] for line in ax.lines if line.get_drawstyle() == "steps-post"}
    assert len(starts) == 1
    assert starts.pop() > 0
    with pytest.raises(SpecError, match="times end before"):
        bc.plot_survival(ml_entry, times=[0.0, 0.01])


def test_no_survival_without_an_endpoint(ml_growth):
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.plot_survival(ml_growth)
    bc.plot_trajectories(ml_growth).figure.canvas.draw()
    bc.plot_class_probabilities(ml_growth).figure.canvas.draw()


def test_class_probabilities(ml):
    ax = bc.plot_class_probabilities(ml)
    assert f"{ml.entropy:.2f}" in ax.get_title()
    labels = [t.get_text() for t in ax.get_xticklabels()]
    for label, quality in zip(labels, ml.quality.itertuples(), strict=True):
        assert f"n = {quality.n_modal}" in label
        assert f"mean {quality.average_posterior:.2f}" in label
    stacks = [p for p in ax.patches if isinstance(p, StepPatch)]
    assert len(stacks) == 4  # two classes in each of two blocks
    p = ml.class_probabilities.to_numpy()
    own = np.sort(p[p.argmax(axis=1) == 0, 0])[::-1]
    np.testing.assert_allclose(stacks[0].get_data().values, own)
    np.testing.assert_allclose(stacks[1].get_data().values, 1.0)


@pytest.mark.parametrize("n", range(1, 10))
def test_colours_are_distinct(n):
    assert len(set(style.class_colours(n))) == n


@pytest.mark.parametrize("draw", [bc.plot_trajectories, bc.plot_survival, bc.plot_class_probabilities])
def test_title_legend_and_numbers_are_part_of_given_axes(ml, draw):
    """In subplots without a layout engine, under a title of the user's own."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4))
    top, bottom = right.get_position().y1, right.get_position().y0
    for ax in (left, right):
        draw(ml, ax=ax)
        ax.set_title("My own title")
    assert left.get_title() == "My own title"
    assert not left.get_title(loc="left")
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    title, frame = right.title.get_window_extent(renderer), right.get_window_extent(renderer)
    assert right.get_position().y1 < top
    assert right.get_position().y0 >= bottom
    assert frame.y1 <= title.y0
    if right.get_legend() is not None:
        legend = right.get_legend().get_window_extent(renderer)
        assert title.y1 <= legend.y0
        assert legend.y1 <= figure.bbox.y1
    for text in right.texts:
        where = text.get_window_extent(renderer)
        assert where.y0 >= figure.bbox.y0 - 1.0
