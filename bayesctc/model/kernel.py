"""The one likelihood, compiled: class-wise joint log density of every patient, its mixture and its gradient.

A patient's column of data is event, time, log time, 0 (no event at), entry, log entry (months), the membership terms, the survival
terms, and what the family needs. A class's parameters are membership, growth, family, Cholesky factor of D, log omega,
hazard, hazard coefficients. For patient i and class g (Proust-Lima et al., Stat Methods Med 2014;23:74)::

    joint_ig = log pi_ig + log f_g(y_i) + event_i log h_g(T_i) + log S_g(T_i)
    entry_ig = log pi_ig + log S_g(entry_i)
    log L_i  = logsumexp_g joint_ig - logsumexp_g entry_ig

Patients are taken in blocks, so that each step is a loop over neighbours in memory.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from bayesctc.model.columns import BLOCK, add_product, add_scaled, dot, fill, set_product
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

EVENT, TIME, LOG_TIME, NO_EVENT, ENTRY, LOG_ENTRY, N_FIXED = 0, 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Shape:
    """The pieces of a likelihood and their sizes.

    Attributes
    ----------
    family, hazard : str
    n_membership : int
        Membership terms, intercept included.
    n_basis : int
        Growth terms and longitudinal covariates.
    n_random : int
        Random effects of a patient.
    n_survival : int
        Hazard coefficients.
    """

    family: str
    hazard: str
    n_membership: int
    n_basis: int
    n_random: int
    n_survival: int

    @property
    def blocks(self) -> dict[str, slice]:
        """Where each block stands in a class's parameters."""
        sizes = {
            "membership": self.n_membership,
            "growth": self.n_basis,
            "family": len(FAMILIES[self.family].parameters),
            "cholesky": self.n_random * (self.n_random + 1) // 2,
            "log_omega": int(self.n_random > 0),
            "hazard": len(HAZARDS[self.hazard].parameters),
            "survival": self.n_survival,
        }
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def sizes(self) -> np.ndarray:
        """Membership, growth, random effects, survival, family and hazard parameters: what the kernel reads."""
        n_family, n_hazard = len(FAMILIES[self.family].parameters), len(HAZARDS[self.hazard].parameters)
        return np.array(
            [self.n_membership, self.n_basis, self.n_random, self.n_survival, n_family, n_hazard], dtype=np.int64
        )

    @property
    def n_class_parameters(self) -> int:
        """Parameters of one class."""
        return self.blocks["survival"].stop

    @property
    def n_columns(self) -> int:
        """Values of one patient."""
        family = FAMILIES[self.family]
        return N_FIXED + self.n_membership + self.n_survival + family.n_columns(self.n_basis)


@numba.njit(error_model="numpy")
def _log_membership(data, x0, n_terms, theta, out):
    """Fill `out` (classes, BLOCK) with log pi = xi'x - logsumexp."""
    n_classes = theta.shape[0]
    for g in range(n_classes):
        fill(out, g, 0.0)
        for p in range(n_terms):
            add_scaled(out, g, theta[g, p], data, x0 + p)
    for i in range(BLOCK):
        total = _log_sum(out, i)
        for g in range(n_classes):
            out[g, i] -= total


@numba.njit(error_model="numpy")
def _log_sum(values, i):
    """logsumexp of column i."""
    top = values[0, i]
    for g in range(1, values.shape[0]):
        top = max(top, values[g, i])
    if not math.isfinite(top):
        return top
    total = 0.0
    for g in range(values.shape[0]):
        if values[g, i] == top:
            total += 1.0
        else:
            total += math.exp(values[g, i] - top)
    return top + math.log(total)


@numba.njit(error_model="numpy")
def _normalise(values, weights, probabilities, total):
    """Fill `total` with logsumexp of each column and `probabilities` with weight x probability of each class."""
    n_classes = values.shape[0]
    for i in range(BLOCK):
        top = values[0, i]
        for g in range(1, n_classes):
            top = max(top, values[g, i])
        if not math.isfinite(top):
            total[i] = top
            for g in range(n_classes):
                probabilities[g, i] = 0.0
            continue
        t = 0.0
        for g in range(n_classes):
            p = 1.0 if values[g, i] == top else math.exp(values[g, i] - top)
            probabilities[g, i] = p
            t += p
        total[i] = top + math.log(t)
        t = weights[i] / t
        for g in range(n_classes):
            probabilities[g, i] *= t


@numba.njit(error_model="numpy")
def _same(theta, g, start, stop):
    """Whether class g shares these parameters with the class before it."""
    for m in range(start, stop):
        if theta[g, m] != theta[g - 1, m]:
            return False
    return True


