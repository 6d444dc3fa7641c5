"""The result of maximum likelihood."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri

from bayesctc.data.outcome import FREQUENCY
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.parameter_blocks import BY_CLASS
from bayesctc.results.cells import cell_warnings
from bayesctc.results.classified import Classified
from bayesctc.results.diagnostics import zero_warnings
from bayesctc.results.intervals import CI_PROB, interval_scale, parameter_rows
from bayesctc.results.search_facts import SearchFacts
from bayesctc.results.separation import separation_warnings
from bayesctc.shown import Printed

CRITERION = "g' H^-1 g / m"
CONVERGED = 1e-6  # of g' H^-1 g / m, g the gradient, H the Hessian, m the number of parameters
RIVAL = 3.0  # log-likelihood units below the best mode


@dataclass(frozen=True, repr=False)
class MLFit(Classified):
    """The best interior mode of the likelihood.

    Attributes
    ----------
    analysis : Analysis
        The patients, and the specification adapted to them.
    theta : array (n_classes, n_class_parameters)
        The estimate as the likelihood uses it, classes sorted.
    log_likelihood : float
    criterion : float
        g' H^-1 g / m at the estimate; converged below 1e-6.
    covariance : array (n_parameters, n_parameters)
        Of the free parameters: the inverse of the Hessian. Parameters that are not estimable, or at a limit of their
        range, are fixed at their values.
    modes : DataFrame
        All modes found, best first: log_likelihood, n_starts, converged, interior, smallest_class (share of
        patients), smallest_class_events, remark.
    mode_thetas : tuple of array
        The modes' thetas, in the order of `modes`.
    search_warnings, estimate_warnings : tuple of str
        Doubts about the modes, and about the estimate at the best of them, with the outcome's names of classes.
    search : SearchFacts
        How the modes were found.

    Examples
    --------
    >>> fit.converged, fit.n_parameters
    (True, 11)
    >>> fit.class_probabilities.columns.tolist()
    ['class 1', 'class 2']
    >>> fit.modes[["n_starts", "interior"]].head(1)
          n_starts  interior
    mode
    0            3      True
    """

    analysis: Analysis
    theta: np.ndarray
    log_likelihood: float
    criterion: float
    covariance: np.ndarray
    modes: pd.DataFrame
    mode_thetas: tuple[np.ndarray, ...]
    search_warnings: tuple[str, ...]
    estimate_warnings: tuple[str, ...]
    search: SearchFacts

    @property
    def random_seed(self) -> int:
        """Seed of the search."""
        return self.search.random_seed

    @property
    def n_starts(self) -> int:
        """Starting values of the search."""
        return self.search.n_starts

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the result should not be trusted as it stands; empty if nothing was found."""
        silent: tuple[str, ...] = ()
        # a density identifies a level of zeros too
        if FREQUENCY in self.design.outcome.answers and not FAMILIES[self.spec.family].reads_transformed:
            silent = tuple(zero_warnings(self.analysis.tables()[0], self.design.outcome, self.class_probabilities))
        made_by_survival = separation_warnings(self._separation, self.spec, self.design.outcome)
        written = self._in_own_names((*self.search_warnings, *self.estimate_warnings))
        empty = cell_warnings(self.empty_cells, self.design.layout.coords["latent_class"], bayesian=False)
        return (*written, *silent, *empty, *made_by_survival)

    @property
    def n_parameters(self) -> int:
        """Free parameters."""
        return self.design.layout.n_parameters

    @property
    def converged(self) -> bool:
        """Whether g' H^-1 g / m is below 1e-6."""
        return self.criterion < CONVERGED

    @property
    def aic(self) -> float:
        """-2 log L + 2 m."""
        return -2.0 * self.log_likelihood + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """-2 log L + m log N, N the number of patients."""
        return -2.0 * self.log_likelihood + self.n_parameters * float(np.log(self.n_patients))

    @property
    def sabic(self) -> float:
        """Sample-size-adjusted BIC: -2 log L + m log((N + 2) / 24) (Sclove, Psychometrika 1987;52:333)."""
        return -2.0 * self.log_likelihood + self.n_parameters * float(np.log((self.n_patients + 2) / 24.0))

    @property
    def icl(self) -> float:
        """BIC - 2 sum p log p: BIC with the entropy of the classification (Biernacki et al., IEEE PAMI 2000;22:719)."""
        p = self.class_probabilities.to_numpy()
        return self.bic - 2.0 * float(np.sum(p * np.log(np.where(p > 0, p, 1.0))))

    @cached_property
    def parameters(self) -> xr.Dataset:
        """Estimates as natural parameters by name."""
        return self.design.layout.dataset(self.theta)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """Estimates with standard errors (delta method) and 95 % Wald intervals.

        Columns: parameter, latent_class, term, estimate, se, lower, upper, interval_on: the scale on which the interval
        is symmetric. It is "not estimable" for the hazard of a class without events, whose estimate is a limit, and "at
        a limit" for a parameter at the end of its range (a step of a hazard without events); these have no interval.
        Membership coefficients sum to zero over classes.
        """
        layout = self.design.layout
        free = layout.to_free(self.theta)
        rows = parameter_rows(layout)

        def values(vector: np.ndarray) -> np.ndarray:
            natural = layout.natural(layout.to_theta(vector))
            return np.array([natural[name][p] for name, p in zip(rows["parameter"], rows["position"], strict=True)])

        steps = 1e-5 * np.maximum(1.0, np.abs(free))
        with np.errstate(invalid="ignore", over="ignore"):  # a scale at covariates of 0 may overflow
            jacobian = np.column_stack(
                [(values(free + e) - values(free - e)) / (2 * h) for h, e in zip(steps, np.diag(steps), strict=True)]
            )
            variance = np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)
        estimate = values(free)
        se = np.sqrt(np.where(variance >= 0, variance, np.nan))
        z = ndtri(0.5 + CI_PROB / 2)
        table = rows.drop(columns="position").assign(estimate=estimate, se=se)
        limits = []
        for name, value, error in zip(rows["parameter"], estimate, se, strict=True):
            scale = interval_scale(name, layout)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a limit may be infinite
                half = z * error / abs(scale.derivative_of_inverse(value))
                limits.append((scale.inverse(scale.forward(value) - half), scale.inverse(scale.forward(value) + half)))
        table[["lower", "upper"]] = limits
        table["interval_on"] = [interval_scale(name, layout).name for name in rows["parameter"]]
        ranged = [b.name for b in layout.blocks if b.parameter in layout.pieces and layout.pieces[b.parameter].edges]
        held = (variance == 0.0) & table["parameter"].isin(ranged)
        table.loc[held, ["se", "lower", "upper"]] = np.nan
        table.loc[held, "interval_on"] = "at a limit"
        for c, g in self.not_estimable:
            own = [b.name for b in layout.of_cause(c) if b.sharing == BY_CLASS]
            silent = table["parameter"].isin(own) & (table["latent_class"] == layout.coords["latent_class"][g])
            table.loc[silent, ["se", "lower", "upper"]] = np.nan
            table.loc[silent, "interval_on"] = "not estimable"
        return Printed(table)

    @property
    def classifying_thetas(self) -> np.ndarray:
        """The estimate alone."""
        return self.theta[None]

    @property
    def point_theta(self) -> np.ndarray:
        """The estimate."""
        return self.theta

    @property
    def has_intervals(self) -> bool:
        """Whether the Hessian could be inverted."""
        return bool(np.isfinite(self.covariance).all())

    def parameter_draws(self, n: int = 1000, random_seed: int = 0, widened: float = 1.0) -> np.ndarray:
        """Draws of theta from the estimate's asymptotic normal distribution, with sds multiplied by `widened`.

        Array (n, n_classes, m).
        """
        layout = self.design.layout
        rng = np.random.default_rng(random_seed)
        eigenvalues, vectors = np.linalg.eigh(self.covariance)
        # the symmetric root: rounding decides on signs of eigenvectors, and on directions if eigenvalues are equal
        root = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
        free = layout.to_free(self.theta) + widened * rng.normal(size=(n, len(root))) @ root
        return np.stack([layout.to_theta(f) for f in free])

    def _under_names(self, labels: tuple[str, ...]) -> Self:
        return replace(self, analysis=self.analysis.with_labels(labels))

    def _shown(self) -> Iterator[str]:
        yield f"MLFit: {self.spec.n_classes} classes, endpoint {self.spec.endpoint}, {self.n_patients} patients"
        yield (
            f"  log likelihood {self.log_likelihood:.3f}, {self.n_parameters} parameters, AIC {self.aic:.1f}, "
            f"BIC {self.bic:.1f}, relative entropy {self.entropy:.3f}"
        )
        yield f"  converged: {'yes' if self.converged else 'NO'}"
        yield from (f"  warning: {text}" for text in self.warnings)
