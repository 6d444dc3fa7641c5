"""Types for argparse that read a single value and report what is allowed."""

import argparse
import re
from collections.abc import Callable, Sequence


def whole(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number, `least` or more."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"found {text!r}; allowed: a whole number, {least} or more")
        return value

    return convert


def class_range(text: str) -> list[int]:
    """Numbers of classes: "4", "1-6" or "2,4,6"."""
    numbers: list[int] = []
    try:
        for part in text.split(","):
            first, sign, last = part.partition("-")
            numbers += range(int(first), int(last if sign else first) + 1)
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1 or len(numbers) > 50:
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: numbers of classes such as 4, 1-6 or 2,4,6")
    return sorted(set(numbers))


def hazard_knots(text: str) -> int | tuple[float, ...]:
    """A number of knots, or times: "3", "6,12,24" or "12,"."""
    try:
        return tuple(float(part) for part in text.split(",") if part) if "," in text else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: a number of knots such as 3, or times such as 6,12,24 (a single one: 12,)"
        ) from None


def column_pairs(text: str) -> list[tuple[str, str]]:
    """NAME=COLUMN, one or several separated by commas; a comma within a column's name is kept."""
    pairs = []
    for part in re.split(r",\s*(?=\w+=)", text):
        name, sign, column = part.partition("=")
        if not sign or not name or not column:
            raise argparse.ArgumentTypeError(
                f"found {part!r}; allowed: a name of bayesctc, '=' and your column, such as ctc=CELLS"
            )
        pairs.append((name, column))
    return pairs


def cause_lists(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """ENDPOINT=NAME,NAME, one or several."""
    found = []
    for part in re.split(r",\s*(?=\w+=)", text):
        endpoint, sign, given = part.partition("=")
        if not sign or not endpoint or "," not in given:
            raise argparse.ArgumentTypeError(
                f"found {part!r}; allowed: an endpoint, '=' and its events 1, 2, ..., such as ttf=progression,toxicity"
            )
        found.append((endpoint, tuple(names(given))))
    return found


def level_lists(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """COLUMN=LEVEL,LEVEL."""
    column, sign, given = text.partition("=")
    levels = tuple(names(given))
    if not sign or not column or len(levels) < 2 or len(set(levels)) < len(levels):
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: a column, '=' and all of its levels, the reference first, such as "
            "arm=Standard,Experimental"
        )
    return [(column, levels)]


def names(text: str) -> list[str]:
    """Names separated by commas."""
    return [part for each in text.split(",") if (part := each.strip())]


def numbers(how_many: int | None = None) -> Callable[[str], list[float]]:
    """A type for argparse: numbers separated by commas."""

    def convert(text: str) -> list[float]:
        try:
            found = [float(part) for part in names(text)]
        except ValueError:
            found = []
        if not found or (how_many is not None and len(found) != how_many):
            wanted = f"{how_many} numbers" if how_many else "numbers"
            raise argparse.ArgumentTypeError(f"found {text!r}; allowed: {wanted}, such as 6,12")
        return found

    return convert


def choices_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A type for argparse: some of the known names."""

    def convert(text: str) -> list[str]:
        for name in (found := names(text)):
            if name not in known:
                there = ", ".join(map(repr, known))
                raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {there})")
        return found

    return convert


def endpoint_name(text: str) -> str | None:
    """An endpoint, or None for "none"."""
    return None if text == "none" else text
