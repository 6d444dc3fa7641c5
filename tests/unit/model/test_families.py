"""Families of counts: probabilities, draws, gradients and quadrature, against scipy and dense integration."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from count_probability import log_probability
from helpers import frames, read_by_user
from scipy.special import gammaln, logsumexp
from scipy.stats import chisquare, nbinom, norm, poisson

import bayesctc as bc
from bayesctc.errors import DataError
from bayesctc.inference.nuts import TRIAL_DRAWS, WIDENED
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.nodes import nodes_for_chains, quadrature_error
from bayesctc.model.posterior import Posterior
from bayesctc.predict.medians import marginal_cdf

pytestmark = pytest.mark.unit
COUNTED = ("censored", "negative_binomial", "zero_inflated_negative_binomial", "poisson", "poisson_log_normal")
NATURAL = {"sigma": [0.5, 0.9], "dispersion": [0.4, 3.0], "zero_inflation": [0.3, 0.05]}
DENSE: dict = {}  # by family and random effects, once for both backends
EFFECTS = {"none": np.zeros((0, 0)), "intercept": np.array([[0.8]]), "slope": np.array([[0.8, 0.0], [-0.3, 0.6]])}


@cache
def irregular(entry):
    """40 patients with irregular visits."""
    return bc.Cohort(*frames(40, 3, entry=entry))


@cache
def settled(family, effects="none", endpoint=None, **options):
    """A model of two classes, settled on irregular data."""
    options = {"growth": "linear", "endpoint": endpoint, "common_shape": False, **options}
    spec = bc.ModelSpec(n_classes=2, family=family, random_effects=effects, **options)
    return Design.settle(irregular(endpoint is not None), spec)


class Made:
    """A model of two classes on irregular data, at some parameters."""

    def __init__(self, family, effects="intercept", n_nodes=None, *, endpoint=None, **options):
        self.cohort = irregular(endpoint is not None)
        self.design = settled(family, effects, endpoint, **options)
        self.spec = self.design.spec
        if n_nodes is not None:
            self.design = self.design.with_nodes(n_nodes)
        layout = self.design.layout
        free = np.random.default_rng(4).normal(0.0, 0.3, layout.n_parameters)
        natural = layout.own(layout.to_theta(free))
        natural["growth"] = np.array([[0.3, -0.5], [2.8, -0.4]])
        for name, values in NATURAL.items():
            if name in natural:
                natural[name] = np.array(values) if natural[name].shape else np.array(values[0])
        if len(EFFECTS[effects]):
            covariance = EFFECTS[effects] @ EFFECTS[effects].T
            sd = np.sqrt(np.diag(covariance))
            natural["random_effect_sd"], natural["random_effect_corr"] = sd, covariance / np.outer(sd, sd)
        self.theta, self.natural = layout.theta(natural), natural
        self.evaluator = Analysis.of(self.cohort, self.design).evaluator()

    def dense(self, patient, g, n):
        """log f(y | class) by a fixed rule that knows nothing of where the integrand is."""
        samples = self.cohort.samples
        samples = samples[samples["patient_id"] == patient]
        s = samples["time"].to_numpy() / 6.0
        own = {k: v[g] if np.shape(v) else v for k, v in self.natural.items() if k in NATURAL}
        curve = self.natural["growth"][g] @ [np.ones(len(s)), s]
        factor = EFFECTS[self.spec.random_effects]
        Z = np.stack([np.ones(len(s)), s])[: len(factor)]
        count, volume = samples["ctc"].to_numpy(), samples["volume_ml"].to_numpy()

        def log_integrand(u):
            each = log_probability(self.spec.family, count, volume, curve + u @ factor.T @ Z, own)
            return norm.logpdf(u).sum(axis=-1) + each.sum(axis=-1)

        if not len(factor):
            return log_probability(self.spec.family, count, volume, curve, own).sum()
        # the trapezoidal rule, exact to rounding for an integrand that dies out, around about where its mode is
        q, mode = len(factor), np.zeros(len(factor))
        nine = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, 9)] * q, indexing="ij"), -1).reshape(-1, q)
        for k in range(7):
            near = mode + 8.0 / 2.5**k * nine
            mode = near[np.argmax(log_integrand(near))]
        e, signs = 1e-4 * np.eye(q), np.array([[i, j] for i in (1, -1) for j in (1, -1)])
        ends = mode + np.array([[signs @ [a, b] for a in e] for b in e])
        root = 1.3 * np.linalg.cholesky(np.linalg.inv(-log_integrand(ends) @ signs.prod(axis=1) / 4e-8))
        z = np.linspace(-10.0, 10.0, n)
        grid = np.stack(np.meshgrid(*[z] * q, indexing="ij"), -1).reshape(-1, q)
        step = q * np.log(z[1] - z[0]) + np.log(np.abs(np.linalg.det(root)))
        return logsumexp(log_integrand(mode + grid @ root.T)) + step


@pytest.mark.parametrize("effects", ["none", "intercept", "slope"])
@pytest.mark.parametrize("family", COUNTED)
def test_dense_integration(family, effects, backend):
    made = Made(family, effects, {"none": 1, "intercept": 41, "slope": 25}[effects])
    six = made.cohort.patients.index[:6]
    patients = made.cohort if backend == "compiled" else made.cohort.select(six)  # NumPy is slow
    found = Analysis.of(patients, made.design).evaluator().evaluate(made.theta)
    log_pi = made.natural["membership"][:, 0] - logsumexp(made.natural["membership"][:, 0])
    if (family, effects) not in DENSE:
        n = 400 if effects == "intercept" else 60
        DENSE[family, effects] = np.array([[made.dense(who, g, n) for g in range(2)] for who in six])
    assert found.joint[:6] - log_pi == pytest.approx(DENSE[family, effects], abs=1e-5)


@pytest.mark.parametrize("effects", ["none", "intercept", "slope"])
@pytest.mark.parametrize("family", COUNTED)
def test_gradient_is_that_of_the_computed_sum(family, effects):
    by_class = {parameter.by_class: True for parameter in FAMILIES[family].parameters if parameter.by_class}
    made = Made(
        family, effects, endpoint="os", survival="~ arm", class_specific_random_effects=effects != "none", **by_class
    )
    layout, evaluator = made.design.layout, made.evaluator
    evaluator.centre(made.theta)
    free = layout.to_free(made.theta)
    gradient = layout.transform.T @ evaluator.total(made.theta)[1].ravel()
    for j in range(len(free)):
        shift = np.zeros_like(free)
        shift[j] = 1e-5
        up, down = (evaluator.total(layout.to_theta(free + sign * shift))[0] for sign in (1, -1))
        assert (up - down) / 2e-5 == pytest.approx(gradient[j], abs=1e-6 * max(1.0, abs(gradient[j])))


@pytest.mark.parametrize("level", [-800.0, 100.0, 800.0])
@pytest.mark.parametrize("effects", ["none", "intercept", "slope"])
@pytest.mark.parametrize("family", COUNTED)
def test_a_class_far_from_all_counts_has_a_finite_gradient_and_leaves_no_trace(family, effects, level):
    """As a step too long of an optimiser tries it: the other class has a likelihood, and nodes find their way back."""
    made = Made(family, effects, endpoint="os")
    start, before = made.design.layout.places["growth"].start, made.evaluator.patients(made.theta)
    far = made.theta.copy()
    far[1, start] = level
    for centred in (made.theta, far):
        made.evaluator.centre(centred)
        total, gradient = made.evaluator.total(far)
        assert np.isfinite(total)
        assert np.isfinite(gradient).all()
        assert gradient[0, start] != 0.0
    for _ in range(200):
        made.evaluator.follow(made.theta)
    np.testing.assert_allclose(made.evaluator.patients(made.theta, centre=False), before, atol=0.01)


@pytest.mark.parametrize("dispersion", [0.015, 2.0])
def test_no_curve_makes_a_count_more_than_certain(dispersion):
    """Far beyond what exp can hold, where a chain that has lost its way would climb for ever; the exact logarithm."""
    made = Made("negative_binomial", "none")
    places, analysis = made.design.layout.places, Analysis.of(made.cohort, made.design.with_classes(1))
    samples, theta = made.cohort.samples, made.theta[:1].copy()
    theta[0, places["dispersion"]] = np.log(dispersion)
    for level in (-2000.0, -800.0, 300.0, 800.0, 2000.0):
        theta[0, places["growth"]] = [level, 0.0]
        found = analysis.evaluator().patients(theta)
        c, t = samples["ctc"].to_numpy(dtype=float), level - np.log(dispersion)
        t = t + np.log(made.design.outcome.exposure(samples) / 7.5)
        exact = gammaln(c + dispersion) - gammaln(dispersion) - gammaln(c + 1) + c * t
        exact -= (c + dispersion) * np.logaddexp(0.0, t)
        by_patient = (
            pd.Series(exact).groupby(samples["patient_id"].to_numpy()).sum().reindex(analysis.patient_index).fillna(0.0)
        )
        np.testing.assert_allclose(found, by_patient, rtol=1e-10, atol=1e-12)
        assert (found <= 0.0).all()


@pytest.mark.parametrize("family", ["gaussian", "negative_binomial"])
def test_gradients_by_patient(family, backend):
    """Each as if the others had no weight; patients fill several blocks, in another order than the cohort's."""
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", family=family, random_effects="intercept", survival="~ arm", common_shape=False
    )
    analysis = Analysis.settle(bc.Cohort(*frames(150, 3, entry=True)), spec)
    design, evaluator = analysis.design, analysis.evaluator()
    theta = design.layout.to_theta(np.random.default_rng(4).normal(0.0, 0.3, design.layout.n_parameters))
    theta[:, design.layout.places["scale"]] += 3.0
    theta = read_by_user(design.layout, theta)
    found = evaluator.gradients(theta)
    np.testing.assert_allclose(found.sum(axis=0), evaluator.total(theta)[1], rtol=1e-10, atol=1e-10)
    for i in (0, 70, 149):
        alone = analysis.evaluator(np.arange(150) == i)
        alone.centre(theta)
        np.testing.assert_allclose(found[i], alone.total(theta)[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("family", "effects"), [*((family, "intercept") for family in COUNTED), ("negative_binomial", "slope")]
)
def test_doubling_the_nodes_of_a_fit(reference_cohort, family, effects):
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects=effects, family=family, common_shape=True)
    samples, cohort = reference_cohort.samples[["patient_id", "time", "ctc"]], reference_cohort
    if family == "zero_inflated_negative_binomial":  # on its edge an estimate has no distribution to draw from
        zero = np.random.default_rng(2).random(len(samples)) < 0.15
        cohort = bc.Cohort(samples.assign(ctc=samples["ctc"].mask(zero, 0)), cohort.patients.reset_index())
    ml = bc.fit_ml(cohort, spec, n_starts=3, progress=False)
    assert quadrature_error(ml.analysis, [ml.theta]).max() < 0.001
    assert ml.has_intervals
    # and at 100 draws other than those by which chains have chosen their nodes, where chains have them
    trial, draws = ml.parameter_draws(TRIAL_DRAWS, widened=WIDENED), ml.parameter_draws(100, random_seed=1)
    sampled, follow = nodes_for_chains(ml.analysis, trial, ml.theta, may_follow=True)
    error = quadrature_error(sampled, draws, None if follow else ml.theta)
    assert error.max() < 0.001
    assert not [w for w in ml.warnings if "nodes" in w]
    few = bc.fit_ml(cohort, spec.with_(n_nodes=2), n_starts=1, progress=False)
    assert [w for w in few.warnings if "nodes" in w]


