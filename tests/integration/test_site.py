"""The documentation site: built once with warnings as errors, then read as a browser would, without a network."""

import io
import re
import sys
import warnings
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import bayesctc as bc

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """What a page has: anchors, links that a reader follows, and what a browser loads by itself."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        passive = tag == "link" and not {"stylesheet", "preload", "icon"} & set((given.get("rel") or "").split())
        self.loaded += [given[name] for t, name in LOADED if t == tag and given.get(name) and not passive]


@pytest.fixture(scope="module")
def extra(tmp_path_factory):
    """Report and calculator as `make docs` has them, of a fit that takes less time."""
    cohort = bc.load_trial().include(min_samples=3)
    fit = bc.fit_ml(cohort, bc.ModelSpec(n_classes=2), n_starts=2, random_seed=1, progress=False)
    folder = tmp_path_factory.mktemp("extra")
    (folder / "sample").mkdir()
    bc.write_report(fit, folder / "sample" / "report.html")
    bc.write_calculator(fit, folder / "sample" / "calculator.html")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, extra):
    """The folder of the built site."""
    out, found = tmp_path_factory.mktemp("site"), io.StringIO()
    given = {"html_extra_path": [str(extra)]}
    folders = (ROOT / "docs", ROOT / "docs", out / "html", out / "doctrees")
    with pytest.MonkeyPatch.context() as patch, docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Sphinx are in the text `found`, and errors
        patch.setattr(sys, "path", list(sys.path))  # conf.py adds to it
        app = Sphinx(*folders, "html", given, status=None, warning=found, freshenv=True, warningiserror=True)
        app.build()
    assert app.statuscode == 0, found.getvalue()
    return out / "html"


@cache
def page(path: Path) -> Page:
    """A page, read once."""
    return Page(path.read_text(encoding="utf-8"))


def broken(site: Path, path: Path) -> list[str]:
    """Links and files of a page that lead nowhere on this site."""
    found = []
    for link in page(path).links + page(path).loaded:
        parts = urlsplit(link)
        if parts.scheme or link == "#":
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        there = target.is_file() and target.is_relative_to(site.resolve())
        if there and parts.fragment and target.suffix == ".html":
            there = unquote(parts.fragment) in page(target).anchors
        if not there:
            found.append(f"{path.relative_to(site)}: {link}")
    return found


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)

    assert len(pages) > 50
    assert [each for path in pages for each in broken(site, path)] == []
    elsewhere = {each for path in pages for each in page(path).loaded if urlsplit(each).scheme not in ("", "data")}
    assert elsewhere == set()
    styles = "\n".join(path.read_text(encoding="utf-8") for path in (site / "_static").rglob("*.css"))
    assert not re.search(r"(?:url\(|@import )\s*['\"]?https?:", styles)


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html">b</a><a href="#c">c</a><a href="a.html#d">d</a><p id="d">')

    assert broken(tmp_path, tmp_path / "a.html") == ["a.html: b.html", "a.html: #c"]


def test_formulas_are_in_the_pages(site):
    text = (site / "concepts" / "model.html").read_text(encoding="utf-8")

    assert text.count("<math ") >= 5
    assert "MathJax" not in text


def test_every_public_name_has_a_place_and_an_example(site):
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.rst")))
    named = re.findall(r"^\.\. (?:auto\w+|data):: (?:bayesctc\.)?(\w+)", text, flags=re.MULTILINE)

    assert sorted(named) == sorted(bc.__all__)
    anchors = set().union(*(page(path).anchors for path in (site / "reference").glob("*.html")))
    assert {f"bayesctc.{name}" for name in named} <= anchors
    without = [name for name in named if ">>>" not in (getattr(bc, name).__doc__ or "")]
    assert set(without) == {"Schema", "__version__"}  # two that are no functions or classes


def test_notebooks_are_shown_with_their_outputs(site):
    text = (site / "notebooks" / "01_first_look.html").read_text(encoding="utf-8")

    assert text.count("cell_output") >= 10
    assert re.search(r'<img [^>]*src="\.\./_images/', text)
