"""The one likelihood: class-wise joint log density of every patient, its mixture and its gradient, compiled.

For patient i and class g (Proust-Lima et al., Stat Methods Med 2014;23:74)::

    joint_ig = log pi_ig + log f_g(y_i) + event_i log h_g(T_i) + log S_g(T_i)
    entry_ig = log pi_ig + log S_g(entry_i)
    log L_i  = logsumexp_g joint_ig - logsumexp_g entry_ig

With competing events each cause c has a hazard of its own: event_i log h_g becomes sum_c [event_i = c] log h_gc, and
log S_g = sum_c log S_gc (Prentice et al., Biometrics 1978;34:541).

f_g is the product over outcomes, which are independent given the class; each has its own parameters, rows of data and
tables, as does each cause.

Patients are processed in blocks, so that each step is a loop over adjacent memory. The functions `make_...` are
templates, which `composition` fills with the functions of the outcomes' families and of a hazard. The first argument of
functions for an outcome is its number.
"""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_scaled, dot, fill, set_product, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.mixture import log_membership, normalise_both
from bayesctc.model.backends.compiled.tables import same_parameters
from bayesctc.model.sizes import ENTRY, EVENT, N_FIXED, NO_EVENT


def make_survive(terms):
    """The function below, of a hazard."""

    @inner
    def survive(theta, positive, g, part, knots, data, event, out, gradient, m0, scratch):
        """Add event x log hazard + log survival to `out`, for one class and cause; derivatives to rows from `m0` on.

        `part` is the number of the cause, where its parameters start in theta and how many they are, and where its
        terms start in `data` and how many they are. Row `event` of `data` holds the number of the cause that happened,
        and is followed by time and log time. `scratch` has two rows to work in.
        """
        cause, h0, n_hazard, s0, n_survival = part
        fill(scratch, 0, 0.0)
        for s in range(n_survival):
            add_scaled(scratch, 0, theta[g, h0 + n_hazard + s], data, s0 + s)
        ordinary = True
        for i in range(BLOCK):
            happened = 1.0 if data[event, i] == cause else 0.0
            time, log_time, linear_predictor = data[event + 1, i], data[event + 2, i], scratch[0, i]
            value, scratch[1, i] = terms(
                theta, positive, g, h0, knots, happened, time, log_time, linear_predictor, gradient, m0, i
            )
            out[g, i] += value
            ordinary &= abs(value) < math.inf
        if not ordinary:
            no_gradient_of_nothing(out, g, scratch, 1, 1)
            no_gradient_of_nothing(out, g, gradient, m0, n_hazard)
        for s in range(n_survival):
            set_product(gradient, m0 + n_hazard + s, 1.0, scratch, 1, data, s0 + s)

    return survive


@inner
def no_gradient_of_nothing(out, g, gradient, m0, n):
    """Set `n` rows of derivatives to 0 where a class has probability 0, to avoid 0 x infinity."""
    for i in range(BLOCK):
        if not math.isfinite(out[g, i]):
            for m in range(n):
                gradient[m0 + m, i] = 0.0


@inner
def _n_derivatives(outcomes):
    """Rows of a class's derivatives by the parameters of all outcomes, log omega apart."""
    n = 0
    for B, Q, F, _, _, _ in outcomes:
        n += B + F + Q * (Q + 1) // 2
    return n


def one_of(functions):
    """A function that takes a number, and calls the one of these that has it."""
    first = functions[0]
    if len(functions) == 1:

        @inner
        def only(o, *arguments):
            return first(*arguments)

        return only
    rest = one_of(functions[1:])

    @inner
    def choose(o, *arguments):
        if o == 0:
            return first(*arguments)
        return rest(o - 1, *arguments)

    return choose


def make_tables(tabulates, o=0):
    """A function that returns the tables of each outcome, from the one with number `o` on."""
    first = tabulates[0]
    if len(tabulates) == 1:

        @inner
        def last_tables(theta, positive, data, outcomes, counts):
            return (first(theta, positive, data, outcomes[o], counts[o]),)

        return last_tables
    rest = make_tables(tabulates[1:], o + 1)

    @inner
    def all_tables(theta, positive, data, outcomes, counts):
        return (first(theta, positive, data, outcomes[o], counts[o]), *rest(theta, positive, data, outcomes, counts))

    return all_tables


