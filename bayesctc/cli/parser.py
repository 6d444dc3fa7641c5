"""A parser that takes lists with commas or blanks and files before or after options, and suggests corrections."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NoReturn

_NUMBERS = re.compile(r"\d[\d.,-]*")
_NAMES = re.compile(r"[A-Za-z_]\w*(,\w+)*,?")
# Options that take a list, and the pattern of its further words; the word after them is a file or an option.
LISTS = {
    "--classes": _NUMBERS,
    "--hazard-knots": _NUMBERS,
    "--horizons": _NUMBERS,
    "--window": _NUMBERS,
    "--family": _NAMES,
    "--endpoints": _NAMES,
    "--causes": re.compile(rf"(\w+=)?{_NAMES.pattern}"),
    "--map": re.compile(r"\w+=.+"),
}
FORMER = ("--fit", "--samples", "--patients")  # of predict, until 0.4


class Parser(argparse.ArgumentParser):
    """The parser of the command and of each of its subcommands."""

    def parse_known_args(self, args=None, namespace=None):
        """As in argparse, with each list joined to one word; a subcommand knows all of its words."""
        given = _positional(sys.argv[1:] if args is None else list(args), self._option_string_actions)
        found, unknown = super().parse_known_args(joined(given, self._option_string_actions), namespace)
        if unknown and "--help" in self._option_string_actions:
            asked = [word.partition("=")[0] for word in unknown if word.startswith("--")]
            meant = did_you_mean(asked[0], self._option_string_actions) if asked else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Report what is wrong, and the nearest valid choice."""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            message += did_you_mean(choice[1], re.findall(r"[\w.-]+", choice[2]))
        super().error(message)


def did_you_mean(found: str, there_are: Iterable[str]) -> str:
    """The nearest existing name, as the end of a sentence; "" if none is near."""
    nearest = get_close_matches(found, list(there_are), 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def joined(words: Sequence[str], known: Iterable[str]) -> list[str]:
    """The words, with those of a list joined by commas."""
    made: list[str] = []
    lists = {name: LISTS[name] for name in LISTS if name in known}
    more, first = None, None  # pattern of further words of the list; that of a list whose first word comes next
    for word in words:
        if first is not None and not word.startswith("--"):
            more, first = first, None
            made.append(word)
        elif more is not None and more.fullmatch(word):
            made[-1] = f"{made[-1].rstrip(',')},{word}"
        else:
            name, sign, _ = word.partition("=")
            more, first = (lists.get(name), None) if sign else (None, lists.get(name))
            made.append(word)
    return made


def _positional(words: list[str], known: Iterable[str]) -> list[str]:
    """Files of predict given by their former options, as the first words."""
    if "--landmark" not in known or "--horizons" not in known or not all(_place(words, name) for name in FORMER):
        return words
    print(
        "deprecated, to be removed in 0.4: --fit, --samples and --patients; write predict FIT.nc SAMPLES PATIENTS",
        file=sys.stderr,
    )
    files = []
    for name in FORMER:
        at, length = _place(words, name) or (0, 0)
        files.append(words[at].partition("=")[2] if length == 1 else words[at + 1])
        del words[at : at + length]
    return [*files, *words]


def _place(words: Sequence[str], name: str) -> tuple[int, int] | None:
    """The position of an option, and how many words it takes with its value."""
    for at, word in enumerate(words):
        if word.startswith(f"{name}="):
            return at, 1
        if word == name and at + 1 < len(words):
            return at, 2
    return None
