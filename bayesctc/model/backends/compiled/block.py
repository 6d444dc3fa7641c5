"""Arithmetic on a block of patients: rows of `BLOCK` adjacent values in memory, which compile to vector instructions.

Every array is (rows, BLOCK) and C-contiguous; a position names its row. Sums run in a fixed order, so the same input
gives the same bits.
"""

from bayesctc.model.backends.compiled.inner import inner

BLOCK = 64  # patients side by side; what a class needs of them fits the first-level cache


@inner
def fill(out, o, value):
    """out[o] = value"""
    for i in range(BLOCK):
        out[o, i] = value


@inner
def add_scaled(out, o, a, x, x0):
    """out[o] += a x[x0]"""
    for i in range(BLOCK):
        out[o, i] += a * x[x0, i]


@inner
def add_product(out, o, a, x, x0, y, y0):
    """out[o] += a x[x0] y[y0]"""
    for i in range(BLOCK):
        out[o, i] += a * x[x0, i] * y[y0, i]


@inner
def set_moved(out, o, w, w0, x, x0, y, y0):
    """out[o] = w[w0] + x[x0] y[y0]"""
    for i in range(BLOCK):
        out[o, i] = w[w0, i] + x[x0, i] * y[y0, i]


@inner
def set_scaled(out, o, a, x, x0):
    """out[o] = a x[x0]"""
    for i in range(BLOCK):
        out[o, i] = a * x[x0, i]


@inner
def set_product(out, o, a, x, x0, y, y0):
    """out[o] = a x[x0] y[y0]"""
    for i in range(BLOCK):
        out[o, i] = a * x[x0, i] * y[y0, i]


@inner
def dot(x, x0, y, y0):
    """Sum over the block of x[x0] y[y0], in eight interleaved partial sums."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for i in range(0, BLOCK, 8):
        s0 += x[x0, i] * y[y0, i]
        s1 += x[x0, i + 1] * y[y0, i + 1]
        s2 += x[x0, i + 2] * y[y0, i + 2]
        s3 += x[x0, i + 3] * y[y0, i + 3]
        s4 += x[x0, i + 4] * y[y0, i + 4]
        s5 += x[x0, i + 5] * y[y0, i + 5]
        s6 += x[x0, i + 6] * y[y0, i + 6]
        s7 += x[x0, i + 7] * y[y0, i + 7]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
