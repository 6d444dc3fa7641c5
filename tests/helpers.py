"""Cohorts, parameters and a dense likelihood for the tests, written apart from the package's formulas."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from scipy.interpolate import make_interp_spline
from scipy.special import log_softmax, logsumexp
from scipy.stats import multivariate_normal, weibull_min

from bayesctc.data import Cohort
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.optimise import Bounds, search_facts
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import build
from bayesctc.results.ml_fit import MLFit

N_RANDOM = {"none": 0, "intercept": 1, "slope": 2, "quadratic": 3}
PARTS = ("membership", "survival", "survival_by_class", "longitudinal", "longitudinal_by_class")
DEGREE = {"linear": 1, "quadratic": 2, "cubic": 3}
CAUSES = ("progression", "toxicity")
# of `marker_frames`: log mg/dL, slopes per 6 months; survival in months
INTERCEPT, SLOPE, SD, SIGMA = np.array([-0.5, 1.5]), np.array([0.0, 0.4]), 0.4, 0.3
SCALE, SHAPE = np.array([60.0, 15.0]), 1.3
MARKER_SPEC = {"family": "gaussian", "growth": "linear", "random_effects": "intercept", "common_shape": True}
STEPS = (3.0, 8.0)  # months at which a piecewise hazard of theirs changes


def frames(n: int, seed: int, *, entry: bool | str = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples and patients with irregular visits; the patients P0 and P1 have none and one sample.

    `entry` gives about half of the patients an entry time; "last" only the last patient.
    """
    rng = np.random.default_rng(seed)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "os_time": rng.weibull(1.2, n) * 20.0 + 0.5,
            "os_event": rng.binomial(1, 0.6, n),
            "arm": rng.choice(["A", "B", "C"], n),
            "bone": rng.binomial(1, 0.4, n),
            "age": rng.normal(56.0, 10.0, n),
        }
    )
    if entry:
        share = (
            rng.uniform(0.1, 0.9, n) * (rng.random(n) < 0.5)
            if entry is True
            else np.where(np.arange(n) < n - 1, 0, 0.5)
        )
        patients["entry"] = share * patients["os_time"]
    visits = rng.integers(0, 9, n)
    visits[:2] = 0, 1
    rows = []
    for patient, n_visits in enumerate(visits):
        last = min(patients["os_time"][patient], 14.0)
        for time in np.sort(rng.uniform(-0.5, last, n_visits)):
            mean = rng.choice([0.3, 2.0, 30.0, 200.0])
            rows.append(
                (f"P{patient}", time, rng.negative_binomial(0.7, 0.7 / (0.7 + mean)), rng.choice([7.5, 5.0, 10.0]))
            )
    return pd.DataFrame(rows, columns=["patient_id", "time", "ctc", "volume_ml"]), patients


def marker_frames(n: int = 300, seed: int = 5):
    """Serial bilirubin: every 3 months for 2 years, up to death or 36 months; class 2, 40 %, is high and dies early."""
    rng = np.random.default_rng(seed)
    high = rng.binomial(1, 0.4, n)
    death = SCALE[high] * rng.weibull(SHAPE, n)
    ids = [f"P{i}" for i in range(n)]
    patients = pd.DataFrame(
        {"patient_id": ids, "os_time": np.minimum(death, 36.0), "os_event": (death < 36.0).astype(int)}
    )
    visits = pd.DataFrame({"patient_id": np.repeat(ids, 9), "time": np.tile(3.0 * np.arange(9), n)})
    k = np.repeat(high, 9)
    curve = INTERCEPT[k] + SLOPE[k] * visits["time"] / 6.0 + np.repeat(rng.normal(0.0, SD, n), 9)
    samples = visits.assign(bili=np.exp(curve + rng.normal(0.0, SIGMA, 9 * n)))
    return samples[visits["time"].to_numpy() <= np.repeat(np.minimum(death, 36.0), 9)], patients


