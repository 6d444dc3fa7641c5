"""Growth over time: orthonormal functions, powers of s = time / 6 months, and natural splines against scipy's."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from bayesctc.design.basis import TimeBasis, choose_basis
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit

SAMPLE_TIMES = np.linspace(0.0, 18.0, 40)
EXACT = (-3.0, 13.0)  # a span of 16 months, in which months divided by it lose nothing


def terms(basis, months):
    """What reported coefficients are those of."""
    return basis.evaluate(months) @ np.linalg.inv(basis.to_user)


@pytest.mark.parametrize(
    ("growth", "names", "at_nine_months"),
    [
        ("linear", ("intercept", "s"), [1.0, 1.5]),
        ("quadratic", ("intercept", "s", "s2"), [1.0, 1.5, 2.25]),
        ("cubic", ("intercept", "s", "s2", "s3"), [1.0, 1.5, 2.25, 3.375]),
    ],
)
def test_polynomials(growth, names, at_nine_months):
    assert choose_basis(growth, 3, None, SAMPLE_TIMES).names == names
    basis = TimeBasis(growth, span=EXACT)
    origin = [1.0] + [0.0] * (len(names) - 1)
    before = [(-0.5) ** power for power in range(len(names))]
    powers = np.array([origin, at_nine_months, before])
    np.testing.assert_allclose(basis.evaluate([0.0, 9.0, -3.0]), powers @ basis.to_user, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(terms(basis, [0.0, 9.0, -3.0]), powers, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "linear"},
        {"kind": "quadratic"},
        {"kind": "cubic"},
        {"kind": "treatment", "fall": 1.5},
        {"kind": "spline", "knots": (0.0, 2.0, 5.0, 11.0)},
    ],
)
def test_functions_are_orthonormal_over_the_span_whatever_unit_and_origin(options):
    basis = TimeBasis(**options, span=(-1.0, 9.5))
    at = np.linspace(-1.0, 9.5, 20_001)
    X = basis.evaluate(at)
    np.testing.assert_allclose(X[:, 0], 1.0, rtol=1e-14)
    products = trapezoid(X[:, :, None] * X[:, None, :], dx=1.0 / 20_000, axis=0)
    np.testing.assert_allclose(products, np.eye(len(basis.names)), atol=1e-5)
    other = TimeBasis(**options, origin=9.0, unit=12.0, span=(-1.0, 9.5))
    np.testing.assert_array_equal(other.evaluate(at), X)
    np.testing.assert_allclose(terms(other, at)[:, other.names.index("s")], (at - 9.0) / 12.0, atol=1e-9)


def test_the_span_holds_the_samples_but_for_a_tenth():
    assert choose_basis("linear", 3, None, SAMPLE_TIMES).span == pytest.approx((0.9, 17.1))
    assert choose_basis("linear", 3, None, [0.0] * 99 + [4.0]).span == (0.0, 4.0)
    assert choose_basis("linear", 3, None, [2.0, 2.0]).span == (1.5, 2.5)


def scipy_natural_spline(knots, values, at):
    """The natural cubic interpolant, continued as straight lines."""
    spline = CubicSpline(knots, values, bc_type="natural")
    inside = np.clip(at, knots[0], knots[-1])
    return spline(inside) + spline(inside, 1) * (at - inside)


@pytest.mark.parametrize("knots", [(0.0, 5.0, 12.0), (0.0, 2.0, 5.0, 11.0), (-1.0, 1.0, 3.0, 8.0, 12.0, 18.0)])
def test_spline_spans_the_natural_cubic_splines(knots):
    basis = TimeBasis("spline", knots)
    at = np.linspace(knots[0] - 6.0, knots[-1] + 9.0, 301)
    X = basis.evaluate(at)
    assert X.shape == (301, len(knots)) == (301, len(basis.names))
    natural = np.column_stack([scipy_natural_spline(knots, unit, at) for unit in np.eye(len(knots))])
    # each is a combination of the other: the two spans are one
    assert np.linalg.matrix_rank(X) == np.linalg.matrix_rank(natural) == len(knots)
    for a, b in ((X, natural), (natural, X)):
        fitted = a @ np.linalg.lstsq(a, b, rcond=None)[0]
        np.testing.assert_allclose(fitted, b, atol=1e-10 * np.abs(b).max())


def test_spline_is_a_line_beyond_its_boundary_knots_and_bends_between_them():
    basis = TimeBasis("spline", (1.0, 4.0, 8.0, 14.0), span=EXACT)

    def curvature(at):
        return np.diff(basis.evaluate(at), n=2, axis=0)

    np.testing.assert_allclose(curvature(np.arange(-20.0, 2.0)), 0.0, atol=1e-12)
    np.testing.assert_allclose(curvature(np.arange(14.0, 51.0, 3.0)), 0.0, atol=1e-12)
    assert np.all(np.abs(curvature(np.linspace(4.0, 8.0, 12))[:, 2:]).max(axis=0) > 1e-3)


def test_spline_terms_are_named_and_start_with_intercept_and_slope():
    basis = TimeBasis("spline", (0.0, 2.0, 5.0, 11.0))
    assert basis.names == ("intercept", "s", "bend1", "bend2")
    at = np.array([-4.0, 0.0, 3.0, 30.0])
    np.testing.assert_allclose(terms(basis, at)[:, :2], np.column_stack([np.ones(4), at / 6.0]), atol=1e-10)
    np.testing.assert_allclose(terms(basis, [-4.0, 0.0])[:, 2:], 0.0, atol=1e-14)


@pytest.mark.parametrize("spline_df", [2, 3, 5])
def test_knots_not_given_go_to_quantiles(spline_df):
    times = np.random.default_rng(2).exponential(6.0, 200)
    basis = choose_basis("spline", spline_df, None, times)
    assert len(basis.knots) == spline_df + 1
    assert len(basis.names) == 1 + spline_df
    np.testing.assert_allclose(basis.knots, np.quantile(times, np.linspace(0.05, 0.95, spline_df + 1)))


def test_knots_given_are_kept_boundaries_may_lie_outside_the_samples():
    assert choose_basis("spline", 3, (-3.0, 5.0, 40.0), SAMPLE_TIMES).knots == (-3.0, 5.0, 40.0)


@pytest.mark.parametrize("knots", [(0.0, 25.0, 30.0), (-9.0, -1.0, 6.0), (20.0, 22.0, 24.0), (-8.0, -6.0, -4.0)])
def test_knots_outside_the_samples_are_refused(knots):
    with pytest.raises(SpecError, match=r"knots have to lie within .* 0\.00 to 18\.00 months") as refusal:
        choose_basis("spline", 3, knots, SAMPLE_TIMES)
    assert str(knots) in str(refusal.value)


@pytest.mark.parametrize("knots", [(0.0, 6.0, 6.0), (0.0, 9.0, 3.0, 12.0)])
def test_knots_that_do_not_increase_are_refused(knots):
    with pytest.raises(SpecError, match=r"knots .* not increasing"):
        choose_basis("spline", 3, knots, SAMPLE_TIMES)


def test_samples_at_planned_times_place_knots_between_them():
    basis = choose_basis("spline", 3, None, [0.0] * 30 + [3.0] * 20 + [6.0] * 10 + [9.0] * 3)
    np.testing.assert_allclose(basis.knots, np.quantile([0.0, 3.0, 6.0, 9.0], np.linspace(0.05, 0.95, 4)))
    assert np.linalg.matrix_rank(basis.evaluate([0.0, 3.0, 6.0, 9.0])) == 4


def test_samples_at_few_times_cannot_place_knots():
    with pytest.raises(SpecError, match=r"samples cluster at few times.*spline_df"):
        choose_basis("spline", 5, None, [0.0] * 30 + [3.0] * 3)
