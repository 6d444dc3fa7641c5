"""The cohort: patients and their serial counts, checked once and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, NoReturn
from weakref import WeakKeyDictionary

import pandas as pd

from bayesctc.data import summary
from bayesctc.data.building import build_content
from bayesctc.data.columns import split_mapping
from bayesctc.data.derived import Derived
from bayesctc.data.doubts import data_warnings
from bayesctc.data.endpoint import EndpointData, endpoint_data, with_own_tables
from bayesctc.data.fingerprint import fingerprint
from bayesctc.data.flow import flow_table
from bayesctc.data.outcome import CTC_COUNT, Outcome, checked_outcome
from bayesctc.data.problems import Problems
from bayesctc.data.schema import ColumnType, Schema, schema_frame
from bayesctc.data.source import FRAMES, GENERATED, Call, reading_call
from bayesctc.data.tables import refuse_swapped, table_from_frame
from bayesctc.errors import DataError

_ANALYSES: WeakKeyDictionary = WeakKeyDictionary()  # of each cohort, by endpoint: every step of a fit asks for it


class Cohort(Derived):
    """Patients and their serial CTC counts, checked, in months, and unchangeable.

    No patient is excluded, and a patient without samples is valid. Rows may be in any order: patients are sorted by
    identifier (numbers in it by value), samples by patient and time.

    Parameters
    ----------
    samples : pandas.DataFrame or another library's table
        ``patient_id``, ``time``, ``ctc`` (whole numbers from 0), optionally ``volume_ml`` (7.5 unless given) and
        further columns, which are kept. Samples after ``os_time`` or ``followup_end`` are errors. With a column
        ``status`` each row states whether it has a value: "ok", "failed" (drawn, without a value) or "missing" (not
        drawn), the last two with an optional ``status_reason``; see `failed_samples`. Tables of polars, pyarrow and
        other libraries that export Arrow are also read.
    patients : pandas.DataFrame or another library's table
        ``patient_id`` (a column or the index); for each endpoint ``<endpoint>_time`` (above 0) and
        ``<endpoint>_event`` (1 = event, 0 = censored; see `causes`), or ``<endpoint>_left`` and ``<endpoint>_right``
        where an event is looked for at visits (see Notes); optionally ``entry`` (0 or more, before each
        endpoint's time, or equal to it if the patient is censored then) and ``followup_end``; any other column is a
        covariate, whose type is determined here (see Notes).
    intervals : pandas.DataFrame or another library's table, optional
        Covariates that change during follow-up and act on the hazard from the time of the change: ``patient_id``,
        ``start``, ``stop`` and covariates, whose names may not be those of patients' columns. See Notes.
    columns : mapping, optional
        ``{name in bayesctc: name in your tables}``, such as ``{"patient_id": "USUBJID", "ctc": "CELLS"}``.
    time_unit : {"months", "days", "weeks", "years"}
        Unit of every time in the tables; a month has 30.4375 days.
    baseline_window : float
        Days before time zero in which a sample counts as baseline; an earlier one is an error.
    causes : mapping, optional
        Endpoints with competing events, ``{"ttf": ("progression", "toxicity")}``: the event column then holds 0, 1 for
        the first cause, 2 for the second, and so on. Only the first event counts, so other causes end follow-up.
    marker : Outcome, optional
        What the samples hold if not counts, such as ``Marker("bili", unit="mg/dL", transform="log")``: the samples
        then have its column in place of ``ctc`` and ``volume_ml``. Functions for counts refuse such a cohort.
    samples_after_endpoint : {"drop", "keep"}
        Whether samples after an endpoint other than death are excluded from its analysis, as they must be if the
        endpoint ends sampling, or are kept because the marker is still measured. Either way `flow` counts them.
    like : Cohort or mapping of ColumnType, optional
        For new patients of a model: the schema of the model's cohort, under which stage 2 is a level even if no other
        stage occurs. Or types of single columns, by name, such as `covariate_types`.

    Raises
    ------
    DataError
        Lists all problems; its ``problems`` is a table of them. Rows of frames are counted from 0.

    Notes
    -----
    A covariate is a *number* (float64) if each of its cells is one, a *flag* if each is True or False, else a *factor*
    whose levels are text, in natural order (2 before 10); empty cells are ignored. The type does not depend on whether
    a number was an integer, a Decimal or text, or came from a file or a frame. However, codes with leading zeros (01,
    02, 10) are levels, and a pandas categorical is a factor in its own order, with the first level as the reference.
    Dates, lists and other objects are refused. `schema` lists the types.

    An event that is looked for at visits, such as progression at scans, lies between the last visit without it
    (``<endpoint>_left``; empty: since entry, or time 0) and the first one with it (``<endpoint>_right``; empty or
    infinite: not seen). Equal bounds are an event known to the day. ``_time`` and ``_event`` may be given as well:
    ``_event`` is then the code of the competing event, and an event with an empty ``_right`` is known to the day, its
    ``_time``. A death can thus end a progression-free endpoint. With one event, the patient is taken to have been free
    of progression until death; with ``causes`` (progression, death), only until ``_left``, and the hazard of death is
    assumed to be the same with and without unseen progression.

    The values in a row of the intervals apply after its start, up to and including its stop, so an event at the time of
    a change belongs to the values before it. The rows of a patient follow each other without overlap or gap. They start
    at 0, or at entry or earlier (the first row's values then also apply before it), and reach the last of the endpoints
    or beyond; anything else is an error, as is a patient without rows. Rows from the end of follow-up onwards are
    excluded and counted in `flow`. A patient whose covariates do not change has one row.

    Examples
    --------
    >>> samples = pd.DataFrame({"patient_id": ["a", "a", "b"], "time": [0.0, 1.0, 0.0], "ctc": [12, 3, 0]})
    >>> patients = pd.DataFrame({"patient_id": ["a", "b"], "os_time": [12.0, 20.5], "os_event": [1, 0]})
    >>> cohort = bc.Cohort(samples, patients)
    >>> cohort.n_patients, cohort.n_samples, cohort.endpoints
    (2, 3, ('os',))
    >>> bc.Cohort(samples.assign(ctc=-1), patients)
    Traceback (most recent call last):
    bayesctc.errors.DataError: ...
    """

    def __init__(
        self,
        samples: Any,
        patients: Any,
        *,
        intervals: Any = None,
        columns: Mapping[str, str] | None = None,
        time_unit: str = "months",
        baseline_window: float = 28.0,
        causes: Mapping[str, Sequence[str]] | None = None,
        marker: Outcome | None = None,
        samples_after_endpoint: Literal["drop", "keep"] = "drop",
        like: "Cohort | Schema | None" = None,
    ):
        outcome, schemas = checked_outcome(marker, columns), schemas_of(like)
        sample_mapping, patient_mapping, interval_mapping = split_mapping(columns, intervals is not None)
        problems = Problems()
        sample_table = table_from_frame(samples, "samples frame", sample_mapping, problems)
        patient_table = table_from_frame(patients, "patients frame", patient_mapping, problems)
        refuse_swapped(sample_table, patient_table, outcome.required, sample_mapping)
        changing = None
        if intervals is not None:
            changing = table_from_frame(intervals, "intervals frame", interval_mapping, problems)
        problems.raise_any()
        content = build_content(
            sample_table,
            patient_table,
            time_unit=time_unit,
            baseline_window=baseline_window,
            causes=causes,
            outcome=outcome,
            samples_after_endpoint=samples_after_endpoint,
            schemas=schemas,
            intervals=changing,
        )
        generated = samples.attrs.get(GENERATED) if isinstance(samples, pd.DataFrame) else None
        call = reading_call(
            FRAMES if generated is None else GENERATED,
            ("samples", "patients", *(() if intervals is None else ("intervals",))),
            outcome=outcome,
            columns=columns,
            causes=causes,
            like=like,
            time_unit=time_unit,
            baseline_window=float(baseline_window),
            samples_after_endpoint=samples_after_endpoint,
        )
        self.__dict__["_content"] = replace(content, source=(call,))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Cohort cannot be changed (setting {name!r}); include() and select() return new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Cohort cannot be changed (deleting {name!r})")

    @property
    def samples(self) -> pd.DataFrame:
        """The samples, as a copy: patient_id, time (months), ctc, volume_ml, further columns; by patient and time."""
        return self._content.samples.copy(deep=False)  # copy on write: a change to it stays in it

    @property
    def failed_samples(self) -> pd.DataFrame:
        """Samples without a value, as a copy: patient_id, time (months), status, status_reason, further columns.

        They do not enter the likelihood. The further columns are kept as written.
        """
        return self._content.failed_samples.copy(deep=False)

    @property
    def patients(self) -> pd.DataFrame:
        """The patients, as a copy: indexed by patient_id (text); times in months."""
        return self._content.patients.copy(deep=False)

    @property
    def intervals(self) -> pd.DataFrame | None:
        """Covariates that change, as a copy: patient_id, start, stop (months), covariates; None without them."""
        intervals = self._content.intervals
        return None if intervals is None else intervals.copy(deep=False)

    @property
    def excluded(self) -> pd.DataFrame:
        """Patients excluded since the cohort was read: patient_id, reason."""
        return self._content.excluded.copy(deep=False)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self._content.patients)

    @property
    def n_samples(self) -> int:
        """Number of samples that have a value."""
        return len(self._content.samples)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints: os, pfs and ttf first."""
        return self._content.endpoints

    @property
    def causes(self) -> dict[str, tuple[str, ...]]:
        """Competing events in the order of their codes 1, 2, ..., by endpoint; those with one event are not listed."""
        return dict(self._content.causes)

    @property
    def looked_for(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the causes that are looked for at visits (1 for the only one), by endpoint."""
        return dict(self._content.looked_for)

    @property
    def outcome(self) -> Outcome:
        """What the samples hold."""
        return self._content.outcome

    @property
    def marker(self) -> Outcome | None:
        """What the samples hold if not counts, else None."""
        return None if self.outcome == CTC_COUNT else self.outcome

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the patients' covariates."""
        return self._content.covariates

    @property
    def covariate_types(self) -> Schema:
        """What each of the patients' covariates is: `ColumnType` by name."""
        return dict(self._content.schema)

    @property
    def sample_types(self) -> Schema:
        """What each of the samples' further columns is: `ColumnType` by name."""
        return dict(self._content.sample_schema)

    @property
    def interval_types(self) -> Schema:
        """What each of the intervals' covariates is: `ColumnType` by name."""
        return dict(self._content.interval_schema)

    @property
    def schema(self) -> pd.DataFrame:
        """Types of the covariates of patients, samples and intervals as a table: table, column, kind, levels (the
        first is the reference), missing (empty cells)."""
        content = self._content
        tables = {"patients": (content.patients, content.schema), "samples": (content.samples, content.sample_schema)}
        if content.intervals is not None:
            tables["intervals"] = (content.intervals, content.interval_schema)
        return schema_frame(tables)

    @property
    def source(self) -> tuple[Call, ...]:
        """The calls that made the cohort, as far as known: how it was read, then each step."""
        return self._content.source

    @property
    def samples_after_endpoint(self) -> Literal["drop", "keep"]:
        """Whether samples after an endpoint are excluded from its analysis ("drop") or kept."""
        return self._content.samples_after_endpoint

    @property
    def warnings(self) -> tuple[str, ...]:
        """Data that look wrong, and what to do about them; empty if nothing does.

        Checked are times that may be in another unit, endpoints without events (except in patients read `like` those
        of a model), implausible blood volumes and counts, a volume under another name, levels that differ only in
        capitals or blanks, columns of numbers that a few texts turn into a factor, and deaths that progression-free
        survival does not count.
        """
        return data_warnings(self._content)

    @property
    def baseline_window(self) -> float:
        """Days before time zero in which a sample counts as baseline."""
        return self._content.baseline_window

    @property
    def min_samples(self) -> int:
        """The minimum number of samples that `include` required of a patient; 0 if none was required."""
        return self._content.min_samples

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the data; it does not depend on their order, original types or files."""
        return fingerprint(self._content)

    def endpoint(self, name: str, *, require_events: bool = True) -> EndpointData:
        """The analysis of one endpoint: its patients, their times and events, their samples up to then.

        If `include` has set the entry, patients whose endpoint (or censoring) came at or before entry are excluded and
        listed in ``excluded``.

        Parameters
        ----------
        name : str
            One of `endpoints`.
        require_events : bool
            Whether an endpoint without a single event, or with a cause without one, is an error.
        """
        known, asked = _ANALYSES.setdefault(self, {}), (repr(name), require_events)
        if asked not in known:
            known[asked] = endpoint_data(self._content, name, require_events=require_events)
        return with_own_tables(known[asked])

    def flow(self, endpoint: str | None = None) -> pd.DataFrame:
        """Patients and samples excluded at each step, with the reason, and those that remained.

        Parameters
        ----------
        endpoint : str, optional
            With one, the exclusions of its analysis are added: patients at entry, and samples after the endpoint.

        Returns
        -------
        pandas.DataFrame
            step, reason, patients_excluded, patients, patients_without_samples, samples_excluded, samples,
            samples_before_day_0. The first row is the cohort as it was read.
        """
        added = () if endpoint is None else self.endpoint(endpoint, require_events=False).steps
        return flow_table([*self._content.steps, *added])

    def __repr__(self) -> str:
        return summary.summary_text(self._content, self.fingerprint)

    def _repr_html_(self) -> str:
        return summary.summary_html(self._content, self.fingerprint)


def schemas_of(like: Cohort | Schema | None) -> tuple[Schema, Schema, Schema]:
    """Types of the covariates of patients, of samples and of intervals; refuses anything without types."""
    if isinstance(like, Cohort):
        return like.covariate_types, like.sample_types, like.interval_types
    if like is None:
        return {}, {}, {}
    if isinstance(like, Mapping) and all(isinstance(each, ColumnType) for each in like.values()):
        return like, like, like
    raise DataError(f"like: found a {type(like).__name__}; allowed: a Cohort, such as a fit's, or ColumnTypes by name")
