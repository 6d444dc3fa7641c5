"""Names and places of parameters: sizes counted by hand, the three forms of a parameter set, refusals."""

import numpy as np
import pytest
from helpers import Case, draw_natural, random_correlation

from bayesctc.data.outcome import CTC_COUNT
from bayesctc.design.standardise import Standard
from bayesctc.errors import SpecError
from bayesctc.model.layout import Layout
from bayesctc.model.scales import Scales
from bayesctc.model.sizes import Sizes

pytestmark = pytest.mark.unit

TERM_NAMES = {"arm": ("arm[T.B]", "arm[T.C]"), "bone": ("bone",), "age": ("scale(age)",)}
GROWTH = {
    "linear": ("intercept", "s"),
    "quadratic": ("intercept", "s", "s2"),
    "cubic": ("intercept", "s", "s2", "s3"),
    "spline": ("intercept", "s", "bend1", "bend2"),
    "treatment": ("intercept", "fall", "s"),
}


def lay_out(case: Case, rng: np.random.Generator | None = None) -> Layout:
    """The layout of a case, whose fit has the user's scale, or one at random."""
    spec = case.spec
    terms = {
        part: tuple(name for term in getattr(case, part) for name in TERM_NAMES[term])
        for part in ("membership", "longitudinal", "survival", "survival_by_class")
    } | {"growth": GROWTH[spec.growth]}
    by_class = [name for term in case.longitudinal_by_class for name in TERM_NAMES[term]]
    terms["longitudinal_by_class"] = tuple(f"{name}:{term}" for name in by_class for term in terms["growth"])
    sizes = Sizes(
        family="gaussian",
        hazard="weibull" if spec.endpoint else "none",
        n_membership=1 + len(terms["membership"]),
        n_basis=len(terms["growth"]) + len(terms["longitudinal"]) + len(terms["longitudinal_by_class"]),
        n_random=spec.n_random,
        n_survival=len(terms["survival"]) + len(terms["survival_by_class"]),
    )
    return Layout.of(spec, sizes, terms, scales=some_scales(terms, len(by_class), rng))


def some_scales(terms: dict, n_by_class: int, rng: np.random.Generator | None) -> Scales:
    def triangle(n):
        return np.triu(rng.normal(size=(n, n)), 1) + np.diag(rng.uniform(0.3, 3.0, n))

    def standard(n):
        if rng is None:
            return Standard(np.zeros(n), np.zeros(n), np.eye(n))
        return Standard(rng.normal(3.0, 1.0, n), rng.normal(size=n), triangle(n))

    each = [standard(len(terms[part])) for part in ("membership", "longitudinal", "survival", "survival_by_class")]
    by_class = standard(n_by_class)
    if rng is None:
        return Scales(None, *each, longitudinal_by_class=by_class)
    growth = triangle(len(terms["growth"]))
    growth[0, 0] = 1.0  # what is constant is so on both
    return Scales(
        growth, *each, months=13.7, log_scale=(0.4,), location=2.5, spread=0.4, longitudinal_by_class=by_class
    )


