"""The parts of a predictive check."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bayesctc.checks.replicate import Data
from bayesctc.checks.visits import Visits
from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.time_to_event.product_limit import curves_start

ENOUGH = 10  # observed samples of a visit, patients of a class: what fewer say is noise
N_MONTHS, N_MONTHS_BY_CLASS = 12, 6
LAST_SHARE = 0.1  # survival is compared up to the month after which a tenth of the patients was followed


class Label(NamedTuple):
    """One statistic of a check: its group, its name, and its month (NaN: none)."""

    group: str
    statistic: str
    month: float = np.nan


@dataclass(frozen=True)
class Setting:
    """Properties common to all cohorts of a check.

    Attributes
    ----------
    visits : Visits
    kept : array of bool (n_patients, n_visits)
        Visits that are not replicated.
    observed : Data
    classes : tuple of str
        Labels of the classes; empty where patients are not classified.
    survival : bool
        Whether survival is modelled.
    outcome : Outcome
        What the samples hold.
    causes : tuple of str
        Competing events; empty where there is one event.
    """

    visits: Visits
    kept: np.ndarray
    observed: Data
    classes: tuple[str, ...]
    survival: bool
    outcome: Outcome = CTC_COUNT
    causes: tuple[str, ...] = ()

    def of_each_cause(self, words: str) -> list[str]:
        """A statistic's name for each cause; unchanged if there is one event."""
        return [f"{words}, {cause}" for cause in self.causes] or [words]

    def events(self, data: Data) -> list[np.ndarray]:
        """Events of each cause, 1 = event and 0 = another or censored: arrays (n_patients,)."""
        return [(data.event == code).astype(float) for code in range(1, max(len(self.causes), 1) + 1)]

    @cached_property
    def enough_visits(self) -> np.ndarray:
        """Visits with 10 observed samples or more."""
        taken = np.bincount(self.visits.visit, self.visits.counted.sum(axis=0), self.visits.n_visits)
        return np.flatnonzero(taken >= ENOUGH)

    @cached_property
    def enough_classes(self) -> list[int]:
        """Classes with 10 observed patients or more."""
        return [g for g in range(len(self.classes)) if np.sum(self.observed.latent_class == g) >= ENOUGH]

    def visit_label(self, visit: int, statistic: str) -> Label:
        """A statistic of one visit."""
        month = float(self.visits.months[visit])
        return Label(f"visit {visit + 1}, month {month:.1f}".replace("-0.0", "0.0"), statistic, month)

    @cached_property
    def start(self) -> float:
        """Months from which survival is compared: 0, or with delayed entry when every class has enough patients."""
        data = self.observed
        return curves_start(data.latent_class, data.time, data.entry)

    @cached_property
    def months(self) -> np.ndarray:
        """Months at which the survival of all is compared."""
        return self._grid(self.observed.time, N_MONTHS)

    @cached_property
    def months_by_class(self) -> dict[int, np.ndarray]:
        """Months at which the survival of each class is compared."""
        data = self.observed
        return {g: self._grid(data.time[data.latent_class == g], N_MONTHS_BY_CLASS) for g in self.enough_classes}

    def _grid(self, time, n):
        last = float(np.quantile(time, 1.0 - LAST_SHARE))
        return np.linspace(self.start, max(last, self.start + 1e-3), n + 1)[1:]


@dataclass(frozen=True)
class Check:
    """One check of the model: statistics of a cohort, observed and replicated.

    Attributes
    ----------
    name, title : str
        Name, and title for tables and plots. The title and `axis` may contain fields of the outcome's `Words`, such as
        "{values}".
    labels : function (Setting) -> list of Label
        The statistics; an empty list if the data do not provide them.
    values : function (Data, Setting) -> array (n_statistics,)
        The statistics of one cohort; NaN where undefined.
    picture : {"visits", "bars", "survival", "incidence", "intervals"}
        How it is drawn.
    axis : str
        Unit of the statistics.
    needs_survival, needs_classes, needs_causes : bool
    needs : str
        What the outcome has to provide, such as `CUTOFF`; "" if nothing.
    of_values : bool
        Whether its statistics are values, which a picture of visits shows on the outcome's own axis.
    """

    name: str
    title: str
    labels: Callable[[Setting], list[Label]]
    values: Callable[[Data, Setting], np.ndarray]
    picture: str
    axis: str
    needs_survival: bool = False
    needs_classes: bool = False
    needs: str = ""
    of_values: bool = False
    needs_causes: bool = False

    def lacks(self, setting: Setting) -> str:
        """Why the check does not apply to the model; "" if it does."""
        if self.needs and self.needs not in setting.outcome.answers:
            return f"only for counts, and {setting.outcome.words.value} is not a count"
        if (self.needs_survival and not setting.survival) or (self.needs_classes and not setting.classes):
            return "the model has no survival, or no patient is classified"
        if self.needs_causes and not setting.causes:
            return "the endpoint has no competing events"
        return ""

    def asked_of(self, outcome: Outcome) -> "Check":
        """The same check with title and axis in the words of an outcome."""
        words = vars(outcome.words)
        return replace(self, title=self.title.format(**words), axis=self.axis.format(**words))
