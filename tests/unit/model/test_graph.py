"""The PyMC model and the sampler's density: priors from scipy.stats around the one likelihood."""

from functools import cached_property

import numpy as np
import pymc as pm
import pytensor
import pytest
from helpers import Case, dense, draw_natural, growth_basis
from scipy.integrate import trapezoid
from scipy.special import logit
from scipy.stats import beta, halfnorm, kstest, norm

from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.compiled.op import JointLogLikelihood
from bayesctc.model.density import log_likelihood
from bayesctc.model.design import Design
from bayesctc.model.graph import build_model, pymc_model
from bayesctc.model.posterior import Posterior
from bayesctc.model.priors import Priors

pytestmark = pytest.mark.unit

PRIORS = Priors(
    membership_sd=1.2,
    membership_covariate_sd=0.8,
    level_mean=1.1,
    level_sd=1.9,
    curve_sd=1.7,
    longitudinal_sd=0.6,
    sigma_sd=0.7,
    random_effect_sd=1.3,
    correlation_eta=2.6,
    random_effect_scale_sd=0.4,
    log_scale_mean=0.3,
    log_scale_sd=0.8,
    log_shape_sd=0.5,
    hazard_coefficient_sd=0.75,
)
CASES = {
    "everything": Case(
        3,
        membership=("bone",),
        survival=("age",),
        survival_by_class=("arm",),
        longitudinal=("bone_time",),
        longitudinal_by_class=("arm",),
        entry=True,
        options={
            "random_effects": "quadratic",
            "class_specific_random_effects": True,
            "class_specific_sigma": True,
            "priors": PRIORS,
        },
    ),
    "two classes": Case(2, options={"random_effects": "slope", "common_shape": True, "priors": PRIORS}),
    "one class": Case(1, options={"growth": "cubic", "random_effects": "intercept", "priors": PRIORS}),
    "spline": Case(
        2,
        options={
            "growth": "spline",
            "knots": (0.0, 3.0, 6.0, 10.0),
            "random_effects": "none",
            "endpoint": None,
            "priors": PRIORS,
        },
    ),
    "treatment": Case(
        2, options={"growth": "treatment", "fall_months": 0.7, "random_effects": "slope", "priors": PRIORS}
    ),
}
QUICK = {"mode": "FAST_COMPILE", "cxx": ""}  # nothing is evaluated often enough to be compiled


class Built:
    """A case's cohort, design and both forms of its posterior density."""

    def __init__(self, case):
        self.case, self.cohort = case, case.cohort()
        self.design = Design.settle(self.cohort, case.spec)
        analysis = Analysis.of(self.cohort, self.design)
        self.model = build_model(analysis)
        centre = np.zeros((case.n_classes, self.design.sizes.n_class_parameters))
        self.posterior = Posterior(analysis, centre)
        with pytensor.config.change_flags(**QUICK):
            self.logp = self.model.compile_logp(jacobian=True)
            self.dlogp = self.model.compile_dlogp(jacobian=True)

    @cached_property
    def expected(self):
        """Log posterior densities at `points`, up to a constant."""
        case, cohort = self.case, self.cohort
        return [log_prior(case, cohort, x) + log_likelihood(cohort, case.spec, x).sum() for x in points(case)]

    def own(self, natural):
        """Natural parameters on the scale of the fit."""
        return self.design.layout.own(self.design.layout.theta(natural))

    def unconstrained(self, natural):
        """The point of the PyMC model's value variables at natural parameters."""
        values = {}
        for name, array in self.own(natural).items():
            if name == "membership":
                values[name] = array.T
            elif name in ("scale", "shape", "random_effect_scale"):
                values[f"log_{name}"] = np.log(array)
            elif name == "random_effect_corr":
                if len(array) > 1:
                    values["random_effect_partial"] = (1 + partial(array)) / 2
            else:
                values[name] = array
        point = {}
        for variable in self.model.free_RVs:
            value = np.asarray(values[variable.name], dtype=float)
            if variable.name in ("sigma", "random_effect_sd"):
                point[f"{variable.name}_log__"] = np.log(value)
            elif variable.name == "random_effect_partial":
                point["random_effect_partial_logodds__"] = logit(value)
            elif variable.name in ("membership", "log_random_effect_scale"):
                point[f"{variable.name}_zerosum__"] = contrasts(value)
            else:
                point[variable.name] = value
        return point


