"""A cohort's fingerprint: one hash for the same data, however they were stored."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bayesctc.data.content import natural_order, sort_samples
from bayesctc.data.marker import Marker


def fingerprint(
    samples: pd.DataFrame, patients: pd.DataFrame, causes: Mapping[str, tuple[str, ...]], marker: Marker | None = None
) -> str:
    """SHA-256 (hex) of the values of a cohort's tables, whatever the order of rows and columns and their types.

    Numbers and booleans count as doubles, everything else as text: the number 1 and the text "1" differ, since a
    formula treats them differently. Names of competing events and a marker are part of it.
    """
    ordered = patients.iloc[natural_order(patients.index)]
    digest = hashlib.sha256()
    for name, table in (("samples", sort_samples(samples, ordered.index)), ("patients", ordered.reset_index())):
        _feed(digest, f"table {name} {len(table)}")
        for column in sorted(table.columns):
            _feed(digest, f"column {column}")
            _feed_values(digest, table[column])
    for endpoint in sorted(causes):
        _feed(digest, f"causes {endpoint} {' '.join(causes[endpoint])}")
    if marker is not None:
        for text in ("marker", marker.column, marker.unit, marker.transform):
            _feed(digest, text)
    return digest.hexdigest()


def _feed(digest: Any, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little") + data)


def _feed_values(digest: Any, values: pd.Series) -> None:
    missing = values.isna().to_numpy(dtype=bool)
    digest.update(missing.tobytes())
    present = values[~missing].astype(object).infer_objects()
    if pd.api.types.is_bool_dtype(present) or pd.api.types.is_numeric_dtype(present):
        digest.update(b"numbers" + (present.to_numpy(dtype="<f8") + 0.0).tobytes())
    else:
        digest.update(b"text")
        _feed(digest, "".join(f"{len(text)}:{text}" for text in map(str, present)))
