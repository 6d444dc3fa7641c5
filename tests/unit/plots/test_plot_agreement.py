"""The pictures of agreement: every number, its patients, and what does not count."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

import bayesctc as bc
from bayesctc.comparison.agreement import PAIR_COLUMNS, ClassAgreement
from bayesctc.errors import SpecError
from bayesctc.plots import style

pytestmark = pytest.mark.unit
NAMES = ("counts alone", "os", "a price in $")


def made(*rows, **changes):
    rows = rows or (
        ("counts alone", "os", 0.91, 469, True, ""),
        ("counts alone", "a price in $", -0.04, 450, True, ""),
        ("os", "a price in $", 0.5, 450, False, "os: not converged"),
    )
    sizes = dict(zip(NAMES, (469, 469, 450), strict=True))
    pairs = pd.DataFrame(list(rows), columns=PAIR_COLUMNS)
    return ClassAgreement(
        **{
            "pairs": pairs,
            "shares": pd.DataFrame(),
            "names": NAMES,
            "n_patients": sizes,
            "counts_only": True,
            **changes,
        }
    )


def texts(ax):
    return [t.get_text() for t in ax.texts]


def contrast(first, second):
    """Of two colours, by WCAG 2.2: from 1 to 21."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_heat_map_says_every_number_and_its_patients():
    ax = bc.plot_class_agreement(made())
    found = texts(ax)
    for part in ("0.91", "\N{MINUS SIGN}0.04", "0.50", "n = 469", "n = 450"):
        assert part in found
    assert len(ax.patches) == 3
    assert [t.get_text() for t in ax.get_yticklabels()] == ["os\nn = 469", "a price in \\$\nn = 450"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["counts\nalone", "os"]
    notes = " ".join(found[-1].split())
    for part in ("Classified by the counts alone", "counts alone has 469", "not counted. os: not converged"):
        assert part in notes
    faces = [patch.get_facecolor()[:3] for patch in ax.patches]
    np.testing.assert_allclose(faces[1], 1.0)  # less than by chance is as light as chance
    assert faces[2] == to_rgb(style.GRID)


def test_numbers_can_be_read_on_every_colour():
    rows = [("os", "counts alone", value, 90, True, "") for value in np.linspace(-0.2, 1.0, 25)]
    ax = bc.plot_class_agreement(made(*rows))
    for patch, number in zip(ax.patches, [t for t in ax.texts if "n =" not in t.get_text()], strict=False):
        assert contrast(patch.get_facecolor()[:3], number.get_color()) > 4.5


def test_dots_of_bootstrap_samples():
    values = [0.9, 0.2, 0.7, 0.8]
    rows = [("estimate", f"sample {k}", v, 90, True, "") for k, v in enumerate(values)]
    result = made(*rows, names=("estimate",), n_patients={"estimate": 90}, counts_only=False, n_bootstrap=6, n_failed=2)
    ax = bc.plot_class_agreement(result)
    dots = next(line for line in ax.lines if len(line.get_xdata()) == 4)
    assert list(dots.get_xdata()) == sorted(values)
    assert ax.get_xlim()[0] <= 0.0
    note = " ".join(texts(ax)[-1].split())
    for part in ("90 patients. Median 0.75", "2 of 6 refits failed and are excluded", "by counts and survival"):
        assert part in note
    assert "6 bootstrap samples" in ax.get_title()


def test_axes_that_are_given_and_what_is_refused():
    ax = style.new_axes()
    assert bc.plot_class_agreement(made(), ax=ax) is ax
    with pytest.raises(SpecError, match="what class_agreement returns; found dict"):
        bc.plot_class_agreement({})
    with pytest.raises(SpecError, match="matplotlib Axes"):
        bc.plot_class_agreement(made(), ax="ax")
    nothing = dataclasses.replace(made(), pairs=made().pairs.iloc[:0], n_bootstrap=3, n_failed=3, failures=("no mode",))
    with pytest.raises(SpecError, match=r"no bootstrap sample with a refit \(no mode\)"):
        bc.plot_class_agreement(nothing)
