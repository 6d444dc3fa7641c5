"""Events whose hazard depends on a patient's random effects, at the nodes of the quadrature over these.

Nodes are at u = m + C z, with z on a grid of n values in each direction, so b - b_0 = L C z, and a group of points
(`hazard_sums`) needs only as many exponentials as the grid has values, times the number of directions ::

    exp(alpha W'L C z)  =  prod_k exp((alpha W'L C)_k z_k)

Weighted by the nodes' shares they sum to E and, times u, to U, from which all derivatives follow. An event between two
visits is in separate runs (`stretches`), with -d log P / d cumulative hazard in place of 1.
"""

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, fill, set_product, set_scaled
from bayesctc.model.backends.compiled.hazard_sums import (
    HIGHEST,
    LEVEL,
    VARIES,
    alpha_of,
    asked,
    first_changing,
    groups_of,
    n_at_event,
    n_later_runs,
    n_sums,
    set_change,
)
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.stretches import CAUSE_WITHIN, event_within
from bayesctc.model.backends.compiled.vector_math import vexp


@inner
def n_alpha(sizes, runs, Q):
    """Associations of all causes."""
    return sizes[3] * (Q if runs[1, 0] == 1 else 1)


@inner
def per_direction(Q, N):
    """Nodes in each direction of the grid; Q is 1 or 2."""
    return N if Q == 1 else int(np.sqrt(N) + 0.5)


@inner
def events_memory(runs, sizes, Q, N):
    """Groups; their sums, what is known of events, and room to work in; what nodes move; the nodes' factors.

    Of the last: exponentials by direction, products with a group's sum, E and U of each group and of 1; then runs of
    events between two visits, at each node and at one, and what `event_within` works in.
    """
    groups, n, H = groups_of(runs, sizes), n_later_runs(runs) * sizes[3], sizes[2]
    T = groups.shape[0]
    return (
        groups,
        np.empty((T * n_sums(runs, sizes, Q), BLOCK)),
        np.empty((sizes[3] * n_at_event(runs, sizes), BLOCK)),
        np.empty((4 * H + 6 + n_sums(runs, sizes, Q), BLOCK)),
        np.empty((Q + Q * Q, BLOCK)),
        (
            np.empty((Q * max(T, sizes[3]) * per_direction(Q, N), BLOCK)),
            np.empty((T, BLOCK)),
            np.empty(((T + 1) * (1 + Q), BLOCK)),
        ),
        (np.empty((N * n, BLOCK)), np.empty((n, BLOCK)), np.empty((n, BLOCK)), np.empty((2, n_later_runs(runs)))),
    )


