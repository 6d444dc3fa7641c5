"""The recommended number of classes, by a rule whose steps are shown.

The two criteria serve different purposes. ICL (Biernacki, Celeux and Govaert, IEEE Trans Pattern Anal 2000;22:719), BIC
plus twice the entropy of the class probabilities, estimates how many classes can be distinguished. LOO estimates which
number predicts a new patient best, and selects more classes if patients of a class differ in ways that the model of a
class omits. On 20 synthetic trials with four classes ICL selected four in 19; LOO selected five of up to five in most
(`benchmarks/number_of_classes.py`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.criteria.loo import APPROXIMATED, MOST_HIGH_K, STACKED
from bayesctc.criteria.psis import HIGH_K
from bayesctc.errors import SpecError
from bayesctc.results.classes import SMALLEST_CLASS
from bayesctc.results.usable import COMPARED_ESS_PER_CHAIN, COMPARED_RHAT, FEWEST_CHAINS
from bayesctc.shown import told_apart

CRITERIA = ("icl", "loo")
COMPARED = ("prediction_ess", "n_compared")
EARLIER = ("max_rhat", "min_ess", "n_chains")


def searched(table: pd.DataFrame) -> pd.Series:
    """Whether the maximum-likelihood fit of each K may be compared by AIC, BIC and ICL."""
    return table["ml_usable"].astype(bool) if "ml_usable" in table else pd.Series(True, index=table.index)


@dataclass(frozen=True)
class ParsimonyRule:
    """Exclude every K with too small a class or draws that failed; of the rest, choose the best by one criterion.

    Draws fail if their predictions are not reliable. Class parameters that the data hardly identify and that have not
    mixed are no failure: the tables of parameters warn of them. With pareto_k above 0.7 the elpd of a patient is
    approximate. If the predictions of the chains agree it is used all the same, for any number of such patients, with
    exact refits if these could change the choice by LOO. If chains are stacked, or replaced by a normal approximation,
    up to 5 % of the patients may have such values.

    Attributes
    ----------
    criterion : {"icl", "loo"}
        "icl": the smallest ICL, for the number of distinct classes. "loo": the smallest K whose elpd is close to the
        best, for prediction.
    floor : float
        Smallest share of patients that a class may have.
    margin : float
        Difference in elpd within which K is as good as the best by LOO ...
    standard_errors : float
        ... or this many standard errors of the difference, whichever is larger.
    max_rhat : float
        Largest R-hat of the total log likelihood with which the chains of a K are pooled; above it they are stacked
        (`Agreement`). NaN fails, including that of a single chain.

    Examples
    --------
    >>> print(bc.ParsimonyRule(criterion="loo", floor=0.05).criterion)
    loo
    """

    criterion: str = "icl"
    floor: float = SMALLEST_CLASS
    margin: float = 4.0
    standard_errors: float = 1.0
    max_rhat: float = COMPARED_RHAT

    def __post_init__(self):
        if self.criterion not in CRITERIA:
            raise SpecError(f"criterion has to be one of {', '.join(CRITERIA)}; found {self.criterion!r}.")
        numbers = (self.floor, self.margin, self.standard_errors, self.max_rhat)
        possible = 0 <= self.floor < 1 and self.margin >= 0 and self.standard_errors >= 0 and self.max_rhat >= 1
        if not possible or not np.isfinite(numbers).all():
            raise SpecError(f"a floor has to be in [0, 1), margins 0 or more, max_rhat 1 or more; found {self!r}.")

    def reasons(self, table: pd.DataFrame) -> pd.Series:
        """Why each K may not be compared, "" if it may; by n_classes.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: elpd_loo, and as far as known method, given_up, prediction_rhat, prediction_ess,
            n_compared, n_high_k, n_patients, approximation_k, warnings. A table without prediction_rhat, from an
            earlier version, is judged by max_rhat, min_ess and n_chains.
        """
        return pd.Series({k: self._reason(row) for k, row in table.iterrows()}, dtype="str").reindex(table.index)

    def _reason(self, row) -> str:
        if isinstance(early := row.get("given_up"), str) and early:  # a table read from a file has NaN for ""
            return f"given up: {early}"
        earlier = "prediction_rhat" not in row
        rhat, ess, n = (row.get(name, None) for name in (EARLIER if earlier else ("prediction_rhat", *COMPARED)))
        method = row.get("method", "")
        known = np.isfinite(np.array([rhat, row["elpd_loo"]], dtype=float)).any()
        if not known and not (n or 0) > 0:
            said = str(row.get("warnings", ""))
            return f"could not be fitted: {said}" if said else "could not be fitted"
        if method == APPROXIMATED:
            reason = _not_covered(row)
        else:
            reason = self._not_drawn(rhat, ess, FEWEST_CHAINS if n is None else n, method == STACKED)
            if reason == "" and method == STACKED:
                reason = _not_covered(row)
        if reason == "" and not np.isfinite(row["elpd_loo"]):
            reason = "elpd is not finite"
        return reason

    def _not_drawn(self, rhat, ess, n_chains, stacked) -> str:
        """Why draws of this quality give no valid elpd."""
        if not n_chains >= (1 if stacked else FEWEST_CHAINS):
            return f"{n_chains:.0f} chain left, at least {FEWEST_CHAINS} needed" if n_chains >= 0 else "no chains"
        if not stacked and not np.isfinite(rhat):
            return "R-hat of the total log likelihood cannot be computed"
        if not stacked and rhat > self.max_rhat:
            found = told_apart(rhat, self.max_rhat, 2)
            return (
                f"R-hat of the total log likelihood is {found}, at most {self.max_rhat:g} allowed: the predictions of "
                "the chains disagree"
            )
        least = COMPARED_ESS_PER_CHAIN * n_chains
        if ess is not None and not (np.isfinite(ess) and ess >= least):
            found = told_apart(ess, least, 0) if np.isfinite(ess) else "unknown"
            return f"the effective sample size of the total log likelihood is {found}, at least {least:.0f} needed"
        return ""

    def eligible(self, table: pd.DataFrame) -> pd.DataFrame:
        """Which K are compared: `above_floor` and `usable`, by n_classes."""
        return pd.DataFrame({"above_floor": table["smallest_class"] >= self.floor, "usable": self.reasons(table) == ""})

    def apply(self, table: pd.DataFrame) -> tuple[pd.DataFrame, int | None]:
        """Apply the rule, step by step.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: smallest_class, elpd_loo; icl and ml_usable, or elpd_diff and elpd_diff_se (to the
            best of the eligible); and what `reasons` reads.

        Returns
        -------
        DataFrame
            The table with `above_floor`, `usable`, `reason` (why not), `close_to_best` and `recommended`.
        int or None
            The recommended number of classes.
        """
        eligible = self.eligible(table)
        close = (self._close_by_loo if self.criterion == "loo" else self._least_icl)(table, eligible.all(axis=1))
        chosen = int(table.index[close].min()) if close.any() else None
        shown = table.assign(
            **eligible, reason=self.reasons(table), close_to_best=close, recommended=table.index == chosen
        )
        return shown, chosen

    def _close_by_loo(self, table, allowed):
        """Whether each K is compared and its elpd is within the margin of the best."""
        slack = (self.standard_errors * table["elpd_diff_se"]).clip(lower=self.margin)
        counts = allowed & np.isfinite(table[["elpd_diff", "elpd_diff_se"]].astype(float)).all(axis=1)
        return counts & (table["elpd_diff"][counts].max() - table["elpd_diff"] <= slack)

    def _least_icl(self, table, allowed):
        """Whether each K is compared and has the smallest ICL."""
        counts = allowed & searched(table) & np.isfinite(table["icl"].astype(float))
        return counts & (table["icl"] <= table["icl"][counts].min())

    def better(self, difference: float, standard_error: float) -> bool:
        """Whether a difference in elpd exceeds the margin of the rule."""
        return bool(difference > max(self.margin, self.standard_errors * standard_error))

    @property
    def slack(self) -> str:
        """The margin around the best elpd, in words."""
        return f"max({self.margin:g}, {self.standard_errors:g} standard error of the difference)"

    def __str__(self) -> str:
        able = f"of the K with a usable elpd and no class under {100 * self.floor:g} % of patients"
        if self.criterion == "loo":
            return f"{able}, the smallest whose elpd is within {self.slack} of the best"
        return f"{able}, the one with the smallest ICL"


def _not_covered(row) -> str:
    """Why importance weights give no valid elpd if refits cannot correct them."""
    k = row.get("approximation_k", np.nan)
    if row.get("method", "") == APPROXIMATED and not k <= HIGH_K:
        return f"pareto_k of the normal approximation is {told_apart(k, HIGH_K, 2)}, at most {HIGH_K:g} allowed"
    if not row.get("n_high_k", 0) <= MOST_HIGH_K * row.get("n_patients", np.inf):
        allowed = f"at most {100 * MOST_HIGH_K:g} % allowed if chains are stacked or approximated"
        return f"Pareto k is above {HIGH_K:g} for {row['n_high_k']:.0f} patients, {allowed}"
    return ""
