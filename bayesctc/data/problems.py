"""Tables whose cells can be pointed at, and the collection of what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data.alike import grouped
from bayesctc.data.quoting import quoted, whole
from bayesctc.errors import DataError

FIELDS = ["file", "row", "patient", "column", "found", "allowed"]


@dataclass(frozen=True)
class Table:
    """The user's table under our column names, with what is needed to point at a cell of it.

    Parameters
    ----------
    name : str
        File name, or "samples frame" / "patients frame".
    frame : pandas.DataFrame
        The cells as given, columns renamed, index 0, 1, ...
    rows : numpy.ndarray
        (rows,) line in the file, the header being line 1; or position in the frame, the first being 0.
    theirs : mapping
        Our column name to the user's, where they differ.
    """

    name: str
    frame: pd.DataFrame
    rows: np.ndarray
    theirs: Mapping[str, str] = field(default_factory=dict)

    def column_name(self, column: str) -> str:
        """The user's name of one of our columns."""
        return self.theirs.get(column, column)


class Problems:
    """All problems of the data, collected to be reported at once."""

    def __init__(self, time_unit: str = "months") -> None:
        self._time_unit = time_unit  # in which times are read, for what the remedy may be
        self._pieces: list[pd.DataFrame] = []

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, file: str, found: str, allowed: str, *, row: int | None = None, column: str | None = None) -> None:
        """Note a problem of a whole file, of one of its lines or of a column."""
        values = {"file": [file], "row": [row], "patient": [None], "column": [column]}
        self._append({**values, "found": [found], "allowed": [allowed]})

    def add_rows(
        self,
        table: Table,
        where: np.ndarray,
        column: str,
        allowed: str | Sequence[str],
        found: Sequence[str] | None = None,
    ) -> None:
        """Note the same problem in many rows.

        Parameters
        ----------
        table : Table
        where : numpy.ndarray
            (rows,) boolean, True where the problem is.
        column : str
            Our name of the column.
        allowed, found : str or sequence of str
            One text for all, or one for each row concerned; without `found`, the cell itself is quoted.
        """
        at = np.flatnonzero(where)
        if at.size == 0:
            return
        if found is None:
            found = [quoted(value) for value in table.frame[column].iloc[at]]
        patients: list[str | None] = [None] * at.size
        if "patient_id" in table.frame:
            patients = [None if pd.isna(value) else whole(str(value)) for value in table.frame["patient_id"].iloc[at]]
        self._append(
            {
                "file": [table.name] * at.size,
                "row": table.rows[at],
                "patient": patients,
                "column": [table.column_name(column)] * at.size,
                "found": list(found),
                "allowed": [allowed] * at.size if isinstance(allowed, str) else list(allowed),
            }
        )

    def frame(self) -> pd.DataFrame:
        """All problems: file, row, patient, column, found, allowed; by file and row."""
        problems = pd.concat(self._pieces, ignore_index=True)
        file_order = pd.factorize(problems["file"])[0]
        row = problems["row"].fillna(-1).to_numpy(dtype=np.int64)
        return problems.iloc[np.lexsort((row, file_order))].reset_index(drop=True)

    def raise_any(self) -> None:
        """Raise a `DataError` that lists the problems, if any, similar ones in one line."""
        if self:
            problems = self.frame()
            raise DataError(grouped(problems, self._time_unit), problems)

    def _append(self, values: Mapping[str, Any]) -> None:
        piece = pd.DataFrame(values, columns=FIELDS).astype(dict.fromkeys(set(FIELDS) - {"row"}, object))
        self._pieces.append(piece.astype({"row": "Int64"}))