@dataclass(frozen=True)
class Case:
    """A specification on a cohort, with the terms that its formulas stand for.

    `membership`, `survival`, `survival_by_class`, `longitudinal` and `longitudinal_by_class` name entries of `TERMS`.
    """

    n_classes: int
    n: int = 70
    entry: bool | str = False
    membership: tuple[str, ...] = ()
    survival: tuple[str, ...] = ()
    survival_by_class: tuple[str, ...] = ()
    longitudinal: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)
    longitudinal_by_class: tuple[str, ...] = ()

    @cached_property
    def spec(self) -> ModelSpec:
        """The specification, its formulas written out."""
        formulas = {part: " + ".join(["~ 1", *(TERMS[t].formula for t in getattr(self, part))]) for part in PARTS}
        options = {
            "family": "gaussian",
            "growth": "quadratic",
            "random_effects": "slope",
            "common_shape": False,
            **self.options,
        }
        return ModelSpec(n_classes=self.n_classes, **formulas, **options)

    def cohort(self) -> Cohort:
        """A cohort of its own."""
        return Cohort(*frames(self.n, seed=self.n + self.n_classes, entry=self.entry))

    def values(self, part: str, table: pd.DataFrame, patients: pd.DataFrame) -> np.ndarray:
        """Covariates of the rows of `table`, computed without the package; array (len(table), n_terms)."""
        columns = [column for name in getattr(self, part) for column in TERMS[name].values(table, patients)]
        return np.column_stack([np.zeros((len(table), 0)), *columns])


@dataclass(frozen=True)
class Term:
    """What a formula's term is, and what it has to mean: `values(table, patients)` returns its columns."""

    formula: str
    values: object


TERMS = {
    "arm": Term("arm", lambda t, p: [(t["arm"] == level).to_numpy(dtype=float) for level in ("B", "C")]),
    "bone": Term("bone", lambda t, p: [t["bone"].to_numpy(dtype=float)]),
    "age": Term("scale(age)", lambda t, p: [((t["age"] - p["age"].mean()) / p["age"].std(ddof=1)).to_numpy()]),
    "log_age": Term("log(age)", lambda t, p: [np.log(t["age"].to_numpy())]),
    "bone_time": Term("bone:time", lambda t, p: [(t["bone"] * t["time"]).to_numpy()]),
}


def growth_basis(spec: ModelSpec, months, knots=None) -> np.ndarray:
    """Growth terms at `months`; a spline's bends are integrated twice from their triangular second derivatives."""
    s = np.asarray(months, dtype=float) / 6.0
    if spec.growth == "treatment":
        since_start = np.where(s > 0, 6.0 * s, 0.0)
        return np.column_stack([np.ones_like(s), 1.0 / np.exp(since_start / spec.fall_months), s])
    if spec.growth != "spline":
        return np.column_stack([s**power for power in range(DEGREE[spec.growth] + 1)])
    knots = np.asarray(knots, dtype=float) / 6.0
    return np.column_stack([np.ones_like(s), s, *(bend(s, knots, k) for k in range(len(knots) - 2))])


def bend(s, knots, k) -> np.ndarray:
    """The natural cubic spline that is 0 up to knot k, its third derivative there 6 / (range of the knots)^2."""
    top = 6.0 / (knots[-1] - knots[0]) ** 2 * (knots[-2] - knots[k])
    slope = make_interp_spline([knots[k], knots[-2], knots[-1]], [0.0, top, 0.0], k=1).antiderivative()
    value = slope.antiderivative()
    inside = np.clip(s, knots[k], knots[-1])
    return value(inside) + np.where(s > knots[-1], slope(knots[-1]) * (s - knots[-1]), 0.0)


