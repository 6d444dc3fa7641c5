"""The result of sampling the posterior."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.model.analysis import Analysis
from bayesctc.results.classified import Classified
from bayesctc.results.diagnostics import Diagnostics, parameter_table
from bayesctc.results.search_facts import SearchFacts

PROBABILITY_DRAWS = 400  # class probabilities are means over this many draws, evenly spaced


@dataclass(frozen=True, repr=False)
class BayesFit(Classified):
    """Draws from the posterior around one mode, relabelled, with what is known of their quality.

    Attributes
    ----------
    analysis : Analysis
        The patients, and the specification settled on them.
    idata : xarray.DataTree
        ``posterior`` (natural parameters on the user's scale, relabelled), ``internal`` (``theta``: the same as the
        likelihood reads them), ``sample_stats``, ``log_likelihood`` (``joint``: log L_i by chain, draw and patient).
        Its attributes say what made it.
    mode_theta : array (n_classes, n_class_parameters)
        The ML mode the chains started from.
    modes : DataFrame
        All modes of the ML search.
    warnings : tuple of str
        Why the result should not be trusted as it stands; empty if nothing was found.
    rivals : tuple of BayesFit
        Chains of rival modes, if they were asked for; kept apart.
    """

    analysis: Analysis
    idata: xr.DataTree
    mode_theta: np.ndarray
    modes: pd.DataFrame
    warnings: tuple[str, ...]
    rivals: "tuple[BayesFit, ...]" = field(default=())

    @property
    def search(self) -> SearchFacts:
        """The maximum-likelihood search for the mode the chains started from."""
        return SearchFacts.from_json(self.idata.attrs["ml_search"])

    @property
    def trustworthy(self) -> bool:
        """Whether no warning stands against the result."""
        return not self.warnings

    @cached_property
    def thetas(self) -> np.ndarray:
        """Draws as the likelihood reads them: array (n_chains * n_draws, n_classes, n_class_parameters)."""
        theta = self.idata["internal"].dataset["theta"].to_numpy()
        return theta.reshape(-1, *theta.shape[2:])

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """R-hat, ESS, divergences, chains that left the mode."""
        return Diagnostics.of(self.idata, self.design.layout)

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
        """Whether the uncertainty of the estimate is known: it is."""
        return True

    def parameter_draws(self, n: int = 1000) -> np.ndarray:
        """Evenly spaced draws of theta: array (at most n, n_classes, n_class_parameters)."""
        keep = np.unique(np.linspace(0, len(self.thetas) - 1, min(n, len(self.thetas))).astype(int))
        return self.thetas[keep]

    def save(self, path: str | Path) -> None:
        """Write everything to one netCDF file, whole or not at all; `load_fit` reads it back.

        Raises
        ------
        StorageError
            The file cannot be written.
        """
        from bayesctc.results.storage import save_fit  # its imports cost a second

        save_fit(self, path)

    def __repr__(self) -> str:
        d = self.diagnostics
        lines = [
            f"BayesFit: {self.spec.n_classes} classes, endpoint {self.spec.endpoint}, {self.n_patients} patients, "
            f"{d.n_chains} chains of {d.n_draws} draws",
            f"  largest R-hat {d.max_rhat:.3f}, smallest ESS {d.min_ess:.0f}, divergences {d.n_divergences}",
        ]
        return "\n".join(lines + [f"  warning: {w}" for w in self.warnings])
