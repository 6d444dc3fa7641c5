"""Times that appear to be in a unit other than the one given."""

from collections.abc import Iterator

import numpy as np

from bayesctc.data.columns import TIME_TOLERANCE, time_text
from bayesctc.data.content import Content
from bayesctc.data.source import time_unit_of

LONG = 180.0  # months: median follow-up, or one patient's sampling, beyond 15 years
DAYS_FROM = 60.0  # whole numbers above it are rarely months
FAR = 10.0  # times as far as the other times go
FEW_SAMPLES = 3  # with fewer, short sampling is a plan and no sign of a unit
_REMEDY = "if they are in another unit, give time_unit=; all times of both tables have to be in one unit"


def unit_warnings(content: Content) -> tuple[str, ...]:
    """What looks odd, and the remedy; empty if nothing does.

    Follow-up counts from entry, so that age may be the time.
    """
    return tuple(f"{found}: {_REMEDY}" for found in (*_endpoints(content), *_samples(content)))


def _endpoints(content: Content) -> Iterator[str]:
    entry = content.patients["entry"].to_numpy() if "entry" in content.patients else 0.0
    for name in content.endpoints:
        time = content.patients[f"{name}_time"].to_numpy()
        median = float(np.median(time - entry))
        if median > LONG:
            since = " after entry" if "entry" in content.patients else ""
            yield f"{name}: the median time{since} is {_time(content, median)}, more than 15 years"
        whole = (time == np.floor(time)).all() and not (time % 12 == 0).all()
        if len(time) > 1 and whole and time.min() > DAYS_FROM:
            shortest = _time(content, time.min(), "g")
            yield f"{name}: all times are whole numbers above {DAYS_FROM:g}, the shortest {shortest}"


def _samples(content: Content) -> Iterator[str]:
    if not len(content.samples):
        return
    patient = content.samples.groupby("patient_id")["time"]
    last, span = patient.max(), float((patient.max() - patient.min()).max())
    if span > LONG:
        yield f"samples: those of one patient span {_time(content, span)}, more than 15 years"
    times = {name: content.patients[f"{name}_time"] for name in content.endpoints}
    if "followup_end" in content.patients:
        times["followup_end"] = content.patients["followup_end"]
    longest = max((float(time.max()) for time in times.values()), default=np.inf)
    if last.max() > longest + TIME_TOLERANCE:
        found = f"samples: the last is at {_time(content, last.max())}"
        yield f"{found}, after the longest follow-up, {_time(content, longest)}"
    for name, time in times.items():
        median, found = float(time.median()), f"{name}: the median time is {_time(content, float(time.median()))}"
        if median > FAR * last.max() and last.max() > 0 and patient.size().median() >= FEW_SAMPLES:
            yield f"{found}, but the last of all samples is at {_time(content, last.max())}"
        elif last.median() > FAR * median:
            yield f"{found}, but the median patient's last sample at {_time(content, last.median())}"


def _time(content: Content, months: float, digits: str = ".1f") -> str:
    return time_text(float(months), time_unit_of(content.source), digits)
