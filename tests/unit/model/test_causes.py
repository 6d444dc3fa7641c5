"""Competing events: the likelihood against scipy, its gradient, and invariance."""

import numpy as np
import pytest
from helpers import frames, moved_by_user, read_by_user
from scipy.special import log_softmax, logsumexp
from scipy.stats import expon, gompertz, multivariate_normal, weibull_min
from smooth_hazards import spline_hazard

import bayesctc as bc
from bayesctc.errors import DataError
from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.model.layout import Layout
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.posterior import Posterior

pytestmark = pytest.mark.unit
HAZARDS = ("weibull", "exponential", "gompertz", "piecewise", "splines")
KNOTS = (4.0, 11.0)
NAMES = ("progression", "toxicity")


def competing_cohort(n=60, causes=NAMES, entry=True, codes=None):
    """Patients whose events are of two kinds."""
    samples, patients = frames(n, 5, entry=entry)
    kind = np.random.default_rng(3).choice([1, 2], n, p=[0.6, 0.4])
    patients["os_event"] *= kind if codes is None else np.take(codes, kind)
    return bc.Cohort(samples, patients, causes={"os": causes})


class Made:
    """A specification with random parameters on competing events, with delayed entry and covariates."""

    def __init__(self, hazard, K=2, cohort=None, **options):
        self.cohort = competing_cohort() if cohort is None else cohort
        options = {"survival": "~ bone", "survival_by_class": "~ age", **options}
        self.spec = bc.ModelSpec(
            n_classes=K,
            growth="linear",
            random_effects="intercept",
            hazard=hazard,
            hazard_knots=KNOTS,
            **{"family": "gaussian", "common_shape": False, **options},
        )
        self.design = Design.settle(self.cohort, self.spec)
        self.layout, self.packed = self.design.layout, self.design.pack(self.cohort)
        rng = np.random.default_rng(2)
        theta = self.layout.to_theta(rng.normal(0.0, 0.2, self.layout.n_parameters))
        for name in NAMES:
            theta[:, self.layout.places[f"scale_{name}"]] += 3.0
            if hazard == "gompertz":
                slopes = 0.02 if options.get("common_shape") else rng.uniform(-0.05, 0.05, (K, 1))
                theta[:, self.layout.places[f"slope_{name}"]] = slopes
        if options["survival_by_class"] != "~ 1":
            for name in NAMES:
                theta[:, self.layout.places[f"hazard_coefficient_by_class_{name}"]] *= 0.05
        self.theta = read_by_user(self.layout, theta)
        self.evaluator = Evaluator(self.packed, self.design.sizes, K)


def dense(made) -> np.ndarray:
    """log L_i by scipy's distributions, each cause on its own."""
    natural, K = made.layout.natural(made.theta), made.spec.n_classes
    patients = made.cohort.patients
    time, event, entry = (patients[c].to_numpy() for c in ("os_time", "os_event", "entry"))
    joint = np.tile(log_softmax(natural["membership"][:, 0]), (len(patients), 1))
    start = joint.copy()
    y = np.log1p(made.cohort.samples["ctc"] * 7.5 / made.cohort.samples["volume_ml"]).to_numpy()
    for i, patient in enumerate(patients.index):
        rows = (made.cohort.samples["patient_id"] == patient).to_numpy()
        s = made.cohort.samples["time"].to_numpy()[rows] / 6.0
        V = natural["sigma"] ** 2 * np.eye(len(s)) + natural["random_effect_sd"][0] ** 2
        for g in range(K) if len(s) else ():
            curve = natural["growth"][g, 0] + natural["growth"][g, 1] * s
            joint[i, g] += multivariate_normal.logpdf(y[rows], curve, V)
    for c, name in enumerate(NAMES):
        for g in range(K):
            lp = patients["bone"].to_numpy() * natural[f"hazard_coefficient_{name}"][0]
            lp = lp + patients["age"].to_numpy() * natural[f"hazard_coefficient_by_class_{name}"][g, 0]
            own = {
                p: np.broadcast_to(natural[f"{p}_{name}"].T, K)[g]
                for p in ("scale", "shape", "slope")
                if f"{p}_{name}" in natural
            }
            if made.spec.hazard == "piecewise":
                own["relative"] = np.broadcast_to(natural[f"relative_hazard_{name}"], (K, 2))[g]
            if made.spec.hazard == "splines":
                own["relative"] = np.broadcast_to(natural[f"relative_coefficient_{name}"], (K, 4))[g]
                own["last"] = time[event > 0].max()
            log_h, survival, at_entry = piece(made.spec.hazard, own, lp, time, entry)
            joint[:, g] += survival + np.where(event == c + 1, log_h, 0.0)
            start[:, g] += at_entry
    return logsumexp(joint, axis=1) - logsumexp(start, axis=1)


