"""How results and settings show themselves, at a prompt and in a notebook."""

import ast
import inspect
from dataclasses import dataclass, is_dataclass
from html.parser import HTMLParser

import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.shown import Shown, as_call, changed, html

pytestmark = pytest.mark.unit

# settings and inputs, which show the arguments that make them, or have a summary of their own
ARGUMENTS = {
    "Bounds",
    "ParsimonyRule",
    "Priors",
    "ModelSpec",
    "TrialParameters",
    "ScanParameters",
    "ColumnType",
    "Marker",
    "Variation",
}
ARGUMENTS |= {"Outcome", "CtcCount", "Continuous", "Settings", "Fit"}  # the last a protocol
CLASSES = {name: getattr(bc, name) for name in bc.__all__ if inspect.isclass(getattr(bc, name))}
RESULTS = [one for name, one in CLASSES.items() if name not in ARGUMENTS and not issubclass(one, Exception)]


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def value_of(node: ast.expr):
    """What an expression of literals and of calls of the package's classes is worth."""
    if isinstance(node, ast.Call):
        return getattr(bc, node.func.id)(**{each.arg: value_of(each.value) for each in node.keywords})
    return ast.literal_eval(node)


@dataclass(frozen=True, repr=False)
class Made(Shown):
    """A result without parts of its own."""

    value: float
    n: int
    name: str
    told: str
    table: pd.DataFrame
    warnings: tuple[str, ...]


def made(name="<b>a</b>") -> Made:
    return Made(1.234567, 3, name, "a sentence " * 9, pd.DataFrame({"x": [1]}), ("$beware$ & <i>",))


def test_a_result_is_short_at_a_prompt():
    assert repr(made()).splitlines() == [
        "Made: value 1.2346, n 3, name <b>a</b>",
        f"  {'a sentence ' * 9}",
        "  warning: $beware$ & <i>",
        "  holds table",
    ]


def test_what_a_user_wrote_is_no_markup_in_a_notebook():
    page = Page()
    page.feed(html([*made()._shown(), pd.DataFrame({"<u>": ["<script>"]}, index=["<em>"])]))
    assert not {"b", "i", "u", "em", "script"} & set(page.tags)
    assert {"strong", "table"} <= set(page.tags)
    for text in ("<b>a</b>", "$beware$ & <i>", "<u>", "<script>", "<em>"):
        assert text in page.text
    assert 'class="tex2jax_ignore mathjax_ignore"' in html(["a $b$"])


def test_row_numbers_are_not_shown():
    assert "<th>0</th>" not in html([pd.DataFrame({"x": [5]})])
    assert "<th>7</th>" in html([pd.DataFrame({"x": [5]}, index=[7])])


@pytest.mark.parametrize("result", RESULTS, ids=lambda one: one.__name__)
def test_every_result_shows_itself(result):
    assert hasattr(result, "_repr_html_")
    if is_dataclass(result):
        assert result.__repr__ is Shown.__repr__
        assert issubclass(result, Shown)


@pytest.mark.parametrize(
    "settings", [bc.ModelSpec(), bc.ModelSpec(n_classes=3, endpoint=None, priors=bc.Priors(level_sd=1.5)), bc.Priors()]
)
def test_settings_show_the_call_that_makes_them(settings):
    assert len(repr(settings)) < 200
    assert value_of(ast.parse(repr(settings), mode="eval").body) == settings


def test_only_what_is_not_the_default_is_told():
    assert as_call(bc.Priors(level_sd=1.5)) == "Priors(level_sd=1.5)"
    assert repr(bc.Priors()) == "Priors()"
    assert changed(bc.ModelSpec(), ("endpoint",)) == {"endpoint": "os"}
    assert "log counts" in bc.ModelSpec()._repr_html_()
