"""What README, CONTRIBUTING and the site's pages say is there: names, arguments, columns, commands, files."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import bayesctc as bc
from bayesctc.cli.arguments import build_parser
from bayesctc.data.columns import INTERVAL_COLUMNS, PATIENT_COLUMNS, REASON, SAMPLE_COLUMNS, STATUS
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SITE = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md") if "notebooks" not in path.parts)
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


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= 100
    (block,) = python_blocks("README.md")
    assert len([line for line in block.splitlines() if line]) <= 10


def test_the_readmes_python_compiles():
    block = "\n".join(python_blocks("README.md"))

    compile(block, "README.md", "exec")
    assert {"load_trial", "ModelSpec", "fit_bayes", "plot_trajectories", "write_report"} <= set(calls(block))


@pytest.mark.parametrize("page", [*PAGES, *SITE])
def test_every_name_of_the_package_exists(page):
    named = set(re.findall(r"\bbc\.([A-Za-z_]\w*)", text_of(page)))

    assert named <= set(bc.__all__)


# Only light modules: what draws or samples is called in tests/integration/test_pages.py.
@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_the_arguments_of_a_specification_exist(page):
    call = calls("\n".join(python_blocks(page)))["ModelSpec"]

    inspect.signature(bc.ModelSpec).bind(*call.args, **{keyword.arg: None for keyword in call.keywords})


def test_the_columns_of_the_table_are_those_the_reader_knows():
    section = text_of("docs/howto/your-data.md").split("## Columns", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    columns = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[2])}
    of_endpoints = {"os_time", "os_event", "pfs_left", "pfs_right"}

    assert columns - of_endpoints == {*SAMPLE_COLUMNS, STATUS, REASON, *PATIENT_COLUMNS, *INTERVAL_COLUMNS}
    assert of_endpoints <= columns


@pytest.mark.parametrize(
    ("page", "names"), [("docs/howto/families.md", FAMILIES), ("docs/which-model.md", set(HAZARDS) - {"none"})]
)
def test_every_family_and_hazard_has_a_row(page, names):
    assert {name for name in names if f'| `"{name}"` |' not in text_of(page)} == set()


def test_the_commands_exist():
    commands = {"demo", "check", "fit", "select", "compare", "sensitivity", "report", "predict", "calculator"}
    actions = [action for action in build_parser()._actions if action.dest == "command"]

    assert set(actions[0].choices) == commands
    assert commands - {"demo"} <= set(re.findall(r"`(?:bayesctc )?([a-z]+)`", text_of("README.md")))
    assert commands == set(re.findall(r"^\| `([a-z]+)` \|", text_of("docs/reference/command-line.md"), re.MULTILINE))


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


@pytest.mark.parametrize("page", [*PAGES, *SITE])
def test_files_that_are_named_are_there(page):
    """A path below tests/, benchmarks/, notebooks/ or scripts/, as pages write it."""
    named = set(re.findall(r"(?<![\w/])((?:tests|benchmarks|notebooks|scripts|bayesctc)/[\w/]*\w\.\w+)", text_of(page)))

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_what_contributing_names_in_the_package_is_there():
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "bayesctc").rglob("*.py")))
    text = text_of("CONTRIBUTING.md")
    files = set(re.findall(r"`(?:[a-z]+/)*([a-z_]+\.py)`", text))
    there = {path.name for folder in ("bayesctc", "tests", "scripts", "docs") for path in (ROOT / folder).rglob("*.py")}
    folders = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}
    dotted = set(re.findall(r"`(?:[a-z_]+[./])+([A-Za-z_]+)`", text)) - {"md", "py", "rst"}

    assert files - there == set()
    assert [name for name in sorted(dotted - folders) if not re.search(rf"\b{name}\b", source)] == []
