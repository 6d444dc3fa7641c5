"""Parts of the report: checks, checklist, tables, numbers."""

from dataclasses import replace

import numpy as np
import pytest
from report_fits import as_bayes, fit, simulated_cohort

from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.report import grolts, overview, parameters, requirements, selection_tables, survival_tables, tables
from bayesctc.report.code import code
from bayesctc.report.format import count, duration, fixed, odds, percent, significant, with_interval
from bayesctc.report.subject import Subject
from bayesctc.results.diagnostics import MAX_RHAT
from bayesctc.results.usable import COMPARED_ESS_PER_CHAIN, COMPARED_RHAT

pytestmark = pytest.mark.unit

NUMBERS = [
    "1",
    "2",
    "3a",
    "3b",
    "3c",
    "4",
    "5",
    "6a",
    "6b",
    "7",
    "8",
    "9",
    "10",
    "11",
    "12",
    "13",
    "14a",
    "14b",
    "14c",
    "15",
    "16",
]


def of_item(items, number):
    return next(item for item in items if item.number == number)


@pytest.mark.parametrize("result", ["ml", "ml_growth", "bayes", "selection"])
def test_checklist_has_every_item(result, request):
    items = grolts.checklist(Subject.of(request.getfixturevalue(result)))
    assert [item.number for item in items] == NUMBERS
    assert len({item.number.rstrip("abc") for item in items}) == 16
    assert {item.status for item in items} <= {"reported", "in part", "not reported"}
    assert all(item.asked.endswith("?") and item.answer.endswith(".") for item in items)
    assert all("Not reported" in item.answer for item in items if item.status == "not reported")


def test_checklist_of_a_selection(selection):
    items = grolts.checklist(Subject.of(selection))
    assert "3 models, K = 1, 2, 3, the one-class model included" in of_item(items, "11").answer
    assert str(selection.rule) in of_item(items, "10").answer
    assert of_item(items, "14b").status == "reported"


def test_checklist_of_one_model(ml, ml_growth):
    items = grolts.checklist(Subject.of(ml))
    assert [of_item(items, n).status for n in ("10", "11", "12", "14b")] == [
        "not reported",
        "not reported",
        "in part",
        "not reported",
    ]
    assert fixed(ml.entropy, 3) in of_item(items, "13").answer
    assert "2 starting values" in of_item(items, "9").answer
    assert "and on os, which is modelled jointly" in of_item(items, "3a").answer
    assert "modelled jointly" not in of_item(grolts.checklist(Subject.of(ml_growth)), "3a").answer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "residual standard deviation: common to the classes; random-effect covariance: common to the classes."),
        ({"class_specific_sigma": True, "random_effects": "none"}, "standard deviation: specific to each class."),
        ({"family": "poisson", "random_effects": "none"}, "In all models, no variance but that of the poisson family."),
    ],
)
def test_checklist_names_the_variances_there_are(options, said):
    answer = of_item(grolts.checklist(Subject.of(fit(simulated_cohort(), **options))), "6b").answer
    assert answer.endswith(said)


def test_paragraph_says_which_models_were_fitted(selection):
    assert "Models with 1 to 3 classes were fitted" in overview.paragraph(Subject.of(selection))
    ml, bayes, loo = ({k: each[k] for k in (1, 2)} for each in (selection.ml, selection.bayes, selection.loo))
    text = overview.paragraph(Subject.of(replace(selection, ml=ml, bayes=bayes, loo=loo, recommended=2)))
    assert "Models with 1 to 2 classes were fitted" in text
    assert "; models with 3 classes could not be fitted." in text
    text = overview.paragraph(Subject.of(replace(selection, bayes=bayes, loo=loo, recommended=2)))
    assert "by sampling their posterior with 1 to 2 classes" in text
    assert "; models with 3 classes could not be recommended and were not taken further." in text
    text = overview.paragraph(Subject.of(replace(selection, bayes={}, recommended=2)))
    assert "with 1 to 3 classes by a normal approximation" in text


def test_warnings_of_every_model_stand_under_their_table(selection):
    table = selection.table.assign(warnings=["", "", "p_loo is 37 for 21 parameters."])
    note = selection_tables.bayesian(Subject.of(replace(selection, table=table))).note
    assert note.endswith("K = 3: p_loo is 37 for 21 parameters.")
    assert "K = 2:" not in note


