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


def draw(name, fit):
    """A picture in pale colours; its figure, drawn."""
    of = (fit, fit.cohort, fit.cohort.patients.index[0]) if name == "plot_prediction" else (fit,)
    ax = np.atleast_1d(getattr(bc, name)(*of, **{"color": PALE} | PICTURES[name])).flat[0]
    ax.figure.canvas.draw()
    return ax.figure


@pytest.mark.parametrize("name", PICTURES)
def test_text_can_be_read(ml_three, name):
    texts = [text for text in draw(name, ml_three.with_labels(NAMES)).findobj(Text) if text.get_text().strip()]
    assert min(contrast(text.get_color()) for text in texts) >= 4.5


@pytest.mark.parametrize("name", PICTURES)
def test_names_of_classes_are_no_mathematics(ml_three, name):
    texts = [text.get_text() for text in draw(name, ml_three.with_labels(NAMES)).findobj(Text)]
    assert any("x_1" in text for text in texts)
    assert not [text for text in texts if is_math_text(text)]


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
