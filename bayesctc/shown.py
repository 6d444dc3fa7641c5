"""How results and settings show themselves, at a prompt and in a notebook."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape
from numbers import Number
from typing import Any

import pandas as pd

LONG = 60  # characters: a longer text has a line to itself


class Shown:
    """A result that is printed, and shown in a notebook, as the parts that it names: texts and tables.

    Unless it names others: the numbers and short texts it holds, then long ones and warnings, then what else it holds.
    """

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
        """What a notebook has room for beside it."""
        return ()

    def __repr__(self) -> str:
        shown = self._shown()
        return "\n".join(part if isinstance(part, str) else part.to_string(index=_named(part)) for part in shown)

    def _repr_html_(self) -> str:
        return html([*self._shown(), *self._tables()])


def html(parts: Iterable[str | pd.DataFrame]) -> str:
    """Texts, the first of them as a heading, and tables; whatever the texts say is no markup, and no mathematics."""
    shown: list[str] = []
    for part in parts:
        if isinstance(part, str):
            lines = "<br>".join(escape(line.strip()) for line in part.splitlines())
            shown.append(f"<div>{lines}</div>" if shown else f"<div><strong>{lines}</strong></div>")
        else:
            shown.append(part.to_html(border=0, index=_named(part)))
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(shown)}</div>'


def _named(table: pd.DataFrame) -> bool:
    """Whether its rows have names: their numbers are not shown."""
    return not isinstance(table.index, pd.RangeIndex)


def changed(settings: Any, always: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass that are always told, then those that are not the default."""
    default = type(settings)()
    names = [f.name for f in fields(settings) if getattr(settings, f.name) != getattr(default, f.name)]
    return {name: getattr(settings, name) for name in dict.fromkeys((*always, *names))}


def as_call(settings: Any, always: Sequence[str] = ()) -> str:
    """A dataclass as the call that makes it, without the defaults."""
    given = ", ".join(f"{name}={value!r}" for name, value in changed(settings, always).items())
    return f"{type(settings).__name__}({given})"
