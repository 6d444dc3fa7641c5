"""Contents of the report of a comparison of readings: hazard ratios, criteria, curves, and the patients in it.

Numbers of a failed fit are omitted from the tables and their places marked. Tables and pictures that rest on failed
classes are marked as a whole.
"""

from typing import Any

import pandas as pd

from bayesctc.comparison.compare import Comparison, classes_failed, failures
from bayesctc.criteria.loo import HIGH_K
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.report import made_by
from bayesctc.report.comparison_first_page import comparison_first_page
from bayesctc.report.figures import COLUMN, Picture, picture
from bayesctc.report.format import MISSING, first_up, fixed, percent, significant, with_interval
from bayesctc.report.marking import marked
from bayesctc.report.subject import Subject, failed_text
from bayesctc.report.tables import Table, flow_of
from bayesctc.results.intervals import CI_TEXT

TITLE = "Baseline status, cycle 2 and trajectory classes against survival"
STANDS_OUT = 0.05


def content(comparison: Comparison, title: str) -> dict[str, Any]:
    """Everything the template shows."""
    failed, warnings = classes_failed(comparison), [*_failed_fits(comparison), *comparison.warnings]
    return {
        "title": title,
        "first": comparison_first_page(comparison, len(warnings)),
        "sentence": comparison.sentence,
        "warnings": warnings,
        "readings": [
            marked(_reading(comparison, name), failed if name == "tctc" else None) for name in comparison.readings
        ],
        "flow_picture": marked(_flow_picture(comparison), failed),
        "flows": [
            flow_of(f"Flow of patients and samples, {name}", rows)
            for name, rows in comparison.flow.groupby("endpoint", sort=False)
        ],
        "criteria": _criteria(comparison),
        "criteria_picture": _criteria_picture(comparison),
        "endpoints": [_endpoint(comparison, name) for name in comparison.endpoints],
        "associations": _associations(comparison),
        "facts": _facts(comparison),
    }


def _facts(comparison):
    """How the classes and the posteriors of the regressions were made."""
    s, n = comparison.settings, comparison.growth.spec.n_classes
    rows = [("classes", f"A mixture of {n} growth curves, fitted to the counts alone and used for every endpoint")]
    rows += made_by.facts(Subject.of(comparison.growth))
    seed = f"random seed {s['random_seed']}"
    rows.append(
        (
            "posteriors of the regressions",
            f"{s['chains']} chains of {s['tune']} warm-up and {s['draws']} kept draws each, {seed}",
        )
    )
    for name, fit in comparison.fits.items():
        known = made_by.facts(Subject.of(fit))
        rows += [
            (f"joint model of {name}: {heading}", text) for heading, text in known if heading in ("method", "time")
        ]
    return rows


def _failed_fits(comparison):
    """Every fit that failed, to be read first."""
    return [
        f"{name}, {reading}, {method}: {failed_text(reason)}"
        for name in comparison.endpoints
        for (reading, method), reason in failures(comparison, name).items()
    ]


def _said(found):
    """Failed fits, in one sentence for a table or a picture; None if none failed."""
    return "; ".join(f"{reading}, {method} ({reason})" for (reading, method), reason in found.items()) or None


def _reading(comparison, name):
    """Levels of a reading, and the patients without one."""
    reading = comparison.readings[name]
    levels = reading.levels.loc[comparison.cohort.patients.index]
    counts = levels.value_counts().reindex(levels.cat.categories)
    rows = [[str(level), f"{n:,}", percent(n / len(levels), 1)] for level, n in counts.items()]
    rows[0][0] += " (reference)"
    left_out = [f"{n:,} with {reason}" for reason, n in reading.excluded["reason"].value_counts().items()]
    note = f"{first_up(reading.rule)}."
    if left_out:
        note += f" No reading possible, and excluded from the comparison: {', '.join(left_out)}."
    return Table(f"{name}: {len(levels):,} patients", ["level", "patients", "share"], rows, note)


def _endpoint(comparison, name):
    """Tables and pictures of one endpoint."""
    n, events = comparison.size(name)
    causes = comparison.cohort.causes.get(name, ("",))
    words = first_up(endpoint_words(comparison.growth.spec.with_(endpoint=name)))
    failed = classes_failed(comparison)
    return {
        "name": name,
        "heading": f"{words}: {n:,} patients, {events:,} events",
        "curves_heading": "Cumulative incidence" if causes[0] else "Kaplan-Meier curves",
        "forests": [_forest(comparison, name, cause) for cause in causes],
        "ratios": _ratios(comparison, name),
        "curves": [
            marked(_curves(comparison, name, reading, cause), failed if reading == "tctc" else None)
            for cause in causes
            for reading in comparison.readings
        ],
        "tests": _tests(comparison, name),
    }


