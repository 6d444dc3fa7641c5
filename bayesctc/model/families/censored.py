"""A rounded log-normal (the censored normal of PROC TRAJ, made exact for counts): log(1 + c / v) ~ N(eta, sigma^2).

With v = volume_ml / 7.5 and a, b = (log(1 + (c -+ 1/2) / v) - eta) / sigma, a = -infinity for no cell::

    P(c) = Phi(b) - Phi(a)
"""

import numpy as np
from scipy.special import log_ndtr

from bayesctc.data.outcome import CTC_COUNT
from bayesctc.model.backends.compiled.families.censored import constants, curvature, visit
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.backends.visits import by_visit
from bayesctc.model.families.gaussian import SIGMA, cdf, mean
from bayesctc.model.pieces import TRANSFORMED, Family

FAR = 1e6  # log count: nobody is there


def limits(ctc, volume_ml):
    """Limits of the interval that rounds to a count, on log(1 + count per 7.5 mL)."""
    ctc, v = np.asarray(ctc, dtype=float), np.asarray(volume_ml, dtype=float) / 7.5
    return np.where(ctc > 0, np.log1p(np.maximum(ctc - 0.5, 0.0) / v), -FAR), np.log1p((ctc + 0.5) / v)


def rows(ctc, volume_ml, basis, patient, n_patients):
    """The limits of each count; arguments as `CompiledFamily.rows`."""
    values = np.column_stack(limits(ctc, volume_ml))
    return by_visit(values, basis, patient, n_patients, np.array([-FAR, FAR]))


def log_probability(ctc, eta, volume_ml, sigma):
    """log P(ctc) given the curve, of the tail in which the interval is."""
    lower, upper = ((limit - eta) / sigma for limit in limits(ctc, volume_ml))
    low, high = np.where(lower + upper > 0.0, [-upper, -lower], [lower, upper])
    return log_ndtr(high) + np.log(-np.expm1(log_ndtr(low) - log_ndtr(high)))


def draw(rng, eta, volume_ml, sigma):
    """Random counts around a curve: the same twice, because the likelihood reads whole counts."""
    ctc = CTC_COUNT.observed(rng.normal(eta, sigma), volume_ml)
    return ctc.astype(float), ctc


CENSORED = Family(
    name="censored",
    parameters=(SIGMA,),
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc is Normal(eta, sigma^2) on log(1 + ctc / v), rounded to whole cells,  v = volume_ml / 7.5",
    curve=TRANSFORMED,
    normal=True,
    compiled=CompiledFamily(rows, visit=visit, curvature=curvature, constants=constants, n_values=2),
)