def make_causes(terms):
    """The function below, of a hazard, for follow-up in one piece, to a time that is known."""
    survive = make_survive(terms)

    @inner
    def causes(theta, positive, knots, data, stretches, sizes, event, out, gradient, m0, step):
        """`survive` of every class and cause; derivatives to rows from `m0` on, `step` of them for each class."""
        P, S, H, C = sizes
        h0, scratch = theta.shape[1] - C * (H + S), np.empty((2, BLOCK))
        for g in range(theta.shape[0]):
            for c in range(C):
                part, row = (c + 1, h0 + c * (H + S), H, N_FIXED + P, S), m0 + g * step + c * (H + S)
                survive(theta, positive, g, part, knots, data, event, out, gradient, row, scratch)

    return causes


def make_evaluate(prepare, log_density, causes):
    """The function below, of families and a hazard."""

    @inner
    def evaluate(
        theta, positive, patients, b, sizes, outcomes, knots, tables, rules, centres, membership, filled, memory
    ):
        """Everything about block `b`, derivatives patient by patient in `memory`."""
        _, S, H, C = sizes
        data, stretches, weights = patients[0][b], (patients[1][b], patients[2]), patients[3][b]
        work, part, derivatives, entry_derivatives, _, _, _ = memory
        log_pi, (out, at_entry, _) = membership[0], filled
        n_classes, event, no_event = theta.shape[0], EVENT, NO_EVENT
        A = _n_derivatives(outcomes)
        step, entry_step = A + C * (H + S), C * (H + S)
        for g in range(n_classes):
            set_scaled(out, g, 1.0, log_pi, g)
            set_scaled(at_entry, g, 1.0, log_pi, g)
        m0 = 0
        for o in range(len(outcomes)):
            own, centre = outcomes[o], centres[o][b]
            B, Q, F, _, l0, _ = own
            n_factor = Q * (Q + 1) // 2
            for g in range(n_classes):
                row = g * step + m0
                if g == 0 or not same_parameters(theta, g, l0 + B, l0 + B + F + n_factor + min(Q, 1)):
                    prepare(o, data, own, theta, positive, g, work)
                log_density(o, data, own, tables[o], theta, positive, g, rules[o], centre, work, part, derivatives, row)
                add_scaled(out, g, 1.0, part, g)
            m0 += B + F + n_factor
        causes(theta, positive, knots, data, stretches, sizes, event, out, derivatives, m0, step)
        entered = False
        for i in range(BLOCK):
            entered |= data[ENTRY, i] > 0.0
        m0 = 0
        if entered:
            causes(
                theta, positive, knots, data, stretches, sizes, no_event, at_entry, entry_derivatives, m0, entry_step
            )
        normalise_both(weights, membership, filled, memory, entered)
        return entered

    return evaluate


@inner
def n_rows(theta, sizes, outcomes):
    """Rows of derivatives of a class: at the end of follow-up, and at entry."""
    _, S, H, C = sizes
    return _n_derivatives(outcomes) + C * (H + S), C * (H + S)


@inner
def add_gradient(theta, data, sizes, outcomes, entered, memory, gradient):
    """Add a block's derivatives, weighted by the class probabilities in `memory`."""
    P, S, H, C = sizes
    _, _, derivatives, entry_derivatives, w, v, _ = memory
    n = C * (H + S)
    x0, h0, A = N_FIXED, theta.shape[1] - n, _n_derivatives(outcomes)
    R = A + n
    for g in range(theta.shape[0]):
        for p in range(P):
            gradient[g, p] += dot(w, g, data, x0 + p) - dot(v, g, data, x0 + p)
        row = g * R
        for o in range(len(outcomes)):
            B, Q, F, _, l0, _ = outcomes[o]
            factor = l0 + B + F
            log_omega = factor + Q * (Q + 1) // 2
            for m in range(l0, log_omega):
                t = dot(w, g, derivatives, row)
                gradient[g, m] += t
                if m >= factor:  # log omega scales the whole factor
                    gradient[g, log_omega] += theta[g, m] * t
                row += 1
        for m in range(n):
            gradient[g, h0 + m] += dot(w, g, derivatives, g * R + A + m)
            if entered:
                gradient[g, h0 + m] -= dot(v, g, entry_derivatives, g * n + m)