@pytest.fixture(scope="module")
def built():
    known = {}

    def get(name):
        if name not in known:
            known[name] = Built(CASES[name])
        return known[name]

    return get


def partial(corr):
    """Partial correlations of up to three random effects: (2,1), (3,1), (3,2 given 1)."""
    z = [corr[1, 0]]
    if len(corr) == 3:
        rest = np.sqrt((1 - corr[1, 0] ** 2) * (1 - corr[2, 0] ** 2))
        z += [corr[2, 0], (corr[2, 1] - corr[1, 0] * corr[2, 0]) / rest]
    return np.array(z)


def contrasts(value):
    """PyMC's coordinates of vectors that sum to zero along their last axis: an isometry."""
    return value[..., :-1] - value[..., -1:] / (1 + np.sqrt(value.shape[-1]))


def log_prior(case, cohort, natural, priors=None):
    """Log density of the priors, up to a constant, by coordinates without constraints (log, logit, contrasts).

    From parameters on the user's scale, by what the priors are meant to say: equal priors on uncorrelated directions
    are one on the variance of what the terms add over the cohort.
    """
    p, K, patients = priors or case.spec.priors, case.n_classes, cohort.patients
    samples = cohort.samples.merge(patients.reset_index(), on="patient_id", how="left")
    span = np.quantile(cohort.samples["time"], [0.05, 0.95])
    added = case.values("longitudinal", samples, samples) @ natural.get("longitudinal", np.zeros(0))
    by_class = case.values("longitudinal_by_class", samples, samples)
    basis = growth_basis(case.spec, np.linspace(*span, 200_001), case.spec.knots)
    changes = natural.get("longitudinal_by_class", np.zeros((K, 0))).reshape(K, by_class.shape[1], basis.shape[1])
    away, own = by_class - by_class.mean(axis=0), changes @ basis.T  # changes: their mean square, over samples and time
    square = np.einsum("kpt,pq,kqt->kt", own, away.T @ away / len(away), own)
    value = -0.5 * np.sum(trapezoid(square, dx=1 / 200_000)) / p.longitudinal_sd**2
    curve = (natural["growth"] + np.einsum("p,kpj->kj", by_class.mean(axis=0), changes)) @ basis.T
    level = trapezoid(curve, dx=1 / 200_000)
    value += norm.logpdf(level + added.mean(), p.level_mean, p.level_sd).sum()
    value -= 0.5 * np.sum(trapezoid((curve - level[:, None]) ** 2, dx=1 / 200_000)) / p.curve_sd**2
    value -= 0.5 * added.var() / p.longitudinal_sd**2
    if K > 1:  # orthonormal contrasts of a normal vector
        logits = case.values("membership", patients, patients) @ natural["membership"][:, 1:].T
        value -= 0.5 * np.sum((natural["membership"][:, 0] + logits.mean(axis=0)) ** 2) / p.membership_sd**2
        value -= 0.5 * np.sum(logits.var(axis=0)) / p.membership_covariate_sd**2
    value += np.sum(halfnorm.logpdf(natural["sigma"], scale=p.sigma_sd) + np.log(natural["sigma"]))
    if "scale" in natural:
        value += log_prior_of_survival(case, patients, natural, p)
    if "random_effect_scale" in natural:
        value -= 0.5 * np.sum(np.log(natural["random_effect_scale"]) ** 2) / p.random_effect_scale_sd**2
    if "random_effect_sd" in natural:
        sd, corr = on_orthonormal(case, natural["random_effect_sd"], natural["random_effect_corr"], span)
        value += np.sum(halfnorm.logpdf(sd, scale=p.random_effect_sd) + np.log(sd))
        if len(sd) > 1:  # LKJ: det(R)^(eta - 1), by the correlations; then the logits of the partial ones
            value += (p.correlation_eta - 1) * np.linalg.slogdet(corr)[1]
            z = partial(corr)
            value += np.sum(np.log((1 - z**2) / 2))
            if len(z) == 3:  # of the correlations, only the last depends on its partial one with a slope other than 1
                value += 0.5 * np.log((1 - z[0] ** 2) * (1 - z[1] ** 2))
    return float(value)


