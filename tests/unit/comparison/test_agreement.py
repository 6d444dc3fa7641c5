"""Agreement of classes: the adjusted Rand index against pairs counted one by one, and fits against each other."""

import dataclasses
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from helpers import frames, made_bayes
from hypothesis import given
from hypothesis import strategies as st

import bayesctc as bc
from bayesctc.comparison import agreement
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import Refit

pytestmark = pytest.mark.unit
SPEC = bc.ModelSpec(n_classes=2, family="gaussian", growth="linear", random_effects="none", common_shape=True)


def by_pairs(a, b):
    """Hubert and Arabie's index from the four kinds of pairs: (index - expected) / (largest - expected)."""
    together = [(a[i] == a[j], b[i] == b[j]) for i, j in combinations(range(len(a)), 2)]
    both, first, second = sum(x and y for x, y in together), sum(x for x, _ in together), sum(y for _, y in together)
    expected = first * second / len(together)
    return (both - expected) / ((first + second) / 2 - expected)


@pytest.mark.parametrize("seed", range(8))
def test_index_is_that_of_counted_pairs(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 40))
    a, b = rng.integers(0, 4, n), rng.integers(0, 3, n)
    b = np.where(rng.random(n) < 0.6, a % 3, b)
    assert bc.adjusted_rand_index(a, b) == pytest.approx(by_pairs(a, b), abs=1e-14)


def test_six_patients_by_hand():
    """2 pairs together in both, 6 in one and 3 in the other, of 15: (2 - 18/15) / (9/2 - 18/15)."""
    assert bc.adjusted_rand_index([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]) == pytest.approx(8 / 33, abs=1e-15)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_index_does_not_know_names_order_or_side(rows):
    a, b = map(np.array, zip(*rows, strict=True))
    found = bc.adjusted_rand_index(a, b)
    names = np.array(["low", "high", "mid", "none"])
    back = np.random.default_rng(len(rows)).permutation(len(rows))
    assert found <= 1.0
    assert bc.adjusted_rand_index(b, a) == found
    assert bc.adjusted_rand_index(names[a][back], b[back]) == found
    assert bc.adjusted_rand_index(a, names[a]) == 1.0


def test_mean_over_all_orders_is_0():
    a, b = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1]
    values = [bc.adjusted_rand_index(a, [b[k] for k in order]) for order in permutations(range(6))]
    assert np.mean(values) == pytest.approx(0.0, abs=1e-14)
    assert min(values) < 0.0


def test_ends():
    assert bc.adjusted_rand_index([1, 1, 1], ["x", "x", "x"]) == 1.0
    assert bc.adjusted_rand_index([1, 2, 3], ["z", "x", "y"]) == 1.0
    assert bc.adjusted_rand_index([1, 1, 1, 1], [1, 1, 2, 2]) == 0.0
    many = np.repeat([0, 1], 500_000)  # pairs of pairs beyond 64 bits
    assert bc.adjusted_rand_index(many, 1 - many) == 1.0
    assert abs(bc.adjusted_rand_index(many, np.tile([0, 1], 500_000))) < 1e-5


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        ([1, 2], [1, 2, 3], "found 2 and 3 classes"),
        ([1], [1], "found 1 patients"),
        ([1, None, 2], [1, 2, 3], "a: found a missing class at place 1"),
        ([1, 2], [1.0, np.nan], "b: found a missing class at place 1"),
        ("abc", [1, 2, 3], "a has to be a sequence"),
        ([[1, 2], [1, 2]], [1, 2], "a has to be a sequence"),
        (pd.Series([1, 2], index=["x", "y"]), pd.Series([1, 2], index=["y", "x"]), "different indexes"),
    ],
)
def test_bad_classes(a, b, match):
    with pytest.raises(SpecError, match=match):
        bc.adjusted_rand_index(a, b)


@pytest.fixture(scope="module")
def cohort():
    """90 patients whose counts and survival go together."""
    rng = np.random.default_rng(7)
    n = 90
    high = rng.random(n) < 0.4
    ids = [f"P{i}" for i in range(n)]
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "os_time": 9.0 + rng.exponential(np.where(high, 5.0, 30.0)),
            "os_event": rng.binomial(1, 0.8, n),
        }
    )
    times = np.tile([0.0, 3.0, 6.0, 8.0], n)
    level = np.repeat(np.where(high, 3.2, 1.0), 4) + rng.normal(0.0, 0.8, 4 * n)
    counts = np.maximum(np.round(np.expm1(level)), 0).astype(int)
    return bc.Cohort(pd.DataFrame({"patient_id": np.repeat(ids, 4), "time": times, "ctc": counts}), patients)


