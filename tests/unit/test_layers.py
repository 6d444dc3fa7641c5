"""Who may import whom, what the package never does, and how long its files and functions are."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

import bayesctc

pytestmark = pytest.mark.unit

ROOT = Path(bayesctc.__file__).parent
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"

# Each line may import itself and the lines above it. Packages in one line stand side by side: not each other.
LAYERS = (
    ("data",),
    ("design",),
    ("model",),
    ("results",),
    ("inference",),
    ("criteria", "predict", "time_to_event"),
    ("comparison", "sensitivity"),
    ("accuracy",),
    ("checks",),
    ("plots",),
    ("report",),
    ("cli",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FREE = ("arguments", "errors", "_version", "process_wide", "progress")
FRONT_DOOR = "bayesctc.__init__"  # it names everything and imports it when it is used

MAX_FILE, MAX_FUNCTION = 400, 80
FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "subprocess", "pty")
FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__")
FORBIDDEN_ATTRIBUTES = (
    "read_pickle",
    "to_pickle",
    "system",
    "popen",
    "execv",
    "execve",
    "execvp",
    "spawnv",
    "spawnl",
    "posix_spawn",
)
SOURCES = sorted(ROOT.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    """Dotted name of a file's module; a package's is that of its __init__."""
    return ".".join(("bayesctc", *path.relative_to(ROOT).with_suffix("").parts))


def room_of(module: str) -> str:
    """The package or module directly below bayesctc: "model" of "bayesctc.model.families.gaussian"."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each module (or name in a module) that a file imports, also inside functions."""
    package = name_of(path).split(".")[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def wrong_imports(path: Path) -> list[str]:
    """What a file imports from a room it may not know."""
    module = name_of(path)
    own, found = room_of(module), []
    for line, imported in imports_of(path):
        if imported.split(".")[0] != "bayesctc":
            continue
        other = room_of(imported)
        if other in FREE or other == "__version__":
            continue
        if own in FREE or not (other == own or (other in RANK and RANK[other] < RANK[own])):
            found.append(f"{module}, line {line}: {imported}")
    return found


def modules_below() -> dict[str, set[str]]:
    """The modules that each module imports, also inside functions, but for types alone."""
    modules = {name_of(path).removesuffix(".__init__"): path for path in SOURCES}
    found = {}
    for name, path in modules.items():
        for_types = {
            id(inner)
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        imported = {
            f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in modules else node.module
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types
            for alias in node.names
        }
        found[name] = (imported & set(modules)) - {name, "bayesctc"}
    return found


def test_no_module_imports_itself_by_way_of_others():
    TopologicalSorter(modules_below()).prepare()  # CycleError names the modules of a cycle


def test_every_package_has_a_layer():
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}

    assert rooms == set(RANK), "the map of layers above names other packages than there are"
    assert modules == set(FREE)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_one_way(path):
    if name_of(path) == FRONT_DOOR:
        return

    assert wrong_imports(path) == []


def test_an_upward_import_is_found(tmp_path, monkeypatch):
    room = tmp_path / "data"
    room.mkdir()
    (room / "bad.py").write_text(
        "from bayesctc.errors import DataError\nfrom ..model import spec\n\ndef f():\n    import bayesctc.plots.style\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)

    assert wrong_imports(room / "bad.py") == [
        "bayesctc.data.bad, line 2: bayesctc.model.spec",
        "bayesctc.data.bad, line 5: bayesctc.plots.style",
    ]


@pytest.mark.parametrize("room", ["plots", "report"])
def test_pictures_and_reports_never_fit(room):
    fitting = [
        f"{name_of(path)}, line {line}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, imported in imports_of(path)
        if imported.startswith("bayesctc.inference") or imported in ("bayesctc.fit_ml", "bayesctc.fit_bayes")
    ]

    assert fitting == []


@pytest.mark.parametrize("statement", ["import bayesctc", "import bayesctc.data", "import bayesctc.cli.arguments"])
def test_heavy_libraries_wait_until_they_are_used(statement):
    program = f"{statement}\nimport sys\nprint(*sorted({{'pymc', 'arviz', 'matplotlib'}} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert process.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_unpickled_evaluated_or_handed_to_a_shell(path):
    found = []
    for line, imported in imports_of(path):
        if imported.split(".")[0] in FORBIDDEN_MODULES:
            found.append(f"line {line}: import {imported}")
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"line {node.lineno}: {node.func.id}(...)")
            if isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_ATTRIBUTES:
                found.append(f"line {node.lineno}: .{node.func.attr}(...)")
            for keyword in node.keywords:
                allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg in ("shell", "allow_pickle") and not allowed:
                    found.append(f"line {node.lineno}: {keyword.arg}=")

    assert found == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_front_door_imports_by_name(path):
    dynamic = [line for line, imported in imports_of(path) if imported.endswith("import_module")]

    assert name_of(path) == FRONT_DOOR or dynamic == []


def test_the_front_door_opens():
    assert all(hasattr(bayesctc, name) for name in bayesctc.__all__)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path):
    lengths = {
        f"{node.name}, line {node.lineno}": node.end_lineno - node.lineno + 1
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION} == {}


def contributing_map() -> list[str]:
    """The packages that CONTRIBUTING's map names, in its order: first cells of its rows, such as `model/`."""
    section = CONTRIBUTING.read_text(encoding="utf-8").split("## The rooms", 1)[1].split("\n## ", 1)[0]
    return [name.replace("/", ".") for name in re.findall(r"^\| `([a-z_/]+)/` \|", section, flags=re.MULTILINE)]


def test_contributing_names_the_packages_there_are():
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.rglob("__init__.py") if path.parent != ROOT}

    assert sorted(contributing_map()) == sorted(there)


def test_contributing_names_them_from_the_bottom_up():
    ranks = [RANK[room.split(".")[0]] for room in contributing_map()]

    assert all(low <= high for low, high in pairwise(ranks))
