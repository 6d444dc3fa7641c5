"""The result of a sensitivity analysis, and the rules by which a conclusion counts as changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.waic import spread
from bayesctc.data.outcome import CTC_COUNT, Outcome, former_marker
from bayesctc.results.intervals import CI_TEXT
from bayesctc.sensitivity.jobs import DONE, FAILED, SAME, frame_of
from bayesctc.sensitivity.plan import SensitivityPlan
from bayesctc.sensitivity.resolve import Resolved
from bayesctc.sensitivity.targets import ELPD, INCIDENCE, POSITIVE, RATIO, SURVIVAL, Targets
from bayesctc.shown import Printed, Shown

COLUMNS = [
    "variation",
    "quantity",
    "cause",
    "latent_class",
    "base_class",
    "time",
    "estimate",
    "lower",
    "upper",
    "base",
    "difference",
    "difference_se",
    "compared",
    "changed",
    "why",
    "n_patients",
    "warnings",
    "status",
    "usable",
    "reason",
]
SIGNIFICANCE = "the interval of the hazard ratio excludes 1 in only one of the fits, or on opposite sides"
OUTSIDE = f"the estimate lies outside the base's {CI_TEXT} interval"
HALFWAY = 0.5
HALF = "most patients of the class are positive in only one of the fits"
RULE = ParsimonyRule()
BETTER = f"predicts better than the base, by more than {RULE.slack}"
NAMED = 3  # hazard ratios in the sentence
RULES = (SIGNIFICANCE, OUTSIDE, HALF, BETTER)


@dataclass(frozen=True, repr=False)
class Sensitivity(Shown):
    """Target quantities under every variation, compared with those of the base.

    Attributes
    ----------
    table : DataFrame
        variation ("base" first, then those of the plan), quantity (class_share, median_ctc and positive_share, or
        median for a marker, hazard_ratio relative to the lowest class, survival_function, cumulative_incidence
        (of competing events), elpd), cause ("" if a quantity is not for one of competing events), latent_class,
        base_class (the class of the base it is compared with: with another number of classes only the lowest and the
        highest correspond), time (months), estimate, lower, upper (95 %), base, difference (estimate - base),
        difference_se (elpd only), compared (whether the row could be compared with the base), changed, why, n_patients,
        warnings (of that fit), status ("done", "failed", "nothing to vary"), usable (whether the fit can be compared at
        all) and reason (why not, or the reason of the status).

        Numbers of a failed fit, such as one whose chains have not mixed, are shown but not compared. If the base
        failed, nothing is compared. NaN is neither changed nor unchanged.

        `changed` is True if, for a hazard ratio, the interval excludes 1 in only one of the fits, or on opposite sides;
        for any quantity except elpd, if the estimate lies outside the base's 95 % interval; for elpd, if the variation
        predicts better by more than `ParsimonyRule` allows. Hazard ratios, survival and incidence of another endpoint
        are judged by the first rule only; a positive_share at another cut-off only by whether it crosses one half.
        `why` gives the rule, or the reason why a number is not compared.
    plan : SensitivityPlan
    targets : Targets
    psense : DataFrame or None
        Sensitivity of each parameter to the weight of prior and likelihood (ArviZ's psense), if the plan scales one.
    sentence : str
    warnings : tuple of str
        Those of the base fit. Resolve them before trusting any comparison.
    outcome : Outcome
        The outcome of the samples.

    Examples
    --------
    >>> plan = bc.SensitivityPlan([{"option": "cutoff", "value": 3}])
    >>> result = bc.run_sensitivity(cohort, spec, plan, settings=few)
    >>> result.table["quantity"].unique().tolist()
    ['class_share', 'median_ctc', 'positive_share', 'hazard_ratio', 'survival_function', 'elpd']
    """

    table: pd.DataFrame
    plan: SensitivityPlan
    targets: Targets
    psense: pd.DataFrame | None
    sentence: str
    warnings: tuple[str, ...]
    outcome: Outcome = CTC_COUNT
    marker = property(former_marker)

    @property
    def changes(self) -> pd.DataFrame:
        """The rows in which a conclusion changes."""
        return self.table[self.table["changed"]].reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row per variation: n_patients, n_changed, n_compared, status, usable, reason, warnings."""
        rows = []
        for name, part in self.table.groupby("variation", sort=False):
            first = part.iloc[0]
            rows.append(
                {
                    "variation": name,
                    "n_patients": first["n_patients"],
                    "n_changed": int(part["changed"].sum()),
                    "n_compared": int(part["compared"].sum()),
                    "status": first["status"],
                    "usable": first["usable"],
                    "reason": first["reason"],
                    "warnings": first["warnings"],
                }
            )
        return Printed(rows)

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        yield self.summary[["variation", "n_patients", "n_changed", "n_compared", "status", "usable", "reason"]]
        yield self.sentence


def gather(
    plan: SensitivityPlan,
    found: list[Resolved],
    base: dict,
    records: list[dict],
    targets: Targets,
    psense,
    outcome: Outcome = CTC_COUNT,
) -> Sensitivity:
    """The result of a plan from its records, in the plan's order.

    Parameters
    ----------
    plan : SensitivityPlan
    found : list of Resolved
    base : dict
        Record of the base fit.
    records : list of dict
        One for each of `found`.
    targets : Targets
    psense : DataFrame or None
    outcome : Outcome
    """
    own = frame_of(base)
    as_it_is: dict[str, Any] = {"difference": 0.0, "compared": False, "changed": False, "why": ""}
    parts = [_dressed(own.assign(base_class=own["latent_class"], base=own["estimate"], **as_it_is), base)]
    for resolved, record in zip(found, records, strict=True):
        parts.append(_dressed(compare(base, record, resolved.row.option), record))
    table = pd.concat(parts, ignore_index=True)[COLUMNS]
    return Sensitivity(table, plan, targets, psense, _sentence(table), tuple(base["warnings"]), outcome)


def _dressed(table, record):
    """Rows of one fit, with its status; one empty row if there are none."""
    if table.empty:
        empty: dict[str, Any] = dict.fromkeys(("quantity", "cause", "latent_class", "base_class", "why"), "")
        table = pd.DataFrame([{**empty, "compared": False, "changed": False}])
    numbers = ["time", "estimate", "lower", "upper", "base", "difference", "difference_se"]
    missing = {name: np.nan for name in numbers if name not in table}
    n = record["n_patients"]
    return table.assign(
        **missing,
        variation=record["variation"],
        n_patients=np.nan if n is None else float(n),
        warnings="; ".join(record["warnings"]),
        status=record["status"],
        usable=record["status"] == DONE and not record["unusable"],
        reason=record["reason"] or record["unusable"],
    )


def compare(base: dict, record: dict, option: str) -> pd.DataFrame:
    """Rows of a variation compared with those of the base.

    Parameters
    ----------
    base, record : dict
        Records of both fits.
    option : str
        What is varied, which decides what can be compared.
    """
    table = frame_of(record)
    if table.empty:
        return table
    failed = _failed(base, record)
    reference = {(r.quantity, r.cause, r.latent_class, _key(r.time)): r for r in frame_of(base).itertuples()}
    of_base = {(r.quantity, r.cause) for r in frame_of(base).itertuples()}
    names = _answering(record["labels"], base["labels"])
    rows = []
    for row in table.itertuples():
        label = names.get(row.latent_class)
        other = reference.get((row.quantity, row.cause, label, _key(row.time))) if label is not None else None
        if failed:
            found = (np.nan, np.nan, np.nan, False, False, failed)
        elif row.quantity == ELPD:
            found = _elpd(record)
        elif (row.quantity, row.cause) not in of_base:
            found = (np.nan, np.nan, np.nan, False, False, "the base has no such event")
        else:
            found = _beside(row, other, option)
        rows.append((label or "", *found))
    columns = ["base_class", "base", "difference", "difference_se", "compared", "changed", "why"]
    return pd.concat([table, pd.DataFrame(rows, columns=columns)], axis=1)


def _failed(base, record):
    """Why a fit is not counted; "" if it is."""
    for whose, each in (("the base", base), ("this fit", record)):
        if each.get("unusable"):
            return f"not counted: {whose} failed ({each['unusable']})"
    return ""


def _key(time):
    return None if np.isnan(time) else time


def _answering(labels, others):
    """The class of the base that corresponds to each class: by order, or only the ends if numbers of classes differ."""
    if len(labels) == len(others):
        return dict(zip(labels, others, strict=True))
    ends = {labels[0]: others[0]} if labels else {}
    if len(labels) > 1 and len(others) > 1:
        ends[labels[-1]] = others[-1]
    return ends


def _beside(row, other, option):
    """base, difference, difference_se, compared, changed, why."""
    if other is None:
        return np.nan, np.nan, np.nan, False, False, "no corresponding class in the base"
    difference = row.estimate - other.estimate
    if not np.isfinite([row.lower, row.upper, row.estimate, other.lower, other.upper]).all():
        return other.estimate, difference, np.nan, False, False, "no interval: not judged"
    why = []
    cut, another_event = option == "cutoff" and row.quantity == POSITIVE, option == "endpoint"
    another = cut or (another_event and row.quantity in (RATIO, SURVIVAL, INCIDENCE))
    if row.quantity == RATIO and _side(row) != _side(other):
        why.append(SIGNIFICANCE)
    if cut and (row.estimate > HALFWAY) != (other.estimate > HALFWAY):
        why.append(HALF)
    if not another and not other.lower <= row.estimate <= other.upper:
        why.append(OUTSIDE)
    said = "; ".join(why) or ("a different quantity from the base's: not judged by its interval" if another else "")
    judged = not (another_event and row.quantity in (SURVIVAL, INCIDENCE))
    return other.estimate, difference, np.nan, judged, bool(why), said


def _side(row):
    """Where an interval lies: above 1, below 1, or (0) around it."""
    return int(row.lower > 1.0) - int(row.upper < 1.0)


def _elpd(record):
    """elpd compared with the base's, on common patients and the same measure; `against` was added by the run."""
    against = record.get("against")
    if not isinstance(against, dict):
        return np.nan, np.nan, np.nan, False, False, against or "not compared"
    apart = np.array(record["elpd"], dtype=float) - np.array(against["elpd"], dtype=float)
    total = float(np.sum(np.array(against["elpd"], dtype=float)))
    if not np.isfinite(apart).all():
        return total, np.nan, np.nan, False, False, "not finite: not judged"
    difference, se = float(apart.sum()), spread(apart)
    better = RULE.better(difference, se)
    return total, difference, se, True, better, BETTER if better else ""


def _sentence(table):
    """How many variations are counted and change something, and what failed, in words."""
    rest = table[table["variation"] != "base"]
    base, by = table.iloc[0], rest.groupby("variation", sort=False)
    status, usable, reason = (by[name].first() for name in ("status", "usable", "reason"))
    n = len(status)
    if not base["usable"]:
        return f"The base fit failed ({base['reason']}): none of {n} variations can be compared with it."
    changing = by["changed"].sum()
    changing = changing[changing > 0]
    text = f"{int(usable.sum())} of {n} variations can be compared; {len(changing)} of them change something"
    if len(changing):
        text += f" ({', '.join(f'{name}: {k}' for name, k in changing.items())})"
    text += "."
    doubtful = status.index[(status == DONE) & ~usable]
    if len(doubtful):
        said = "; ".join(f"{name} ({reason[name]})" for name in doubtful)
        are = "is" if len(doubtful) == 1 else "are"
        text += f" {len(doubtful)} of {n} variations cannot be used and {are} not counted: {said}."
    failed = list(status.index[status == FAILED])
    text += f" Failed: {', '.join(failed)}." if failed else ""
    same = list(status.index[status == SAME])
    text += f" Nothing to vary: {', '.join(same)}." if same else ""
    return text + _significance(rest[(rest["quantity"] == RATIO) & rest["compared"]])


def _significance(hazards):
    """How many hazard ratios become or cease to be significant, and up to `NAMED` of them."""
    if hazards.empty:
        return ""
    flips = hazards[hazards["why"].str.contains(SIGNIFICANCE, regex=False)]
    text = f" For {len(flips)} of {len(hazards)} hazard ratios it changes whether the interval excludes 1"
    causes = [f" ({cause})" if cause else "" for cause in flips["cause"]]
    named = [
        f"{row.latent_class}{cause} with {row.variation}" for row, cause in zip(flips.itertuples(), causes, strict=True)
    ][:NAMED]
    more = [f"{len(flips) - NAMED} more (see changes)"] if len(flips) > NAMED else []
    return text + (f": {'; '.join([*named, *more])}" if named else "") + "."
