"""Leave-one-patient-out cross-validation by PSIS, with chains that disagree stacked.

For patients for whom PSIS fails, moment matching is used, and then exact refits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesctc.arguments import whole
from bayesctc.criteria.agreement import Agreement, every_chain
from bayesctc.criteria.moment_matching import MomentMatching
from bayesctc.criteria.psis import HIGH_K, psis, weighted
from bayesctc.criteria.stacking import stacked_elpd, stacking_weights
from bayesctc.criteria.waic import Compared, spread
from bayesctc.inference.nuts import refit
from bayesctc.inference.settings import REFITTED, Settings
from bayesctc.model.analysis import Analysis
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.idata import measure
from bayesctc.results.usable import COMPARED_RHAT
from bayesctc.shown import Shown

MOST_HIGH_K = 0.05  # share of the patients whose pareto_k may be high where neither matching nor refits can mend it
# Of chains that agree no number of them makes the elpd unusable: refits are made wherever they could change the choice.
CHAINS, STACKED, APPROXIMATED = "NUTS", "NUTS, chains stacked", "normal approximation"  # how an elpd was computed


@dataclass(frozen=True, repr=False)
class Loo(Compared, Shown):
    """Leave-one-patient-out elpd (higher is better).

    Attributes
    ----------
    elpd, se, p_loo : float
        Expected log predictive density of a new patient, summed over patients; its standard error; effective number
        of parameters.
    pointwise : DataFrame
        elpd, pareto_k, matched (whether by moment matching) and refitted (whether the model was fitted without that
        patient), by patient.
    n_high_k : int
        Patients with pareto_k above 0.7 whose elpd was replaced neither by moment matching nor by an exact refit.
    warnings : tuple of str
    measure : str
        The probability or density whose logarithm is summed; only elpds of the same measure may be compared.
    method : str
        "NUTS" (pooled draws of all chains in the posterior), "NUTS, chains stacked" (weighted chains whose predictions
        disagree) or "normal approximation" (of a posterior that was not sampled).
    agreement : Agreement or None
        The predictions of each chain; None for a normal approximation, and for densities other than that of the fit.
    weights : dict of tuple of int to float
        Stacking weights by chains; empty if all chains have equal weight.
    approximation_k : float
        pareto_k of the weights from a normal approximation to the posterior; NaN for draws by NUTS.

    Examples
    --------
    >>> result = bc.loo(posterior, max_refits=0, progress=False)
    >>> result.pointwise.columns.tolist()
    ['elpd', 'pareto_k', 'matched', 'refitted']
    """

    elpd: float
    se: float
    p_loo: float
    pointwise: pd.DataFrame
    n_high_k: int
    warnings: tuple[str, ...]
    measure: str
    method: str = CHAINS
    agreement: Agreement | None = None
    weights: dict[tuple[int, ...], float] | None = None
    approximation_k: float = np.nan

    @property
    def unresolved(self) -> np.ndarray:
        """Positions of the patients whose elpd is approximate only."""
        return np.flatnonzero(_high(self.pointwise))


def loo(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd: log p(y_i, T_i | all others), class and random effects integrated out.

    By Pareto-smoothed importance sampling (Vehtari et al., JMLR 2024;25(72)). For patients with pareto_k above 0.7 the
    draws are transformed to match the posterior without them (moment matching; Paananen et al., Stat Comput
    2021;31:16). If that does not suffice, the model is sampled again without each of these patients, unless the fit
    itself has failed. If the predictions of the chains disagree (see `Agreement`), the elpd is that of the stacked
    predictions (Yao, Vehtari and Gelman, JMLR 2022;23(79)), without refits.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        Maximum number of exact refits; with more such patients the worst are refitted and the rest counted.
    progress : bool

    Returns
    -------
    Loo

    Examples
    --------
    >>> result = bc.loo(posterior, max_refits=0, progress=False)
    >>> result.pointwise.shape
    (469, 4)
    """
    max_refits = whole("max_refits", max_refits, 0)
    return with_refits(fit, predicted(fit), max_refits, progress)


