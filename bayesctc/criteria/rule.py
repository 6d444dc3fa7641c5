"""Which number of classes to recommend, by a rule that shows its work."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classes import SMALLEST_CLASS
from bayesctc.results.usable import COMPARED_RHAT, FEWEST_CHAINS, usable, why_not_draws


@dataclass(frozen=True)
class ParsimonyRule:
    """Leave out every K with too small a class or draws that failed; of the rest, the smallest close to the best elpd.

    Attributes
    ----------
    floor : float
        Smallest share of patients a class may hold.
    margin : float
        Log-likelihood units of elpd within which K counts as good as the best ...
    standard_errors : float
        ... or this many standard errors of the difference, whichever is more.
    max_rhat : float
        Largest R-hat with which a K is compared: the elpd of chains that have not mixed is no criterion. What is not a
        number fails, that of a single chain as any other.
    """

    floor: float = SMALLEST_CLASS
    margin: float = 4.0
    standard_errors: float = 1.0
    max_rhat: float = COMPARED_RHAT

    def __post_init__(self):
        numbers = (self.floor, self.margin, self.standard_errors, self.max_rhat)
        possible = 0 <= self.floor < 1 and self.margin >= 0 and self.standard_errors >= 0 and self.max_rhat >= 1
        if not possible or not np.isfinite(numbers).all():
            raise SpecError(f"a floor lies in [0, 1), margins are 0 or more, max_rhat is 1 or more; found {self!r}.")

    def reasons(self, table: pd.DataFrame) -> pd.Series:
        """Why the fit of each K may not enter the comparison, "" where it may; by n_classes.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: max_rhat, elpd_loo; min_ess and n_chains where they are known, and warnings.
        """
        return pd.Series({k: self._reason(row) for k, row in table.iterrows()}, dtype="str").reindex(table.index)

    def _reason(self, row) -> str:
        if not np.isfinite(row[["max_rhat", "elpd_loo"]].astype(float)).any() and not row.get("n_chains", 0) > 0:
            said = str(row.get("warnings", ""))
            return f"could not be fitted: {said}" if said else "could not be fitted"
        reason = why_not_draws(row["max_rhat"], row.get("min_ess"), row.get("n_chains", FEWEST_CHAINS), self.max_rhat)
        if reason is None and not np.isfinite(row["elpd_loo"]):
            reason = "elpd is not a number"
        return reason or ""

    def eligible(self, table: pd.DataFrame) -> pd.DataFrame:
        """Which K are compared at all: `above_floor` and `usable`, by n_classes."""
        return pd.DataFrame({"above_floor": table["smallest_class"] >= self.floor, "usable": self.reasons(table) == ""})

    def compares(self, fit: BayesFit) -> bool:
        """Whether a fit's number of classes is compared at all, known before its elpd is."""
        return usable(fit, self.max_rhat) and bool(fit.quality["share"].min(skipna=False) >= self.floor)

    def apply(self, table: pd.DataFrame) -> tuple[pd.DataFrame, int | None]:
        """Show the rule at work.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: smallest_class, max_rhat, elpd_loo, elpd_diff and elpd_diff_se (to the best of the
            eligible); min_ess and n_chains where they are known.

        Returns
        -------
        DataFrame
            The table with `above_floor`, `usable`, `reason` (why not), `close_to_best` and `recommended`.
        int or None
            The recommended number of classes.
        """
        eligible = self.eligible(table)
        slack = (self.standard_errors * table["elpd_diff_se"]).clip(lower=self.margin)
        known = np.isfinite(table[["elpd_diff", "elpd_diff_se"]].astype(float)).all(axis=1)
        counts = eligible.all(axis=1) & known
        close = counts & (table["elpd_diff"][counts].max() - table["elpd_diff"] <= slack)
        chosen = int(table.index[close].min()) if close.any() else None
        shown = table.assign(
            **eligible, reason=self.reasons(table), close_to_best=close, recommended=table.index == chosen
        )
        return shown, chosen

    def better(self, difference: float, standard_error: float) -> bool:
        """Whether a difference in elpd is more than the rule lets pass."""
        return bool(difference > max(self.margin, self.standard_errors * standard_error))

    @property
    def slack(self) -> str:
        """What the rule lets pass, in words."""
        return f"max({self.margin:g}, {self.standard_errors:g} standard error of the difference)"

    def __str__(self) -> str:
        return (
            f"the smallest K without a class under {100 * self.floor:g} % of patients, its chains mixed (R-hat up to "
            f"{self.max_rhat:g}), whose elpd is within {self.slack} of the best"
        )