@pytest.fixture(scope="module")
def fits(cohort):
    def fit(cohort, **changes):
        return bc.fit_ml(cohort, SPEC.with_(**changes), n_starts=3, random_seed=1, progress=False)

    fewer = cohort.select(cohort.patients.index[10:])
    return {"joint": fit(cohort), "counts": fit(cohort, endpoint=None), "censored": fit(fewer, family="censored")}


def test_fits_against_each_other(fits):
    found = bc.class_agreement(fits)
    assert found.pairs[["first", "second"]].to_numpy().tolist() == [
        ["joint", "counts"],
        ["joint", "censored"],
        ["counts", "censored"],
    ]
    assert found.pairs["n_patients"].tolist() == [90, 80, 80]
    for row in found.pairs.itertuples():
        a, b = (fits[name].assignment["latent_class"] for name in (row.first, row.second))
        common = [p for p in a.index if p in b.index]
        expected = by_pairs(a.loc[common].tolist(), b.loc[common].tolist())
        assert row.adjusted_rand_index == pytest.approx(expected, abs=1e-14)
        assert found.matrix.loc[row.second, row.first] == row.adjusted_rand_index
    shares = found.shares.pivot_table("share", "fit", "latent_class")
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares.loc["joint", "class 2"] == (fits["joint"].assignment["latent_class"] == "class 2").mean()
    assert found.n_patients == {"joint": 90, "counts": 90, "censored": 80}


def test_classified_by_the_counts_alone(fits):
    found = bc.class_agreement(fits, counts_only=True)
    a, b = (fits[n].class_probabilities_counts.to_numpy().argmax(axis=1) for n in ("joint", "counts"))
    assert found.pairs["adjusted_rand_index"].iloc[0] == bc.adjusted_rand_index(a, b)


def test_a_posterior_agrees_with_its_estimate(fits):
    fit = fits["joint"]
    draws = np.broadcast_to(fit.theta, (2, 20, *fit.theta.shape)) + np.zeros((2, 20, 1, 1))
    found = bc.class_agreement({"ML": fit, "Bayes": made_bayes(fit, draws)})
    assert found.pairs["adjusted_rand_index"].tolist() == [1.0]
    assert not found.pairs["usable"].any()  # of draws that are all equal nothing is known
    assert "Bayes: R-hat cannot be computed" in found.pairs["reason"].iloc[0]
    assert np.isnan(found.matrix.loc["ML", "Bayes"])
    assert np.isnan(found.interval[0])


def test_bootstrap(fits):
    fit = fits["joint"]
    found = bc.class_agreement(fit, n_bootstrap=5, random_seed=3, progress=False)
    assert (found.n_bootstrap, found.n_failed, len(found.pairs)) == (5, 0, 5)
    again = bc.class_agreement(fit, n_bootstrap=5, random_seed=3, progress=False)
    pd.testing.assert_frame_equal(again.pairs, found.pairs)
    # the first sample in earnest: a new cohort of the patients drawn, fitted from many starts
    drawn = np.random.default_rng(3).integers(0, 90, 90)
    samples, patients = fit.cohort.samples, fit.cohort.patients.reset_index()
    rows = [(samples[samples["patient_id"] == f"P{i}"].assign(patient_id=f"D{k}")) for k, i in enumerate(drawn)]
    people = patients.iloc[drawn].assign(patient_id=[f"D{k}" for k in range(90)])
    refit = bc.fit_ml(bc.Cohort(pd.concat(rows), people), SPEC, n_starts=6, progress=False)
    values = bc.log_likelihood(fit.cohort, SPEC, refit.parameters, by_class=True).to_numpy().argmax(axis=1)
    known = fit.assignment["latent_class"].cat.codes
    assert found.pairs["adjusted_rand_index"].iloc[0] == pytest.approx(by_pairs(known.tolist(), values.tolist()))
    shares = found.shares.query("fit == 'sample 1'")
    assert shares["n_patients"].tolist() == np.bincount(values, minlength=2).tolist()
    median, lower, upper = found.interval
    assert lower <= median <= upper <= 1.0


