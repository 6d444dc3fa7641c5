"""Survival of patients whose follow-up is not in one piece: events between two visits, covariates that change.

A cumulative hazard over a stretch (a, b] is exp(x'gamma) (H0(b) - H0(a)): two ends, b added and a subtracted. Ends are
in runs (`model.stretches`). Run 0 is survived, and an event known to the day ends it; run -1 is the time before entry.
An event of cause c in (L, R] lies in the runs from 1 on, one after another, E_pc the cumulative hazard of cause c over
run p and D_p their sum over causes::

    P(event c in (L, R] | free of events at L) = sum_p exp(-sum_{q < p} D_q) (1 - exp(-D_p)) E_pc / D_p

The causes are those that are looked for at visits. It is exact where there is one, S(L) - S(R) over S(L), and where
their hazards are proportional over a run.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_scaled, fill
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.kernel import no_gradient_of_nothing
from bayesctc.model.backends.compiled.vector_math import vexp, vlog
from bayesctc.model.sizes import EVENT

# rows of a block's stretches; an end's are event, time, log time, its sign in what was survived, and in a later run
CAUSE_WITHIN, FIRST_END, END_ROWS = 0, 1, 5
SMALL = 1e-4  # cumulative hazard of a run below which the series is exact to rounding
NEAR_0 = 0.1  # the same of a longer one


@inner
def _share(D):
    """(1 - exp(-D)) / D and its derivative."""
    if D < SMALL:
        return 1.0 - D * (0.5 - D / 6.0), -0.5 + D * (1.0 / 3.0 - D * 0.125)
    share = -math.expm1(-D) / D
    return share, (math.exp(-D) - share) / D


@inner
def event_within(cause, n_runs, n_causes, cumulative, slopes, i, of_run):
    """log P of an event of `cause` in the runs from 1 on, for lane `i`; slopes by each E_pc to `slopes`.

    `cumulative` and `slopes` (n_runs * n_causes, BLOCK); `of_run` (2, n_runs) is room to work in.
    """
    probability, before = 0.0, 0.0
    for p in range(n_runs):
        D = 0.0
        for c in range(n_causes):
            D += cumulative[p * n_causes + c, i]
        own = cumulative[p * n_causes + cause, i]
        # a hazard beyond all numbers: the event comes at once, of this cause if that is what is beyond
        of_run[0, p] = math.exp(-before)
        of_run[1, p] = of_run[0, p] * (_share(D)[0] * own if math.inf > D else 1.0 * (own == math.inf))
        probability += of_run[1, p]
        before += D
    later = 0.0
    for p in range(n_runs - 1, -1, -1):
        D = 0.0
        for c in range(n_causes):
            D += cumulative[p * n_causes + c, i]
        (share, slope), start, own = _share(D), of_run[0, p], cumulative[p * n_causes + cause, i]
        for c in range(n_causes):
            by = start * (slope * own + (share if c == cause else 0.0)) - later
            slopes[p * n_causes + c, i] = by / probability if probability > 0.0 and math.inf > D else 0.0
        later += of_run[1, p]
    return math.log(probability) if probability > 0.0 else -math.inf


def make_add_end(terms):
    """The function below, of a hazard."""

    @inner
    def add_end(theta, positive, g, h0, sizes, knots, rows, r, scratch, survived, within):
        """Add sign x (event x log hazard - cumulative hazard) at the end in `rows` from `r` on, with derivatives.

        To row `v` of the first of `survived`, and derivatives by the hazard's parameters and coefficients to the second
        from row `d` on; the same to `within`, whose row is -1 where the end is of no later run. `scratch` has H + 3
        rows.
        """
        _, S, H, _ = sizes
        there = False
        for i in range(BLOCK):
            there |= (rows[r + 3, i] != 0.0) | (rows[r + 4, i] != 0.0)
        if not there:
            return
        fill(scratch, H, 0.0)
        for s in range(S):
            add_scaled(scratch, H, theta[g, h0 + H + s], rows, r + END_ROWS + s)
        for i in range(BLOCK):
            event, time, log_time = rows[r, i], rows[r + 1, i], rows[r + 2, i]
            scratch[H + 1, i], scratch[H + 2, i] = terms(
                theta, positive, g, h0, knots, event, time, log_time, scratch[H, i], scratch, 0, i
            )
        _add_signed(rows, r, r + 3, scratch, sizes, survived)
        if within[1] >= 0:
            _add_signed(rows, r, r + 4, scratch, sizes, within)

    return add_end


@inner
def _add_signed(rows, r, sign, scratch, sizes, to):
    """Add an end's value and derivatives in `scratch`, with the signs in row `sign`; 0 x infinity is nothing."""
    (value, v, derivatives, d), (_, S, H, _) = to, sizes
    for i in range(BLOCK):
        value[v, i] += rows[sign, i] * scratch[H + 1, i] if rows[sign, i] != 0.0 else 0.0
    for m in range(H):
        for i in range(BLOCK):
            derivatives[d + m, i] += rows[sign, i] * scratch[m, i] if rows[sign, i] != 0.0 else 0.0
    for s in range(S):
        x = r + END_ROWS + s
        for i in range(BLOCK):
            slope = rows[sign, i] * scratch[H + 2, i] if rows[sign, i] != 0.0 else 0.0
            derivatives[d + H + s, i] += slope * rows[x, i]