def predicted(fit: BayesFit, max_rhat: float = COMPARED_RHAT) -> Loo:
    """`loo` without exact refits; `max_rhat` of the total log likelihood decides whether chains agree."""
    values = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    everyone = every_chain(fit)
    stay = tuple(int(c) for c in everyone["chain"].to_numpy()[: len(values)])
    main = Agreement.of(everyone[: len(values)], max_rhat)
    of = measure(fit.design)
    together = _pooled(fit, values, of, main)
    if len(everyone) == 1 or (main.agrees() and len(everyone) == len(stay)):
        return _matched(fit, together)
    alone = Agreement.of(everyone, max_rhat)
    parts: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
    if main.agrees():
        parts[stay] = together.pointwise["elpd"].to_numpy(), together.pointwise["pareto_k"].to_numpy()
    for c, elpd, k in zip(alone.chains, alone.elpd, alone.pareto_k, strict=True):
        if stay not in parts or c not in stay:
            parts[(c,)] = elpd, k
    weights = stacking_weights(np.stack([elpd for elpd, _ in parts.values()]))
    if not weights.any():
        return together  # no chain predicts everybody
    if stay in parts and weights[0] == 1.0:  # what the other chains predict adds nothing
        return _matched(fit, together)
    return _stacked(fit, everyone, alone, parts, weights, of)


def _pooled(fit, values, of, agreement):
    """PSIS-LOO of all chains in the posterior."""
    weights, k = psis(values)
    flat = values.to_numpy().reshape(-1, values.shape[-1])
    elpd, lppd = weighted(weights, flat), logsumexp(flat, axis=0) - np.log(len(flat))
    failed = agreement.failure()
    found = assembled(fit.analysis, elpd, k, float((lppd - elpd).sum()), of, _said_failed(failed))
    return replace(found, agreement=agreement)


def _said_failed(reason):
    return (f"elpd of a fit that failed ({reason}): not to be used",) if reason else ()


def assembled(analysis: Analysis, elpd, k, p_loo: float, of: str, notes=(), **more) -> Loo:
    """A result without moment matching or refits.

    Parameters
    ----------
    analysis : Analysis
    elpd, k : array (n_patients,)
    p_loo : float
    of : str
        The measure.
    notes : sequence of str
        Warnings.
    **more
        Further fields of `Loo`.
    """
    no = np.zeros(len(elpd), dtype=bool)
    table = pd.DataFrame({"elpd": elpd, "pareto_k": k, "matched": no, "refitted": no}, index=analysis.patient_index)
    return Loo(float(elpd.sum()), spread(elpd), p_loo, table, int(_high(table).sum()), tuple(notes), of, **more)


def _high(table):
    """Patients for whom importance sampling fails, NaN included."""
    return ~(table["pareto_k"].to_numpy() <= HIGH_K) & ~table["matched"].to_numpy() & ~table["refitted"].to_numpy()


def _replaced(found: Loo, values: dict[int, float], column: str) -> Loo:
    """The result with the elpd of some patients, by position, replaced by the method of `column`."""
    elpd, done = found.pointwise["elpd"].to_numpy().copy(), found.pointwise[column].to_numpy().copy()
    elpd[list(values)], done[list(values)] = list(values.values()), True
    table = found.pointwise.assign(**{"elpd": elpd, column: done})
    p_loo = found.p_loo + found.elpd - float(elpd.sum())
    return replace(
        found, elpd=float(elpd.sum()), se=spread(elpd), p_loo=p_loo, pointwise=table, n_high_k=int(_high(table).sum())
    )


def _matched(fit: BayesFit, found: Loo) -> Loo:
    """The result with moment matching where PSIS fails; unchanged if the fit failed."""
    if found.warnings or not len(found.unresolved):
        return found
    matching = MomentMatching(fit)
    values = {}
    for i in found.unresolved:
        elpd, k = matching.elpd(int(i))
        if k <= HIGH_K and np.isfinite(elpd):
            values[int(i)] = elpd
    return _replaced(found, values, "matched") if values else found


def _stacked(fit, everyone, alone, parts, weights, of):
    """LOO of the mixture of chains that disagree: log sum_c w_c p_c(y_i | the others), weights as if without i."""
    elpds, ks = (np.stack([part[j] for part in parts.values()]) for j in range(2))
    used = weights > 0
    elpd = stacked_elpd(elpds, weights)
    k = ks[used].max(axis=0)
    by_chain = everyone.to_numpy()
    own = [by_chain[[alone.chains.index(c) for c in chains]].reshape(-1, by_chain.shape[2]) for chains in parts]
    lppd = logsumexp(
        [np.log(w) + logsumexp(v, axis=0) - np.log(len(v)) for w, v in zip(weights, own, strict=True) if w > 0], axis=0
    )
    said = dict(zip(parts, map(float, weights), strict=True))
    shown = sum(w for chains, w in said.items() if not set(chains) & set(fit.diagnostics.chains_left))
    text = "; ".join(f"{', '.join(map(str, c))}: {w:.2f}" for c, w in said.items())
    note = (
        f"the predictions of the chains disagree ({alone.disagreement() or 'some were set aside'}): elpd is that of "
        f"the stacked predictions (weights by chain {text}); parameters, classes and WAIC are from the chains that "
        f"agree on the classes, whose weight is {shown:.2f}"
    )
    p_loo = float((lppd - elpd).sum())
    return assembled(fit.analysis, elpd, k, p_loo, of, (note,), method=STACKED, agreement=alone, weights=said)


