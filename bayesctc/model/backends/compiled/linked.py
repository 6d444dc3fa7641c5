"""The likelihood of samples and events that depend on each other through the random effects: the kernel's other pieces.

For patient i and class g (Rizopoulos, J Stat Softw 2010;35(9), with classes)::

    joint_ig = log pi_ig + log integral of f_g(y_i | b) P(what happened to i | b, g) phi(b) db
    entry_ig = log pi_ig + log integral of P(i free of all events at entry | b, g) phi(b) db

Nodes of the first stand where samples and events together are, those of the second where the random effects of who is
free of the events at entry are: under a hazard that few would survive, nodes around the prior would miss them, and the
difference of the two integrals would have no bound. Both have the same rows of derivatives: curve, family and Cholesky
factor, then associations and hazards, in the order of theta.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.association import (
    FIRST_PIECE,
    FIRST_RUN,
    add_derivatives,
    add_event_slopes,
    add_events,
    asked,
    events_memory,
    make_masses,
    n_alpha,
    piece_curves,
    piece_rows,
    weigh_points,
)
from bayesctc.model.backends.compiled.block import BLOCK, add_scaled, dot, fill, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.kernel import no_gradient_of_nothing
from bayesctc.model.backends.compiled.mixture import normalise_both
from bayesctc.model.backends.compiled.quadrature import collect, factor_of, make_fill_nodes, mix, places, stand
from bayesctc.model.backends.compiled.tables import same_parameters
from bayesctc.model.sizes import ENTRY, N_FIXED


@inner
def n_rows(theta, sizes, outcomes):
    """Rows of derivatives of a class: at the end of follow-up, and at entry."""
    n = theta.shape[1] - sizes[0] - 1  # membership and log omega have none
    return n, n


def make_prepare_events(terms):
    """The function below, of a hazard."""
    piece_masses = make_masses(terms)

    @inner
    def prepare_events(theta, positive, g, own, before, sizes, stretches, knots, memory):
        """Masses and curves of all pieces before entry, or after time 0."""
        (_, S, H, C), (rows, runs), ends = sizes, stretches, memory[3]
        B, Q, _, _, l0, _ = own
        h0, size = theta.shape[1] - C * (H + S), piece_rows(runs, S)[0]
        for m in range(ends.shape[0]):
            fill(ends, m, 0.0)
        for e in range(FIRST_RUN, runs.shape[0]):
            if asked(runs[e, 1], before):
                r = FIRST_PIECE + (e - FIRST_RUN) * size
                hazard = h0 + runs[e, 0] * (H + S)
                piece_masses(theta, positive, g, hazard, knots, sizes, rows, r, runs, e, memory)
                piece_curves(theta, g, l0, B, Q, sizes, rows, r, runs, e, memory)

    return prepare_events


@inner
def anybody_late(data):
    """Whether anybody of a block entered late, so that nodes stand at entry too."""
    found = False
    for i in range(BLOCK):
        found |= data[ENTRY, i] > 0.0
    return found


def make_beside(terms):
    """What `locate.make_locate` takes beside samples, of a hazard: memory, who entered, what is prepared, slopes."""
    prepare_events = make_prepare_events(terms)

    @inner
    def memory_of(sizes, stretches, Q):
        return events_memory(stretches[1], sizes, Q, 1)

    @inner
    def add_slopes(theta, g, own, before, sizes, stretches, memory, work, effect, slopes, curvatures):
        """Add the events' slope by b, rows of `work` from `effect` on, and minus their second derivatives."""
        a0 = theta.shape[1] - sizes[3] * (sizes[1] + sizes[2]) - n_alpha(sizes, stretches[1], own[1])
        add_event_slopes(theta, g, a0, own[1], before, sizes, *stretches, memory, work, effect, slopes, curvatures)

    return memory_of, anybody_late, prepare_events, add_slopes


