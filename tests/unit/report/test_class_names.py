"""What the report says of the default names of four classes."""

import re

import pytest
from report_fits import fit, simulated_cohort
from test_first_page import first

import bayesctc as bc
from bayesctc.report.class_names import MANY, names_note
from bayesctc.report.overview import in_short
from bayesctc.report.subject import Subject

pytestmark = pytest.mark.unit

NAMES = "The names tCTCneg, tCTClo, tCTCmid and tCTChi only give the order of the classes, from low to high counts"


@pytest.fixture(scope="module")
def four():
    """Four classes of which the lowest has counts of 5 and more: every count is 4 higher than simulated."""
    cohort = simulated_cohort()
    higher = cohort.samples.assign(ctc=cohort.samples["ctc"] + 4)
    return fit(bc.Cohort(higher, cohort.patients), n_classes=4)


def counted(four) -> float:
    """Share with 5 cells or more in the first sample of the lowest class."""
    lowest = four.class_probabilities.index[four.class_probabilities.to_numpy().argmax(axis=1) == 0]
    first_counts = four.cohort.samples.groupby("patient_id")["ctc"].first()
    return (first_counts.loc[lowest] >= 5).mean()


def test_a_lowest_class_with_positive_counts_is_told(four):
    share = counted(four)
    assert share > MANY
    said = (
        f"{NAMES}: {100 * share:.0f} % of the patients in tCTCneg had 5 or more cells per 7.5 mL in their first sample."
    )
    assert names_note(Subject.of(four)) == said
    found = first(four).found
    assert found[2] == said
    assert next(k for k, text in enumerate(found) if "tCTC" in text) == 2  # where the names first occur
    assert in_short(Subject.of(four)).note.endswith(said)


def test_names_alone_where_the_lowest_class_is_low(four):
    low = four.cohort.samples.assign(ctc=four.cohort.samples["ctc"] - 4)
    fitted = fit(bc.Cohort(low, four.cohort.patients), n_classes=4)
    share = counted(fitted)
    said = f": {100 * share:.0f} % of the patients" if share > MANY else "."
    assert names_note(Subject.of(fitted)).startswith(f"{NAMES}{said}")


def test_users_names_and_numbered_classes_need_no_words(four, ml):
    named = four.with_labels(["low", "middle", "high", "highest"])
    for fitted in (named, ml):
        assert names_note(Subject.of(fitted)) == ""
        assert not re.search("order of the classes", " ".join(first(fitted).found) + in_short(Subject.of(fitted)).note)
