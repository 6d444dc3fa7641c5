"""One endpoint of a cohort, ready for analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from bayesctc.data.columns import STATUS, TIME_TOLERANCE
from bayesctc.data.content import Content
from bayesctc.data.flow import Step, step_after
from bayesctc.data.intervals import kept_rows
from bayesctc.data.status import none
from bayesctc.errors import DataError, SpecError

AS_SEEN = (
    "events known to the day (read the data without these two columns, with the visit at which each event was seen as "
    "its time; results then refer to those visits)"
)
ONE_EVENT = "an endpoint with one event, or competing events known to the day"


@dataclass(frozen=True, eq=False)
class EndpointData:
    """The patients in the analysis of an endpoint, with their times, events and samples up to the endpoint.

    Its arrays are read-only; its tables are copies.

    Parameters
    ----------
    name : str
        The endpoint.
    patient_ids : tuple of str
        The N patients in the analysis, in the cohort's order.
    included : numpy.ndarray
        (patients of the cohort,) boolean, True for those in the analysis.
    time, event, entry : numpy.ndarray
        (N,) float: months, 1 = event and 0 = censored, months (0 without delayed entry). With causes an event is 1, 2,
        ... by its cause.
    samples : pandas.DataFrame
        Their samples, by patient and time (months): those up to the endpoint, or all where the later ones are kept.
    n_samples_after : int
        Their samples after the endpoint.
    excluded : pandas.DataFrame
        patient_id, reason: with entry set by `Cohort.include`, patients with the endpoint or censoring by then.
    steps : tuple of Step
        What this endpoint adds to the flow table.
    causes : tuple of str
        Names of competing events; empty where there is one event.
    samples_after : {"drop", "keep"}
        Whether samples after the endpoint left its analysis.
    intervals : pandas.DataFrame, optional
        Their intervals: those that start before the endpoint.
    failed_samples : pandas.DataFrame
        Their samples without a value, up to the endpoint or all; see `Cohort.failed_samples`.
    left : numpy.ndarray, optional
        (N,) float: months up to which patients are known to be free of the events that are looked for at visits; less
        than `time`, where the event was seen, if it lies between the two. None where every event is known to the day.
    looked_for : tuple of int
        Numbers of the causes that are looked for at visits, 1 for the only one.
    """

    name: str
    patient_ids: tuple[str, ...]
    included: np.ndarray
    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray
    samples: pd.DataFrame
    n_samples_after: int
    excluded: pd.DataFrame
    steps: Sequence[Step] = field(repr=False)
    causes: tuple[str, ...] = ()
    samples_after: Literal["drop", "keep"] = "drop"
    intervals: pd.DataFrame | None = None
    failed_samples: pd.DataFrame = field(default_factory=none)
    left: np.ndarray | None = None
    looked_for: tuple[int, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """Counts of the analysis: columns quantity and n."""
        with_samples = self.samples["patient_id"].nunique()
        counts = {
            "patients": len(self.patient_ids),
            "events": int((self.event > 0).sum()),
            **{f"events: {c}": int((self.event == k).sum()) for k, c in enumerate(self.causes, start=1)},
            **({"events between two visits": int(self.between.sum())} if self.left is not None else {}),
            "censored": int((self.event == 0).sum()),
            "patients without samples": len(self.patient_ids) - with_samples,
            "patients excluded at entry": len(self.excluded),
            "samples": len(self.samples),
            **{
                f"samples {s}": int((self.failed_samples[STATUS] == s).sum())
                for s in self.failed_samples[STATUS].unique()
            },
            "samples before day 0": int((self.samples["time"] < 0).sum()),
            "samples after the endpoint" + (", kept" if self.samples_after == "keep" else ""): self.n_samples_after,
        }
        return pd.DataFrame({"quantity": list(counts), "n": list(counts.values())})

    @property
    def happened(self) -> np.ndarray:
        """(N,) float: 1 = event, of whatever cause, 0 = censored."""
        return (self.event > 0).astype(float)

    def by_cause(self) -> dict[str, np.ndarray]:
        """Events of each cause, (N,) float: 1 = event of the cause, 0 = another or censored.

        Cause-specific hazards come from analyses in which other causes are censored. A single event has cause "".
        """
        names = self.causes or ("",)
        return {name: (self.event == code).astype(float) for code, name in enumerate(names, start=1)}

    def seen_from(self, cause: str) -> np.ndarray:
        """Events as one cause has them, (N,) float: 1 = event of the cause, 2 = of another, 0 = censored."""
        return seen_from(self.event, code_of(self.causes, cause))

    @property
    def between(self) -> np.ndarray:
        """Whose event lies between `left` and `time`: (N,) boolean."""
        if self.left is None:
            return np.zeros(len(self.time), dtype=bool)
        return np.isin(self.event, self.looked_for) & (self.left < self.time)

    def need_known_times(self, what: str, instead: str = AS_SEEN) -> None:
        """Refuse events that lie between two visits, for a method that needs exact times; `instead` is what to do."""
        if self.between.any():
            raise DataError(
                f"{what}: found {int(self.between.sum())} events of {self.name!r} that lie between two visits "
                f"({self.name}_left and {self.name}_right); allowed: {instead}"
            )


def checked_cause(name: str, causes: Sequence[str], cause: str | None) -> str:
    """The cause that a result is of: the first unless given; "" where there is one event.

    Parameters
    ----------
    name : str
        The endpoint.
    causes : sequence of str
        Its competing events; none where there is one event.
    cause : str or None
        What the caller asked for.

    Raises
    ------
    SpecError
        It is not a cause of the endpoint.
    """
    if cause is None:
        return causes[0] if causes else ""
    if cause not in causes:
        allowed = ", ".join(causes) or "None, because this endpoint has one event (causes= names competing events)"
        raise SpecError(f"cause, endpoint {name!r}: found {cause!r}; allowed: {allowed}.")
    return cause


def code_of(causes: Sequence[str], cause: str) -> int:
    """The code of a cause in the data: 1, 2, ...; 1 for the only event."""
    return list(causes).index(cause) + 1 if causes else 1


def seen_from(event: np.ndarray, code: int) -> np.ndarray:
    """Events by their codes as one cause has them: 1 = of the cause, 2 = of another, 0 = censored."""
    event = np.asarray(event)
    return np.select([event == code, event > 0], [1.0, 2.0], 0.0)


def with_own_tables(data: EndpointData) -> EndpointData:
    """The same with tables of its own (copied on write)."""
    names = ("samples", "excluded", "intervals", "failed_samples")
    tables = {name: getattr(data, name) for name in names}
    return replace(data, **{name: table.copy(deep=False) for name, table in tables.items() if table is not None})


def endpoint_data(
    content: Content, name: str, *, require_events: bool, samples_after: Literal["drop", "keep"] | None = None
) -> EndpointData:
    """The analysis set of an endpoint; see `Cohort.endpoint`. The content says what `samples_after` is unless given."""
    if name not in content.endpoints:
        there_are = ", ".join(content.endpoints) or "none (no <endpoint>_time and <endpoint>_event columns)"
        raise DataError(f"endpoint: found {name!r}; allowed, by the patients' columns: {there_are}")
    patients = content.patients
    time = patients[f"{name}_time"].to_numpy(dtype=np.float64)
    event = patients[f"{name}_event"].to_numpy(dtype=np.float64)
    entry = patients["entry"].to_numpy(dtype=np.float64) if "entry" in patients else np.zeros(len(patients))
    # An entry of the user's was checked when it was read: there, censored at entry is let through.
    included = time > entry if content.entry_by_rule else np.ones(len(patients), dtype=bool)
    causes = content.causes.get(name, ())
    if require_events and not event[included].any():
        n_events = {each: int((patients[f"{each}_event"] > 0).sum()) for each in content.endpoints}
        there_are = ", ".join(f"{each} ({n})" for each, n in n_events.items())
        raise DataError(f"endpoint {name!r}: found no event; allowed: an endpoint with events (found: {there_are})")
    for code, cause in enumerate(causes, start=1):
        n = int((event[included] == code).sum())
        if require_events and n == 0:
            raise DataError(
                f"endpoint {name!r}: found no event of the cause {cause!r} (code {code}); allowed: causes with events "
                "(omit from causes= those that never occur)"
            )

    left = patients[f"{name}_left"].to_numpy(dtype=np.float64) if name in content.looked_for else None
    ids = patients.index[included]
    samples_after = samples_after or content.samples_after_endpoint
    keep = samples_after == "keep"
    inside, up_to = _inside(content.samples, patients.index, included, time)
    samples = content.samples[inside if keep else up_to]
    n_inside, n_after = int(inside.sum()), int((inside & ~up_to).sum())
    failed = content.failed_samples[_inside(content.failed_samples, patients.index, included, time)[0 if keep else 1]]
    intervals, n_rows = _intervals_to(content, ids, pd.Series(time, index=patients.index))
    gone = patients.index[~included]
    reason, not_used = f"{name} at or before entry", f"rows of intervals from {name} onwards ({n_rows}) are not used"
    later = [step_after(name, not_used, samples, ids)] if n_rows else []
    return EndpointData(
        name=name,
        patient_ids=tuple(ids),
        included=_frozen(included),
        time=_frozen(time[included]),
        event=_frozen(event[included]),
        entry=_frozen(entry[included]),
        samples=samples.reset_index(drop=True),
        n_samples_after=n_after,
        excluded=pd.DataFrame({"patient_id": gone.to_numpy(dtype=object), "reason": reason}, dtype="str"),
        steps=(
            step_after(
                name,
                reason,
                content.samples[inside],
                ids,
                patients_excluded=len(gone),
                samples_excluded=len(content.samples) - n_inside,
            ),
            step_after(
                name,
                f"samples after {name}" + (f" ({n_after}) are kept" if keep else ""),
                samples,
                ids,
                samples_excluded=0 if keep else n_after,
            ),
            *later,
        ),
        causes=causes,
        samples_after=samples_after,
        intervals=intervals,
        failed_samples=failed.reset_index(drop=True),
        left=None if left is None else _frozen(np.maximum(left[included], entry[included])),
        looked_for=content.looked_for.get(name, ()),
    )


def _inside(
    rows: pd.DataFrame, patients: pd.Index, included: np.ndarray, until: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of patient_id and time are of patients included; which of these are up to the end of follow-up."""
    place = patients.get_indexer(pd.Index(rows["patient_id"]))
    inside = included[place]
    return inside, inside & (rows["time"].to_numpy() <= until[place] + TIME_TOLERANCE)


def _intervals_to(content: Content, ids: pd.Index, last: pd.Series) -> tuple[pd.DataFrame | None, int]:
    """Intervals of these patients that start before the endpoint, and how many start later."""
    if content.intervals is None:
        return None, 0
    rows = content.intervals[content.intervals["patient_id"].isin(ids)]
    return kept_rows(rows, rows["start"].to_numpy() < last.loc[rows["patient_id"]].to_numpy() - TIME_TOLERANCE)


def _frozen(values: np.ndarray) -> np.ndarray:
    values = np.array(values)
    values.flags.writeable = False
    return values