def test_bootstrap_of_a_posterior_starts_from_its_mode(fits, monkeypatch):
    fit = fits["joint"]
    rng = np.random.default_rng(0)
    draws = fit.theta + 1e-3 * rng.normal(size=(2, 200, *fit.theta.shape))
    posterior = made_bayes(fit, draws)
    monkeypatch.setattr(agreement, "why_not", lambda fit: None)
    found = bc.class_agreement(posterior, n_bootstrap=3, random_seed=3, progress=False)
    expected = bc.class_agreement(fit, n_bootstrap=3, random_seed=3, progress=False)
    assert found.pairs["adjusted_rand_index"].to_numpy() == pytest.approx(
        expected.pairs["adjusted_rand_index"].to_numpy()
    )


def test_refits_that_fail_are_counted_and_left_out(fits, monkeypatch):
    fit, calls = fits["joint"], []

    def refit(fit, positions):
        calls.append(positions)
        if len(calls) == 1:
            raise FitError("no mode is interior")
        return Refit(fit.theta, ("not converged: g' H^-1 g / m is 1",) if len(calls) == 2 else ())

    monkeypatch.setattr(agreement, "refit_from", refit)
    found = bc.class_agreement(fit, n_bootstrap=4, progress=False)
    assert (found.n_bootstrap, found.n_failed) == (4, 2)
    assert found.failures == ("no mode is interior", "not converged: g' H^-1 g / m is 1")
    assert found.pairs["second"].tolist() == ["sample 3", "sample 4"]
    assert found.pairs["adjusted_rand_index"].tolist() == [1.0, 1.0]
    assert not any(np.array_equal(a, b) for a, b in combinations(calls, 2))


def test_pairs_with_a_failed_fit_do_not_count(fits):
    failed = dataclasses.replace(fits["joint"], criterion=1.0)
    found = bc.class_agreement({"a": failed, "b": fits["counts"], "c": fits["censored"]})
    assert found.pairs["usable"].tolist() == [False, False, True]
    assert found.pairs["reason"].iloc[0].startswith("a: not converged")
    with pytest.raises(SpecError, match="a fit that failed"):
        bc.class_agreement(failed, n_bootstrap=2)


def test_what_is_shown_of_it_is_short(fits):
    several = repr(bc.class_agreement(fits, counts_only=True))
    assert several.startswith("Adjusted Rand index, classes by the counts alone\n")
    assert len(several.splitlines()) == len(fits) + 2
    one = repr(bc.class_agreement(next(iter(fits.values())), n_bootstrap=2, progress=False))
    assert "2 bootstrap samples" in one
    assert len(one) < 200


def test_bad_input(fits):
    fit = fits["joint"]
    others = bc.fit_ml(
        bc.Cohort(*frames(40, 3)).select([f"P{i}" for i in range(2, 40)]), SPEC, n_starts=2, progress=False
    )
    packed = dataclasses.replace(others.packed, patient_ids=tuple(f"Q{i}" for i in range(38)))
    renamed = dataclasses.replace(others, analysis=dataclasses.replace(others.analysis, packed=packed))
    for arguments, options, match in (
        (fit, {}, "n_bootstrap has to be 1 or more for one fit"),
        (fits, {"n_bootstrap": 3}, "n_bootstrap is for one fit; found 3 with 3 fits"),
        ({"a": fit}, {}, "two fits or more"),
        ([fit, fit], {}, "mapping of name to fit, or one fit; found list"),
        ({"a": fit, "b": 3}, {}, r"fits\['b'\] has to be a MLFit or BayesFit; found int"),
        ({1: fit, "b": fit}, {}, "names have to be text; found 1"),
        (fits, {"counts_only": 1}, "counts_only has to be a bool"),
        (fits, {"n_bootstrap": -1}, "n_bootstrap has to be a whole number of 0 or more"),
        (fits, {"random_seed": "x"}, "random_seed"),
        ({"a": fit, "b": renamed}, {}, "found 0 patients in both 'a' and 'b'"),
    ):
        with pytest.raises(SpecError, match=match):
            bc.class_agreement(arguments, **options)
