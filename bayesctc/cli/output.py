"""Where results go: checked before the work starts, and what was written is remembered."""

import io
from pathlib import Path

from bayesctc.data.csv_cells import csv_bytes
from bayesctc.errors import StorageError
from bayesctc.results.atomic import check_writable, write_whole


class Output:
    """The files of one command.

    Attributes
    ----------
    written : list of Path
    """

    def __init__(self) -> None:
        self.written: list[Path] = []
        self._made: list[Path] = []

    def folder(self, path: str, *names: str) -> list[Path]:
        """Files of these names in a folder, which is made if it is not there; refuses what cannot be written to."""
        folder = Path(path)
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: not a folder that can be written to ({error.strerror or error}).") from error
        self._made += missing
        files = [folder / name for name in names]
        for file in files:
            check_writable(file)
        return files

    def file(self, path: str) -> Path:
        """A file in a folder that is there; refuses what cannot be written to."""
        check_writable(path)
        return Path(path)

    def table(self, path: Path, table, *, index: bool = True) -> None:
        """Write a table as CSV, whole or not at all."""
        write_whole(path, csv_bytes(table, index=index), "the table")
        self.written.append(path)

    def picture(self, path: Path, ax) -> None:
        """Write the figure of Axes as PNG, whole or not at all."""
        drawn = io.BytesIO()
        ax.figure.savefig(drawn, format="png")
        write_whole(path, drawn.getbuffer(), "the picture")
        self.written.append(path)

    def save(self, path: Path, fit) -> None:
        """Write a fit."""
        fit.save(path)
        self.written.append(path)

    def clean(self) -> None:
        """Remove folders made for nothing: those that are empty."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return

    def lines(self) -> list[str]:
        """What was written, one line per file."""
        return [f"  {path}" for path in self.written]