@pytest.mark.parametrize("effects", ["intercept", "slope"])
@pytest.mark.parametrize("family", COUNTED)
def test_a_density_whose_nodes_follow_is_a_function_of_its_argument(family, effects):
    """The same value whatever was asked before, that of nodes centred there, and its derivatives but for their error.

    Nodes that stay at the old place are worse: the test can tell.
    """
    made = Made(family, effects, 9, endpoint="os")
    analysis, layout = Analysis.of(made.cohort, made.design), made.design.layout
    follows, stays = (Posterior(analysis, made.theta, follow) for follow in (True, False))
    x = follows.coordinates(made.theta)
    away = x + np.random.default_rng(8).normal(0.0, 0.15, len(x))
    value, gradient = follows(away)
    follows(x - 0.3)
    again, same = follows(away)
    assert again == value
    np.testing.assert_array_equal(same, gradient)
    theta = follows.thetas(away)
    there = Posterior(analysis.with_nodes(25), theta)
    exact, derivative = there(away)
    assert value == pytest.approx(exact, abs=2e-3)
    moved = made.theta.copy()
    moved[:, layout.places["growth"].start] += 1.5  # both levels: counts are 4.5 times as large
    far = follows.coordinates(moved)
    centred = Posterior(analysis.with_nodes(25), follows.thetas(far))(far)[0]
    assert abs(follows(far)[0] - centred) < 0.2 * abs(stays(far)[0] - centred)
    np.testing.assert_allclose(gradient, derivative, atol=0.02 * np.abs(derivative).max())
    assert layout.n_parameters == len(x)


