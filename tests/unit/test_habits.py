"""The changelog is of this version, and the hooks before a commit are what `make lint` runs."""

import re
from pathlib import Path

import pytest

from bayesctc import __version__

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def newest_version(changelog: str) -> str:
    """The version of the first section that has one; only "Unreleased" may stand above it."""
    heads = re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)
    released = heads[1:] if heads[0] == "Unreleased" else heads
    return re.fullmatch(r"(\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}", released[0]).group(1)


def commands_of_lint(makefile: str) -> set[str]:
    """What `make lint` runs, without saying where and whether to change anything."""
    recipe = makefile.split("\nlint: setup\n\t@", 1)[1].split("\n", 1)[0]
    return {re.sub(r" --check\b| \.$", "", command.strip()) for command in recipe.split("&&")}


def test_the_changelog_ends_at_this_version():
    assert newest_version((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")) == __version__


@pytest.mark.parametrize("head", ["", "## Unreleased\n\n### Added\n\n"])
def test_the_newest_version_is_found(head):
    assert newest_version(f"# Changelog\n\n{head}## 1.2.3 - 2026-01-31\n\n## 1.2.2 - 2026-01-30\n") == "1.2.3"


def test_sections_have_the_usual_names():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= KINDS


def test_hooks_are_what_lint_runs():
    config = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    hooks = {entry.removesuffix(" --force-exclude") for entry in re.findall(r"entry: (.+)", config)}
    lint = commands_of_lint((ROOT / "Makefile").read_text(encoding="utf-8"))

    assert hooks == lint
    assert ".venv/bin/python -m scripts.lint" in hooks


def test_hooks_download_nothing():
    config = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")

    assert re.findall(r"repo: (.+)", config) == ["local"]
    assert set(re.findall(r"language: (.+)", config)) == {"system"}
    assert "://" not in config
