"""The calculator: one self-contained HTML page that computes in the browser."""

import base64
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bayesctc._version import __version__
from bayesctc.data.columns import DAYS_PER_MONTH, TIME_TOLERANCE
from bayesctc.data.outcome_base import LARGEST_VALUE
from bayesctc.errors import SpecError
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.report.calculator import words
from bayesctc.report.calculator.carried import HERE, check_carried, script
from bayesctc.report.calculator.numbers import asked, model, parts_of
from bayesctc.report.first_page import free_of_event
from bayesctc.report.subject import Subject, failed_text
from bayesctc.report.templates import templates
from bayesctc.results.atomic import check_writable, write_whole
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.ml_fit import MLFit

EXTRAPOLATED = 12.0  # months beyond the longest follow-up to which the curve continues, in grey
LARGEST_COUNT = 1e8
LARGEST_PAGE = 1_000_000  # bytes


def write_calculator(fit: MLFit | BayesFit, path: str | Path, title: str | None = None) -> Path:
    """Write one HTML file in which the samples of a patient can be entered to obtain class and survival probabilities.

    Times are entered as dates or months, values in the units of the fit's samples, and covariates under the names and
    levels of the fit. The page shows the probability of each class and the survival curve from the last sample (or
    today, or another day) on, with its 95 % interval, and states what it must not be used for. It computes
    `predict_survival` in the browser from the same draws and gives the same numbers to 1e-8, with three exceptions. If
    the draws of a fit take more than 400 kB, the page holds an evenly spaced subset and agrees within Monte Carlo
    error. A term of a formula that is non-linear in a number is interpolated, to 1e-5 of its standard deviation. If
    two random effects need a quadrature, numbers agree to 1e-4.

    The page makes no requests and stores nothing. Its content security policy allows only its own script and style
    sheet, identified by their hashes (default-src and connect-src 'none'). It contains no patient's data.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
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
        `fit` is something else, has no endpoint, or uses something that the calculator does not support: a
        user-defined family, hazard or outcome, covariates of single samples or that change with time, three random
        effects without a closed form, or a formula that needs too large a table.
    StorageError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = bc.write_calculator(fit, f"{folder}/calculator.html")
    ...     page.stat().st_size < 1_000_000
    True
    """
    path = Path(path)
    check_writable(path, "the calculator")
    page = render(fit, title).encode("utf-8", "backslashreplace")
    if len(page) > LARGEST_PAGE:
        raise SpecError(
            f"the calculator would take {len(page) / 1e6:.1f} MB; allowed: {LARGEST_PAGE / 1e6:g} MB. Use fewer levels "
            "in interactions, or predict_survival, which has no limit."
        )
    write_whole(path, page, "the calculator")
    return path


def render(fit: MLFit | BayesFit, title: str | None = None) -> str:
    """The page as text."""
    check_carried(fit)
    subject, parts = Subject.of(fit), parts_of(fit)
    data, code, style = data_of(subject, parts), script_of(fit), (HERE / "calculator.css").read_text(encoding="utf-8")
    free = free_of_event(subject)
    content = {
        "title": title or f"Calculator: {endpoint_words(fit.spec)}",
        "policy": policy(code, style),
        "purpose": words.purpose(subject),
        "failed": None if subject.why_not is None else failed_text(subject.why_not),
        "notice": words.notice(fit.warnings),
        "known_free": f"Known to be {free} on the day of",
        "free": free,
        "causes": fit.design.causes,
        "one_class": fit.spec.n_classes == 1,
        "heading": f"Probability of staying {free}",
        "caption": f"Probability of being {free}, by months from that day.",
        "interval": words.interval_words(subject),
        "limits": words.limits(subject),
        "warnings": fit.warnings,
        "made_of": f"Fingerprint of the data: {fit.cohort.fingerprint[:12]}.",
        "data": Markup(in_script(data)),
        "script": Markup(code),
        "style": Markup(style),
        "version": __version__,
        "written": datetime.date.today().isoformat(),
    }
    return templates("bayesctc.report.calculator").get_template("calculator.html.j2").render(content)


def data_of(subject: Subject, parts) -> dict[str, Any]:
    """Everything the script reads."""
    fit, free = subject.fit, free_of_event(subject)
    return {
        "model": model(fit, parts),
        "classes": words.class_words(subject),
        "covariates": asked(fit, parts),
        "followUp": subject.last_follow_up,
        "extrapolated": EXTRAPOLATED,
        "daysPerMonth": DAYS_PER_MONTH,
        "timeTolerance": TIME_TOLERANCE,
        "most": LARGEST_COUNT if fit.design.outcome.whole else LARGEST_VALUE,
        "free": free,
        "interval": words.interval_words(subject),
        "axis": "months later",
        **words.form_words(subject),
    }


def script_of(fit: MLFit | BayesFit) -> str:
    """The page's script: functions, the family and the hazard of the fit, and the form."""
    files = [
        *(script("script", name) for name in ("special", "counts")),
        script("families", fit.spec.family),
        script("hazards", fit.spec.hazard_name),
        *(script("script", name) for name in ("design", "predict", "reading", "drawing", "page")),
    ]
    return "\n".join(['"use strict";', *(file.read_text(encoding="utf-8") for file in files)])


def in_script(data: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in, nor be read as markup: <, > and & as escapes."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def policy(code: str, style: str) -> str:
    """A content security policy that allows this script and this style sheet, and no request."""
    allowed = " ".join(f"{kind}-src '{_hash(text)}';" for kind, text in (("script", code), ("style", style)))
    return f"default-src 'none'; {allowed} connect-src 'none'; form-action 'none'; base-uri 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