COUNTS = (*range(20), 50, 999, 5_000, 20_000, 50_000)


@cache
def one_each(counts, volume=7.5):
    """A patient for each count, with one sample."""
    ids = np.arange(len(counts))
    return bc.Cohort(
        pd.DataFrame({"patient_id": ids, "time": 0.0, "ctc": counts, "volume_ml": volume}),
        pd.DataFrame({"patient_id": ids, "os_time": 1.0, "os_event": 1}),
    )


@pytest.mark.parametrize("family", COUNTED)
@pytest.mark.parametrize("dispersion", [1e-3, 3.0])
@pytest.mark.parametrize("volume", [0.1, 7.5, 100.0])
@pytest.mark.parametrize("eta", [np.log(1e-6), 0.0, 7.0, 10.5])
def test_probabilities_of_counts_to_fifty_thousand(family, dispersion, volume, eta, backend):
    """Through the compiled density, against scipy's log probabilities."""
    values = {**NATURAL, "dispersion": [None, dispersion]}
    own = {p.name: values[p.name][1] for p in FAMILIES[family].parameters}
    design = settled(family).with_classes(1)
    shaped = {k: np.array([v] if k == "zero_inflation" else v) for k, v in own.items()}
    natural = {"membership": np.zeros((1, 1)), "growth": np.array([[eta, 0.0]]), **shaped}
    found = Analysis.of(one_each(COUNTS, volume), design).evaluator().patients(_theta(design, natural))
    np.testing.assert_allclose(found, log_probability(family, np.array(COUNTS), volume, eta, own), rtol=1e-9, atol=2e-9)


