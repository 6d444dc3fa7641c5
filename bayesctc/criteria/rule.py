"""Which number of classes to recommend, by a rule that shows its work."""

from dataclasses import dataclass

import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.results.bayes_fit import BayesFit


@dataclass(frozen=True)
class ParsimonyRule:
    """Leave out every K with too small a class or unmixed chains; of the rest, the smallest close to the best elpd.

    Attributes
    ----------
    floor : float
        Smallest share of patients a class may hold.
    margin : float
        Log-likelihood units of elpd within which K counts as good as the best ...
    standard_errors : float
        ... or this many standard errors of the difference, whichever is more.
    max_rhat : float
        Largest R-hat with which a K is compared: the elpd of chains that have not mixed is no criterion. With a single
        chain nothing is known, and the K stays.
    """

    floor: float = 0.02
    margin: float = 4.0
    standard_errors: float = 1.0
    max_rhat: float = 1.05

    def __post_init__(self):
        if not 0 <= self.floor < 1 or self.margin < 0 or self.standard_errors < 0 or self.max_rhat < 1:
            raise SpecError(f"a floor lies in [0, 1), margins are 0 or more, max_rhat is 1 or more; found {self!r}.")

    def eligible(self, table: pd.DataFrame) -> pd.DataFrame:
        """Which K are compared at all: `above_floor` and `chains_mixed`, by n_classes."""
        mixed = table["elpd_loo"].notna() & ~(table["max_rhat"] > self.max_rhat)
        return pd.DataFrame({"above_floor": table["smallest_class"] >= self.floor, "chains_mixed": mixed})

    def compares(self, fit: BayesFit) -> bool:
        """Whether a fit's number of classes is compared at all, known before its elpd is."""
        known = {"elpd_loo": [0.0], "max_rhat": [fit.diagnostics.max_rhat],
                 "smallest_class": [fit.quality["share"].min()]}  # fmt: skip
        return bool(self.eligible(pd.DataFrame(known)).to_numpy().all())

    def apply(self, table: pd.DataFrame) -> tuple[pd.DataFrame, int | None]:
        """Show the rule at work.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: smallest_class, max_rhat, elpd_loo, elpd_diff (to the best of the eligible),
            elpd_diff_se.

        Returns
        -------
        DataFrame
            The table with `above_floor`, `chains_mixed`, `close_to_best` and `recommended`.
        int or None
            The recommended number of classes.
        """
        eligible = self.eligible(table)
        slack = (self.standard_errors * table["elpd_diff_se"]).clip(lower=self.margin)
        close = eligible.all(axis=1) & (-table["elpd_diff"] <= slack)
        chosen = int(table.index[close].min()) if close.any() else None
        return table.assign(**eligible, close_to_best=close, recommended=table.index == chosen), chosen

    def __str__(self) -> str:
        return (
            f"the smallest K without a class under {100 * self.floor:g} % of patients, its chains mixed (R-hat up to "
            f"{self.max_rhat:g}), whose elpd is within "
            f"max({self.margin:g}, {self.standard_errors:g} standard error of the difference) of the best"
        )
