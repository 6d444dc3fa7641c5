"""Covariates that change: from the cohort's rows to the likelihood, to hazards along them and to draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import frames
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import kstest

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import fit_ml
from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.generative import simulate
from bayesctc.model.hazard_along import cumulative_along, log_hazard_along, patient_cumulative_hazard
from bayesctc.model.settled import design_from_json, design_to_json

pytestmark = pytest.mark.unit

N = 60
SPEC = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", survival="~ tx + bone", survival_by_class="~ dose")


def rows_of(patients: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One to three rows of each patient up to the end of follow-up and a little beyond."""
    rng, rows = np.random.default_rng(seed), []
    for patient, end in patients[["patient_id", "os_time"]].itertuples(index=False):
        cuts = [0.0, *np.sort(rng.uniform(0.05, 0.95, rng.integers(0, 3))) * end, end + 1.0]
        for a, b in zip(cuts[:-1], cuts[1:], strict=True):  # noqa: RUF007
            rows.append((patient, a, b, rng.choice(["none", "A", "B"]), rng.normal(2.0, 1.0)))
    return pd.DataFrame(rows, columns=["patient_id", "start", "stop", "tx", "dose"])


@pytest.fixture(scope="module")
def tables():
    samples, patients = frames(N, 4, entry=True)
    return samples, patients, rows_of(patients, 8)


@pytest.fixture(scope="module")
def analysis(tables):
    samples, patients, rows = tables
    return Analysis.settle(bc.Cohort(samples, patients, intervals=rows), SPEC)


@pytest.fixture(scope="module")
def theta(analysis):
    return random_theta(analysis.design)


def random_theta(design, seed=2):
    layout = design.layout
    theta = layout.to_theta(np.random.default_rng(seed).normal(0.0, 0.3, layout.n_parameters))
    return theta


def test_terms_count_by_each_patients_time_at_risk(analysis, tables):
    _, patients, rows = tables
    changes = analysis.packed.changes
    assert len(changes.start) > N
    # one patient by hand: rows that change, their starts, the first at 0
    own = rows[rows["patient_id"] == "P7"]
    assert changes.start[changes.patient == 7].tolist() == own["start"].tolist()
    # shares of the time at risk, written out
    weights, doses = [], []
    for each in patients.itertuples():
        own = rows[rows["patient_id"] == each.patient_id]
        spent = np.minimum(own["stop"], each.os_time) - np.maximum(own["start"], each.entry)
        weights += list(np.maximum(spent, 0.0) / (each.os_time - each.entry))
        doses += list(own["dose"])
    standard, names = analysis.design.survival_by_class.standard, analysis.design.survival_by_class.names
    assert names == ("dose",)
    mean = np.average(doses, weights=weights)
    assert standard.start[0] + standard.centre[0] == pytest.approx(mean, rel=1e-12)
    assert 1.0 / abs(standard.turn[0, 0]) == pytest.approx(np.sqrt(np.average((doses - mean) ** 2, weights=weights)))
    np.testing.assert_allclose(analysis.packed.mean_survival_terms, 0.0, atol=1e-6)  # terms are rounded


def test_what_never_changes_is_as_a_column_of_the_patients(tables):
    samples, patients, _ = tables
    rng = np.random.default_rng(3)
    constant = pd.DataFrame({"tx": rng.choice(["none", "A", "B"], N), "dose": rng.normal(size=N)})
    rows = constant.assign(patient_id=patients["patient_id"], start=0.0, stop=500.0)
    halves = pd.concat([rows.assign(stop=1.0), rows.assign(start=1.0)])
    as_patients = Analysis.settle(bc.Cohort(samples, patients.join(constant)), SPEC)
    for table in (rows, halves):
        as_rows = Analysis.settle(bc.Cohort(samples, patients, intervals=table), SPEC)
        assert as_rows.packed.changes is None
        np.testing.assert_array_equal(as_rows.packed.all_terms, as_patients.packed.all_terms)
        assert as_rows.design.survival == as_patients.design.survival