# membership + growth + sigma + D (+ omega) + scale + shape + covariates
COUNTED = {
    "joint_1": (Case(1), 0 + 3 + 1 + 3 + 1 + 1),
    "joint_2": (Case(2), 1 + 6 + 1 + 3 + 2 + 2),
    "joint_4": (Case(4), 3 + 12 + 1 + 3 + 4 + 4),
    "counts_1": (Case(1, options={"endpoint": None}), 3 + 1 + 3),
    "counts_4": (Case(4, options={"endpoint": None}), 3 + 12 + 1 + 3),
    "linear_none": (Case(2, options={"growth": "linear", "random_effects": "none"}), 1 + 4 + 1 + 0 + 2 + 2),
    "cubic_quadratic": (Case(2, options={"growth": "cubic", "random_effects": "quadratic"}), 1 + 8 + 1 + 6 + 2 + 2),
    "spline_intercept": (Case(4, options={"growth": "spline", "random_effects": "intercept"}), 3 + 16 + 1 + 1 + 4 + 4),
    "treatment": (Case(4, options={"growth": "treatment"}), 3 + 12 + 1 + 3 + 4 + 4),
    "sigma_by_class": (Case(4, options={"class_specific_sigma": True}), 3 + 12 + 4 + 3 + 4 + 4),
    "effects_by_class": (Case(4, options={"class_specific_random_effects": True}), 3 + 12 + 1 + 3 + 3 + 4 + 4),
    "effects_by_class_of_one": (Case(1, options={"class_specific_random_effects": True}), 3 + 1 + 3 + 1 + 1),
    "common_shape": (Case(4, options={"common_shape": True}), 3 + 12 + 1 + 3 + 4 + 1),
    "membership": (Case(4, membership=("arm", "bone")), 3 * 4 + 12 + 1 + 3 + 4 + 4),
    "membership_of_one": (Case(1, membership=("arm",)), 0 + 3 + 1 + 3 + 1 + 1),
    "longitudinal": (Case(2, longitudinal=("arm",)), 1 + 6 + 2 + 1 + 3 + 2 + 2),
    "curves_by_class": (Case(2, longitudinal_by_class=("arm", "bone")), 1 + 6 + 2 * 3 * 3 + 1 + 3 + 2 + 2),
    "survival": (Case(2, survival=("age", "bone")), 1 + 6 + 1 + 3 + 2 + 2 + 2),
    "survival_by_class": (Case(4, survival_by_class=("arm",)), 3 + 12 + 1 + 3 + 4 + 4 + 4 * 2),
    "everything": (
        Case(
            4,
            membership=("bone",),
            survival=("age",),
            survival_by_class=("arm",),
            longitudinal=("bone",),
            options={
                "growth": "cubic",
                "random_effects": "quadratic",
                "class_specific_sigma": True,
                "class_specific_random_effects": True,
                "common_shape": True,
            },
        ),
        3 * 2 + 16 + 1 + 4 + 6 + 3 + 4 + 1 + 1 + 4 * 2,
    ),
}

each = pytest.mark.parametrize(("case", "n_parameters"), COUNTED.values(), ids=COUNTED)
each_case = pytest.mark.parametrize("case", [case for case, _ in COUNTED.values()], ids=COUNTED)


@each
def test_parameters_are_as_many_as_counted_by_hand(case, n_parameters):
    layout = lay_out(case)
    assert layout.n_parameters == n_parameters
    assert np.linalg.matrix_rank(layout.transform) == n_parameters


@pytest.mark.parametrize("scaled", [False, True])
@each_case
def test_natural_theta_natural(case, scaled, rng):
    layout, natural = lay_out(case, rng if scaled else None), draw_natural(case, rng)
    if case.n_classes == 1:
        natural["membership"] = np.zeros_like(natural["membership"])
    theta = layout.theta(natural)
    assert theta.shape == (case.n_classes, layout.sizes.n_class_parameters)
    back = layout.natural(theta)
    assert set(back) == set(natural)
    for name, value in natural.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-10, atol=1e-12, err_msg=name)
        assert np.shape(back[name]) == np.shape(value), name


@pytest.mark.parametrize("scaled", [False, True])
@each_case
def test_theta_is_the_transform_of_the_free_vector(case, scaled, rng):
    layout = lay_out(case, rng if scaled else None)
    free = rng.normal(size=layout.n_parameters)
    theta = layout.to_theta(free)
    np.testing.assert_allclose(theta.ravel(), layout.transform @ free, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(layout.to_free(theta), free, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        layout.theta(layout.natural(theta))[:, layout.places["growth"]], theta[:, layout.places["growth"]], rtol=1e-12
    )
    np.testing.assert_allclose(theta[:, layout.places["membership"]].sum(axis=0), 0.0, atol=1e-12)
    for block in layout.blocks:
        if block.sharing == "common":
            values = theta[:, layout.places[block.name]]
            np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape), err_msg=block.name)


@pytest.mark.parametrize("scaled", [False, True])
@each_case
def test_natural_parameters_give_a_theta_that_the_free_vector_reaches(case, scaled, rng):
    layout = lay_out(case, rng if scaled else None)
    theta = layout.theta(draw_natural(case, rng))
    np.testing.assert_allclose(layout.to_theta(layout.to_free(theta)), theta, rtol=1e-9, atol=1e-10)


def test_places_in_theta_are_disjoint_and_cover_it():
    layout = lay_out(COUNTED["everything"][0])
    covered = [k for place in layout.places.values() for k in range(place.start, place.stop)]
    assert sorted(covered) == list(range(layout.sizes.n_class_parameters))


