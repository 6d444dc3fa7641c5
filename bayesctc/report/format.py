"""Numbers as a reader wants them."""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

MISSING = "–"


def fixed(value: Any, digits: int = 2) -> str:
    """A number with so many decimals; a dash where there is none."""
    value = float(value)
    if not isfinite(value):
        return MISSING
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def significant(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent where that is readable."""
    value = float(value)
    if not isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    rounded = float(f"{value:.{digits}g}")
    whole = len(str(int(abs(rounded)))) if abs(rounded) >= 1 else 0
    if whole == 0:  # leading zeros after the point do not count
        return f"{rounded:#.{digits}g}".replace("-", "−")
    return f"{rounded:,.{max(digits - whole, 0)}f}".replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tiny(value: Any) -> str:
    """A number far below 1, such as 10⁻⁶ or 2.3 · 10⁻⁷."""
    value = float(value)
    if not 0 < abs(value) < 0.01 or not isfinite(value):
        return f"{value:.2g}"
    digits, exponent = f"{value:.1e}".split("e")
    power = "10" + str(int(exponent)).translate(_RAISED)
    return power if float(digits) == 1 else f"{float(digits):g} · {power}"


def percent(value: Any, digits: int = 0) -> str:
    """A share as a percentage."""
    return MISSING if not isfinite(float(value)) else f"{fixed(100 * float(value), digits)} %"


def count(value: Any) -> str:
    """A number of cells: whole from 10 on, else one decimal."""
    value = float(value)
    return fixed(value, 0 if value >= 9.95 else 1)


def odds(value: Any) -> str:
    """Odds, without decimals from 100 on."""
    return fixed(value, 0 if float(value) >= 100 else 1)


def with_interval(estimate: Any, lower: Any, upper: Any, *, show: Callable = significant) -> str:
    """Estimate (lower to upper)."""
    if not (isfinite(float(lower)) and isfinite(float(upper))):
        return f"{show(estimate)} (no interval)"
    return f"{show(estimate)} ({show(lower)} to {show(upper)})"


def listed(parts: Iterable[str], word: str = "and") -> str:
    """Parts of a sentence as a list: one, two and three."""
    *others, last = list(parts) or [""]
    return f"{', '.join(others)} {word} {last}" if others else last


def first_up(text: str) -> str:
    """Text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
