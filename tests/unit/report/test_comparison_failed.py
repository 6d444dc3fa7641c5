"""A comparison some of whose fits failed: none of their numbers is shown, and every place says why."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from helpers import made_bayes
from report_fits import fit, simulated_cohort

import bayesctc as bc
from bayesctc.comparison import compare, endpoint, joint
from bayesctc.comparison.compare import classes_failed, failures
from bayesctc.report import comparison as parts
from bayesctc.report.comparison import content
from bayesctc.report.comparison_first_page import comparison_first_page
from bayesctc.report.format import significant
from bayesctc.report.html import render_comparison

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("unrendered")]
SPEC = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", family="gaussian")
ONE_CHAIN = "1 chain left, at least 2 needed"


def compared(patch, *, joint_fails=False, classes_fail=False):
    """A comparison whose draws are near the estimates, in two chains, or in one."""

    def drawn(cohort, spec, *, ml=None, random_seed=0, **_):
        fit = ml or bc.fit_ml(cohort, spec, n_starts=1, random_seed=random_seed, progress=False)
        chains = 1 if joint_fails and ml is not None else 2
        layout, free = fit.design.layout, fit.design.layout.to_free(fit.theta)
        near = np.random.default_rng(2).normal(free, 0.02, (200, len(free)))
        thetas = np.stack([layout.to_theta(each) for each in near]).reshape(chains, -1, *fit.theta.shape)
        return made_bayes(
            fit,
            thetas,
            (),
            nuts_sampler="none",
            adaptation="none",
            max_depth=0,
            chains=chains,
            tune=0,
            draws=thetas.shape[1],
            random_seed=2,
        )

    def searched(*given, **how):
        found = bc.fit_ml(*given, **how)
        return replace(found, criterion=1.0) if classes_fail else found

    for module in (endpoint, joint):
        patch.setattr(module, "fit_bayes", drawn)
        patch.setattr(module, "loo_survival", lambda fit, **_: bc.loo_survival(fit, max_refits=0, progress=False))
    patch.setattr(compare, "fit_ml", searched)
    how = {"n_starts": 2, "random_seed": 1, "joint": True, "progress": False}
    return bc.compare_classifiers(simulated_cohort(), SPEC, endpoints=["os"], **how)


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as given:
        yield given


@pytest.fixture(scope="module")
def sound(patch):
    return compared(patch)


@pytest.fixture(scope="module")
def no_joint(patch):
    return compared(patch, joint_fails=True)


@pytest.fixture(scope="module")
def no_classes(patch):
    return compared(patch, classes_fail=True)


def sections(html):
    """Text of each section by its name; what has the name of an endpoint has its number."""
    found = re.findall(r'<section[^>]* id="([\w-]+)"[^>]*>(.*?)</section>', html, re.DOTALL)
    return {name: unescape(re.sub(r"<[^>]+>", " ", text)) for name, text in found}


def test_nothing_is_marked_where_nothing_failed(sound):
    assert classes_failed(sound) is None
    assert failures(sound, "os") == {}
    html = render_comparison(sound)
    assert "FAILED" not in html
    assert "counts" not in content(sound, "")["criteria"].head


def test_the_first_page_says_what_the_tables_hold(sound):
    page = comparison_first_page(sound, 0)
    text = " ".join(page.found)
    table = sound.hazard_ratios
    told = table[(table["method"] == "Cox") & (table["reading"] == "bctc")].iloc[0]
    assert f"By bctc, compared with {told['reference']}: {told['level']}, {told['estimate']:.2g} (" in text
    corrected = table[table["method"] == "three-step BCH"].iloc[0]
    assert f"{corrected['level']}, {corrected['estimate']:.2g} (" in text
    ranked = sound.criteria.sort_values("elpd", ascending=False)
    best = f"{ranked['reading'].iloc[0]}{' in a joint model' * (ranked['method'].iloc[0] == 'joint')}"
    assert f"{best} predicted best" in text
    close = (-ranked["elpd_difference"] <= 2.0 * ranked["se_difference"]).iloc[1:].any()
    assert ("not clearly better" in text) == close
    n, events = sound.size("os")
    assert f"Overall survival (os), {n} patients with {events} deaths." in text
    assert page.sound
    assert page.trusted.startswith("Yes")
    assert "landmark" in " ".join(page.cautions)
    assert sections(render_comparison(sound))["plain"].count("Can it be trusted?") == 1


def test_default_names_of_classes_are_explained(sound):
    growth = fit(sound.cohort, n_classes=4, endpoint=None)
    for converged in (True, False):
        of_four = replace(sound, growth=growth if converged else replace(growth, criterion=1.0))
        said = "tCTCmid and tCTChi only give the order" in comparison_first_page(of_four, 0).found[0]
        assert said == converged  # nothing is said of classes that failed
    assert "only give the order" not in comparison_first_page(sound, 0).found[0]


def test_the_first_page_of_what_failed(no_joint, no_classes):
    page = comparison_first_page(no_joint, 1)
    assert not page.sound
    assert page.trusted.startswith("Only with care, because 2 of the fits failed")
    assert "joint model" not in " ".join(page.found)
    page = comparison_first_page(no_classes, 1)
    assert not page.sound
    assert page.trusted.startswith("No. The fit that formed the classes FAILED")
    assert "By tctc: the fit failed." in " ".join(page.found)


def test_a_joint_fit_that_failed(no_joint):
    assert classes_failed(no_joint) is None
    assert failures(no_joint, "os") == {("tctc", "joint Bayes"): ONE_CHAIN, ("tctc", "joint"): ONE_CHAIN}
    shown = sections(render_comparison(no_joint))
    for name in ("warnings", "short", "criteria", "endpoint-1"):
        assert ONE_CHAIN in shown[name], name
    for name in ("readings",):
        assert "FAILED" not in shown[name]
    of_page = content(no_joint, "")
    ratios = of_page["endpoints"][0]["ratios"]
    rows = [row for row in ratios.rows if row[1] == "joint Bayes"]
    assert rows
    assert {tuple(row[2:5]) for row in rows} == {("joint fit", "–", "–")}
    assert all(ONE_CHAIN in row[-1] for row in rows)
    assert ratios.marked == {k for k, row in enumerate(ratios.rows) if row[1] == "joint Bayes"}
    assert all(row[3] != "–" for row in ratios.rows if row[1] == "joint ML")
    criteria = of_page["criteria"]
    assert {row[2]: row[-1] for row in criteria.rows} == {
        "Weibull": "yes",
        "modal class": "yes",
        "joint": f"NO: {ONE_CHAIN}",
    }
    assert criteria.marked == {3}
    assert criteria.rows[3][3] == "joint fit"
    assert set(criteria.rows[3][4:-1]) == {"–"}
    pictures = of_page["endpoints"][0]
    assert ONE_CHAIN in pictures["forests"][0].caption
    assert ONE_CHAIN in of_page["criteria_picture"].caption
    assert not any("FAILED" in each.caption for each in pictures["curves"])


def test_classes_that_failed(no_classes):
    reason = classes_failed(no_classes)
    assert reason.startswith("not converged")
    shown = content(no_classes, "")
    assert reason in shown["flow_picture"].caption
    one = shown["endpoints"][0]
    assert [reason in each.caption for each in one["curves"]] == [False, False, True]
    assert {row[0] for row in one["tests"].rows} == {"bctc", "b2ctc"}
    assert reason in one["tests"].note
    assert [reason in table.note for table in shown["readings"]] == [False, False, True]
    assert {row[0] for row in shown["associations"].rows} == {"bctc", "b2ctc"}
    assert reason in shown["associations"].note
    out = {row[1] for k, row in enumerate(one["ratios"].rows) if k in one["ratios"].marked}
    assert out == {"Cox", "Weibull", "Weibull, Bayes", "three-step BCH"}


def test_pictures_of_classes_that_failed_are_marked(no_classes, sound):
    for draw in (bc.plot_flow, lambda each: bc.plot_readings(each, "os", "tctc")):
        for each, marked in ((no_classes, True), (sound, False)):
            assert any("NOT TO BE TRUSTED" in text.get_text() for text in draw(each).texts) == marked
    ax = bc.plot_readings(no_classes, "os", "bctc")
    assert not any("NOT TO BE TRUSTED" in text.get_text() for text in ax.texts)


def test_a_level_without_an_estimate_is_no_failed_fit(sound):
    table = sound.hazard_ratios.copy()
    row = table.index[table["method"] == "Cox"][0]
    table.loc[row, ["estimate", "usable", "reason", "note"]] = [None, False, "not estimable", "not estimable"]
    found = replace(sound, hazard_ratios=table)
    assert failures(found, "os") == {}
    assert "FAILED" not in str(parts._ratios(found, "os"))


def test_where_cox_has_no_estimate_that_of_weibull_is_given_and_said(sound):
    table, criteria = sound.hazard_ratios.copy(), sound.criteria.copy()
    rows = (table["reading"] == "bctc") & (table["method"] == "Cox")
    table.loc[rows, ["estimate", "lower", "upper"]] = None
    criteria.loc[criteria["reading"] == "bctc", "aic_cox"] = None
    found = replace(sound, hazard_ratios=table, criteria=criteria)
    said = next(text for text in comparison_first_page(found, 0).found if "By bctc" in text)
    assert "by a Weibull regression, because the Cox regression has no estimate" in said
    assert "by a Weibull" not in str(comparison_first_page(sound, 0).found)
    weibull = table[(table["reading"] == "bctc") & (table["method"] == "Weibull")]
    assert all(f"{row.level}, {significant(row.estimate, 2)} (" in said for row in weibull.dropna().itertuples())
    assert "bctc has none" in found.sentence
    assert "has none" not in sound.sentence


def test_levels_with_few_events_say_how_few(sound):
    said = " ".join(comparison_first_page(sound, 0).found)
    data = sound.cohort.endpoint("os")
    dead = dict(zip(data.patient_ids, data.event, strict=True))
    for reading in sound.readings.values():
        for level in reading.levels.cat.categories:
            own = [dead[p] for p, each in reading.levels.items() if each == level and p in dead]
            few = f"[{int(sum(own))} event{'s' if sum(own) != 1 else ''} in {len(own)} patients]"
            assert (few in said) == (len(own) > 0 and sum(own) < 10)
