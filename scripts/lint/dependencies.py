"""What the package imports is declared, and what is declared is locked."""

import re
import sys
import tomllib
from collections.abc import Iterator

from scripts.lint.files import PACKAGE, Repository, Violation

PROJECT, LOCK = "pyproject.toml", "requirements.lock"
DEVELOPMENT = ("dev", "docs", "notebooks")  # extras that no user needs


def declared(repository: Repository) -> dict[str, list[str]]:
    """Names of the required packages by group; "" is what everybody gets. Each is imported under its own name."""
    project = tomllib.loads(repository.text(PROJECT))["project"]
    groups = {"": project["dependencies"], **project.get("optional-dependencies", {})}
    return {group: [re.split(r"[^\w.-]", one)[0].lower() for one in ones] for group, ones in groups.items()}


def what_is_imported_is_declared(repository: Repository) -> Iterator[Violation]:
    """Also inside functions, where extras for users may be; a library that nothing imports is not asked for."""
    groups = declared(repository)
    required, imported = set(groups[""]), set()
    extras = {name for group, names in groups.items() if group not in ("", *DEVELOPMENT) for name in names}
    for source in repository.package:
        for line, name in source.imports():
            library = name.split(".")[0]
            if library in sys.stdlib_module_names or library == PACKAGE:
                continue
            imported.add(library)
            if library not in required | extras:
                yield source.at(line, f"imports {library}, which {PROJECT} does not declare")
    for name in sorted(required - imported):
        yield repository.at(PROJECT, f'"{name}', f"declares {name}, which nothing imports")


def each_declaration_says_what_for(repository: Repository) -> Iterator[Violation]:
    """In a comment behind it."""
    block = repository.text(PROJECT).split("\ndependencies = [\n", 1)[1].split("\n]", 1)[0]
    for line in block.splitlines():
        if "#" not in line:
            yield repository.at(PROJECT, line, "does not say what the library is for")


def what_is_declared_is_locked(repository: Repository) -> Iterator[Violation]:
    """And the lock holds nobody's address."""
    text = repository.text(LOCK)
    locked = set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE))
    for name in sorted({name for names in declared(repository).values() for name in names} - locked - {PACKAGE}):
        yield repository.at(PROJECT, f'"{name}', f"declares {name}, which {LOCK} does not have: make lock")
    for line, line_text in enumerate(text.splitlines(), 1):
        if re.search(r"https?://|--index|--extra-index", line_text):
            yield Violation(LOCK, line, "holds an address")


RULES = (what_is_imported_is_declared, each_declaration_says_what_for, what_is_declared_is_locked)
