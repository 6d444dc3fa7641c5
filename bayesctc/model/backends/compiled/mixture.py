"""The mixture over classes: membership probabilities, and sums of the terms of classes, block by block."""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_scaled, fill
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import LOWEST, vexp, vlog
from bayesctc.model.sizes import N_FIXED


@inner
def log_membership(data, n_terms, theta, ones, log_pi, pi, total):
    """Fill `log_pi` and `pi` (classes, BLOCK) with log pi = xi'x - logsumexp."""
    for g in range(theta.shape[0]):
        fill(log_pi, g, 0.0)
        for p in range(n_terms):
            add_scaled(log_pi, g, theta[g, p], data, N_FIXED + p)
    normalise(log_pi, ones, pi, total)
    for g in range(theta.shape[0]):
        for i in range(BLOCK):
            log_pi[g, i] -= total[i]


@inner
def normalise(values, weights, probabilities, total):
    """Fill `total` with logsumexp of each column and `probabilities` with weight x probability of each class."""
    n_classes = values.shape[0]
    share, ordinary = np.empty(BLOCK), True
    for i in range(BLOCK):
        total[i] = values[0, i]
    for g in range(n_classes):
        for i in range(BLOCK):
            total[i] = values[g, i] if values[g, i] > total[i] else total[i]
            ordinary &= values[g, i] < math.inf
    for i in range(BLOCK):
        share[i] = 0.0
        ordinary &= total[i] > -math.inf
    if not ordinary:
        _others(values, weights, probabilities, total)
        return
    for g in range(n_classes):
        for i in range(BLOCK):
            below = values[g, i] - total[i]
            probabilities[g, i] = vexp(below) if below > LOWEST else 0.0
            share[i] += probabilities[g, i]
    for i in range(BLOCK):
        total[i] += vlog(share[i])
        share[i] = weights[i] / share[i]
    for g in range(n_classes):
        for i in range(BLOCK):
            probabilities[g, i] *= share[i]


@inner
def _others(values, weights, probabilities, total):
    """The same where some values are NaN or infinite, or all of a patient's classes are impossible."""
    n_classes = values.shape[0]
    for i in range(BLOCK):
        top = values[0, i]
        for g in range(1, n_classes):
            top = max(top, values[g, i])
        if not math.isfinite(top):
            total[i] = top
            for g in range(n_classes):
                probabilities[g, i] = 0.0
            continue
        t = 0.0
        for g in range(n_classes):
            p = 1.0 if values[g, i] == top else math.exp(values[g, i] - top)
            probabilities[g, i] = p
            t += p
        total[i] = top + math.log(t)
        t = weights[i] / t
        for g in range(n_classes):
            probabilities[g, i] *= t


@inner
def normalise_both(weights, membership, filled, memory, entered):
    """Class probabilities, with the patients' weights, and log likelihoods of the joint and entry terms in `filled`."""
    _, _, _, _, w, v, total_at_entry = memory
    pi, (out, at_entry, total) = membership[1], filled
    normalise(out, weights, w, total)
    if entered:
        normalise(at_entry, weights, v, total_at_entry)
        for i in range(BLOCK):
            total[i] -= total_at_entry[i]
    else:  # what membership gives already sums to one
        for g in range(pi.shape[0]):
            for i in range(BLOCK):
                v[g, i] = weights[i] * pi[g, i]
