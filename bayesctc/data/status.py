"""Samples without a value: failed draws and samples never drawn, distinguished by the column `status`."""

import numpy as np
import pandas as pd

from bayesctc.data import cells, parsing
from bayesctc.data.columns import DAYS_PER_MONTH, REASON, STATUS
from bayesctc.data.flow import Step, step_after
from bayesctc.data.outcome_base import Outcome
from bayesctc.data.problems import Problems, Table

OK, FAILED, MISSING = "ok", "failed", "missing"
WORDS = (OK, FAILED, MISSING)
ALLOWED = "ok (with a value), failed (drawn, without a value) or missing (not drawn)"
REPEATED = 7.0 / DAYS_PER_MONTH  # months within which another draw repeats one that failed
ANOTHER = "if the column means something else, give it another name, such as sample_status"


_NONE = pd.DataFrame({"patient_id": [], "time": [], STATUS: [], REASON: []}).astype(
    {"patient_id": "str", "time": float, STATUS: "str", REASON: "str"}
)


def none() -> pd.DataFrame:
    """The table of failed samples of a cohort that has none: patient_id, time, status, status_reason."""
    return _NONE.copy(deep=False)


def split(table: Table, outcome: Outcome, problems: Problems) -> tuple[Table, Table | None]:
    """Samples with a value, without their status; and those that failed or are missing, None where none can be.

    Without a column `status` every sample has a value, and `status_reason` is a column without a fixed meaning. Any
    cell other than one of the three words, in upper or lower case, is a problem, as are a value with failed or missing
    (the two cells contradict each other) and a reason with ok.
    """
    if STATUS not in table.frame:
        return table, None
    texts = np.array(
        [None if text is None else text.lower() for text in cells.texts(table.frame[STATUS])], dtype=object
    )
    empty = np.array([text is None for text in texts], dtype=bool)
    unknown = ~empty & ~np.isin(texts.astype(str), WORDS)
    problems.add_rows(table, empty, STATUS, f"{ALLOWED}; the cell may not be empty")
    problems.add_rows(table, unknown, STATUS, f"{ALLOWED}; {ANOTHER}")
    without = np.isin(texts.astype(str), (FAILED, MISSING))
    valued = ~cells.missing(table.frame[outcome.column])
    beside = without & valued
    words = [f"an empty cell with status {texts[at]} (or the status ok)" for at in np.flatnonzero(beside)]
    problems.add_rows(table, beside, outcome.column, words)
    if REASON in table.frame:
        given = (texts == OK) & ~cells.missing(table.frame[REASON])
        problems.add_rows(table, given, REASON, "an empty cell with status ok (other remarks need another column)")
    plain = table.frame.drop(columns=[STATUS, REASON], errors="ignore")
    return _rows(table, plain, texts == OK), _rows(table, table.frame.assign(**{STATUS: texts}), without)


def parse(table: Table | None, months: float, outcome: Outcome, problems: Problems) -> pd.DataFrame:
    """patient_id, time (months), status, status_reason and, as text, the further columns; row by row as given."""
    if table is None:
        return none()
    parsed: dict[str, object] = {
        "patient_id": pd.array(parsing.identifiers(table, problems), dtype="str"),
        "time": parsing.required_numbers(table, "time", problems) * months,
        STATUS: pd.array(table.frame[STATUS].to_numpy(dtype=object), dtype="str"),
        REASON: pd.array(_texts(table, REASON), dtype="str"),
    }
    further = [name for name in table.frame.columns if name not in parsed and name not in outcome.columns]
    return pd.DataFrame(parsed | {name: pd.array(_texts(table, name), dtype="str") for name in further})


def steps(samples: pd.DataFrame, failed: pd.DataFrame, patients: pd.Index) -> tuple[Step, ...]:
    """Flow steps of the cohort as read and of exclusions by status and reason: failed first, most frequent first."""
    if failed.empty:
        return (step_after("read", "", samples, patients),)
    left = pd.concat([samples[["patient_id", "time"]], failed[["patient_id", "time"]]], ignore_index=True)
    found, of = [step_after("read", "", left, patients)], _told(failed).to_numpy(dtype=object)
    numbers = pd.Series(of, dtype=object).value_counts()
    for reason in sorted(numbers.index, key=lambda each: (not each.startswith(FAILED), -numbers[each], each)):
        own = np.concatenate([np.zeros(len(left) - len(of), dtype=bool), of == reason])
        left, of = left[~own], of[of != reason]
        found.append(step_after(STATUS, reason, left, patients, samples_excluded=int(own.sum())))
    return tuple(found)


def other_draws(failed: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Draws that failed and were not repeated: no sample with a value of the patient within a week."""
    own = failed[failed[STATUS] == FAILED]
    if own.empty:
        return own
    times = samples.groupby("patient_id")["time"].agg(np.array).reindex(own["patient_id"])
    repeated = [
        np.ndim(known) > 0 and np.abs(known - t).min() <= REPEATED for t, known in zip(own["time"], times, strict=True)
    ]
    return own[~np.array(repeated, dtype=bool)]


def in_words(failed: pd.DataFrame) -> str:
    """How many samples failed or are missing, and why: "3 failed (clotted 2, lost 1), 1 missing"; "" for none."""
    parts = []
    for status in WORDS[1:]:
        own = failed[failed[STATUS] == status]
        if len(own):
            reasons = (
                own[REASON].dropna().value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
            )
            each = ", ".join(f"{reason} {n:,}" for reason, n in reasons.head(4).items()) + ", …" * (len(reasons) > 4)
            parts.append(f"{len(own):,} {status}" + (f" ({each})" if len(reasons) else ""))
    return ", ".join(parts)


def _told(failed: pd.DataFrame) -> pd.Series:
    """Status and reason of each sample as the flow table has them."""
    reason = failed[REASON].astype(object)
    return pd.Series(
        [f"{s}, no reason given" if pd.isna(r) else f"{s}: {r}" for s, r in zip(failed[STATUS], reason, strict=True)],
        dtype=object,
    )


def _rows(table: Table, frame: pd.DataFrame, kept: np.ndarray) -> Table:
    return Table(table.name, frame[kept].reset_index(drop=True), table.rows[kept], table.theirs)


def _texts(table: Table, column: str) -> np.ndarray:
    """(rows,) cells as text, None where empty or where there is no such column; numbers as doubles are written."""
    if column not in table.frame:
        return np.full(len(table.frame), None, dtype=object)
    return np.array(
        [
            cells.number_text(float(t)) if t is not None and cells.is_quantity(t) else t
            for t in cells.texts(table.frame[column])
        ],
        dtype=object,
    )
