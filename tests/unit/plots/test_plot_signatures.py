"""Every plot is called alike: what it is of, where it goes, and what its artists look like."""

import inspect
import typing

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Style

pytestmark = pytest.mark.unit
PLOTS = [name for name in bc.__all__ if name.startswith("plot_")]
OF_FITS = (bc.plot_trajectories, bc.plot_survival)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_takes_what_it_is_of_then_keywords(name):
    plot = getattr(bc, name)
    parameters, hints = inspect.signature(plot).parameters, typing.get_type_hints(plot)
    keywords = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert keywords[0].name in ("ax", "axes")
    assert keywords[0].default is None
    assert hints["return"] is (Axes if keywords[0].name == "ax" else np.ndarray)
    assert hints["look"] == typing.Unpack[Style]
    assert all(p.name not in ("ax", "axes") for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD)
    assert f"    {keywords[0].name} : " in plot.__doc__
    assert "**look\n" in plot.__doc__


@pytest.mark.parametrize("plot", OF_FITS)
def test_the_artists_look_as_they_are_told(ml_three, plot):
    ax = plot(ml_three, color=["black", "C1", (0.0, 0.5, 0.0)], alpha=0.77, linewidth=3.3)
    wanted = [to_hex(each) for each in ("black", "C1", (0.0, 0.5, 0.0))]
    curves = [line for line in ax.lines if line.get_label().startswith("class ")]
    assert [to_hex(line.get_color()) for line in curves] == wanted
    assert [line.get_linewidth() for line in curves] == [3.3] * 3
    bands = [band for band in ax.collections if band.get_alpha() == 0.77]
    assert [to_hex(band.get_facecolor()[0]) for band in bands] == wanted
    assert {to_hex(line.get_color()) for line in plot(ml_three, color="red").lines} >= {to_hex("red")}


def test_the_legend_has_the_colours_of_the_picture(ml_three):
    ax = bc.plot_class_probabilities(ml_three, color=["0.2", "0.5", "0.8"])
    assert [to_hex(patch.get_facecolor()) for patch in ax.get_legend().get_patches()] == [
        "#333333",
        "#808080",
        "#cccccc",
    ]


def test_the_legend_is_where_it_is_told(ml_three):
    figure = Figure(figsize=(4, 3))
    above, inside, none = (figure.add_subplot() for _ in range(3))
    bc.plot_trajectories(ml_three, ax=above)
    bc.plot_trajectories(ml_three, ax=inside, legend="lower left")
    bc.plot_trajectories(ml_three, ax=none, legend=False)
    assert none.get_legend() is None
    figure.canvas.draw()
    box, axes = inside.get_legend().get_window_extent(), inside.get_window_extent()
    assert axes.x0 < box.x0 < box.x1 < axes.x1
    assert axes.y0 < box.y0 < box.y1 < axes.y1
    assert above.get_legend().get_window_extent().y0 > above.get_window_extent().y1
    texts = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in (above, inside)]
    assert sorted(texts[0]) == sorted(texts[1])


def test_unknown_keywords_are_refused_with_what_is_allowed(ml):
    with pytest.raises(TypeError, match="unexpected keyword 'colour'; allowed for this picture: color, alpha, line"):
        bc.plot_trajectories(ml, colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'linewidth'; allowed for this picture: color, alpha, legend\."):
        bc.plot_class_probabilities(ml, linewidth=1.0)


@pytest.mark.parametrize(
    ("look", "match"),
    [
        ({"color": "no colour"}, "color has to be one colour or 2 of them; found 'no colour'"),
        ({"color": ["red"]}, "one colour or 2"),
        ({"alpha": 1.5}, "alpha has to be a number from 0 to 1; found 1.5"),
        ({"linewidth": True}, "linewidth has to be a number from 0; found True"),
        ({"legend": "above"}, "legend has to be True, False or one of 'best', .*; found 'above'"),
    ],
)
def test_what_is_no_look_is_refused(ml, look, match):
    with pytest.raises(SpecError, match=match):
        bc.plot_trajectories(ml, **look)


def test_a_patients_picture_goes_where_it_is_told(ml):
    who = ml.cohort.patients.index[0]
    figure = Figure(figsize=(6, 5))
    axes = figure.subplots(2, 2)
    drawn = bc.plot_prediction(ml, ml.cohort, who, landmarks=[2.0, 4.0], axes=axes, color="C2")
    assert drawn.tolist() == axes.tolist()
    assert who in figure.get_suptitle()
    with pytest.raises(SpecError, match="axes has to hold 2 Axes for each of 3 landmarks; found 4"):
        bc.plot_prediction(ml, ml.cohort, who, landmarks=[2.0, 3.0, 4.0], axes=axes)


def test_panels_have_the_shape_that_was_asked_for():
    axes = style.panels(None, (3, 1), "3 Axes", 2.0, 2.0)
    assert axes.shape == (3, 1)
    again = style.panels([list(axes[:, 0])], (3,), "3 Axes", 2.0, 2.0)
    assert again.shape == (3,)
    assert again[2] is axes[2, 0]