def draw_natural(case: Case, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random natural parameters, their shapes written down by hand."""
    spec, K, Q = case.spec, case.n_classes, N_RANDOM[case.spec.random_effects]
    width = {"arm": 2}
    n_terms = {part: sum(width.get(name, 1) for name in getattr(case, part)) for part in PARTS}
    further = DEGREE | {"treatment": 2, "spline": len(spec.knots) - 1 if spec.knots else spec.spline_df}
    n_growth = 1 + further[spec.growth]

    def zero_sum(values):
        return values - values.mean(axis=0)

    values = {
        "membership": zero_sum(rng.normal(0.0, 0.7, (K, 1 + n_terms["membership"]))),
        "growth": np.column_stack([rng.normal(2.0, 1.0, K), rng.normal(0.0, 0.4, (K, n_growth - 1))]),
        "sigma": np.exp(rng.normal(-0.3, 0.3, K if spec.class_specific_sigma and K > 1 else None)),
    }
    if n_terms["longitudinal"]:
        values["longitudinal"] = rng.normal(0.0, 0.2, n_terms["longitudinal"])
    if n_terms["longitudinal_by_class"]:
        values["longitudinal_by_class"] = rng.normal(0.0, 0.2, (K, n_terms["longitudinal_by_class"] * n_growth))
    if Q:
        values["random_effect_sd"] = np.exp(rng.normal(-0.5, 0.3, Q))
        values["random_effect_corr"] = random_correlation(Q, rng)
        if spec.class_specific_random_effects and K > 1:
            values["random_effect_scale"] = np.exp(zero_sum(rng.normal(0.0, 0.4, K)))
    if spec.endpoint is not None:
        values["scale"] = np.exp(rng.normal(np.log(24.0), 0.5, K if K > 1 else None))
        values["shape"] = np.exp(rng.normal(0.1, 0.3, None if spec.common_shape or K == 1 else K))
        if n_terms["survival"]:
            values["hazard_coefficient"] = rng.normal(0.0, 0.4, n_terms["survival"])
        if n_terms["survival_by_class"]:
            values["hazard_coefficient_by_class"] = rng.normal(0.0, 0.4, (K, n_terms["survival_by_class"]))
    return {name: np.asarray(value) for name, value in values.items()}


def random_correlation(size: int, rng: np.random.Generator) -> np.ndarray:
    """A correlation matrix away from its boundary."""
    a = rng.normal(size=(size, size + 2))
    covariance = a @ a.T
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)


@dataclass(frozen=True)
class Dense:
    """log pi, log f(y), log h^event S(T) and log S(entry), each an array (n_patients, n_classes)."""

    log_pi: np.ndarray
    counts: np.ndarray
    survival: np.ndarray
    entry: np.ndarray

    @property
    def joint(self) -> np.ndarray:
        """log pi + log f + log h^event S."""
        return self.log_pi + self.counts + self.survival

    @property
    def log_likelihood(self) -> np.ndarray:
        """log L_i."""
        return logsumexp(self.joint, axis=1) - logsumexp(self.log_pi + self.entry, axis=1)


def dense(case: Case, cohort: Cohort, natural: dict) -> Dense:
    """The joint latent class model with full covariance matrices, of patients with the same visits at a time."""
    spec, K, Q = case.spec, case.n_classes, N_RANDOM[case.spec.random_effects]
    samples, patients = cohort.samples, cohort.patients
    n = len(patients)
    knots = spec.knots
    if spec.growth == "spline" and knots is None:
        knots = np.quantile(samples["time"], np.linspace(0.05, 0.95, spec.spline_df + 1))
    merged = samples.merge(patients.reset_index(), on="patient_id", how="left")
    Z = growth_basis(spec, merged["time"], knots)
    # a formula on samples takes its means over samples
    W, V_g = (case.values(part, merged, merged) for part in ("longitudinal", "longitudinal_by_class"))
    own_curves = natural.get("longitudinal_by_class", np.zeros((K, 0))).reshape(K, V_g.shape[1], Z.shape[1])
    y = np.log(1.0 + merged["ctc"].to_numpy() / (merged["volume_ml"].to_numpy() / 7.5))

    sigma = np.broadcast_to(natural["sigma"], K)
    D, omega = np.zeros((0, 0)), np.ones(K)
    if Q:
        sd = natural["random_effect_sd"]
        D = np.diag(sd) @ natural["random_effect_corr"] @ np.diag(sd)
        omega = natural.get("random_effect_scale", omega)
    counts = np.zeros((n, K))
    who = patients.index.get_indexer(merged["patient_id"])
    offset = W @ natural.get("longitudinal", np.zeros(0))
    away = [y - offset - np.sum(Z * (natural["growth"][g] + V_g @ own_curves[g]), axis=1) for g in range(K)]
    alike: dict[bytes, list] = {}
    for i in np.unique(who):
        rows = np.flatnonzero(who == i)
        alike.setdefault(Z[rows].tobytes(), []).append(rows)
    for rows in map(np.array, alike.values()):
        z = Z[rows[0], :Q]
        for g in range(K):
            V = sigma[g] ** 2 * np.eye(len(z)) + omega[g] ** 2 * z @ D @ z.T
            counts[who[rows[:, 0]], g] = multivariate_normal.logpdf(away[g][rows], cov=V)

    survival, at_entry = np.zeros((n, K)), np.zeros((n, K))
    if spec.endpoint is not None:
        common = case.values("survival", patients, patients) @ natural.get("hazard_coefficient", np.zeros(0))
        by_class = case.values("survival_by_class", patients, patients)
        time, event = patients["os_time"].to_numpy(), patients["os_event"].to_numpy()
        entry = patients["entry"].to_numpy() if "entry" in patients else np.zeros(n)
        for g in range(K):
            shape = np.broadcast_to(natural["shape"], K)[g]
            log_ratio = common + by_class @ natural.get("hazard_coefficient_by_class", np.zeros((K, 0)))[g]
            weibull = weibull_min(shape, scale=np.broadcast_to(natural["scale"], K)[g] * np.exp(-log_ratio / shape))
            survival[:, g] = np.where(event == 1, weibull.logpdf(time), weibull.logsf(time))
            at_entry[:, g] = weibull.logsf(entry)
    terms = np.column_stack([np.ones(n), case.values("membership", patients, patients)])
    return Dense(log_softmax(terms @ natural["membership"].T, axis=1), counts, survival, at_entry)


def read_by_user(layout, theta) -> np.ndarray:
    """The theta of a model whose parameters on the user's scale stand in the columns of `theta`."""
    return layout.theta(layout.own(theta))


def moved_by_user(layout, theta, away) -> np.ndarray:
    """theta with its free parameters moved on the user's scale: array (n_parameters,)."""
    return read_by_user(layout, layout.to_theta(layout.to_free(layout.theta_of_own(layout.natural(theta))) + away))


def evaluator(case: Case, cohort: Cohort, weights=None) -> tuple[Design, Evaluator]:
    """The compiled likelihood of a case."""
    analysis = Analysis.settle(cohort, case.spec)
    return analysis.design, analysis.evaluator(weights)


def two_cause_cohort(n=160, seed=8, toxicity=(0.02, 0.02)):
    """Low and high counts; progression soon with high ones, toxicity with hazards per month by class."""
    rng = np.random.default_rng(seed)
    high = rng.random(n) < 0.4
    arm = rng.choice(["A", "B"], n)
    progression = np.where(high, 8.0, 25.0) * rng.weibull(1.3, n) * np.exp(-0.3 * (arm == "B")) + 0.5
    with np.errstate(divide="ignore"):
        toxic = rng.exponential(1.0, n) / np.where(high, toxicity[1], toxicity[0]) + 0.5
    end = rng.uniform(5.0, 40.0, n)
    time = np.minimum(np.minimum(progression, toxic), end)
    event = np.select([time == end, time == progression], [0, 1], 2)
    patients = pd.DataFrame(
        {"patient_id": [f"P{i:03d}" for i in range(n)], "ttf_time": time, "ttf_event": event, "arm": arm}
    )
    rows = []
    for i in range(n):
        visits = np.arange(0.0, min(time[i], 9.0), 1.5)
        level = (3.2 if high[i] else 0.8) + rng.normal(0.0, 0.4) - 0.05 * visits
        counts = np.maximum(np.round(np.expm1(level + rng.normal(0.0, 0.4, len(visits)))), 0).astype(int)
        rows += [(f"P{i:03d}", t, c) for t, c in zip(visits, counts, strict=True)]
    return Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients, causes={"ttf": CAUSES})


