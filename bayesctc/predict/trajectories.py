"""The count over time of each class, on scales with the same meaning in every family."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.data.outcome import CUTOFF
from bayesctc.design.grammar import columns_of
from bayesctc.errors import SpecError
from bayesctc.model.curves_of_samples import curve_matrix
from bayesctc.model.families import FAMILIES
from bayesctc.model.pieces import TO_NATURAL, TRANSFORMED
from bayesctc.predict.curves import MAX_DRAWS, N_POINTS, checked_grid, curve_dataset, interval_text, summarise
from bayesctc.predict.medians import NODES, marginal_cdf, medians
from bayesctc.results.fit import Fit

POSITIVE_COUNT = 5  # CTC+: 5 or more cells per 7.5 mL
FEWER_DRAWS = 200  # for an interval whose values each need a quadrature
BACKED = 0.95  # of a class's samples: up to there its curve is supported by data


def class_trajectories(
    fit: Fit,
    months: ArrayLike | None = None,
    cutoff: float = POSITIVE_COUNT,
    at: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Count over time of each class.

    The distribution is that of a random sample at that month from a random patient of the class: the growth curve eta
    is shifted by a normal variable with variance z' D z omega_g^2, and the count is distributed around it according to
    the family. The median is that of the count per 7.5 mL, interpolated between whole numbers by the family's continued
    distribution function (for the gaussian and the censored family it is expm1(eta), because log(1 + count) is normal
    around eta), floored at 0. The median of a marker is the inverse transformation of eta; it has no positive share.

    Parameters
    ----------
    fit : MLFit or BayesFit
    months : array (n_times,), optional
        Months from the start of treatment; by default 61 from 0 to the 95 % quantile of the sample times.
    cutoff : float
        Cells per 7.5 mL from which a count is positive.
    at : mapping, optional
        Values of covariates of the growth curve, such as ``{"arm": "B"}``. The terms of the others, or of all unless
        given, are at their mean over the samples.

    Returns
    -------
    Dataset (latent_class, time)
        median_ctc, lower, upper (cells per 7.5 mL); positive_share, positive_share_lower, positive_share_upper:
        P(count >= `cutoff` per 7.5 mL) of a random patient of the class. For a marker: median, lower, upper
        (its unit).

    Raises
    ------
    SpecError
        `months` is not a list of numbers, `cutoff` is not a number above 0 or was given for a marker, or `at` has a
        column that is not a covariate of the growth curve.
    DataError
        A value of `at` is not one that the formula can read.

    Examples
    --------
    >>> curves = bc.class_trajectories(fit, months=[3])
    >>> curves["median_ctc"].sel(time=3).round(1).values
    array([ 0. , 11.1])
    """
    outcome = fit.design.outcome
    positive = CUTOFF in outcome.answers
    if cutoff != POSITIVE_COUNT:
        outcome.need(CUTOFF, "cutoff")
        if isinstance(cutoff, bool) or not isinstance(cutoff, int | float | np.number) or not 0 < cutoff < np.inf:
            raise SpecError(f"cutoff has to be a number of cells per 7.5 mL above 0; found {cutoff!r}.")
    samples = _samples(fit)
    if months is None:
        months = np.linspace(0.0, max(float(np.quantile(samples["time"], 0.95)), 1.0), N_POINTS)
    months = checked_grid(months, "months", least=-np.inf)
    places, basis = fit.design.layout.places, fit.design.basis.evaluate(months)
    whole, curve = matrix_at(fit, months, at), fit.design.sizes.blocks["growth"]
    family, z = FAMILIES[fit.spec.family], basis[:, : fit.spec.n_random]
    on_scale = family.normal and family.curve is TRANSFORMED  # the curve is the median of transformed values

    def curves(thetas):
        shape, theta = (*thetas.shape[:2], len(months)), thetas.reshape(-1, thetas.shape[-1])
        eta = theta[:, curve] @ whole.T
        if on_scale and not positive:
            return {"median": fit.design.value(eta).reshape(shape)}
        spread = random_spread(fit.design, theta, z)
        own = {p.name: TO_NATURAL[p.scale](theta[:, places[p.name]]) for p in family.parameters}
        median = fit.design.value(eta) if on_scale else medians(family, eta, spread, own)
        close = marginal_cdf(family, eta, spread, own, near=max(cutoff, 1.0))
        share = 1.0 - close(np.full(eta.shape, cutoff - 1.0))
        return {"median": median.reshape(shape), "share": share.reshape(shape)}

    n_values = fit.spec.n_classes * len(months) * (NODES if fit.spec.n_random and not family.normal else 1)
    result = summarise(fit, curves, n_values, most=MAX_DRAWS if on_scale else FEWER_DRAWS)
    names: tuple[str, ...] = outcome.median_columns
    if positive:
        names = (*names, "positive_share", "positive_share_lower", "positive_share_upper")
    values = dict(zip(names, (*result["median"], *result.get("share", ())), strict=True))
    return curve_dataset(fit, months, values, _attributes(fit, cutoff, at))


