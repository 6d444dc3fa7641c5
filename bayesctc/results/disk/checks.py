"""Checks that the parts of a stored fit belong together and are possible."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesctc.errors import StorageError
from bayesctc.model.varying import varying_coords, varying_dims
from bayesctc.results.idata import natural_draws

if TYPE_CHECKING:
    from bayesctc.results.bayes_fit import BayesFit


def check_fit(fit: "BayesFit") -> None:
    """Refuse draws of another specification or other patients, and impossible values of parameters.

    Raises
    ------
    StorageError
        The message has the part, what was found and what is allowed.
    """
    if "posterior" not in fit.idata.children:
        raise StorageError("the part 'posterior' is missing")
    sizes = _check_posterior(fit)
    if "log_likelihood" in fit.idata.children:
        _check_pointwise(fit, sizes)
    _check_mode(fit)


def _check_posterior(fit: "BayesFit") -> dict[str, int]:
    posterior, layout = fit.idata["posterior"].dataset, fit.design.layout
    coords = varying_coords(layout)
    for name, own in varying_dims(layout).items():
        if name not in posterior:
            raise StorageError(f"posterior: the parameter {name!r} is missing")
        dims = ("chain", "draw", *own)
        if set(posterior[name].dims) != set(dims):
            found: Any = ", ".join(map(str, posterior[name].dims))
            raise StorageError(f"posterior: {name!r} has the dimensions {found}; allowed: {', '.join(dims)}")
        for dim in own:
            if dim in posterior.coords and list(posterior[dim].to_numpy()) != coords[dim]:
                raise StorageError(f"posterior: {dim} is {posterior[dim].to_numpy()}; allowed: {coords[dim]}")
    values = natural_draws(posterior, layout)
    beyond = {name for name in values if name.startswith("scale")}  # of covariates of 0, which may be far away
    with np.printoptions(threshold=4, edgeitems=1):
        # refuses what has another shape, is not a number or out of its range
        layout.theta({name: np.clip(v, -1e300, 1e300) if name in beyond else v for name, v in values.items()})
    internal = fit.idata["internal"].dataset.get("theta") if "internal" in fit.idata.children else None
    allowed = (
        *(posterior.sizes[d] for d in ("chain", "draw")),
        fit.spec.n_classes,
        fit.design.sizes.n_class_parameters,
    )
    if internal is None or internal.shape != allowed or not np.isfinite(internal.to_numpy()).all():
        found = "nothing" if internal is None else internal.shape
        raise StorageError(f"internal: found {found}; allowed: theta of shape {allowed}, finite")
    return {dim: posterior.sizes[dim] for dim in ("chain", "draw")}


def _check_pointwise(fit: "BayesFit", sizes: dict[str, int]) -> None:
    joint = fit.idata["log_likelihood"].dataset.get("joint")
    if joint is None:
        raise StorageError("log_likelihood: the part 'joint' is missing")
    allowed = {**sizes, "patient": fit.n_patients}
    if dict(joint.sizes) != allowed:
        raise StorageError(f"log_likelihood: found the dimensions {dict(joint.sizes)}; allowed: {allowed}")
    if [str(p) for p in joint["patient"].to_numpy()] != list(fit.packed.patient_ids):
        raise StorageError("log_likelihood: its patients are not those of the cohort")


def _check_mode(fit: "BayesFit") -> None:
    theta, shape = fit.mode_theta, (fit.spec.n_classes, fit.design.sizes.n_class_parameters)
    if theta.shape != shape or theta.dtype.kind != "f" or not np.isfinite(theta).all():
        raise StorageError(f"mode: found an array of {theta.dtype} and shape {theta.shape}; allowed: {shape}, finite")
    if "smallest_class" in fit.modes:
        share = fit.modes["smallest_class"].to_numpy(dtype=float)
        if not ((share >= 0) & (share <= 1)).all():
            raise StorageError("modes: smallest_class is a share of the patients; allowed: 0 to 1")
