"""The report: one self-contained HTML file."""

import datetime
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from bayesctc._version import __version__
from bayesctc.comparison.compare import Comparison
from bayesctc.criteria.selection import Selection
from bayesctc.model import describe
from bayesctc.report import (
    code,
    comparison,
    contrast_tables,
    figures,
    first_page,
    grolts,
    made_by,
    overview,
    parameters,
    requirements,
    selection_tables,
    survival_tables,
    tables,
    terms,
)
from bayesctc.report.marking import mark
from bayesctc.report.subject import Subject
from bayesctc.report.templates import templates
from bayesctc.results.atomic import check_writable, write_whole
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.ml_fit import MLFit


def write_report(result: Selection | BayesFit | MLFit | Comparison, path: str | Path, title: str | None = None) -> Path:
    """Write the results, how they were obtained and reasons to doubt them, as one self-contained HTML file.

    The first page says in plain sentences what was found, whether it can be trusted and what not to conclude. The
    statistician's pages follow, and last the code that reproduces the result. Pictures are embedded; the file has no
    scripts and no external links. `write_tables` writes its tables for other programs.

    Parameters
    ----------
    result : Selection, BayesFit, MLFit or Comparison
        For a selection the recommended fit is shown; if none is recommended, the one with the highest elpd, as the
        report states. A comparison has a different kind of report.
    path : str or Path
        Written completely or not at all; an existing file of that name is replaced.
    title : str, optional

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SpecError
        `result` is something else.
    StorageError
        The file cannot be written.

    Examples
    --------
    >>> bc.write_report(fit, "report.html").name
    'report.html'
    """
    path = Path(path)
    subject = result if isinstance(result, Comparison) else Subject.of(result)
    check_writable(path, "the report")
    text = render_comparison(subject, title) if isinstance(subject, Comparison) else render(subject, title)
    write_whole(path, text.encode("utf-8", "backslashreplace"), "the report")
    return path


def render(subject: Subject, title: str | None = None) -> str:
    """The report of a fit or a selection, as text."""
    return _page("report.html.j2", _content(subject, title or subject.title()))


def render_comparison(result: Comparison, title: str | None = None) -> str:
    """The report of a comparison, as text."""
    return _page("comparison.html.j2", comparison.content(result, title or comparison.TITLE))


def _page(template, content):
    """A filled template."""
    environment = templates("bayesctc.report")
    environment.filters["maths"] = maths
    written = datetime.datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
    return environment.get_template(template).render(content | {"version": __version__, "written": written})


_SUBSCRIPT = re.compile(r"(?<!\w)([A-Za-zΑ-ω]|scale|shape)_([0-9]?[a-z]{0,2})(?!\w)")
_SUPERSCRIPT = re.compile(r"\^((?:shape|δ)(?:<sub>\w+</sub>)?)")


def maths(text: str) -> Markup:
    """Text with x_i as x with a subscript, and ^shape_g as a superscript; everything else escaped."""
    lowered = _SUBSCRIPT.sub(r"\1<sub>\2</sub>", str(escape(text)))
    return Markup(_SUPERSCRIPT.sub(r"<sup>\1</sup>", lowered))


def _of_models(subject: Subject) -> str:
    """What the pictures of every model show."""
    sampled, fitted = len(subject.selected.bayes), len(subject.every_fit)
    kind = "credible" if sampled == fitted else "credible or (ML) confidence" if sampled else "confidence"
    text = f"Median {subject.words.value} of each class over time, with its {CI_TEXT} {kind} band."
    return text + (" ML: not sampled; from the maximum-likelihood estimate." if sampled < fitted else "")


def _content(subject: Subject, title: str) -> dict[str, Any]:
    """Everything the template shows."""
    made = requirements.requirements(subject)
    warned = requirements.warnings(subject, made)
    spec = subject.spec
    content: dict[str, Any] = {
        "title": title,
        "first": first_page.first_page(subject, made, len(warned)),
        "terms": terms.terms(subject),
        "paragraph": overview.paragraph(subject),
        "warnings": warned,
        "requirements": made,
        "n_failed": sum(not requirement.passed for requirement in made),
        "not_checked": requirements.NOT_CHECKED,
        "in_short": overview.in_short(subject),
        "cohort": tables.cohort_summary(subject),
        "flow": tables.flow(subject),
        "waves": tables.time_by_sample(subject),
        "selection": None,
        "model_title": describe.title(spec, subject.outcome),
        "model": describe.sections(
            spec,
            subject.fit.design.causes,
            subject.outcome,
            subject.fit.design,
            subject.fit.cohort.samples_after_endpoint,
        ),
        "endpoint": describe.endpoint_words(spec) if spec.endpoint is not None else None,
        "trajectories": figures.trajectories_picture(subject),
        "survival": figures.survival_picture(subject) if spec.endpoint is not None else None,
        "incidence": figures.incidence_picture(subject) if subject.fit.design.causes else None,
        "membership": figures.membership_picture(subject) if spec.n_classes > 1 else None,
        "counts_table": tables.trajectory_values(subject),
        "contrast_tables": contrast_tables.contrast_tables(subject),
        "survival_table": survival_tables.survival_values(subject),
        "ratio_tables": survival_tables.ratio_tables(subject),
        "quality": tables.class_quality(subject),
        "separation": tables.class_separation(subject),
        "parameters": parameters.parameter_table(subject),
        "requirement_table": tables.requirement_table(made),
        "modes": tables.modes(subject),
        "n_rivals": len(getattr(subject.fit, "rivals", ())),
        "grolts": grolts.checklist(subject),
        "facts": made_by.facts(subject),
        "code": code.code(subject),
        "spec_json": made_by.spec_json(spec),
    }
    if subject.selection is not None:
        content["selection"] = {
            "sentence": subject.selection.sentence,
            "note": subject.note,
            "bayesian": selection_tables.bayesian(subject),
            "classical": selection_tables.classical(subject),
            "sizes": selection_tables.sizes_by_model(subject),
            "picture": figures.selection_picture(subject),
            "of_models": _of_models(subject),
            "models": list(figures.all_models(subject)),
        }
    return mark(content, subject.why_not)