def test_theta_holds_logarithms_of_positive_parameters_and_the_cholesky_factor():
    layout = lay_out(Case(2, options={"class_specific_random_effects": True}))
    sd, correlation = np.array([0.8, 0.3]), -0.5
    theta = layout.theta(
        {
            "membership": [[0.4], [-0.4]],
            "growth": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            "sigma": 0.7,
            "random_effect_sd": sd,
            "random_effect_corr": [[1.0, correlation], [correlation, 1.0]],
            "random_effect_scale": [2.0, 0.5],
            "scale": [12.0, 30.0],
            "shape": [1.5, 0.8],
        }
    )
    factor = [0.8, 0.3 * correlation, 0.3 * np.sqrt(1 - correlation**2)]
    expected = [
        [0.4, 1.0, 2.0, 3.0, np.log(0.7), *factor, np.log(2.0), np.log(12.0), np.log(1.5)],
        [-0.4, 4.0, 5.0, 6.0, np.log(0.7), *factor, np.log(0.5), np.log(30.0), np.log(0.8)],
    ]
    np.testing.assert_allclose(theta, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("scaled", [False, True])
def test_draws_along_leading_dimensions(scaled, rng):
    case = COUNTED["everything"][0]
    layout = lay_out(case, rng if scaled else None)
    thetas = np.stack([[layout.theta(draw_natural(case, rng)) for _ in range(3)] for _ in range(2)])
    natural = layout.natural(thetas)
    assert natural["random_effect_corr"].shape == (2, 3, 3, 3)
    for name, value in natural.items():
        np.testing.assert_array_equal(value[1, 2], layout.natural(thetas[1, 2])[name], err_msg=name)
    np.testing.assert_allclose(layout.theta(natural), thetas, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scaled", [False, True])
@each_case
def test_permuting_classes_permutes_parameters_by_class_only(case, scaled, rng):
    layout = lay_out(case, rng if scaled else None)
    order = rng.permutation(case.n_classes)[::-1]
    theta = layout.theta(draw_natural(case, rng))
    before, after = layout.natural(theta), layout.natural(theta[order])
    for name, dims in layout.dims.items():
        expected = before[name][order] if "latent_class" in dims else before[name]
        np.testing.assert_allclose(after[name], expected, rtol=1e-14, err_msg=name)
    # the free vector spans permuted classes as well
    np.testing.assert_allclose(layout.to_theta(layout.to_free(theta[order])), theta[order], rtol=1e-9, atol=1e-10)


def test_dataset_names_its_dimensions(rng):
    case = COUNTED["everything"][0]
    layout = lay_out(case)
    theta = layout.theta(draw_natural(case, rng))
    dataset = layout.dataset(theta)
    assert {name: variable.dims for name, variable in dataset.data_vars.items()} == {
        "membership": ("latent_class", "membership_term"),
        "growth": ("latent_class", "growth_term"),
        "longitudinal": ("longitudinal_term",),
        "sigma": ("latent_class",),
        "random_effect_sd": ("random_effect",),
        "random_effect_corr": ("random_effect", "random_effect_other"),
        "random_effect_scale": ("latent_class",),
        "scale": ("latent_class",),
        "shape": (),
        "hazard_coefficient": ("survival_term",),
        "hazard_coefficient_by_class": ("latent_class", "survival_by_class_term"),
    }
    assert {name: values.to_numpy().tolist() for name, values in dataset.coords.items()} == {
        "latent_class": ["tCTCneg", "tCTClo", "tCTCmid", "tCTChi"],
        "membership_term": ["intercept", "bone"],
        "growth_term": ["intercept", "s", "s2", "s3"],
        "longitudinal_term": ["bone"],
        "random_effect": ["intercept", "s", "s2"],
        "random_effect_other": ["intercept", "s", "s2"],
        "survival_term": ["scale(age)"],
        "survival_by_class_term": ["arm[T.B]", "arm[T.C]"],
    }
    np.testing.assert_allclose(layout.theta(dataset), theta, rtol=1e-10, atol=1e-12)


def test_dataset_of_one_class_has_its_class():
    layout = lay_out(Case(1, options={"random_effects": "none", "endpoint": None}))
    dataset = layout.dataset(np.zeros((1, layout.sizes.n_class_parameters)))
    assert dataset["latent_class"].to_numpy().tolist() == ["class 1"]
    assert dataset["sigma"].dims == ()
    assert float(dataset["sigma"]) == 1.0


def test_class_labels():
    assert CTC_COUNT.class_labels(4) == ["tCTCneg", "tCTClo", "tCTCmid", "tCTChi"]
    assert CTC_COUNT.class_labels(3) == ["class 1", "class 2", "class 3"]


def natural_of_three() -> dict:
    return {
        "membership": np.zeros((3, 1)),
        "growth": np.arange(9.0).reshape(3, 3),
        "sigma": 0.5,
        "random_effect_sd": np.array([0.6, 0.2]),
        "random_effect_corr": np.array([[1.0, 0.3], [0.3, 1.0]]),
        "scale": np.array([10.0, 20.0, 30.0]),
        "shape": np.ones(3),
    }


def test_natural_of_three_is_accepted():
    assert np.isfinite(lay_out(Case(3)).theta(natural_of_three())).all()


@pytest.mark.parametrize(
    ("name", "value", "expected", "found"),
    [
        ("growth", np.zeros((3, 2)), "(3, 3)", "(3, 2)"),
        ("growth", np.zeros((2, 3)), "(3, 3)", "(2, 3)"),
        ("growth", np.zeros(3), "(3, 3)", "(3,)"),
        ("membership", np.zeros(3), "(3, 1)", "(3,)"),
        ("scale", 12.0, "(3,)", "()"),
        ("shape", np.ones(2), "(3,)", "(2,)"),
        ("random_effect_sd", np.ones(3), "(2,)", "(3,)"),
        ("random_effect_corr", np.eye(3), "(2, 2)", "(3, 3)"),
    ],
)
def test_wrong_shapes_are_refused(name, value, expected, found):
    with pytest.raises(SpecError) as refusal:
        lay_out(Case(3)).theta({**natural_of_three(), name: value})
    for part in (repr(name), expected, found):
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("sigma", np.full(3, 0.5)), ("growth", np.zeros((2, 3, 3))), ("shape", np.ones((2, 3)))],
)
def test_one_parameter_with_a_dimension_too_many_is_refused(name, value):
    """sigma by class where it is common, or one parameter with draws among others without."""
    with pytest.raises(SpecError, match=name):
        lay_out(Case(3)).theta({**natural_of_three(), name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sigma", -0.5),
        ("sigma", 0.0),
        ("sigma", np.nan),
        ("sigma", "wide"),
        ("scale", [10.0, 0.0, 30.0]),
        ("shape", [1.0, -1.0, 1.0]),
        ("growth", np.full((3, 3), np.inf)),
        ("random_effect_sd", [-0.6, 0.2]),
        ("random_effect_corr", [[1.0, 1.5], [1.5, 1.0]]),
        ("random_effect_corr", [[1.0, 0.3], [0.1, 1.0]]),
        ("random_effect_corr", [[2.0, 0.3], [0.3, 1.0]]),
    ],
)
def test_impossible_values_are_refused(name, value):
    with pytest.raises(SpecError, match=name):
        lay_out(Case(3)).theta({**natural_of_three(), name: value})


