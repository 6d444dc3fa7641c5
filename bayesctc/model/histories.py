"""Rows of covariates that change, for the hazard: patient, start and weight of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.design.formulas import Covariates
from bayesctc.design.grammar import columns_of
from bayesctc.errors import DataError, SpecError
from bayesctc.model.stretches import Changes, shares

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec

HAZARD, OTHERS = ("survival", "survival_by_class"), ("membership", "longitudinal", "longitudinal_by_class")


def changing_columns(spec: "ModelSpec", cohort: Cohort) -> tuple[str, ...]:
    """Columns of the intervals that the hazard's formulas read; refuses others that read one.

    Raises
    ------
    SpecError
        Membership, or the longitudinal part, reads a column of the intervals.
    """
    known = cohort.interval_types
    for what in OTHERS:
        elsewhere = {} if what == "membership" else cohort.sample_types
        for column in columns_of(getattr(spec, what), what):
            if column in known and column not in elsewhere:
                raise SpecError(
                    f"{what}: {getattr(spec, what)!r} names {column!r}, a column of the intervals, which can act on "
                    "the hazard only; allowed in survival and survival_by_class."
                )
    read = dict.fromkeys(column for what in HAZARD for column in columns_of(getattr(spec, what), what))
    return tuple(column for column in read if column in known)


@dataclass(frozen=True, eq=False)
class Histories:
    """Rows by patient and start, without those in which no covariate changes.

    Attributes
    ----------
    table : DataFrame (n_rows,)
        Covariates of the intervals and of the patients, indexed by patient.
    patient : array of int (n_rows,)
        Place of each row's patient.
    start : array (n_rows,)
        Months from which a row's values apply; 0 for a patient's first row.
    """

    table: pd.DataFrame
    patient: np.ndarray
    start: np.ndarray

    @classmethod
    def of(cls, intervals: pd.DataFrame, patients: pd.DataFrame, columns: Sequence[str]) -> "Histories":
        """Rows of these patients whose values of `columns` differ from those before, in the patients' order."""
        place = pd.Index(patients.index).get_indexer(pd.Index(intervals["patient_id"]))
        order = np.lexsort((intervals["start"].to_numpy(), place))
        order = order[place[order] >= 0]
        own, place = intervals.iloc[order], place[order]
        first = np.append(True, place[1:] != place[:-1]) if len(place) else np.zeros(0, dtype=bool)
        changed = first.copy()
        for column in columns:
            codes = pd.factorize(own[column], use_na_sentinel=False)[0]
            changed[1:] |= codes[1:] != codes[:-1]
        own, place, first = own[changed], place[changed], first[changed]
        start = np.where(first, 0.0, own["start"].to_numpy(dtype=float))
        table = patients.iloc[place].assign(**{column: own[column].array for column in columns})
        return cls(table, place, start)


def hazard_table(
    patients: pd.DataFrame, intervals: pd.DataFrame | None, columns: Sequence[str]
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """The table on which the hazard's formulas are settled: patients, with _entry and _time, or their histories.

    Parameters
    ----------
    patients : DataFrame
    intervals : DataFrame, optional
    columns : sequence of str
        Those of the intervals that the formulas read.

    Returns
    -------
    DataFrame
    array (n_rows,), or None
        Weights of the rows if they are not patients: see `shares`.
    """
    if not columns or intervals is None:
        return patients, None
    histories = Histories.of(intervals, patients, columns)
    entry, time = (patients[name].to_numpy(dtype=float) for name in ("_entry", "_time"))
    return histories.table, shares(histories.patient, histories.start, entry, time)


def hazard_terms(
    hazard: Mapping[str, Covariates], patients: pd.DataFrame, intervals: pd.DataFrame | None, columns: Iterable[str]
) -> tuple[np.ndarray, Changes | None]:
    """Terms of the hazard's formulas on the scale of the fit.

    Parameters
    ----------
    hazard : mapping
        The formulas, in order.
    patients : DataFrame
        Indexed by patient.
    intervals : DataFrame, optional
        Rows of these patients, and of others.
    columns : iterable of str
        Columns of the intervals that the formulas read.

    Returns
    -------
    array (n_patients, n_survival)
        The initial terms of each patient.
    Changes, or None if no patient's terms change

    Raises
    ------
    DataError
        There are no intervals, or none for a patient.
    """
    names = tuple(columns)

    def terms(table):
        return np.column_stack([formula.directions(table, what) for what, formula in hazard.items()])

    if not names:
        return terms(patients), None
    if intervals is None:
        raise DataError(
            f"intervals: found none; allowed: a table of patient_id, start, stop and {', '.join(names)}, which the "
            "model's hazard reads (read_cohort(..., intervals=...))"
        )
    histories = Histories.of(intervals, patients, names)
    changes = Changes(histories.patient, histories.start, terms(histories.table))
    first = changes.first
    if len(first) < len(patients):
        absent = patients.index[~np.isin(np.arange(len(patients)), changes.patient)]
        raise DataError(f"intervals: found none for patient {absent[0]!r}; allowed: at least one row for each patient")
    return changes.x[first], changes if len(changes.start) > len(first) else None
