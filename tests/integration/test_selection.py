"""Choosing the number of classes on the cohort of test_bayes, whose classes are two."""

import numpy as np
import pytest
from test_bayes import SPEC, simulated_cohort

import bayesctc
from bayesctc.criteria import numbers
from bayesctc.criteria import selection as selection_module
from bayesctc.criteria.loo import APPROXIMATED, CHAINS
from bayesctc.criteria.selection import Selection, select_n_classes
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import fit_ml

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("nuts")]

SHORT = {"draws": 300, "tune": 100, "chains": 2, "n_starts": 6, "random_seed": 7, "progress": False}
DOCUMENTED = [
    "log_likelihood",
    "aic",
    "bic",
    "sabic",
    "icl",
    "entropy",
    "smallest_class",
    "average_posterior",
    "odds_correct",
    "elpd_loo",
    "elpd_loo_se",
    "p_loo",
    "n_high_k",
    "elpd_waic",
    "elpd_waic_se",
    "p_waic",
    "n_high_variance",
    "elpd_diff",
    "elpd_diff_se",
    "blrt_p",
    "above_floor",
    "close_to_best",
    "recommended",
    "method",
    "prediction_rhat",
    "prediction_ess",
    "elpd_range",
    "chains_agree",
    "main_weight",
    "given_up",
    "warnings",
]


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort()


@pytest.fixture(scope="module")
def selection(cohort) -> Selection:
    return select_n_classes(cohort, SPEC, n_classes=range(1, 3), blrt=2, **SHORT)


def test_the_table_has_every_documented_column(selection):
    assert selection.table.index.tolist() == [1, 2]
    assert selection.table.index.name == "n_classes"
    assert set(DOCUMENTED) <= set(selection.table.columns)
    numeric = selection.table.drop(columns=["warnings", "blrt_p", "odds_correct", "approximation_k"])
    assert numeric.notna().all(axis=None)


def test_chains_of_one_mode_agree(selection):
    table = selection.table
    assert table["chains_agree"].all()
    assert (table["method"] == CHAINS).all()
    assert (table["prediction_rhat"] < 1.05).all()
    assert (table["elpd_range"] < 4.0).all()
    assert (table["given_up"] == "").all()


@pytest.fixture(scope="module")
def quick(cohort) -> Selection:
    return select_n_classes(cohort, SPEC, n_classes=range(1, 3), quick=True, **SHORT)


def test_a_quick_look_finds_what_chains_find(quick, selection):
    assert not quick.bayes
    assert quick.recommended == 2
    assert (quick.table["method"] == APPROXIMATED).all()
    assert (quick.table["approximation_k"] <= 0.7).all()
    assert "normal approximation" in quick.sentence
    for k in (1, 2):
        error = selection.loo[k].agreement.mcse.mean() / 2**0.5  # of the mean of two chains
        assert quick.table.loc[k, "elpd_loo"] == pytest.approx(selection.table.loc[k, "elpd_loo"], abs=6.0 * error)
        apart = quick.loo[k].pointwise["elpd"] - selection.loo[k].pointwise["elpd"]
        assert np.abs(apart).max() < 0.5
    assert quick.table.loc[1, "elpd_diff"] == pytest.approx(selection.table.loc[1, "elpd_diff"], abs=3.0)


