"""Tables of survival by class and of hazard ratios."""

from bayesctc.predict.hazard_ratios import hazard_ratios
from bayesctc.report.format import first_up, fixed, percent, with_interval
from bayesctc.report.subject import LANDMARKS, Subject
from bayesctc.report.tables import Table
from bayesctc.results.intervals import CI_TEXT


def survival_values(subject: Subject) -> Table | None:
    """Survival at 12, 24 and 36 months, and restricted mean survival."""
    if subject.spec.endpoint is None:
        return None
    last, curves = subject.last_follow_up, subject.survival.sel(time=list(LANDMARKS))
    horizon = curves.attrs["horizon"]
    rows = []
    for g, label in enumerate(subject.labels):
        each = curves.isel(latent_class=g)
        values = zip(*(each[v].to_numpy() for v in ("survival_function", "lower", "upper")), strict=True)
        mean = (float(each[v]) for v in ("rmst", "rmst_lower", "rmst_upper"))
        rows.append([label, *(with_interval(*v, show=percent) for v in values), with_interval(*mean, show=_months)])
    beyond = any(t > last for t in LANDMARKS)
    head = ["class", *(f"{t:g} months{' †' if t > last else ''}" for t in LANDMARKS), f"mean months to {horizon:.4g}"]
    note = (
        f"{first_up(subject.estimate)} ({subject.interval}) of the probability of being free of the event "
        f"({subject.spec.endpoint}) in each class, and of the mean time free of it up to {horizon:.4g} months "
        "(restricted mean)."
    )
    if subject.averaged_over:
        note += f" Standardised: averaged over the {subject.averaged_over} of all patients."
    if beyond:
        note += f" † Beyond the longest follow-up, {last:.1f} months: extrapolated by the {subject.spec.hazard} model."
    return Table("Survival by class", head, rows, note)


def ratio_tables(subject: Subject) -> list[Table]:
    """Hazard ratios between classes and of covariates, and differences in survival at a horizon."""
    if subject.spec.endpoint is None:
        return []
    ratios = subject.ratios
    if len(ratios) == 0:
        return []
    note = f"{first_up(subject.estimate)} ({subject.interval})."
    if subject.spec.n_classes > 1:
        note += " Between classes of the joint model: the interval includes the uncertainty of class membership." + (
            ""
            if subject.spec.common_shape
            else " With a shape for each class the hazard ratio changes with time; the average stated is given."
        )
    rows = []
    for r in ratios.itertuples():
        estimand = "; ".join(str(text) for text in (r.kind, r.note) if text)
        comparison = f"{r.comparison!s}, {r.cause!s}" if r.cause else str(r.comparison)
        rows.append([comparison, with_interval(r.estimate, r.lower, r.upper), estimand])
    head = ["comparison", f"hazard ratio ({CI_TEXT} interval)", "estimand"]
    tables = [Table("Hazard ratios", head, rows, note, n_text=-1)]
    if len(subject.contrasts):
        tables.append(_contrasts(subject))
    if subject.spec.n_classes > 1:
        tables.append(_differences(subject))
    return tables


def _contrasts(subject):
    """Whether the effects of covariates on the hazard differ between classes."""
    rows = []
    for r in subject.contrasts.itertuples():
        comparison = f"{r.comparison!s}, {r.cause!s}" if r.cause else str(r.comparison)
        why_none = "" if r.kind == "constant over time" else str(r.kind)
        rows.append([comparison, with_interval(r.estimate, r.lower, r.upper), why_none])
    note = (
        f"{first_up(subject.estimate)} ({subject.interval}) of the covariate's hazard ratio in the first class divided "
        "by that in the second; 1: the same in both. This shows whether the hazard ratios above differ. It is not "
        "enough that the interval of one includes 1 and that of another does not."
    )
    head = ["covariate, classes", f"ratio of hazard ratios ({CI_TEXT} interval)", ""]
    return Table("Do covariates act differently in the classes?", head, rows, note, n_text=-1)


def _differences(subject):
    """Differences in survival and in restricted mean survival, at a month within the follow-up."""
    first_event = float(subject.event_times.min())
    horizon = next((t for t in reversed(LANDMARKS) if first_event <= t <= subject.last_follow_up), None)
    table = hazard_ratios(subject.fit, horizon=horizon)
    differences = table[table["quantity"].str.startswith("difference")]
    rows: dict[str, list[str]] = {}
    for r in differences.itertuples():
        show = _points if r.unit == "probability" else _months
        cell = with_interval(r.estimate, r.lower, r.upper, show=show)
        rows.setdefault(str(r.comparison), [str(r.comparison)]).append(cell)
    months = str(differences.iloc[0]["kind"]).removeprefix("at ")
    head = ["class minus reference", f"survival at {months}, percentage points", f"mean survival to {months}, months"]
    over = f", standardised to the {subject.averaged_over} of all patients" if subject.averaged_over else ""
    note = f"{first_up(subject.estimate)} ({subject.interval}){over}."
    return Table("Differences in survival", head, list(rows.values()), note)


def _points(share):
    return fixed(100 * share, 0)


def _months(value):
    return fixed(value, 1)
