"""Elementary functions without branches or calls, so that a loop over a block of patients compiles to vector code.

Each is a reduction of the argument through the bits of the number, then a series: errors are a few units in the last
place. The C library's functions cost three to four times as much, one number at a time.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from scipy.special import erfcx

from bayesctc.model.backends.compiled.inner import inner

LOG2E = 1.0 / math.log(2.0)
LN2_HIGH = 0.693147180369123816490  # ln 2 in two parts: a multiple of the first is exact
LN2_LOW = 1.90821492927058770002e-10
ROUND = 1.5 * 2.0**52  # adding it rounds to a whole number, held in the lowest bits
LOWEST, HIGHEST = -708.0, 709.0  # where exp is neither 0 nor infinity
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (1.0 / math.factorial(k) for k in range(2, 14))
ROOT_2_OVER_PI = math.sqrt(2.0 / math.pi)
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)

vector = inner(forceinline=True, fused=True)


@intrinsic
def _bits(typing_context, x):
    """The bits of a number, as an integer."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _number(typing_context, x):
    """The number with these bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@vector
def vexp(x):
    """exp x, for x held between -708 and 709: 2^k times the series of the rest."""
    x = min(max(x, LOWEST), HIGHEST)
    shifted = x * LOG2E + ROUND
    k = shifted - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = ((((E13 * r + E12) * r + E11) * r + E10) * r + E9) * r + E8
    p = (((((p * r + E7) * r + E6) * r + E5) * r + E4) * r + E3) * r + E2
    return (p * r * r + r + 1.0) * _number((_bits(shifted) + 1023) << 52)


@vector
def _log_of(k, f):
    """k log 2 + log(1 + f), by 2 artanh(f / (2 + f))."""
    s = f / (2.0 + f)
    z = s * s
    p = (((z / 23.0 + 1 / 21.0) * z + 1 / 19.0) * z + 1 / 17.0) * z + 1 / 15.0
    p = (((((p * z + 1 / 13.0) * z + 1 / 11.0) * z + 1 / 9.0) * z + 1 / 7.0) * z + 1 / 5.0) * z + 1 / 3.0
    return 2.0 * s + 2.0 * s * z * p + k * LN2_LOW + k * LN2_HIGH


@vector
def vlog1p(x):
    """log(1 + x), for x from 0 to 1e308."""
    y = _bits(1.0 + x)
    k = (y - ROOT_HALF_BITS) >> 52
    f = x if k == 0 else _number(y - (k << 52)) - 1.0
    return _log_of(float(k), f)


@vector
def vlog(x):
    """log x, for x from 1e-307 to 1e308."""
    y = _bits(x)
    k = (y - ROOT_HALF_BITS) >> 52
    return _log_of(float(k), _number(y - (k << 52)) - 1.0)


@vector
def vlog_gamma(x):
    """log Gamma(x), for x from 1e-30 to 1e30: Stirling's series at x + 8."""
    p = x * (x + 1.0) * (x + 2.0) * (x + 3.0) * (x + 4.0) * (x + 5.0) * (x + 6.0) * (x + 7.0)
    y = x + 8.0
    z = 1.0 / (y * y)
    series = ((1 / 1188.0 - 691 / 360360.0 * z) * z - 1 / 1680.0) * z + 1 / 1260.0
    series = ((series * z - 1 / 360.0) * z + 1 / 12.0) / y
    return (y - 0.5) * vlog(y) - y + HALF_LOG_2PI + series - vlog(p)


@vector
def vdigamma(x):
    """Derivative of log Gamma."""
    p = 1 / x + 1 / (x + 1.0) + 1 / (x + 2.0) + 1 / (x + 3.0) + 1 / (x + 4.0) + 1 / (x + 5.0) + 1 / (x + 6.0)
    p += 1 / (x + 7.0)
    y = x + 8.0
    z = 1.0 / (y * y)
    series = (((((691 / 32760.0 * z - 1 / 132.0) * z + 1 / 240.0) * z - 1 / 252.0) * z + 1 / 120.0) * z - 1 / 12.0) * z
    return vlog(y) - 0.5 / y + series - p


def _mills_coefficients(degree=22):
    """Polynomial in (x - 4) / (x + 4) for (x + sqrt(2 / pi)) times Mills' ratio, which is 1 at 0 and at infinity."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    x = 4.0 * (1.0 + nodes) / (1.0 - nodes)
    values = (x + ROOT_2_OVER_PI) * math.sqrt(math.pi / 2.0) * erfcx(x / math.sqrt(2.0))
    series = np.polynomial.chebyshev.chebfit(nodes, values, degree)
    return tuple(float(c) for c in np.polynomial.chebyshev.cheb2poly(series))


(M0, M1, M2, M3, M4, M5, M6, M7, M8, M9, M10, M11, M12, M13, M14, M15, M16, M17, M18, M19, M20, M21, M22) = (
    _mills_coefficients()
)


@vector
def vmills(x):
    """Mills' ratio (1 - Phi(x)) / phi(x) of the standard normal, for x from 0 to 1e150."""
    over = 1.0 / ((x + 4.0) * (x + ROOT_2_OVER_PI))  # one division for two
    t = (x - 4.0) * (x + ROOT_2_OVER_PI) * over
    p = (((((M22 * t + M21) * t + M20) * t + M19) * t + M18) * t + M17) * t + M16
    p = (((((((p * t + M15) * t + M14) * t + M13) * t + M12) * t + M11) * t + M10) * t + M9) * t + M8
    p = (((((((p * t + M7) * t + M6) * t + M5) * t + M4) * t + M3) * t + M2) * t + M1) * t + M0
    return p * (x + 4.0) * over
