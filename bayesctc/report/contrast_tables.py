"""Tables of the effects of covariates on the growth curve of each class."""

from bayesctc.predict.contrasts import trajectory_contrasts
from bayesctc.report.format import first_up, significant, with_interval
from bayesctc.report.subject import Subject
from bayesctc.report.tables import Table


def contrast_tables(subject: Subject) -> list[Table]:
    """One table for each factor with an effect by class on the curve: its levels against the reference."""
    fit, months = subject.fit, subject.table_months
    tables = []
    for column, (reference, *levels) in fit.design.longitudinal_by_class.levels.items():
        rows = []
        for level in levels:
            found = trajectory_contrasts(fit, column, (reference, level), months)
            for g, label in enumerate(subject.labels):
                each = found.isel(latent_class=g)
                over = (float(each[name]) for name in ("mean", "mean_lower", "mean_upper"))
                at = zip(*(each[name].to_numpy() for name in ("difference", "lower", "upper")), strict=True)
                shown = (with_interval(*values, show=significant) for values in (over, *at))
                rows.append([f"{level} minus {reference}", label, *shown])
        note = (
            f"{first_up(subject.estimate)} ({subject.interval}) of the difference between the curves of a class, in "
            f"{found.attrs['unit']}; the mean is over the span of the samples, {found.attrs['span'].split(',')[0]}. "
            f"Without randomisation of {column}, this difference is not the effect of a treatment."
        )
        head = [column, "class", "mean", *(f"month {m:g}" for m in months)]
        tables.append(Table(f"Curves by {column} and class", head, rows, note, n_text=2))
    return tables
