"""The calculator as a page: complete, closed to the network, escaped; what is typed into it, and what it answers."""

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from calculator_page import Markup, Running
from helpers import fit_at, marker_frames
from report_fits import HOSTILE, fit, simulated_cohort

import bayesctc as bc
from bayesctc.errors import SpecError, StorageError
from bayesctc.report.calculator.page import render

pytestmark = pytest.mark.unit
NUMBER = bc.ColumnType("number")


@pytest.fixture(scope="module")
def arms():
    """Two classes, with a factor, a number and a 0 or 1 as covariates."""
    cohort = simulated_cohort()
    rng = np.random.default_rng(2)
    age, bone = rng.normal(60.0, 9.0, cohort.n_patients).round(1), rng.integers(0, 2, cohort.n_patients)
    with_more = bc.Cohort(cohort.samples, cohort.patients.reset_index().assign(age=age, bone=bone))
    return fit(with_more, survival="~ arm + log(age) + bone", random_effects="none", family="poisson")


@pytest.fixture(scope="module")
def text_of_arms(arms):
    """The page of that fit."""
    return render(arms)


@pytest.fixture
def page(text_of_arms):
    """The same, open."""
    return Running(text_of_arms)


def filled(page) -> Running:
    """A patient with two samples, by dates."""
    page.type(start="2025-01-10", when0="2025-01-08", value0="12", when1="2025-03-11", value1="3")
    page.type(covariate0="A", covariate1="61", covariate2="1")
    return page


def test_one_small_file_that_asks_for_nothing(ml, bayes, tmp_path):
    for each in (ml, bayes):
        path = bc.write_calculator(each, tmp_path / "calculator.html")
        assert path.stat().st_size < 1_000_000
        text = path.read_text(encoding="utf-8")
        markup = Markup(text)
        loads = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "manifest"}
        for tag, attrs in markup.elements:
            assert not loads & set(attrs), tag
            assert not [name for name in attrs if name.startswith("on") or name == "style"], tag  # neither inline code
            assert attrs.get("href", "#").startswith("#"), tag
            assert tag not in ("link", "iframe", "object", "embed", "base", "img")
        assert re.findall(r"https?://[^\s\"']*", text) == ["http://www.w3.org/2000/svg"]  # SVG's name, not an address
        assert not re.search(
            r"\beval\b|new Function|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(", markup.script
        )
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|localStorage|cookie", markup.script)
        assert not re.search(r"@import|url\(", markup.raw[0][2])


