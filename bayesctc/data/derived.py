"""New cohorts from a cohort: fewer patients or samples, more columns, another schema."""

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Self

import pandas as pd

from bayesctc.data import changes, inclusion
from bayesctc.data import landmark as landmarks
from bayesctc.data.content import Content
from bayesctc.data.parsing import identifier_text
from bayesctc.data.quoting import quoted
from bayesctc.data.schema import Schema
from bayesctc.data.source import Call
from bayesctc.errors import DataError


class Derived:
    """Methods that derive a new cohort; each adds a step to its flow table."""

    _content: Content

    def _then(self, content: Content, name: str, missing: tuple[str, ...] = (), **arguments: Any) -> Self:
        """A cohort of this content, which this call made from the present cohort."""
        call = Call(name, arguments, missing)
        return self.from_content(replace(content, source=(*self._content.source, call)))

    @classmethod
    def from_content(cls, content: Content) -> Self:
        """A cohort of content that is checked already."""
        cohort = cls.__new__(cls)
        cohort.__dict__["_content"] = content
        return cohort

    def include(self, min_samples: int | None = None, entry: str | None = None) -> Self:
        """A new cohort of the patients who meet a rule; the others are counted in `flow`.

        A patient with a required number of samples must have survived to the last of them. Followed from baseline,
        such patients appear to live longer than they do (immortal time). ``entry="third_sample"`` corrects this for
        survival, but not for selection on progression if progression ends sampling.

        Parameters
        ----------
        min_samples : int
            The minimum number of samples, including the baseline sample and those after an endpoint.
        entry : {None, "third_sample"}
            "third_sample": a patient enters the risk set when the rule is met, at sample number `min_samples` (the
            third if that is 3), or at day 0 if that sample was drawn earlier, but not before the time in an ``entry``
            column. None leaves entry as it is.

        Returns
        -------
        Cohort
        """
        return self._then(
            inclusion.include(self._content, min_samples, entry),
            "include",
            min_samples=None if min_samples is None else int(min_samples),
            entry=entry,
        )

    def landmark(self, months: float) -> Self:
        """A new cohort as it stood at a landmark: samples up to then, patients followed from then on.

        Samples after the landmark are excluded, as are intervals that start after it: the last known values are carried
        forward. Entry becomes the landmark, unless it was later. Patients who had an endpoint or were censored by then
        are excluded from that endpoint's analysis, and counted; patients followed beyond the landmark for no endpoint
        are excluded from the cohort. A patient whose event was first seen at a visit after the landmark, but may have
        occurred before it, is assumed to have been free of it at the landmark.

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
            No patient is followed beyond the landmark.
        """
        return self._then(landmarks.landmark(self._content, months), "landmark", months=float(months))

    def with_samples_up_to(self, months: float) -> Self:
        """A new cohort of the same patients without later samples; follow-up is unchanged.

        Intervals that start later are also excluded: the last known values are carried forward.
        """
        return self._then(landmarks.samples_up_to(self._content, months), "with_samples_up_to", months=float(months))

    def at_baseline(self) -> Self:
        """A new cohort with one pretreatment sample per patient: the last at or before day 0.

        Follow-up is unchanged, intervals included. Patients without such a sample are excluded and counted.

        Returns
        -------
        Cohort

        Raises
        ------
        DataError
            No patient has a sample at or before day 0.
        """
        return self._then(landmarks.at_baseline(self._content), "at_baseline")

    def with_covariates(self, **columns: pd.Series) -> Self:
        """A new cohort with further covariates.

        Parameters
        ----------
        **columns : Series
            Indexed by patient; a value for every patient, under a new name. Types are determined as for any covariate.
        """
        return self._then(changes.with_covariates(self._content, columns), "with_covariates", tuple(columns))

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
        return self._then(changes.with_samples(self._content, samples, step), "with_samples", ("samples",), step=step)

    def under(
        self,
        schema: Schema,
        sample_schema: Schema = MappingProxyType({}),
        interval_schema: Schema = MappingProxyType({}),
    ) -> Self:
        """A cohort whose covariates are read under another cohort's schema; this one if that changes none of them.

        If all patients are of stage 2, stage is a number; under a schema with the levels 1, 2, 3 and X it is the level
        "2". Cells are read again as they were written, so no information is lost.

        Parameters
        ----------
        schema, sample_schema, interval_schema : mapping of ColumnType
            `covariate_types`, `sample_types` and `interval_types` of the other cohort. Columns that one of the two
            lacks are left as they are.

        Returns
        -------
        Cohort

        Raises
        ------
        DataError
            A cell is not what the schema allows: another level, or text where a number is needed.
        """
        content = changes.under(self._content, schema, sample_schema, interval_schema)
        if content is self._content:
            return self
        given = ("schema", "sample_schema", *(("interval_schema",) if interval_schema else ()))
        return self._then(content, "under", given)

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
        return self._then(
            self._content.subset(wanted, "select", reason), "select", patient_ids=list(wanted), reason=reason
        )
