"""Counts given a growth curve with normal random effects, integrated by adaptive Gauss-Hermite quadrature.

With b = omega L u, u standard normal, and nodes u_q = m + C z_q around the mode m of a patient's integrand in a class::

    integral f(y | u) phi(u) du  =  sum_q w_q |C| exp((|z_q|^2 - |u_q|^2) / 2) f(y | u_q)

with w_q the weights of the standard normal (Liu and Pierce, Biometrika 1994;81:624). m and C are data here: `locate.py`
finds them, and the gradient is that of the computed sum with fixed nodes. The functions `make_...` are templates, which
`composition` fills with a family's `visit` and `constants`, the `look_up` of its tables and `counts`: the numbers of
values, constants and parameters of a sample. The first T slots of a patient are for samples that are looked up, the
rest for those that are computed; both are filled from the first onwards.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import (
    BLOCK,
    add_product,
    add_scaled,
    fill,
    set_moved,
    set_product,
    set_scaled,
)
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import LOWEST, vexp, vlog


@inner
def most_visits(data, row):
    """Samples of the patient of a block who has most; nobody's padding counts."""
    most = 0.0
    for i in range(BLOCK):
        most = max(most, data[row, i])
    return int(most)


@inner
def room_for(data, f0, V):
    """Samples that the rows of a block have room for, each with V of them."""
    return (data.shape[0] - f0 - 2) // V


