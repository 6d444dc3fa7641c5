"""A patient's random effects given counts and class: means, draws from p(b | y, g), and integrals."""

from collections.abc import Callable

import numpy as np

from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.layout import Layout
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.nodes import MOST_NODES

LEAST_CANDIDATES = 64  # a single draw's mean and deviation are then right to 1 % of the deviation
FEW_COPIES = 512  # up to which nodes side by side cost less than nodes one after another


class Candidates:
    """The likelihood of patients with random effects that are given rather than integrated out.

    One quadrature node is placed at each candidate, and candidates are processed as if they were patients.

    Parameters
    ----------
    analysis : Analysis
        With a family that needs quadrature.
    n : int
        Candidates of each patient.
    """

    def __init__(self, analysis: Analysis, n: int):
        self._n = n
        copies = analysis.take(np.repeat(np.arange(analysis.n_patients), n))
        self._evaluator = copies.with_nodes(1).evaluator()

    def place(self, u: np.ndarray) -> None:
        """Set the candidates, array (n_patients, n_classes, n, q)."""
        self._evaluator.own.move(np.moveaxis(u, 2, 1).reshape(-1, u.shape[1], u.shape[3]))

    def joint(self, theta: np.ndarray) -> np.ndarray:
        """log of pi_g f(y | u, g) h^event S exp(-|u|^2 / 2) at each candidate: (n_patients, n_classes, n)."""
        joint = self._evaluator.evaluate(theta, centre=False).joint
        return joint.reshape(-1, self._n, joint.shape[1]).transpose(0, 2, 1)


def normal_posterior(evaluator: Evaluator, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, K, q) and lower triangular factor (n, K, q, q) of the normal approximation of p(u | y, g) at theta."""
    evaluator.centre(theta)
    return evaluator.own.posterior()


def class_probabilities_near(analysis: Analysis, centre: np.ndarray) -> Callable:
    """P(g | data) as a function of theta, returning (n_patients, n_classes).

    If random effects need quadrature and patients are few, nodes are centred for `centre` rather than for each theta,
    as while a posterior is sampled; the maximum number of nodes is used, evaluated together, which is many times
    faster.
    """
    evaluator, q = analysis.evaluator(), analysis.spec.n_random
    most = MOST_NODES.get(q, 1)
    if not evaluator.adaptive or analysis.n_patients * most**q > FEW_COPIES:
        return lambda theta: evaluator.evaluate(theta).class_probabilities
    rule = gauss_hermite(q, most)
    u, log_weight = _nodes_at(rule, *normal_posterior(evaluator, centre))
    candidates = Candidates(analysis, len(rule))
    candidates.place(u)

    def side_by_side(theta):
        joint = np.logaddexp.reduce(candidates.joint(theta) + log_weight, axis=2)
        shifted = np.exp(joint - joint.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    return side_by_side


class WeightedEffects:
    """Quadrature nodes over patients' random effects, weighted by the patients' data.

    Parameters
    ----------
    analysis : Analysis
        With a model that needs quadrature.
    """

    def __init__(self, analysis: Analysis):
        self._located, self._layout = analysis.evaluator(), analysis.design.layout
        self._rule = gauss_hermite(analysis.spec.n_random, analysis.design.n_nodes)
        self._candidates = Candidates(analysis, len(self._rule))

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights.

        Returns
        -------
        effects : array (n_patients, n_classes, n_nodes, n_random)
            On the scale of the growth curve.
        weights : array (n_patients, n_classes, n_nodes)
            P(g, b | y_i, T_i), which sum to 1 over classes and nodes.
        """
        u, log_weight = _nodes_at(self._rule, *normal_posterior(self._located, theta))
        self._candidates.place(u)
        joint = self._candidates.joint(theta) + log_weight
        weights = np.exp(joint - joint.max(axis=(1, 2), keepdims=True))
        effects = np.einsum("kij,nksj->nksi", self._layout.cholesky(theta), u)
        return effects, weights / weights.sum(axis=(1, 2), keepdims=True)


def _nodes_at(rule, mean, scale):
    """Nodes u (n, K, n_nodes, q) of a rule around normal posteriors, and the logarithms of their weights."""
    q = rule.shape[1] - 1
    u = mean[:, :, None] + np.einsum("nkij,sj->nksi", scale, rule[:, :q])
    return u, rule[:, q] + np.log(np.diagonal(scale, axis1=2, axis2=3)).sum(axis=2)[..., None]


def expected_effects(gradients: np.ndarray, design: Design, theta: np.ndarray) -> np.ndarray:
    """P(g | y_i, T_i) E(b_i | y_i, g), for any family, if the hazard does not depend on b_i.

    The derivative of a density that vanishes at infinity integrates to 0. For f_g(y | b) exp(-b' D^-1 b / 2) this gives
    D^-1 E(b | y, g) = E(d log f_g(y | b) / db | y, g). Changing b changes the curve as its first coefficients do, so
    E(b | y, g) = D d log f_g(y) / d beta (for normal counts D Z' V^-1 (y - X beta), the best linear predictor).

    Parameters
    ----------
    gradients : array (n_patients, n_classes, n_class_parameters)
        Of log L_i at theta, as `Evaluator.gradients`: P(g | y_i, T_i) times those of log f_g(y_i).
    design : Design
    theta : array (n_classes, n_class_parameters)

    Returns
    -------
    array (n_patients, n_classes, n_random)
        On the scale of the growth curve.
    """
    factor = design.layout.cholesky(theta)
    start = design.sizes.blocks["growth"].start
    by_curve = gradients[:, :, start : start + design.sizes.n_random]
    return np.einsum("gar,gcr,ngc->nga", factor, factor, by_curve)


