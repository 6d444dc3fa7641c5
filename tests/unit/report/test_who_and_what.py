"""Who was analysed, by which probability classes are counted, and over what survival is averaged."""

import re
from dataclasses import replace

import numpy as np
import pytest
from report_fits import fit, simulated_cohort
from test_first_page import all_of, first

import bayesctc as bc
from bayesctc.report import course, first_page
from bayesctc.report.figures import survival_picture
from bayesctc.report.overview import in_short
from bayesctc.report.requirements import requirements
from bayesctc.report.subject import Subject
from bayesctc.report.survival_tables import ratio_tables, survival_values

pytestmark = pytest.mark.unit


def test_excluded_patients_are_counted_with_the_reason(ml):
    cohort = simulated_cohort()
    each = cohort.samples.groupby("patient_id").size()
    few = cohort.n_patients - int((each >= 4).sum())
    assert few > 0
    counts = int(each[each >= 4].sum())
    studied = first(fit(cohort.include(min_samples=4))).found[0]
    assert studied.startswith(f"Of 120 patients, {120 - few} with {counts} CTC counts were analysed.")
    assert f"The others were excluded ({few}: fewer than 4 samples)." in studied
    assert first(ml).found[0].startswith(f"120 patients with {len(cohort.samples)} CTC counts were analysed. ")


def test_an_endpoint_in_a_reason_is_spelt_out(ml):
    assert first_page._spelt(ml.spec, "os at or before entry") == "overall survival (os) at or before entry"
    assert first_page._spelt(ml.spec, "fewer than 4 samples") == "fewer than 4 samples"


def test_a_failed_fit_says_who_was_excluded_too():
    made = fit(simulated_cohort().include(min_samples=4))
    assert "fewer than 4 samples" in first(replace(made, criterion=1.0)).found[0]


def test_sizes_by_both_probabilities_are_in_the_caption(ml, ml_growth, unrendered):
    caption = survival_picture(Subject.of(ml)).caption
    said = re.findall(r"class (\d) (\d+) \((\d+)\)", caption)
    for g, (label, alone, both) in enumerate(said):
        assert int(label) == g + 1
        assert int(alone) == int((ml.class_probabilities_counts.to_numpy().argmax(axis=1) == g).sum())
        assert int(both) == int(ml.quality["n_modal"].iloc[g])
    assert len(said) == 2
    one = fit(simulated_cohort(), n_classes=1)
    assert "in brackets" not in survival_picture(Subject.of(one)).caption


@pytest.mark.parametrize(("formula", "over"), [("~ 1", ""), ("~ arm", "arm")])
def test_standardised_only_over_covariates(formula, over):
    made = fit(simulated_cohort(), survival=formula)
    subject = Subject.of(made)
    table = bc.hazard_ratios(made)
    differences = table[table["quantity"].str.startswith("difference")]
    texts = [in_short(subject).note, survival_values(subject).note, ratio_tables(subject)[-1].note]
    texts += differences["note"].tolist()
    assert [bool(re.search("standardised", text, re.IGNORECASE)) for text in texts] == [bool(over)] * len(texts)
    assert all(over in text for text in texts[:3])
    found = all_of(first(made))
    assert ("not adjusted for covariates" in found) == (not over)
    assert ("adjusted for arm" in found) == bool(over)


def test_a_single_fit_says_that_its_number_of_classes_was_chosen(ml, ml_growth, selection):
    chosen = "The number of classes was chosen by the analyst and is not compared with others in this report."
    assert all(chosen in " ".join(first(made).found) for made in (ml, ml_growth, selection.bayes[3]))
    assert chosen not in " ".join(first(selection).found)
    alone = replace(selection, table=selection.table.loc[[selection.recommended]])
    assert "No other number of classes was tried." in " ".join(first(alone).found)


def test_without_survival_no_class_is_said_to_depend_on_it():
    text = all_of(first(fit(simulated_cohort(), endpoint=None)))
    assert "given their counts)" in text
    assert "It depends on counts measured during treatment. To predict" in text
    assert "whether and when" not in text


def test_counts_have_no_decimals_and_stay_on_their_side_of_the_cut_off(ml):
    outcome = Subject.of(ml).outcome
    shown = [course._shown(outcome, value) for value in (0.04, 2.4, 4.4, 4.6, 4.99, 5.2, 33.4)]
    assert shown == ["0", "2", "4", "just under 5", "just under 5", "5", "33"]
    numbers = re.findall(r"[\d.]+ cells per 7.5 mL", all_of(first(ml)))
    assert numbers
    assert all("." not in text.split()[0] for text in numbers)


def test_every_failed_check_says_what_follows(selection, ml):
    for each in (*requirements(Subject.of(selection)), *requirements(Subject.of(ml))):
        if each.name.startswith("Fit can be used at all"):
            continue  # the fit is then shown as failed
        assert re.search(r", so |uncertain: |not recommended", each.plain), each.plain


def test_warnings_quote_the_names_that_the_user_gave(ml):
    noted = replace(ml, search_warnings=("class 2 is doubtful",)).with_labels(["low", "is"])
    assert Subject.of(noted).fit_warnings[0] == '"is" is doubtful'
    assert np.array_equal(noted.class_probabilities, ml.class_probabilities)