def _attributes(fit, cutoff, at):
    """Attributes that describe the medians of classes."""
    outcome = fit.design.outcome
    attributes = {
        "estimand": f"median {outcome.words.value} of a class over its patients and their samples",
        "unit": outcome.words.unit,
        "interval": interval_text(fit),
    }
    if CUTOFF in outcome.answers:
        attributes["estimand"] += f"; positive_share is P(count >= {cutoff:g})"
    formulas = [each for each in (fit.spec.longitudinal, fit.spec.longitudinal_by_class) if columns_of(each, "at")]
    if formulas:
        chosen = "".join(f"{name} = {value}, " for name, value in (at or {}).items())
        attributes["covariates"] = f"{'; '.join(formulas)}: {chosen}terms at their mean over the samples"
    return attributes


def matrix_at(fit: Fit, months: np.ndarray, at: Mapping[str, object] | None = None) -> np.ndarray:
    """Design matrix of the growth curve at each month: array (n_times, n_basis), on the fit's scale.

    Covariates have the values of `at`; the terms of the others are at their mean over the samples, with `time` in a
    formula at each month.
    """
    design, given = fit.design, cast(dict[str, Any], dict(at or {}))
    read = dict.fromkeys([*design.longitudinal.columns, *design.longitudinal_by_class.columns])
    others = [name for name in given if name not in read or name == "time"]
    if others:
        there = ", ".join(name for name in read if name != "time") or "none in this model"
        raise SpecError(f"at: found {others[0]!r}; allowed: covariates of the growth curve: {there}.")
    table = design.curve_table(_samples(fit), fit.cohort.patients).assign(**given)
    by_class = design.longitudinal_by_class.directions(table, "at").mean(axis=0)
    tables = [table.assign(time=month) for month in months] if "time" in read else [table]
    alike = np.stack([design.longitudinal.directions(each, "at").mean(axis=0) for each in tables])
    n = len(months)
    return curve_matrix(
        design.basis.evaluate(months), *(np.broadcast_to(x, (n, x.shape[-1])) for x in (alike, by_class))
    )


def class_reach(fit: Fit) -> np.ndarray:
    """Months by which 95 % of the samples of each class's patients were taken: array (n_classes,), inf without samples.

    Patients are assigned to their most probable class. Later, the curve of a class is extrapolated.
    """
    samples, codes = _samples(fit), fit.assignment["latent_class"].cat.codes
    own = samples["time"].groupby(samples["patient_id"].map(codes).to_numpy()).quantile(BACKED)
    return own.reindex(range(fit.spec.n_classes), fill_value=np.inf).to_numpy()


def random_spread(design, theta, z) -> np.ndarray:
    """Standard deviation of a patient's deviation from the curve: array (n_classes, n_times) of z (n_times, q)."""
    if not design.spec.n_random:
        return np.zeros((len(theta), len(z)))
    return np.linalg.norm(np.einsum("tq,gqr->gtr", z, design.layout.cholesky(theta)), axis=2)


def _samples(fit):
    """Samples in the analysis."""
    if fit.spec.endpoint is None:
        return fit.cohort.samples
    return fit.cohort.endpoint(fit.spec.endpoint, require_events=False).samples
