"""Cohorts whose classes are known, for `class_recovery.py`, and what can be known of the classes at best.

The trial is `bayesctc.generate_trial`. Four further mechanisms take the trial's patients, classes, survival and visits,
and draw other counts, around curves that no growth option contains. Their classes are as far apart as the trial's
("wide"), or three quarters of that ("close"). A count is Poisson of a concentration with::

    log concentration = plateau + p + (drop + d) exp(-t / tau) + rise max(t - onset, 0) + spread x noise

with p and d normal by patient, noise normal or Student's t by visit, all parameters by class.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp
from scipy.stats import t as student

import bayesctc as bc
from bayesctc.data.trial.parameters import ARMS, CLASSES, SUBTYPES

TRIAL = bc.TrialParameters()
NORMAL, NODES, SIMULATED = np.inf, 61, 600  # degrees of freedom; points per visit, and draws per class, of the oracle
CLOSE = 0.75


@dataclass(frozen=True)
class Mechanism:
    """How counts come about, by class (neg, lo, mid, hi); natural logarithms of cells per 7.5 mL, and months."""

    plateau: tuple[float, ...] = TRIAL.counts.plateau
    drop: tuple[float, ...] = TRIAL.counts.drop
    tau: float = TRIAL.counts.tau
    rise: tuple[float, ...] = TRIAL.counts.slope
    onset: float = 0.0
    plateau_sd: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5)
    drop_sd: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5)
    spread: tuple[float, ...] = (0.6, 0.6, 0.6, 0.6)
    freedom: float = NORMAL

    def closer(self) -> "Mechanism":
        """Classes three quarters as far apart."""
        middle = [np.average(x, weights=(0.57, 0.24, 0.14, 0.05)) for x in (self.plateau, self.drop)]
        near = [tuple(m + CLOSE * (np.array(x) - m)) for x, m in zip((self.plateau, self.drop), middle, strict=True)]
        return replace(self, plateau=near[0], drop=near[1])

    def curve(self, g, t, p, d):
        """Log concentration but for the visit's noise; arrays that broadcast."""
        part = [np.take(x, g) for x in (self.plateau, self.drop, self.rise, self.plateau_sd, self.drop_sd)]
        level, fall = part[0] + part[3] * p, part[1] + part[4] * d
        return level + fall * np.exp(-t / self.tau) + part[2] * np.maximum(t - self.onset, 0.0)

    def noise(self, u):
        """The visit's noise at probabilities u, of standard deviation 1 where normal."""
        return student.ppf(u, self.freedom)


FLAT = (0.0, 0.0, 0.0, 0.0)
MECHANISMS = {
    "trial": Mechanism(plateau_sd=TRIAL.counts.plateau_sd, drop_sd=TRIAL.counts.drop_sd, spread=TRIAL.counts.visit_sd),
    "plateau": Mechanism(rise=FLAT, tau=1.6),
    "late rise": Mechanism(drop=(1.5, 3.0, 1.5, 0.8), rise=(0.0, 0.55, 0.25, 0.1), onset=4.0),
    "spread by class": Mechanism(plateau_sd=(0.3, 0.5, 0.8, 1.0), drop_sd=FLAT, spread=(1.1, 0.8, 0.5, 0.3)),
    "heavy tails": Mechanism(freedom=3.0, spread=(0.45, 0.45, 0.45, 0.45)),
}
SEEDS = {"trial": range(1, 21)} | {name: range(101, 111) for name in MECHANISMS if name != "trial"}


def settings(mechanisms):
    """Every (mechanism, separation, seed)."""
    for name in mechanisms:
        for separation in ("wide",) if name == "trial" else ("wide", "close"):
            yield from ((name, separation, seed) for seed in SEEDS[name])


def made(name: str, separation: str) -> Mechanism:
    """The mechanism at a separation."""
    return MECHANISMS[name] if separation == "wide" else MECHANISMS[name].closer()


def draw_cohort(name: str, separation: str, seed: int) -> bc.Cohort:
    """Patients with three or more samples; the column `true_class` says what made their counts."""
    if name == "trial":
        return bc.Cohort(*bc.generate_trial(seed)).include(min_samples=3)
    return redrawn(made(name, separation), seed, list(MECHANISMS).index(name))