def test_counts_beyond_a_class_s_samples_are_marked(ml):
    subject = Subject.of(ml)
    assert not any("†" in cell for row in tables.trajectory_values(subject).rows for cell in row)
    assert "†" not in overview.in_short(subject).note
    samples, codes = subject.samples, ml.assignment["latent_class"].cat.codes
    late = samples["patient_id"].map(codes).eq(1) & (samples["time"] > 2.0)
    kept = ml.cohort.samples.merge(samples.loc[late, ["patient_id", "time"]], how="left", indicator=True)
    kept = kept[kept["_merge"] == "left_only"].drop(columns="_merge")
    cut = replace(ml, analysis=replace(ml.analysis, cohort=type(ml.cohort)(kept, ml.cohort.patients.reset_index())))
    for table in (tables.trajectory_values(Subject.of(cut)), overview.in_short(Subject.of(cut))):
        marked = {row[0] for row in table.rows for cell in row if "†" in cell}
        assert marked == {ml.quality.index[1]}
        assert "† Later than 95 % of the samples of the class's patients" in table.note


def test_checks_of_good_draws(bayes):
    made = requirements.requirements(Subject.of(bayes))
    found = {check.name: check for check in made}
    assert found["Divergent transitions"].passed
    assert found["Largest R-hat"].passed == (bayes.diagnostics.max_rhat <= MAX_RHAT)
    used = f"R-hat {COMPARED_RHAT:g} or less, effective sample size {COMPARED_ESS_PER_CHAIN} per chain or more"
    assert found[f"Fit can be used at all ({used})"].passed
    assert found["Fewest expected events in a class"].passed
    assert found["Smallest class, share of patients"].wanted == "2 % or more"
    assert found["Lowest odds of correct classification"].wanted == "5 or more"


def test_own_warnings_come_first(ml):
    fit_ = as_bayes(ml, warnings=("the chains have not mixed",))
    subject = Subject.of(fit_)
    assert requirements.warnings(subject, requirements.requirements(subject))[0] == "The chains have not mixed."


def test_failed_checks_say_which_class(selection):
    subject = Subject.of(selection.bayes[3])
    made = requirements.requirements(subject)
    texts = requirements.warnings(subject, made)
    for check in made:
        if not check.passed and check.warning:
            assert check.warning in texts
            assert "class" in check.warning
    lowest = requirements._lowest(subject.fit.quality["share"], "Share", percent, 0.9, "holds {}", "a class is small")
    assert not lowest.passed
    assert "also below 90 %)" in lowest.warning  # the limit, not the lowest class's value
    empty = subject.fit.quality["share"].where(lambda s: s.index != "class 2")
    none = requirements._lowest(empty, "Share", percent, 0.0, "holds {}", "a class is small")
    assert none.warning == "No patient is assigned to class 2."


def test_inclusion_on_samples_is_pointed_out(selection):
    cohort = simulated_cohort()
    plain = Subject.of(fit(cohort))
    chosen = Subject.of(fit(cohort.include(min_samples=3)))
    entered = Subject.of(fit(cohort.include(min_samples=3, entry="third_sample")))
    assert not any("selected by their number of samples" in w for w in requirements.warnings(plain, []))
    assert any("followed from day 0" in w for w in requirements.warnings(chosen, []))
    assert not any("followed from day 0" in w for w in requirements.warnings(entered, []))
    assert any("sampling that stops at progression" in w for w in requirements.warnings(entered, []))
    assert "delayed entry" in overview.paragraph(entered)


@pytest.mark.parametrize(("family", "scale"), [("gaussian", "log(1 + count)"), ("poisson", "log expected count")])
def test_the_curve_has_the_unit_of_its_family(family, scale):
    """Of Poisson and negative binomial fits the curve may be negative: it is no log(1 + count)."""
    table = parameters.parameter_table(Subject.of(fit(simulated_cohort(), family=family)))
    units = {(row[0], row[2]): row[3] for row in table.rows}
    assert units["growth curve", "intercept"] == f"{scale} at start"
    assert units["growth curve", "s"] == f"{scale} per 6 months"
    assert units["random effects, sd", "intercept"] == scale


