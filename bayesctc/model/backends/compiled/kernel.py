"""The one likelihood: class-wise joint log density of every patient, its mixture and its gradient, compiled.

For patient i and class g (Proust-Lima et al., Stat Methods Med 2014;23:74)::

    joint_ig = log pi_ig + log f_g(y_i) + event_i log h_g(T_i) + log S_g(T_i)
    entry_ig = log pi_ig + log S_g(entry_i)
    log L_i  = logsumexp_g joint_ig - logsumexp_g entry_ig

With competing events each cause c has a hazard of its own: event_i log h_g becomes sum_c [event_i = c] log h_gc, and
log S_g = sum_c log S_gc (Prentice et al., Biometrics 1978;34:541).

Patients are taken in blocks, so that each step is a loop over neighbours in memory. The functions `make_...` are
templates, which `composition` fills with the functions of a family and a hazard.
"""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, dot, fill, set_product, set_scaled
from bayesctc.model.sizes import ENTRY, EVENT, N_FIXED, NO_EVENT


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _log_membership(data, n_terms, theta, ones, log_pi, pi, total):
    """Fill `log_pi` and `pi` (classes, BLOCK) with log pi = xi'x - logsumexp."""
    for g in range(theta.shape[0]):
        fill(log_pi, g, 0.0)
        for p in range(n_terms):
            add_scaled(log_pi, g, theta[g, p], data, N_FIXED + p)
    _normalise(log_pi, ones, pi, total)
    for g in range(theta.shape[0]):
        for i in range(BLOCK):
            log_pi[g, i] -= total[i]


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
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


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _same(theta, g, start, stop):
    """Whether class g shares these parameters with the class before it."""
    for m in range(start, stop):  # noqa: SIM110  numba has no all()
        if theta[g, m] != theta[g - 1, m]:
            return False
    return True


def make_survive(terms):
    """The function below, of a hazard."""

    @numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def survive(theta, positive, g, part, knots, data, event, out, gradient, m0, residual, r):
        """Add event x log hazard + log survival to `out`, for one class and cause; derivatives to rows from `m0` on.

        `part` is the number of the cause, where its parameters start in theta and how many they are, and where its
        terms start in `data` and how many they are. Row `event` of `data` holds the number of the cause that happened,
        and is followed by time and log time. Row `r` of `residual` receives the derivative by x' gamma, which its last
        row holds meanwhile.
        """
        cause, h0, n_hazard, s0, n_survival = part
        last = residual.shape[0] - 1
        fill(residual, last, 0.0)
        for s in range(n_survival):
            add_scaled(residual, last, theta[g, h0 + n_hazard + s], data, s0 + s)
        for i in range(BLOCK):
            happened = 1.0 if data[event, i] == cause else 0.0
            value, residual[r, i] = terms(
                theta,
                positive,
                g,
                h0,
                knots,
                happened,
                data[event + 1, i],
                data[event + 2, i],
                residual[last, i],
                gradient,
                m0,
                i,
            )
            out[g, i] += value
            if not math.isfinite(value):  # the class has probability 0 here, and 0 x infinity is no gradient
                residual[r, i] = 0.0
                for m in range(n_hazard):
                    gradient[m0 + m, i] = 0.0

    return survive


def make_evaluate(prepare, log_density, survive):
    """The function below, of a family and a hazard."""

    @numba.njit(error_model="numpy", inline="always")
    def evaluate(theta, positive, data, weights, sizes, knots, rule, centres, membership, filled, memory):
        """Everything about one block, derivatives patient by patient in `memory`."""
        P, B, Q, S, F, H, C = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
        work, derivatives, entry_derivatives, residual, entry_residual, w, v, total_at_entry = memory
        (log_pi, pi), (out, at_entry, total) = membership, filled
        n_classes = theta.shape[0]
        S0, F0 = N_FIXED + P, N_FIXED + P + S
        A = B + F + Q * (Q + 1) // 2
        R = A + C * H  # rows of a class's derivatives
        h0 = theta.shape[1] - C * (H + S)
        event, no_event = EVENT, NO_EVENT
        for g in range(n_classes):
            if g == 0 or not _same(theta, g, P + B, h0):
                prepare(data, F0, theta, positive, g, P, B, Q, work)
            log_density(data, F0, theta, positive, g, P, B, Q, rule, centres, work, out, derivatives, g * R)
            for c in range(C):
                part = c + 1, h0 + c * (H + S), H, S0, S
                survive(
                    theta,
                    positive,
                    g,
                    part,
                    knots,
                    data,
                    event,
                    out,
                    derivatives,
                    g * R + A + c * H,
                    residual,
                    g * C + c,
                )
            add_scaled(out, g, 1.0, log_pi, g)
            set_scaled(at_entry, g, 1.0, log_pi, g)
        entered = False
        for i in range(BLOCK):
            entered |= data[ENTRY, i] > 0.0
        if entered:
            for g in range(n_classes):
                for c in range(C):
                    part = c + 1, h0 + c * (H + S), H, S0, S
                    survive(
                        theta,
                        positive,
                        g,
                        part,
                        knots,
                        data,
                        no_event,
                        at_entry,
                        entry_derivatives,
                        (g * C + c) * H,
                        entry_residual,
                        g * C + c,
                    )
        _normalise(out, weights, w, total)
        if entered:
            _normalise(at_entry, weights, v, total_at_entry)
            for i in range(BLOCK):
                total[i] -= total_at_entry[i]
        else:  # what membership gives already sums to one
            for g in range(n_classes):
                for i in range(BLOCK):
                    v[g, i] = weights[i] * pi[g, i]
        return entered

    return evaluate


