"""How long files and functions may be, and names of test files."""

import ast
from collections.abc import Iterator

from scripts.lint.files import Repository, Violation

MAX_FILE, MAX_FUNCTION = 400, 80


def files_are_short(repository: Repository) -> Iterator[Violation]:
    """A file can be read in one go."""
    for source in repository.sources:
        if (n := len(source.text.splitlines())) > MAX_FILE:
            yield source.at(n, f"has {n} lines; allowed: {MAX_FILE}")


def functions_are_short(repository: Repository) -> Iterator[Violation]:
    """A function fits a screen."""
    for source in repository.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                n = (node.end_lineno or node.lineno) - node.lineno + 1
                if n > MAX_FUNCTION:
                    yield source.at(node.lineno, f"{node.name} has {n} lines; allowed: {MAX_FUNCTION}")


def test_files_have_names_of_their_own(repository: Repository) -> Iterator[Violation]:
    """pytest imports them by their last names."""
    seen: dict[str, str] = {}
    for source in repository.sources:
        name = source.path.name
        if source.path.parts[0] == "tests" and name != "conftest.py":
            if name in seen:
                yield source.at(1, f"has the name of {seen[name]}")
            seen.setdefault(name, source.path.as_posix())


RULES = (files_are_short, functions_are_short, test_files_have_names_of_their_own)
