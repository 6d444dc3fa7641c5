"""Text of pictures: it can be read on white, and what a user calls a class is no mathematics."""

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import bayesctc as bc
from bayesctc.plots import style

pytestmark = pytest.mark.unit
NAMES = ["$x_1$", "b & $c$", "<i>high</i>"]
PALE = ["yellow", "#E69F00", "lightgrey"]
PICTURES = {
    "plot_trajectories": {},
    "plot_survival": {},
    "plot_class_probabilities": {},
    "plot_prediction": {"landmarks": [2.0, 4.0], "color": ["gold", *PALE]},
    "plot_individual_fits": {},
    "plot_residuals": {},
    "plot_survival_within_classes": {"by": "arm", "color": PALE[:2]},
}


def contrast(colour) -> float:
    """With white, as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


@pytest.fixture(scope="module", params=PICTURES)
def texts(request, ml_three):
    """All text of a picture in pale colours with odd names of classes, after drawing."""
    name, fit = request.param, ml_three.with_labels(NAMES)
    of = (fit, fit.cohort, fit.cohort.patients.index[0]) if name == "plot_prediction" else (fit,)
    figure = np.atleast_1d(getattr(bc, name)(*of, **{"color": PALE} | PICTURES[name])).flat[0].figure
    figure.canvas.draw()
    return figure.findobj(Text)


def test_text_can_be_read(texts):
    assert min(contrast(text.get_color()) for text in texts if text.get_text().strip()) >= 4.5


def test_names_of_classes_are_no_mathematics(texts):
    assert any("x_1" in text.get_text() for text in texts)
    assert not [text for text in texts if is_math_text(text.get_text())]


@pytest.mark.parametrize("name", [*PICTURES, "plot_covariate_effects"])
def test_titles_are_not_cut(ml_three, ml_arms, name):
    """Constrained layout makes no room for the width of titles."""
    options = {key: value for key, value in PICTURES.get(name, {}).items() if key != "color"}
    fit = ml_arms if name == "plot_covariate_effects" else ml_three
    of = (fit, fit.cohort, fit.cohort.patients.index[0]) if name == "plot_prediction" else (fit,)
    figure = np.atleast_1d(getattr(bc, name)(*of, **options)).flat[0].figure
    figure.draw_without_rendering()
    titles = [title for ax in figure.axes for title in (ax.title, ax._left_title, ax._right_title)]
    titles = [title for title in (*titles, figure._suptitle) if title is not None and title.get_text()]
    assert titles
    for title in titles:
        extent = title.get_window_extent()
        assert extent.x0 >= figure.bbox.x0
        assert extent.x1 <= figure.bbox.x1
        assert extent.y1 <= figure.bbox.y1


@pytest.mark.parametrize("name", ["plot_trajectories", "plot_covariate_effects", "plot_survival"])
def test_pictures_say_which_probability_patients_are_counted_by(ml_arms, name):
    """Each n is of patients classified by counts and survival, or by counts alone."""
    alone = name == "plot_survival"
    probabilities = ml_arms.class_probabilities_counts if alone else ml_arms.class_probabilities
    figure = getattr(bc, name)(ml_arms).figure
    text = " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))
    assert f"n by counts {'alone' if alone else 'and survival'}" in text
    sizes = np.bincount(probabilities.to_numpy().argmax(axis=1), minlength=2)
    assert all(f"n = {n}" in text for n in sizes)


@pytest.mark.parametrize(
    "colour", sorted({*(c for n in range(1, 12) for c in style.class_colours(n)), *PALE, "white", "black"})
)
def test_colours_of_text_are_darkened_no_more_than_it_takes(colour):
    text = style.text_colour(colour)
    if contrast(colour) >= 4.5:
        assert np.allclose(to_rgb(text), to_rgb(colour), atol=1 / 255)
    else:
        assert 4.5 <= contrast(text) < 4.7
        shares = np.array(to_rgb(text)) / np.maximum(to_rgb(colour), 1e-9)  # the hue stays: no channel changes sides
        assert (shares <= 1.0).all()
