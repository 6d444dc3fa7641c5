"""The association of a covariate with the outcome in each class, and whether it differs, for a clinician."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.design.formulas import LEVEL
from bayesctc.report.format import listed
from bayesctc.report.subject import Subject
from bayesctc.results.cells import EmptyCell, cells_of


def effect_sentences(subject: Subject, events_of: Callable[[str], str], shown: Callable[[Any], str]) -> Iterator[str]:
    """One sentence for each term and cause of `survival_by_class`.

    `events_of` gives the verb of a cause, such as "die"; `shown` writes the estimate and interval of a row.
    """
    if subject.spec.n_classes == 1:
        return
    for term in subject.fit.design.survival_by_class.names:
        for c, cause in enumerate(subject.fit.design.causes or ("",)):
            ratios = subject.ratios[subject.ratios["cause"] == cause].set_index("comparison")
            each = [
                _in_class(
                    called, ratios.loc[f"{term} in {label}"], shown, cells_of(subject.fit.empty_cells, c, g, term)
                )
                for g, (label, called) in enumerate(zip(subject.labels, subject.called, strict=True))
            ]
            text = f"{_compared(subject, term)} {events_of(cause)} {listed(each)}."
            yield f"{text} {_differ(subject, term, cause, shown)}"


def _compared(subject: Subject, term: str) -> str:
    """Who is compared with whom: levels of a factor, or one unit of the term."""
    found, levels = LEVEL.fullmatch(term), subject.fit.design.survival_by_class.levels
    if found and found[1] in levels:
        return f"Compared with patients whose {found[1]} is {levels[found[1]][0]}, those whose {found[1]} is {found[2]}"
    return f"Per unit of {term}, patients"


def _in_class(label: str, row, shown, cells: list[EmptyCell]) -> str:
    """The ratio of one class."""
    if pd.isna(row["estimate"]):
        why = " and ".join(cell.words for cell in cells) or "too few events"
        return f"at a rate in {label} that cannot be estimated ({why})"
    ratio, interval = shown(row).split(" (", 1)
    return f"at {ratio} times the rate in {label} ({interval}"


def _differ(subject: Subject, term: str, cause: str, shown) -> str:
    """Whether the data show that the classes differ in it."""
    rows: Any = subject.contrasts[subject.contrasts["cause"] == cause]
    rows = rows[rows["comparison"].str.startswith(f"{term}, ")]
    told = rows[(rows["lower"] > 1) | (rows["upper"] < 1)]
    if not np.isfinite(rows["lower"].to_numpy(dtype=float)).any():
        return "Whether this differs between the classes could not be computed."
    if told.empty:
        return "These data do not show whether this differs between the classes."
    called, pairs = dict(zip(subject.labels, subject.called, strict=True)), []
    for _, row in told.iterrows():
        one, other = row["comparison"].removeprefix(f"{term}, ").split(" vs ")
        pairs.append(f"in {called[one]} it is {shown(row)} times what it is in {called[other]}")
    return f"These data show that it differs: {'; '.join(pairs)}."
