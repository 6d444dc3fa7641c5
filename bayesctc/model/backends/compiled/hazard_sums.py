"""Cumulative hazards that depend on a patient's random effects, as sums over follow-up that all nodes share.

`model.association` has the integral in time: on each piece of follow-up a point at its start and J nodes, each with a
mass m_p (of the baseline hazard, times exp(x'gamma)) and a curve, so that a cumulative hazard given b is ::

    sum_p m_p exp(alpha (A_p + W_p'b)),    A_p = W_p'beta - c;    alpha'b alone where the random effects are associated

Points whose W_p'b is the same are one group: all of a cause and a run where the random effects multiply the hazard
alike at all times, as an intercept does, else each point. With b_0 where the nodes stand, a group has ::

    S = sum_p m_p exp(alpha (A_p + W'b_0)),    and then    S exp(alpha W'(b - b_0))    at each node,

beside S the same sums of what the derivatives take: by the hazard's parameters, and times x and W_p.

A block's pieces are rows: those of the cause of an event within and of c, then of each piece the event's indicator at
its end, start, log start, stop, log stop, x, W at its stop, and of each point weight, time, log time, weight / time and
log (time / stop) of a piece from time 0 on, W. `runs` has J and the width of W, whether the random effects are
associated and what W is if it never changes, else `VARIES`; and then of each piece its cause, its run, and whether any
patient's starts after time 0, and any ends with an event.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, fill, set_product, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import vexp

LEVEL, FIRST_PIECE, FIRST_RUN = 1, 2, 2
PIECE, POINT = 5, 5  # rows of a piece before x, and of a point before W
VARIES = -1
HIGHEST = 300.0  # log of what multiplies a hazard, beyond which nobody survives


@inner
def piece_rows(runs, S):
    """Rows of a piece, and of a point in it."""
    n_nodes, width = runs[0, 0], runs[0, 1]
    return PIECE + S + width + (n_nodes + 1) * (POINT + width), POINT + width


@inner
def first_changing(runs, Q):
    """Of W, those that change from point to point: all, or those that are not of the random effects."""
    return 0 if runs[1, 1] == VARIES else Q


@inner
def n_sums(runs, sizes, Q):
    """Sums of a group: S, by the hazard's parameters and coefficients, times the W that change, if W is of a curve."""
    return 1 + sizes[1] + sizes[2] + (runs[0, 1] - first_changing(runs, Q) if runs[1, 0] == 0 else 0)


@inner
def n_at_event(runs, sizes):
    """Rows of what is known of an event: log hazard, A, derivatives by the hazard's parameters and coefficients, W."""
    return 2 + sizes[1] + sizes[2] + runs[0, 1]


@inner
def alpha_of(theta, g, a0, c, k, Q, effects):
    """The association of cause c with random effect k."""
    return theta[g, a0 + c * Q + k] if effects == 1 else theta[g, a0 + c]


@inner
def asked(run, before):
    """Whether a run is of the time that is asked for: before entry, or after time 0."""
    return (run < 0) == before


@inner
def n_later_runs(runs):
    """How many runs there are that hold events between two visits."""
    n_runs = 0
    for e in range(FIRST_RUN, runs.shape[0]):
        n_runs = max(n_runs, runs[e, 1])
    return n_runs


@inner
def groups_of(runs, sizes):
    """Cause, run and the row of W of each group: array of int (n_groups, 3)."""
    S, C, n_nodes = sizes[1], sizes[3], runs[0, 0]
    if runs[1, 1] != VARIES:
        groups = np.zeros((C * (2 + n_later_runs(runs)), 3), dtype=np.int64)
        for t in range(groups.shape[0]):
            groups[t, 0], groups[t, 1] = t % C, t // C - 1
        return groups
    groups = np.zeros(((runs.shape[0] - FIRST_RUN) * (n_nodes + 1), 3), dtype=np.int64)
    size, step = piece_rows(runs, S)
    for t in range(groups.shape[0]):
        e, p = t // (n_nodes + 1), t % (n_nodes + 1)
        groups[t, 0], groups[t, 1] = runs[FIRST_RUN + e, 0], runs[FIRST_RUN + e, 1]
        groups[t, 2] = FIRST_PIECE + e * size + PIECE + S + runs[0, 1] + p * step + POINT
    return groups


