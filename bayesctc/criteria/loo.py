"""Leave-one-patient-out cross-validation by PSIS: of chains that agree together, of others stacked.

Patients for whom its approximation fails are looked at more closely: by moment matching, then by exact refits.
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
        What elpd is the logarithm of; only those of one measure may be compared.
    method : str
        "NUTS" (draws of all chains in the posterior together), "NUTS, chains stacked" (of chains that disagree in
        prediction, by their weights) or "normal approximation" (of a posterior that was not sampled).
    agreement : Agreement or None
        What each of the chains alone predicts; None of a normal approximation, and of other densities than that of
        the fit.
    weights : dict of tuple of int to float
        Stacking weights by the chains they are of; empty where all count alike.
    approximation_k : float
        pareto_k of the weights from a normal approximation to the posterior; NaN of draws by NUTS.

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
        """Places of the patients whose elpd is rough."""
        return np.flatnonzero(_high(self.pointwise))


def loo(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd: log p(y_i, T_i | all others), class and random effects integrated out.

    Pareto-smoothed importance sampling (Vehtari et al., JMLR 2024;25(72)). For patients with pareto_k above 0.7 the
    draws are moved to where the posterior without them is (Paananen et al., Stat Comput 2021;31:16); those for whom
    that does not suffice are left out in earnest: the model is sampled again without each of them, unless the fit
    itself has failed. Where chains disagree in what they predict (see `Agreement`), the elpd is that of their
    predictions stacked (Yao, Vehtari and Gelman, JMLR 2022;23(79)), and nothing is sampled again.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        At most this many exact refits; with more such patients the worst are refitted and the rest counted.
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
    """`loo` without exact refits; chains agree up to this R-hat of their total log likelihood."""
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
    """A result in which nobody was looked at more closely.

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
    """Patients whose elpd importance sampling does not settle; NaN does not."""
    return ~(table["pareto_k"].to_numpy() <= HIGH_K) & ~table["matched"].to_numpy() & ~table["refitted"].to_numpy()


def _replaced(found: Loo, values: dict[int, float], column: str) -> Loo:
    """The elpd of some patients by their places, had by `column`, in place of those of importance sampling."""
    elpd, done = found.pointwise["elpd"].to_numpy().copy(), found.pointwise[column].to_numpy().copy()
    elpd[list(values)], done[list(values)] = list(values.values()), True
    table = found.pointwise.assign(**{"elpd": elpd, column: done})
    p_loo = found.p_loo + found.elpd - float(elpd.sum())
    return replace(
        found, elpd=float(elpd.sum()), se=spread(elpd), p_loo=p_loo, pointwise=table, n_high_k=int(_high(table).sum())
    )


def _matched(fit: BayesFit, found: Loo) -> Loo:
    """With moment matching where PSIS fails; a fit that failed as it is."""
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
    """With exact refits of patients that are not settled, the worst first; none of a fit that failed or is stacked."""
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
    """The warning of patients whose elpd nothing has settled; none where there are none."""
    if not found.n_high_k:
        return ()
    return (said_rough(found.n_high_k).removesuffix("."),)


def said_rough(n: int, where: str = "") -> str:
    """What patients whose elpd nothing has settled mean for an elpd that is used; `where` says of which fits."""
    who = "1 patient" if n == 1 else f"{n} patients"
    return f"Pareto k is above {HIGH_K:g} for {who}{where}, without exact refits: their elpd is approximate, but used."


def leave_one_out(
    fit: BayesFit, draws, exact: Callable[[int], float], of: str, *, scored=None, max_refits: int, progress: bool
) -> Loo:
    """PSIS-LOO of other pointwise log densities than the fit's own, of the chains in the posterior together.

    Parameters
    ----------
    fit : BayesFit
        Whose draws these are; if it has failed, nothing is sampled again, and the result says so.
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it stands in the posterior.
    exact : function (position) -> float
        The patient's elpd from a posterior sampled without them.
    of : str
        The measure.
    scored : array (n_chains * n_draws, n_patients), optional
        Log density by which the prediction is scored; that of the posterior unless given.
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

    Without patient i the predictive density is a mean of p(y_i | theta) over a posterior that lies nearer to the draws
    where it is small: it is at most the mean over all draws (the harmonic mean is at most the arithmetic one) and at
    least the smallest over the draws, as far as they reach.
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
