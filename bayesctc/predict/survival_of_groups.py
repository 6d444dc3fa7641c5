"""The model's prediction of the Kaplan-Meier curves of groups of patients."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.predict.beyond import past_follow_up
from bayesctc.predict.curves import (
    MAX_DRAWS,
    MIN_DRAWS,
    N_POINTS,
    alike,
    conditional_survival,
    curve_dataset,
    interval_text,
    of_classes,
    parts,
    summarise,
    survival_grid,
)
from bayesctc.predict.followed import followed
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit


def survival_by_assigned(fit: Fit, times: ArrayLike | None = None, start: float = 0.0) -> xr.Dataset:
    """The model's prediction of the Kaplan-Meier curves of patients grouped by their class from counts alone.

    Patients are assigned to the modal class of P(g | y); see `survival_of_groups`.

    Parameters
    ----------
    fit : MLFit or BayesFit
    times : array (n_times,), optional
        Months; by default 61 from 0 to the longest follow-up.
    start : float
        With delayed entry: curves are 1 up to this month, and from there show survival given being alive then.

    Returns
    -------
    Dataset (latent_class, time)
        survival_function, lower, upper (95 %), and n_patients by class; NaN for a class without patients. The attribute
        ``warnings`` is as in `class_survival`.

    Raises
    ------
    SpecError
        The fit has no endpoint, or times are not positive numbers.
    """
    need_endpoint(fit, "survival_by_assigned")
    times = survival_grid(fit, times)
    K = fit.spec.n_classes
    group = fit.class_probabilities_counts.to_numpy().argmax(axis=1)
    attributes = {
        "estimand": "mean over patients of sum_h P(h | y_i) S_h(t | x_i), patients by modal class of P(g | y)",
        "endpoint": fit.spec.endpoint,
        "unit": "months",
        "interval": interval_text(fit),
        "warnings": past_follow_up(fit, float(times.max())),
    }
    curves = survival_of_groups(fit, group, K, times, start)
    data = curve_dataset(
        fit, times, dict(zip(("survival_function", "lower", "upper"), curves, strict=True)), attributes
    )
    data["n_patients"] = ("latent_class", np.bincount(group, minlength=K))
    return data


def survival_of_groups(
    fit: Fit, group: np.ndarray, n_groups: int, times: np.ndarray, start: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The model's prediction of the Kaplan-Meier curves of groups that are formed without using survival.

    The prediction for a group is the mean over its patients of sum_h P(h | y_i) S_h(t | x_i), with P(h | y_i) under the
    same parameters as S_h. With delayed entry e_i the patients at risk at t are those entered by then, each with
    survival sum_h P(h | y_i, T > e_i) S_h(t) / S_h(e_i): the curve is the product over short intervals of the risk
    set's survival, as in the product-limit estimate.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    group : array of int (n_patients,)
        From 0.
    n_groups : int
    times : array (n_times,)
        Months.
    start : float
        As in `survival_by_assigned`.

    Returns
    -------
    estimate, lower, upper : array (n_groups, n_times)
        95 %; NaN for a group without patients.
    """
    packed, entry = fit.packed, fit.packed.entry
    entered = bool((entry > 0).any())
    grid = np.union1d(np.append(times, start), np.linspace(0.0, times.max(), 4 * N_POINTS)) if entered else times
    who, place = alike(packed, entry, group)
    in_group = (group == np.arange(n_groups)[:, None]).astype(float)
    linked, expectations = fit.design.sizes.association is not None, _expectations(fit, grid, in_group, who, place)
    sizes = np.bincount(group, minlength=n_groups)

    def curves(thetas):
        now, later = np.zeros((len(thetas), n_groups, len(grid))), np.zeros((len(thetas), n_groups, len(grid) - 1))
        for of_rows, expected, since in expectations(thetas):
            there = since[:, None] <= grid
            now += of_rows @ (expected * there)
            if entered:
                later += of_rows @ (expected[..., 1:] * there[:, :-1])
        if not entered:
            with np.errstate(invalid="ignore", divide="ignore"):
                return {"curve": now / sizes[:, None]}
        usable = (now[..., :-1] > 0) & (grid[:-1] >= start)
        ratio = np.divide(later, now[..., :-1], out=np.ones_like(later), where=usable)
        product = np.concatenate([np.ones((*now.shape[:2], 1)), np.cumprod(ratio, axis=2)], axis=2)
        product = product[..., np.searchsorted(grid, times)]
        product[:, sizes == 0] = np.nan
        return {"curve": product}

    n_values = fit.spec.n_classes * (len(who) * len(grid) + 5 * len(group))
    estimate, lower, upper = summarise(fit, curves, n_values, most=MIN_DRAWS if linked else MAX_DRAWS)["curve"]
    return estimate, lower, upper


def _expectations(fit: Fit, grid: np.ndarray, in_group: np.ndarray, who: np.ndarray, place: np.ndarray) -> Callable:
    """A function of thetas that yields, for some patients at a time, their groups, expected numbers alive, and entries.

    `who` has one patient of each kind, and `place` the kind of each patient; patients have separate curves if the curve
    acts on the hazard.
    """
    packed, K, entry = fit.packed, fit.spec.n_classes, fit.packed.entry
    if fit.design.sizes.association is not None:
        each = followed(fit.analysis, entry, np.broadcast_to(grid[:, None], (len(grid), len(entry))))
        return lambda thetas: [(in_group, np.stack([each(theta) for theta in thetas]), entry)]
    evaluator = fit.analysis.counts_only().evaluator()

    def expectations(thetas):
        p = [evaluator.evaluate(theta).class_probabilities for theta in thetas]
        weights = np.array([[np.bincount(place, own[:, h], len(who)) for h in range(K)] for own in p])
        for part in parts(len(who)):
            at = packed, who[part], grid, entry[who[part]]
            surviving = of_classes(lambda theta, at=at: conditional_survival(theta, *at), thetas)
            expected = np.einsum("dhu,dhut->dut", weights[:, :, part], surviving)
            yield in_group[:, who[part]], expected, entry[who[part]]

    return expectations