@inner
def _memory(rows, K, R, n):
    """A block's memory: work, an outcome's part, derivatives at the end and at entry, weights, total."""
    return (
        np.empty((rows, BLOCK)),
        np.empty((K, BLOCK)),
        np.empty((K * R, BLOCK)),
        np.empty((K * n, BLOCK)),
        np.empty((K, BLOCK)),
        np.empty((K, BLOCK)),
        np.empty(BLOCK),
    )


def make_likelihood(n_work, tabulate, evaluate, n_rows=n_rows, add_gradient=add_gradient):
    """The function below, of families and a hazard."""

    @numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
    def likelihood(theta, patients, sizes, outcomes, knots, counts, rules, centres, filled, gradient):
        """Weighted log likelihood of a cohort; fills its gradient and the terms of each patient.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        patients : tuple of array
            data (n_blocks, n_columns, BLOCK), patients in order, the last block filled up with nobody; stretches
            (n_blocks, n_rows, BLOCK), follow-up that is not in one piece, as `stretches.make_causes` reads it, with no
            rows where it is; runs (n_ends, 2), of int, the cause and the run of each end in them; weights (n_blocks,
            BLOCK) of each patient in the gradient, 0 where there is none.
        sizes : tuple of int
            Membership terms, survival terms, hazard parameters, causes.
        outcomes : tuple of tuple of int
            Of each outcome: growth terms, random effects, parameters of its family, slots of samples that are looked
            up, where its parameters start in theta, and its rows in `data`.
        knots : array (n_knots,)
            Of the hazard, in the unit of the fit; empty for most.
        counts : tuple of array (n_counts, 2)
            Of each outcome, counts that are looked up, and -log count! of each.
        rules : tuple of array (n_nodes, n_random + 1)
            Of each outcome.
        centres : tuple of array (n_blocks, n_centres, BLOCK)
            Of each outcome's quadrature, as its `log_density` reads them.
        filled : tuple of array
            log_likelihood (n_blocks, BLOCK); joint and at_entry (n_blocks, n_classes, BLOCK).
        gradient : array (n_classes, n_class_parameters)
            Of the weighted sum of log likelihoods.
        """
        P, n_classes = sizes[0], theta.shape[0]
        data, _, _, weights = patients
        log_likelihood, joint, at_entry = filled
        positive = np.empty(theta.shape)
        for g in range(n_classes):
            for m in range(theta.shape[1]):
                positive[g, m] = math.exp(theta[g, m])
                gradient[g, m] = 0.0
        rows = 0
        for o in range(len(outcomes)):
            rows = max(rows, n_work(o, data[0], outcomes[o], rules[o].shape[0]))
        tables = tabulate(theta, positive, data, outcomes, counts)
        membership, ones = (np.empty((n_classes, BLOCK)), np.empty((n_classes, BLOCK))), np.ones(BLOCK)
        at_end, before = n_rows(theta, sizes, outcomes)
        memory = _memory(rows, n_classes, at_end, before)
        value = 0.0
        for b in range(data.shape[0]):
            if b == 0 or P > 1:
                log_membership(data[b], P, theta, ones, membership[0], membership[1], memory[6])
            here = joint[b], at_entry[b], log_likelihood[b]
            entered = evaluate(
                theta, positive, patients, b, sizes, outcomes, knots, tables, rules, centres, membership, here, memory
            )
            add_gradient(theta, data[b], sizes, outcomes, entered, memory, gradient)
            for i in range(BLOCK):
                if weights[b, i] > 0.0:
                    value += weights[b, i] * log_likelihood[b, i]
        return value

    return likelihood
