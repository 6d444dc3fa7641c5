"""What the package imports is declared, and what is declared is locked."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import bayesctc

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGE = Path(bayesctc.__file__).parent


def imported(folder: Path) -> set[str]:
    """Libraries that the files of a folder import, also inside functions, by the names they are imported under."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"bayesctc"}


def declared() -> dict[str, list[str]]:
    """Names of the required packages by group; "" is what everybody gets. Each is imported under its own name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {group: [re.split(r"[^\w.-]", one)[0].lower() for one in ones] for group, ones in groups.items()}


def test_what_is_imported_is_declared():
    assert imported(PACKAGE) - set(declared()[""]) == set()


def test_what_is_declared_is_imported():
    # a library that nothing imports any more is not asked for
    assert set(declared()[""]) - imported(PACKAGE) == set()


def test_an_import_inside_a_function_is_found(tmp_path):
    (tmp_path / "a.py").write_text(
        "import os.path\n\ndef f():\n    from undeclared.deep import x\n    import other as o\n"
    )

    assert imported(tmp_path) == {"undeclared", "other"}


def test_each_declaration_says_what_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text.split("\ndependencies = [\n", 1)[1].split("\n]", 1)[0]

    assert [line for line in block.splitlines() if "#" not in line] == []


def test_what_is_declared_is_locked_and_nobodys_address_is():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE))

    assert {name for names in declared().values() for name in names} - locked == {"bayesctc"}
    assert re.findall(r"https?://|--index|--extra-index", lock) == []
