"""Natural parameters without constants, as stored in the posterior, so that R-hat can be computed for all of them.

The membership of a single class and the correlations on and above the diagonal are left out.
"""

from collections.abc import Mapping

import numpy as np

from bayesctc.model.layout import Layout

CORR, PAIR = "random_effect_corr", "random_effect_pair"


def varying_dims(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Dimensions of each natural parameter that varies."""
    dims = dict(layout.dims)
    if layout.n_classes == 1:
        del dims["membership"]
    if len(layout.random_effects) == 1:
        del dims[CORR]
    elif layout.random_effects:
        dims[CORR] = (PAIR,)
    return dims


def varying_coords(layout: Layout) -> dict[str, list]:
    """Coordinates of the dimensions of `varying_dims`."""
    effects = layout.random_effects
    coords = {**layout.coords, PAIR: [f"{a}, {b}" for j, a in enumerate(effects) for b in effects[:j]]}
    return {dim: coords[dim] for own in varying_dims(layout).values() for dim in own}


def without_constants(natural: Mapping[str, np.ndarray], layout: Layout) -> dict[str, np.ndarray]:
    """The natural parameters that vary: arrays (..., `varying_dims`) from (..., `Layout.dims`)."""
    below = (..., *np.tril_indices(len(layout.random_effects), -1))
    return {name: natural[name][below] if name == CORR else natural[name] for name in varying_dims(layout)}


def with_constants(values: Mapping, layout: Layout) -> dict[str, np.ndarray]:
    """All natural parameters from those that vary, the inverse of `without_constants`; existing ones are kept."""
    given, q = dict(values), len(layout.random_effects)
    leading = np.shape(given["growth"])[:-2] if "growth" in given else ()
    if layout.n_classes == 1:
        given.setdefault("membership", np.zeros((*leading, 1, len(layout.coords["membership_term"]))))
    if q == 1:
        given.setdefault(CORR, np.ones((*leading, 1, 1)))
    elif CORR in given and np.shape(given[CORR]) == (*leading, q * (q - 1) // 2):
        rows, columns = np.tril_indices(q, -1)
        corr = np.broadcast_to(np.eye(q), (*leading, q, q)).copy()
        corr[..., rows, columns] = corr[..., columns, rows] = given[CORR]
        given[CORR] = corr
    return given