def make_evaluate(visit, look_up, counts, prepare, terms):
    """The function below, of a family and a hazard; it stands in the place of `kernel.make_evaluate`."""
    n_values, n_constants, n_parameters = counts
    fill_nodes, prepare_events = make_fill_nodes(visit, look_up, counts), make_prepare_events(terms)

    @inner
    def of_class(theta, positive, g, own, before, sizes, stretches, events, where, out, gradient, m0):
        """Add events to nodes that have their terms; mix them into out[g], and fill the derivatives.

        `where` is `work`, its rows of the nodes and of what `mix` takes, and the derivatives of a node.
        """
        (work, nodes, width, N, top, n_own), (rows, runs) = where, stretches
        B, Q, F, _, l0, _ = own
        n_factor, n = Q * (Q + 1) // 2, theta.shape[1] - sizes[0] - 1
        a0, e0 = l0 + B + F + n_factor + 1, m0 + B + F + n_factor
        factor, omega = factor_of(theta, positive, g, l0 + B + F, Q), positive[g, a0 - 1]
        held, knots, weighed = events
        prepare_events(theta, positive, g, own, before, sizes, stretches, knots, held)
        add_events(theta, g, a0, Q, before, sizes, rows, runs, held, work, nodes, width, N, factor)
        mix(work, nodes, width, N, top, top + 1, out, g)
        if n_own > 0:
            collect(work, nodes, width, N, n_own, Q, positive, g, l0, gradient, m0)
        else:
            for m in range(B + F + n_factor):
                fill(gradient, m0 + m, 0.0)
        for m in range(e0, m0 + n):
            fill(gradient, m, 0.0)
        weigh_points(sizes, before, runs, held, work, nodes, width, N, Q, weighed)
        add_derivatives(theta, g, own, a0, before, sizes, rows, runs, held, weighed, factor, omega, gradient, m0, e0)
        for i in range(BLOCK):
            if math.isnan(out[g, i]):
                out[g, i] = -math.inf
        no_gradient_of_nothing(out, g, gradient, m0, n)

    @inner
    def evaluate(
        theta, positive, patients, b, sizes, outcomes, knots, tables, rules, centres, membership, filled, memory
    ):
        """Everything about block `b`, derivatives patient by patient in `memory`."""
        data, stretches, weights = patients[0][b], (patients[1][b], patients[2]), patients[3][b]
        work, part, derivatives, entry_derivatives, _, _, _ = memory
        (log_pi, _), (out, at_entry, _) = membership, filled
        own, rule, centre = outcomes[0], rules[0], centres[0][b]
        B, Q, F, _, l0, _ = own
        N, step, runs = rule.shape[0], theta.shape[1] - sizes[0] - 1, stretches[1]
        points = (runs.shape[0] - FIRST_RUN) * (runs[0, 0] + 1)
        events = events_memory(runs, sizes, Q, N), knots, np.empty(((points + 1) * (1 + Q), BLOCK))
        _, nodes, width, eta, _, _ = places(data, own, N, n_values + B, n_constants, n_parameters)
        prior = np.empty((N * (1 + Q) + 2, BLOCK))
        per = 1 + Q + Q * (Q + 1) // 2
        at_entry_from, entered = theta.shape[0] * per, anybody_late(data)
        for g in range(theta.shape[0]):
            if g == 0 or not same_parameters(theta, g, l0 + B, l0 + B + F + Q * (Q + 1) // 2 + 1):
                prepare(0, data, own, theta, positive, g, work)
            fill_nodes(data, own, tables[0], theta, positive, g, rule, centre, work)
            where = work, nodes, width, N, eta, B + F
            of_class(theta, positive, g, own, False, sizes, stretches, events, where, part, derivatives, g * step)
            set_scaled(out, g, 1.0, log_pi, g)
            add_scaled(out, g, 1.0, part, g)
            set_scaled(at_entry, g, 1.0, log_pi, g)
            if not entered:
                continue
            for q in range(N):
                stand(rule, q, Q, centre, at_entry_from + g * per, prior, q * (1 + Q), q * (1 + Q) + 1)
            where = prior, 0, 1 + Q, N, N * (1 + Q), 0
            of_class(theta, positive, g, own, True, sizes, stretches, events, where, part, entry_derivatives, g * step)
            add_scaled(at_entry, g, 1.0, part, g)
        normalise_both(weights, membership, filled, memory, entered)
        return entered

    return evaluate


@inner
def add_gradient(theta, data, sizes, outcomes, entered, memory, gradient):
    """Add a block's derivatives, weighted by the class probabilities in `memory`."""
    P, n, own = sizes[0], theta.shape[1] - sizes[0] - 1, outcomes[0]
    _, _, derivatives, entry_derivatives, w, v, _ = memory
    factor = own[4] + own[0] + own[2]
    log_omega = factor + own[1] * (own[1] + 1) // 2
    for g in range(theta.shape[0]):
        for p in range(P):
            gradient[g, p] += dot(w, g, data, N_FIXED + p) - dot(v, g, data, N_FIXED + p)
        for m in range(n):
            t = dot(w, g, derivatives, g * n + m)
            if entered:
                t -= dot(v, g, entry_derivatives, g * n + m)
            place = P + m if P + m < log_omega else P + m + 1
            gradient[g, place] += t
            if factor <= place < log_omega:  # log omega scales the whole factor
                gradient[g, log_omega] += theta[g, place] * t
