"""Tables of small counts, whose log P is a smooth function of the growth curve.

For each count, log P and its first four derivatives by a = eta + log exposure are computed once per theta, at
equidistant points over the range of the samples. Between points, log P is the polynomial of degree 9 that matches both
ends (Hermite interpolation; its error is SPACING^10 / 3.7e9 times the tenth derivative). Value, slope and curvature of
every sample come from it. The points are the same at every theta, so that the gradient is that of the value. The
functions `make_...` are templates, which `composition` fills with the pieces of a family.
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.quadrature import most_visits

SPACING = 0.625  # of points on the scale of the curve: errors of log P and its derivatives below 1e-9
DEGREE = 9
MOST_POINTS = 128  # of a count: what lies beyond is computed sample by sample
MARGIN = 4.0  # standard deviations of random effects around the curve


@inner
def _reach(data, n_values, theta, positive, own, n_counts, low, high):
    """Fill `low` and `high` (classes,) with the range of a over tabled samples."""
    B, Q, F, _, l0, f0 = own
    V = n_values + B
    a, least, most = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for g in range(theta.shape[0]):
        for i in range(BLOCK):
            least[i], most[i] = math.inf, -math.inf
        for b in range(data.shape[0]):
            for j in range(most_visits(data[b], f0)):
                d = f0 + 2 + j * V
                for i in range(BLOCK):
                    a[i] = data[b, d + 1, i]
                for k in range(B):
                    for i in range(BLOCK):
                        a[i] += theta[g, l0 + k] * data[b, d + n_values + k, i]
                for i in range(BLOCK):
                    there = data[b, d + 2, i] < n_counts
                    least[i] = min(least[i], a[i] if there else math.inf)
                    most[i] = max(most[i], a[i] if there else -math.inf)
        margin = 0.0
        c = l0 + B + F
        for k in range(Q):
            square = 0.0
            for m in range(c, c + k + 1):
                square += theta[g, m] * theta[g, m]
            margin += MARGIN * math.sqrt(square)
            c += k + 1
        if Q > 0:
            margin *= positive[g, c]
        lowest, highest = math.inf, -math.inf  # in a loop: numba's own minimum takes half a second to compile
        for i in range(BLOCK):
            lowest, highest = min(lowest, least[i]), max(highest, most[i])
        low[g], high[g] = lowest - margin, highest + margin


@inner
def _no_tables(theta, positive, data, own, counts):
    """What `tabulate` returns where no count has a table."""
    return np.zeros((0, DEGREE + 1)), np.zeros((theta.shape[0], 3)), counts


@inner
def _polynomial(table, row, points, j):
    """The polynomial between points `j` and `j + 1` of a count: rows are the value and four derivatives by a."""
    h = SPACING
    a0, a1, a2 = points[0, j], h * points[1, j], h**2 * points[2, j]
    a3, a4 = h**3 * points[3, j], h**4 * points[4, j]
    table[row, 0], table[row, 1], table[row, 2], table[row, 3], table[row, 4] = a0, a1, a2 / 2.0, a3 / 6.0, a4 / 24.0
    # what the lower half leaves of value and derivatives at the other end, for the upper half to meet
    r0 = points[0, j + 1] - a0 - a1 - a2 / 2.0 - a3 / 6.0 - a4 / 24.0
    r1 = h * points[1, j + 1] - a1 - a2 - a3 / 2.0 - a4 / 6.0
    r2 = h**2 * points[2, j + 1] - a2 - a3 - a4 / 2.0
    r3, r4 = h**3 * points[3, j + 1] - a3 - a4, h**4 * points[4, j + 1] - a4
    table[row, 5] = 126.0 * r0 - 56.0 * r1 + 10.5 * r2 - r3 + r4 / 24.0
    table[row, 6] = -420.0 * r0 + 196.0 * r1 - 38.5 * r2 + 23.0 / 6.0 * r3 - r4 / 6.0
    table[row, 7] = 540.0 * r0 - 260.0 * r1 + 53.0 * r2 - 5.5 * r3 + r4 / 4.0
    table[row, 8] = -315.0 * r0 + 155.0 * r1 - 32.5 * r2 + 3.5 * r3 - r4 / 6.0
    table[row, 9] = 70.0 * r0 - 35.0 * r1 + 7.5 * r2 - 5.0 / 6.0 * r3 + r4 / 24.0


@inner
def same_parameters(theta, g, start, stop):
    """Whether class g shares these parameters with the class before it."""
    for m in range(start, stop):  # noqa: SIM110  numba has no all()
        if theta[g, m] != theta[g - 1, m]:
            return False
    return True


def make_tabulate(tabled, n_values):
    """The function below, of a family; `tabled` are its pieces, None if it has none."""
    if tabled is None:
        return _no_tables
    points, n_work = tabled.points, tabled.n_work

    @inner
    def fill_in(theta, positive, g, p0, counts, start, lowest, n, table):
        """Fill a class's table, from row `start` on: `n` intervals of each count."""
        n_points = n + 1
        total = len(counts) * n_points
        found = np.empty((5, total + BLOCK))
        pairs, at, work = np.empty((3, BLOCK)), np.empty((5, BLOCK)), np.empty((n_work, BLOCK))
        for first in range(0, total, BLOCK):
            for i in range(BLOCK):
                pair = min(first + i, total - 1)
                pairs[0, i], pairs[1, i] = counts[pair // n_points, 0], counts[pair // n_points, 1]
                pairs[2, i] = lowest + SPACING * (pair % n_points)
            points(pairs, theta, positive, g, p0, work, at)
            for m in range(5):
                for i in range(BLOCK):
                    found[m, first + i] = at[m, i]
        for count in range(len(counts)):
            for k in range(n):
                _polynomial(table, start + count * n + k, found, count * n_points + k)

    @inner
    def tabulate(theta, positive, data, own, counts):
        """Tables of all counts, one for classes next to each other that share the family's parameters.

        Parameters
        ----------
        theta, positive : array (n_classes, n_class_parameters)
        data : array (n_blocks, rows, BLOCK)
        own : tuple of int
            See `quadrature.make_log_density`.
        counts : array (n_counts, 2)
            Count and -log count!.

        Returns
        -------
        table : array (rows, DEGREE + 1)
            Coefficients of an interval's polynomial in the share of the interval, lowest power first; after the
            intervals of all counts, zeros for samples that are not there.
        grid : array (n_classes, 3)
            First row of the class's table, lowest a, number of intervals; none of them where there is nothing to read.
        counts : array
            The same.
        """
        n_classes, n_counts, p0, F = theta.shape[0], counts.shape[0], own[4] + own[0], own[2]
        grid = np.zeros((n_classes, 3))
        if n_counts == 0:
            return np.zeros((0, DEGREE + 1)), grid, counts
        low, high = np.empty(n_classes), np.empty(n_classes)
        _reach(data, n_values, theta, positive, own, n_counts, low, high)
        rows, g = 0, 0
        while g < n_classes:
            lowest, highest, after = low[g], high[g], g + 1
            while after < n_classes and same_parameters(theta, after, p0, p0 + F):
                lowest, highest = min(lowest, low[after]), max(highest, high[after])
                after += 1
            n = 0
            if math.isfinite(lowest) and math.isfinite(highest):
                lowest = math.floor(lowest / SPACING) * SPACING
                n = int(min(math.ceil((highest - lowest) / SPACING) + 1.0, MOST_POINTS - 1.0))
            for k in range(g, after):
                grid[k, 0], grid[k, 1], grid[k, 2] = rows, lowest, n
            rows += (n_counts + 1) * n
            g = after
        table = np.zeros((rows, DEGREE + 1))
        for g in range(n_classes):
            n = int(grid[g, 2])
            if n > 0 and (g == 0 or grid[g, 0] != grid[g - 1, 0]):
                fill_in(theta, positive, g, p0, counts, int(grid[g, 0]), grid[g, 1], n, table)
        return table, grid, counts

    return tabulate


def make_look_up(visit, tabled):
    """The function below, of a family."""
    if tabled is None:
        return _nothing_to_look_up
    by_parameters = tabled.by_parameters

    @inner
    def look_up(data, d, theta, positive, g, p0, tables, work, c, eta, value, slope, by):
        """What `visit` does, from a table; by `visit` itself where a sample of the block lies beyond it.

        Row `d + 2` of `data` holds which count each is; that after the last is of a sample that is not there.
        """
        table, grid, counts = tables
        start, lowest, n = int(grid[g, 0]), grid[g, 1], int(grid[g, 2])
        beyond = n == 0
        for i in range(BLOCK):
            s = (work[eta, i] + data[d + 1, i] - lowest) / SPACING
            there = data[d + 2, i] < counts.shape[0]
            beyond |= there & (not ((s >= 0.0) & (s <= n)))  # NaN is beyond
            work[slope, i] = s if there else 0.0
        if beyond:
            for i in range(BLOCK):
                which = int(data[d + 2, i])
                work[c, i] = data[d, i] * data[d + 1, i] + (counts[which, 1] if which < counts.shape[0] else 0.0)
            visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by)
            return
        for i in range(BLOCK):  # collected first, so that what follows compiles to vector code
            s = work[slope, i]
            k = min(int(s), n - 1)
            row = start + int(data[d + 2, i]) * n + k
            work[slope, i] = s - k
            for m in range(DEGREE + 1):
                work[c + m, i] = table[row, m]
        for i in range(BLOCK):
            t, p = work[slope, i], work[c + 9, i]
            first, p = p, p * t + work[c + 8, i]
            second, first, p = first, first * t + p, p * t + work[c + 7, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 6, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 5, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 4, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 3, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 2, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c + 1, i]
            second, first, p = second * t + first, first * t + p, p * t + work[c, i]
            first, second = first / SPACING, second * (2.0 / SPACING**2)
            work[value, i] += p
            work[slope, i] = first
            work[by, i] += by_parameters(theta, positive, g, p0, first, second)

    return look_up


@inner
def _nothing_to_look_up(data, d, theta, positive, g, p0, tables, work, c, eta, value, slope, by):
    """In the place of `look_up` in families without tables."""