def test_the_policy_allows_the_script_and_the_style_by_their_hashes(ml):
    markup = Markup(render(ml))
    (policy,) = (attrs["content"] for tag, attrs in markup.elements if attrs.get("http-equiv"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    style = next(text for tag, _, text in markup.raw if tag == "style")
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in (markup.script, style)
    ]
    assert [rules["script-src"], rules["style-src"]] == hashes
    assert rules["default-src"] == rules["connect-src"] == rules["form-action"] == "'none'"


def test_no_patient_is_in_the_page():
    named = fit(simulated_cohort(prefix="Patient no. "), n_classes=1)
    assert "Patient no." not in render(named)


def test_hostile_names_and_levels_are_text():
    samples, patients = marker_frames(60)
    level = f"</script>{HOSTILE}<!--"
    patients["a<b>&"] = np.where(np.arange(60) % 3 == 0, level, "plain\u2028 & so on")
    samples = samples.rename(columns={"bili": "<b>bili"})
    cohort = bc.Cohort(samples, patients, marker=bc.Marker("<b>bili", unit=HOSTILE))
    made = fit(cohort, survival="~ `a<b>&`", growth="linear", n_starts=1)
    text = render(made.with_labels(["low", f"high {HOSTILE}"]), title=f"{HOSTILE} & co")
    assert HOSTILE not in text
    markup = Markup(text)
    assert [tag for tag, _ in markup.elements].count("script") == 2
    assert markup.data["covariates"][0]["levels"] == sorted([level, "plain\u2028 & so on"])
    assert f"{HOSTILE} & co" in markup.shown
    page = Running(text)
    page.press("mode-months")
    page.type(when0="1", value0="2.5", covariate0=level)
    assert page.text("said").startswith("Most probable class: ")
    page.type(covariate0="")
    assert page.texts("problems") == ["a<b>&: choose one."]


def test_dates_and_months_give_the_same(page, arms):
    filled(page)
    by_dates = page.text("said")
    assert re.fullmatch(
        r"Most probable class: class [12], .* Probability of being alive 12 months later: \d+ % \(95 % confidence "
        r"interval: \d+ % to \d+ %\)\.",
        by_dates,
    )
    assert page.texts("problems") == page.texts("notes")[1:] == []
    assert "2025-03-11" in page.text("from")
    months = 60 / 30.4375
    prediction = bc.predict_survival(arms, one_patient(months), months, [12.0])
    assert f"12 months later: {100 * prediction['survival_function'].item():.0f} %" in by_dates
    page.press("mode-months")
    assert page.text("other-word") == "month"
    assert page.text("said") == by_dates
    page.type(when1="4.00")
    assert page.text("said") != by_dates
    assert page.text("from").startswith("4 months after the start of treatment")


def one_patient(months):
    """The patient of `filled`."""
    samples = pd.DataFrame({"patient_id": "a", "time": [-2 / 30.4375, months], "ctc": [12, 3]})
    return bc.Cohort(samples, pd.DataFrame({"patient_id": ["a"], "arm": ["A"], "age": [61.0], "bone": [1]}))


def test_the_day_from_which_survival_counts(page):
    filled(page)
    assert page.text("from").startswith("2 months")
    page.type(other="2025-02-10")
    assert page.texts("notes")[-1] == "1 sample after the day from which survival is predicted: not used."
    assert page.text("used") == "1 sample"
    page.type(other="2024-12-01")
    assert page.texts("problems") == ["Day from which survival is predicted: this is before the start of treatment."]
    page.press("landmark-last")
    assert page.texts("problems") == []
    page.type(other="2049-01-01")
    assert "The whole curve is extrapolated." in page.texts("notes")[-1]
    page.press("landmark-today")
    assert page.texts("problems") == []


def test_rows_are_added_and_removed(page):
    filled(page)
    said = page.text("said")
    page.press("add")
    assert len(page.texts("samples")) == 4
    page.type(when3="2025-04-01", value3="900")
    assert page.text("used") == "3 samples"
    assert page.text("said") != said
    page.press("clear")
    assert page.text("said") == ""
    assert len(page.texts("samples")) == 3


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("value0", "4.5", "Sample 1: the count has to be a whole number, 0 or more."),
        ("value0", "-1", "Sample 1: the count has to be a whole number, 0 or more."),
        ("value0", "1,200", "Sample 1: the count has to be a whole number, 0 or more."),
        ("value0", "1e300", "Sample 1: the count has to be a whole number, 0 or more."),
        ("value1", "", "Sample 2: the count has to be a whole number, 0 or more."),
        ("volume0", "0", "Sample 1: the volume has to be a number of mL above 0."),
        ("when0", "2025-02-30", "Sample 1: give its date."),
        ("start", "", "Start of treatment: give its date."),
        ("covariate0", "", "arm: choose one."),
        ("covariate1", "old", "age: give a number."),
        ("covariate1", "300", "No result can be computed there."),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_computed(field, typed, message, page):
    filled(page).type(**{field: typed})
    (found,) = page.texts("problems")
    assert found.endswith(message)
    assert page.text("said") == "No result: something is missing or wrong."
    assert page.texts("results") == []


def test_values_unlike_the_fits_are_computed_and_said(page):
    filled(page).type(value0="900000", volume0="30", when0="2024-01-08")
    for part, note in zip(
        ("months; samples of the fit", "900000 is outside", "30 mL"), page.texts("notes"), strict=True
    ):
        assert part in note
    assert page.text("said").startswith("Most probable class")


def test_what_follows_the_follow_up_is_marked(page, arms):
    filled(page)
    rows = page.texts("survival-rows")
    last = arms.packed.time.max() - 60 / 30.4375
    for row in rows:
        month = int(re.match(r"(\d+)20", row)[1])
        assert row.endswith("extrapolated") == (month > last), row
    assert any(row.endswith("extrapolated") for row in rows) or last > 60
    assert "extrapolated" in page.text("picture")


def test_limits_are_said(ml):
    shown = " ".join(" ".join(Markup(render(ml)).shown).split())
    for part in (
        "Not a medical device.",
        "Do not use it for decisions about a patient's care",
        f"{ml.n_patients} patients with {len(ml.cohort.samples)} samples",
        f"at most {ml.packed.time.max():.1f}",
        "The 95 % confidence interval is for the probability",
    ):
        assert part in shown
    assert "FAILED" not in shown


def test_a_failed_fit_says_so_first(ml):
    failed = replace(ml, criterion=1.0, estimate_warnings=(f"doubtful {HOSTILE}",))
    text = render(failed)
    assert text.index("FAILED FIT, do not rely on its numbers: not converged") < text.index("Not a medical")
    assert HOSTILE not in text
    assert f"doubtful {HOSTILE}" in Markup(text).shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ml: "fit", "needs a fit .* found str"),
        (lambda ml: fit(simulated_cohort(), n_classes=1, endpoint=None), "endpoint"),
        (
            lambda ml: replace(
                ml, analysis=ml.analysis.under(replace(ml.design, spec=ml.spec.with_(association="current_value")))
            ),
            "does not support association='current_value'; allowed: association='none'",
        ),
        (
            lambda ml: replace(ml, analysis=ml.analysis.under(replace(ml.design, interval_types={"dose": NUMBER}))),
            "'dose', which changes with time",
        ),
    ],
)
def test_what_is_not_carried_is_refused(change, message, ml, tmp_path):
    with pytest.raises(SpecError, match=message):
        bc.write_calculator(change(ml), tmp_path / "calculator.html")
    assert not list(tmp_path.iterdir())


def test_families_that_are_not_written_in_its_language_are_refused(ml, monkeypatch):
    monkeypatch.setattr("bayesctc.report.calculator.carried.written_for", lambda folder: ["poisson"])
    with pytest.raises(
        SpecError, match=r"does not support family='gaussian'; allowed: one of poisson\. predict_survival"
    ):
        render(ml)


def test_formulas_of_single_samples_are_refused():
    cohort = simulated_cohort()
    tube = np.random.default_rng(1).choice(["a", "b"], cohort.n_samples)
    spec = bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", longitudinal="~ tube")
    one = bc.Cohort(cohort.samples.assign(tube=tube), cohort.patients.reset_index())
    layout = bc.model.design.Design.settle(one, spec).layout
    with pytest.raises(SpecError, match="'tube', a covariate of samples in the curve"):
        render(fit_at(one, spec, layout.to_theta(np.zeros(layout.n_parameters))))


def test_a_path_that_cannot_be_written(ml, tmp_path):
    with pytest.raises(StorageError, match="the calculator cannot be written there"):
        bc.write_calculator(ml, tmp_path / "nowhere" / "calculator.html")
