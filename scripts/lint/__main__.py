"""Print all that breaks a rule, as file, line and what; exit with 1 if anything does."""

import sys
from pathlib import Path

from scripts.lint import dependencies, forbidden, prose, rooms, sizes
from scripts.lint.files import Repository, Violation

RULES = (*rooms.RULES, *forbidden.RULES, *sizes.RULES, *dependencies.RULES, *prose.RULES)


def violations(root: Path) -> list[Violation]:
    """What breaks a rule in the repository at `root`, by file and line."""
    repository = Repository(root)
    return sorted(violation for rule in RULES for violation in rule(repository))


def main(root: Path) -> int:
    """Print them; 1 if there are any, 0 if not."""
    found = violations(root)
    for violation in found:
        print(violation)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[2]))
