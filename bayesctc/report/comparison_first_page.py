"""The first page of a comparison: how readings relate to survival, which predicts best, what not to conclude."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bayesctc.comparison.compare import Comparison, classes_failed, failures
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.report.class_names import names_note
from bayesctc.report.first_page import FirstPage, having
from bayesctc.report.format import first_up, fixed, listed, significant
from bayesctc.report.requirements import FEW_EVENTS
from bayesctc.report.subject import Subject
from bayesctc.report.trusted import READ_BEFORE, still_apply
from bayesctc.results.intervals import CI_TEXT

NAMES = {
    "bctc": "status at baseline",
    "b2ctc": "status at baseline and at cycle 2",
    "tctc": "class of the whole course",
}
METHODS = ("three-step BCH", "Cox", "Weibull")  # the first by which a reading has an estimate is reported
CLEAR = 2.0  # standard errors from which a difference in prediction is called clear
FEW_READINGS = ("no", "one", "two", "three", "four")


def comparison_first_page(comparison: Comparison, n_warnings: int) -> FirstPage:
    """The sentences; the page after it has `n_warnings` warnings."""
    failed = {name: failures(comparison, name) for name in comparison.endpoints}
    found = [_studied(comparison)]
    if classes_failed(comparison) is not None:
        found.append("The fit that formed the classes failed. None of its results is reported here.")
    for name in comparison.endpoints:
        found += [*_ratios(comparison, name, failed[name]), *_prediction(comparison, name)]
    sound = classes_failed(comparison) is None and not any(failed.values())
    return FirstPage(found, _trusted(comparison, failed, n_warnings), sound, list(_cautions(comparison)))


def _reading(name: str) -> str:
    """A reading, described, with its name in the tables."""
    return f"{NAMES[name]} ({name})" if name in NAMES else name


def _studied(comparison: Comparison) -> str:
    """What was compared, in whom."""
    readings, values = list(comparison.readings), comparison.cohort.outcome.words.values
    n = len(readings)
    many = FEW_READINGS[n] if n < len(FEW_READINGS) else str(n)
    text = (
        f"{many.capitalize()} readings of the same patients' {values} were compared: "
        f"{listed([_reading(name) for name in readings])}."
    )
    told = [f"{name} is {comparison.readings[name].rule}" for name in readings if name != "tctc"]
    text += f" Definitions: {'; '.join(told)}." if told else ""
    if "tctc" in readings:
        k = comparison.growth.spec.n_classes
        text += f" The {k} classes were formed from the {values} alone, without using survival."
        names = "" if classes_failed(comparison) else names_note(Subject.of(comparison.growth))
        text += f" {names}" if names else ""
    alike = comparison.confounders.strip().removeprefix("~").strip()
    return text if alike == "1" else f"{text} Rates are adjusted for {alike}."


def _events(endpoint: str) -> str:
    return "deaths" if endpoint == "os" else f"events of {endpoint}"


def _ratios(comparison: Comparison, name: str, failed: dict[tuple[str, str], str]) -> Iterator[str]:
    """The rate of events of each level relative to its reference: a paragraph for each cause."""
    table = comparison.hazard_ratios[comparison.hazard_ratios["endpoint"] == name]
    n, events = comparison.size(name)
    head = f"{first_up(_words(comparison, name))}, {n:,} patients with {events:,} {_events(name)}"
    for cause in table["cause"].unique().tolist():
        rows = table[table["cause"] == cause]
        do = having(comparison.cohort, name, cause)
        parts = [
            _of_reading(comparison, str(reading), own, failed, _few_events(comparison, name, cause, str(reading)))
            for reading, own in rows.groupby("reading", sort=False)
        ]
        yield (
            f"{head}. Each number is the rate at which patients {do}, divided by the rate in the reference group (with "
            f"{CI_TEXT} intervals; if one includes 1, the data do not show whether the rates differ). {' '.join(parts)}"
        )


def _few_events(comparison: Comparison, name: str, cause: str, reading: str) -> dict[str, str]:
    """How few events the levels have that have few, by level."""
    data = comparison.cohort.endpoint(name)
    levels = comparison.readings[reading].levels.loc[list(data.patient_ids)]
    event = pd.Series(data.by_cause()[cause], levels.index)
    table = event.groupby(levels, observed=True).agg(["sum", "size"]).astype(int)
    few = table[table["sum"] < FEW_EVENTS]
    said = [f" [{n} event{'s' if n != 1 else ''} in {of:,} patients]" for n, of in few.to_numpy()]
    return dict(zip(map(str, few.index), said, strict=True))


def _of_reading(
    comparison: Comparison,
    reading: str,
    rows: pd.DataFrame,
    failed: dict[tuple[str, str], str],
    few: dict[str, str],
) -> str:
    """The levels of a reading compared with its reference, with the number of events where there are few."""
    usable = [m for m in METHODS if (rows["method"] == m).any() and (reading, m) not in failed]
    if not usable or (reading == "tctc" and classes_failed(comparison) is not None):
        return f"By {reading}: the fit failed."
    estimated = set(rows.loc[rows["estimate"].notna(), "method"])
    method = next((m for m in usable if m in estimated), usable[0])
    own = rows[rows["method"] == method]
    also = {
        METHODS[0]: ", allowing for patients whose class is uncertain",
        METHODS[2]: " by a Weibull regression, because the Cox regression has no estimate",
    }.get(method, "")
    reference = own["reference"].iloc[0]
    ratios = [f"{_ratio(row)}{few.get(str(row.level), '')}" for row in own.itertuples()]
    return f"By {reading}, compared with {reference}{few.get(reference, '')}{also}: {'; '.join(ratios)}."


def _ratio(row: Any) -> str:
    """One level compared with the reference."""
    if pd.isna(row.estimate):
        return f"{row.level}, not estimable"
    value = significant(row.estimate, 2)
    if pd.isna(row.lower):
        return f"{row.level}, {value} (no interval)"
    return f"{row.level}, {value} ({significant(row.lower, 2)} to {significant(row.upper, 2)})"


def _words(comparison: Comparison, endpoint: str) -> str:
    return endpoint_words(comparison.growth.spec.with_(endpoint=endpoint))


def _prediction(comparison: Comparison, name: str) -> Iterator[str]:
    """Which reading predicts survival best, and whether the others are clearly behind."""
    rows = comparison.criteria[(comparison.criteria["endpoint"] == name) & comparison.criteria["usable"]]
    rows = rows.sort_values("elpd", ascending=False)
    if len(rows) < 2:
        yield f"The prediction of {_words(comparison, name)} cannot be compared: fewer than two fits are usable."
        return
    behind, alike = [], []
    row: Any
    for row in rows.iloc[1:].itertuples():
        less, error = -row.elpd_difference, row.se_difference
        which = _method(row)
        behind.append(f"{which} by {fixed(less, 1)} (standard error {fixed(error, 1)})")
        if not less > CLEAR * error:
            alike.append(which)
    best = _method(rows.iloc[0])
    text = (
        f"When each patient's {_words(comparison, name)} was predicted from the other patients, {best} predicted best. "
        f"It was ahead, in units of log probability, of {listed(behind)}. "
    )
    if not alike:
        yield text + "These differences are larger than would be expected by chance."
        return
    clear = f"{best} is not clearly better than {listed(alike, 'or')}"
    yield f"{text}A difference of less than two standard errors may be due to chance: {clear}."


def _method(row: Any) -> str:
    """A row of the criteria, by its reading; the classes of a joint model are marked."""
    return f"{row.reading}{' in a joint model' if row.method == 'joint' else ''}"


def _trusted(comparison: Comparison, failed: dict[str, dict[tuple[str, str], str]], n_warnings: int) -> str:
    """Whether the result can be trusted."""
    if classes_failed(comparison) is not None:
        return (
            "No. The fit that formed the classes FAILED: the computation did not reach a reliable result. Nothing that "
            "rests on the classes can be used."
        )
    n = sum(len(each) for each in failed.values())
    if n:
        return f"Only with care, because {n} of the fits failed and are excluded. {READ_BEFORE} lists them and why."
    return f"Yes, as far as the computation goes: every fit reached a reliable result.{still_apply(n_warnings)}"


def _cautions(comparison: Comparison) -> Iterator[str]:
    """What the result does not show."""
    values = comparison.cohort.outcome.words.values
    yield (
        f"That the {values} cause the outcome, or that a treatment that lowers them makes patients live longer. Only "
        "associations with the outcome were studied."
    )
    if comparison.landmark is None:
        yield (
            "That the course of the counts predicts better because it is more informative. It uses later samples than "
            "the other readings, drawn while the patient was alive, and part of its advantage comes from that. In a "
            "comparison at a landmark all readings use the same samples."
        )
        yield "That the class is known when treatment starts. It is known only after the samples that define it."
    else:
        yield (
            f"Anything about patients who were no longer at risk at {comparison.landmark:g} months. They are not in "
            "this comparison."
        )
    if len(comparison.endpoints) > 1 or len(comparison.readings) > 2:
        yield (
            "That any single one of these many comparisons is a discovery. Several readings, levels and endpoints are "
            "shown, and some intervals will exclude 1 by chance alone."
        )
    if comparison.confounders.strip().removeprefix("~").strip() == "1":
        yield "That patients of two levels are alike in other respects. The comparisons are unadjusted."
    yield "That the same holds elsewhere. The readings were compared in the patients in whom the classes were found."