@pytest.mark.parametrize("family", COUNTED)
def test_probability_of_the_largest_count(family, backend):
    """Against closed forms: dispersion 2, Stirling's series, a narrow interval's width times the density."""
    n = FAMILIES[family].largest
    own = {"dispersion": 2.0, "zero_inflation": 0.3, "sigma": 0.8}
    own = {name: value for name, value in own.items() if name in {p.name for p in FAMILIES[family].parameters}}
    negative = np.log(n + 1.0) + 2.0 * np.log(2.0 / (2.0 + n)) + n * np.log1p(-2.0 / (n + 2.0))
    expected = {
        "poisson": -0.5 * np.log(2.0 * np.pi * n) - 1.0 / (12.0 * n),
        "negative_binomial": negative,
        "zero_inflated_negative_binomial": np.log(0.7) + negative,
        "censored": norm.logpdf(np.log1p(n), np.log(n), 0.8) - np.log1p(n),
        "poisson_log_normal": norm.logpdf(0.0, 0.0, 0.8) - np.log(n),  # the Poisson part is a point
    }

    def found(count):
        ids, counts = list("abcde"), [int(count), 0, 0, 0, 0]
        cohort = bc.Cohort(
            pd.DataFrame({"patient_id": ids, "time": [0.0, 1.0, 2.0, 3.0, 4.0], "ctc": counts}),
            pd.DataFrame({"patient_id": ids, "os_time": 9.0, "os_event": 1}),
        )
        spec = bc.ModelSpec(n_classes=1, growth="linear", random_effects="none", family=family, endpoint=None)
        natural = {"membership": [[0.0]], "growth": [[np.log(n), 0.0]], **own}
        return float(bc.log_likelihood(cohort, spec, {k: np.array(v) for k, v in natural.items()}).iloc[0])

    assert found(n) == pytest.approx(expected[family], abs=1e-6)
    with pytest.raises(
        DataError, match=r"patient 'a', sample at 0 months, column 'ctc': found 100000001; allowed under"
    ):
        found(n + 1)


