"""The origin of a cohort: the calls that made it, with those arguments that files can hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayesctc.data.outcome import Outcome

TRIAL, GENERATED, FILES, FRAMES = "load_trial", "generate_trial", "read_cohort", "Cohort"


@dataclass(frozen=True)
class Call:
    """One call: of a function of the package that gives a cohort, or of a cohort's method that gives another.

    Attributes
    ----------
    name : str
    arguments : mapping
        By name, of numbers, text, None, and lists and mappings of them: JSON holds it.
    missing : tuple of str
        Arguments that are tables or columns of the caller's and are not kept.
    """

    name: str
    arguments: Mapping[str, Any]
    missing: tuple[str, ...] = ()


def reading_call(
    name: str,
    missing: tuple[str, ...] = (),
    *,
    outcome: Outcome,
    columns: Any,
    causes: Any,
    like: Any,
    **arguments: Any,
) -> Call:
    """The call that read a cohort, of tables or files."""
    kept = {
        **arguments,
        "columns": None if columns is None else dict(columns),
        "causes": None if causes is None else {each: list(names) for each, names in causes.items()},
        "marker": outcome.stored(),
    }
    return Call(name, kept, missing if like is None else (*missing, "like"))


def of_the_trial(source: tuple[Call, ...]) -> bool:
    """Whether the data are the synthetic trial's, embedded or generated."""
    return bool(source) and source[0].name in (TRIAL, GENERATED)


def time_unit_of(source: tuple[Call, ...]) -> str:
    """The unit that a cohort's times were given in."""
    return str(source[0].arguments.get("time_unit", "months")) if source else "months"
