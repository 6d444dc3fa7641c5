"""WAIC, patients as units."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesctc.errors import SpecError
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import measure
from bayesctc.shown import Shown

HIGH_VARIANCE = 0.4  # Vehtari, Gelman and Gabry, Stat Comput 2017;27:1413


class Compared:
    """An elpd that is compared with another, patient by patient."""

    pointwise: pd.DataFrame
    measure: str

    def difference_from(self, other: "Compared") -> pd.Series:
        """elpd minus another's, by patient; its sum is the difference, `spread` of it the standard error.

        Raises
        ------
        SpecError
            The other is of another measure (such as a density of log(1 + count) instead of a probability of the count),
            endpoint, or set of patients, so that the difference is not meaningful.
        """
        if self.measure != other.measure:
            raise SpecError(f"elpds have to be of the same measure; found {self.measure!r} and {other.measure!r}.")
        apart = self.pointwise.index.symmetric_difference(other.pointwise.index)
        if len(apart):
            raise SpecError(
                f"elpds have to be of the same patients; found {len(apart)} who are in only one of the two."
            )
        return self.pointwise["elpd"] - other.pointwise["elpd"]


@dataclass(frozen=True, repr=False)
class Waic(Compared, Shown):
    """Watanabe's criterion on the elpd scale (higher is better).

    Attributes
    ----------
    elpd, se, p_waic : float
        Expected log predictive density of a new patient, summed over patients; its standard error; effective number
        of parameters.
    pointwise : DataFrame
        elpd and p_waic by patient.
    n_high_variance : int
        Patients whose log likelihood has a posterior variance above 0.4; if there are any, prefer LOO.
    measure : str
        The probability or density whose logarithm is summed; only elpds of the same measure may be compared.

    Examples
    --------
    >>> result = bc.waic(posterior)
    >>> result.measure
    'probability of the counts, density of the time to os'
    """

    elpd: float
    se: float
    p_waic: float
    pointwise: pd.DataFrame
    n_high_variance: int
    measure: str


def waic(fit: BayesFit) -> Waic:
    """WAIC of a fit with patients as units; class and random effects are integrated out.

    elpd_i = log mean_s p(y_i, T_i | theta_s) - var_s log p(y_i, T_i | theta_s)  (Watanabe, JMLR 2010;11:3571).

    Parameters
    ----------
    fit : BayesFit

    Returns
    -------
    Waic

    Examples
    --------
    >>> result = bc.waic(posterior)
    >>> bool(abs(result.elpd - bc.loo(posterior, max_refits=0, progress=False).elpd) < 5)
    True
    """
    values = log_likelihood_draws(fit)
    p = values.var(axis=0, ddof=1)
    elpd = logsumexp(values, axis=0) - np.log(len(values)) - p
    pointwise = pd.DataFrame({"elpd": elpd, "p_waic": p}, index=fit.analysis.patient_index)
    n_high, of = int(np.sum(p > HIGH_VARIANCE)), measure(fit.design)
    return Waic(float(elpd.sum()), spread(elpd), float(p.sum()), pointwise, n_high, of)


def log_likelihood_draws(fit: BayesFit) -> np.ndarray:
    """log L_i of the draws: array (n_chains * n_draws, n_patients)."""
    values = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient").to_numpy()
    return values.reshape(-1, values.shape[-1])


def spread(pointwise) -> float:
    """Standard error of a sum over patients: sqrt(N var)."""
    return float(np.sqrt(len(pointwise) * np.var(pointwise, ddof=1)))