@inner
def _add_one_run(cumulative, derivatives, slopes, rows, sizes, out, gradient, row, g):
    """`_add_within` where one run holds the event, and one cause is looked for: log(1 - exp(-D)), D of that cause."""
    _, S, H, C = sizes
    width = H + S
    for c in range(C):
        for i in range(BLOCK):
            D, here = -cumulative[c, i], rows[CAUSE_WITHIN, i] == c + 1.0
            rest, n = vexp(-D), min(D, NEAR_0)
            series = 1.0 - n * (1 / 120.0 - n * (1 / 720.0 - n * (1 / 5040.0 - n / 40320.0))) * 24.0
            series = 1.0 - n * (0.5 - n * (1 / 6.0 - n * (1 / 24.0) * series))
            probability = D * series if D < NEAR_0 else 1.0 - rest
            possible = here & (probability > 0.0)
            slopes[c, i] = rest / probability if possible else 0.0
            said = vlog(probability) if possible else -math.inf
            out[g, i] += said if here else 0.0
        for m in range(width):
            k = c * width + m
            for i in range(BLOCK):
                gradient[row + k, i] -= slopes[c, i] * derivatives[k, i] if slopes[c, i] != 0.0 else 0.0


@inner
def _add_within(cumulative, derivatives, slopes, of_run, rows, sizes, n_runs, out, gradient, row, g):
    """Add what is said by events that lie in the runs from 1 on to `out` and, from `row` on, to `gradient`.

    `cumulative` has minus the cumulative hazards, as `add_end` left them.
    """
    _, S, H, C = sizes
    width = H + S
    for k in range(n_runs * C):
        for i in range(BLOCK):
            cumulative[k, i] = -cumulative[k, i]
    for i in range(BLOCK):
        cause = int(rows[CAUSE_WITHIN, i]) - 1
        if cause < 0:
            continue
        out[g, i] += event_within(cause, n_runs, C, cumulative, slopes, i, of_run)
        for k in range(n_runs * C):
            for m in range(width):
                gradient[row + (k % C) * width + m, i] -= slopes[k, i] * derivatives[k * width + m, i]


def make_causes(terms):
    """The function below, of a hazard; it stands in the place of `kernel.make_causes`."""
    add_end = make_add_end(terms)

    @inner
    def causes(theta, positive, knots, data, stretches, sizes, event, out, gradient, m0, step):
        """Everything about survival of every class; derivatives to rows from `m0` on, `step` of them for each class.

        With `event` at entry, the time before it: run -1; else the others.
        """
        rows, runs = stretches
        _, S, H, C = sizes
        h0, n_runs, width = theta.shape[1] - C * (H + S), 0, H + S
        for e in range(runs.shape[0]):
            n_runs = max(n_runs, runs[e, 1])
        n = n_runs * C
        scratch, of_run = np.empty((H + 3, BLOCK)), np.empty((2, n_runs))
        cumulative, slopes = np.empty((n, BLOCK)), np.empty((n, BLOCK))
        derivatives = np.empty((n * width, BLOCK))
        for g in range(theta.shape[0]):
            row = m0 + g * step
            for m in range(C * width):
                fill(gradient, row + m, 0.0)
            for k in range(n):
                fill(cumulative, k, 0.0)
            for k in range(n * width):
                fill(derivatives, k, 0.0)
            for e in range(runs.shape[0]):
                c, run, r = runs[e, 0], runs[e, 1], FIRST_END + e * (END_ROWS + S)
                if (run < 0) != (event != EVENT):
                    continue
                k = (run - 1) * C + c if run > 0 else -1
                survived, within = (out, g, gradient, row + c * width), (cumulative, k, derivatives, k * width)
                add_end(theta, positive, g, h0 + c * width, sizes, knots, rows, r, scratch, survived, within)
            if n_runs == 1 and event == EVENT:
                _add_one_run(cumulative, derivatives, slopes, rows, sizes, out, gradient, row, g)
            elif n > 0 and event == EVENT:
                _add_within(cumulative, derivatives, slopes, of_run, rows, sizes, n_runs, out, gradient, row, g)
            no_gradient_of_nothing(out, g, gradient, row, C * width)

    return causes