def test_a_report_of_a_quick_look_shows_the_estimate(quick, tmp_path):
    bayesctc.write_report(quick, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "K = 2 was not sampled, so its maximum-likelihood estimate is shown." in text
    assert "by a normal approximation" in text


def test_a_quick_look_samples_where_the_approximation_fails(cohort, monkeypatch):
    approximate_loo = selection_module.approximate_loo

    def fails_for_two(ml, settings):
        return (None, "pareto_k of it") if ml.spec.n_classes == 2 else approximate_loo(ml, settings)

    monkeypatch.setattr(selection_module, "approximate_loo", fails_for_two)
    found = select_n_classes(cohort, SPEC, n_classes=[1, 2], quick=True, **SHORT)
    assert sorted(found.bayes) == [2]
    assert found.table["method"].tolist() == [APPROXIMATED, CHAINS]
    assert found.table.loc[2, "warnings"].startswith(
        "sampled, because a normal approximation is not adequate: pareto_k of it"
    )


def test_two_classes_are_recommended(selection):
    table = selection.table
    assert selection.recommended == 2
    assert table["recommended"].tolist() == [False, True]
    assert table["close_to_best"].tolist() == [False, True]
    assert "picks K = 2" in selection.sentence
    assert "K = 2" in repr(selection)
    assert table.loc[2, "elpd_diff"] == 0.0
    assert table.loc[1, "elpd_diff"] < -20
    # two is also the most that was tried, and LOO's choice
    assert "extend the range" in selection.sentence


def test_rows_are_those_of_the_fits(selection, cohort):
    for k in (1, 2):
        row, ml = (
            selection.table.loc[k],
            fit_ml(cohort, SPEC.with_(n_classes=k), n_starts=6, random_seed=7, progress=False),
        )
        for name in ("log_likelihood", "aic", "bic", "sabic", "icl", "entropy"):
            assert row[name] == pytest.approx(getattr(ml, name), abs=1e-4), name
        assert row["n_parameters"] == ml.n_parameters
        assert row["elpd_loo"] == bayesctc.loo(selection.bayes[k], max_refits=10, progress=False).elpd
        assert row["elpd_waic"] == bayesctc.waic(selection.bayes[k]).elpd
        assert row["smallest_class"] == selection.bayes[k].quality["share"].min()


def test_the_difference_has_the_standard_error_of_paired_patients(selection):
    a, b = (selection.loo[k].pointwise["elpd"] for k in (1, 2))
    d = (a - b).to_numpy()
    assert selection.table.loc[1, "elpd_diff"] == pytest.approx(d.sum())
    assert selection.table.loc[1, "elpd_diff_se"] == pytest.approx(np.sqrt(len(d) * d.var(ddof=1)))
    assert selection.table.loc[2, "elpd_diff_se"] == 0.0


def test_the_bootstrap_test_is_of_each_number_against_the_next(selection):
    assert selection.table.loc[1, "blrt_p"] == pytest.approx(1 / 3)  # neither of two replicates comes near
    assert np.isnan(selection.table.loc[2, "blrt_p"])


def no_fit(*_, **__):
    raise AssertionError("a model was fitted")


@pytest.mark.parametrize(
    ("asked", "message"), [([1, 2, 40], "n_classes=40"), ([], "none"), ([0, 1], "n_classes"), ([2.5], "n_classes")]
)
def test_a_number_of_classes_the_data_cannot_bear_is_refused_before_any_fit(cohort, monkeypatch, asked, message):
    for module, name in ((numbers, "fit_analysis"), (numbers, "sample_mode"), (selection_module, "one_class")):
        monkeypatch.setattr(module, name, no_fit)
    with pytest.raises(SpecError, match=message):
        select_n_classes(cohort, SPEC, n_classes=asked, **SHORT)


def test_a_number_that_has_no_interior_mode_is_shown_and_not_picked(cohort, monkeypatch):
    fit_analysis = numbers.fit_analysis

    def fails_for_two(analysis, settings, **given):
        if analysis.spec.n_classes == 2:
            raise FitError("no start of 6 ended in an interior mode\nand a table")
        return fit_analysis(analysis, settings, **given)

    monkeypatch.setattr(numbers, "fit_analysis", fails_for_two)
    found = select_n_classes(cohort, SPEC, n_classes=[2, 1], **SHORT)
    assert found.table.index.tolist() == [1, 2]
    assert found.recommended == 1
    assert np.isnan(found.table.loc[2, "elpd_loo"])
    assert found.table.loc[2, "warnings"] == "no start of 6 ended in an interior mode"
    assert sorted(found.bayes) == [1]
