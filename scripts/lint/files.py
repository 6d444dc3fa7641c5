"""What rules look at: the repository's Python files, each parsed once, and what is wrong with one of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

PACKAGE = "bayesctc"
FOLDERS = (PACKAGE, "tests", "benchmarks", "scripts")
FRONT_DOOR = f"{PACKAGE}.__init__"  # it names everything and imports it when it is used


class Violation(NamedTuple):
    """What is wrong, and where."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """A Python file; `path` is relative to the repository."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, filename=str(self.path))

    @property
    def module(self) -> str:
        """Dotted name; a package's is that of its __init__."""
        return ".".join(self.path.with_suffix("").parts)

    @property
    def room(self) -> str:
        """The package or module directly below bayesctc: "model" of "bayesctc.model.families.gaussian"."""
        return room_of(self.module)

    def at(self, line: int, message: str) -> Violation:
        """A violation in this file."""
        return Violation(self.path.as_posix(), line, message)

    def imports(self, *, types: bool = True) -> Iterator[tuple[int, str]]:
        """Line and full name of what is imported, also inside functions; `types`: also under TYPE_CHECKING."""
        package = self.module.split(".")[:-1]
        skipped = set() if types else self._for_types()
        for node in ast.walk(self.tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) + 1 - node.level] if node.level else []
                start = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)

    def _for_types(self) -> set[int]:
        """Nodes that are there for types alone."""
        blocks = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]
        return {id(inner) for block in blocks for inner in ast.walk(block)}


class Repository:
    """The files below `root` that rules look at."""

    def __init__(self, root: Path):
        self.root = root
        every = (path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py")))
        paths = [p for p in every if not any(part.startswith(".") for part in p.relative_to(root).parts)]
        self.sources = [Source(path.relative_to(root), path.read_text(encoding="utf-8")) for path in paths]
        self.package = [source for source in self.sources if source.path.parts[0] == PACKAGE]

    def text(self, name: str) -> str:
        """A file of text, such as CONTRIBUTING.md."""
        return (self.root / name).read_text(encoding="utf-8")

    def at(self, name: str, part: str, message: str) -> Violation:
        """A violation in a file of text, at the first line that has `part`; line 1 if none has."""
        lines = self.text(name).splitlines()
        return Violation(name, next((n for n, line in enumerate(lines, 1) if part in line), 1), message)


def room_of(name: str) -> str:
    """What of bayesctc a dotted name belongs to: "model" of "bayesctc.model.spec.ModelSpec"."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""
