"""Where maximum likelihood starts: the one-class fit, perturbed or split by classifications of the patients."""

import numpy as np

from bayesctc.inference.optimise import Bounds, Objective
from bayesctc.model.design import Design, Packed
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.shape import EVENT, TIME

_OUTSIDE = 0.02  # weight of patients outside a class while its start is fitted, so that no class is empty of events


def one_class(design: Design, packed: Packed, bounds: Bounds) -> np.ndarray:
    """theta (1, n_class_parameters) of the one-class model."""
    single = design.with_classes(1)
    layout = single.layout
    theta = np.zeros((1, single.shape.n_class_parameters))
    columns = layout.columns
    pieces = (*FAMILIES[design.spec.family].parameters, *HAZARDS[design.shape.hazard].parameters)
    start = {parameter.name: parameter.start for parameter in pieces}
    for block in layout.blocks:
        theta[0, columns[block.name]] = start.get(block.parameter, 0.0)
    theta[0, columns["growth"].start] = packed.features[:, 0].mean()
    if "random_effect_cholesky" in columns:
        rows, cols = np.tril_indices(len(layout.random_effects))
        theta[0, columns["random_effect_cholesky"]] = np.where(rows == cols, 0.5**rows, 0.0)
    for scale in _scales(layout):
        theta[0, scale] = np.log(max(np.median(packed.row(TIME)), 1e-3) * 1.5 * len(_scales(layout)))
    objective = Objective(Evaluator(packed, single.shape, 1), layout, bounds)
    return layout.to_theta(objective.polish(objective.climb(layout.to_free(theta), 300)).free)


def starting_values(design: Design, packed: Packed, base: np.ndarray, n_starts: int, rng, bounds: Bounds):
    """Yield free vectors for `design`'s number of classes.

    The first splits patients by their mean log count; of the others every second perturbs the one-class fit, and the
    rest classify patients around randomly drawn ones.

    Parameters
    ----------
    design : Design
    packed : Packed
    base : array (1, n_class_parameters)
        The one-class fit.
    n_starts : int
    rng : numpy.random.Generator
    bounds : Bounds
    """
    layout, K = design.layout, design.spec.n_classes
    features = _standardised(packed, base, design)
    for k in range(n_starts):
        if k == 0:
            classes = np.argsort(np.argsort(features[:, 0], kind="stable")) * K // packed.n_patients
            yield layout.to_free(_split(design, packed, base, classes, bounds))
        elif k % 2:
            centres = features[rng.choice(packed.n_patients, size=K, replace=False)]
            weight = rng.dirichlet(np.ones(features.shape[1])) * features.shape[1]
            distance = (((features[:, None, :] - centres) ** 2) * weight).sum(axis=2)
            yield layout.to_free(_split(design, packed, base, distance.argmin(axis=1), bounds))
        else:
            yield layout.to_free(_perturb(layout, base, packed.features[:, 0].std(), rng))


def _standardised(packed, base, design):
    """Mean log count, its change, and the martingale residual of the one-class model, each with variance 1."""
    evaluator = Evaluator(packed.followed_to(packed.row(TIME)), design.shape, 1)
    at_start = Evaluator(packed.followed_to(0.0), design.shape, 1)
    hazard = (at_start.evaluate(base).joint - evaluator.evaluate(base).joint)[:, 0]
    features = np.column_stack([packed.features, (packed.row(EVENT) > 0) - hazard])
    return (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)


def _split(design, packed, base, classes, bounds):
    """theta whose classes are one-class fits to the patients of each class."""
    single, K = design.with_classes(1), design.spec.n_classes
    theta = np.repeat(base, K, axis=0)
    columns = design.layout.columns
    share = np.zeros(K)
    for g in range(K):
        weights = np.where(classes == g, 1.0, _OUTSIDE)
        objective = Objective(Evaluator(packed, single.shape, 1, weights), single.layout, bounds)
        theta[g] = single.layout.to_theta(objective.climb(single.layout.to_free(base), 12))[0]
        share[g] = np.log(weights.sum())
    theta[:, columns["membership"].start] = share - share.mean()
    return theta


def _perturb(layout, base, spread, rng):
    """theta whose classes are patients drawn from the one-class model."""
    K = layout.n_classes
    theta = np.repeat(base, K, axis=0)
    columns = layout.columns
    growth = columns["growth"].start
    if layout.random_effects:
        factor = layout.cholesky(base)[0]
        theta[:, growth : growth + len(factor)] += rng.normal(size=(K, len(factor))) @ factor.T
        theta[:, columns["random_effect_cholesky"]] *= 0.5
    else:
        theta[:, growth] += rng.normal(size=K) * spread
    for scale in _scales(layout):
        theta[:, scale] += rng.normal(0.0, 0.7, size=(K, 1))
    return theta


def _scales(layout):
    """Columns of theta that hold the log scale of a hazard, one a cause."""
    return [layout.columns[block.name] for block in layout.blocks if block.parameter == "scale"]