@settings(max_examples=8)
@given(data=st.data())
def test_splitting_a_row_changes_nothing(analysis, theta, tables, data):
    """Of the cohort, where rows are put together again, and of packed rows, where pieces are summed."""
    samples, patients, rows = tables
    where = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=10, unique=True))
    share = data.draw(st.floats(0.01, 0.99))
    first = rows.copy()
    middle = (rows["start"] + share * (rows["stop"] - rows["start"])).iloc[where]
    second = rows.iloc[where].assign(start=middle)
    first.loc[rows.index[where], "stop"] = middle
    split = Analysis.settle(bc.Cohort(samples, patients, intervals=pd.concat([first, second])), SPEC)
    np.testing.assert_array_equal(split.packed.changes.x, analysis.packed.changes.x)
    assert split.design.scales == analysis.design.scales

    changes = analysis.packed.changes
    row = where[0] % len(changes.start)
    stop = changes.start[row + 1] if row + 1 < len(changes.start) else np.inf
    if not stop > changes.start[row]:
        stop = changes.start[row] + 10.0
    at = changes.start[row] + share * (stop - changes.start[row])
    twice = np.insert(np.arange(len(changes.start)), row + 1, row)
    start = changes.start[twice]
    start[row + 1] = at
    packed = replace(analysis.packed, changes=type(changes)(changes.patient[twice], start, changes.x[twice]))
    whole, parts = analysis.evaluator(), replace(analysis, packed=packed).evaluator()
    np.testing.assert_allclose(parts.patients(theta), whole.patients(theta), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(parts.gradients(theta), whole.gradients(theta), rtol=1e-9, atol=1e-9)


def by_hand(theta, analysis, i, g, t):
    """Cumulative hazard of one patient in one class, piece by piece."""
    sizes, changes = analysis.design.sizes, analysis.packed.changes
    own = changes.patient == i
    start, x = changes.start[own], changes.x[own]
    baseline = cumulative_hazard(theta, sizes, np.append(start, t))[g, 0]
    total = 0.0
    for k in range(len(start)):
        until = baseline[-1] if k == len(start) - 1 else min(baseline[k + 1], baseline[-1])
        total += np.exp(x[k] @ theta[g, sizes.cause(0)[1]]) * max(until - baseline[k], 0.0)
    return total


def test_hazards_along_the_covariates(analysis, theta):
    sizes, changes = analysis.design.sizes, analysis.packed.changes
    common, each = np.array([0.0, 0.7, 6.0, 80.0]), analysis.packed.time
    found = cumulative_along(theta, sizes, changes, common)
    own = patient_cumulative_hazard(theta, analysis.packed, each)
    for i in range(N):
        for g in range(2):
            expected = [by_hand(theta, analysis, i, g, t) for t in common]
            np.testing.assert_allclose(found[g, i], expected, rtol=1e-12, atol=1e-14)
            assert own[g, i] == pytest.approx(by_hand(theta, analysis, i, g, each[i]), rel=1e-12)
    # the log hazard is the logarithm of the slope, and at a change that of the values before it
    t, h = np.array([1.3, 5.1, 17.0]), 1e-4
    low, high = (cumulative_along(theta, sizes, changes, t + k) for k in (-h, h))
    apart = np.abs(changes.start[:, None] - t).min() > 2 * h
    assert apart
    np.testing.assert_allclose(log_hazard_along(theta, sizes, changes, t), np.log((high - low) / (2 * h)), atol=1e-4)
    i = int(changes.patient[np.flatnonzero(changes.start > 0.0)[0]])
    at = changes.start[changes.patient == i][1]
    before, just = (log_hazard_along(theta, sizes, changes, [t])[:, i, 0] for t in (at - 1e-7, at))
    np.testing.assert_allclose(before, just, atol=1e-5)


def test_known_at_a_time_the_last_values_hold(analysis):
    changes = analysis.packed.changes
    known = changes.known_at(3.0)
    assert (known.start <= 3.0).all()
    assert known.patient.tolist() == sorted(known.patient.tolist())
    assert len(known.first) == N
    assert len(changes.known_at(0.0).start) == N
    taken = changes.take([5, 2, 5])
    assert taken.patient.tolist() == sorted(taken.patient.tolist())
    np.testing.assert_array_equal(taken.x[taken.patient == 0], changes.x[changes.patient == 5])
    np.testing.assert_array_equal(taken.start[taken.patient == 1], changes.start[changes.patient == 2])


def test_one_class_is_the_start_stop_weibull_model_by_hand(tables):
    """Maximum of sum over rows of event log h(stop) - H(stop) + H(start), found by scipy."""
    samples, patients, rows = tables
    spec = bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", random_effects="none", survival="~ tx + dose")
    fit = fit_ml(bc.Cohort(samples, patients, intervals=rows), spec, n_starts=1, progress=False)
    table = rows.merge(patients[["patient_id", "os_time", "os_event", "entry"]], on="patient_id")
    low = np.maximum(table["start"], table["entry"]).to_numpy()
    high = np.minimum(table["stop"], table["os_time"]).to_numpy()
    inside = high > low
    event = ((table["os_event"] == 1) & (table["os_time"] <= table["stop"])).to_numpy()[inside]
    low, high = low[inside], high[inside]
    # the reference is the first level in order of the alphabet, capitals first
    x = np.column_stack([table["tx"] == "B", table["tx"] == "none", table["dose"]]).astype(float)[inside]

    def negative(p):
        shape, predictor = np.exp(p[1]), x @ p[2:]
        log_hazard = p[1] - p[0] + (shape - 1.0) * (np.log(high) - p[0]) + predictor
        gone = np.exp(predictor) * ((high / np.exp(p[0])) ** shape - (low / np.exp(p[0])) ** shape)
        return -np.sum(event * log_hazard - gone)

    found = minimize(negative, [3.0, 0.0, 0.0, 0.0, 0.0], method="BFGS", options={"gtol": 1e-9})
    estimates = fit.design.layout.natural(fit.theta)
    assert np.log(estimates["scale"]).item() == pytest.approx(found.x[0], abs=1e-4)
    assert np.log(estimates["shape"]).item() == pytest.approx(found.x[1], abs=1e-4)
    np.testing.assert_allclose(estimates["hazard_coefficient"], found.x[2:], atol=1e-4)
    counts, _ = fit.analysis.counts_only().evaluator().total(fit.theta)
    assert fit.log_likelihood - counts == pytest.approx(-found.fun, abs=1e-6)


def test_draws_have_the_hazard_along_the_covariates(analysis, theta):
    """The cumulative hazard at the time of an event, beyond that at entry, is exponential."""
    n, rng = 3000, np.random.default_rng(5)
    theta = theta.copy()
    theta[:, analysis.design.sizes.cause(0)[1]] *= 3.0  # so that it matters what covariates become
    ids = pd.Index([f"N{i}" for i in range(n)], name="patient_id")
    patients = pd.DataFrame({"bone": rng.binomial(1, 0.4, n)}, index=ids)
    first = pd.DataFrame({"patient_id": ids, "start": 0.0, "tx": rng.choice(["none", "A", "B"], n), "dose": 2.0})
    second = first.assign(start=rng.uniform(0.5, 20.0, n), tx="B", dose=rng.normal(2.0, 2.0, n))
    third = second.assign(start=second["start"] + 3.0, dose=0.0)
    intervals = pd.concat([first, second, third[::2]])
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0.0, 4.0, n), 0.0)
    schedule = pd.DataFrame({"patient_id": ids, "time": 0.0, "volume_ml": 7.5})
    samples, people = simulate(
        analysis.design,
        theta,
        patients,
        schedule,
        np.random.default_rng(6),
        follow_up=1e9,
        entry=entry,
        stop_at_event=False,
        intervals=intervals,
    )
    assert (people["_event"] == 1).all()
    packed = analysis.design.pack_tables(samples.assign(ctc=1), people, intervals)
    classes = people["latent_class"].to_numpy()
    now, before = (
        patient_cumulative_hazard(theta, packed, people[c].to_numpy())[classes, np.arange(n)]
        for c in ("_time", "_entry")
    )
    assert (people["_time"].to_numpy() > second["start"].to_numpy()).mean() > 0.2  # many live to a change
    assert kstest(now - before, "expon").pvalue > 0.01
    unchanged = replace(packed, changes=None)
    ignoring = patient_cumulative_hazard(theta, unchanged, people["_time"].to_numpy())[classes, np.arange(n)]
    assert kstest(ignoring - before, "expon").pvalue < 1e-6


