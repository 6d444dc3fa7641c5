"""Events whose hazard depends on a patient's random effects, at the nodes of the quadrature over these.

`model.association` has the integral in time: on each piece of follow-up a point at its start and J nodes, each with a
mass m_p (of the baseline hazard, times exp(x'gamma)) and a curve, so that a cumulative hazard given b is ::

    sum_p m_p exp(alpha (A_p + W_p'b)),    A_p = W_p'beta - c;    alpha'b alone where the random effects are associated

Masses and A_p are the same at all nodes over b. Of the nodes only the exponentials are kept; weighted, they
sum to E_p = sum_q share_q exp(.) and U_p = sum_q share_q u_q exp(.), from which all derivatives follow. An event that
lies between two visits is in runs of its own (`stretches`), with -d log P / d cumulative hazard in the place of 1.

A block's pieces are rows: those of the cause of an event within and of c, then of each piece the event's indicator at
its end, start, log start, stop, log stop, x, W at its stop, and of each point weight, time, log time, W. `runs` has J
and the width of W, whether the random effects are associated, and then the cause and the run of each piece.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, fill, set_product, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.stretches import CAUSE_WITHIN, event_within
from bayesctc.model.backends.compiled.vector_math import vexp

LEVEL, FIRST_PIECE, FIRST_RUN = 1, 2, 2
PIECE, POINT = 5, 3  # rows of a piece before x, and of a point before W
HIGHEST = 300.0  # log of what multiplies a hazard, beyond which nobody survives


@inner
def piece_rows(runs, S):
    """Rows of a piece, and of a point in it."""
    n_nodes, width = runs[0, 0], runs[0, 1]
    return PIECE + S + width + (n_nodes + 1) * (POINT + width), POINT + width


@inner
def alpha_of(theta, g, a0, c, k, Q, effects):
    """The association of cause c with random effect k."""
    return theta[g, a0 + c * Q + k] if effects == 1 else theta[g, a0 + c]


@inner
def events_memory(runs, sizes, Q, N):
    """Masses, their derivatives and curves A of all points; the ends; the nodes' exponentials; runs of each node."""
    _, S, H, C = sizes
    points, n_runs = (runs.shape[0] - FIRST_RUN) * (runs[0, 0] + 1), 0
    for e in range(FIRST_RUN, runs.shape[0]):
        n_runs = max(n_runs, runs[e, 1])
    return (
        np.empty((points, BLOCK)),
        np.empty((points * H, BLOCK)),
        np.empty((points, BLOCK)),
        np.empty((C * (2 + Q + H + S), BLOCK)),
        np.empty((N * points, BLOCK)),
        np.empty((N * n_runs * C, BLOCK)),
        np.empty((n_runs * C, BLOCK)),
        (np.empty((n_runs * C, BLOCK)), np.empty((2, n_runs))),
        np.empty((2 * H + 2, BLOCK)),
    )


@inner
def asked(run, before):
    """Whether a piece is of the time that is asked for: before entry, or after time 0."""
    return (run < 0) == before


@inner
def n_alpha(sizes, runs, Q):
    """Associations of all causes."""
    return sizes[3] * (Q if runs[1, 0] == 1 else 1)


def make_masses(terms):
    """The function below, of a hazard."""

    @inner
    def piece_masses(theta, positive, g, h0, knots, sizes, rows, r, runs, e, memory):
        """Masses of one piece and their derivatives by the hazard's parameters; `memory` as `events_memory` made it."""
        _, S, H, _ = sizes
        mass, slopes, _, ends, _, _, _, _, scratch = memory
        n_nodes, width = runs[0, 0], runs[0, 1]
        c, p0, each = runs[e, 0], (e - FIRST_RUN) * (n_nodes + 1), ends.shape[0] // sizes[3]
        end, by_end, step, lp = c * each, (c + 1) * each - H - S, POINT + width, 2 * H
        fill(scratch, lp, 0.0)
        for s in range(S):
            add_scaled(scratch, lp, theta[g, h0 + H + s], rows, r + PIECE + s)
        first = r + PIECE + S + width
        for i in range(BLOCK):
            x = scratch[lp, i]
            start = terms(theta, positive, g, h0, knots, 0.0, rows[r + 1, i], rows[r + 2, i], x, scratch, 0, i)[0]
            stop = terms(theta, positive, g, h0, knots, 0.0, rows[r + 3, i], rows[r + 4, i], x, scratch, H, i)[0]
            mass[p0, i] = start - stop
            for m in range(H):
                slopes[p0 * H + m, i] = scratch[m, i] - scratch[H + m, i]
            if rows[r, i] > 0.0:  # the event, and its hazard
                seen = terms(theta, positive, g, h0, knots, 1.0, rows[r + 3, i], rows[r + 4, i], x, scratch, 0, i)[0]
                ends[end, i] += seen - stop
                for m in range(H):
                    ends[by_end + m, i] += scratch[m, i] - scratch[H + m, i]
        for s in range(S):
            add_product(ends, by_end + H + s, 1.0, rows, r, rows, r + PIECE + s)
        for p in range(1, n_nodes + 1):
            d = first + p * step
            for i in range(BLOCK):
                mass[p0 + p, i] = 0.0
                for m in range(H):
                    slopes[(p0 + p) * H + m, i] = 0.0
                if rows[d, i] <= 0.0:
                    continue
                x = scratch[lp, i]
                one = terms(theta, positive, g, h0, knots, 1.0, rows[d + 1, i], rows[d + 2, i], x, scratch, 0, i)[0]
                none = terms(theta, positive, g, h0, knots, 0.0, rows[d + 1, i], rows[d + 2, i], x, scratch, H, i)[0]
                own = rows[d, i] * math.exp(one - none)
                mass[p0 + p, i] = own
                mass[p0, i] -= own
                for m in range(H):
                    by = own * (scratch[m, i] - scratch[H + m, i])
                    slopes[(p0 + p) * H + m, i] = by
                    slopes[p0 * H + m, i] -= by
        for i in range(BLOCK):
            if mass[p0, i] < 0.0:
                _share_out(mass, slopes, p0, n_nodes, H, i)

    return piece_masses


