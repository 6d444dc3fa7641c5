"""What commands print of results, and the files written with them."""

import time
from pathlib import Path

from bayesctc.cli.output import Output
from bayesctc.report.format import duration

BY_COUNTS = ("classes_by_counts.csv",)
OF_SURVIVAL = ("classes_by_counts_and_survival.csv", "hazard_ratios.csv")


def print_table(heading: str, table, *, index: bool = True) -> None:
    """A table under its heading."""
    print(f"\n{heading}")
    print(table.round(3).to_string(index=index))


def finish(output: Output, began: float) -> None:
    """Print the time taken and the files written."""
    print(f"\nDone in {duration(time.perf_counter() - began)}. Written:")
    print("\n".join(output.lines()))


def print_separation(fit) -> None:
    """The information that separates the classes, if survival is modelled."""
    if fit.spec.endpoint is not None and fit.spec.n_classes > 1:
        counts = fit.design.outcome.words.values
        table = fit.class_separation().rename(columns={"counts": counts})
        print_table(f"What separates the classes, {counts} or survival (nats per patient)", table)


def write_beside(files: list[Path], fit, output: Output) -> None:
    """Classes of the patients, and hazard ratios with an endpoint: the files of `beside`."""
    from bayesctc.predict.hazard_ratios import hazard_ratios

    for path, table in zip(files, fit.class_tables.values(), strict=False):
        output.table(path, table)
    if fit.spec.endpoint is not None:
        output.table(files[-1], hazard_ratios(fit), index=False)


def beside(endpoint: str | None) -> tuple[str, ...]:
    """Names of the files with patients' classes, and with hazard ratios."""
    return BY_COUNTS if endpoint is None else (*BY_COUNTS, *OF_SURVIVAL)


def workbook_of(name: str, output: Output) -> Path | None:
    """The Excel file for the tables, checked to be writable; None if the name is that of a folder."""
    from bayesctc.report.workbook import is_workbook

    return output.file(name)[0] if is_workbook(name) else None


def write_all_tables(fit, folder: str, workbook: Path | None, output: Output) -> None:
    """The tables of a fit, as CSV files in a folder or in one Excel file."""
    from bayesctc.report.table_files import tables_of
    from bayesctc.report.workbook import workbook_bytes

    tables = tables_of(fit)
    if workbook is not None:
        output.whole(workbook, workbook_bytes(tables))
        return
    files = output.folder(folder, *(f"{name}.csv" for name in tables))
    for file, table in zip(files, tables.values(), strict=True):
        output.table(file, table, index=False)
