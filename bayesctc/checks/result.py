"""The result of a predictive check."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.checks.calibrated import Calibrated, calibrate
from bayesctc.checks.check import Check, Label, Setting
from bayesctc.results.intervals import CI_TEXT
from bayesctc.shown import Printed, Shown

P_WORDS = {
    "posterior": "posterior predictive p (not uniform under the model: conservative)",
    "asymptotic": "predictive p at maximum-likelihood estimates with asymptotic draws (conservative)",
    "prior": "prior predictive p",
}


@dataclass(frozen=True)
class Checked:
    """One check's statistics.

    Attributes
    ----------
    check : Check
    labels : tuple of Label
    observed : array (n_statistics,)
    draws : array (n_replicates, n_statistics)
    calibrated : Calibrated
    """

    check: Check
    labels: tuple[Label, ...]
    observed: np.ndarray
    draws: np.ndarray
    calibrated: Calibrated

    @classmethod
    def of(cls, check: Check, labels, observed, draws) -> "Checked":
        """Calibrate the statistics."""
        return cls(check, tuple(labels), observed, draws, calibrate(observed, draws))

    def rows(self) -> pd.DataFrame:
        """The check's rows of the table."""
        c = self.calibrated
        rows = [
            {
                "check": self.check.name,
                "group": label.group,
                "statistic": label.statistic,
                "month": label.month,
                "observed": self.observed[k],
                "lower": c.lower[k],
                "upper": c.upper[k],
                "p": c.p[k],
                "p_joint": c.p_joint[k],
                "flag": bool(c.flag[k]),
                "sentence": self._row_sentence(k),
            }
            for k, label in enumerate(self.labels)
        ]
        return pd.DataFrame(rows)

    def _row_sentence(self, k):
        label, c = self.labels[k], self.calibrated
        month = f" at {label.month:.1f} months" if np.isfinite(label.month) and "month" not in label.group else ""
        what = f"{label.statistic}{month} ({label.group})"
        if not np.isfinite(c.p[k]):
            return f"{what}: not available in the data or in the replicates."
        where = "inside" if c.lower[k] <= self.observed[k] <= c.upper[k] else "outside"
        return (
            f"{what}: observed {number(self.observed[k])}, {where} the model's {CI_TEXT} interval "
            f"{number(c.lower[k])} to {number(c.upper[k])}."
        )

    @property
    def sentence(self) -> str:
        """The check in one sentence, with its most extreme statistic."""
        c, n = self.calibrated, len(self.labels)
        if not np.isfinite(c.p_check):
            return f"{self.check.title}: no statistic can be compared."
        worst = int(np.nanargmin(np.where(np.isfinite(c.p_joint), c.p_joint + 1e-9 * c.p, np.nan)))
        if not c.flag.any():
            return f"{self.check.title}: consistent with the model (p = {c.p_check:.3f} over {n} statistics)."
        return (
            f"{self.check.title}: not consistent with the model (p = {c.p_check:.3f} over {n} statistics, "
            f"{int(c.flag.sum())} flagged). Most extreme: {self._row_sentence(worst)}"
        )


def number(value: float) -> str:
    """A number for a sentence: three significant figures; integers without decimals."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


@dataclass(frozen=True, repr=False)
class PredictiveCheck(Shown):
    """Comparison of the observed cohort with replicated ones.

    Attributes
    ----------
    kind : {"posterior", "asymptotic", "prior"}
        The distribution of theta: the posterior, the asymptotic normal distribution of maximum-likelihood
        estimates, or the priors.
    checks : dict of str to Checked
        The result of each check, with the replicates' statistics.
    left_out : DataFrame
        check, reason: checks that do not apply to these data or this model.
    process : DataFrame
        visit, month (planned), n_at_risk, missed, dropout: the model of which samples are taken.
    assumptions : tuple of str
        How the replicates were made.
    warnings : tuple of str
        Reasons not to trust the result as it stands.
    setting : Setting
        The observed cohort as the checks see it.
    n_replicates, n_redrawn, random_seed : int
        `n_redrawn` parameter sets were replaced because they gave a count of more than 15 digits.

    Examples
    --------
    >>> check = bc.predictive_check(fit, n_replicates=20, progress=False)
    >>> check.assumptions[0]
    'Schedule: 6 visits inferred from the sample times (peaks of their density, kernel sd 0.23 months).'
    """

    kind: str
    checks: dict[str, Checked]
    left_out: pd.DataFrame
    process: pd.DataFrame
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    setting: Setting
    n_replicates: int
    n_redrawn: int
    random_seed: int

    @property
    def p_is(self) -> str:
        """What the p-values are."""
        return P_WORDS[self.kind]

    @property
    def table(self) -> pd.DataFrame:
        """One row per statistic.

        check, group, statistic, month (NaN: none), observed, lower and upper (95 % predictive interval), p
        (two-sided, `p_is`), p_joint (adjusted for the statistics of the check), flag (p_joint below 0.05), sentence.
        """
        return Printed(pd.concat([c.rows() for c in self.checks.values()], ignore_index=True))

    @property
    def summary(self) -> pd.DataFrame:
        """One row per check: n_statistics, p (of the whole check), flag, sentence.

        p is the share of replicates whose most extreme statistic is at least as far from the replicates' median, in
        either direction, as the observed one. Only a small p counts against the model; p near 1 is no misfit.
        """
        rows = {
            name: {
                "n_statistics": len(c.labels),
                "p": c.calibrated.p_check,
                "flag": bool(c.calibrated.flag.any()),
                "sentence": c.sentence,
            }
            for name, c in self.checks.items()
        }
        return Printed.from_dict(rows, orient="index").rename_axis("check")

    @property
    def flagged(self) -> tuple[str, ...]:
        """Names of flagged checks; if the model is true, each is flagged in at most 5 % of cohorts."""
        return tuple(name for name, c in self.checks.items() if c.calibrated.flag.any())

    def _shown(self) -> Iterator[str]:
        yield f"PredictiveCheck ({self.kind}): {self.n_replicates} replicated cohorts; p: {self.p_is}"
        yield from (f"  {'*' if name in self.flagged else ' '} {c.sentence}" for name, c in self.checks.items())
        yield from (f"  warning: {text}" for text in self.warnings)