def _ratios(comparison, name):
    """Every level by every method, followed by the study's figures if they are wanted."""
    table = comparison.hazard_ratios[comparison.hazard_ratios["endpoint"] == name]
    study = comparison.published[comparison.published["endpoint"] == name].assign(
        method="published", classes="", note=""
    )
    rows: list[list[str]] = []
    failed, out = failures(comparison, name), set()
    by = ["cause", "reading", "level", "reference"]
    for (cause, reading, level, reference), found in table.groupby(by, sort=False):
        same = study[(study["reading"] == reading) & (study["level"] == level)]
        first = f"{cause}, {reading}: {level} vs {reference}" if cause else f"{reading}: {level} vs {reference}"
        for row in [*found.to_dict("records"), *same.to_dict("records")]:
            reason = failed.get((reading, row["method"]))
            if reason is not None:
                out.add(len(rows))
                row = {**row, "estimate": pd.NA, "p": pd.NA, "note": failed_text(reason)}
            rows.append([first, row["method"], row["classes"], _ratio(row), _p(row.get("p", pd.NA)), row["note"]])
            first = ""
    adjusted = (
        "unadjusted"
        if comparison.confounders.strip() in ("~ 1", "~1", "1")
        else (f"adjusted for {comparison.confounders.strip().removeprefix('~').strip()}")
    )
    note = (
        f"Hazard ratios with {CI_TEXT} intervals, {adjusted}; credible intervals for Bayes. Cox and Weibull treat the "
        "most probable class (tctc) as known; three-step BCH corrects for misclassification. Classes by counts alone "
        "consist of the same patients for every endpoint."
    )
    if table["cause"].any():
        note += " Cause-specific: follow-up is censored at the other events."
    if comparison.fits:
        note += " In a joint fit survival also informs the classes, which are specific to the endpoint."
    if len(comparison.published):
        note += " Published: the study's own patients, not these (CALGB 40502; Magbanua et al., JNCI 2021;113:443)."
    head = ["comparison", "method", "classes by", f"hazard ratio ({CI_TEXT} interval)", "p", "note"]
    return Table("Hazard ratios", head, rows, note, n_text=3, marked=out)


def _ratio(row):
    """A ratio with its interval."""
    if pd.isna(row["estimate"]):
        return MISSING
    if pd.isna(row["lower"]):
        return f"{significant(row['estimate'])} (no interval)"
    return with_interval(row["estimate"], row["lower"], row["upper"])


def _p(p):
    if pd.isna(p):
        return MISSING
    return "< 0.0001" if p < 1e-4 else significant(p, 2)


def _tests(comparison, name):
    """Log-rank tests, and tests of proportional hazards overall and for single terms with a small p."""
    table, failed = comparison.tests[comparison.tests["endpoint"] == name], classes_failed(comparison)
    if failed is not None:
        table = table[table["reading"] != "tctc"]
    shown = (table["test"] == "log-rank") | (table["of"] == "GLOBAL") | (table["p"] < STANDS_OUT)
    hidden, table = int((~shown).sum()), table[shown]
    rows = [
        [f"{r.cause}, {r.reading}" if r.cause else r.reading, r.test, r.of, fixed(r.chi2, 2), str(r.df), _p(r.p)]
        for r in table.itertuples()
    ]
    stand_out = {k for k, r in enumerate(table.itertuples()) if r.test == "proportional hazards" and r.p < STANDS_OUT}
    note = (
        "Proportional hazards: trend of the scaled Schoenfeld residuals of the Cox regression with 1 - Kaplan-Meier. "
        f"Marked where p < {STANDS_OUT}, which is expected for one term in twenty by chance; the {hidden} single terms "
        "with a larger p are not shown."
    )
    if failed is not None:
        note += f" Those of tctc are omitted. {failed_text(failed)}"
    head = ["reading", "test", "of", "chi-square", "df", "p"]
    return Table("Tests", head, rows, note, n_text=3, marked=stand_out)


def _criteria(comparison):
    """AIC and LOO by endpoint and reading."""
    rows: list[list[str]] = []
    several = bool(len(comparison.published_aic))
    out = {k for k, usable in enumerate(comparison.criteria["usable"]) if not usable}
    for r in comparison.criteria.itertuples():
        study = comparison.published_aic
        printed = study.loc[r.endpoint, r.reading] if r.endpoint in study.index and r.method != "joint" else None
        difference = (
            "best" if r.elpd_difference == 0 else f"{fixed(r.elpd_difference, 1)} ({fixed(r.se_difference, 1)})"
        )
        own = [_aic(r.aic_cox), _aic(r.aic_weibull), fixed(r.elpd, 1), difference, str(r.n_high_k)]
        own = own if r.usable else [MISSING] * len(own)
        own[1:1] = [MISSING if printed is None else f"{printed:,}"] if several else []
        counts = ["yes" if r.usable else f"NO: {r.reason}"] if out else []
        rows.append([r.endpoint, r.reading, r.method, r.classes, *own, *counts])
    head = [
        "endpoint",
        "reading",
        "method",
        "classes by",
        "AIC, Cox",
        *(["published AIC"] if several else []),
        "AIC, Weibull",
        "elpd",
        "difference (SE)",
        f"pareto k > {HIGH_K:g}",
        *(["counts"] if out else []),
    ]
    note = (
        "The AIC of Cox models is based on the partial likelihood and that of Weibull models on the density (for the "
        "joint model that of survival given the counts; its AIC also has a longitudinal part). The two cannot be "
        "compared with each other. elpd: leave-one-patient-out expected log predictive density of survival given the "
        "counts; higher is better. All readings use the same patients."
    )
    if comparison.cohort.causes:
        note += " For competing events the AICs are summed over the causes."
    return Table("Criteria", head, rows, note, n_text=4, marked=out)