@inner
def group_of(runs, sizes, e, p):
    """The group of point `p` of piece `e`."""
    if runs[1, 1] == VARIES:
        return (e - FIRST_RUN) * (runs[0, 0] + 1) + p
    return (runs[e, 1] + 1) * sizes[3] + runs[e, 0]


@inner
def set_change(out, o, theta, g, a0, group, Q, runs, rows, b, b0):
    """out[o] = alpha W'b of a group, with the b in rows from `b0` on."""
    fill(out, o, 0.0)
    for k in range(Q):
        alpha = alpha_of(theta, g, a0, group[0], k, Q, runs[1, 0])
        if runs[1, 1] == VARIES:
            add_product(out, o, alpha, rows, group[2] + k, b, b0 + k)
        else:
            add_scaled(out, o, alpha * runs[1, 1], b, b0 + k)


@inner
def _set_unchanging(theta, g, l0, a0, Q, rows, runs, group, b, scratch, out):
    """Row `out` of `scratch`: alpha (A + W'b) at a group's points, as far as it is the same at all of them."""
    set_change(scratch, out, theta, g, a0, group, Q, runs, rows, b, 0)
    if runs[1, 0] == 0:
        alpha, of_effects = theta[g, a0 + group[0]], 0.0
        for k in range(first_changing(runs, Q)):
            of_effects += alpha * runs[1, 1] * theta[g, l0 + k]
        for i in range(BLOCK):
            scratch[out, i] += of_effects - alpha * rows[LEVEL, i]


@inner
def _set_multiplier(theta, g, l0, a0, Q, rows, runs, group, w, b, scratch, alike, out):
    """Row `out` of `scratch`: exp(alpha (A + W'b)) at a point, whose W stands in `rows` from `w` on."""
    if runs[1, 1] == VARIES:
        _set_unchanging(theta, g, l0, a0, Q, rows, runs, group, b, scratch, alike)
    first, width = first_changing(runs, Q), runs[0, 1] if runs[1, 0] == 0 else 0
    if first >= width:
        set_scaled(scratch, out, 1.0, scratch, alike)
    for k in range(first, width):
        by, before = theta[g, a0 + group[0]] * theta[g, l0 + k], alike if k == first else out
        for i in range(BLOCK):
            scratch[out, i] = scratch[before, i] + by * rows[w + k, i]
    for i in range(BLOCK):
        scratch[out, i] = vexp(min(scratch[out, i], HIGHEST))


@inner
def _add_by_terms(Q, sizes, rows, runs, x0, w, sums, t, scratch, own):
    """Add to the sums times x and W: of what stands in row `own` of `scratch`."""
    _, S, H, _ = sizes
    for s in range(S):
        add_product(sums, t + 1 + H + s, 1.0, scratch, own, rows, x0 + s)
    if runs[1, 0] == 0:
        first = first_changing(runs, Q)
        for k in range(first, runs[0, 1]):
            add_product(sums, t + 1 + H + S + k - first, 1.0, scratch, own, rows, w + k)


@inner
def _no_power(positive, g, h0):
    """Of a hazard that is none of t."""
    return 1.0