def make_n_work(counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts

    @inner
    def n_work(data, own, n_nodes):
        """Rows of working memory: constants and curve of each sample, what each node holds, and the rest."""
        B, Q, _, _, _, f0 = own
        n = room_for(data, f0, n_values + B)
        return n_constants + n * (n_constants + 1) + n_nodes * (1 + B + n_parameters + Q) + 4 + 3 * Q

    return n_work


@inner
def factor_of(theta, positive, g, c, Q):
    """omega L as a square matrix; its entries start in column `c` of theta."""
    factor = np.empty((Q, Q))  # what is above the diagonal is never read
    omega = positive[g, c + Q * (Q + 1) // 2] if Q > 0 else 1.0
    for j in range(Q):
        for k in range(j + 1):
            factor[j, k] = omega * theta[g, c]
            c += 1
    return factor


def make_prepare(constants, counts):
    """The function below, of a family."""
    n_values, n_constants, _ = counts

    @inner
    def prepare(data, own, theta, positive, g, work):
        """Fill `work` with what does not depend on the curve; classes that share the family's parameters share it."""
        B, _, _, T, l0, f0 = own
        V = n_values + B
        for j in range(T, T + most_visits(data, f0 + 1)):
            constants(data, f0 + 2 + j * V, theta, positive, g, l0 + B, work, (1 + j) * n_constants)

    return prepare


@inner
def curve_of(data, x0, V, theta, g, l0, B, slots, work, base):
    """Rows of `work` from `base` on: the class's growth curve at each sample, the first one's X in row `x0`."""
    looked, T, stop = slots
    for j in range(stop):
        if looked <= j < T:
            continue
        x = x0 + j * V
        fill(work, base + j, 0.0)
        for k in range(B):
            add_scaled(work, base + j, theta[g, l0 + k], data, x + k)


@inner
def slots_of(data, f0, T):
    """Where the slots of samples that are looked up end, where those of the others start, and where they end."""
    return most_visits(data, f0), T, T + most_visits(data, f0 + 1)


@inner
def effects_of(factor, Q, work, u, b):
    """b = L u, rows of `work`."""
    for k in range(Q):
        fill(work, b + k, 0.0)
        for m in range(k + 1):
            add_scaled(work, b + k, factor[k, m], work, u + m)


@inner
def at_node(data, x, Q, work, curve, effect, eta):
    """The curve moved by the random effects, Z b."""
    if Q == 0:
        set_scaled(work, eta, 1.0, work, curve)
        return
    set_moved(work, eta, work, curve, data, x, work, effect)
    for k in range(1, Q):
        add_product(work, eta, 1.0, data, x + k, work, effect + k)


@inner
def places(data, own, n_nodes, V, n_constants, n_parameters):
    """Rows of `work`: curves, nodes and how many each has, one for a moved curve, three to write to, effects."""
    B, Q, _, _, _, f0 = own
    fits, width = room_for(data, f0, V), 1 + B + n_parameters + Q
    base = (1 + fits) * n_constants
    nodes = base + fits
    eta = nodes + n_nodes * width
    return base, nodes, width, eta, eta + 1, eta + 4


@inner
def stand(rule, q, Q, centres, centre, work, node, u):
    """Of node q of the rule, where `centres` has it: log weight to row `node`, random effects to Q rows from `u` on."""
    fill(work, node, rule[q, Q])
    add_scaled(work, node, 1.0, centres, centre)
    c = centre + 1 + Q
    for k in range(Q):
        set_scaled(work, u + k, 1.0, centres, centre + 1 + k)
        for m in range(k + 1):
            add_scaled(work, u + k, rule[q, m], centres, c)
            c += 1
        add_product(work, node, -0.5, work, u + k, work, u + k)


def make_fill_nodes(visit, look_up, counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts

    @inner
    def fill_nodes(data, own, tables, theta, positive, g, rule, centres, work):
        """Of each node its weight and the samples' log density, their derivatives by curve and family, and u.

        The arguments are those of `make_log_density`.
        """
        B, Q, _, T, l0, f0 = own
        V, n_own = n_values + B, B + n_parameters
        slots, N = slots_of(data, f0, T), rule.shape[0]
        looked, _, stop = slots
        base, nodes, width, eta, scratch, effect = places(data, own, N, V, n_constants, n_parameters)
        centre = g * (1 + Q + Q * (Q + 1) // 2)
        factor = factor_of(theta, positive, g, l0 + n_own, Q)
        curve_of(data, f0 + 2 + n_values, V, theta, g, l0, B, slots, work, base)
        for q in range(N):
            node = nodes + q * width
            u = node + width - Q
            stand(rule, q, Q, centres, centre, work, node, u)
            effects_of(factor, Q, work, u, effect)
            for m in range(n_own):
                fill(work, node + 1 + m, 0.0)
            for j in range(stop):
                if looked <= j < T:
                    continue
                d, c, by = f0 + 2 + j * V, (1 + j) * n_constants, node + 1 + B
                at_node(data, d + n_values, Q, work, base + j, effect, eta)
                if j < T:
                    look_up(data, d, theta, positive, g, l0 + B, tables, work, 0, eta, node, scratch, by)
                else:
                    visit(data, d, theta, positive, g, l0 + B, work, c, eta, node, scratch, by)
                for k in range(B):
                    add_product(work, node + 1 + k, 1.0, data, d + n_values + k, work, scratch)

    return fill_nodes


def make_log_density(visit, look_up, counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts
    fill_nodes = make_fill_nodes(visit, look_up, counts)

    @inner
    def log_density(data, own, tables, theta, positive, g, rule, centres, work, out, gradient, m0):
        """Log density of a block of patients in one class, with its gradient, patient by patient.

        Parameters
        ----------
        data : array (rows, BLOCK)
        own : tuple of int
            Of the outcome: B growth terms, of which the first Q have random effects; the parameters of the family; the
            slots of samples that are looked up; the column of theta from which on there are beta, the family's
            parameters, the Cholesky factor of D row by row, and log omega; the row of `data` from which on there are
            numbers of samples that are looked up and that are computed, then their slots.
        tables : tuple
            What `tables.tabulate` returned.
        theta, positive : array (n_classes, n_class_parameters)
            Parameters, and their exponentials.
        g : int
        rule : array (n_nodes, Q + 1)
            z_q, and log w_q + |z_q|^2 / 2.
        centres : array (n_classes * (1 + Q + Q (Q + 1) / 2), BLOCK)
            log |C|, m and the lower triangle of C, class by class.
        work : array (n_work, BLOCK)
            As `prepare` left it.
        out : array (n_classes, BLOCK)
            Row `g` is filled.
        gradient : array (rows, BLOCK)
            From row `m0` on, filled with the derivatives by beta, the family's parameters and the Cholesky factor.
        m0 : int
        """
        B, Q, _, _, l0, _ = own
        N, n_own = rule.shape[0], B + n_parameters
        _, nodes, width, eta, scratch, _ = places(data, own, N, n_values + B, n_constants, n_parameters)
        fill_nodes(data, own, tables, theta, positive, g, rule, centres, work)
        mix(work, nodes, width, N, eta, scratch, out, g)
        collect(work, nodes, width, N, n_own, Q, positive, g, l0, gradient, m0)

    return log_density


def make_given_effects(visit, look_up, counts, prepare):
    """What `linked.make_evaluate` takes of a family: `GivenEffects`, apart from `slopes_at`, of samples one by one."""
    n_values, n_constants, n_parameters = counts

    @inner
    def places_of_nodes(data, own, N):
        _, nodes, width, eta, _, _ = places(data, own, N, n_values + own[0], n_constants, n_parameters)
        return nodes, width, eta

    @inner
    def collect_nodes(data, own, theta, positive, g, N, work, gradient, m0):
        (B, Q, _, _, l0, _), (nodes, width, _) = own, places_of_nodes(data, own, N)
        collect(work, nodes, width, N, B + n_parameters, Q, positive, g, l0, gradient, m0)

    return prepare, places_of_nodes, make_fill_nodes(visit, look_up, counts), collect_nodes


@inner
def mix(work, nodes, width, N, top, total, out, g):
    """Fill out[g] with logsumexp of the nodes' terms, and put each node's share in the place of its term."""
    set_scaled(work, top, 1.0, work, nodes)
    for q in range(1, N):
        node = nodes + q * width
        for i in range(BLOCK):
            work[top, i] = max(work[top, i], work[node, i])
    fill(work, total, 0.0)
    for q in range(N):
        node = nodes + q * width
        for i in range(BLOCK):
            below = work[node, i] - work[top, i]
            work[node, i] = vexp(below) if below > LOWEST else 0.0
        add_scaled(work, total, 1.0, work, node)
    for i in range(BLOCK):
        here = work[total, i] > 0.0  # else it is NaN
        out[g, i] = work[top, i] + (vlog(work[total, i]) if here else math.nan)
        work[total, i] = 1.0 / work[total, i]
    for q in range(N):
        set_product(work, nodes + q * width, 1.0, work, nodes + q * width, work, total)


@inner
def collect(work, nodes, width, N, n, Q, positive, g, l0, gradient, m0):
    """Derivatives: those of the nodes by n parameters and the factor, weighted by their shares."""
    omega = positive[g, l0 + n + Q * (Q + 1) // 2] if Q > 0 else 1.0
    for m in range(n + Q * (Q + 1) // 2):
        fill(gradient, m0 + m, 0.0)
    for q in range(N):
        node = nodes + q * width
        for m in range(n):
            add_product(gradient, m0 + m, 1.0, work, node, work, node + 1 + m)
        c = m0 + n
        for k in range(Q):
            for m in range(k + 1):
                u = node + width - Q + m
                for i in range(BLOCK):
                    gradient[c, i] += omega * work[node, i] * work[node + 1 + k, i] * work[u, i]
                c += 1