@numba.njit(error_model="numpy", inline="always")
def add_gradient(theta, data, sizes, entered, memory, gradient):
    """Add a block's derivatives, weighted by the class probabilities in `memory`."""
    P, B, Q, S, F, H, C = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
    _, derivatives, entry_derivatives, residual, entry_residual, w, v, _ = memory
    x0, s0, h0 = N_FIXED, N_FIXED + P, theta.shape[1] - C * (H + S)
    A = B + F + Q * (Q + 1) // 2
    R = A + C * H
    for g in range(theta.shape[0]):
        for p in range(P):
            gradient[g, p] += dot(w, g, data, x0 + p) - dot(v, g, data, x0 + p)
        for m in range(A):
            t = dot(w, g, derivatives, g * R + m)
            gradient[g, P + m] += t
            if m >= B + F:  # log omega scales the whole factor
                gradient[g, h0 - 1] += theta[g, P + m] * t
        for c in range(C):
            k, r = h0 + c * (H + S), g * C + c
            for m in range(H):
                gradient[g, k + m] += dot(w, g, derivatives, g * R + A + c * H + m)
                if entered:
                    gradient[g, k + m] -= dot(v, g, entry_derivatives, r * H + m)
            if S > 0:
                set_product(residual, r, 1.0, w, g, residual, r)
                if entered:
                    add_product(residual, r, -1.0, v, g, entry_residual, r)
                for s in range(S):
                    gradient[g, k + H + s] += dot(residual, r, data, s0 + s)


def make_likelihood(n_work, evaluate):
    """The function below, of a family and a hazard."""

    @numba.njit(error_model="numpy", nogil=True)
    def likelihood(theta, data, weights, sizes, knots, rule, centres, log_likelihood, joint, at_entry, gradient):
        """Weighted log likelihood of a cohort; its gradient and what is known of each patient are filled.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        data : array (n_blocks, n_columns, BLOCK)
            Patients in order, the last block filled up with zeros.
        weights : array (n_blocks, BLOCK)
            Weight of each patient in the gradient; 0 where there is none.
        sizes : array
            `Sizes.as_array`.
        knots : array (n_knots,)
            Of the hazard, in the unit of the fit; empty for most.
        rule : array (n_nodes, n_random + 1)
        centres : array (n_blocks, n_centres, BLOCK)
            Of the quadrature, as the family's `log_density` reads them.
        log_likelihood : array (n_blocks, BLOCK)
        joint, at_entry : arrays (n_blocks, n_classes, BLOCK)
        gradient : array (n_classes, n_class_parameters)
            Of the weighted sum of log likelihoods.
        """
        P, B, Q, S, F, H, C = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
        n_classes = theta.shape[0]
        positive = np.empty(theta.shape)
        for g in range(n_classes):
            for m in range(theta.shape[1]):
                positive[g, m] = math.exp(theta[g, m])
                gradient[g, m] = 0.0
        R = B + F + Q * (Q + 1) // 2 + C * H
        membership, ones = (np.empty((n_classes, BLOCK)), np.empty((n_classes, BLOCK))), np.ones(BLOCK)
        memory = (
            np.empty((n_work(data[0], N_FIXED + P + S, B, Q, rule.shape[0]), BLOCK)),
            np.empty((n_classes * R, BLOCK)),
            np.empty((n_classes * C * H, BLOCK)),
            np.empty((n_classes * C + 1, BLOCK)),
            np.empty((n_classes * C + 1, BLOCK)),
            np.empty((n_classes, BLOCK)),
            np.empty((n_classes, BLOCK)),
            np.empty(BLOCK),
        )
        value = 0.0
        for b in range(data.shape[0]):
            if b == 0 or P > 1:
                _log_membership(data[b], P, theta, ones, membership[0], membership[1], memory[7])
            filled = joint[b], at_entry[b], log_likelihood[b]
            entered = evaluate(
                theta, positive, data[b], weights[b], sizes, knots, rule, centres[b], membership, filled, memory
            )
            add_gradient(theta, data[b], sizes, entered, memory, gradient)
            for i in range(BLOCK):
                if weights[b, i] > 0.0:
                    value += weights[b, i] * log_likelihood[b, i]
        return value

    return likelihood
