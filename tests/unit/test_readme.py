"""What README and CONTRIBUTING say is there: names, arguments, columns, commands, files."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import bayesctc as bc
from bayesctc.cli.arguments import build_parser
from bayesctc.data.columns import (
    INTERVAL_COLUMNS,
    PATIENT_COLUMNS,
    REASON,
    SAMPLE_COLUMNS,
    STATUS,
    endpoint_of,
)

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md")


def text_of(page: str) -> str:
    """A page as text."""
    return (ROOT / page).read_text(encoding="utf-8")


def python_blocks(page: str) -> list[str]:
    """Its blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", text_of(page), flags=re.MULTILINE | re.DOTALL)


def calls(block: str) -> dict[str, ast.Call]:
    """Calls of the package's names in a block, by name."""
    found = {}
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            if isinstance(value, ast.Name) and value.id == "bc":
                found[node.func.attr] = node
    return found


def test_the_readmes_python_compiles():
    block = "\n".join(python_blocks("README.md"))

    compile(block, "README.md", "exec")
    shown = {"load_trial", "ModelSpec", "fit_ml", "fit_bayes", "plot_trajectories", "compare_classifiers"}
    assert shown <= set(calls(block))


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_the_package_exists(page):
    named = set(re.findall(r"\bbc\.([A-Za-z_]\w*)", text_of(page)))

    assert named <= set(bc.__all__)


# Only light modules: what draws or samples is called in tests/integration/test_readme_block.py.
@pytest.mark.parametrize("name", ["ModelSpec", "fit_ml"])
def test_the_arguments_of_the_block_exist(name):
    call = calls("\n".join(python_blocks("README.md")))[name]

    inspect.signature(getattr(bc, name)).bind(*call.args, **{keyword.arg: None for keyword in call.keywords})


def test_the_columns_of_the_table_are_those_the_reader_knows():
    section = text_of("README.md").split("## Your own data", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    columns = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[2])}
    fixed = {column for column in columns if endpoint_of(column) is None}

    assert fixed == {*SAMPLE_COLUMNS, STATUS, REASON, *PATIENT_COLUMNS, *INTERVAL_COLUMNS}
    assert columns - fixed == {"os_time", "os_event"}


def test_the_commands_exist():
    section = text_of("README.md")
    commands = {"demo", "check", "fit", "select", "compare", "sensitivity", "report", "predict"}
    actions = [action for action in build_parser()._actions if action.dest == "command"]

    assert set(actions[0].choices) == commands
    assert re.search(r"`bayesctc check`, `fit`, `select`, `compare`,\s`sensitivity`, `report` and `predict`", section)


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert set(re.findall(r"^make ([a-z]+)\b|`make ([a-z]+)`", text_of(page), flags=re.MULTILINE)) != set()
    for pair in re.findall(r"^make ([a-z]+)\b|`make ([a-z]+)`", text_of(page), flags=re.MULTILINE):
        assert set(pair) - {""} <= targets


@pytest.mark.parametrize("page", PAGES)
def test_what_a_link_points_to_is_there(page):
    links = re.findall(r"\]\(([^)#]+)\)", text_of(page))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]

    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    """A path below tests/, benchmarks/, notebooks/ or scripts/, as CONTRIBUTING and README write it."""
    named = set(re.findall(r"\b((?:tests|benchmarks|notebooks|scripts|bayesctc)/[\w/]*\w\.\w+)", text_of(page)))

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_what_contributing_names_in_the_package_is_there():
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "bayesctc").rglob("*.py")))
    text = text_of("CONTRIBUTING.md")
    files = set(re.findall(r"`(?:[a-z]+/)*([a-z_]+\.py)`", text))
    there = {path.name for folder in ("bayesctc", "tests", "scripts") for path in (ROOT / folder).rglob("*.py")}
    folders = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}
    dotted = {name for name in re.findall(r"`(?:[a-z_]+[./])+([A-Za-z_]+)`", text) if name != "py"}

    assert files - there == set()
    assert [name for name in sorted(dotted - folders) if not re.search(rf"\b{name}\b", source)] == []
