"""Tables as one Excel file, a sheet each."""

import io
import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from bayesctc.errors import StorageError

SUFFIX = ".xlsx"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # characters that an Excel file cannot hold
LONGEST = 32_767  # characters of a cell


def is_workbook(path: str | Path) -> bool:
    """Whether a name is that of an Excel file.

    Raises
    ------
    StorageError
        It is, but the library that writes it is not installed.
    """
    if Path(path).suffix.lower() != SUFFIX:
        return False
    if find_spec("openpyxl") is None:
        raise StorageError(
            f"{path}: an Excel file needs the library openpyxl, which is not installed: pip install 'bayesctc[excel]', "
            "or give a folder for CSV files."
        )
    return True


def workbook_bytes(tables: dict[str, pd.DataFrame]) -> bytes:
    """The tables as the content of an Excel file; text is never read as a formula, whatever it begins with.

    Raises
    ------
    StorageError
        A text is longer than a cell can hold.
    """
    content = io.BytesIO()
    held = {name: table.astype(object).map(lambda cell, name=name: _cell(cell, name)) for name, table in tables.items()}
    with pd.ExcelWriter(content, engine="openpyxl") as writer:
        for name, table in held.items():
            table.to_excel(writer, sheet_name=name, index=False)
            for row in writer.sheets[name].iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        cell.data_type = "s"
    return content.getvalue()


def _cell(value: object, table: str) -> object:
    """A cell as Excel can hold it: control characters and halves of characters are spelled out."""
    if not isinstance(value, str):
        return value
    text = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value).encode("utf-8", "backslashreplace").decode()
    if len(text) > LONGEST:
        raise StorageError(f"table {table}: found a text of {len(text):,} characters; allowed in Excel: {LONGEST:,}")
    return text
