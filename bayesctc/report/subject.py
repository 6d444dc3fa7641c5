"""The subject of a report: one fit, and the selection it comes from if there is one."""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.criteria.selection import Selection
from bayesctc.data.outcome import Outcome, Words
from bayesctc.errors import SpecError
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.predict.curves import class_survival, survival_columns
from bayesctc.predict.hazard_ratios import CONTRAST, hazard_ratios
from bayesctc.predict.trajectories import class_reach, class_trajectories
from bayesctc.report.format import listed
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not

TRAJECTORY_MONTHS = (0.0, 3.0, 6.0, 12.0)
LATE = 7.5  # months: sampling beyond it is summarised at its end as well as at month 6
LANDMARKS = (12.0, 24.0, 36.0)


def failed_text(reason: str) -> str:
    """The text on a fit whose numbers cannot be relied on."""
    return f"FAILED FIT, do not rely on its numbers: {reason}."


@dataclass(frozen=True)
class Subject:
    """The fit a report shows.

    Attributes
    ----------
    fit : BayesFit or MLFit
    selection : Selection or None
    note : str
        Why this fit is shown, if the rule did not choose it.
    """

    fit: BayesFit | MLFit
    selection: Selection | None
    note: str = ""

    @classmethod
    def of(cls, result) -> "Subject":
        """The subject of a selection or a fit."""
        if isinstance(result, BayesFit | MLFit):
            return cls(result, None)
        if not isinstance(result, Selection):
            raise SpecError(
                f"a report needs a selection, a Bayesian or an ML fit; found {type(result).__name__} (for a comparison "
                "of families, write the report of one of its selections)."
            )
        if result.recommended in result.bayes:
            return cls(result.bayes[result.recommended], result)
        if result.recommended is not None:
            note = f"K = {result.recommended} was not sampled, so its maximum-likelihood estimate is shown."
            return cls(result.ml[result.recommended], result, note)
        if not result.loo:
            best = min(result.ml)
            note = f"No number of classes meets the rule ({result.rule}), and none was sampled. K = {best} is shown."
            return cls(result.ml[best], result, note)
        usable = [k for k in result.loo if result.table.loc[k, "usable"]]
        best = max(usable or result.loo, key=lambda k: (isfinite(result.loo[k].elpd), result.loo[k].elpd))
        note = (
            f"No number of classes meets the rule ({result.rule}). The fit with the highest elpd"
            f"{' of those that can be compared' if usable else ''}, K = {best}, is shown; it is not recommended."
        )
        return cls(result.bayes[best] if best in result.bayes else result.ml[best], result, note)

    @property
    def bayesian(self) -> bool:
        """Whether the fit is a posterior."""
        return isinstance(self.fit, BayesFit)

    @property
    def why_not(self) -> str | None:
        """Why the fit's numbers cannot be relied on; None if they can. Its elpd may still be valid."""
        return why_not(self.fit)

    @property
    def may_be_compared(self) -> bool:
        """Whether the selection that the fit comes from compares it, as its chains agree in their predictions."""
        return self.selection is not None and bool(self.selection.table.loc[self.spec.n_classes, "usable"])

    @property
    def spec(self):
        """What was fitted."""
        return self.fit.spec

    @property
    def outcome(self) -> Outcome:
        """What the samples hold."""
        return self.fit.design.outcome

    @property
    def words(self) -> Words:
        """The words for what the samples hold."""
        return self.outcome.words

    @property
    def in_unit(self) -> str:
        """The unit of the outcome as a sentence; "" if it has none."""
        return f"{self.words.heading}: {self.words.unit}." if self.words.unit else ""

    @property
    def given(self) -> str:
        """What class probabilities are conditional on."""
        return f"{self.words.values} and survival" if self.spec.endpoint is not None else self.words.values

    @property
    def probability(self) -> str:
        """The symbol of class probabilities."""
        return "P(g | y, T)" if self.spec.endpoint is not None else "P(g | y)"

    @property
    def labels(self) -> list[str]:
        """Labels of the classes."""
        return self.fit.design.layout.coords["latent_class"]

    @property
    def called(self) -> list[str]:
        """The names of the classes in a sentence: those given by the user are in quotation marks."""
        return [f'"{label}"' for label in self.labels] if self.fit.design.labels else self.labels

    @cached_property
    def fit_warnings(self) -> tuple[str, ...]:
        """The warnings of the fit, with the names of the classes as in other sentences."""
        named = self.fit.design.labels and self.fit.warnings
        return self.fit.with_labels(self.called).warnings if named else self.fit.warnings

    @property
    def averaged_over(self) -> str:
        """The covariates over which the survival of a class is averaged, listed; "" without any."""
        return listed(survival_columns(self.spec))

    @property
    def interval(self) -> str:
        """What kind of interval the fit has."""
        if self.bayesian:
            return f"{CI_TEXT} credible interval"
        return f"{CI_TEXT} confidence interval"

    @property
    def estimate(self) -> str:
        """What kind of estimate the fit has."""
        return "posterior median" if self.bayesian else "maximum-likelihood estimate"

    @property
    def samples(self) -> pd.DataFrame:
        """The samples in the analysis."""
        if self.spec.endpoint is None:
            return self.fit.cohort.samples
        return self.fit.cohort.endpoint(self.spec.endpoint, require_events=False).samples

    @cached_property
    def curves(self) -> xr.Dataset:
        """Counts by class over time, for the pictures."""
        return class_trajectories(self.fit)

    @cached_property
    def reach(self) -> np.ndarray:
        """The month to which the samples of each class extend."""
        return class_reach(self.fit)

    @cached_property
    def short_months(self) -> list[float]:
        """Months at which the summary shows counts: from the start to where most sampling has ended."""
        last, end = float(self.samples["time"].max()), float(self.fit.design.basis.span[1])
        if end >= LATE:
            return [0.0, 6.0, end]
        return [0.0, 6.0] if last >= 6.0 else [0.0, last]

    @cached_property
    def table_months(self) -> list[float]:
        """Months at which the table shows counts."""
        last = float(self.samples["time"].max())
        return [m for m in TRAJECTORY_MONTHS if m <= last] or [0.0]

    @cached_property
    def counts(self) -> xr.Dataset:
        """Counts by class at the months of summary and table."""
        return class_trajectories(self.fit, sorted({*self.short_months, *self.table_months}))

    @cached_property
    def short_horizon(self) -> float:
        """The month at which the summary shows survival."""
        return next((t for t in (24.0, 12.0, 6.0) if t <= self.last_follow_up), self.last_follow_up)

    @cached_property
    def survival(self) -> xr.Dataset:
        """Survival by class at the months of summary and table, and its mean to the last of these within follow-up."""
        months = sorted({*LANDMARKS, self.short_horizon})
        return class_survival(self.fit, months, horizon=min(max(LANDMARKS), self.last_follow_up))

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """The table of `hazard_ratios`."""
        return hazard_ratios(self.fit)

    @property
    def ratios(self) -> pd.DataFrame:
        """Hazard ratios between classes and of covariates."""
        return self.comparisons[self.comparisons["quantity"] == "hazard ratio"]

    @property
    def contrasts(self) -> pd.DataFrame:
        """Ratios between classes of the hazard ratios of covariates that act by class."""
        return self.comparisons[self.comparisons["quantity"] == CONTRAST]

    @property
    def n_events(self) -> int:
        """Events in the analysis."""
        return int((self.fit.packed.event > 0).sum())

    @property
    def n_between(self) -> int:
        """Events in the analysis that are known only to lie between two visits."""
        return int(self.fit.packed.within.sum())

    @property
    def last_follow_up(self) -> float:
        """The longest follow-up, in months."""
        return float(self.fit.packed.time.max())

    @property
    def selected(self) -> Selection:
        """The selection the fit comes from, where there is one."""
        assert self.selection is not None
        return self.selection

    @property
    def every_fit(self) -> dict[int, BayesFit | MLFit]:
        """The fit of each number of classes of the selection: the maximum-likelihood estimate if it was not sampled."""
        fits: dict[int, BayesFit | MLFit] = {**self.selected.ml, **self.selected.bayes}
        return {k: fits[k] for k in sorted(fits)}

    @property
    def bayes(self) -> BayesFit:
        """The fit, where it is a posterior."""
        assert isinstance(self.fit, BayesFit)
        return self.fit

    @property
    def ml(self) -> MLFit:
        """The fit, where it is a maximum-likelihood estimate."""
        assert isinstance(self.fit, MLFit)
        return self.fit

    @property
    def event_times(self) -> np.ndarray:
        """Times of the observed events, in months; for those between two visits, the later visit."""
        return self.fit.packed.time[self.fit.packed.event > 0]

    @property
    def delayed_entry(self) -> bool:
        """Whether any patient enters after the start."""
        return self.spec.endpoint is not None and bool((self.fit.packed.entry > 0).any())

    def title(self) -> str:
        """A title for the report."""
        K = self.spec.n_classes
        topic = self.words.topic
        what = f"{K} trajectory classes of {topic}" if K > 1 else f"{topic} over time, one class"
        return what if self.spec.endpoint is None else f"{what} and {endpoint_words(self.spec)}"
