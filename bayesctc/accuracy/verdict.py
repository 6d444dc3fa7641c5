"""Whether a joint model predicts better than simpler ones, in sentences."""

import numpy as np
import pandas as pd

from bayesctc.accuracy.assessment import AUC, BRIER, JOINT
from bayesctc.accuracy.baselines import (
    AALEN_JOHANSEN,
    B2CTC,
    BCTC,
    COX_BOTH,
    COX_LAST,
    COX_MEAN,
    KAPLAN_MEIER,
)
from bayesctc.data.outcome import Outcome
from bayesctc.results.intervals import CI_TEXT

IN_WORDS = {
    BCTC: "a Weibull regression on CTC status at baseline",
    B2CTC: "a Weibull regression on CTC status from baseline to cycle 2",
    COX_LAST: "a Cox regression on the last {value} up to month {month}",
    COX_MEAN: "a Cox regression on the mean {value} up to month {month}",
    COX_BOTH: "a Cox regression on the last {value} up to month {month} and the one at baseline",
    KAPLAN_MEIER: "the Kaplan-Meier curve of all patients at risk",
    AALEN_JOHANSEN: "the Aalen-Johansen estimate of all patients at risk",
}
BETTER, AS_GOOD, UNDECIDED, WORSE = "better", "as good", "undecided", "worse"
NAMES = {AUC: "AUC", BRIER: "Brier score"}


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The simpler model of lowest Brier score at each landmark and horizon, and how it compares with the joint model.

    Parameters
    ----------
    table : DataFrame
        As `Accuracy.table`.

    Returns
    -------
    DataFrame
        landmark, horizon, model, n_models (simpler ones that have a Brier score) and verdict on the simpler model, by
        the 95 % interval of the difference in Brier score: "better" (below 0), "as good" (includes 0, and the simpler
        model's score is no higher), "undecided" (includes 0, and the joint model's is lower) or "worse" (above 0).
        There is no row if there is nothing to compare.
    """
    own = table[(table["measure"] == BRIER) & (table["model"] != JOINT) & table["usable"]]
    own = own.dropna(subset=["difference", "difference_lower", "difference_upper"])
    best = own.loc[own.groupby(["landmark", "horizon"], sort=False)["estimate"].idxmin()]
    verdict = np.select(
        [best["difference_upper"] < 0.0, best["difference_lower"] > 0.0, best["difference"] <= 0.0],
        [BETTER, WORSE, AS_GOOD],
        UNDECIDED,
    )
    n = own.groupby(["landmark", "horizon"], sort=False).size().to_numpy()
    return best[["landmark", "horizon", "model"]].assign(n_models=n, verdict=verdict).reset_index(drop=True)


def sentences(table: pd.DataFrame, endpoint: str, kind: str, outcome: Outcome) -> tuple[str, ...]:
    """A summary, one sentence per landmark and horizon, and a list of simpler models without figures.

    Parameters
    ----------
    table : DataFrame
        As `Accuracy.table`.
    endpoint, kind : str
        As in `Accuracy`.
    outcome : Outcome
    """
    joint = table[(table["model"] == JOINT) & (table["measure"] == BRIER)]
    failed = joint.loc[joint["estimate"].notna() & ~joint["usable"], "reason"]
    if len(failed):
        return (f"The fit of the joint model failed and is not compared with other models: {failed.iloc[0]}.",)
    found = judged(table)
    if found.empty:
        return (f"The joint model cannot be compared with other models: {_reasons(joint, table)}.",)
    each = [_compared(table, row, endpoint, outcome.words.log_value) for row in found.itertuples()]
    lost = table[(table["measure"] == BRIER) & (table["model"] != JOINT) & ~table["usable"]]
    lost = lost.merge(joint.loc[joint["usable"], ["landmark", "horizon"]])
    without = lost.drop_duplicates(["landmark", "model", "reason"])
    each += [f"Not compared at month {r.landmark:g}: {r.model} ({r.reason})." for r in without.itertuples()]
    return (_summary(found["verdict"], kind), *each)


def _reasons(joint, table):
    """Why there is no comparison: the joint model has no score, or no other has one."""
    texts = joint["reason"] if not joint["usable"].any() else table.loc[table["measure"] == BRIER, "reason"]
    return "; ".join(dict.fromkeys(text for text in texts if text)) or "no score"


def _summary(verdict, kind):
    """How often a simpler model is better or as good."""
    n = len(verdict)
    matched, undecided, won = (
        verdict.isin([BETTER, AS_GOOD]).sum(),
        (verdict == UNDECIDED).sum(),
        (verdict == WORSE).sum(),
    )
    parts = []
    if matched:
        parts.append(f"in {matched} a simpler model is as good or better, so the classes add no accuracy")
    if undecided:
        parts.append(f"in {undecided} the joint model has the lower score, but by no more than chance may explain")
    if won:
        parts.append(f"in {won} the joint model predicts better than every simpler model")
    return (
        f"Of {n} comparison{'s' if n > 1 else ''} of Brier scores (landmark and horizon; {kind}), {'; '.join(parts)}."
    )


def _compared(table, row, endpoint, value):
    """One landmark and horizon; `value` is the covariate of Cox regressions, in words."""
    best = f"the best of {row.n_models} simpler models by Brier score" if row.n_models > 1 else "the only simpler model"
    words = f"{IN_WORDS[row.model].format(value=value, month=f'{row.landmark:g}')}, {best}"
    claim = {
        BETTER: f"{words}, predicts better than the joint model",
        AS_GOOD: f"{words}, predicts as well as the joint model",
        UNDECIDED: f"the joint model is not shown to predict better than {words}",
        WORSE: f"the joint model predicts better than {words}",
    }[row.verdict]
    here = table[(table["landmark"] == row.landmark) & (table["horizon"] == row.horizon)]
    order = (row.model, JOINT) if row.verdict in (BETTER, AS_GOOD) else (JOINT, row.model)
    figures = "; ".join(text for measure in (BRIER, AUC) if (text := _figures(here, measure, *order)))
    return f"{endpoint} within {row.horizon:g} months of month {row.landmark:g}: {claim}: {figures}."


def _figures(here, measure, first, second):
    """Both models' figures of a measure, in the order of the sentence, and the first minus the second."""
    own = here[here["measure"] == measure].set_index("model")
    one, other = own.loc[first], own.loc[second]
    if not np.isfinite([one["estimate"], other["estimate"]]).all():
        return ""
    text = f"{NAMES[measure]} {_told(one['estimate'])} versus {_told(other['estimate'])}"
    simple, sign = (other, -1.0) if first == JOINT else (one, 1.0)
    if not np.isfinite(simple["difference"]):
        return text
    limits = " to ".join(map(_told, sorted(sign * simple[["difference_lower", "difference_upper"]])))
    error = f"SE {_told(simple['difference_se'])}, " if np.isfinite(simple["difference_se"]) else ""
    return f"{text} (difference {_told(sign * simple['difference'])}, {error}{CI_TEXT} interval {limits})"


def _told(value):
    """Three decimals, without a minus sign before 0."""
    return f"{round(value, 3) + 0.0:.3f}"