def _aic(value):
    return MISSING if pd.isna(value) else fixed(value, 1)


def _associations(comparison):
    """Association of readings with covariates; None without a covariate to test."""
    table, failed = comparison.associations, classes_failed(comparison)
    if failed is not None:
        table = table[table["reading"] != "tctc"]
    if len(table) == 0:
        return None
    rows = []
    for r in table.itertuples():
        if pd.isna(r.chi2):
            rows.append([r.reading, r.covariate, *[MISSING] * 5, r.note])
            continue
        rows.append(
            [
                r.reading,
                r.covariate,
                f"{r.n:,}",
                f"{fixed(r.chi2, 1)} ({r.dof} df)",
                _p(r.p_chi2),
                _p(r.p_fisher),
                fixed(r.cramers_v, 2),
                r.note,
            ]
        )
    head = ["reading", "covariate", "patients", "chi-square", "p", "p, Fisher", "Cramér's V", "note"]
    note = "Fisher's test is exact for 2 × 2 tables and otherwise uses seeded resampling (smallest possible p 0.0001)."
    if failed is not None:
        note += f" Those of tctc are omitted. {failed_text(failed)}"
    return Table("Association with covariates", head, rows, note, n_text=2)


def _forest(comparison, name, cause) -> Picture:
    from bayesctc.plots.hazard_ratios import plot_hazard_ratios

    caption = f"Hazard ratios with {CI_TEXT} intervals on a log scale."
    study = bool(len(comparison.published))
    caption += " Published: from the study's own patients, not from these." if study else ""
    failed = _said(failures(comparison, name))
    levels = sum(len(reading.levels.cat.categories) - 1 for reading in comparison.readings.values())

    def draw(figure):
        plot_hazard_ratios(comparison, name, published=study, cause=cause or None, ax=figure.subplots())

    title, height = f"Hazard ratios, {_of(name, cause)}", 0.9 + 0.45 * levels
    drawn = picture(_key("forest", name, cause), title, caption, COLUMN, height, draw)
    return marked(drawn, failed)


def _key(*parts):
    """The name of a picture in the page."""
    return "-".join(part for part in parts if part)


def _of(name, cause):
    """An endpoint, or one of its competing events."""
    return f"{name}, {cause}" if cause else name


def _curves(comparison, name, reading, cause) -> Picture:
    from bayesctc.plots.readings import plot_readings

    height = 3.5 + 0.13 * len(comparison.readings[reading].levels.cat.categories)
    return picture(
        _key("curves", name, cause, reading),
        f"{'Cumulative incidence' if cause else 'Survival'} by {reading}, {_of(name, cause)}",
        "",
        COLUMN,
        height,
        lambda figure: plot_readings(comparison, name, reading, cause=cause or None, ax=figure.subplots()),
    )


def _flow_picture(comparison) -> Picture:
    from bayesctc.plots.flow import plot_flow

    caption = "From cycle-2 status (left) to the most probable trajectory class by the counts alone (right)."
    return picture(
        "flow",
        "Flow from b2CTC to tCTC",
        caption,
        COLUMN,
        3.4,
        lambda figure: plot_flow(comparison, ax=figure.subplots()),
    )


def _criteria_picture(comparison) -> Picture:
    from bayesctc.plots.criteria import plot_criteria

    caption = "Differences from the best reading of each endpoint."
    caption += " The joint model has no partial likelihood." if comparison.fits else ""
    table = comparison.criteria[~comparison.criteria["usable"]]
    said = "; ".join(f"{r.endpoint}, {r.reading}, {r.method} ({r.reason})" for r in table.itertuples()) or None
    drawn = picture(
        "criteria",
        "Criteria by endpoint",
        caption,
        2 * COLUMN,
        1.3 + 0.55 * len(comparison.endpoints),
        lambda figure: plot_criteria(comparison, axes=figure.subplots(1, 2)),
    )
    return marked(drawn, said)
