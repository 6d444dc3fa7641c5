"""For the time of the move to `Outcome`."""

import re

from bayesctc.data.outcome import CUTOFF, Outcome

Marker = Outcome

_OF_COUNTS = (
    r"(?P<scale>log\(1 \+ count(?: per 7\.5 mL)?\)|log counts?)|(?P<unit>log units)|(?P<label>[Cc]ells per 7\.5 mL)"
    r"|(?P<values>(?:CTC )?counts)|(?P<column>(?:CTC )?count|Counts?)"
)


def in_words(text: str, marker: Outcome | None) -> str:
    """The package's own text about counts, with a marker's name, unit and scale in their place."""
    if marker is None:
        return text
    known = "|".join(re.escape(name) for name in (marker.words.scale, marker.words.label, marker.column))
    own = {
        "scale": marker.words.scale,
        "unit": f"units of {marker.words.scale}",
        "label": marker.words.label,
        "values": f"values of {marker.column}",
        "column": marker.column,
    }
    # in one pass, and around what is the marker's already: its name may hold such a word
    return re.sub(
        rf"(?<!\w)(?:{known}|{_OF_COUNTS})(?!\w)", lambda found: own.get(str(found.lastgroup), found[0]), text
    )


def value_column(marker: Outcome | None) -> str:
    """Column of the samples with what is followed over time: "ctc" unless there is a marker."""
    return "ctc" if marker is None else marker.column


def need_counts(marker: Outcome | None, what: str, allowed: str = "") -> None:
    """Refuse a marker where only counts make sense; `allowed` is what it can have instead."""
    if marker is not None:
        marker.need(CUTOFF, what, allowed)
