"""Predictive checks: how often they flag a model that is wrong, and how often one that is right.

`python -m benchmarks.checks [--cohorts 30] [--replicates 200] [--only scenario ...]` simulates cohorts of 300 patients
with two classes, fits each by maximum likelihood, runs every predictive check and the score test of conditional
independence, and writes the share of cohorts flagged at 5 % to `benchmarks/results/checks.csv`, one row per scenario
and check, with the 95 % interval of that share. With `--only` the rows of other scenarios stay as they are. With
`--posterior` each is fitted by NUTS (2 chains of 300 + 300) and LOO-PIT takes the score test's place; those rows are of
`<scenario>, posterior`.
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import beta

import bayesctc as bc
from bayesctc.errors import BayesctcError
from bayesctc.model.design import Design
from bayesctc.model.generative import Simulator

RESULTS = Path(__file__).parent / "results"
POSTERIOR = ", posterior"
PATIENTS, STARTS = 300, 4
PLANNED = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 9.0])  # months
MISSED, DROPOUT = 0.08, 0.06  # at each visit after the first
SHARE, SCALE = np.array([0.6, 0.4]), np.array([30.0, 12.0])
HIGH = np.array([[3.5, -0.8], [5.5, -0.2]])  # growth, log(1 + count): rounding to whole cells does not matter there
LOW = np.array([[0.3, -0.6], [3.0, -0.2]])  # growth, log expected count


@dataclass(frozen=True)
class Scenario:
    """What is simulated, and what is fitted to it.

    Attributes
    ----------
    what : str
    family : str
        Of the counts.
    growth : array (2, 2)
    shape : tuple of float
        Weibull shapes of the classes.
    dropout_by_count : float
        Change of the log odds of dropping out by unit of log(1 + count) at the last visit.
    frailty : float
        Log hazard ratio of one standard deviation of a patient's random intercept.
    rule : {"", "entry", "ignored"}
        Patients with three samples only, entering at the third, or followed from the start.
    fitted : dict
        Fields of the fitted specification that differ from the simulated one's.
    """

    what: str
    family: str = "gaussian"
    growth: np.ndarray = field(default_factory=lambda: HIGH)
    shape: tuple[float, float] = (1.3, 1.3)
    dropout_by_count: float = 0.0
    frailty: float = 0.0
    rule: str = ""
    fitted: dict = field(default_factory=dict)


SCENARIOS = {
    "true": Scenario("the model is true (gaussian)"),
    "true_selected": Scenario("true; three samples asked for, entry at the third", rule="entry"),
    "selected_ignored": Scenario("three samples asked for, the fit does not know", rule="ignored"),
    "true_nb": Scenario("the model is true (negative binomial)", "negative_binomial", LOW),
    "nb_as_poisson": Scenario(
        "negative binomial counts fitted as Poisson", "negative_binomial", LOW, fitted={"family": "poisson"}
    ),
    "nb_as_gaussian": Scenario(
        "negative binomial counts fitted as gaussian", "negative_binomial", LOW, fitted={"family": "gaussian"}
    ),
    "not_proportional": Scenario("shapes 0.7 and 2.2 fitted as one", shape=(0.7, 2.2), fitted={"common_shape": True}),
    "dropout": Scenario("drop-out depends on the observed count", dropout_by_count=0.8),
    "dependent": Scenario("the hazard depends on the random intercept too", frailty=0.5),
    "dependent_nb": Scenario("the same of negative binomial counts", "negative_binomial", frailty=0.5),
}


def specification(scenario: Scenario, **changes) -> bc.ModelSpec:
    """The specification that is simulated, or with `fitted` that which is fitted."""
    fields = {
        "family": scenario.family,
        "n_classes": 2,
        "growth": "linear",
        "random_effects": "intercept",
        "common_shape": False,
    }
    return bc.ModelSpec(**{**fields, **changes})


def stub() -> bc.Cohort:
    """A cohort to settle the simulated design on."""
    ids = [f"S{k}" for k in range(1, PATIENTS + 1)]
    samples = pd.DataFrame(
        {"patient_id": np.repeat(ids, len(PLANNED)), "time": np.tile(PLANNED, PATIENTS), "ctc": 0, "volume_ml": 7.5}
    )
    return bc.Cohort(samples, pd.DataFrame({"patient_id": ids, "os_time": 20.0, "os_event": 1}))


def simulated(scenario: Scenario, seed: int) -> bc.Cohort:
    """One cohort."""
    rng, base = np.random.default_rng(seed), stub()
    design = Design.settle(base, specification(scenario))
    layout, patients = design.layout, base.patients
    spread = {"sigma": 0.5} if scenario.family == "gaussian" else {"dispersion": 0.8}
    membership = np.log(SHARE)
    theta = layout.theta(
        {
            "membership": (membership - membership.mean())[:, None],
            "growth": scenario.growth,
            **spread,
            "random_effect_sd": np.array([0.6]),
            "random_effect_corr": np.eye(1),
            "scale": SCALE,
            "shape": np.array(scenario.shape),
        }
    )
    times = PLANNED + rng.normal(0.0, 0.12, (PATIENTS, len(PLANNED)))
    times[:, 0] = 0.0
    schedule = pd.DataFrame(
        {"patient_id": np.repeat(patients.index, len(PLANNED)), "time": times.ravel(), "volume_ml": 7.5}
    )
    simulator = Simulator.of(design, patients, schedule)
    end = rng.uniform(12.0, 40.0, PATIENTS)
    drawn = simulator.draw(theta, rng, np.inf)
    counts, event_time = drawn.observed.reshape(times.shape), drawn.time
    if scenario.frailty:
        level = np.log1p(counts).mean(axis=1) - _mean_level(scenario, drawn.latent_class, times)
        shapes = np.array(scenario.shape)[drawn.latent_class]
        event_time = event_time * np.exp(-scenario.frailty * level / level.std() / shapes)
    time_, event = np.minimum(event_time, end), (event_time <= end).astype(int)
    taken = _taken(scenario, counts, rng) & (times <= time_[:, None])
    row, visit = np.nonzero(taken)
    samples = pd.DataFrame(
        {"patient_id": patients.index[row], "time": times[row, visit], "ctc": counts[row, visit], "volume_ml": 7.5}
    )
    people = pd.DataFrame({"patient_id": patients.index, "os_time": time_, "os_event": event})
    cohort = bc.Cohort(samples, people)
    if scenario.rule == "":
        return cohort
    return cohort.include(min_samples=3, entry="third_sample" if scenario.rule == "entry" else None)


def _mean_level(scenario, latent_class, times):
    """Mean of the growth curve at the planned times of each patient."""
    growth = scenario.growth[latent_class]
    return (growth[:, :1] + growth[:, 1:] * times / 6.0).mean(axis=1)


def _taken(scenario, counts, rng):
    """Who is sampled at which visit, death and the end of follow-up aside."""
    y = np.log1p(counts)
    log_odds = np.log(DROPOUT / (1 - DROPOUT)) + scenario.dropout_by_count * (y - y.mean())
    taken, here = np.ones(counts.shape, dtype=bool), np.ones(len(counts), dtype=bool)
    for visit in range(1, counts.shape[1]):
        here &= rng.random(len(counts)) >= expit(log_odds[:, visit - 1])
        taken[:, visit] = here & (rng.random(len(counts)) >= MISSED)
    return taken


def one(scenario: Scenario, seed: int, n_replicates: int, posterior: bool) -> pd.DataFrame:
    """The summary of one cohort's checks."""
    cohort = simulated(scenario, seed)
    spec = specification(scenario, **scenario.fitted)
    fit = bc.fit_ml(cohort, spec, n_starts=STARTS, random_seed=seed, progress=False)
    if posterior:
        fit = bc.fit_bayes(cohort, spec, ml=fit, draws=300, tune=300, chains=2, random_seed=seed, progress=False)
    found = bc.predictive_check(fit, n_replicates=n_replicates, random_seed=seed, progress=False)
    table = found.summary.reset_index()[["check", "p", "flag"]]
    if posterior:
        pit = bc.loo_pit(fit, random_seed=seed).table[["check", "p", "flag"]]
        return pd.concat([table, pit.assign(check="LOO-PIT " + pit["check"])], ignore_index=True)
    test = bc.conditional_independence_test(fit)
    row = pd.DataFrame({"check": ["score_test"], "p": [test.p], "flag": [test.p < 0.05]})
    return pd.concat([table, row], ignore_index=True)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Share flagged by scenario and check, with its Clopper-Pearson interval."""
    table = rows.groupby(["scenario", "check"], sort=False).agg(n=("flag", "size"), flagged=("flag", "sum"))
    k, n = table["flagged"].to_numpy(), table["n"].to_numpy()
    table["share"] = k / n
    table["lower"] = np.where(k > 0, beta.ppf(0.025, np.maximum(k, 1), n - k + 1), 0.0)
    table["upper"] = np.where(k < n, beta.ppf(0.975, k + 1, np.maximum(n - k, 1)), 1.0)
    return table.reset_index().round(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=30)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--posterior", action="store_true")
    arguments = parser.parse_args()
    rows, start, suffix = [], time.process_time(), POSTERIOR if arguments.posterior else ""
    for name in arguments.only:
        failed = 0
        for seed in range(arguments.cohorts):
            try:
                found = one(SCENARIOS[name], seed, arguments.replicates, arguments.posterior)
                rows.append(found.assign(scenario=name + suffix, cohort=seed))
            except BayesctcError as error:
                failed += 1
                print(f"{name}, cohort {seed}: {error}", flush=True)
        spent = time.process_time() - start
        print(f"{name}: {arguments.cohorts - failed} cohorts, {failed} not fitted, {spent:.0f} s", flush=True)
    table = summarise(pd.concat(rows, ignore_index=True))
    print(table.pivot_table(index="check", columns="scenario", values="share", sort=False).to_string())
    write(table)


def write(table: pd.DataFrame) -> None:
    """Put the scenarios of a run in place of what the file says of them, and keep the others."""
    path = RESULTS / "checks.csv"
    RESULTS.mkdir(exist_ok=True)
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before["scenario"].isin(table["scenario"])], table])
    order = {name: k for k, name in enumerate([*SCENARIOS, *(name + POSTERIOR for name in SCENARIOS)])}
    table.sort_values("scenario", key=lambda s: s.map(order), kind="stable").to_csv(path, index=False)


if __name__ == "__main__":
    main()
