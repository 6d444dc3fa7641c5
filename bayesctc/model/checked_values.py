"""Checks of natural parameters given by a user: names, shapes and ranges."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.pieces import IDENTITY, LOG, LOGIT
from bayesctc.model.scales import far_from_zero

if TYPE_CHECKING:
    from bayesctc.model.layout import Layout

RANGE = {IDENTITY: "", LOG: "above 0", LOGIT: "between 0 and 1"}


def checked_values(values: Mapping, layout: "Layout") -> dict[str, np.ndarray]:
    """Natural parameters as arrays of the right shape and range.

    Raises
    ------
    SpecError
        A parameter is absent, unknown, or of another shape or range.
    """
    unknown = set(values) - set(layout.dims)
    if unknown:
        raise SpecError(f"unknown parameter {sorted(unknown)[0]!r}; the model has {', '.join(layout.dims)}.")
    given, leading = {}, None
    scale = {b.name: b.scale for b in layout.blocks}
    for name, names in layout.dims.items():
        if name not in values:
            raise SpecError(f"the parameter {name!r} is needed; found {', '.join(values) or 'none'}.")
        try:
            array = np.asarray(values[name], dtype=float)
        except (TypeError, ValueError) as error:
            raise SpecError(f"parameter {name!r} has to consist of numbers; found {values[name]!r}.") from error
        expected = tuple(len(layout.coords[d]) for d in names)
        lead = array.shape[: array.ndim - len(expected)]
        leading = lead if leading is None else leading
        if array.shape[len(lead) :] != expected or lead != leading:
            raise SpecError(
                f"parameter {name!r} has to have shape {leading + expected} ({', '.join(names) or 'one number'}); "
                f"found {array.shape}."
            )
        allowed = "0 or more" if name == "random_effect_sd" else RANGE[scale.get(name, IDENTITY)]
        low = array.min(initial=1.0) < 0 if allowed == "0 or more" else array.min(initial=1.0) <= 0
        high = allowed == RANGE[LOGIT] and array.max(initial=0.0) >= 1
        if not np.isfinite(array).all() or (allowed and (low or high)):
            text = f"parameter {name!r} has to be finite{' and ' + allowed if allowed else ''}; found {array}."
            raise SpecError(f"{text} {far_from_zero(name, layout)}".rstrip())
        given[name] = array
    corr = given.get("random_effect_corr")
    if corr is not None and not (
        np.allclose(np.diagonal(corr, axis1=-2, axis2=-1), 1.0, atol=1e-6)
        and np.allclose(corr, np.swapaxes(corr, -1, -2), atol=1e-6)
        and np.linalg.eigvalsh(corr).min() > -1e-6
    ):
        raise SpecError(f"parameter 'random_effect_corr' has to be a correlation matrix; found {corr}.")
    return given
