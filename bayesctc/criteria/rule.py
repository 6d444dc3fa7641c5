"""Which number of classes to recommend, by a rule that shows its work."""

from dataclasses import dataclass

import pandas as pd

from bayesctc.errors import SpecError


@dataclass(frozen=True)
class ParsimonyRule:
    """Leave out every K with a class under a floor; of the rest, the smallest whose elpd is close to the best.

    Attributes
    ----------
    floor : float
        Smallest share of patients a class may hold.
    margin : float
        Log-likelihood units of elpd within which K counts as good as the best ...
    standard_errors : float
        ... or this many standard errors of the difference, whichever is more.
    """

    floor: float = 0.02
    margin: float = 4.0
    standard_errors: float = 1.0

    def __post_init__(self):
        if not 0 <= self.floor < 1 or self.margin < 0 or self.standard_errors < 0:
            raise SpecError(f"a floor lies in [0, 1), margins are 0 or more; found {self}.")

    def apply(self, table: pd.DataFrame) -> tuple[pd.DataFrame, int | None]:
        """Show the rule at work.

        Parameters
        ----------
        table : DataFrame
            Indexed by n_classes: smallest_class, elpd_diff (to the best, at most 0), elpd_diff_se.

        Returns
        -------
        DataFrame
            The table with `above_floor`, `close_to_best` and `recommended`.
        int or None
            The recommended number of classes.
        """
        above = (table["smallest_class"] >= self.floor).rename("above_floor")
        slack = (self.standard_errors * table["elpd_diff_se"]).clip(lower=self.margin)
        close = above & (-table["elpd_diff"] <= slack)
        chosen = int(table.index[close].min()) if close.any() else None
        return table.assign(above_floor=above, close_to_best=close, recommended=table.index == chosen), chosen

    def __str__(self) -> str:
        return (
            f"the smallest K without a class under {100 * self.floor:g} % of patients whose elpd is within "
            f"max({self.margin:g}, {self.standard_errors:g} standard error of the difference) of the best"
        )
