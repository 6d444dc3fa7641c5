"""The analysis and its main results, in a paragraph and a small table."""

import numpy as np

from bayesctc.model.describe_growth import curve_words
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.report.class_names import names_note
from bayesctc.report.first_page import free_of_event
from bayesctc.report.format import count, percent, significant, with_interval
from bayesctc.report.made_by import sampler_text
from bayesctc.report.subject import Subject
from bayesctc.report.tables import Beyond, Table

RESTS = "averages over that covariate rest on an effect that cannot be estimated"


def paragraph(subject: Subject) -> str:
    """The analysis in a paragraph."""
    spec, fit, n_samples = subject.spec, subject.fit, len(subject.samples)
    text = f"{n_samples:,} {subject.words.full_values} of {fit.n_patients:,} patients were analysed"
    if spec.endpoint is not None:
        text += f", with {subject.n_events:,} events of {endpoint_words(spec)}"
        text += f" ({subject.n_between:,} known only to lie between two visits)" if subject.n_between else ""
        text += " and delayed entry" if subject.delayed_entry else ""
    text += ". "
    if subject.selection is not None:
        text += _compared(subject.selection)
    elif subject.bayesian:
        text += f"The posterior of one model was sampled ({sampler_text(subject.bayes)}). "
    else:
        text += f"One model was fitted by maximum likelihood from {subject.ml.n_starts} starting "
        text += "value. " if subject.ml.n_starts == 1 else "values. "
    with_survival = f" joined to a {spec.hazard.capitalize()} model of survival" if spec.endpoint is not None else ""
    shown = "The model shown has" if subject.selection is not None else "The model has"
    number = "one class" if spec.n_classes == 1 else f"{spec.n_classes} latent classes"
    text += f"{shown} {number} of {subject.words.log_values} over time ({curve_words(spec)}){with_survival}. "
    kind = "equal-tailed" if subject.bayesian else "from the asymptotic normal distribution of the estimates"
    return text + f"Every interval is a {subject.interval} ({kind}) unless stated."


def _compared(selection):
    """Which numbers of classes were fitted, and how."""
    ks, fitted, sampled = list(selection.table.index), sorted(selection.ml), sorted(selection.bayes)
    text = f"Models with {_range(fitted)} were fitted by maximum likelihood"
    if sampled:
        others = "" if sampled == fitted else f" with {_range(sampled)}"
        text += f" and by sampling their posterior{others} ({sampler_text(selection.bayes[sampled[0]])})"
    looked = [k for k in selection.loo if k not in selection.bayes]
    text += f", with {_range(looked)} by a normal approximation" if looked else ""
    text += ", and compared with patients as units"
    early = [k for k in fitted if k not in selection.loo]
    text += f"; models with {_range(early)} could not be recommended and were not taken further" if early else ""
    unfitted = [k for k in ks if k not in fitted]
    return text + (f"; models with {_range(unfitted)} could not be fitted. " if unfitted else ". ")


def _range(ks):
    if len(ks) == 1:
        return f"{ks[0]} class{'es' if ks[0] != 1 else ''}"
    whole = ks == list(range(ks[0], ks[-1] + 1))
    return f"{ks[0]} to {ks[-1]} classes" if whole else f"{', '.join(map(str, ks))} classes"


def in_short(subject: Subject) -> Table:
    """The classes at a glance: size, medians, survival, hazard ratio."""
    quality, K = subject.fit.quality, subject.spec.n_classes
    months = subject.short_months
    head = ["class", "patients assigned", *(f"median {subject.words.value}, month {m:.2g}" for m in months)]
    beyond = Beyond(subject)
    cells = [
        [label, f"{int(n):,} ({percent(share)})"]
        for label, n, share in zip(subject.labels, quality["n_modal"], quality["share_modal"], strict=True)
    ]
    curves = subject.counts.sel(time=months)
    show = count if subject.outcome.whole else significant
    for g in range(K):
        each = curves.isel(latent_class=g)
        values = zip(*(each[v].to_numpy() for v in subject.outcome.median_columns), strict=True)
        cells[g] += [with_interval(*v, show=show) + beyond(g, m) for v, m in zip(values, months, strict=True)]
    note = f"Assigned: patients with this most probable class, and their share of all. {subject.in_unit}{beyond.note}"
    if subject.spec.endpoint is not None:
        horizon = subject.short_horizon
        survival = subject.survival.sel(time=[horizon])
        head.append(f"{free_of_event(subject)} at {horizon:.3g} months")
        for g in range(K):
            each = survival.isel(latent_class=g, time=0)
            cells[g].append(
                with_interval(*(float(each[v]) for v in ("survival_function", "lower", "upper")), show=percent)
            )
        if K > 1:
            between = subject.ratios[subject.ratios["comparison"].str.contains(" vs ", regex=False)]
            for cause, rows in between.groupby("cause", sort=False):
                of = f" of {cause!s}" if cause else ""
                head.append(f"hazard ratio{of} vs {subject.labels[0]}")
                cells[0].append("1 (reference)")
                for g, row in enumerate(rows.itertuples(), start=1):
                    cells[g].append(with_interval(row.estimate, row.lower, row.upper, show=significant))
                note += f" Hazard ratios{of}: {'; '.join(dict.fromkeys(rows['kind']))}."
        spoilt = [cell for cell in subject.fit.empty_cells if cell.formula == "survival_by_class"]
        note += "".join(f" {subject.called[c.latent_class]} has {c.lacks}: {RESTS}." for c in spoilt)
        over = f"; survival standardised to the cohort's {subject.averaged_over}" if subject.averaged_over else ""
        note += f" Endpoint: {endpoint_words(subject.spec)}{over}."
    assert len(np.unique([len(row) for row in cells])) == 1
    return Table("", head, cells, f"{note} In brackets: {subject.interval}. {names_note(subject)}".strip())
