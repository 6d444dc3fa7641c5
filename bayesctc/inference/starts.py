"""Starting values of maximum likelihood: the one-class fit, perturbed or split by classifications of the patients."""

import numpy as np
from scipy.special import softmax

from bayesctc.inference.optimise import Bounds, Objective
from bayesctc.model.analysis import Analysis
from bayesctc.model.pieces import SCALE

_OUTSIDE = 0.02  # weight of patients outside a class while its start is fitted, so that no class is empty of events
_SPLIT_EVALUATIONS = 8  # of the one-class likelihood, for each class of a start


def one_class(analysis: Analysis, bounds: Bounds) -> np.ndarray:
    """theta (1, n_class_parameters) of the one-class model."""
    single = analysis.with_classes(1)
    design, layout = single.design, single.design.layout
    theta = np.zeros((1, design.sizes.n_class_parameters))
    places = layout.places
    for block in layout.blocks:
        if block.parameter in layout.pieces:
            parameter = layout.pieces[block.parameter]
            moved, _ = parameter.where_data_are(layout.scales, layout.cause_number(block))
            theta[0, places[block.name]] = parameter.start + moved
    theta[0, places["growth"].start] = analysis.packed.features[:, 0].mean()
    if "random_effect_cholesky" in places:
        rows, cols = np.tril_indices(len(layout.random_effects))
        theta[0, places["random_effect_cholesky"]] = np.where(rows == cols, 0.5**rows, 0.0)
    objective = Objective(single, bounds)
    start = layout.to_free(theta)
    objective.centre(start)
    return layout.to_theta(objective.polish(objective.climb(start, objective.hessian(start)).free).free)


def starting_values(analysis: Analysis, base: np.ndarray, n_starts: int, rng, bounds: Bounds):
    """Yield free vectors for the analysis's number of classes, each with its `information`.

    The first splits patients by their mean log count. Of the others every third perturbs the one-class fit, and the
    rest classify patients by the nearest of randomly drawn patients.

    Parameters
    ----------
    analysis : Analysis
    base : array (1, n_class_parameters)
        The one-class fit.
    n_starts : int
    rng : numpy.random.Generator
    bounds : Bounds
    """
    packed, layout, K = analysis.packed, analysis.design.layout, analysis.spec.n_classes
    features, one = _standardised(analysis.with_classes(1), base), _OneClass(analysis, base, bounds)
    for k in range(n_starts):
        if k == 0:
            classes = np.argsort(np.argsort(features[:, 0], kind="stable")) * K // packed.n_patients
            theta = one.split(classes)
        elif k % 3:
            weight = rng.dirichlet(np.ones(features.shape[1])) * features.shape[1]
            theta = one.split(_around_patients(features * np.sqrt(weight), K, rng, apart=k % 3 == 1))
        else:
            theta = _perturb(layout, base, packed.features[:, 0].std(), rng)
        yield layout.to_free(theta), one.information(theta)


def _standardised(single, base):
    """Mean log count, its change, and the martingale residual of the one-class model, each with variance 1."""
    packed = single.packed
    at_start, at_end = (single.followed_to(time).evaluator() for time in (0.0, packed.time))
    hazard = (at_start.evaluate(base).joint - at_end.evaluate(base).joint)[:, 0]
    features = np.column_stack([packed.features, (packed.event > 0) - hazard])
    return (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)


def _around_patients(features, K, rng, apart):
    """Class of each patient by the nearest of K patients, drawn with equal probability or far apart.

    Far apart means that each is drawn with a probability that grows with the squared distance from those before, so
    that small groups are represented (k-means++, Arthur and Vassilvitskii, SODA 2007).
    """
    nearest = np.full(len(features), np.inf)
    classes = np.zeros(len(features), dtype=int)
    chance = np.ones(len(features))
    for g in range(K):
        centre = features[rng.choice(len(features), p=chance / chance.sum())]
        distance = ((features - centre) ** 2).sum(axis=1)
        classes[distance < nearest] = g
        nearest = np.minimum(nearest, distance)
        if apart and nearest.any():
            chance = nearest
    return classes


class _OneClass:
    """The one-class fit, split over classes, and the information that follows for them."""

    def __init__(self, analysis, base, bounds):
        self.design, self.single = analysis.design, analysis.with_classes(1)
        self.base, self.bounds, self.layout = base, bounds, self.single.design.layout
        self.free = self.layout.to_free(base)
        objective = Objective(self.single, bounds)
        objective.centre(self.free)
        self.hessian = objective.hessian(self.free)
        terms = analysis.packed.terms("membership")
        self.moments = terms.T @ terms

    def split(self, classes):
        """theta whose classes are one-class fits to the patients of each class."""
        K = self.design.spec.n_classes
        theta = np.repeat(self.base, K, axis=0)
        share = np.zeros(K)
        for g in range(K):
            weights = np.where(classes == g, 1.0, _OUTSIDE)
            objective = Objective(self.single, self.bounds, weights)
            end = objective.climb(self.free, weights.mean() * self.hessian, _SPLIT_EVALUATIONS)
            theta[g] = self.layout.to_theta(end.free)[0]
            share[g] = np.log(weights.sum())
        theta[:, self.design.layout.places["membership"].start] = share - share.mean()
        return theta

    def information(self, theta):
        """Information on the free parameters if classes were known and equal: shares of the one-class Hessian."""
        layout, P = self.design.layout, len(self.moments)
        K, m = layout.n_classes, theta.shape[1]
        inverse = np.linalg.pinv(self.layout.transform)
        of_one = inverse.T @ self.hessian @ inverse
        share = softmax(theta[:, layout.places["membership"].start])
        total = np.zeros((K, m, K, m))
        for g in range(K):
            total[g, :, g, :] += share[g] * of_one
            for h in range(K):
                total[g, :P, h, :P] += share[g] * ((g == h) - share[h]) * self.moments
        information = layout.transform.T @ total.reshape(K * m, K * m) @ layout.transform
        unknown = np.flatnonzero(np.diagonal(information) <= 0.0)  # what one class does not have
        information[unknown, unknown] = self.single.n_patients / K
        return information


def _perturb(layout, base, spread, rng):
    """theta whose classes are patients drawn from the one-class model."""
    K = layout.n_classes
    theta = np.repeat(base, K, axis=0)
    places = layout.places
    growth = places["growth"].start
    if layout.random_effects:
        factor = layout.cholesky(base)[0]
        theta[:, growth : growth + len(factor)] += rng.normal(size=(K, len(factor))) @ factor.T
        theta[:, places["random_effect_cholesky"]] *= 0.5
    else:
        theta[:, growth] += rng.normal(size=K) * spread
    for scale in _scales(layout):
        theta[:, scale] += rng.normal(0.0, 0.7, size=(K, 1))
    return theta


def _scales(layout):
    """Places in theta that hold the log scale of a hazard, one per cause."""
    return [layout.places[block.name] for block in layout.blocks if block.parameter == SCALE.name]
