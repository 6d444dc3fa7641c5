"""A cohort's fingerprint: one hash for the same data, however they were stored."""

import hashlib
from typing import Any

import pandas as pd

from bayesctc.data.columns import REASON, STATUS
from bayesctc.data.content import Content, natural_order, sort_rows, sort_samples
from bayesctc.data.schema import natural_levels


def fingerprint(content: Content) -> str:
    """SHA-256 (hex) of what a model sees of a cohort, whatever the order of rows and columns and their first types.

    Numbers enter as doubles, everything else as text: the number 1 and the level "1" differ, since a formula treats
    them differently. The order of a factor's levels enters, since it determines the reference; levels without patients
    do not. Names of competing events, a marker, samples kept after an endpoint, samples that failed or are missing
    (their time, status and reason), and intervals also enter.
    """
    ordered = content.patients.iloc[natural_order(content.patients.index)]
    digest = hashlib.sha256()
    tables = [("samples", sort_samples(content.samples, ordered.index)), ("patients", ordered.reset_index())]
    if content.intervals is not None:
        tables.append(("intervals", sort_rows(content.intervals, ordered.index, "start")))
    for name, table in tables:
        _feed(digest, f"table {name} {len(table)}")
        for column in sorted(table.columns):
            _feed(digest, f"column {column}")
            _feed_values(digest, table[column])
    if len(content.failed_samples):
        _feed(digest, f"table failed samples {len(content.failed_samples)}")
        failed = content.failed_samples.sort_values(["patient_id", "time", STATUS, REASON])
        for column in ("patient_id", "time", STATUS, REASON):
            _feed_values(digest, failed[column])
    for endpoint in sorted(content.causes):
        _feed(digest, f"causes {endpoint} {' '.join(content.causes[endpoint])}")
    stored = content.outcome.stored()
    if stored is not None:
        for text in ("marker", *map(str, stored.values())):
            _feed(digest, text)
    if content.samples_after_endpoint != "drop":
        _feed(digest, f"samples after an endpoint {content.samples_after_endpoint}")
    return digest.hexdigest()


def _feed(digest: Any, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest.update(len(data).to_bytes(8, "little") + data)


def _feed_values(digest: Any, values: pd.Series) -> None:
    missing = values.isna().to_numpy(dtype=bool)
    digest.update(missing.tobytes())
    present = values[~missing]
    if pd.api.types.is_numeric_dtype(values):
        digest.update(b"numbers" + (present.to_numpy(dtype="<f8") + 0.0).tobytes())
        return
    digest.update(b"text")
    _feed(digest, "".join(f"{len(text)}:{text}" for text in map(str, present)))
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = tuple(present.cat.remove_unused_categories().cat.categories)
        if levels != natural_levels(levels):
            _feed(digest, "levels " + "".join(f"{len(text)}:{text}" for text in levels))
