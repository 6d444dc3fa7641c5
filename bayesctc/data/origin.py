"""The Python that makes a cohort, step by step, as a report prints it."""

from collections.abc import Mapping
from typing import Any

from bayesctc.data.marker import Marker

THE_TRIAL = "bc.load_trial()"
DEFAULTS: dict[str, Any] = {
    "columns": None, "time_unit": "months", "baseline_window": 28.0, "causes": None, "marker": None,
}  # fmt: skip


def call_text(name: str, *arguments: Any, **options: Any) -> str:
    """A call as Python would write it; options at their default, None unless `DEFAULTS` names another, are left out.

    An argument that is a `Name` stands for what no text can hold, such as a table.
    """
    given = [*map(_text, arguments)]
    given += [f"{key}={_text(value)}" for key, value in options.items()
              if value is not None and value != DEFAULTS.get(key)]  # fmt: skip
    return f"{name}({', '.join(given)})"


class Name(str):
    """The name of a variable, to be printed as it is."""


def _text(value):
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, Marker):
        return f"bc.{value!r}"
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(key)}: {_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return repr(tuple(map(str, value)))
    return repr(value.item() if hasattr(value, "item") else value)