def piece(hazard, own, lp, time, entry):
    """log hazard and log survival at `time`, and log survival at `entry`."""
    scale = own["scale"]
    if hazard == "piecewise":
        rates = np.r_[1.0, own["relative"]] / scale
        edges = np.r_[0.0, KNOTS, np.inf]

        def H(t):
            return sum(r * (np.clip(t, a, b) - a) for r, a, b in zip(rates, edges[:-1], edges[1:], strict=True))

        return np.log(rates[np.searchsorted(KNOTS, time)]) + lp, -np.exp(lp) * H(time), -np.exp(lp) * H(entry)
    if hazard == "splines":
        h = spline_hazard([0.0, *KNOTS, own["last"]], own["relative"])
        H = h.antiderivative()

        def survival(t):
            gone = H(np.minimum(t, own["last"])) + h(own["last"]) * np.maximum(t - own["last"], 0.0)
            return -np.exp(lp) * gone / scale

        return np.log(h(np.minimum(time, own["last"])) / scale) + lp, survival(time), survival(entry)
    if hazard == "weibull":
        d = weibull_min(own["shape"], scale=scale)
    elif hazard == "exponential":
        d = expon(scale=scale)
    elif own["slope"] > 0:
        d = gompertz(1.0 / (own["slope"] * scale), scale=1.0 / own["slope"])
    else:  # scipy knows no Gompertz with a hazard that dies out
        b = own["slope"]
        return b * time - np.log(scale) + lp, *(-np.exp(lp) * np.expm1(b * t) / (b * scale) for t in (time, entry))
    return d.logpdf(time) - d.logsf(time) + lp, np.exp(lp) * d.logsf(time), np.exp(lp) * d.logsf(entry)


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("hazard", HAZARDS)
def test_likelihood_is_that_of_scipy(hazard, common, backend):
    made = Made(hazard, common_shape=common)
    np.testing.assert_allclose(made.evaluator.patients(made.theta), dense(made), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize(
    ("family", "hazard"), [("gaussian", h) for h in HAZARDS] + [("negative_binomial", h) for h in HAZARDS[:4]]
)
def test_gradient(hazard, common, family):
    made = Made(hazard, common_shape=common, family=family)
    made.evaluator.centre(made.theta)
    free = made.layout.to_free(made.theta)
    gradient = made.layout.transform.T @ made.evaluator.total(made.layout.to_theta(free))[1].ravel()
    step = 1e-5
    for j in range(len(free)):
        shift = np.zeros_like(free)
        shift[j] = step
        far = [made.evaluator.total(made.layout.to_theta(free + k * shift))[0] for k in (-2, -1, 1, 2)]
        slope = (far[0] - 8 * far[1] + 8 * far[2] - far[3]) / (12 * step)
        assert slope == pytest.approx(gradient[j], abs=1e-6 * max(1.0, abs(gradient[j]), abs(far[0]) * 1e-2))


def test_three_causes_of_one_hazard_are_one_event_of_their_sum():
    """Exponential hazards add up; which cause it was is then a matter of their shares."""
    n, shares = 60, np.array([0.5, 0.3, 0.2])
    samples, patients = frames(n, 5, entry=True)
    one = bc.Cohort(samples, patients)
    kind = np.random.default_rng(3).choice([1, 2, 3], n)
    three = bc.Cohort(samples, patients.assign(os_event=patients["os_event"] * kind), causes={"os": ("a", "b", "c")})
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="none", hazard="exponential", family="gaussian", common_shape=False
    )
    values = {
        "membership": np.array([[0.4], [-0.4]]),
        "growth": np.array([[1.0, 0.1], [3.0, 0.2]]),
        "sigma": np.array(1.0),
    }
    scale = np.array([30.0, 12.0])
    single = bc.log_likelihood(one, spec, values | {"scale": scale})
    by_cause = {f"scale_{c}": scale / share for c, share in zip("abc", shares, strict=True)}
    found = bc.log_likelihood(three, spec, values | by_cause)
    events = patients["os_event"].to_numpy()
    expected = single + np.where(events == 1, np.log(shares[kind - 1]), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_the_order_of_the_causes_does_not_matter(hazard):
    made = Made(hazard)
    turned = Made(hazard, cohort=competing_cohort(causes=NAMES[::-1], codes=(0, 2, 1)))
    theta = turned.layout.theta(made.layout.natural(made.theta))
    found = turned.evaluator.patients(theta)
    np.testing.assert_allclose(found, made.evaluator.patients(made.theta), rtol=1e-13)
    assert made.cohort.fingerprint != turned.cohort.fingerprint


def test_names_and_places_of_the_parameters():
    layout = Made("weibull").layout
    names = [b.name for b in layout.blocks][-8:]
    assert names == [
        f"{p}_{c}" for c in NAMES for p in ("scale", "shape", "hazard_coefficient", "hazard_coefficient_by_class")
    ]
    assert isinstance(layout, Layout)
    own = layout.own_hazard(1, 0)
    assert own.sum() == 3  # scale, shape, and the coefficient by class
    theta = layout.to_theta(own.astype(float))
    assert (theta[1] == 0).all()
    assert np.flatnonzero(theta[0]).tolist() == [
        layout.places[f"{p}_toxicity"].start for p in ("scale", "shape", "hazard_coefficient_by_class")
    ]


def test_natural_theta_natural():
    made = Made("piecewise")
    again = made.layout.theta(made.layout.natural(made.theta))
    np.testing.assert_allclose(again, made.theta, atol=1e-12)


def test_posterior_density_and_graph_agree():
    from bayesctc.model.graph import build_model, start_values

    made = Made("weibull")
    analysis = Analysis(made.cohort, made.design, made.packed)
    posterior, model = Posterior(analysis, made.theta), build_model(analysis)
    assert {"log_scale_toxicity", "shape_progression"} <= set(model.named_vars)
    log_density, values = model.compile_logp(jacobian=True, mode="FAST_COMPILE"), []
    for seed in (1, 2):
        move = np.random.default_rng(seed).normal(0.0, 0.05, made.layout.n_parameters)
        theta = moved_by_user(made.layout, made.theta, move)
        point = start_values(made.design, theta)
        for name in ("sigma", "random_effect_sd"):
            point[f"{name}_log__"] = np.log(point.pop(name))
        low, high = point.pop("membership")[0]
        point["membership_zerosum__"] = np.array([[low - high / (1.0 + np.sqrt(2.0))]])
        values.append(float(log_density(point)) - posterior(posterior.coordinates(theta))[0])
    assert values[0] == pytest.approx(values[1], abs=1e-8)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_draws_have_the_cause_specific_hazards(hazard):
    """Events of a cause less its cumulative hazard over the time followed have mean 0, in every class."""
    made = Made(hazard, K=2, survival_by_class="~ 1")
    n = 1500
    patients = made.cohort.patients.iloc[np.arange(n) % 60].reset_index(drop=True).rename_axis("patient_id")
    entry = np.where(np.arange(n) % 2, 2.0, 0.0)
    schedule = made.cohort.samples.iloc[:1].assign(patient_id=0)
    _, people = simulate(
        made.design, made.theta, patients, schedule, np.random.default_rng(4), follow_up=25.0, entry=entry
    )
    terms = made.design.survival.directions(patients, "survival")
    time, event, group = (people[c].to_numpy() for c in ("_time", "_event", "latent_class"))
    assert set(event) == {0.0, 1.0, 2.0}
    assert (time > entry).all()
    for c in range(2):
        for g in range(2):
            members = np.flatnonzero(group == g)
            gone = [
                cumulative_hazard(made.theta, made.design.sizes, [entry[i], time[i]], terms[i : i + 1], c)[g, 0]
                for i in members
            ]
            expected = np.diff(gone, axis=1)[:, 0]
            excess = (event[members] == c + 1) - expected
            assert abs(excess.mean()) < 3.5 * excess.std() / np.sqrt(len(members))


def test_a_model_of_causes_takes_data_with_these_causes_only():
    made = Made("weibull")
    with pytest.raises(DataError, match=r"found one event; allowed, as in the model: the competing events progression"):
        made.design.pack(bc.Cohort(*frames(60, 5, entry=True)))
    with pytest.raises(DataError, match="toxicity, progression; allowed"):
        made.design.pack(competing_cohort(causes=NAMES[::-1]))


def test_description():
    text = bc.ModelSpec(
        endpoint="ttf", family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"
    ).describe(causes=NAMES)
    flat = " ".join(text.split())
    assert "1 = progression, 2 = toxicity" in flat
    assert "cumulative incidence of a cause" in flat
    assert "hazard of each cause (progression, toxicity) has these priors" in flat
    assert (
        "Competing"
        not in bc.ModelSpec(
            endpoint="ttf", family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"
        ).describe()
    )
