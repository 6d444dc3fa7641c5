"""Pictures of predictive checks and of LOO-PIT."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import bayesctc as bc
from bayesctc.checks.loo_pit import LooPit
from bayesctc.checks.uniform import uniformity
from bayesctc.errors import SpecError
from bayesctc.plots import style

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def found(ml):
    return bc.predictive_check(ml, n_replicates=60, progress=False)


@pytest.fixture(scope="module")
def pit(ml):
    rng = np.random.default_rng(1)
    tests = {"survival": uniformity(rng.random(60), rng), "count_1": uniformity(rng.random(60) ** 3, rng)}
    return LooPit(None, None, tests, ())


def points(ax, colour=None):
    """Observed values drawn as markers."""
    lines = [line for line in ax.lines if line.get_marker() in ("o", "D")]
    return np.concatenate([line.get_ydata() for line in lines if colour is None or line.get_color() == colour])


def test_every_check_can_be_drawn(found):
    assert found.left_out["check"].tolist() == ["dropout"]  # nobody stopped in this cohort
    for name, checked in found.checks.items():
        ax = bc.plot_predictive_check(found, name)
        assert ax.get_title().replace("\n", " ") == checked.check.title
        assert any("replicates" in text.get_text() for text in ax.texts)
        ax.figure.canvas.draw()


def test_observed_values_are_where_they_belong(found):
    ax = bc.plot_predictive_check(found, "zeros")
    np.testing.assert_allclose(np.sort(points(ax)), np.sort(found.checks["zeros"].observed))
    ax = bc.plot_predictive_check(found, "frequencies")
    np.testing.assert_allclose(np.sort(points(ax)), np.sort(found.checks["frequencies"].observed))
    red = points(ax, style.VERMILLION)
    assert len(red) == found.checks["frequencies"].calibrated.flag.sum()


def test_bands_of_survival_by_class(found):
    ax = bc.plot_predictive_check(found, "survival_by_class")
    groups = {label.group for label in found.checks["survival_by_class"].labels}
    assert len(ax.collections) == len(groups)
    for band in ax.collections:
        y = band.get_paths()[0].vertices[:, 1]
        assert y.min() >= 0
        assert y.max() == 1.0


def test_axes_given_are_used_and_the_wrong_refused(found, pit):
    ax = Figure().add_subplot()
    assert bc.plot_predictive_check(found, "survival", ax=ax) is ax
    for call, says in (
        (lambda: bc.plot_predictive_check(found, "nothing"), "one of zeros"),
        (lambda: bc.plot_predictive_check(pit, "zeros"), "PredictiveCheck"),
        (lambda: bc.plot_predictive_check(found, "zeros", ax=1), "Axes"),
        (lambda: bc.plot_loo_pit(found), "LooPit"),
        (lambda: bc.plot_loo_pit(pit, "count_2"), "survival, count_1"),
    ):
        with pytest.raises(SpecError, match=says):
            call()


def test_the_ecdf_is_drawn_within_its_band(pit):
    ax = bc.plot_loo_pit(pit, "survival")
    test = pit.tests["survival"]
    curve = next(line for line in ax.lines if line.get_linewidth() == 1.4)
    np.testing.assert_allclose(curve.get_ydata()[1:-1], test.ecdf - test.points)
    assert curve.get_color() == style.BLUE
    bent = bc.plot_loo_pit(pit, "count_1")
    assert next(line for line in bent.lines if line.get_linewidth() == 1.4).get_color() == style.VERMILLION