def make_log_hazards(terms, log_hazard):
    """The function below, of a hazard: by its own `log_hazard`, or what an event adds to log survival."""
    if log_hazard is not None:

        @inner
        def log_hazards(theta, positive, g, h0, knots, H, rows, t, lp, value, scratch):
            """Row `value` of `scratch`: log hazard at the time in row `t`; its H derivatives in the first rows."""
            for i in range(BLOCK):
                time, log_time = rows[t, i], rows[t + 1, i]
                own = log_hazard(theta, positive, g, h0, knots, time, log_time, scratch, 0, i)
                scratch[value, i] = own + scratch[lp, i]

        return log_hazards

    @inner
    def differences(theta, positive, g, h0, knots, H, rows, t, lp, value, scratch):
        """The same."""
        for i in range(BLOCK):
            x, time, log_time = scratch[lp, i], rows[t, i], rows[t + 1, i]
            one = terms(theta, positive, g, h0, knots, 1.0, time, log_time, x, scratch, 0, i)[0]
            none = terms(theta, positive, g, h0, knots, 0.0, time, log_time, x, scratch, H, i)[0]
            scratch[value, i] = one - none
        for m in range(H):
            add_scaled(scratch, m, -1.0, scratch, H + m)

    return differences


@inner
def _add_power(theta, g, l0, a0, Q, sizes, rows, runs, group, r, w0, k, first, sums, t, scratch, alike):
    """Add a piece from time 0 on to a group's sums, of a hazard whose cumulative one is as t^k; log k is parameter 1.

    With T where it stops, a point's mass is k w / t (t / T)^k H(T), and what H(T) is multiplied by is the same for all
    patients: row `first` has H(T), followed by its derivatives.
    """
    (_, S, H, _), n_nodes, width, step = sizes, runs[0, 0], runs[0, 1], POINT + runs[0, 1]
    factor, total, by_power = alike + 1, alike + 2, 0
    one, changing, lane = t + 1 + H + S, first_changing(runs, Q), 0
    while lane < BLOCK - 1 and rows[r + 3, lane] <= 0.0:
        lane += 1
    fill(scratch, total, 0.0)
    fill(scratch, by_power, 0.0)
    of_nodes, slope = 0.0, 0.0
    for p in range(1, n_nodes + 1):
        log_share = k * rows[w0 + p * step + 4, lane]
        share = k * rows[w0 + p * step + 3, lane] * math.exp(log_share)
        of_nodes += share
        slope += share * (1.0 + log_share)
    too_many = of_nodes > 1.0  # nodes that weigh more than the whole share it, and nothing is left for the start
    ratio = 1.0 / of_nodes if too_many else 1.0
    for p in range(n_nodes, -1, -1):
        d = w0 + p * step
        _set_multiplier(theta, g, l0, a0, Q, rows, runs, group, d + POINT, scratch, scratch, alike, factor)
        if p > 0:
            log_share = k * rows[d + 4, lane]
            share = ratio * k * rows[d + 3, lane] * math.exp(log_share)
            by = share * (1.0 + log_share - (slope * ratio if too_many else 0.0))
        else:
            share, by = (0.0, 0.0) if too_many else (1.0 - of_nodes, -slope)
        add_scaled(scratch, total, share, scratch, factor)
        add_scaled(scratch, by_power, by, scratch, factor)
        set_scaled(scratch, factor, share, scratch, factor)
        if runs[1, 0] == 0:
            set_product(scratch, factor, 1.0, scratch, factor, scratch, first)
            for j in range(changing, width):
                add_product(sums, one + j - changing, 1.0, scratch, factor, rows, d + POINT + j)
    for m in range(H):
        add_product(sums, t + 1 + m, 1.0, scratch, total, scratch, first + 1 + m)
    add_product(sums, t + 2, 1.0, scratch, by_power, scratch, first)
    set_product(scratch, total, 1.0, scratch, total, scratch, first)
    add_scaled(sums, t, 1.0, scratch, total)
    for s in range(S):
        add_product(sums, t + 1 + H + s, 1.0, scratch, total, rows, r + PIECE + s)


