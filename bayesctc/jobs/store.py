"""Results on disk: one file each, written atomically, and found again by a key of their inputs."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayesctc._version import __version__
from bayesctc.errors import StorageError
from bayesctc.results.atomic import check_writable, write_whole
from bayesctc.results.bayes_fit import BayesFit

FORMAT = 2  # of a result's file: its record, and the SHA-256 of that
AGAIN = "delete it to run it again"


def digest(content) -> str:
    """SHA-256 (hex) of what JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def key_of(*decides) -> str:
    """Key of a result: of its inputs, which JSON can hold, and of the version that made it."""
    return digest([__version__, *decides])


def seed_of(random_seed: int, content) -> int:
    """A seed of 31 bits for one part of a run, determined by what identifies it."""
    return int(digest([random_seed, content])[:8], 16) >> 1


class Store:
    """Records by key: in a folder, or in memory without one.

    Two runs may share a folder, because files of the same name have the same content.

    Parameters
    ----------
    folder : Path or str or None
        Created if it does not exist.

    Raises
    ------
    StorageError
        The folder cannot be written to.
    """

    def __init__(self, folder: str | Path | None):
        self.folder = None if folder is None else Path(folder)
        self._records: dict[str, dict[str, Any]] = {}
        self._fits: dict[str, BayesFit] = {}
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"{self.folder}: not a folder that can be written to ({error}).") from error
            check_writable(self.folder / "a_result.json", "a result")

    def get(self, key: str, name: str) -> dict[str, Any] | None:
        """The record of a key, or None.

        Raises
        ------
        StorageError
            A file of this name exists, but is not the record, or is damaged.
        """
        if key in self._records or self.folder is None:
            return self._records.get(key)
        path = self._path(key, name, "json")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            stated = _sealed(found["record"]) == found
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise StorageError(f"{path}: not a stored result, or damaged ({error}); {AGAIN}.") from error
        if not stated:
            raise StorageError(f"{path}: damaged or edited: its record does not match its SHA-256; {AGAIN}.")
        record = found["record"]
        if not isinstance(record, dict) or record.get("key") != key:
            raise StorageError(f"{path}: not the result of {name!r}; {AGAIN}.")
        self._records[key] = record
        return record

    def put(self, key: str, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a record, with its key in it."""
        kept = self._records[key] = {**record, "key": key}
        if self.folder is not None:
            text = json.dumps(_sealed(kept), indent=1, allow_nan=False)
            write_whole(self._path(key, name, "json"), text.encode("ascii"), "a result")
        return kept

    def has_fit(self, key: str, name: str) -> bool:
        """Whether a fit is kept."""
        return key in self._fits or (self.folder is not None and self._path(key, name, "nc").exists())

    def get_fit(self, key: str, name: str) -> BayesFit | None:
        """The fit behind a record, if it was kept.

        Raises
        ------
        StorageError
            The file is damaged.
        """
        if key in self._fits or not self.has_fit(key, name):
            return self._fits.get(key)
        from bayesctc.results.storage import load_fit  # its imports cost a second

        try:
            return self._fits.setdefault(key, load_fit(self._path(key, name, "nc")))
        except StorageError as error:
            raise StorageError(f"{error} It contains the fit of {name!r}; {AGAIN}.") from error

    def put_fit(self, key: str, name: str, fit: BayesFit) -> None:
        """Keep a fit; before its record, so that everything with a record is complete."""
        self._fits[key] = fit
        if self.folder is not None:
            fit.save(self._path(key, name, "nc"))

    def _path(self, key, name, ending):
        """The path of a file, from its name and key."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        assert self.folder is not None
        return self.folder / f"{slug or 'result'}-{key[:20]}.{ending}"


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    """A record as written to disk, with its SHA-256."""
    return {"format": FORMAT, "sha256": digest(record), "record": record}