@inner
def set_moved(moved, factor, centres, c, Q):
    """b_0 = L m in the first Q rows of `moved`, then the columns of L C; `centres` has log |C|, m, C from row c on."""
    for k in range(Q):
        fill(moved, k, 0.0)
        for m in range(k + 1):
            add_scaled(moved, k, factor[k, m], centres, c + 1 + m)
        for j in range(Q):
            fill(moved, (1 + j) * Q + k, 0.0)
            for m in range(j, k + 1):
                add_scaled(moved, (1 + j) * Q + k, factor[k, m], centres, c + 1 + Q + m * (m + 1) // 2 + j)


@inner
def _factor_at(runs, sizes, t):
    """Number of the exponentials of group `t`: the cause's where W never changes."""
    return t if runs[1, 1] == VARIES else t % sizes[3]


@inner
def _fill_factors(theta, g, a0, Q, before, sizes, rows, runs, memory, rule, n):
    """Exponentials by direction, at the n values of the grid."""
    groups, _, _, scratch, moved, (factors, _, _), _ = memory
    several = groups.shape[0] if runs[1, 1] == VARIES else sizes[3]
    for t in range(several):
        if runs[1, 1] == VARIES and not asked(groups[t, 1], before):
            continue
        for k in range(Q):
            set_change(scratch, 0, theta, g, a0, groups[t], Q, runs, rows, moved, (1 + k) * Q)
            for s in range(n):
                z, x = rule[s, Q - 1], (k * several + t) * n + s
                if z == 0.0:
                    fill(factors, x, 1.0)
                    continue
                for i in range(BLOCK):
                    factors[x, i] = vexp(min(max(z * scratch[0, i], -HIGHEST), HIGHEST))


@inner
def _add_known(theta, g, a0, Q, sizes, runs, memory, rule, work, nodes, width):
    """Add the log hazards of events known to the day: a line in z."""
    _, _, ends, scratch, moved, _, _ = memory
    (_, S, H, C), each, effects = sizes, n_at_event(runs, sizes), runs[1, 0]
    for j in range(Q + 1):
        fill(scratch, j, 0.0)
        for c in range(C):
            for k in range(Q):
                alpha = alpha_of(theta, g, a0, c, k, Q, effects)
                add_product(scratch, j, alpha, ends, c * each + 2 + H + S + k, moved, j * Q + k)
    for c in range(C):
        add_scaled(scratch, 0, 1.0, ends, c * each)
        if effects == 0:
            add_scaled(scratch, 0, theta[g, a0 + c], ends, c * each + 1)
    for q in range(rule.shape[0]):
        add_scaled(work, nodes + q * width, 1.0, scratch, 0)
        for j in range(Q):
            add_scaled(work, nodes + q * width, rule[q, j], scratch, 1 + j)


@inner
def add_events(theta, g, a0, Q, before, sizes, rows, runs, memory, rule, work, nodes, width):
    """Add log P of what happened, given b, to each node's term; `nodes` as in `quadrature`, at where `moved` says."""
    groups, sums, _, _, _, (factors, product, _), (by_run, cumulative, slopes, of_run) = memory
    C, D, N = sizes[3], n_sums(runs, sizes, Q), rule.shape[0]
    n, several = cumulative.shape[0], groups.shape[0] if runs[1, 1] == VARIES else C
    each = per_direction(Q, N)
    if not before:
        _add_known(theta, g, a0, Q, sizes, runs, memory, rule, work, nodes, width)
    _fill_factors(theta, g, a0, Q, before, sizes, rows, runs, memory, rule, each)
    for q in range(N):
        term, inner_one = nodes + q * width, (Q - 1) * several * each + q % each
        for t in range(groups.shape[0]):
            if q % each == 0 and asked(groups[t, 1], before):
                set_scaled(product, t, 1.0, sums, t * D)
                if Q > 1:
                    set_product(product, t, 1.0, product, t, factors, _factor_at(runs, sizes, t) * each + q // each)
        for k in range(n):
            fill(cumulative, k, 0.0)
        for t in range(groups.shape[0]):
            c, run, x = groups[t, 0], groups[t, 1], inner_one + _factor_at(runs, sizes, t) * each
            if asked(run, before) and run <= 0:
                add_product(work, term, -1.0, product, t, factors, x)
            elif asked(run, before):
                add_product(cumulative, (run - 1) * C + c, 1.0, product, t, factors, x)
        if n > 0 and not before:
            for k in range(n):
                fill(slopes, k, 0.0)
            for i in range(BLOCK):
                if rows[CAUSE_WITHIN, i] > 0.0:
                    cause = int(rows[CAUSE_WITHIN, i]) - 1
                    work[term, i] += event_within(cause, n // C, C, cumulative, slopes, i, of_run)
            for k in range(n):
                set_scaled(by_run, q * n + k, -1.0, slopes, k)


@inner
def add_event_slopes(theta, g, a0, Q, before, sizes, rows, runs, memory, work, b, slopes, curvatures):
    """Add the events' derivatives by b, in rows of `work` from `b` on: first ones (Q,), and minus second ones (Q * Q,).

    Of what happened, or of being free of the events at entry. `memory` has the sums at b = 0.

    For an event between two visits the second ones are left out: its log P is almost linear in the factor on the
    hazard, and where it is not, nodes are slightly too far apart.
    """
    groups, sums, ends, scratch, _, (_, kept, _), (_, cumulative, by_run, of_run) = memory
    (_, S, H, C), each, D, effects = sizes, n_at_event(runs, sizes), n_sums(runs, sizes, Q), runs[1, 0]
    n = cumulative.shape[0]
    for k in range(n):
        fill(cumulative, k, 0.0)
        fill(by_run, k, 0.0)
    for k in range(0 if before else Q):
        for c in range(C):
            add_scaled(slopes, k, alpha_of(theta, g, a0, c, k, Q, effects), ends, c * each + 2 + H + S + k)
    for t in range(groups.shape[0]):
        c, run = groups[t, 0], groups[t, 1]
        if not asked(run, before):
            continue
        set_change(scratch, 0, theta, g, a0, groups[t], Q, runs, rows, work, b)
        for i in range(BLOCK):
            kept[t, i] = sums[t * D, i] * vexp(min(scratch[0, i], HIGHEST))
        if run > 0:
            add_scaled(cumulative, (run - 1) * C + c, 1.0, kept, t)
    for i in range(BLOCK):
        if n > 0 and not before and rows[CAUSE_WITHIN, i] > 0.0:
            event_within(int(rows[CAUSE_WITHIN, i]) - 1, n // C, C, cumulative, by_run, i, of_run)
    for t in range(groups.shape[0]):
        c, run = groups[t, 0], groups[t, 1]
        if not asked(run, before):
            continue
        for k in range(Q):
            _set_by_effect(scratch, 0, alpha_of(theta, g, a0, c, k, Q, effects), groups[t], k, runs, rows, kept, t)
            if run > 0:
                add_product(slopes, k, 1.0, by_run, (run - 1) * C + c, scratch, 0)
                continue
            add_scaled(slopes, k, -1.0, scratch, 0)
            for m in range(Q):
                alpha = alpha_of(theta, g, a0, c, m, Q, effects)
                _set_by_effect(scratch, 1, alpha, groups[t], m, runs, rows, scratch, 0)
                add_scaled(curvatures, k * Q + m, 1.0, scratch, 1)


@inner
def _set_by_effect(out, o, a, group, k, runs, rows, x, x0):
    """out[o] = a W_k x[x0], with the W of a group."""
    if runs[1, 1] == VARIES:
        set_product(out, o, a, rows, group[2] + k, x, x0)
    else:
        set_scaled(out, o, a * runs[1, 1], x, x0)


@inner
def weigh_groups(Q, before, sizes, runs, memory, rule, centres, centre, work, nodes, width):
    """E and U of each group, of the nodes' shares; after the groups, of 1 itself."""
    groups, _, _, _, _, (_, _, weighed), _ = memory
    last = groups.shape[0] * (1 + Q)
    for t in range(groups.shape[0]):
        if asked(groups[t, 1], before):
            _weigh_group(Q, sizes, runs, memory, rule, work, nodes, width, t)
            _in_place_of_z(weighed, t * (1 + Q), Q, centres, centre)
    fill(weighed, last, 1.0)
    for m in range(Q):
        fill(weighed, last + 1 + m, 0.0)
        for q in range(rule.shape[0]):
            add_scaled(weighed, last + 1 + m, rule[q, m], work, nodes + q * width)
    _in_place_of_z(weighed, last, Q, centres, centre)


@inner
def _weigh_group(Q, sizes, runs, memory, rule, work, nodes, width, t):
    """Fill the rows of group `t` with its exponential and z times it, weighted."""
    groups, _, _, scratch, _, (factors, _, weighed), (by_run, cumulative, _, _) = memory
    C, N, n, to, run = sizes[3], rule.shape[0], cumulative.shape[0], t * (1 + Q), groups[t, 1]
    each, several, at = per_direction(Q, N), groups.shape[0] if runs[1, 1] == VARIES else C, _factor_at(runs, sizes, t)
    for m in range(1 + Q):
        fill(weighed, to + m, 0.0)
    for outer in range(N // each):
        fill(scratch, 1, 0.0)
        fill(scratch, 2, 0.0)
        for s in range(each):
            q = outer * each + s
            set_product(scratch, 0, 1.0, work, nodes + q * width, factors, ((Q - 1) * several + at) * each + s)
            if run > 0:
                set_product(scratch, 0, 1.0, scratch, 0, by_run, q * n + (run - 1) * C + groups[t, 0])
            add_scaled(scratch, 1, 1.0, scratch, 0)
            add_scaled(scratch, 2, rule[s, Q - 1], scratch, 0)
        if Q > 1:
            set_product(scratch, 1, 1.0, scratch, 1, factors, at * each + outer)
            set_product(scratch, 2, 1.0, scratch, 2, factors, at * each + outer)
            add_scaled(weighed, to + 1, rule[outer * each, 0], scratch, 1)
        add_scaled(weighed, to, 1.0, scratch, 1)
        add_scaled(weighed, to + Q, 1.0, scratch, 2)


@inner
def _in_place_of_z(weighed, to, Q, centres, centre):
    """U in the place of the sums of z: u = m + C z."""
    for m in range(Q - 1, -1, -1):
        c = centre + 1 + Q + m * (m + 1) // 2
        set_product(weighed, to + 1 + m, 1.0, weighed, to + 1 + m, centres, c + m)
        for j in range(m):
            add_product(weighed, to + 1 + m, 1.0, weighed, to + 1 + j, centres, c + j)
        add_product(weighed, to + 1 + m, 1.0, weighed, to, centres, centre + 1 + m)


@inner
def add_derivatives(theta, g, own, a0, before, sizes, rows, runs, memory, factor, omega, gradient, m0, e0):
    """Add the events' derivatives: by curve and factor to rows from `m0` on, by associations and hazards from `e0`.

    `own` as in `quadrature.make_log_density`. Rows of the latter were filled with 0.
    """
    (_, S, H, C), (B, Q, _, _, _, _) = sizes, own
    groups, sums, ends, scratch, _, (_, _, weighed), _ = memory
    each, D, effects, one = n_at_event(runs, sizes), n_sums(runs, sizes, Q), runs[1, 0], groups.shape[0] * (1 + Q)
    alphas = Q if effects == 1 else 1
    for c in range(0 if before else C):
        end, hazard = c * each, e0 + C * alphas + c * (H + S)
        for m in range(H + S):
            add_scaled(gradient, hazard + m, 1.0, ends, end + 2 + m)
        if effects == 0:
            add_scaled(gradient, e0 + c, 1.0, ends, end + 1)
            for k in range(B):
                add_scaled(gradient, m0 + k, theta[g, a0 + c], ends, end + 2 + H + S + k)
        for k in range(Q):
            set_scaled(scratch, 1, 1.0, ends, end + 2 + H + S + k)
            _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, one, factor, omega, gradient, m0, e0)
    for t in range(groups.shape[0]):
        c, by, a = groups[t, 0], t * (1 + Q), t * D + 1 + H + S
        if not asked(groups[t, 1], before):
            continue
        hazard = e0 + C * alphas + c * (H + S)
        for m in range(H + S):
            add_product(gradient, hazard + m, -1.0, sums, t * D + 1 + m, weighed, by)
        if effects == 0:  # by alpha: times A = W'beta - c
            for i in range(BLOCK):
                gradient[e0 + c, i] += rows[LEVEL, i] * sums[t * D, i] * weighed[by, i]
            first = first_changing(runs, Q)
            for k in range(B):
                if k < first:
                    set_product(scratch, 0, -1.0 * runs[1, 1], sums, t * D, weighed, by)
                else:
                    set_product(scratch, 0, -1.0, sums, a + k - first, weighed, by)
                add_scaled(gradient, e0 + c, theta[g, own[4] + k], scratch, 0)
                add_scaled(gradient, m0 + k, theta[g, a0 + c], scratch, 0)
        for k in range(Q):
            _set_by_effect(scratch, 1, -1.0, groups[t], k, runs, rows, sums, t * D)
            _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, by, factor, omega, gradient, m0, e0)


@inner
def _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, by, factor, omega, gradient, m0, e0):
    """Through random effect k, whose slope apart from alpha is in row 1 of `scratch`: by alpha and by the factor."""
    B, Q, F = own[0], own[1], own[2]
    alpha, place = alpha_of(theta, g, a0, c, k, Q, effects), e0 + (c * Q + k if effects == 1 else c)
    for m in range(k + 1):
        add_product(gradient, place, factor[k, m], scratch, 1, weighed, by + 1 + m)
        add_product(gradient, m0 + B + F + k * (k + 1) // 2 + m, omega * alpha, scratch, 1, weighed, by + 1 + m)
