"""How wide intervals are is said in one place."""

import ast
from pathlib import Path

import pytest

import bayesctc
from bayesctc.results.intervals import CI_PROB, CI_TEXT

pytestmark = pytest.mark.unit
ROOMS = ("plots", "cli", "report", "predict", "checks", "time_to_event", "comparison", "accuracy", "sensitivity")


def shown(path: Path):
    """Texts of a file that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_text_is_of_the_probability():
    assert CI_TEXT == "95 %"
    assert CI_PROB == 0.95


@pytest.mark.parametrize("room", ROOMS)
def test_no_text_has_the_number_itself(room):
    folder = Path(bayesctc.__file__).parent / room
    assert [(path.name, text) for path in folder.rglob("*.py") for text in shown(path) if "95 %" in text] == []
