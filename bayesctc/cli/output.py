"""Where results go: checked before the work starts, and what was written is remembered."""

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
        Replace files that are there already; a terminal is asked otherwise, and elsewhere they are refused.

    Attributes
    ----------
    written : list of Path
    """

    def __init__(self, *, overwrite: bool = True) -> None:
        self._overwrite = overwrite
        self.written: list[Path] = []
        self._made: list[Path] = []

    def folder(self, path: str, *names: str) -> list[Path]:
        """Files of these names in a folder, which is made if it is not there; refuses what cannot be written to."""
        folder = Path(path)
        self._make(folder)
        return self._free([folder / name for name in names])

    def file(self, path: str | Path, *beside: str) -> list[Path]:
        """A file in a folder, which is made if it is not there, and files named after it, such as "classes.csv"."""
        path = Path(path)
        self._make(path.parent)
        return self._free([path, *(path.with_name(f"{path.stem}_{name}") for name in beside)])

    def _make(self, folder: Path) -> None:
        """Make a folder that is not there."""
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: not a folder that can be written to ({error.strerror or error}).") from error
        self._made += missing

    def _free(self, files: list[Path]) -> list[Path]:
        """The files, which can be written to and may be."""
        for file in files:
            check_writable(file)
        there = [str(file) for file in files if file.exists()]
        if not there or self._overwrite:
            return files
        are = f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise StorageError(f"{are}; --overwrite replaces {'it' if len(there) == 1 else 'them'}.")
        print(f"{are}. Overwrite? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise StorageError("nothing was overwritten.")
        return files

    def table(self, path: Path, table, *, index: bool = True) -> None:
        """Write a table as CSV, whole or not at all."""
        self.whole(path, csv_bytes(table, index=index))

    def whole(self, path: Path, content: bytes) -> None:
        """Write tables, whole or not at all."""
        write_whole(path, content, "the table")
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