@lru_cache(maxsize=None)
def compile_kernel(family: str, hazard: str):
    """Compile the likelihood of a family and a hazard; every size stays free.

    Returns
    -------
    function (theta, data, weights, sizes, log_likelihood, joint, at_entry, gradient) -> None
        theta : array (n_classes, n_class_parameters)
        data : array (n_blocks, n_columns, BLOCK), patients in order, the last block filled up with zeros
        weights : array (n_blocks, BLOCK), weight of each patient in the gradient; 0 where there is none
        sizes : `Shape.sizes`
        log_likelihood : array (n_blocks, BLOCK), filled
        joint, at_entry : arrays (n_blocks, n_classes, BLOCK), filled
        gradient : array (n_classes, n_class_parameters), filled
    """
    n_work, prepare, log_density = (getattr(FAMILIES[family], name) for name in ("n_work", "prepare", "log_density"))
    terms = HAZARDS[hazard].terms

    @numba.njit(error_model="numpy")
    def survive(theta, positive, g, h0, n_hazard, data, s0, event, time, out, gradient, m0, residual):
        """Add event x log hazard + log survival to `out`, for one class; its derivatives to rows from `m0` on.

        Row `residual.shape[0] - 1` of `residual` holds the linear predictor meanwhile.
        """
        last = residual.shape[0] - 1
        fill(residual, last, 0.0)
        for s in range(theta.shape[1] - h0 - n_hazard):
            add_scaled(residual, last, theta[g, h0 + n_hazard + s], data, s0 + s)
        derivative = np.empty(n_hazard)
        parameters, exponentials = theta[g, h0:], positive[g, h0:]
        for i in range(BLOCK):
            value, residual[g, i] = terms(
                parameters, exponentials, data[event, i], data[time, i], data[time + 1, i], residual[last, i], derivative
            )
            out[g, i] += value
            for m in range(n_hazard):
                gradient[m0 + m, i] = derivative[m]

    @numba.njit(error_model="numpy")
    def kernel(theta, data, weights, sizes, log_likelihood, joint, at_entry, gradient):
        P, B, Q, S, F, H = sizes
        n_classes, M = theta.shape
        C = Q * (Q + 1) // 2
        L0, L1 = P, M - H - S  # the longitudinal parameters
        X0, S0, F0 = N_FIXED, N_FIXED + P, N_FIXED + P + S
        R = B + F + C  # rows of a class's longitudinal derivatives; log omega's follows from the Cholesky factor's
        positive = np.exp(theta)
        gradient[:, :] = 0.0
        work = np.empty((n_work(B, Q), BLOCK))
        total_at_entry = np.zeros(BLOCK)
        w, v = np.zeros((n_classes, BLOCK)), np.zeros((n_classes, BLOCK))
        pieces = np.empty((n_classes, R + H, BLOCK))
        entry_pieces = np.empty((n_classes, H, BLOCK))
        residual, entry_residual = np.empty((n_classes + 1, BLOCK)), np.zeros((n_classes + 1, BLOCK))
        event, time, no_event, entry = EVENT, TIME, NO_EVENT, ENTRY
        zero = P - P
        for b in range(data.shape[0]):
            block, both, start = data[b], joint[b], at_entry[b]
            entered = np.max(block[ENTRY]) > 0.0
            if b == 0 or P > 1:
                _log_membership(block, X0, P, theta, start)
            else:
                start[:, :] = at_entry[0, :, :1]
            for g in range(n_classes):
                if g == 0 or not _same(theta, g, L0 + B, L1):
                    prepare(block, F0, theta[g, L0:], positive[g, L0:], B, Q, work)
                log_density(block, F0, theta[g, L0:], positive[g, L0:], B, Q, work, both, g, pieces[g])
                add_scaled(both, g, 1.0, start, g)
                survive(theta, positive, g, L1, H, block, S0, event, time, both, pieces[g], R, residual)
            if entered:
                for g in range(n_classes):
                    survive(
                        theta, positive, g, L1, H, block, S0, no_event, entry, start, entry_pieces[g], zero,
                        entry_residual,
                    )  # fmt: skip
                _normalise(start, weights[b], v, total_at_entry)
            elif b == 0 or P > 1:  # the probabilities are those of membership, which sum to one
                v[:, :] = np.exp(start)
                total_at_entry[:] = 0.0
            _normalise(both, weights[b], w, log_likelihood[b])
            for i in range(BLOCK):
                log_likelihood[b, i] -= total_at_entry[i]
            for g in range(n_classes):
                for p in range(P):
                    gradient[g, p] += dot(w, g, block, X0 + p) - dot(v, g, block, X0 + p)
                for m in range(R):
                    gradient[g, L0 + m] += dot(w, g, pieces[g], m)
                for m in range(H):
                    gradient[g, L1 + m] += dot(w, g, pieces[g], R + m)
                if entered:
                    for m in range(H):
                        gradient[g, L1 + m] -= dot(v, g, entry_pieces[g], m)
                if S > 0:
                    set_product(residual, g, 1.0, w, g, residual, g)
                    if entered:
                        add_product(residual, g, -1.0, v, g, entry_residual, g)
                    for s in range(S):
                        gradient[g, L1 + H + s] += dot(residual, g, block, S0 + s)
        if Q > 0:
            for g in range(n_classes):
                for m in range(C):
                    gradient[g, L1 - 1] += theta[g, L0 + B + F + m] * gradient[g, L0 + B + F + m]

    return kernel