def make_ends(terms, log_hazards):
    """The two functions below, of a hazard."""

    @inner
    def add_survival(theta, positive, g, h0, knots, H, rows, t, lp, sign, to, scratch):
        """Add sign x log survival at the time in row `t`, and its derivatives, to rows of `scratch` from `to` on."""
        value = lp + 2 * H + 5  # the row of a point's mass
        for i in range(BLOCK):
            time, log_time, x = rows[t, i], rows[t + 1, i], scratch[lp, i]
            scratch[value, i] = terms(theta, positive, g, h0, knots, 0.0, time, log_time, x, scratch, 0, i)[0]
        add_scaled(scratch, to, sign, scratch, value)
        for m in range(H):
            add_scaled(scratch, to + 1 + m, sign, scratch, m)

    @inner
    def add_event(theta, positive, g, l0, h0, knots, sizes, rows, r, runs, e, ends, scratch):
        """Add what is known of an event where a piece ends."""
        (_, S, H, _), width = sizes, runs[0, 1]
        lp, own = 2 * H, 4 * H + 5
        end = runs[e, 0] * n_at_event(runs, sizes)
        log_hazards(theta, positive, g, h0, knots, H, rows, r + 3, lp, own, scratch)
        for i in range(BLOCK):
            ends[end, i] += scratch[own, i] if rows[r, i] > 0.0 else 0.0
        for m in range(H):
            for i in range(BLOCK):
                ends[end + 2 + m, i] += scratch[m, i] if rows[r, i] > 0.0 else 0.0
        for s in range(S):
            add_product(ends, end + 2 + H + s, 1.0, rows, r, rows, r + PIECE + s)
        if runs[1, 0] == 0:
            set_scaled(scratch, own, -1.0, rows, LEVEL)
            for k in range(width):
                add_scaled(scratch, own, theta[g, l0 + k], rows, r + PIECE + S + k)
            add_product(ends, end + 1, 1.0, rows, r, scratch, own)
        for k in range(width):
            add_product(ends, end + 2 + H + S + k, 1.0, rows, r, rows, r + PIECE + S + k)

    return add_survival, add_event


@inner
def _share_out(H, D, n, sums, t, scratch, whole, weight):
    """Let nodes that weigh more than a patient's whole piece share it, and nothing be left for its start.

    Of `n` groups of D sums from row `t` on; `whole` and `weight` are rows of `scratch`, each with H derivatives.
    """
    for i in range(BLOCK):
        if scratch[weight, i] > scratch[whole, i]:
            ratio = scratch[whole, i] / scratch[weight, i]
            for k in range(t, t + n * D, D):
                for m in range(1, H + 1):
                    by_ratio = (scratch[whole + m, i] - ratio * scratch[weight + m, i]) / scratch[weight, i]
                    sums[k + m, i] = ratio * sums[k + m, i] + by_ratio * sums[k, i]
                sums[k, i] *= ratio
                for m in range(1 + H, D):
                    sums[k + m, i] *= ratio
            for m in range(H + 1):
                scratch[weight + m, i] = scratch[whole + m, i]