def log_prior_of_survival(case, patients, natural, p):
    """Of the hazard at the mean covariates, relative to the cohort's months per event, and of its coefficients."""
    alike = case.values("survival", patients, patients) @ natural.get("hazard_coefficient", np.zeros(0))
    by_class = natural.get("hazard_coefficient_by_class", np.zeros((case.n_classes, 0)))
    by_class = case.values("survival_by_class", patients, patients) @ by_class.T
    ratio = alike.mean() + by_class.mean(axis=0)
    log_scale = np.log(natural["scale"]) - np.squeeze(ratio) / natural["shape"]
    value = norm.logpdf(log_scale - log_months_per_event(patients), p.log_scale_mean, p.log_scale_sd).sum()
    value -= 0.5 * (alike.var() + by_class.var(axis=0).sum()) / p.hazard_coefficient_sd**2
    return value + norm.logpdf(np.log(natural["shape"]), 0, p.log_shape_sd).sum()


def log_months_per_event(patients):
    entry = patients.get("entry", 0.0)
    return np.log((patients["os_time"] - entry).sum() / patients["os_event"].sum())


def on_orthonormal(case, sd, corr, span):
    """Standard deviations and correlations of random effects on functions that are orthonormal over the span."""
    weights = np.full(200_001, 1.0 / 200_000)
    weights[[0, -1]] /= 2  # the trapezoidal rule
    terms = growth_basis(case.spec, np.linspace(*span, 200_001), case.spec.knots)[:, : len(sd)]
    turn = np.linalg.qr(np.sqrt(weights)[:, None] * terms, mode="r")
    turn *= np.sign(np.diag(turn))[:, None]
    covariance = turn @ np.diag(sd) @ corr @ np.diag(sd) @ turn.T
    sd = np.sqrt(np.diag(covariance))
    return sd, covariance / np.outer(sd, sd)


def points(case, n=4):
    return [draw_natural(case, np.random.default_rng(seed)) for seed in range(n)]


