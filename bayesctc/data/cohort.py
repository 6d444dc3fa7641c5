"""The cohort: patients and their serial counts, checked once and never changed."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn, Self

import pandas as pd

from bayesctc.data import inclusion, summary
from bayesctc.data import landmark as landmarks
from bayesctc.data.building import build_content
from bayesctc.data.columns import split_mapping
from bayesctc.data.content import Content
from bayesctc.data.endpoint import EndpointData, endpoint_data
from bayesctc.data.fingerprint import fingerprint
from bayesctc.data.flow import flow_table
from bayesctc.data.marker import Marker, checked_marker
from bayesctc.data.origin import Name, call_text
from bayesctc.data.parsing import identifier_text
from bayesctc.data.problems import Problems, quoted
from bayesctc.data.tables import table_from_frame
from bayesctc.errors import DataError


class Cohort:
    """Patients and their serial CTC counts, checked, in months, and unchangeable.

    Nobody is excluded, and a patient without samples is valid. Rows may come in any order: patients are sorted by
    identifier (numbers in it by value), samples by patient and time.

    Parameters
    ----------
    samples : pandas.DataFrame
        ``patient_id``, ``time``, ``ctc`` (whole numbers from 0), optionally ``volume_ml`` (7.5 unless given) and
        further columns, which are kept. Samples after ``os_time`` or ``followup_end`` are errors.
    patients : pandas.DataFrame
        ``patient_id`` (a column or the index); for each endpoint ``<endpoint>_time`` (above 0) and
        ``<endpoint>_event`` (1 = event, 0 = censored; see `causes`); optionally ``entry`` (0 or more, before each
        endpoint's time, or equal to it if the patient is censored then) and ``followup_end``; any other column is a
        covariate.
    columns : mapping, optional
        ``{name in bayesctc: name in your tables}``, such as ``{"patient_id": "USUBJID", "ctc": "CELLS"}``.
    time_unit : {"months", "days", "weeks", "years"}
        Unit of every time in both tables; a month has 30.4375 days.
    baseline_window : float
        Days before time zero in which a sample counts as baseline; an earlier one is an error.
    causes : mapping, optional
        Endpoints with competing events, ``{"ttf": ("progression", "toxicity")}``: the event column then holds 0, 1 for
        the first cause, 2 for the second, and so on. What is first is what counts: other causes end follow-up.
    marker : Marker, optional
        What the samples hold where it is not a count, such as ``Marker("bili", unit="mg/dL", transform="log")``: the
        samples then have its column in place of ``ctc`` and ``volume_ml``. What is for counts refuses such a cohort.

    Raises
    ------
    DataError
        With everything that is wrong; its ``problems`` is a table of it. Rows of frames are counted from 0.
    """

    _content: Content

    def __init__(
        self,
        samples: pd.DataFrame,
        patients: pd.DataFrame,
        *,
        columns: Mapping[str, str] | None = None,
        time_unit: str = "months",
        baseline_window: float = 28.0,
        causes: Mapping[str, Sequence[str]] | None = None,
        marker: Marker | None = None,
    ):
        marker = checked_marker(marker, columns)
        sample_mapping, patient_mapping = split_mapping(columns)
        problems = Problems()
        sample_table = table_from_frame(samples, "samples frame", sample_mapping, problems)
        patient_table = table_from_frame(patients, "patients frame", patient_mapping, problems)
        problems.raise_any()
        content = build_content(
            sample_table, patient_table, time_unit=time_unit, baseline_window=baseline_window, causes=causes,
            marker=marker,
        )  # fmt: skip
        call = call_text(
            "bc.Cohort", Name("samples"), Name("patients"), columns=columns, time_unit=time_unit,
            baseline_window=baseline_window, causes=causes, marker=marker,
        )  # fmt: skip
        self.__dict__["_content"] = content.called(call)

    @classmethod
    def from_content(cls, content: Content) -> Self:
        """A cohort of content that is checked already."""
        cohort = cls.__new__(cls)
        cohort.__dict__["_content"] = content
        return cohort

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Cohort cannot be changed (setting {name!r}); include() and select() return new ones")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Cohort cannot be changed (deleting {name!r})")

    @property
    def samples(self) -> pd.DataFrame:
        """The samples, as a copy: patient_id, time (months), ctc, volume_ml, further columns; by patient and time."""
        return self._content.samples.copy(deep=False)  # copy on write: a change to it stays in it

    @property
    def patients(self) -> pd.DataFrame:
        """The patients, as a copy: indexed by patient_id (text); times in months."""
        return self._content.patients.copy(deep=False)

    @property
    def excluded(self) -> pd.DataFrame:
        """Who was left out since the cohort was read: patient_id, reason."""
        return self._content.excluded.copy(deep=False)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self._content.patients)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self._content.samples)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints: os, pfs and ttf first."""
        return self._content.endpoints

    @property
    def causes(self) -> dict[str, tuple[str, ...]]:
        """Competing events in the order of their codes 1, 2, ..., by endpoint; those with one event are not there."""
        return dict(self._content.causes)

    @property
    def marker(self) -> Marker | None:
        """What the samples hold where it is not a count."""
        return self._content.marker

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the patients' covariates."""
        return self._content.covariates

    @property
    def baseline_window(self) -> float:
        """Days before time zero in which a sample counts as baseline."""
        return self._content.baseline_window

    @property
    def min_samples(self) -> int:
        """The least number of samples that `include` asked of a patient; 0 if it asked for none."""
        return self._content.min_samples

    @property
    def calls(self) -> tuple[str, ...]:
        """The Python that made the cohort, step by step; "" where that is not known.

        What no text can hold has a name: samples and patients of frames, kept of `select`, more_samples and covariates.
        """
        steps = self._content.steps
        return tuple(step.call for step, after in zip(steps, (*steps[1:], None), strict=True)
                     if step.call or after is None or after.step != step.step)  # fmt: skip

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the data, whatever their order, their types and the file they came from."""
        content = self._content
        return fingerprint(content.samples, content.patients, content.causes, content.marker)

    def endpoint(self, name: str, *, require_events: bool = True) -> EndpointData:
        """The analysis of one endpoint: its patients, their times and events, their samples up to then.

        Where `include` has set the entry, patients whose endpoint (or censoring) came at or before entry are left
        out and listed in ``excluded``.

        Parameters
        ----------
        name : str
            One of `endpoints`.
        require_events : bool
            Whether an endpoint without a single event, or with a cause without one, is an error.
        """
        return endpoint_data(self._content, name, require_events=require_events)

    def include(self, min_samples: int | None = None, entry: str | None = None) -> Self:
        """A new cohort of the patients who meet a rule; the others are counted in `flow`.

        To ask for a number of samples is to ask a patient to live until the last of them. From baseline on, such
        patients seem to live longer than they do; ``entry="third_sample"`` mends this for survival. It does not mend
        selection on progression, where progression ends sampling.

        Parameters
        ----------
        min_samples : int
            The least number of samples, baseline and those after an endpoint included.
        entry : {None, "third_sample"}
            "third_sample": a patient comes under observation when the rule is met, at her sample number
            `min_samples` (the third if that is 3), or at day 0 if it was drawn before, but no earlier
            than an ``entry`` column says. None leaves entry as it is.

        Returns
        -------
        Cohort
        """
        call = call_text("include", min_samples=min_samples, entry=entry)
        return self.from_content(inclusion.include(self._content, min_samples, entry).called(call))

    def landmark(self, months: float) -> Self:
        """A new cohort as it stood at a landmark: samples up to then, patients followed from then on.

        Samples after the landmark leave; entry becomes the landmark, or stays where it was later. Who had an endpoint
        or was censored by then leaves that endpoint's analysis, and is counted; who was followed for none of them
        leaves the cohort.

        Parameters
        ----------
        months : float
            Months from the start of treatment, above 0.

        Returns
        -------
        Cohort

        Raises
        ------
        DataError
            Nobody is followed beyond the landmark.
        """
        return self.from_content(landmarks.landmark(self._content, months).called(call_text("landmark", months)))

    def at_baseline(self) -> Self:
        """A new cohort with one pretreatment sample a patient: the last at or before day 0.

        Follow-up stays as it is. Patients without such a sample leave the cohort, and are counted.

        Returns
        -------
        Cohort

        Raises
        ------
        DataError
            Nobody has a sample at or before day 0.
        """
        return self.from_content(landmarks.at_baseline(self._content).called("at_baseline()"))

    def with_covariates(self, **columns: pd.Series) -> Self:
        """A new cohort with further covariates.

        Parameters
        ----------
        **columns : Series
            Indexed by patient; a value for every patient, under a name that is not there yet.
        """
        return self.from_content(
            landmarks.with_covariates(self._content, columns).called("with_covariates(**covariates)")
        )

    def with_samples(self, samples: pd.DataFrame, step: str) -> Self:
        """A new cohort with further samples, such as imputed ones; the flow table names the step.

        Parameters
        ----------
        samples : DataFrame
            patient_id, time (months), ctc (whole), volume_ml, or a marker's column in place of these two; up to death
            and the end of follow-up.
        step : str
            What they are, for `flow`.
        """
        call = call_text("with_samples", Name("more_samples"), step)
        return self.from_content(landmarks.with_samples(self._content, samples, step).called(call))

    def select(self, patient_ids: Iterable[Any], reason: str = "not selected") -> Self:
        """A new cohort of these patients, in this order; the others are counted in `flow`, under the reason."""
        if isinstance(patient_ids, str):
            raise DataError(f"patient_ids: found the text {patient_ids!r}; allowed: a list of identifiers")
        wanted = pd.Index(identifier_text(pd.Series(list(patient_ids), dtype=object).to_numpy()), dtype="str")
        index = self._content.patients.index
        unknown = wanted[~wanted.isin(index)]
        for wrong, allowed in (
            (unknown, "patients of this cohort"),
            (wanted[wanted.duplicated()], "each patient once"),
        ):
            if len(wrong):
                shown = ", ".join(quoted(identifier) for identifier in wrong[:20])
                raise DataError(f"patient_ids: found {shown} ({len(wrong)} in all); allowed: {allowed}")
        if len(wanted) == 0:
            raise DataError("patient_ids: found none; allowed: at least one patient")
        call = call_text("select", Name("kept"), reason)
        return self.from_content(self._content.subset(wanted, "select", reason).called(call))

    def flow(self, endpoint: str | None = None) -> pd.DataFrame:
        """Who was left out at which step and why, and who was left.

        Parameters
        ----------
        endpoint : str, optional
            With one, what its analysis leaves out is added: patients at entry, and samples after the endpoint.

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