def make_fill_sums(hazard):
    """The function below, of a hazard."""
    terms, power = hazard.compiled, hazard.compiled_power
    log_hazards, is_power = make_log_hazards(terms, hazard.compiled_log_hazard), power is not None
    exponent = power if is_power else _no_power
    add_survival, add_event = make_ends(terms, log_hazards)

    @inner
    def fill_sums(theta, positive, g, own, a0, before, sizes, stretches, knots, b, groups, sums, ends, scratch):
        """Fill the groups' sums of all pieces before entry, or after time 0, at the random effects in `b`.

        `scratch` has 4 H + 6 rows: derivatives twice, x'gamma, cumulative hazard of a piece with derivatives, weight of
        its nodes with derivatives, of a point what is alike at all, what multiplies the hazard, and its mass; then rows
        for the sums of a piece.
        """
        (_, S, H, C), (rows, runs), (_, Q, _, _, l0, _) = sizes, stretches, own
        n_nodes, width, D, (size, step) = runs[0, 0], runs[0, 1], n_sums(runs, sizes, Q), piece_rows(runs, S)
        lp, first, weight, alike = 2 * H, 2 * H + 1, 3 * H + 2, 4 * H + 3
        factor, point, piece = alike + 1, alike + 2, alike + 3
        for m in range(ends.shape[0]):
            fill(ends, m, 0.0)
        for t in range(groups.shape[0]):
            for m in range(D if asked(groups[t, 1], before) else 0):
                fill(sums, t * D + m, 0.0)
        for e in range(FIRST_RUN, runs.shape[0]):
            if not asked(runs[e, 1], before):
                continue
            r, h0 = FIRST_PIECE + (e - FIRST_RUN) * size, theta.shape[1] - (C - runs[e, 0]) * (H + S)
            x0, w0 = r + PIECE, r + PIECE + S + width
            fill(scratch, lp, 0.0)
            for s in range(S):
                add_scaled(scratch, lp, theta[g, h0 + H + s], rows, x0 + s)
            for m in range(H + 1):
                fill(scratch, first + m, 0.0)
            if runs[e, 2] > 0:
                add_survival(theta, positive, g, h0, knots, H, rows, r + 1, lp, 1.0, first, scratch)
            add_survival(theta, positive, g, h0, knots, H, rows, r + 3, lp, -1.0, first, scratch)
            if runs[e, 3] > 0:
                add_event(theta, positive, g, l0, h0, knots, sizes, rows, r, runs, e, ends, scratch)
            if runs[1, 1] != VARIES:
                one = groups[group_of(runs, sizes, e, 0)]
                _set_unchanging(theta, g, l0, a0, Q, rows, runs, one, b, scratch, alike)
                if is_power and runs[e, 2] == 0:
                    k, t = exponent(positive, g, h0), group_of(runs, sizes, e, 0) * D
                    _add_power(theta, g, l0, a0, Q, sizes, rows, runs, one, r, w0, k, first, sums, t, scratch, alike)
                    continue
            for m in range(H + 1):
                fill(scratch, weight + m, 0.0)
            for m in range(D):
                fill(scratch, piece + m, 0.0)
            for p in range(1, n_nodes + 1):
                d, to = w0 + p * step, group_of(runs, sizes, e, p)
                into, t = (sums, to * D) if runs[1, 1] == VARIES else (scratch, piece)
                _set_multiplier(theta, g, l0, a0, Q, rows, runs, groups[to], d + POINT, b, scratch, alike, factor)
                log_hazards(theta, positive, g, h0, knots, H, rows, d + 1, lp, point, scratch)
                for i in range(BLOCK):
                    scratch[point, i] = rows[d, i] * vexp(scratch[point, i])
                add_scaled(scratch, weight, 1.0, scratch, point)
                for m in range(H):
                    set_product(scratch, m, 1.0, scratch, m, scratch, point)
                    add_scaled(scratch, weight + 1 + m, 1.0, scratch, m)
                    add_product(into, t + 1 + m, 1.0, scratch, m, scratch, factor)
                set_product(scratch, point, 1.0, scratch, point, scratch, factor)
                add_scaled(into, t, 1.0, scratch, point)
                _add_by_terms(Q, sizes, rows, runs, x0, d + POINT, into, t, scratch, point)
            if runs[1, 1] == VARIES:
                _share_out(H, D, n_nodes, sums, group_of(runs, sizes, e, 1) * D, scratch, first, weight)
            else:
                _share_out(H, D, 1, scratch, piece, scratch, first, weight)
            to = group_of(runs, sizes, e, 0)
            _set_multiplier(theta, g, l0, a0, Q, rows, runs, groups[to], w0 + POINT, b, scratch, alike, factor)
            for m in range(H + 1):
                add_scaled(scratch, first + m, -1.0, scratch, weight + m)
                set_product(scratch, first + m, 1.0, scratch, first + m, scratch, factor)
                add_scaled(sums, to * D + m, 1.0, scratch, first + m)
            _add_by_terms(Q, sizes, rows, runs, x0, w0 + POINT, sums, to * D, scratch, first)
            for m in range(D):
                add_scaled(sums, to * D + m, 1.0, scratch, piece + m)

    return fill_sums