def test_edge_of_the_range_and_failed_fits(selection):
    table = selection.table.copy()
    table["elpd_loo"] = [-3.0, -2.0, -1.0]
    made = {check.name: check for check in requirements.requirements(Subject.of(replace(selection, table=table)))}
    assert not made["Best elpd inside the range fitted"].passed
    table.loc[3, ["elpd_loo", "elpd_diff", "smallest_class", "n_parameters"]] = np.nan
    table["warnings"] = table["warnings"].astype(object)
    table.loc[3, "warnings"] = "no start ended in an interior mode"
    subject = Subject.of(replace(selection, table=table))
    made = {check.name: check for check in requirements.requirements(subject)}
    assert "K = 3: no start ended in an interior mode." in made["Numbers of classes that could be fitted"].warning
    assert "why no fit with more classes can be compared" in made["Best elpd inside the range fitted"].warning
    assert selection_tables.bayesian(subject).rows[2][1] == "–"
    assert selection_tables.classical(subject).rows[2][2] == "–"


def test_edge_of_the_range_by_icl(selection):
    """The criterion of the rule is what counts, also of a K whose draws failed."""
    name, by_icl = "Best ICL inside the range fitted", replace(selection, rule=ParsimonyRule())

    def made(**columns):
        table = selection.table.assign(elpd_loo=[-3.0, -2.0, -1.0], **columns)
        found = requirements.requirements(Subject.of(replace(by_icl, table=table)))
        return next(check for check in found if check.name == name)

    assert made(icl=[9.0, 7.0, 8.0]).passed
    assert made(icl=[9.0, 7.0, 8.0], ml_usable=True, usable=[True, True, False]).passed
    at_the_end = made(icl=[9.0, 8.0, 7.0])
    assert not at_the_end.passed
    assert "extend the range" in at_the_end.warning
    unsearched = made(icl=[9.0, 8.0, 7.0], ml_usable=[True, True, False])
    assert "why no fit with more classes can be compared" in unsearched.warning
    assert not made(icl=np.nan).passed


@pytest.mark.parametrize("usable", [True, False])
def test_pareto_k_of_a_fit_that_failed_is_no_reason_to_doubt_the_others(selection, usable):
    table = selection.table.assign(n_high_k=[0, 0, 3], usable=[True, True, usable])
    made = {check.name: check for check in requirements.requirements(Subject.of(replace(selection, table=table)))}
    assert made["Pareto k above 0.7 without moment matching or an exact refit"].passed != usable


def test_p_loo_is_judged_of_the_model_shown(selection):
    k = selection.recommended
    for far in (k, *selection.table.index.difference([k])):
        table = selection.table.assign(p_loo=np.where(selection.table.index == far, 999.0, 1.0))
        made = {check.name: check for check in requirements.requirements(Subject.of(replace(selection, table=table)))}
        assert made["p_loo of the model shown"].passed == (far != k)


def test_tables_agree_with_the_result(bayes):
    subject = Subject.of(bayes)
    flow = tables.flow(subject)
    assert flow.rows[-1][3] == str(bayes.n_patients)
    assert len(parameters.parameter_table(subject).rows) == len(bayes.summary())
    assert len(parameters.parameter_table(Subject.of(fit(simulated_cohort()))).rows) == len(bayes.summary())
    quality = tables.class_quality(subject)
    assert sum(int(row[2].split()[0]) for row in quality.rows) == bayes.n_patients
    assert float(sum(float(row[-1]) for row in quality.rows)) == pytest.approx(subject.n_events, abs=0.2)
    survival = survival_tables.survival_values(subject)
    assert [row[0] for row in survival.rows] == ["class 1", "class 2"]
    hazard, difference = survival_tables.ratio_tables(subject)
    assert hazard.rows[0][0] == "class 2 vs class 1"
    assert "mean log hazard ratio" in hazard.rows[0][2]
    assert "36.0 months, percentage points" in difference.head[1]
    short = overview.in_short(subject)
    assert short.head[-1] == "hazard ratio vs class 1"
    assert short.rows[1][-1] == hazard.rows[0][1]


def test_survival_beyond_follow_up_is_marked():
    cohort = simulated_cohort()
    patients = cohort.patients
    early = patients["os_time"].clip(upper=20.0)
    patients["os_event"] = (patients["os_event"] == 1) & (patients["os_time"] <= 20.0)
    import bayesctc as bc

    subject = Subject.of(fit(bc.Cohort(cohort.samples, patients.assign(os_time=early))))
    table = survival_tables.survival_values(subject)
    assert table.head[1:] == ["12 months", "24 months †", "36 months †", "mean months to 20"]
    assert "† Beyond the longest follow-up, 20.0 months" in table.note
    assert "survival at 12.0 months" in survival_tables.ratio_tables(subject)[1].head[1]


