"""How the command line reads a single value: types for argparse, which say what is allowed."""

import argparse
from collections.abc import Callable


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


def column_pair(text: str) -> tuple[str, str]:
    """NAME=COLUMN."""
    name, sign, column = text.partition("=")
    if not sign or not name or not column:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: our name, '=' and your column, such as ctc=CELLS (give the files before --map)"
        )
    return name, column


def cause_list(text: str) -> tuple[str, tuple[str, ...]]:
    """ENDPOINT=NAME,NAME."""
    endpoint, sign, names = text.partition("=")
    if not sign or not endpoint or "," not in names:
        raise argparse.ArgumentTypeError(
            f"found {text!r}; allowed: an endpoint, '=' and its events 1, 2, ..., such as ttf=progression,toxicity "
            "(give the files before --causes)"
        )
    return endpoint, tuple(names.split(","))


def endpoint_name(text: str) -> str | None:
    """An endpoint, or None for "none"."""
    return None if text == "none" else text
