"""Destinations of results, checked before the work starts, and a record of what was written."""

import io
import sys
from pathlib import Path

from bayesctc.data.csv_cells import csv_bytes
from bayesctc.errors import StorageError
from bayesctc.results.atomic import check_writable, write_whole


class Output:
    """The files of one command.

    Parameters
    ----------
    overwrite : bool
        Replace existing files; otherwise a terminal is asked, and elsewhere they are refused.

    Attributes
    ----------
    written : list of Path
    """

    def __init__(self, *, overwrite: bool = True) -> None:
        self._overwrite = overwrite
        self.written: list[Path] = []
        self._made: list[Path] = []

    def folder(self, path: str, *names: str) -> list[Path]:
        """Files of these names in a folder, which is created if necessary; refused if they cannot be written."""
        folder = Path(path)
        self._make(folder)
        return self._free([folder / name for name in names])

    def file(self, path: str | Path, *beside: str) -> list[Path]:
        """A file in a folder, which is created if necessary, and files named after it, such as "classes.csv"."""
        path = Path(path)
        self._make(path.parent)
        return self._free([path, *(path.with_name(f"{path.stem}_{name}") for name in beside)])

    def _make(self, folder: Path) -> None:
        """Create a missing folder."""
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: cannot be used as a folder ({error.strerror or error}).") from error
        self._made += missing

    def _free(self, files: list[Path]) -> list[Path]:
        """The files, after checking that they can and may be written."""
        for file in files:
            check_writable(file)
        there = [str(file) for file in files if file.exists()]
        if not there or self._overwrite:
            return files
        are = f"{', '.join(there)} already exist{'s' if len(there) == 1 else ''}"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise StorageError(f"{are}; --overwrite replaces {'it' if len(there) == 1 else 'them'}.")
        print(f"{are}. Overwrite? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise StorageError("nothing was overwritten.")
        return files

    def table(self, path: Path, table, *, index: bool = True) -> None:
        """Write a table as CSV, completely or not at all."""
        self.whole(path, csv_bytes(table, index=index))

    def whole(self, path: Path, content: bytes) -> None:
        """Write tables, completely or not at all."""
        write_whole(path, content, "the table")
        self.written.append(path)

    def picture(self, path: Path, ax) -> None:
        """Write the figure of Axes as PNG, completely or not at all."""
        drawn = io.BytesIO()
        ax.figure.savefig(drawn, format="png")
        write_whole(path, drawn.getbuffer(), "the picture")
        self.written.append(path)

    def save(self, path: Path, fit) -> None:
        """Write a fit."""
        fit.save(path)
        self.written.append(path)

    def clean(self) -> None:
        """Remove folders that were created and are empty."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return

    def lines(self) -> list[str]:
        """What was written, one line per file."""
        return [f"  {path}" for path in self.written]