def redrawn(mechanism: Mechanism, seed: int, number: int) -> bc.Cohort:
    """The trial of a seed with other counts; `number` tells mechanisms apart."""
    samples, patients = bc.generate_trial(seed)
    rng, n = np.random.default_rng([seed, number]), len(patients)
    g = pd.Categorical(patients["true_class"], categories=list(CLASSES)).codes.astype(int)
    row = pd.Index(patients["patient_id"]).get_indexer(samples["patient_id"])
    p, d = rng.standard_normal((2, n))
    eta = mechanism.curve(g[row], np.maximum(samples["time"].to_numpy(), 0.0), p[row], d[row])
    eta += np.take(mechanism.spread, g[row]) * mechanism.noise(rng.random(len(row)))
    return bc.Cohort(samples.assign(ctc=rng.poisson(np.exp(np.minimum(eta, 16.0)))), patients).include(min_samples=3)


def true_classes(cohort: bc.Cohort) -> np.ndarray:
    """0 to 3 for neg, lo, mid, hi: array of int (n_patients,)."""
    return pd.Categorical(cohort.patients["true_class"].astype(str), categories=list(CLASSES)).codes.astype(int)


def oracle(cohort: bc.Cohort, name: str, separation: str) -> dict[str, np.ndarray]:
    """Modal classes by the mechanism's own parameters: from counts, from counts and survival, and with covariates.

    Patient effects are integrated by simulation, visit noise by equally likely points. The first two know the classes'
    shares in the cohort and, for the hazard, the covariates; the third knows how the covariates move membership too.
    """
    mechanism, true = made(name, separation), true_classes(cohort)
    samples, patients = cohort.samples, cohort.patients
    row = patients.index.get_indexer(samples["patient_id"])
    t, y = np.maximum(samples["time"].to_numpy(), 0.0)[:, None], samples["ctc"].to_numpy(dtype=float)[:, None]
    z = mechanism.noise((np.arange(NODES) + 0.5) / NODES)
    rng, counts = np.random.default_rng(0), np.empty((len(patients), 4))
    for g in range(4):
        p, d = rng.standard_normal((2, SIMULATED))
        eta = mechanism.curve(g, t, p, d)
        probability = np.zeros_like(eta)
        for move in mechanism.spread[g] * z:
            probability += np.exp(y * (eta + move) - np.exp(np.minimum(eta + move, 300.0)) - gammaln(y + 1.0)) / NODES
        each = np.zeros((len(patients), SIMULATED))
        np.add.at(each, row, np.log(np.maximum(probability, 1e-300)))
        counts[:, g] = logsumexp(each, axis=1)
    share = np.log(np.bincount(true, minlength=4) / len(true))
    joint = counts + _survival(patients)
    return {
        "oracle_counts": (share + counts).argmax(axis=1),
        "oracle_joint": (share + joint).argmax(axis=1),
        "oracle_covariates": (_membership(patients) + joint).argmax(axis=1),
    }


def _membership(patients):
    p, bone = TRIAL.patients, patients["bone_metastasis"].to_numpy(dtype=float)
    subtype = patients["subtype"].astype(str).to_numpy()
    odds = np.array(p.class_log_odds) + np.outer(bone, p.class_bone)
    odds = odds + np.outer(subtype == SUBTYPES[1], p.class_triple_negative)
    odds = odds + np.outer(subtype == SUBTYPES[2], p.class_her2)
    return odds - logsumexp(odds, axis=1, keepdims=True)


def _survival(patients):
    """Log density of overall survival, by class."""
    p = TRIAL.survival
    arm, subtype = (
        pd.Categorical(patients[c].astype(str), categories=list(levels)).codes
        for c, levels in (("arm", ARMS), ("subtype", SUBTYPES))
    )
    common = np.take(p.arm, arm) + np.take(p.subtype_os, subtype) + p.bone * patients["bone_metastasis"].to_numpy()
    common = common + p.age_decade * (patients["age"].to_numpy() - 56.0) / 10.0
    time, event = (patients[f"os_{what}"].to_numpy(dtype=float)[:, None] for what in ("time", "event"))
    log_ratio = common[:, None] + np.array(p.os_class)
    log_hazard = log_ratio + np.log(p.os_shape / p.os_scale) + (p.os_shape - 1.0) * np.log(time / p.os_scale)
    return event * log_hazard - (time / p.os_scale) ** p.os_shape * np.exp(log_ratio)