def test_refused(tables, analysis):
    samples, patients, rows = tables
    cohort = bc.Cohort(samples, patients, intervals=rows)
    with pytest.raises(
        SpecError, match="membership: '~ tx' names 'tx', a column of the intervals, which can act on the"
    ):
        Analysis.settle(cohort, SPEC.with_(membership="~ tx"))
    with pytest.raises(SpecError, match="longitudinal: '~ dose' names 'dose', a column of the intervals"):
        Analysis.settle(cohort, SPEC.with_(longitudinal="~ dose"))
    with pytest.raises(SpecError, match=r"'tx', which is not a column. Covariates are: arm, bone, age"):
        Analysis.settle(bc.Cohort(samples, patients), SPEC)
    with pytest.raises(
        DataError, match="intervals: found none; allowed: a table of patient_id, start, stop and tx, dose"
    ):
        Analysis.of(bc.Cohort(samples, patients), analysis.design)
    one = patients.set_index("patient_id").assign(_time=1.0, _event=0.0, _entry=0.0)
    with pytest.raises(DataError, match="intervals: found none for patient 'P0'"):
        analysis.design.pack_tables(samples, one, rows[rows["patient_id"] != "P0"])
    with pytest.raises(DataError, match="covariate 'dose' is missing for patient"):
        Analysis.settle(bc.Cohort(samples, patients, intervals=rows.assign(dose=np.nan).astype({"dose": object})), SPEC)


def test_a_settled_design_is_read_back(analysis):
    again = design_from_json(SPEC, design_to_json(analysis.design))
    assert again.interval_types == analysis.design.interval_types
    assert again.scales == analysis.design.scales
    old = {k: v for k, v in design_to_json(analysis.design).items() if k != "interval_types"}
    assert design_from_json(SPEC, old).interval_types == {}


def test_described(analysis):
    text = " ".join(SPEC.describe(cohort=analysis.cohort).split())
    assert (
        "tx, dose, from the intervals: at time t x_i and z_i take the values of the row with start < t ≤ stop" in text
    )


def test_counts_alone_where_nobody_entered_late(tables):
    """Nobody is followed for any time: there is no piece of follow-up at all."""
    samples, patients, rows = tables
    early = patients.drop(columns="entry")
    with_rows = Analysis.settle(bc.Cohort(samples, early, intervals=rows), SPEC)
    theta = random_theta(with_rows.design)
    alone = with_rows.counts_only()
    assert alone.packed.changes is not None
    plain = replace(alone, packed=replace(alone.packed, changes=None))
    np.testing.assert_allclose(alone.evaluator().patients(theta), plain.evaluator().patients(theta), rtol=1e-12)
