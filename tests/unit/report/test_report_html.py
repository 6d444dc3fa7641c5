"""The report as a file: complete, self-contained, escaped, and written whole or not at all."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest
from report_fits import HOSTILE, fit, simulated_cohort

import bayesctc as bc
from bayesctc.errors import SpecError, StorageError
from bayesctc.report.html import maths, write_report

pytestmark = pytest.mark.unit


def written(result, tmp_path, **options) -> str:
    """The report's text, its pictures taken out."""
    path = write_report(result, tmp_path / "report.html", **options)
    return without_pictures(path.read_text(encoding="utf-8"))


def without_pictures(html: str) -> str:
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "PICTURE", html)


def sections(html: str) -> list[str]:
    return re.findall(r'<section[^>]* id="(\w+)"', html)


def test_ml_fit(ml, tmp_path):
    html = written(ml, tmp_path)
    assert sections(html) == [
        "plain",
        "terms",
        "warnings",
        "short",
        "cohort",
        "model",
        "trajectories",
        "survival",
        "classes",
        "parameters",
        "diagnostics",
        "grolts",
        "made",
        "code",
    ]
    assert html.count('src="PICTURE"') == 3
    assert "could not be drawn" not in html
    assert "This is a maximum-likelihood fit" in html
    assert "95 % confidence interval" in html
    assert "95 % credible" not in html
    assert ml.cohort.fingerprint in html


def test_bayesian_fit(bayes, tmp_path):
    html = written(bayes, tmp_path, title="Our trial")
    assert "<title>Our trial</title>" in html
    assert "95 % credible interval" in html
    assert "confidence interval" not in html
    assert (
        "NUTS (nutpie, mass matrix from the curvature at the mode, trees up to depth 7), 2 chains of 100 warm-up and "
        "200 kept draws each" in html
    )
    assert "random_seed=7" in unescape(html)
    spec = re.search(r"<h3>Specification</h3>\s*<pre>(.*?)</pre>", html, re.DOTALL)
    assert json.loads(unescape(spec[1]))["n_classes"] == 2


@pytest.fixture(scope="module")
def of_selection(selection, tmp_path_factory):
    return written(selection, tmp_path_factory.mktemp("selection"))


def test_selection(selection, of_selection):
    html = of_selection
    assert "selection" in sections(html)
    assert unescape(html).count(selection.sentence) == 1
    assert html.count('src="PICTURE"') == 4 + 3
    assert "Patients in each class, every model" in html
    assert f"Classes of the model with {selection.recommended}" not in html
    assert f"{selection.recommended} latent classes" in html


@pytest.mark.usefixtures("unrendered")
def test_selection_without_a_recommendation(selection, tmp_path):
    best = max(selection.loo, key=lambda k: selection.loo[k].elpd)
    table = selection.table.assign(recommended=False)
    html = written(replace(selection, recommended=None, table=table), tmp_path)
    box = html[html.index('id="warnings"') : html.index('id="short"')]
    assert f"No number of classes meets the rule ({selection.rule})" in box
    assert f"K = {best}, is shown; it is not recommended" in box


@pytest.mark.usefixtures("unrendered")
def test_a_failed_fit_is_marked_wherever_its_numbers_stand(ml, tmp_path):
    failed = "FAILED FIT, do not rely on its numbers: not converged"
    html = unescape(written(replace(ml, criterion=1.0), tmp_path))
    for name in ("warnings", "short", "trajectories", "survival", "classes", "parameters"):
        section = html[html.index(f'id="{name}"') :]
        assert failed in section[: section.index("</section>")], name
    assert "FAILED FIT" not in written(ml, tmp_path)


def test_growth_alone_of_one_class(ml_growth, tmp_path):
    html = written(ml_growth, tmp_path)
    assert "survival" not in sections(html)
    assert "There is one class, so patients are not classified." in html
    assert "without survival" in html or "Survival is not modelled" in html


def test_nothing_outside_the_file(of_selection):
    html = of_selection
    assert "http" not in html
    assert "<script" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert set(re.findall(r'src="([^"]*)"', html)) == {"PICTURE"}
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', html))
    anchors = re.findall(r'href="#(\w+)"', html)
    assert set(anchors) <= set(sections(html))


def test_user_text_is_escaped(tmp_path):
    cohort = simulated_cohort(covariate=HOSTILE, prefix=HOSTILE)
    made = fit(cohort, survival=f"~ `{HOSTILE}`").with_labels(["low $x$", f"high {HOSTILE}"])
    html = written(made, tmp_path, title=f"{HOSTILE} & 'more'")
    assert "<script" not in html
    assert HOSTILE in unescape(html)
    assert "class 1" not in html
    assert f"fit = fit.with_labels(['low $x$', {f'high {HOSTILE}'!r}])" in unescape(html)
    assert "&lt;script&gt;" in html
    assert "&amp; &#39;more&#39;" in html


def test_maths_is_set_and_escaped():
    assert maths("y_ij = β_0g + <b>") == "y<sub>ij</sub> = β<sub>0g</sub> + &lt;b&gt;"
    assert maths("(t / scale_g)^shape_g") == "(t / scale<sub>g</sub>)<sup>shape<sub>g</sub></sup>"
    assert maths("~ bone_metastasis + os_time") == "~ bone_metastasis + os_time"


def test_what_is_not_a_result(tmp_path):
    with pytest.raises(SpecError, match="Cohort"):
        write_report(simulated_cohort(), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_where_it_cannot_be_written(ml, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("bayesctc.report.html.render", lambda *args: pytest.fail("checked too late"))
    with pytest.raises(StorageError, match="the report cannot be written"):
        write_report(ml, tmp_path / "file" / "report.html")
    with pytest.raises(StorageError, match="No such file"):
        write_report(ml, tmp_path / "nowhere" / "report.html")
    with pytest.raises(StorageError, match="folder"):
        write_report(ml, tmp_path)


@pytest.mark.usefixtures("unrendered")
def test_a_picture_that_cannot_be_drawn(ml, tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise SpecError("not <this> family")

    monkeypatch.setattr("bayesctc.plots.trajectories.draw_trajectories", refuse)
    assert "This picture could not be drawn: not &lt;this&gt; family" in written(ml, tmp_path)


@pytest.mark.usefixtures("unrendered")
def test_tables_keep_their_heads_in_print(ml, tmp_path):
    style = re.search(r"@media print \{(.*)\n  \}\n</style>", written(ml, tmp_path), re.DOTALL)[1]
    for rule in (
        r"thead \{[^}]*display: table-header-group;[^}]*break-after: avoid",
        r"[^}]*\btr\b[^}]*\{ break-inside: avoid",
        r"tbody tr:first-child[^}]*\{ break-before: avoid",
        r"#plain \{[^}]*break-after: page",
    ):
        assert re.search(rule, style), rule


def test_public_name():
    assert bc.write_report is write_report
