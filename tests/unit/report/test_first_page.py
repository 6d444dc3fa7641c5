"""The first page: right numbers in sentences without jargon, for whatever was fitted."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_fits import as_bayes, fit, simulated_cohort

import bayesctc as bc
from bayesctc.report import first_page as page
from bayesctc.report.course import in_words
from bayesctc.report.requirements import requirements, warnings
from bayesctc.report.subject import Subject
from bayesctc.report.survival_tables import ratio_tables
from bayesctc.report.terms import terms

pytestmark = pytest.mark.unit

JARGON = re.compile(
    r"elpd|pareto|r-hat|rhat|\bloo\b|posterior|likelihood|hazard|latent|\bmodes?\b|chain|diverg|entropy|covarian|"
    r"\bprior|quantile|standardis|\bK\b|nats|parameter",
    re.IGNORECASE,
)


def first(result) -> page.FirstPage:
    subject = Subject.of(result)
    made = requirements(subject)
    return page.first_page(subject, made, len(warnings(subject, made)))


@pytest.fixture(scope="module")
def first_of_ml(ml):
    return first(ml)


def all_of(found: page.FirstPage) -> str:
    return " ".join([*found.found, found.trusted, *found.cautions])


def test_its_numbers_are_those_of_the_fit(bayes):
    found = first(bayes)
    of_class = found.found[3]
    modal = bayes.class_probabilities.to_numpy().argmax(axis=1)
    n = int((modal == 1).sum())
    share = f"{100 * n / 120:.0f} %, given their counts and survival"
    assert of_class.startswith(f"class 2: {n} of 120 patients ({share}). Their typical (median) count ")
    median = bc.class_trajectories(bayes, [0.0, 6.0])["median_ctc"].isel(latent_class=1).to_numpy()
    assert f"{median[0]:.0f} cells per 7.5 mL at the start of treatment, {median[1]:.0f} at 6 months and " in of_class
    assert "at 7.5 months, near the end of their sampling." in of_class  # the last visit
    alive = bc.class_survival(bayes, [24.0]).isel(latent_class=1, time=0)
    said = [f"{100 * float(alive[name]):.0f} %" for name in ("survival_function", "lower", "upper")]
    alive_at_24 = f"survival at 24 months is {said[0]} (95 % credible interval {said[1]} to {said[2]})"
    assert f"Their estimated {alive_at_24}." in of_class
    table = bc.hazard_ratios(bayes)
    row = table[table["quantity"] == "hazard ratio"].iloc[0]
    numbers = re.search(
        r"They die at an estimated ([\d.]+) times the rate of class 1 \(95 % credible interval ([\d.]+) to ([\d.]+)",
        of_class,
    )
    np.testing.assert_allclose(
        [float(x) for x in numbers.groups()], row[["estimate", "lower", "upper"]].astype(float), rtol=0.05
    )
    assert "on average over the follow-up" in of_class  # shapes differ between the classes
    clear = int((bayes.class_probabilities.max(axis=1) >= 0.8).sum())
    assert f"{clear} of 120 patients (" in found.found[4]


@pytest.mark.parametrize("result", ["ml", "bayes", "ml_growth", "selection"])
def test_no_jargon(result, request):
    found = first(request.getfixturevalue(result))
    assert JARGON.search(all_of(found)) is None, JARGON.search(all_of(found))
    assert all(text.endswith(".") for text in (*found.found, found.trusted, *found.cautions))


def test_every_requirement_says_in_plain_words_what_its_failure_means(selection, ml):
    for each in (*requirements(Subject.of(selection)), *requirements(Subject.of(ml))):
        assert len(each.plain) > 20
        assert JARGON.search(each.plain) is None, each.plain


def test_what_not_to_conclude(first_of_ml, ml_growth):
    text = " ".join(first_of_ml.cautions)
    for said in (
        "Even if classes differ in outcome",
        "summarise many individual courses",
        "treatment should be changed",
        "outside these data",
        "It depends on counts measured during treatment and on that patient's survival.",
    ):
        assert said in text
    assert "This was not studied here" in text
    alone = all_of(first(ml_growth))
    assert "Survival was not analysed" in alone
    assert re.search(r"\bdie\b|rate of|free of", alone) is None
    assert "without dividing them into classes" in alone


def test_whether_it_can_be_trusted(ml, first_of_ml, bayes):
    trusted = first(bayes).trusted
    assert trusted.startswith("The computation can be trusted: all 13 checks were passed. Repeated runs of the comp")
    assert trusted.endswith("these data was not checked for this report (predictive checks).")
    assert first(bayes).sound
    assert first_of_ml.trusted.endswith("The section “Read before you trust this” has a warning that still applies.")
    subject = Subject.of(ml)
    made = [replace(each, passed="odds" not in each.name) for each in requirements(subject)]
    found = page.first_page(subject, made, 0)
    assert not found.sound
    assert found.trusted.startswith(
        f"Only with care: 1 of {len(made)} checks failed. Patients of one class cannot be clearly distinguished from "
        "those of another, so the class of a single patient should not be taken as known. Whether the model"
    )


def test_a_failed_fit_shows_none_of_its_numbers(ml):
    found = first(replace(ml, criterion=1.0))
    assert found.trusted.startswith("No. This is a FAILED FIT")
    assert len(found.found) == 2
    assert "None of its results is reported here" in found.found[1]
    assert "%" not in " ".join(found.found)


def test_a_selection_says_what_was_tried(selection):
    text = " ".join(first(selection).found)
    assert f"3 numbers of classes were tried, from 1 to 3. {selection.recommended} class" in text
    assert {"icl": "(criterion ICL)", "loo": "no smaller number"}[selection.rule.criterion] in text
    best = selection.table[selection.table["usable"]]["aic"].idxmin()
    assert re.search(rf"\bAIC\b[^;.]* favours? {best}\b", text) or (best == selection.recommended and "Every" in text)
    table = selection.table.assign(recommended=False)
    found = first(replace(selection, recommended=None, table=table))
    assert "None of them meets the rule for choosing one" in " ".join(found.found)
    assert "the one shown is not recommended" in found.trusted


def with_criteria(selection, **columns):
    """The selection by ICL, had all other criteria been best at 3 classes, and columns been these."""
    others = {name: [9.0, 8.0, 7.0] for name in ("aic", "bic", "sabic")}
    others |= {name: [-9.0, -8.0, -7.0] for name in ("elpd_loo", "elpd_waic")}
    table, chosen = bc.ParsimonyRule().apply(selection.table.assign(**(others | columns)))
    return replace(selection, table=table, recommended=chosen, rule=bc.ParsimonyRule())


def test_criteria_that_disagree_are_said_to(selection):
    found = first(with_criteria(selection, icl=[9.0, 7.0, 8.0]))
    text = " ".join(found.found)
    assert (
        "The criteria disagree, so the number of classes is uncertain: ICL favours 2; leave-one-out prediction, "
        "WAIC, AIC, BIC and adjusted BIC favour 3."
    ) in text
    assert "Every criterion" not in text
    assert JARGON.search(text) is None
    agreed = " ".join(first(with_criteria(selection, icl=[9.0, 8.0, 7.0])).found)
    assert "Every criterion favours it." in agreed
    assert "number of classes is uncertain" not in agreed


def test_a_better_number_that_could_not_be_compared_is_named(selection):
    made = with_criteria(selection, icl=[9.0, 7.0, 8.0], n_compared=[2, 1, 2])
    assert made.recommended == 3
    found = first(made)
    text = " ".join(found.found)
    assert (
        "3 classes are recommended among the numbers that could be compared, because this number best combines a good "
        "fit with a clear classification of patients (criterion ICL). The number of classes is not settled: ICL is "
        "better for 2, which was excluded from the comparison because too few of the repeated runs of the computation "
        "could be used."
    ) in text
    assert JARGON.search(text) is None
    assert "Every criterion" not in text
    assert not found.sound
    assert "A number of classes that may be better was excluded from the comparison" in found.trusted
    small = with_criteria(selection, icl=[9.0, 7.0, 8.0], smallest_class=[1.0, 0.01, 0.2])
    assert "one of the classes contains under 2 % of patients" in " ".join(first(small).found)


def test_numbers_excluded_for_one_reason_share_a_sentence(selection):
    text = " ".join(
        first(with_criteria(selection, icl=[9.0, 8.0, 7.0], aic=[5.0, 6.0, 7.0], n_compared=[1, 1, 2])).found
    )
    assert (
        "1 and 2 are better by AIC, but were excluded from the comparison because too few of the repeated runs of the "
        "computation could be used."
    ) in text


@pytest.fixture(scope="module")
def competing():
    """Two classes with two competing events and a covariate."""
    cohort = simulated_cohort()
    patients = cohort.patients.reset_index()
    patients["ttf_time"] = patients["os_time"]
    patients["ttf_event"] = patients["os_event"] * np.where(np.arange(len(patients)) % 2, 1, 2)
    both = bc.Cohort(cohort.samples, patients, causes={"ttf": ("progression", "toxicity")})
    return fit(both, endpoint="ttf", survival="~ arm", common_shape=True)


def test_competing_events(competing):
    text = " ".join(first(competing).found)
    assert "by the course of their counts and by their time to progression or toxicity" in text
    assert "whether and when a patient had progression or toxicity affects the class as well" in text
    assert "The estimated share who are free of every event (progression, toxicity) at" in text
    for cause in ("progression", "toxicity"):
        assert re.search(
            rf"Among patients still free of every event, they have {cause} at an estimated [\d.]+ times the rate of "
            r"class 1 \(95 % confidence interval [\d.]+ to [\d.]+\), adjusted for arm",
            text,
        )
    assert "death" not in text


def test_an_arm_that_may_act_otherwise_in_each_class():
    by_arm = fit(simulated_cohort(), survival_by_class="~ arm", common_shape=True)
    text = all_of(first(by_arm))
    assert "with arm held at the average of all patients, because the effect of arm may differ by class." in text
    assert "alike in arm" not in text
    said = re.search(
        r"Compared with patients whose arm is A, those whose arm is B die "
        r"at an estimated ([\d.]+) times the rate in class 1 \([^)]*\) "
        r"and at an estimated ([\d.]+) times the rate in class 2 \([^)]*\)\. (.*?)\.",
        text,
    )
    effects = bc.covariate_effects(by_arm)["estimate"]
    np.testing.assert_allclose([float(said[k]) for k in (1, 2)], effects, rtol=0.05)
    (ratio,) = bc.covariate_effects(by_arm, contrasts=True).to_dict("records")
    unclear = ratio["lower"] <= 1 <= ratio["upper"]
    assert said[3].startswith("These data do not show whether this differs" if unclear else "These data show that")
    assert "The analysis examined whether arm acts differently in the classes" in text
    assert "Such a comparison is not randomised, even in a randomised trial." in text
    table = ratio_tables(Subject.of(by_arm))[1]
    assert table.rows[0][1].startswith(f"{ratio['estimate']:.3g} (")


@pytest.mark.parametrize(
    ("medians", "said"),
    [
        ([0.4, 0.1, 0.1], "stays near zero"),
        ([3.0, 1.2, 1.2], "stays below 5"),
        ([60.0, 20.0, 2.0], "falls below 5"),
        ([60.0, 2.0, 2.5], "falls below 5"),
        ([60.0, 4.0, 6.0], "falls"),
        ([158.0, 34.0, 37.0], "falls but stays at 5 or more"),
        ([2.0, 20.0, 60.0], "rises to 5 or more"),
        ([7.0, 20.0, 60.0], "rises"),
        ([50.0, 60.0, 42.0], "stays about level"),
        ([65.0, 20.0, 60.0], "falls, then rises"),
        ([9.0, 60.0, 9.0], "rises, then falls"),
        ([65.0, 40.0, 30.0, 60.0], "falls, then rises"),
        ([65.0, 55.0, 90.0], "stays about level, then rises"),
    ],
)
def test_a_course_in_words(ml, medians, said):
    """Words of medians over time; back to front, one way is the other."""
    outcome = Subject.of(ml).outcome
    words, turn = in_words(outcome, np.array(medians))
    assert words == said
    assert (turn is None) == ("then" not in said)
    one_way = {"falls": "rises", "falls below 5": "rises to 5 or more", "falls but stays at 5 or more": "rises"}
    one_way |= {"rises to 5 or more": "falls below 5", "rises": "falls but stays at 5 or more"}
    if said in one_way:
        assert in_words(outcome, np.array(medians[::-1]))[0] == one_way[said]


def test_without_an_effect_by_class_there_is_no_word_on_it(first_of_ml):
    assert "randomised" not in all_of(first_of_ml)


def test_terms_are_those_of_the_report(ml, selection):
    of_ml, of_selection = dict(terms(Subject.of(ml))), dict(terms(Subject.of(selection)))
    assert "Confidence interval" in of_ml
    assert {"LOO, elpd", "Pareto k", "Chain, R-hat", "Credible interval"} <= set(of_selection)
    assert not {"LOO, elpd", "Chain, R-hat"} & set(of_ml)


def test_tables_as_files(competing, selection, ml, tmp_path):
    files = bc.write_tables(competing, tmp_path / "new" / "tables")
    assert {path.stem for path in files} == {path.stem for path in (tmp_path / "new" / "tables").iterdir()}
    read = {path.stem: pd.read_csv(path) for path in files}
    ratios = bc.hazard_ratios(competing)
    np.testing.assert_allclose(read["hazard_ratios"]["estimate"], ratios["estimate"], rtol=1e-12)
    assert set(read["cumulative_incidence"]["cause"]) == {"progression", "toxicity"}
    for given, p in (
        ("counts", competing.class_probabilities_counts),
        ("counts_and_survival", competing.class_probabilities),
    ):
        classes = read[f"classes_by_{given}"].set_index("patient_id")
        assert (classes["latent_class"] == p.idxmax(axis=1)).all()
        np.testing.assert_allclose(classes[p.columns], p, rtol=1e-12)
    assert read["checks"]["passed"].dtype == bool
    assert "failed" not in read["parameters"]
    of_selection = {path.stem for path in bc.write_tables(selection, tmp_path / "selection")}
    assert "selection" in of_selection
    bc.write_tables(replace(ml, criterion=1.0), tmp_path / "failed")
    failed = pd.read_csv(tmp_path / "failed" / "hazard_ratios.csv")
    assert failed["failed"].str.startswith("not converged").all()
    (tmp_path / "file").write_text("")
    with pytest.raises(bc.StorageError, match="cannot be used as a folder"):
        bc.write_tables(ml, tmp_path / "file" / "tables")


def test_draws_and_estimates_have_their_own_word_for_intervals(ml, first_of_ml):
    assert "confidence interval" in all_of(first_of_ml)
    assert "credible" not in all_of(first_of_ml)
    assert "confidence" not in all_of(first(as_bayes(ml)))


def test_an_endpoint_that_censors_deaths_does_not_claim_them():
    cohort = simulated_cohort()
    table = cohort.patients.reset_index()
    odd = np.arange(len(table)) % 2 == 1
    table["pfs_left"], table["pfs_right"] = 0.0, np.where(odd, 1.0, np.nan)
    censored = bc.Cohort(cohort.samples, table)
    assert page.event_words(censored, "pfs") == ("free of progression", "progress", "progression")
    own = table.assign(pfs_time=np.where(odd, 1.0, table["os_time"]), pfs_event=np.where(odd, 1, table["os_event"]))
    assert "alive" in page.event_words(bc.Cohort(cohort.samples, own), "pfs")[0]
    assert "death" in page.event_words(cohort, "pfs")[2]
