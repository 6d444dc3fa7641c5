"""A fit's parameters applied to other patients."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from bayesctc.data import Cohort
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.packed import Packed
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.cells import EmptyCell
from bayesctc.results.classified import Classified
from bayesctc.results.ml_fit import MLFit

LONGER, SHORTER = 4.0, 8.0  # factors by which median follow-up may differ before the unit is doubted


@dataclass(frozen=True, repr=False)
class Applied(Classified):
    """New patients under a fitted model, whose parameters are left unchanged.

    Attributes
    ----------
    fit : MLFit or BayesFit
    analysis : Analysis
        The new patients under the fit's design.

    Examples
    --------
    >>> baseline = bc.Applied.of(fit, cohort.at_baseline())
    >>> baseline.class_probabilities_counts.shape
    (469, 2)
    """

    fit: MLFit | BayesFit
    analysis: Analysis

    def _shown(self) -> Iterator[str]:
        yield f"{self.n_patients} patients, under the parameters of"
        yield from self.fit._shown()

    @classmethod
    def of(cls, fit: MLFit | BayesFit, cohort: Cohort) -> "Applied":
        """Apply a fit to a cohort.

        Raises
        ------
        SpecError
            The arguments are not a fit and a cohort.
        DataError
            The cohort lacks the endpoint or a covariate of the model, has a level that was not in the fit, or its
            follow-up is of another order of magnitude.
        """
        if not isinstance(fit, MLFit | BayesFit) or not isinstance(cohort, Cohort):
            raise SpecError(f"a fit and a cohort are needed; found {type(fit).__name__} and {type(cohort).__name__}.")
        analysis = Analysis.of(cohort, fit.design)
        _check_unit(fit, analysis.packed)
        return cls(fit, analysis)

    def _under_names(self, labels: tuple[str, ...]) -> Self:
        return replace(self, fit=self.fit.with_labels(labels), analysis=self.analysis.with_labels(labels))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The fit's."""
        return self.fit.warnings

    @property
    def classifying_thetas(self) -> np.ndarray:
        """The fit's."""
        return self.fit.classifying_thetas

    @property
    def point_theta(self) -> np.ndarray | None:
        """The fit's."""
        return self.fit.point_theta

    @property
    def has_intervals(self) -> bool:
        """Whether the uncertainty of the fit's parameters is known."""
        return self.fit.has_intervals

    @property
    def not_estimable(self) -> dict[tuple[int, int], str]:
        """The fit's."""
        return self.fit.not_estimable

    @property
    def empty_cells(self) -> tuple[EmptyCell, ...]:
        """The fit's."""
        return self.fit.empty_cells

    def parameter_draws(self, n: int = 1000) -> np.ndarray:
        """The fit's."""
        return self.fit.parameter_draws(n)


def _check_unit(fit: MLFit | BayesFit, packed: Packed) -> None:
    """Refuse follow-up that is hardly in months if that of the fit is."""
    if fit.spec.endpoint is None:
        return
    here, there = float(np.median(packed.time)), float(np.median(fit.packed.time))
    if here > LONGER * there or here < there / SHORTER:
        raise DataError(
            f"{fit.spec.endpoint}_time: found a median follow-up of {here:.3g} months, while the model was fitted to "
            f"{there:.3g}; allowed: the same unit (read the files with time_unit=, such as 'days')"
        )