def test_no_hazard_ratios_without_survival_or_classes(ml_growth):
    assert survival_tables.ratio_tables(Subject.of(ml_growth)) == []
    assert survival_tables.survival_values(Subject.of(ml_growth)) is None
    one = Subject.of(fit(simulated_cohort(), n_classes=1))
    assert survival_tables.ratio_tables(one) == []
    covariate = Subject.of(fit(simulated_cohort(), n_classes=1, survival="~ arm"))
    assert [t.caption for t in survival_tables.ratio_tables(covariate)] == ["Hazard ratios"]


def test_code_makes_the_specification_again(bayes, selection):
    import bayesctc as bc

    text = code(Subject.of(bayes))
    namespace: dict = {}
    lines = text.splitlines()
    start = lines.index("spec = bc.ModelSpec(")
    exec("\n".join(["import bayesctc as bc", *lines[start:-2]]), namespace)
    assert namespace["spec"] == bayes.spec
    assert lines[-2] == "ml = bc.fit_ml(cohort, spec, n_starts=2, random_seed=3)"  # another seed than the sampler's
    assert lines[-1].startswith("fit = bc.fit_bayes(cohort, spec, draws=200, tune=100, chains=2")
    assert "bc.select_n_classes(cohort, spec, n_classes=[1, 2, 3]" in code(Subject.of(selection))
    other = bc.Priors(curve_sd=9.0)
    changed = replace(bayes, analysis=bayes.analysis.under(replace(bayes.design, spec=bayes.spec.with_(priors=other))))
    assert "priors=bc.Priors(curve_sd=9.0)" in code(Subject.of(changed))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (fixed(-0.001), "0.00"),
        (fixed(-1234.567, 1), "−1,234.6"),
        (fixed(np.nan), "–"),
        (fixed(np.inf), "–"),
        (significant(0.4712), "0.471"),
        (significant(0.47), "0.470"),
        (significant(1234.6), "1,230"),
        (significant(12.34), "12.3"),
        (significant(0.99999), "1.00"),
        (significant(0.0), "0"),
        (significant(1.2e-7), "1.20e−07"),
        (percent(0.034, 1), "3.4 %"),
        (count(9.97), "10"),
        (count(1.44), "1.4"),
        (odds(73674.8), "73,675"),
        (odds(14.52), "14.5"),
        (with_interval(2.0, 1.0, 3.0), "2.00 (1.00 to 3.00)"),
        (with_interval(2.0, np.nan, 3.0), "2.00 (no interval)"),
        (duration(12.3), "12 s"),
        (duration(150), "2.5 min"),
    ],
)
def test_numbers(shown, expected):
    assert shown == expected


def test_separation_table_and_check(ml, bayes, ml_growth):
    for each in (ml, bayes):
        subject = Subject.of(each)
        table, found = tables.class_separation(subject), each.class_separation()
        assert [row[0] for row in table.rows] == ["class 1", "class 2", "total"]
        assert [row[1] for row in table.rows] == [fixed(v, 2) for v in found["counts"]]
        assert table.marked == set()
        (check,) = (c for c in requirements.requirements(subject) if "separation from survival" in c.name)
        assert check.passed
        assert check.found == percent(found["share_from_survival"].drop("total").max(), 0)
    assert tables.class_separation(Subject.of(ml_growth)) is None


def test_a_class_that_survival_made_is_marked_and_fails_the_check(ml):
    growth = np.array(ml.theta)
    growth[:, ml.design.layout.places["growth"]] = growth[0, ml.design.layout.places["growth"]]
    made = replace(ml, theta=growth)
    subject = Subject.of(made)
    assert tables.class_separation(subject).marked
    made_checks = requirements.requirements(subject)
    (check,) = (c for c in made_checks if "separation from survival" in c.name)
    assert not check.passed
    said = [w for w in requirements.warnings(subject, made_checks) if "reflects survival" in w]
    assert len(said) == len([w for w in made.warnings if "reflects survival" in w]) >= 1
