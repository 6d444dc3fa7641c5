"""The result of sampling the posterior."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc import arguments
from bayesctc.errors import FitError
from bayesctc.model.analysis import Analysis
from bayesctc.results.classified import Classified
from bayesctc.results.diagnostics import Diagnostics, parameter_table
from bayesctc.results.idata import posterior_predictive, with_class_names
from bayesctc.results.search_facts import SearchFacts

PROBABILITY_DRAWS = 400  # class probabilities are means over this many draws, evenly spaced


@dataclass(frozen=True, repr=False)
class BayesFit(Classified):
    """Draws from the posterior around one mode, relabelled, with diagnostics of their quality.

    Attributes
    ----------
    analysis : Analysis
        The patients, and the specification adapted to them.
    idata : xarray.DataTree
        The groups that ArviZ reads: ``posterior`` (natural parameters on the user's scale, relabelled, without
        constants; only correlations below the diagonal), ``log_prior`` (by parameter, see `model.log_prior`),
        ``log_likelihood`` (``joint``: log L_i by chain, draw and patient; compare only fits with the same attribute
        ``measure``, which `Loo.difference_from` checks and ArviZ does not), ``sample_stats``, ``observed_data``, and
        ``posterior_predictive`` if `with_posterior_predictive` added it. ``internal`` has ``theta``, the draws as the
        likelihood uses them. The attributes record how the draws were made.
    mode_theta : array (n_classes, n_class_parameters)
        The ML mode from which the chains started.
    modes : DataFrame
        All modes of the ML search.
    notes : tuple of str
        The warnings as written, with the outcome's names of classes.
    rivals : tuple of BayesFit
        Separate chains of rival modes, if requested.

    Examples
    --------
    >>> posterior = bc.fit_bayes(cohort, spec, ml=fit, settings=few)
    >>> dict(posterior.idata["posterior"]["scale"].sizes)
    {'chain': 2, 'draw': 50, 'latent_class': 2}
    >>> posterior.summary().columns[:4].tolist()
    ['parameter', 'latent_class', 'term', 'mean']
    >>> len(posterior.warnings) > 0  # 50 draws of each chain are too few, and a warning reports it
    True
    """

    analysis: Analysis
    idata: xr.DataTree
    mode_theta: np.ndarray
    modes: pd.DataFrame
    notes: tuple[str, ...]
    rivals: "tuple[BayesFit, ...]" = field(default=())

    @property
    def search(self) -> SearchFacts:
        """The maximum-likelihood search for the mode the chains started from."""
        return SearchFacts.from_json(self.idata.attrs["ml_search"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the result should not be trusted as it stands; empty if nothing was found."""
        return self._in_own_names(self.notes)

    @property
    def trustworthy(self) -> bool:
        """Whether the result has no warnings."""
        return not self.warnings

    @cached_property
    def thetas(self) -> np.ndarray:
        """Draws as the likelihood uses them: array (n_chains * n_draws, n_classes, n_class_parameters)."""
        theta = self.idata["internal"].dataset["theta"].to_numpy()
        return theta.reshape(-1, *theta.shape[2:])

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """R-hat, ESS, divergences, chains that left the mode."""
        return Diagnostics.of(self.idata, self.design.layout)

    def noted(self, notes: tuple[str, ...], rivals: "tuple[BayesFit, ...]" = ()) -> Self:
        """The same with other warnings and rivals, on which nothing else depends: what is computed already is kept."""
        fit = replace(self, notes=notes, rivals=rivals)
        own = {item.name for item in fields(self)}
        vars(fit).update({name: value for name, value in vars(self).items() if name not in own})
        return fit

    def summary(self) -> pd.DataFrame:
        """Posterior mean, sd, 95 % equal-tailed interval, R-hat and ESS of every parameter."""
        return parameter_table(self.idata, self.design.layout)

    @property
    def classifying_thetas(self) -> np.ndarray:
        """Evenly spaced draws."""
        return self.parameter_draws(PROBABILITY_DRAWS)

    @property
    def point_theta(self) -> None:
        """None: a posterior has draws."""
        return None

    @property
    def has_intervals(self) -> bool:
        """Whether the uncertainty of the estimate is known: always true."""
        return True

    def parameter_draws(self, n: int = 1000) -> np.ndarray:
        """Evenly spaced draws of theta: array (at most n, n_classes, n_class_parameters)."""
        keep = np.unique(np.linspace(0, len(self.thetas) - 1, min(n, len(self.thetas))).astype(int))
        return cast(np.ndarray, self.thetas[keep])

    def with_posterior_predictive(self, n: int = 200, random_seed: int = 0) -> "BayesFit":
        """The same fit with a group ``posterior_predictive`` in `idata`, for `arviz.plot_ppc_dist` and similar plots.

        Samples are simulated at the observed visits, given each patient's follow-up; `predictive_check` also simulates
        visits and follow-up.

        Parameters
        ----------
        n : int
            Draws of the parameters, evenly spaced over the chains, with at least one of each chain.
        random_seed : int

        Raises
        ------
        FitError
            A simulated count is too large for a number.
        """
        n, rng = arguments.whole("n", n, 1), np.random.default_rng(arguments.seed(random_seed))
        theta = self.idata["internal"].dataset["theta"].transpose("chain", "draw", ...).to_numpy()
        chains, draws = theta.shape[:2]
        numbers = np.unique(np.linspace(0, draws - 1, min(max(n // chains, 1), draws)).astype(int))
        try:
            group = posterior_predictive(theta[:, numbers], numbers, self.analysis, rng)
        except OverflowError as error:
            raise FitError(f"posterior predictive samples cannot be drawn: {error}") from error
        idata = self.idata.copy()
        idata["posterior_predictive"] = xr.DataTree(group)
        return replace(self, idata=idata)

    def save(self, path: str | Path) -> None:
        """Write everything to one netCDF file, completely or not at all; `load_fit` reads it back.

        Raises
        ------
        StorageError
            The file cannot be written.
        """
        from bayesctc.results.saving import save_fit  # its imports cost a second

        save_fit(self, path)

    def _under_names(self, labels: tuple[str, ...]) -> Self:
        analysis = self.analysis.with_labels(labels)
        return replace(self, analysis=analysis, idata=with_class_names(self.idata, analysis.design.layout))

    def _shown(self) -> Iterator[str]:
        d = self.diagnostics
        yield (
            f"BayesFit: {self.spec.n_classes} classes, endpoint {self.spec.endpoint}, {self.n_patients} patients, "
            f"{d.n_chains} chains of {d.n_draws} draws"
        )
        yield f"  largest R-hat {d.max_rhat:.3f}, smallest ESS {d.min_ess:.0f}, divergences {d.n_divergences}"
        yield from (f"  warning: {text}" for text in self.warnings)