def _theta(design, natural):
    """theta, whether a parameter of one class has a class dimension or not."""
    dims = design.layout.dims
    return design.layout.theta(
        {k: np.reshape(v, [len(design.layout.coords[d]) for d in dims[k]]) for k, v in natural.items()}
    )


@pytest.mark.parametrize("family", COUNTED)
@pytest.mark.parametrize("eta", [np.log(1e-6), -1.0, 2.0, 6.0])
def test_probabilities_sum_to_one_and_draws_match(family, eta):
    """Through the compiled density itself, one patient per count."""
    own = {name: values[0] for name, values in NATURAL.items() if name in {p.name for p in FAMILIES[family].parameters}}
    mean = np.exp(min(eta, 8.0))
    counts = np.arange(int(60 * mean + 200)) if family != "censored" else np.arange(int(np.exp(eta + 5.0)) + 50)
    shaped = {k: np.array(v) for k, v in own.items()}
    natural = {"membership": np.zeros((1, 1)), "growth": np.array([[eta, 0.0]]), **shaped}
    design, cohort = settled(family).with_classes(1), one_each.__wrapped__(counts)
    probability = np.exp(Analysis.of(cohort, design).evaluator().patients(design.layout.theta(natural)))
    rest = 1.0 - FAMILIES[family].cdf(float(counts[-1]), eta, 7.5, **own)
    assert probability.sum() + rest == pytest.approx(1.0, abs=1e-9)
    _, drawn = FAMILIES[family].draw(np.random.default_rng(5), np.full(20_000, eta), 7.5, **own)
    edges = np.unique(np.searchsorted(np.cumsum(probability), np.linspace(0.0, 1.0, 12)[1:-1]))
    expected = np.diff(np.r_[0.0, np.cumsum(probability)[edges], 1.0])
    observed = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
    keep = expected * len(drawn) > 1
    assert (
        keep.sum() < 2
        or chisquare(observed[keep], expected[keep] / expected[keep].sum() * observed[keep].sum()).pvalue > 1e-4
    )


def test_poisson_mixed_model_is_statsmodels_without_its_random_effect(reference_cohort):
    """One class, no random effects: the Poisson and negative-binomial regressions of statsmodels."""
    samples = reference_cohort.samples
    x = np.column_stack([np.ones(len(samples)), samples["time"] / 6.0])
    for family, reference in (
        ("poisson", sm.Poisson(samples["ctc"], x)),
        ("negative_binomial", sm.NegativeBinomial(samples["ctc"], x)),
    ):
        spec = bc.ModelSpec(n_classes=1, growth="linear", random_effects="none", family=family, endpoint=None)
        ml = bc.fit_ml(reference_cohort, spec, progress=False)
        expected = reference.fit(disp=0, method="bfgs", maxiter=2000, gtol=1e-9)
        assert ml.log_likelihood == pytest.approx(expected.llf, abs=1e-4)
        np.testing.assert_allclose(ml.parameters["growth"][0], expected.params[:2], rtol=1e-4)


