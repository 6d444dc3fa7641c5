"""The likelihood of samples and events that are linked by the random effects: further pieces of the kernel.

For patient i and class g (Rizopoulos, J Stat Softw 2010;35(9), with classes)::

    joint_ig = log pi_ig + log integral of f_g(y_i | b) P(what happened to i | b, g) phi(b) db
    entry_ig = log pi_ig + log integral of P(i free of all events at entry | b, g) phi(b) db

Nodes of the first adapt to samples and events together, those of the second to the random effects of patients who are
free of the events at entry. Under a hazard that few survive, nodes around the prior would miss these, and the
difference of the two integrals would be unbounded. Both have the same rows of derivatives: curve, family and Cholesky
factor, then associations and hazards, in the order of theta.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.association import (
    add_derivatives,
    add_event_slopes,
    add_events,
    events_memory,
    n_alpha,
    set_moved,
    weigh_groups,
)
from bayesctc.model.backends.compiled.block import BLOCK, add_scaled, dot, fill, set_scaled
from bayesctc.model.backends.compiled.hazard_sums import make_fill_sums
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.kernel import no_gradient_of_nothing
from bayesctc.model.backends.compiled.mixture import normalise_both
from bayesctc.model.backends.compiled.quadrature import factor_of, mix, stand
from bayesctc.model.backends.compiled.tables import same_parameters
from bayesctc.model.sizes import ENTRY, N_FIXED


@inner
def n_rows(theta, sizes, outcomes):
    """Rows of derivatives of a class: at the end of follow-up, and at entry."""
    n = theta.shape[1] - sizes[0] - 1  # membership and log omega have none
    return n, n


@inner
def anybody_late(data):
    """Whether anybody of a block entered late, so that nodes stand at entry too."""
    found = False
    for i in range(BLOCK):
        found |= data[ENTRY, i] > 0.0
    return found


def make_beside(hazard):
    """What `locate.make_locate` takes beside samples, of a hazard: memory, who entered, what is prepared, slopes."""
    fill_sums = make_fill_sums(hazard)

    @inner
    def memory_of(sizes, stretches, Q):
        return events_memory(stretches[1], sizes, Q, 1)

    @inner
    def a0_of(theta, own, sizes, stretches):
        return theta.shape[1] - sizes[3] * (sizes[1] + sizes[2]) - n_alpha(sizes, stretches[1], own[1])

    @inner
    def prepare_beside(theta, positive, g, own, before, sizes, stretches, knots, memory):
        """Sums of all groups without random effects."""
        groups, sums, ends, scratch, moved, _, _ = memory
        for k in range(own[1]):
            fill(moved, k, 0.0)
        a0 = a0_of(theta, own, sizes, stretches)
        fill_sums(theta, positive, g, own, a0, before, sizes, stretches, knots, moved, groups, sums, ends, scratch)

    @inner
    def add_slopes(theta, g, own, before, sizes, stretches, memory, work, effect, slopes, curvatures):
        """Add the events' slope by b, rows of `work` from `effect` on, and minus their second derivatives."""
        a0 = a0_of(theta, own, sizes, stretches)
        add_event_slopes(theta, g, a0, own[1], before, sizes, *stretches, memory, work, effect, slopes, curvatures)

    return memory_of, anybody_late, prepare_beside, add_slopes


def make_of_class(hazard):
    """The two functions below, of a hazard."""
    fill_sums = make_fill_sums(hazard)

    @inner
    def add_to_nodes(theta, positive, g, own, before, sizes, stretches, events, at, out):
        """Add events to nodes that have their terms, and mix them into out[g]: the nodes have their shares then.

        `at` is the rule, its centres and their first row, and `work` with its rows of nodes and of what `mix` takes.
        """
        (rule, centres, c, (work, nodes, width, top)), (rows, runs), (held, knots) = at, stretches, events
        B, Q, F, _, l0, _ = own
        groups, sums, ends, scratch, moved, _, _ = held
        a0, factor = l0 + B + F + Q * (Q + 1) // 2 + 1, factor_of(theta, positive, g, l0 + B + F, Q)
        set_moved(moved, factor, centres, c, Q)
        fill_sums(theta, positive, g, own, a0, before, sizes, stretches, knots, moved, groups, sums, ends, scratch)
        add_events(theta, g, a0, Q, before, sizes, rows, runs, held, rule, work, nodes, width)
        mix(work, nodes, width, rule.shape[0], top, top + 1, out, g)

    @inner
    def add_slopes(theta, positive, g, own, before, sizes, stretches, held, at, out, gradient, m0):
        """Add the events' derivatives to those of the samples."""
        (rule, centres, c, (work, nodes, width, _)), (rows, runs) = at, stretches
        B, Q, F, _, l0, _ = own
        n_factor, n = Q * (Q + 1) // 2, theta.shape[1] - sizes[0] - 1
        a0, e0 = l0 + B + F + n_factor + 1, m0 + B + F + n_factor
        factor, omega = factor_of(theta, positive, g, l0 + B + F, Q), positive[g, a0 - 1]
        for m in range(e0, m0 + n):
            fill(gradient, m, 0.0)
        weigh_groups(Q, before, sizes, runs, held, rule, centres, c, work, nodes, width)
        add_derivatives(theta, g, own, a0, before, sizes, rows, runs, held, factor, omega, gradient, m0, e0)
        for i in range(BLOCK):
            if math.isnan(out[g, i]):
                out[g, i] = -math.inf
        no_gradient_of_nothing(out, g, gradient, m0, n)

    return add_to_nodes, add_slopes


def make_evaluate(samples, hazard):
    """The function below, of samples given their random effects and a hazard, in place of `kernel.make_evaluate`."""
    (prepare, places, fill_nodes, collect), (add_to_nodes, add_slopes) = samples, make_of_class(hazard)

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
        N, step, n_samples = rule.shape[0], theta.shape[1] - sizes[0] - 1, B + F + Q * (Q + 1) // 2
        held = events_memory(stretches[1], sizes, Q, N)
        events, of_samples = (held, knots), (work, *places(data, own, N))
        at_entry_nodes, per, entered = np.empty((N * (1 + Q) + 2, BLOCK)), 1 + Q + Q * (Q + 1) // 2, anybody_late(data)
        of_entry = at_entry_nodes, 0, 1 + Q, N * (1 + Q)
        for g in range(theta.shape[0]):
            if g == 0 or not same_parameters(theta, g, l0 + B, l0 + n_samples + 1):
                prepare(data, own, theta, positive, g, work)
            fill_nodes(data, own, tables[0], theta, positive, g, rule, centre, work)
            at, row = (rule, centre, g * per, of_samples), g * step
            add_to_nodes(theta, positive, g, own, False, sizes, stretches, events, at, part)
            collect(data, own, theta, positive, g, N, work, derivatives, row)
            add_slopes(theta, positive, g, own, False, sizes, stretches, held, at, part, derivatives, row)
            set_scaled(out, g, 1.0, log_pi, g)
            add_scaled(out, g, 1.0, part, g)
            set_scaled(at_entry, g, 1.0, log_pi, g)
            if not entered:
                continue
            first = (theta.shape[0] + g) * per
            for q in range(N):
                stand(rule, q, Q, centre, first, at_entry_nodes, q * (1 + Q), q * (1 + Q) + 1)
            for m in range(n_samples):
                fill(entry_derivatives, row + m, 0.0)
            at = rule, centre, first, of_entry
            add_to_nodes(theta, positive, g, own, True, sizes, stretches, events, at, part)
            add_slopes(theta, positive, g, own, True, sizes, stretches, held, at, part, entry_derivatives, row)
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
