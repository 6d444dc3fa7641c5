"""Marks for the numbers of a failed fit: a text below each table and picture that shows them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bayesctc.report.figures import Picture
from bayesctc.report.subject import failed_text
from bayesctc.report.tables import Table

# parts of a report's content that show numbers of its fit
OF_THE_FIT = (
    "in_short",
    "trajectories",
    "survival",
    "incidence",
    "membership",
    "counts_table",
    "contrast_tables",
    "survival_table",
    "ratio_tables",
    "quality",
    "separation",
    "parameters",
)


def mark(content: dict[str, Any], reason: str | None, parts: Iterable[str] = OF_THE_FIT) -> dict[str, Any]:
    """The content, with the numbers of a failed fit marked with the reason; unchanged if there is none."""
    if reason is None:
        return content
    return content | {part: marked(content[part], reason) for part in parts}


def marked(shown: Any, reason: str | None) -> Any:
    """A table or picture, or several, whose text begins with the failure; None stays None."""
    if reason is None or shown is None:
        return shown
    if isinstance(shown, list):
        return [marked(each, reason) for each in shown]
    text = failed_text(reason)
    if isinstance(shown, Picture):
        return replace(shown, caption=f"{text} {shown.caption}".strip())
    assert isinstance(shown, Table)
    return replace(shown, note=f"{text} {shown.note}".strip())