def fit_causes(cohort, **options):
    """Two classes by maximum likelihood, without random effects."""
    spec = ModelSpec(
        **{
            "n_classes": 2,
            "growth": "linear",
            "random_effects": "none",
            "family": "gaussian",
            "endpoint": "ttf",
            "hazard_knots": STEPS,
            "common_shape": False,
            **options,
        }
    )
    return fit_ml(cohort, spec, n_starts=3, random_seed=3, progress=False)


def natural_parameters(fit: dict) -> dict:
    """lcmm's estimates, in its own order and names, as natural parameters.

    Membership logits are relative to the last class; H(t) = exp(w1) t^exp(w2), times exp(class's log hazard ratio to
    the last class) where hazards are proportional.
    """
    K, given = fit["n_classes"], list(zip(fit["names"], fit["estimates"], strict=True))
    several = K > 1
    n_logits = K - 1

    def all_of(*starts):
        return np.array([value for name, value in given if any(name.startswith(start) for start in starts)])

    intercepts = all_of("intercept")
    membership = np.zeros((K, 2 if any(name.startswith("bone") for name, _ in given) else 1))
    membership[:n_logits, 0] = intercepts[:n_logits]
    if several and membership.shape[1] == 2:
        membership[:n_logits, 1] = all_of("bone")
    growth = np.column_stack([intercepts[n_logits:], all_of("s class") if several else all_of("s")[:1], all_of("s2")])
    d11, d12, d22 = all_of("varcov")
    sd = np.sqrt([d11, d22])
    correlation = np.clip(d12 / np.prod(sd), -1.0, 1.0)  # on the boundary, up to the digits printed, for three classes
    natural = {
        "membership": membership - membership.mean(axis=0),
        "growth": growth,
        "sigma": np.abs(all_of("stderr")[0]),
        "random_effect_sd": sd,
        "random_effect_corr": np.array([[1.0, correlation], [correlation, 1.0]]),
    }
    w1, w2 = all_of("event1 log(Weibull1)"), all_of("event1 log(Weibull2)")
    if len(w1):
        shape = np.exp(w2)
        natural["shape"] = shape if len(shape) == K and several else shape[0]
        log_ratio = np.append(all_of("event1 SurvPH"), 0.0) if len(w1) < K else 0.0
        scale = np.exp(-(w1 + log_ratio) / shape)
        natural["scale"] = scale if several else scale[0]
    if any(name == "arm" for name, _ in given):
        natural["hazard_coefficient"] = all_of("arm")
    return natural


