"""Every rule about files finds what breaks it, in a repository made for that."""

import json
from pathlib import Path

import pytest

from scripts.lint.__main__ import RULES, main, violations
from scripts.lint.files import Repository
from scripts.lint.prose import COMMENT
from scripts.lint.rooms import FREE, LAYERS

pytestmark = pytest.mark.unit

ROWS = "".join(f"| `{room}/` | what it owns |\n" for layer in LAYERS for room in layer)
LONG = "x = 1\n" * 401
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 80


@pytest.fixture
def repository(tmp_path) -> Path:
    """A small repository in which nothing is wrong."""
    rooms = {f"bayesctc/{room}/__init__.py": "" for layer in LAYERS for room in layer}
    files = rooms | {f"bayesctc/{name}.py": "" for name in FREE}
    files |= {
        "bayesctc/__init__.py": "from importlib import import_module\nfrom bayesctc.errors import DataError\n",
        "bayesctc/data/good.py": "import os.path\nfrom bayesctc.errors import DataError\nfrom . import other\n",
        "bayesctc/data/other.py": "import numpy as np\n\nif TYPE_CHECKING:\n    from . import good\n",
        "bayesctc/plots/good.py": '"""95 % intervals."""\nimport bayesctc.results\n\nload(shell=False)\n',
        "tests/unit/conftest.py": "",
        "tests/conftest.py": "",
        "CONTRIBUTING.md": f"# How\n\n## Packages\n\n{ROWS}\n## More\n",
        "pyproject.toml": '[project]\ndependencies = [\n  "numpy>=2", # arrays\n]\n'
        '[project.optional-dependencies]\ndev = [\n  "bayesctc",\n  "ruff",\n]\n',
        "requirements.lock": "numpy==2.1\nruff==0.14\n",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str):
    """A file of the repository, with its folders."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


# rule: files that break it, and what is found in them
PLANTED = {
    "imports_point_one_way": (
        {
            "bayesctc/data/bad.py": "from bayesctc.errors import DataError\nfrom ..model import spec\n\n"
            "def f():\n    import bayesctc.plots.style\n",
            "bayesctc/errors.py": "from bayesctc.data import good\n",
            "bayesctc/predict/bad.py": "from bayesctc.criteria import loo\n",
        },
        [
            "bayesctc/data/bad.py:2: imports bayesctc.model.spec, which data may not know",
            "bayesctc/data/bad.py:5: imports bayesctc.plots.style, which data may not know",
            "bayesctc/errors.py:1: imports bayesctc.data.good, which errors may not know",
            "bayesctc/predict/bad.py:1: imports bayesctc.criteria.loo, which predict may not know",
        ],
    ),
    "no_module_imports_itself_by_way_of_others": (
        {
            "bayesctc/data/a.py": "from bayesctc.data.b import x\n",
            "bayesctc/data/b.py": "from .c import x\n",
            "bayesctc/data/c.py": "def f():\n    import bayesctc.data.a\n",
            "bayesctc/plots/d.py": "from bayesctc.plots import e\n",
            "bayesctc/plots/e.py": "from . import d\n",
        },
        [
            "bayesctc/data/a.py:1: a cycle of modules: bayesctc.data.a -> bayesctc.data.b -> bayesctc.data.c"
            " -> bayesctc.data.a",
            "bayesctc/plots/d.py:1: a cycle of modules: bayesctc.plots.d -> bayesctc.plots.e -> bayesctc.plots.d",
        ],
    ),
    "every_package_has_a_layer": (
        {"bayesctc/extra.py": ""},
        ["bayesctc/extra:1: scripts.lint.rooms names no layer for it"],
    ),
    "pictures_and_reports_never_fit": (
        {"bayesctc/report/bad.py": "\ndef f():\n    from bayesctc.inference.ml import fit_ml\n"},
        ["bayesctc/report/bad.py:3: imports bayesctc.inference.ml.fit_ml: pictures and reports never fit"],
    ),
    "contributing_maps_the_packages": (
        {"CONTRIBUTING.md": "## Packages\n\n" + ROWS.replace("data/", "model/old/") + "| `results/` | again |\n"},
        [
            "CONTRIBUTING.md:1: has no row for data/",
            "CONTRIBUTING.md:3: there is no package model/old/",
            "CONTRIBUTING.md:4: stands above model/old/ in the layers: from the bottom up",
            "CONTRIBUTING.md:6: stands above cli/ in the layers: from the bottom up",
        ],
    ),
    "nothing_is_unpickled_evaluated_or_handed_to_a_shell": (
        {
            "bayesctc/data/bad.py": "import pickle\n\nexec('1')\nos.system('ls')\nnp.load(x, allow_pickle=True)\n",
            "bayesctc/data/worse.py": "def f():\n    from subprocess import run\n    run('ls', shell=yes)\n",
        },
        [
            "bayesctc/data/bad.py:1: imports pickle",
            "bayesctc/data/bad.py:3: calls exec()",
            "bayesctc/data/bad.py:4: calls .system()",
            "bayesctc/data/bad.py:5: passes allow_pickle=",
            "bayesctc/data/worse.py:2: imports subprocess.run",
            "bayesctc/data/worse.py:3: passes shell=",
        ],
    ),
    "only_the_front_door_imports_by_name": (
        {"bayesctc/model/bad.py": "from importlib import import_module\n"},
        ["bayesctc/model/bad.py:1: imports by name"],
    ),
    "nothing_changes_the_process": (
        {
            "bayesctc/process_wide.py": "warnings.catch_warnings()\n",
            "bayesctc/model/bad.py": "\nwith warnings.catch_warnings():\n    os.environ['A'] = 'b'\n",
        },
        [
            "bayesctc/model/bad.py:2: .catch_warnings changes the whole process: bayesctc.process_wide",
            "bayesctc/model/bad.py:3: .environ changes the whole process: bayesctc.process_wide",
        ],
    ),
    "compiled_code_is_kept_by_keep_compiled": (
        {"bayesctc/model/bad.py": "\n@numba.njit(\n    cache=True,\n)\ndef f(): ...\n"},
        ["bayesctc/model/bad.py:3: passes cache=: @keep_compiled instead"],
    ),
    "width_of_intervals_is_said_once": (
        {"bayesctc/plots/bad.py": '"""95 % here."""\nlabel = f"{x} (95 % interval)"\n'},
        ["bayesctc/plots/bad.py:2: says '95 %': CI_TEXT"],
    ),
    "no_family_is_asked_for_by_name": (
        {
            "bayesctc/model/families/normal.py": "name = 'gaussian'\n",
            "bayesctc/plots/bad.py": '"""Not of "gaussian"."""\nif family == "gaussian":\n    pass\n',
        },
        ["bayesctc/plots/bad.py:2: names the family gaussian: bayesctc.model.families"],
    ),
    "a_backend_keeps_its_memory_to_itself": (
        {
            "bayesctc/model/backends/compiled/good.py": "BLOCK = 64\n",
            "bayesctc/model/bad.py": "size = block.BLOCK\n\ndef f(lanes): ...\n",
        },
        ["bayesctc/model/bad.py:1: reads BLOCK of a backend", "bayesctc/model/bad.py:3: reads lanes of a backend"],
    ),
    "the_formatter_has_no_exceptions": (
        {"tests/test_bad.py": "x = 1\ny = 2  # fmt" + ": skip\n"},
        ["tests/test_bad.py:2: tells the formatter to look away"],
    ),
    "files_are_short": (
        {"tests/test_long.py": LONG, "bayesctc/data/long.py": LONG},
        [
            "bayesctc/data/long.py:401: has 401 lines; allowed: 400",
            "tests/test_long.py:401: has 401 lines; allowed: 400",
        ],
    ),
    "functions_are_short": (
        {"bayesctc/data/long.py": "class C:\n" + "".join(f"    {line}\n" for line in LONG_FUNCTION.splitlines())},
        ["bayesctc/data/long.py:2: f has 81 lines; allowed: 80"],
    ),
    "test_files_have_names_of_their_own": (
        {"tests/integration/test_a.py": "", "tests/unit/test_a.py": ""},
        ["tests/unit/test_a.py:1: has the name of tests/integration/test_a.py"],
    ),
    "what_is_imported_is_declared": (
        {
            "bayesctc/data/other.py": "def f():\n    from undeclared.deep import x\n    import os as o\n",
        },
        [
            "bayesctc/data/other.py:2: imports undeclared, which pyproject.toml does not declare",
            "pyproject.toml:3: declares numpy, which nothing imports",
        ],
    ),
    "each_declaration_says_what_for": (
        {"pyproject.toml": '[project]\nname = "a"\ndependencies = [\n  "numpy>=2",\n]\n'},
        ["pyproject.toml:4: does not say what the library is for"],
    ),
    "what_is_declared_is_locked": (
        {"requirements.lock": "--index-url https://example.org\nnumpy==2.1\n"},
        [
            "pyproject.toml:8: declares ruff, which requirements.lock does not have: make lock",
            "requirements.lock:1: holds an address",
        ],
    ),
    "no_line_of_text_is_a_comment": (
        {
            "README.md": "- with its 95\n  % interval\n",
            "docs/howto/bad.md": "```text\n% code\n```\n\nits 95\n% interval\n\n"
            "```{glossary}\nterm\n  95\n  % of it\n```\n",
            "notebooks/bad.ipynb": json.dumps(
                {
                    "cells": [
                        {"cell_type": "code", "source": ["%matplotlib inline"]},
                        {"cell_type": "markdown", "source": ["its 95\n", '% "interval"']},
                    ]
                },
                indent=1,
            ),
        },
        [f"{place}: {COMMENT}" for place in ("README.md:2", "docs/howto/bad.md:11", "docs/howto/bad.md:6")]
        + [f"notebooks/bad.ipynb:13: {COMMENT}"],
    ),
}


def test_every_rule_has_something_planted():
    assert {rule.__name__ for rule in RULES} == set(PLANTED)


def test_nothing_is_wrong_where_nothing_is(repository, capsys):
    assert main(repository) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("rule", PLANTED)
def test_what_breaks_a_rule_is_found(repository, rule):
    files, found = PLANTED[rule]
    for name, text in files.items():
        write(repository, name, text)

    (check,) = (check for check in RULES if check.__name__ == rule)

    assert sorted(map(str, check(Repository(repository)))) == found
    assert set(found) <= set(map(str, violations(repository)))


def test_all_that_is_wrong_is_printed(repository, capsys):
    write(repository, "bayesctc/plots/bad.py", "import undeclared\nlabel = '95 %'\n")

    assert main(repository) == 1
    assert capsys.readouterr().out.splitlines() == [
        "bayesctc/plots/bad.py:1: imports undeclared, which pyproject.toml does not declare",
        "bayesctc/plots/bad.py:2: says '95 %': CI_TEXT",
    ]
