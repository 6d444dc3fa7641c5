"""Every code block of README and site runs, in a page's order, on the fits that docs/start.md makes.

What is sampled is shortened here, and every fourth patient of the trial taken, whatever a page asks for; the pages are
about calls, the notebooks about figures.
"""

import doctest
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.cli.arguments import build_parser
from bayesctc.inference.settings import Settings

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
START = DOCS / "start.md"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "notebooks" not in path.parts)]
SHORT = {"draws": 40, "tune": 80, "chains": 2, "max_refits": 0, "progress": False}
STARTS = 3
CLUSTERS = ("dask_jobqueue", "dask_kubernetes")  # what needs one is compiled only
OTHER_LANGUAGES = {"r", "sas", "text"}


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and text of a page's blocks of code; directives of the site are none."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in found if not language.startswith("{")]


def name(path: Path) -> str:
    """A page's name."""
    return str(path.relative_to(ROOT))


def run(path: Path, names: dict) -> None:
    """Its blocks of Python, one after another."""
    for number, (language, text) in enumerate(blocks(path)):
        if language == "python":
            code = compile(text, f"{name(path)}, block {number + 1}", "exec")
            if not any(each in text for each in CLUSTERS):
                exec(code, names)
            plt.close("all")


@pytest.fixture(scope="module")
def shortened():
    """Settings of every function: few draws and starts; and a quarter of the trial."""
    patch = pytest.MonkeyPatch()
    told = Settings.of.__func__

    def few(cls, function, settings, options):
        found = told(cls, function, settings, options)
        return replace(found, **SHORT, n_starts=min(found.n_starts, STARTS))

    whole = bc.load_trial()
    part = whole.select(whole.patients.index[::4])  # with P0005, whom a page names, and events for four classes
    patch.setattr(Settings, "of", classmethod(few))
    patch.setattr(bc, "load_trial", lambda: part)
    plt.switch_backend("agg")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def started(shortened, tmp_path_factory):
    """What docs/start.md has made, and the folder it has written to."""
    folder, before = tmp_path_factory.mktemp("pages"), Path.cwd()
    names = {"__name__": "page", "np": np, "pd": pd}
    os.chdir(folder)
    try:
        run(START, names)
    finally:
        os.chdir(before)
    return names, folder


def test_the_start_writes_what_it_says(started):
    _, folder = started

    assert {path.name for path in folder.iterdir()} == {"trajectories_and_survival.png", "report.html", "fit.nc"}


@pytest.mark.parametrize("path", [path for path in PAGES if path != START], ids=name)
def test_python_of_the_page_runs(path, started, tmp_path, monkeypatch):
    if not any(language == "python" for language, _ in blocks(path)):
        return
    monkeypatch.chdir(tmp_path)
    run(path, dict(started[0]))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_blocks_are_in_a_language_that_is_run_or_known(path):
    assert {language for language, _ in blocks(path)} <= {"python", "sh", *OTHER_LANGUAGES}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_of_the_page_are_understood(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for _, text in (each for each in blocks(path) if each[0] == "sh"):
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                assert set(words[1:]) <= targets, line
            elif words[:1] == ["bayesctc"] and words[1:] != ["--help"]:
                build_parser().parse_args(words[1:])
            elif words[:2] == ["python", "-m"]:
                assert any((ROOT / words[2].replace(".", "/")).with_suffix(end).exists() for end in ("", ".py")), line


def test_examples_of_the_reference_that_no_docstring_has():
    """What is written in docs/reference itself."""
    for path in sorted((DOCS / "reference").glob("*.rst")):
        found = doctest.testfile(str(path), module_relative=False, globs={"bc": bc}, verbose=False)
        assert found.failed == 0, path