@pytest.mark.parametrize("sd", [[0.6, 0.2], [0.6, 0.0]], ids=["perfect_correlation", "no_slope_variance"])
def test_a_covariance_on_its_boundary_goes_through_natural_parameters(sd):
    """What maximum likelihood finds on the boundary can be evaluated again."""
    layout = lay_out(Case(3))
    theta = layout.theta(natural_of_three())
    theta[:, layout.places["random_effect_cholesky"]] = [sd[0], sd[1], 0.0]
    back = layout.theta(layout.natural(theta))
    np.testing.assert_allclose(back, theta, atol=1e-7)


def test_unknown_and_absent_names_are_refused():
    layout = lay_out(Case(3))
    with pytest.raises(SpecError, match=r"unknown parameter 'phi'; the model has membership, growth, sigma"):
        layout.theta({**natural_of_three(), "phi": 1.0})
    with pytest.raises(SpecError, match=r"'random_effect_scale'"):  # only by class
        layout.theta({**natural_of_three(), "random_effect_scale": np.ones(3)})
    natural = natural_of_three()
    del natural["scale"]
    with pytest.raises(SpecError, match=r"'scale' is needed; found membership, growth"):
        layout.theta(natural)
    with pytest.raises(SpecError, match="'membership' is needed; found none"):
        layout.theta({})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_random_correlations_of_the_helpers_are_correlations(rng):
    correlation = random_correlation(3, rng)
    np.testing.assert_allclose(np.diag(correlation), 1.0)
    assert np.linalg.eigvalsh(correlation).min() > 0.01