def made_bayes(fit: MLFit, thetas, warnings=(), diverging: int = 0, **attributes) -> BayesFit:
    """A Bayesian fit of draws that are given, array (chain, draw, class, parameter), and divergences of the first."""
    chains, draws, K, m = thetas.shape
    joint = fit.analysis.evaluator().draws(thetas.reshape(-1, K, m)).reshape(chains, draws, -1)
    diverged = np.zeros((chains, draws), dtype=bool)
    diverged[0, :diverging] = True
    stats = {"diverging": diverged, "step_size": np.full(diverged.shape, 0.5), "energy": -joint.sum(axis=-1)}
    by_draw = xr.Dataset({name: (("chain", "draw"), values) for name, values in stats.items()})
    idata = build(thetas, by_draw, joint, fit.analysis)
    idata.attrs = {"chains_left": np.array([], dtype=np.int64), "ml_search": fit.search.to_json(), **attributes}
    return BayesFit(fit.analysis, idata, fit.theta, fit.modes, tuple(warnings))


def fit_at(cohort: Cohort, spec: ModelSpec, theta, covariance=None, n_nodes: int | None = None) -> MLFit:
    """A maximum-likelihood result at parameters that are given: natural ones by name, or theta."""
    analysis = Analysis.settle(cohort, spec)
    analysis = analysis if n_nodes is None else analysis.with_nodes(n_nodes)
    layout, m = analysis.design.layout, analysis.design.layout.n_parameters
    theta = layout.theta(theta) if isinstance(theta, dict) else theta
    unknown = np.full((m, m), np.nan) if covariance is None else covariance
    value = float(analysis.evaluator().patients(theta).sum())
    modes = pd.DataFrame({"log_likelihood": [value], "interior": [True]})
    search = search_facts(Bounds(), n_starts=1, n_starts_asked=1, random_seed=0)
    return MLFit(analysis, theta, value, 0.0, unknown, modes, (theta,), (), (), search)
