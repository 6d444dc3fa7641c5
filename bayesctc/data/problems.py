"""Tables whose cells can be pointed at, and the collection of what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.errors import DataError

SHOWN = 20
LONGEST_QUOTE = 40
FIELDS = ["file", "row", "patient", "column", "found", "allowed"]


def quoted(value: Any) -> str:
    """What was found, on one line and at most `LONGEST_QUOTE` characters long."""
    text = whole(repr(str(value)) if isinstance(value, str) else str(value).replace("\n", " "))
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def whole(text: str) -> str:
    """A text that can be printed: halves of characters (lone surrogates) are question marks."""
    return text.encode("utf-8", "replace").decode()


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
    """Everything that is wrong, collected so that it is reported at once."""

    def __init__(self) -> None:
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
        """Raise a `DataError` that lists the first 20 problems, if there are any."""
        if not self:
            return
        problems = self.frame()
        total = len(problems)
        heading = "1 problem in the data:" if total == 1 else f"{total} problems in the data:"
        if total > SHOWN:
            heading = (
                f"{total} problems in the data, of which the first {SHOWN} are shown (all: the error's .problems):"
            )
        lines = [_line(problem) for problem in problems.head(SHOWN).to_dict("records")]
        raise DataError("\n".join([heading, *lines]), problems)

    def _append(self, values: Mapping[str, Any]) -> None:
        piece = pd.DataFrame(values, columns=FIELDS).astype(dict.fromkeys(set(FIELDS) - {"row"}, object))
        self._pieces.append(piece.astype({"row": "Int64"}))


def _line(problem: Mapping[Any, Any]) -> str:
    place = [problem["file"]]
    if not pd.isna(problem["row"]):
        place.append(f"row {problem['row']}")
    if not pd.isna(problem["patient"]):
        place.append(f"patient {quoted(str(problem['patient']))}")
    if not pd.isna(problem["column"]):
        place.append(f"column {quoted(str(problem['column']))}")
    return f"  {', '.join(place)}: found {problem['found']}; allowed: {problem['allowed']}"
