"""How results and settings are displayed, at a prompt and in a notebook."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from html import escape
from math import isfinite
from numbers import Number
from shutil import get_terminal_size
from typing import Any

import pandas as pd
from pandas.api.types import is_float_dtype

LONG = 60  # characters: a longer text has a line to itself
MOST_DECIMALS = 6
WIDTH = 120  # characters of a line where there is no terminal


class Printed(pd.DataFrame):
    """A table that is printed with all of its columns, whatever the width, except empty ones.

    In all other respects a pandas frame, as are tables derived from it. If pandas would omit columns, and often the
    estimates, this table continues below. Numbers have at most three decimals.
    """

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return Printed

    def __repr__(self) -> str:
        silent = [name for name, values in self.items() if len(values) and values.isin(["", None]).all()]
        frame = pd.DataFrame(self if self.columns.nlevels > 1 else self.drop(columns=silent))
        written: Any = {name: _numbers(values) for name, values in frame.items() if is_float_dtype(values)}
        return frame.to_string(
            index=_named(frame),
            line_width=get_terminal_size((WIDTH, 0)).columns,
            max_rows=pd.get_option("display.max_rows"),
            min_rows=pd.get_option("display.min_rows"),
            formatters=written,
        )


def _numbers(values: pd.Series) -> Callable[[float], str]:
    """How the numbers of a column are written: three decimals, more where all are small, fewer if large or round."""
    finite = [float(value) for value in values.dropna() if isfinite(value)]
    largest = max(map(abs, finite), default=0.0)
    decimals = 3 if largest < 10 else 2 if largest < 1000 else 1
    while 0 < largest < 10 ** (2 - decimals) and decimals < MOST_DECIMALS:
        decimals += 1
    while decimals > 1 and all(f"{value:.{decimals}f}".endswith("0") for value in finite):
        decimals -= 1

    def written(value: float) -> str:
        tiny = not pd.isna(value) and 0 < abs(value) < 0.5 * 10**-decimals
        return "NaN" if pd.isna(value) else f"{value:.2g}" if tiny else f"{value:.{decimals}f}"

    return written


class Shown:
    """A result that is printed, and shown in a notebook, as the parts it defines: texts and tables.

    By default: numbers and short texts, then longer texts and warnings, then the names of its other parts.
    """

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            if type(value := getattr(self, field.name)) is pd.DataFrame:
                object.__setattr__(self, field.name, Printed(value))

    def _shown(self) -> Iterable[str | pd.DataFrame]:
        held = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        short = {k: v for k, v in held.items() if isinstance(v, Number) or (isinstance(v, str) and len(v) <= LONG)}
        facts = [f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in short.items()]
        rest = [name for name in held if name not in short and name != "warnings"]
        yield f"{type(self).__name__}: {', '.join(facts)}" if facts else type(self).__name__
        yield from (f"  {held[name]}" for name in rest if isinstance(held[name], str))
        yield from (f"  warning: {text}" for text in held.get("warnings", ()))
        if rest := [name for name in rest if not isinstance(held[name], str) and held[name] is not None]:
            yield f"  holds {', '.join(rest)}"

    def _tables(self) -> Iterable[pd.DataFrame]:
        """Tables shown in a notebook next to it."""
        return ()

    def __repr__(self) -> str:
        shown = self._shown()
        return "\n".join(part if isinstance(part, str) else part.to_string(index=_named(part)) for part in shown)

    def _repr_html_(self) -> str:
        return html([*self._shown(), *self._tables()])


def html(parts: Iterable[str | pd.DataFrame]) -> str:
    """Texts, the first of them as a heading, and tables; texts are escaped, and not read as mathematics."""
    shown: list[str] = []
    for part in parts:
        if isinstance(part, str):
            lines = "<br>".join(escape(line.strip()) for line in part.splitlines())
            shown.append(f"<div>{lines}</div>" if shown else f"<div><strong>{lines}</strong></div>")
        else:
            shown.append(part.to_html(border=0, index=_named(part)))
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(shown)}</div>'


def _named(table: pd.DataFrame) -> bool:
    """Whether its rows have names; mere row numbers are not shown."""
    return not isinstance(table.index, pd.RangeIndex) or table.index.name is not None


def told_apart(value: float, limit: float, digits: int, show: Callable[[float, int], str] = "{0:.{1}f}".format) -> str:
    """A value next to its limit, with more digits where the two would otherwise look equal."""
    most = digits + 10
    while value != limit and digits < most and show(value, digits) == show(limit, digits):
        digits += 1
    return show(value, digits)


def changed(settings: Any, always: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass that are always shown, then those that differ from the default."""
    default = type(settings)()
    names = [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(default, f.name)]
    return {name: getattr(settings, name) for name in dict.fromkeys((*always, *names))}


def as_call(settings: Any, always: Sequence[str] = ()) -> str:
    """A dataclass as the call that makes it, without the defaults."""
    given = ", ".join(f"{name}={value!r}" for name, value in changed(settings, always).items())
    return f"{type(settings).__name__}({given})"
