"""A cohort with further covariates or samples, or with its covariates under another schema."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data import covariates
from bayesctc.data.columns import STATUS, TIME_TOLERANCE, endpoint_columns
from bayesctc.data.content import Content, interval_rows, sample_rows, sort_samples
from bayesctc.data.flow import step_after
from bayesctc.data.problems import Problems, Table
from bayesctc.data.schema import Schema
from bayesctc.errors import DataError


def under(content: Content, schema: Schema, sample_schema: Schema, interval_schema: Schema) -> Content:
    """The content with its covariates under a schema; see `Cohort.under`."""
    problems = Problems()
    own_names = _changed(content.covariates, content.schema, schema)
    further_names = _changed(content.sample_covariates, content.sample_schema, sample_schema)
    changing_names = _changed(content.interval_covariates, content.interval_schema, interval_schema)
    found = content
    if own_names:
        patients, ids = content.patients, content.patients.index
        texts = {name: covariates.texts_of(patients[name], content.given, ids) for name in own_names}
        own = _read("the cohort's patients", ids, texts, problems, schema)
        given, types = {**content.given, **own.given_by(ids)}, {**content.schema, **own.schema}
        found = replace(found, patients=_with(patients, own), schema=types, given=given)
    if further_names:
        samples, rows = content.samples, sample_rows(content.samples)
        texts = {name: covariates.texts_of(samples[name], content.sample_given, rows) for name in further_names}
        further = _read("the cohort's samples", samples["patient_id"], texts, problems, sample_schema)
        given, types = {**content.sample_given, **further.given_by(rows)}, {**content.sample_schema, **further.schema}
        found = replace(found, samples=_with(samples, further), sample_schema=types, sample_given=given)
    if content.intervals is not None and changing_names:
        table, rows = content.intervals, interval_rows(content.intervals)
        texts = {name: covariates.texts_of(table[name], content.interval_given, rows) for name in changing_names}
        read = _read("the cohort's intervals", table["patient_id"], texts, problems, interval_schema)
        given, types = {**content.interval_given, **read.given_by(rows)}, {**content.interval_schema, **read.schema}
        found = replace(found, intervals=_with(table, read), interval_schema=types, interval_given=given)
    problems.raise_any()
    return found


def with_covariates(content: Content, columns: dict[str, pd.Series]) -> Content:
    """The content with further covariates; see `Cohort.with_covariates`."""
    patients = content.patients
    fixed = {*endpoint_columns(content.endpoints), *patients.columns, "patient_id", "entry", "followup_end"}
    fixed |= set(content.interval_covariates)
    for name, values in columns.items():
        if name in fixed:
            raise DataError(f"with_covariates: found {name!r}, which exists already; allowed: a new name")
        missing = patients.index[~patients.index.isin(values.index)]
        if len(missing):
            raise DataError(
                f"with_covariates: {name!r} has no value for patient {missing[0]!r} ({len(missing)} in all); allowed: "
                "a value for every patient of the cohort (exclude the others with select() first)"
            )
    problems = Problems()
    arrays = {name: column.loc[patients.index].array for name, column in columns.items()}
    read = _read("with_covariates", patients.index, arrays, problems, {})
    problems.raise_any()
    return replace(
        content,
        patients=_with(patients, read),
        schema={**content.schema, **read.schema},
        given={**content.given, **read.given_by(patients.index)},
    )


def with_samples(content: Content, samples: pd.DataFrame, step: str) -> Content:
    """The content with further samples; see `Cohort.with_samples`."""
    patients = content.patients
    unknown = samples.loc[~samples["patient_id"].isin(patients.index), "patient_id"]
    if len(unknown):
        raise DataError(f"with_samples: found {unknown.iloc[0]!r}; allowed: patients of the cohort")
    outcome, column = content.outcome, content.outcome.column
    if STATUS in samples:
        raise DataError(f"with_samples: found a column {STATUS!r}; allowed: samples with a value, without a status")
    if column not in samples:
        raise DataError(f"with_samples: found no column {column!r}; allowed: patient_id, time and {column}")
    inside = (samples[column] >= outcome.lower) & (samples[column] <= outcome.upper)
    if not inside.all():
        raise DataError(
            f"with_samples: found {column} = {samples[column][~inside].iloc[0]:g}; allowed: {outcome.allowed}"
        )
    for limit in ("os_time", "followup_end"):
        if limit in patients:
            late = samples["time"].to_numpy() > patients[limit].loc[samples["patient_id"]].to_numpy() + TIME_TOLERANCE
            if late.any():
                who = samples["patient_id"].to_numpy()[late][0]
                raise DataError(f"with_samples: found a sample of {who!r} after {limit}; allowed: samples up to then")
    added, read = _joined(content, samples)
    added = sort_samples(added, patients.index)
    record = step_after(step, "", added, patients.index)
    added = outcome.typed(added)
    schema = {**content.sample_schema, **read.schema}
    return replace(content, samples=added, sample_schema=schema, steps=(*content.steps, record))


def _joined(content: Content, samples: pd.DataFrame) -> tuple[pd.DataFrame, covariates.Columns]:
    """Old and new samples; further columns of the new ones are read under the schema, or define new columns."""
    old, known = content.samples, content.sample_covariates
    fixed = [column for column in old.columns if column not in known]
    joined = pd.concat([old[fixed], samples[[c for c in samples.columns if c in fixed]]], ignore_index=True)
    places = range(-len(old), len(samples))  # the old samples have nothing in a new column
    values: dict[str, Any] = {}
    for name in dict.fromkeys([*known, *(c for c in samples.columns if c not in fixed)]):
        added = samples[name].reset_index(drop=True) if name in samples else pd.Series(dtype=object)
        added = added.reindex(places)
        if name in known:
            before = covariates.texts_of(old[name], content.sample_given, sample_rows(old))
            added = pd.Series(np.concatenate([before, added.to_numpy(dtype=object)[len(old) :]]), dtype=object)
        values[name] = added.array
    problems = Problems()
    read = _read("with_samples", joined["patient_id"], values, problems, content.sample_schema)
    problems.raise_any()
    return _with(joined, read), read


def _changed(names: Iterable[str], own: Schema, wanted: Schema) -> list[str]:
    """The columns whose type differs under the schema, or that have no type yet and are typed by their cells."""
    return [name for name in names if name not in own or wanted.get(name, own[name]) != own[name]]


def _read(
    what: str, ids: Iterable[str], columns: Mapping[str, Any], problems: Problems, schema: Schema
) -> covariates.Columns:
    """Columns that belong to these patients, row by row."""
    frame = pd.DataFrame({"patient_id": np.asarray(ids, dtype=object), **columns})
    return covariates.read(Table(what, frame, np.arange(len(frame))), columns, problems, schema)


def _with(frame: pd.DataFrame, columns: covariates.Columns) -> pd.DataFrame:
    return frame.assign(**{name: values.array for name, values in columns.values.items()})