@pytest.mark.parametrize("family", COUNTED)
def test_order_of_patients_and_other_patients_do_not_matter(reference_cohort, family):
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", family=family, common_shape=False)
    ml = bc.fit_ml(reference_cohort, spec, n_starts=1, progress=False)
    whole = bc.log_likelihood(reference_cohort, spec, ml.parameters)
    some = list(reference_cohort.patients.index[::-3])
    part = bc.log_likelihood(reference_cohort.select(some), spec, ml.parameters)
    np.testing.assert_allclose(part, whole.loc[some], atol=2e-3)  # nodes are chosen for the patients at hand


def test_trajectories_are_those_of_simulated_counts(reference_cohort):
    """Median and P(5 or more) at one month, by 200,000 random patients of each class."""
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="slope", family="zero_inflated_negative_binomial", endpoint=None
    )
    ml = bc.fit_ml(reference_cohort, spec, n_starts=2, progress=False)
    p, rng, month = ml.parameters, np.random.default_rng(6), 3.0
    curves = bc.class_trajectories(ml, [month])
    sd = p["random_effect_sd"].to_numpy()
    b = rng.multivariate_normal(np.zeros(2), sd[:, None] * p["random_effect_corr"].to_numpy() * sd, 200_000)
    for g in range(2):
        eta = p["growth"].to_numpy()[g] @ [1.0, month / 6] + b @ [1.0, month / 6]
        zero = float(p["zero_inflation"][g])
        _, count = FAMILIES[spec.family].draw(rng, eta, 7.5, float(p["dispersion"]), zero)
        assert float(curves["positive_share"][g, 0]) == pytest.approx(np.mean(count >= 5), abs=0.005)
        assert abs(float(curves["median_ctc"][g, 0]) - np.median(count)) <= 0.5 + 0.03 * np.median(count)


@pytest.mark.parametrize("cutoff", [5.0, 40.0])
@pytest.mark.parametrize("sd", [0.0, 0.4, 1.2, 2.5])
@pytest.mark.parametrize(
    ("family", "own"),
    [("poisson", {}), ("negative_binomial", {"dispersion": 50.0}), ("zero_inflated_negative_binomial", NATURAL)],
)
def test_positive_share_of_counts_that_scatter_little(family, own, sd, cutoff):
    """A step in the random effect, which few nodes step over: against 20,001 of them."""
    eta, z = np.linspace(-2.0, 6.0, 17), np.linspace(-9.0, 9.0, 20_001)
    own = {p.name: own[p.name] for p in FAMILIES[family].parameters}
    one = {name: np.reshape(value, -1)[:1, None] for name, value in own.items()}
    below = marginal_cdf(FAMILIES[family], eta[None], np.full((1, 17), sd), one, near=cutoff)
    moved = eta[:, None] + sd * z
    count = np.full(moved.shape, cutoff - 1.0)
    values = {name: float(value[0, 0]) for name, value in one.items()}
    if family == "poisson":
        exact = poisson.cdf(count, np.exp(moved))
    else:
        exact = nbinom.cdf(count, values["dispersion"], values["dispersion"] / (values["dispersion"] + np.exp(moved)))
        exact = values.get("zero_inflation", 0.0) + (1.0 - values.get("zero_inflation", 0.0)) * exact
    weights = norm.pdf(z) / norm.pdf(z).sum()
    np.testing.assert_allclose(below(np.full((1, 17), cutoff - 1.0))[0], exact @ weights, rtol=0, atol=1e-5)
