"""What the package never does, and what its files never hold."""

import ast
from collections.abc import Iterator

from scripts.lint.files import FRONT_DOOR, Repository, Violation
from scripts.lint.rooms import RANK

MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "subprocess", "pty")
CALLS = ("eval", "exec", "compile", "__import__")
METHODS = (
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
# attributes by which a program changes its whole process
PROCESS_WIDE = {
    "setswitchinterval",
    "setrecursionlimit",
    "catch_warnings",
    "simplefilter",
    "filterwarnings",
    "resetwarnings",
    "set_option",
    "option_context",
    "rc_context",
    "rcParams",
    "set_options",
    "seterr",
    "setlocale",
    "putenv",
    "environ",
    "chdir",
    "umask",
}
MAY = {
    "process_wide.py": {"catch_warnings", "simplefilter", "environ"},
    "private_folder.py": {"environ"},  # which is read there
}
WIDTH = "95 %"  # of a fit's intervals, which only CI_TEXT says; model/ says it of priors
FAMILY = "gaussian"  # the first there was, and so the one that others would ask for by name
BACKEND = "bayesctc.model.backends."
BACKENDS_OWN = {"BLOCK", "lanes"}  # how the compiled likelihood lays out its memory


def nothing_is_unpickled_evaluated_or_handed_to_a_shell(repository: Repository) -> Iterator[Violation]:
    """Data never become code."""
    for source in repository.package:
        for line, name in source.imports():
            if name.split(".")[0] in MODULES:
                yield source.at(line, f"imports {name}")
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in CALLS:
                yield source.at(node.lineno, f"calls {node.func.id}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                yield source.at(node.lineno, f"calls .{node.func.attr}()")
            for keyword in node.keywords:
                off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg in ("shell", "allow_pickle") and not off:
                    yield source.at(keyword.value.lineno, f"passes {keyword.arg}=")


def only_the_front_door_imports_by_name(repository: Repository) -> Iterator[Violation]:
    """Elsewhere an import can be read."""
    for source in repository.package:
        for line, name in source.imports():
            if name.endswith("import_module") and source.module != FRONT_DOOR:
                yield source.at(line, "imports by name")


def nothing_changes_the_process(repository: Repository) -> Iterator[Violation]:
    """But process_wide.py, which does it for a block and safely from threads."""
    for source in repository.package:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in PROCESS_WIDE - MAY.get(source.path.name, set()):
                yield source.at(node.lineno, f".{node.attr} changes the whole process: bayesctc.process_wide")


def compiled_code_is_kept_by_keep_compiled(repository: Repository) -> Iterator[Violation]:
    """Numba's own cache trusts whatever it finds."""
    for source in repository.package:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.keyword) and node.arg == "cache":
                yield source.at(node.value.lineno, "passes cache=: @keep_compiled instead")


def width_of_intervals_is_said_once(repository: Repository) -> Iterator[Violation]:
    """Text that is shown takes the width from CI_TEXT; docstrings may say it."""
    for source in repository.package:
        if RANK.get(source.room, 0) <= RANK["results"]:
            continue
        docs = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and WIDTH in str(node.value) and id(node) not in docs:
                yield source.at(node.lineno, f"says {WIDTH!r}: CI_TEXT")


def no_family_is_asked_for_by_name(repository: Repository) -> Iterator[Violation]:
    """What a family is like is said in its own file, and read from there."""
    for source in repository.package:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and node.value == FAMILY and "families" not in source.path.parts:
                yield source.at(node.lineno, f"names the family {FAMILY}: bayesctc.model.families")


def a_backend_keeps_its_memory_to_itself(repository: Repository) -> Iterator[Violation]:
    """Nobody outside sees blocks of patients."""
    for source in repository.package:
        for node in ast.walk(source.tree):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
            if name in BACKENDS_OWN and not source.module.startswith(BACKEND):
                yield source.at(node.lineno, f"reads {name} of a backend")  # type: ignore[attr-defined]


def the_formatter_has_no_exceptions(repository: Repository) -> Iterator[Violation]:
    """It is in charge everywhere."""
    for source in repository.sources:
        for line, text in enumerate(source.text.splitlines(), 1):
            if any(f"# fmt: {word}" in text for word in ("skip", "off", "on")):
                yield source.at(line, "tells the formatter to look away")


RULES = (
    nothing_is_unpickled_evaluated_or_handed_to_a_shell,
    only_the_front_door_imports_by_name,
    nothing_changes_the_process,
    compiled_code_is_kept_by_keep_compiled,
    width_of_intervals_is_said_once,
    no_family_is_asked_for_by_name,
    a_backend_keeps_its_memory_to_itself,
    the_formatter_has_no_exceptions,
)