class RandomEffects:
    """Draws of patients' random effects given their counts, in each class.

    Gaussian counts: b = omega L u with u normal, of precision M = I + L'Z'Z L / sigma^2 and mean M^-1 L'Z'r / sigma^2
    (Laird and Ware, Biometrics 1982;38:963), from the packed sums. Other families: sampling and resampling. A third of
    the candidates for u come from the normal approximation of its posterior in the quadrature, a third from the prior
    shifted to the mean of that approximation (the posterior of log-concave counts is nowhere wider, which bounds the
    weights), and a third from the prior itself. They are weighted by the likelihood, evaluated with a single node at
    the candidate.

    Parameters
    ----------
    analysis : Analysis
        Patients; their follow-up is not used, unless the hazard depends on the random effects.
    n_draws : int
        Draws of each patient at each theta.
    """

    def __init__(self, analysis: Analysis, n_draws: int):
        self.packed, self.design, self.n_draws = analysis.packed, analysis.design, n_draws
        self._layout: Layout = self.design.layout
        self._q = self.design.spec.n_random
        if not self._q:
            return
        if self.design.sizes.closed_form:
            self._sums()
            return
        self._n_candidates = max(LEAST_CANDIDATES, n_draws)
        self._located = analysis.evaluator()
        self._candidates = Candidates(analysis, self._n_candidates)

    def draw(self, theta: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draws given classes.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        classes : array of int (n_patients, n_draws)
        rng : numpy.random.Generator

        Returns
        -------
        array (n_patients, n_draws, n_random)
        """
        if not self._q:
            return np.zeros((*classes.shape, 0))
        factor = self._layout.cholesky(theta)
        closed = self.design.sizes.closed_form
        u = self._exact(theta, factor, classes, rng) if closed else self._resampled(theta, classes, rng)
        return np.einsum("nrjk,nrk->nrj", factor[classes], u)

    def _sums(self):
        """Z'y, Z'X and Z'Z of each patient."""
        B = self.design.sizes.n_basis
        rows = self.packed.samples[2 : 2 + B + B * B]
        self._zy = rows[: self._q].T
        self._zx = rows[B:].reshape(B, B, -1)[: self._q].transpose(2, 0, 1)
        self._zz = self._zx[:, :, : self._q]

    def _exact(self, theta, factor, classes, rng):
        """u from its normal posterior."""
        residual = self._layout.places[FAMILIES[self.design.spec.family].residual_sd]
        precision = np.exp(-2.0 * theta[:, residual])[:, :, None]  # (K, 1, 1)
        growth = theta[:, self.design.sizes.blocks["growth"]]
        z, u = rng.normal(size=(*classes.shape, self._q)), np.empty((*classes.shape, self._q))
        for g in range(len(theta)):
            of_class = classes == g
            if not of_class.any():
                continue
            weighted = factor[g].T * precision[g]
            information = np.eye(self._q) + weighted @ self._zz @ factor[g]
            score = (self._zy - self._zx @ growth[g]) @ weighted.T
            mean = np.linalg.solve(information, score[..., None])[..., 0]
            spread = np.linalg.inv(np.linalg.cholesky(information))  # C'^-1 C^-1 is the covariance
            here = mean[:, None, :] + np.einsum("nkj,nrk->nrj", spread, z)
            u[of_class] = here[of_class]
        return u

    def _resampled(self, theta, classes, rng):
        """u by sampling and resampling."""
        n, R = classes.shape
        S, Q, K = self._n_candidates, self._q, len(theta)
        mean, scale = normal_posterior(self._located, theta)
        z = rng.normal(size=(n, K, S, Q))
        near, kind = np.einsum("nkij,nksj->nksi", scale, z), np.arange(S)[:, None] % 3
        u = np.where(kind == 0, near, z) + np.where(kind == 2, 0.0, mean[:, :, None])
        self._candidates.place(u)
        log_weight = self._candidates.joint(theta) - _log_mixture(u, mean, scale)
        share = np.exp(log_weight - log_weight.max(axis=2, keepdims=True))
        cumulative = np.cumsum(share, axis=2)
        cumulative /= cumulative[:, :, -1:]
        # one systematic pass through the weights, in random order, has less noise than independent picks
        level = (rng.permuted(np.tile(np.arange(R), (n, 1)), axis=1) + rng.random((n, R))) / R
        row = np.arange(n)[:, None] * K + classes  # rows end to end are one increasing array
        flat = (cumulative.reshape(n * K, S) + np.arange(n * K)[:, None]).ravel()
        chosen = np.minimum(np.searchsorted(flat, level + row) - row * S, S - 1)
        return u[np.arange(n)[:, None], classes, chosen]


def _log_mixture(u, mean, scale):
    """Log density of the candidates, apart from a constant: thirds near the mean, around it, and around zero."""
    away = np.linalg.solve(scale, np.moveaxis(u - mean[:, :, None], 2, 3))
    determinant = np.log(np.diagonal(scale, axis1=2, axis2=3)).sum(axis=2)[..., None]
    near = -0.5 * np.sum(away**2, axis=2) - determinant
    around = -0.5 * np.sum((u - mean[:, :, None]) ** 2, axis=3)
    return np.logaddexp(np.logaddexp(near, around), -0.5 * np.sum(u**2, axis=3))
