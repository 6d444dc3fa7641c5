"""The interface of fits to predictions, checks and pictures."""

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.packed import Packed
from bayesctc.model.spec import ModelSpec
from bayesctc.results.cells import EmptyCell

if TYPE_CHECKING:
    from bayesctc.results.applied import Applied
    from bayesctc.results.bayes_fit import BayesFit
    from bayesctc.results.ml_fit import MLFit


class Fit(Protocol):
    """An `MLFit`, a `BayesFit`, or `Applied`, which is either of them with other patients; see `Classified`.

    Examples
    --------
    >>> def share_of_the_highest(fit: bc.Fit) -> float:
    ...     return float(fit.class_probabilities.iloc[:, -1].mean())
    >>> round(share_of_the_highest(fit), 1)
    0.2
    """

    @property
    def analysis(self) -> Analysis:
        """The patients under the design, with their likelihood."""

    @property
    def cohort(self) -> Cohort:
        """The patients."""

    @property
    def design(self) -> Design:
        """The specification adapted to the cohort it was fitted to."""

    @property
    def spec(self) -> ModelSpec:
        """The specification of the model."""

    @property
    def packed(self) -> Packed:
        """The patients as the likelihood uses them."""

    @property
    def n_patients(self) -> int:
        """Patients in the analysis."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the result should not be trusted as it stands."""

    @property
    def point_theta(self) -> np.ndarray | None:
        """The estimate at which quantities are computed; None for a posterior, whose draws give median and interval."""

    @property
    def classifying_thetas(self) -> np.ndarray:
        """Thetas over which class probabilities are averaged: array (n, n_classes, n_class_parameters)."""

    @property
    def has_intervals(self) -> bool:
        """Whether the uncertainty of the parameters is known."""

    def parameter_draws(self, n: int = 1000) -> np.ndarray:
        """Draws of theta, at most n: array (., n_classes, n_class_parameters)."""

    @property
    def class_probabilities(self) -> pd.DataFrame:
        """P(g | y, T), patients by classes."""

    @property
    def class_probabilities_counts(self) -> pd.DataFrame:
        """P(g | y), patients by classes."""

    @property
    def expected_events(self) -> pd.DataFrame:
        """Expected events in each class; causes by classes."""

    @property
    def not_estimable(self) -> dict[tuple[int, int], str]:
        """Hazards that cannot be estimated, by number of cause and class, with the reason."""

    @property
    def empty_cells(self) -> tuple[EmptyCell, ...]:
        """Classes and levels of a covariate with effects by class that have too few patients or events."""

    @property
    def assignment(self) -> pd.DataFrame:
        """Modal class of each patient, and its probability."""

    @property
    def quality(self) -> pd.DataFrame:
        """Size and separation of the classes."""


if TYPE_CHECKING:

    def _all_are(ml: MLFit, bayes: BayesFit, applied: Applied) -> tuple[Fit, Fit, Fit]:
        """Lets the type checker verify the three."""
        return ml, bayes, applied