def with_refits(fit: BayesFit, found: Loo, max_refits: int, progress: bool) -> Loo:
    """The result with exact refits of unresolved patients, worst first; unchanged if the fit failed or is stacked."""
    may = found.method == CHAINS and found.agreement is not None and found.agreement.failure() is None
    return _refitted(found, lambda i: _exact(fit, i), max_refits if may else 0, progress)


def _refitted(found, exact, max_refits, progress):
    high = found.unresolved
    chosen = high[np.argsort(-found.pointwise["pareto_k"].to_numpy()[high])][:max_refits]
    if len(chosen):
        with Progress(progress) as bar:
            values = {
                int(i): exact(int(i))
                for i in bar.track(chosen, len(chosen), f"LOO: exact refits for pareto_k > {HIGH_K:g}")
            }
        found = _replaced(found, values, "refitted")
    return replace(found, warnings=(*found.warnings, *said_unsettled(found)))


def said_unsettled(found: Loo) -> tuple[str, ...]:
    """The warning about patients whose elpd is unresolved; empty if there are none."""
    if not found.n_high_k:
        return ()
    return (said_rough(found.n_high_k).removesuffix("."),)


def said_rough(n: int, where: str = "") -> str:
    """What unresolved patients mean for an elpd that is used; `where` names the fits."""
    who = "1 patient" if n == 1 else f"{n} patients"
    return f"Pareto k is above {HIGH_K:g} for {who}{where}, without exact refits: their elpd is approximate, but used."


def leave_one_out(
    fit: BayesFit, draws, exact: Callable[[int], float], of: str, *, scored=None, max_refits: int, progress: bool
) -> Loo:
    """PSIS-LOO of pointwise log densities other than the fit's own, from pooled chains.

    Parameters
    ----------
    fit : BayesFit
        The fit of these draws; if it has failed, there are no refits, and a warning.
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it enters the posterior.
    exact : function (position) -> float
        The patient's elpd from a posterior sampled without them.
    of : str
        The measure.
    scored : array (n_chains * n_draws, n_patients), optional
        Log density by which the prediction is scored; that in the posterior unless given.
    max_refits : int
    progress : bool
    """
    weights, k = psis(draws)
    values = draws.to_numpy().reshape(-1, draws.shape[-1]) if scored is None else scored
    elpd, lppd = weighted(weights, values), logsumexp(values, axis=0) - np.log(len(values))
    failed = Agreement.of(fit.idata["log_likelihood"].dataset["joint"]).failure()
    found = assembled(fit.analysis, elpd, k, float((lppd - elpd).sum()), of, _said_failed(failed))
    return _refitted(found, exact, 0 if failed else max_refits, progress)


def room(fit: BayesFit, found: Loo) -> tuple[float, float]:
    """How far exact refits could move an elpd down and up, in log-likelihood units.

    Without patient i the predictive density is a mean of p(y_i | theta) over a posterior that favours draws where it is
    small. It is at most the mean over all draws (the harmonic mean is at most the arithmetic mean) and, within the
    range of the draws, at least the smallest.
    """
    places = found.unresolved
    if not len(places):
        return 0.0, 0.0
    values = every_chain(fit).to_numpy()[:, :, places].reshape(-1, len(places))
    elpd = found.pointwise["elpd"].to_numpy()[places]
    down = np.maximum(elpd - values.min(axis=0), 0.0)
    up = np.maximum(logsumexp(values, axis=0) - np.log(len(values)) - elpd, 0.0)
    return float(down.sum()), float(up.sum())


def without_patient(fit: BayesFit, position: int, settings: Settings = REFITTED) -> tuple[np.ndarray, Analysis]:
    """Draws of theta from a posterior sampled without one patient, and the analysis of that patient alone.

    Parameters
    ----------
    fit : BayesFit
    position : int
        Position of the patient in `fit.packed`, which is also the seed.
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
