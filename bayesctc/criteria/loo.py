"""Leave-one-patient-out cross-validation by PSIS, with exact refits where its approximation fails."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesctc.arguments import whole
from bayesctc.criteria.waic import Compared, spread
from bayesctc.inference.nuts import refit
from bayesctc.inference.settings import REFITTED, Settings
from bayesctc.model.analysis import Analysis
from bayesctc.process_wide import home_for_imports
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import measure
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown

HIGH_K = 0.7  # Vehtari et al., JMLR 2024;25(72)


@dataclass(frozen=True, repr=False)
class Loo(Compared, Shown):
    """Leave-one-patient-out elpd (higher is better).

    Attributes
    ----------
    elpd, se, p_loo : float
        Expected log predictive density of a new patient, summed over patients; its standard error; effective number
        of parameters.
    pointwise : DataFrame
        elpd, pareto_k and refitted (whether the model was fitted without that patient), by patient.
    n_high_k : int
        Patients with pareto_k above 0.7 whose elpd was *not* replaced by an exact refit.
    warnings : tuple of str
    measure : str
        What elpd is the logarithm of; only those of one measure may be compared.
    """

    elpd: float
    se: float
    p_loo: float
    pointwise: pd.DataFrame
    n_high_k: int
    warnings: tuple[str, ...]
    measure: str


def loo(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd: log p(y_i, T_i | all others), class and random effects integrated out.

    Pareto-smoothed importance sampling (Vehtari et al., JMLR 2024;25(72)). Patients with pareto_k above 0.7 are left
    out in earnest: the model is sampled again without each of them, unless the fit itself has failed.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        At most this many exact refits; with more such patients the worst are refitted and the rest counted.
    progress : bool

    Returns
    -------
    Loo
    """
    max_refits = whole("max_refits", max_refits, 0)
    values = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    of = measure(fit.design)
    return leave_one_out(fit, values, lambda i: _exact(fit, i), of, max_refits=max_refits, progress=progress)


def leave_one_out(
    fit: BayesFit, draws, exact: Callable[[int], float], of: str, *, scored=None, max_refits: int, progress: bool
) -> Loo:
    """PSIS-LOO of pointwise log densities, with `exact` in place of the patients it fails for.

    Parameters
    ----------
    fit : BayesFit
        Whose draws these are; if it has failed, nothing is sampled again, and the result says so.
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it stands in the posterior.
    scored : array (n_chains * n_draws, n_patients), optional
        Log density by which the prediction is scored; that of the posterior unless given.
    exact : function (position) -> float
        The patient's elpd from a posterior sampled without them.
    of : str
        The measure.
    max_refits : int
    progress : bool
    """
    weights, k = psis(draws)
    values = draws.to_numpy().reshape(-1, draws.shape[-1])
    values = values if scored is None else scored
    elpd = logsumexp(weights + values, axis=0) - logsumexp(weights, axis=0)
    lppd = logsumexp(values, axis=0) - np.log(len(values))
    failed = why_not(fit)
    high = np.flatnonzero(~(k <= HIGH_K))
    chosen = high[np.argsort(-k[high])][: 0 if failed else max_refits]
    refitted = np.zeros(len(k), dtype=bool)
    notes = [f"elpd of a fit that failed ({failed}): it does not count"] if failed else []
    with Progress(progress and len(chosen) > 0) as bar:
        for i in bar.track(chosen, len(chosen), f"LOO: exact refits for pareto_k > {HIGH_K:g}"):
            elpd[i] = exact(int(i))
            refitted[i] = True
    if len(high) > len(chosen):
        notes.append(
            f"{len(high) - len(chosen)} patients with pareto_k above {HIGH_K:g} were not refitted: elpd is unreliable"
        )
    columns = {"elpd": elpd, "pareto_k": k, "refitted": refitted}
    table = pd.DataFrame(columns, index=fit.analysis.patient_index)
    return Loo(
        float(elpd.sum()), spread(elpd), float((lppd - elpd).sum()), table, len(high) - len(chosen), tuple(notes), of
    )


def psis(draws) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed importance weights that leave out each patient in turn.

    Parameters
    ----------
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it stands in the posterior.

    Returns
    -------
    weights : array (n_chains * n_draws, n_patients)
        Their logarithms, up to a constant by patient.
    pareto_k : array (n_patients,)
    """
    with home_for_imports():
        import arviz as az  # noqa: F401  registers the accessor
    import xarray as xr

    weights, pareto_k = draws.azstats.psislw(dim=["chain", "draw"])
    weights = weights.transpose("chain", "draw", "patient").to_numpy()
    return weights.reshape(-1, draws.shape[-1]), xr.DataArray(pareto_k).to_numpy().astype(float)


def without_patient(fit: BayesFit, position: int, settings: Settings = REFITTED) -> tuple[np.ndarray, Analysis]:
    """Draws of theta from a posterior sampled without one patient, and that patient alone.

    Parameters
    ----------
    fit : BayesFit
    position : int
        Place of the patient in `fit.packed`, which is the seed too.
    settings : Settings
        Of the refit.
    """
    others = [j for j in range(fit.n_patients) if j != position]
    draws = refit(fit, fit.analysis.take(others), replace(settings, random_seed=position))
    return draws, fit.analysis.take([position])


def _exact(fit, position):
    """log p(y_i, T_i | the others), from a posterior sampled without patient i."""
    without, one = without_patient(fit, position)
    values = one.evaluator().draws(without)[:, 0]
    return float(logsumexp(values) - np.log(len(values)))