@inner
def _share_out(mass, slopes, p0, n_nodes, H, i):
    """Of one patient whose nodes weigh more than the piece: nothing is left for its start, and they share the whole."""
    weight = 0.0
    for p in range(1, n_nodes + 1):
        weight += mass[p0 + p, i]
    whole = weight + mass[p0, i]
    ratio = whole / weight
    for m in range(H):
        by_weight = 0.0
        for p in range(1, n_nodes + 1):
            by_weight += slopes[(p0 + p) * H + m, i]
        by_ratio = (by_weight + slopes[p0 * H + m, i] - ratio * by_weight) / weight
        for p in range(1, n_nodes + 1):
            slopes[(p0 + p) * H + m, i] = ratio * slopes[(p0 + p) * H + m, i] + by_ratio * mass[p0 + p, i]
        slopes[p0 * H + m, i] = 0.0
    for p in range(1, n_nodes + 1):
        mass[p0 + p, i] *= ratio
    mass[p0, i] = 0.0


@inner
def piece_curves(theta, g, l0, B, Q, sizes, rows, r, runs, e, memory):
    """Curves A of one piece's points, and of its end where the event is."""
    S, C = sizes[1], sizes[3]
    _, _, curves, ends, _, _, _, _, scratch = memory
    n_nodes, width, effects = runs[0, 0], runs[0, 1], runs[1, 0]
    p0, end = (e - FIRST_RUN) * (n_nodes + 1), runs[e, 0] * (ends.shape[0] // C)
    last, first, step = r + PIECE + S, r + PIECE + S + width, POINT + width
    for p in range(n_nodes + 1):
        fill(curves, p0 + p, 0.0)
        if effects == 0:
            set_scaled(curves, p0 + p, -1.0, rows, LEVEL)
            for k in range(B):
                add_scaled(curves, p0 + p, theta[g, l0 + k], rows, first + p * step + POINT + k)
    if effects == 0:
        set_scaled(scratch, 0, -1.0, rows, LEVEL)
        for k in range(B):
            add_scaled(scratch, 0, theta[g, l0 + k], rows, last + k)
        add_product(ends, end + 1, 1.0, rows, r, scratch, 0)
    for k in range(Q):
        add_product(ends, end + 2 + k, 1.0, rows, r, rows, last + k)


@inner
def set_relative(kept, x, theta, g, a0, c, Q, effects, curves, p, rows, d, b, b0):
    """kept[x] = exp(alpha a(t)) at point `p`, whose Z stands in `rows` from `d` on, with the b in rows from `b0` on."""
    if effects == 0:
        set_scaled(kept, x, theta[g, a0 + c], curves, p)
    else:
        fill(kept, x, 0.0)
    for k in range(Q):
        add_product(kept, x, alpha_of(theta, g, a0, c, k, Q, effects), rows, d + k, b, b0 + k)
    for i in range(BLOCK):
        kept[x, i] = vexp(min(kept[x, i], HIGHEST))


@inner
def add_events(theta, g, a0, Q, before, sizes, rows, runs, memory, work, nodes, width, N, factor):
    """Add log P of what happened, given b = factor u, to each node's term; `nodes` as in `quadrature`.

    u stands in the last Q rows of a node. `memory` has masses and curves; the exponentials are kept in it.
    """
    S, C = sizes[1], sizes[3]
    mass, _, curves, ends, kept, by_run, cumulative, (slopes, of_run), _ = memory
    n_nodes, wide, effects = runs[0, 0], runs[0, 1], runs[1, 0]
    points, n, each = mass.shape[0], cumulative.shape[0], ends.shape[0] // C
    size, step = piece_rows(runs, S)
    b = np.empty((Q, BLOCK))
    for q in range(N):
        term, u = nodes + q * width, nodes + q * width + width - Q
        for k in range(Q):
            fill(b, k, 0.0)
            for m in range(k + 1):
                add_scaled(b, k, factor[k, m], work, u + m)
        for k in range(n):
            fill(cumulative, k, 0.0)
        if not before:
            for c in range(C):
                add_scaled(work, term, 1.0, ends, c * each)
                if effects == 0:
                    add_scaled(work, term, theta[g, a0 + c], ends, c * each + 1)
                for k in range(Q):
                    alpha = alpha_of(theta, g, a0, c, k, Q, effects)
                    add_product(work, term, alpha, ends, c * each + 2 + k, b, k)
        for e in range(FIRST_RUN, runs.shape[0]):
            c, run = runs[e, 0], runs[e, 1]
            if not asked(run, before):
                continue
            p0, r = (e - FIRST_RUN) * (n_nodes + 1), FIRST_PIECE + (e - FIRST_RUN) * size
            first = r + PIECE + S + wide + POINT
            for p in range(n_nodes + 1):
                d, x = first + p * step, q * points + p0 + p
                set_relative(kept, x, theta, g, a0, c, Q, effects, curves, p0 + p, rows, d, b, 0)
                if run <= 0:
                    add_product(work, term, -1.0, mass, p0 + p, kept, x)
                else:
                    add_product(cumulative, (run - 1) * C + c, 1.0, mass, p0 + p, kept, x)
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

    Of what happened, or of being free of the events at entry.

    Of an event between two visits the second ones are left out: its log P is almost a line in what multiplies the
    hazard, and where it is not, nodes stand a little too far apart.
    """
    S, C = sizes[1], sizes[3]
    mass, _, curves, ends, kept, _, cumulative, (by_run, of_run), scratch = memory
    n_nodes, wide, effects = runs[0, 0], runs[0, 1], runs[1, 0]
    n, each, (size, step) = cumulative.shape[0], ends.shape[0] // C, piece_rows(runs, S)
    for k in range(n):
        fill(cumulative, k, 0.0)
        fill(by_run, k, 0.0)
    for k in range(0 if before else Q):
        for c in range(C):
            add_scaled(slopes, k, alpha_of(theta, g, a0, c, k, Q, effects), ends, c * each + 2 + k)
    for e in range(FIRST_RUN, runs.shape[0]):
        c, run = runs[e, 0], runs[e, 1]
        if not asked(run, before):
            continue
        p0, r = (e - FIRST_RUN) * (n_nodes + 1), FIRST_PIECE + (e - FIRST_RUN) * size
        for p in range(p0, p0 + n_nodes + 1):
            d = r + PIECE + S + wide + POINT + (p - p0) * step
            set_relative(kept, p, theta, g, a0, c, Q, effects, curves, p, rows, d, work, b)
            set_product(kept, p, 1.0, mass, p, kept, p)
            if run > 0:
                add_scaled(cumulative, (run - 1) * C + c, 1.0, kept, p)
    for i in range(BLOCK):
        if n > 0 and not before and rows[CAUSE_WITHIN, i] > 0.0:
            event_within(int(rows[CAUSE_WITHIN, i]) - 1, n // C, C, cumulative, by_run, i, of_run)
    for e in range(FIRST_RUN, runs.shape[0]):
        c, run = runs[e, 0], runs[e, 1]
        if not asked(run, before):
            continue
        p0, r = (e - FIRST_RUN) * (n_nodes + 1), FIRST_PIECE + (e - FIRST_RUN) * size
        for p in range(p0, p0 + n_nodes + 1):
            d = r + PIECE + S + wide + POINT + (p - p0) * step
            for k in range(Q):
                for i in range(BLOCK):
                    weight = by_run[(run - 1) * C + c, i] if run > 0 else -1.0
                    scratch[0, i] = alpha_of(theta, g, a0, c, k, Q, effects) * rows[d + k, i] * kept[p, i]
                    slopes[k, i] += weight * scratch[0, i]
                if run > 0:
                    continue
                for m in range(Q):
                    alpha = alpha_of(theta, g, a0, c, m, Q, effects)
                    add_product(curvatures, k * Q + m, alpha, scratch, 0, rows, d + m)


@inner
def weigh_points(sizes, before, runs, memory, work, nodes, width, N, Q, weighed):
    """Fill `weighed` with E and U of each point, of the nodes' shares; after the pieces, U of 1 itself."""
    C = sizes[3]
    mass, _, _, _, kept, by_run, cumulative, _, _ = memory
    points, n, n_nodes = mass.shape[0], cumulative.shape[0], runs[0, 0]
    for m in range(weighed.shape[0]):
        fill(weighed, m, 0.0)
    for q in range(N):
        node, u = nodes + q * width, nodes + q * width + width - Q
        for m in range(Q):
            add_product(weighed, points * (1 + Q) + m, 1.0, work, node, work, u + m)
        for e in range(FIRST_RUN, runs.shape[0]):
            c, run = runs[e, 0], runs[e, 1]
            if not asked(run, before):
                continue
            for p in range((e - FIRST_RUN) * (n_nodes + 1), (e - FIRST_RUN + 1) * (n_nodes + 1)):
                x = q * points + p
                if run > 0:
                    for i in range(BLOCK):
                        kept[x, i] *= by_run[q * n + (run - 1) * C + c, i]
                for i in range(BLOCK):
                    own = work[node, i] * kept[x, i]
                    weighed[p * (1 + Q), i] += own
                    for m in range(Q):
                        weighed[p * (1 + Q) + 1 + m, i] += own * work[u + m, i]


@inner
def add_derivatives(theta, g, own, a0, before, sizes, rows, runs, memory, weighed, factor, omega, gradient, m0, e0):
    """Add the events' derivatives: by curve and factor to rows from `m0` on, by associations and hazards from `e0`.

    `own` as in `quadrature.make_log_density`. Rows of the latter were filled with 0.
    """
    (_, S, H, C), (B, Q, _, _, _, _) = sizes, own
    mass, slopes, curves, ends, _, _, _, _, scratch = memory
    n_nodes, width, effects = runs[0, 0], runs[0, 1], runs[1, 0]
    each, size, points = ends.shape[0] // C, piece_rows(runs, S)[0], mass.shape[0]
    step, n_alpha = POINT + width, Q if effects == 1 else 1
    if not before:
        for c in range(C):
            end, hazard = c * each, e0 + C * n_alpha + c * (H + S)
            for m in range(H + S):
                add_scaled(gradient, hazard + m, 1.0, ends, end + 2 + Q + m)
            if effects == 0:
                add_scaled(gradient, e0 + c, 1.0, ends, end + 1)
            for k in range(Q):
                set_scaled(scratch, 1, 1.0, ends, end + 2 + k)
                by = points * (1 + Q)
                _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, by, factor, omega, gradient, m0, e0)
    for e in range(FIRST_RUN, runs.shape[0]):
        c, run = runs[e, 0], runs[e, 1]
        if not asked(run, before):
            continue
        hazard, r = e0 + C * n_alpha + c * (H + S), FIRST_PIECE + (e - FIRST_RUN) * size
        last, first = r + PIECE + S, r + PIECE + S + width + POINT
        for p in range(n_nodes + 1):
            point = (e - FIRST_RUN) * (n_nodes + 1) + p
            by, d = point * (1 + Q), first + p * step
            for m in range(H):
                add_product(gradient, hazard + m, -1.0, slopes, point * H + m, weighed, by)
            for i in range(BLOCK):
                scratch[0, i] = -mass[point, i] * weighed[by, i]
            for s in range(S):
                add_product(gradient, hazard + H + s, 1.0, scratch, 0, rows, r + PIECE + s)
            if effects == 0:
                add_product(gradient, e0 + c, 1.0, scratch, 0, curves, point)
                for k in range(B):
                    add_product(gradient, m0 + k, theta[g, a0 + c], scratch, 0, rows, d + k)
            for k in range(Q):
                for i in range(BLOCK):
                    scratch[1, i] = -mass[point, i] * rows[d + k, i]
                u = by + 1
                _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, u, factor, omega, gradient, m0, e0)
        if not before and effects == 0:
            for k in range(B):
                add_product(gradient, m0 + k, theta[g, a0 + c], rows, r, rows, last + k)


@inner
def _by_effect(theta, g, a0, c, k, own, effects, scratch, weighed, by, factor, omega, gradient, m0, e0):
    """Through random effect k, whose slope apart from alpha is in row 1 of `scratch`: by alpha and by the factor."""
    B, Q, F = own[0], own[1], own[2]
    alpha, place = alpha_of(theta, g, a0, c, k, Q, effects), e0 + (c * Q + k if effects == 1 else c)
    for m in range(k + 1):
        add_product(gradient, place, factor[k, m], scratch, 1, weighed, by + m)
        add_product(gradient, m0 + B + F + k * (k + 1) // 2 + m, omega * alpha, scratch, 1, weighed, by + m)