@pytest.mark.parametrize("name", CASES)
def test_log_density_is_prior_plus_likelihood(name, built):
    """Differences between points: constants do not matter."""
    b = built(name)
    graph = [float(b.logp(b.unconstrained(natural))) for natural in points(b.case)]
    np.testing.assert_allclose(np.diff(graph), np.diff(b.expected), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_density_of_the_sampler_is_prior_plus_likelihood(name, built):
    b = built(name)
    found = [b.posterior(coordinates(b, natural))[0] for natural in points(b.case)]
    np.testing.assert_allclose(np.diff(found), np.diff(b.expected), rtol=0, atol=1e-8)


def coordinates(b, natural):
    """The sampler's coordinates: free parameters, with log standard deviations and logits of partial correlations."""
    return coordinates_of_own(b, b.own(natural))


def coordinates_of_own(b, own):
    x = b.design.layout.to_free(b.design.layout.theta_of_own(own))
    if "random_effect_sd" in own:
        x[b.posterior.prior.log_sd] = np.log(own["random_effect_sd"])
        if len(own["random_effect_sd"]) > 1:
            x[b.posterior.prior.logit] = logit((1 + partial(own["random_effect_corr"])) / 2)
    return x


@pytest.mark.parametrize("name", CASES)
def test_theta_of_coordinates(name, built):
    b = built(name)
    for natural in points(b.case):
        theta = b.posterior.thetas(coordinates(b, natural)[None, None])[0, 0]
        np.testing.assert_allclose(theta, b.design.layout.theta(natural), atol=1e-12)
        gentle = b.own(natural)
        if "random_effect_sd" in gentle:
            gentle["random_effect_corr"] = np.eye(len(gentle["random_effect_sd"]))
        start = b.posterior.coordinates(b.design.layout.theta_of_own(gentle))
        np.testing.assert_allclose(start, coordinates_of_own(b, gentle), atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_gradients_against_finite_differences(name, built):
    b = built(name)
    natural = points(b.case, 1)[0]
    x, h = coordinates(b, natural), 1e-5
    numeric = [(b.posterior(x + e)[0] - b.posterior(x - e)[0]) / (2 * h) for e in np.eye(len(x)) * h]
    np.testing.assert_allclose(b.posterior(x)[1], numeric, rtol=1e-6, atol=1e-5)

    point = b.unconstrained(natural)
    gradient, start = b.dlogp(point), 0
    assert len(gradient) == len(x)
    for variable in b.model.value_vars:
        size = point[variable.name].size
        for k in range(size):
            sides = []
            for sign in (1, -1):
                moved = {key: np.array(v, dtype=float, order="C") for key, v in point.items()}
                moved[variable.name].reshape(-1)[k] += sign * h
                sides.append(float(b.logp(moved)))
            assert gradient[start + k] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=1e-6, abs=1e-4)
        start += size


def test_the_likelihood_in_the_graph_is_that_of_full_matrices(built):
    """Not by the package's own kernel: the terms of `joint` at a point, patient by patient."""
    b = built("everything")
    natural = points(b.case, 1)[0]
    with pytensor.config.change_flags(**QUICK):
        joint = b.model.compile_fn(b.model.logp(b.model["joint"], sum=False)[0], on_unused_input="ignore")
    np.testing.assert_allclose(
        np.ravel(joint(b.unconstrained(natural))), dense(b.case, b.cohort, natural).log_likelihood, atol=1e-8
    )


@pytest.mark.parametrize("name", CASES)
def test_theta_in_the_graph_is_that_of_the_layout(name, built):
    b = built(name)
    outputs = b.model.logp(b.model["joint"], sum=False)
    nodes = [v.owner for v in pytensor.graph.traversal.ancestors(outputs) if v.owner is not None]
    theta = next(node.inputs[0] for node in nodes if isinstance(node.op, JointLogLikelihood))
    with pytensor.config.change_flags(**QUICK):
        compute = b.model.compile_fn(theta, on_unused_input="ignore")
    for natural in points(b.case, 2):
        np.testing.assert_allclose(compute(b.unconstrained(natural)), b.design.layout.theta(natural), atol=1e-10)


def test_refits_exchange_the_data_of_the_model(built):
    """Another prior through the model's data, nothing built anew."""
    b = built("two classes")
    a, c = points(b.case, 2)
    other = b.case.spec.with_(priors=Priors(random_effect_sd=0.3, correlation_eta=5.0, log_scale_mean=0.8))
    before = b.model["priors"].get_value()
    b.model.set_data("priors", other.priors.vector)
    try:
        found = float(b.logp(b.unconstrained(a)) - b.logp(b.unconstrained(c)))
    finally:
        b.model.set_data("priors", before)
    expected = [log_prior(b.case, b.cohort, x, other.priors) + log_likelihood(b.cohort, other, x).sum() for x in (a, c)]
    assert found == pytest.approx(expected[0] - expected[1], abs=1e-6)


N_DRAWN = 40  # patients of the cohort whose prior is drawn from


@pytest.fixture(scope="module")
def prior_draws():
    """4,000 draws from the prior, on the scale of the fit, by number of random effects; of three the correlations."""
    out, others = {}, ["membership", "sigma", "random_effect_sd", "scale", "shape", "growth"]
    for q, random_effects in ((2, "slope"), (3, "quadratic")):
        case = Case(3, n=N_DRAWN, options={"random_effects": random_effects})
        model = pymc_model(case.cohort(), case.spec)
        names = ["random_effect_corr", *(others if q == 2 else ())]
        with pytensor.config.change_flags(**QUICK):
            out[q] = pm.sample_prior_predictive(
                4000, model=model, var_names=names, random_seed=q, compile_kwargs={"mode": "FAST_COMPILE"}
            )["prior"].dataset.squeeze("chain")
    return out


@pytest.mark.parametrize("q", [2, 3])
def test_prior_correlations_are_lkj(q, prior_draws):
    """Each correlation of an LKJ(eta) matrix is 2 Beta(b, b) - 1 with b = eta + (q - 2) / 2."""
    corr = prior_draws[q]["random_effect_corr"].to_numpy()
    b = 2.0 + (q - 2) / 2
    for j in range(q):
        np.testing.assert_array_equal(corr[:, j, j], 1.0)
        for k in range(j):
            assert kstest((corr[:, j, k] + 1) / 2, beta(b, b).cdf).pvalue > 0.001
            np.testing.assert_allclose(corr[:, j, k], corr[:, k, j], atol=1e-15)
    assert np.linalg.eigvalsh(corr).min() > 0


def test_prior_draws_of_the_other_parameters(prior_draws):
    draws, default = prior_draws[2], Priors()
    patients = Case(3, n=N_DRAWN).cohort().patients
    log_scale = log_months_per_event(patients) - np.log(np.quantile(patients["os_time"], 0.95))
    for values, distribution in (
        (draws["sigma"], halfnorm(scale=default.sigma_sd)),
        (draws["random_effect_sd"].isel(random_effect=1), halfnorm(scale=default.random_effect_sd)),
        (np.log(draws["scale"].isel(latent_class=2)), norm(default.log_scale_mean + log_scale, default.log_scale_sd)),
        (np.log(draws["shape"].isel(latent_class=0)), norm(0, default.log_shape_sd)),
        (draws["growth"].isel(latent_class=1, growth_term=0), norm(default.level_mean, default.level_sd)),
        (draws["growth"].isel(latent_class=1, growth_term=2), norm(0, default.curve_sd)),
        # a zero-sum normal of three classes keeps 2 / 3 of its variance
        (draws["membership"].isel(latent_class=0, membership_term=0), norm(0, default.membership_sd * np.sqrt(2 / 3))),
    ):
        assert kstest(np.asarray(values), distribution.cdf).pvalue > 0.001
    np.testing.assert_allclose(draws["membership"].sum("latent_class"), 0.0, atol=1e-12)


def test_prior_predictive_cohorts():
    """Counts up to the drawn event, in the places of the patients' own samples."""
    case = Case(2, n=30, options={"growth": "linear", "random_effects": "intercept"})
    cohort = case.cohort()
    with pytensor.config.change_flags(**QUICK):
        drawn = pm.sample_prior_predictive(
            20, model=pymc_model(cohort, case.spec), random_seed=1, compile_kwargs={"mode": "FAST_COMPILE"}
        )["prior_predictive"]["joint"].to_numpy()[0]
    longest = cohort.samples["patient_id"].value_counts().max()
    assert drawn.shape == (20, 30, 2 + longest)
    time, event, counts = drawn[..., 0], drawn[..., 1], drawn[..., 2:]
    assert (time > 0).all()
    assert set(np.unique(event)) == {0.0, 1.0}
    assert (counts >= -1).all()
    assert (counts == np.round(counts)).all()
    planned = cohort.samples.groupby("patient_id", sort=False)["time"].apply(np.array)
    for i, patient in enumerate(cohort.patients.index):
        times = planned.get(patient, np.array([]))
        for s in range(20):
            assert (counts[s, i] >= 0).sum() == (times <= time[s, i]).sum()
    assert len({tuple(row) for row in counts[:, 5]}) > 10  # a cohort of its own for every draw
