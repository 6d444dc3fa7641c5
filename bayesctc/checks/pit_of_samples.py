"""PIT of each sample's value among patients who are free of the event when it is drawn."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazard_along import patient_cumulative_hazard
from bayesctc.model.packed import Packed
from bayesctc.model.patient_hazards import VALUES_AT_ONCE, PatientHazards
from bayesctc.model.pieces import TO_NATURAL
from bayesctc.predict.medians import marginal_cdf, sample_nodes, tightness
from bayesctc.predict.trajectories import random_spread
from bayesctc.results.bayes_fit import BayesFit

REST = {1: 1, 2: 14}  # nodes over what a sample does not see of the random effects, by their number


def pits_of_samples(fit: BayesFit, thetas, weights, pareto_k, rng: np.random.Generator) -> pd.DataFrame:
    """PIT of every sample: patient_id, time, the value, pit, pareto_k.

    Parameters
    ----------
    fit : BayesFit
    thetas : array (n_draws, n_classes, n_class_parameters)
    weights : array (n_draws, n_patients)
        Of the draws, for each patient.
    pareto_k : array (n_patients,)
    rng : numpy.random.Generator
    """
    samples, patients = fit.analysis.tables()
    design, outcome, family = fit.design, fit.design.outcome, FAMILIES[fit.spec.family]
    row = pd.Index(fit.packed.patient_ids).get_indexer(samples["patient_id"])
    value, volume = samples[outcome.column].to_numpy(dtype=float), outcome.exposure(samples)
    if not outcome.whole and not family.normal:
        raise SpecError(f"loo_pit of values that are not whole is for normal residuals; found family={family.name!r}.")
    # while an event may have happened unseen, sampling goes on: nothing is known beyond the last visit without it
    alive = np.minimum(samples["time"].to_numpy(dtype=float), fit.packed.free_until[row])
    alive = np.maximum(np.maximum(alive, fit.packed.entry[row]), 0.0)
    of_samples = OfSamples(fit, fit.packed.take(row), design.growth_matrix(samples, patients), alive)
    y, largest = design.transformed(value, volume), max(float(value.max()), 1.0)
    inside, outside, whole = np.zeros(len(value)), np.zeros(len(value)), np.zeros(len(value))
    for theta, w in zip(thetas, weights, strict=True):
        own = of_samples.own(theta)
        for k, eta, spread, share in of_samples.at(theta, largest):
            n, share = eta.shape[2], share * w[row[k], None]
            whole[k] += share.sum(axis=(0, 2))
            if not outcome.whole:
                residual = np.sqrt(own[family.residual_sd][..., None] ** 2 + spread**2)
                inside[k] += np.sum(share * ndtr((y[k, None] - eta) / residual), axis=(0, 2))
                continue
            flat = [each.reshape(len(theta), -1) for each in (eta, spread, share)]
            below = marginal_cdf(family, flat[0], flat[1], own, np.repeat(volume[k], n), near=largest)
            for total, count in ((inside, value[k]), (outside, value[k] - 1.0)):
                at = np.broadcast_to(np.repeat(np.maximum(count, 0.0), n), flat[0].shape)
                found = np.where(np.repeat(count >= 0.0, n), below(at), 0.0)
                total[k] += np.sum((flat[2] * found).reshape(share.shape), axis=(0, 2))
    pit = (outside + rng.random(len(value)) * (inside - outside) if outcome.whole else inside) / whole
    return samples[["patient_id", "time", outcome.column]].assign(pit=np.clip(pit, 0.0, 1.0), pareto_k=pareto_k[row])


class OfSamples:
    """Curves of samples, and the share of each class that is free of the event when they are drawn.

    Parameters
    ----------
    fit : BayesFit
    packed : Packed
        The patient of each sample.
    growth : array (n_samples, n_basis)
    alive : array (n_samples,)
        Months at which the patient is known to be free of the event.
    """

    def __init__(self, fit: BayesFit, packed: Packed, growth: np.ndarray, alive: np.ndarray):
        self._design, self._packed, self._growth, self._alive = fit.design, packed, growth, alive
        self._family, self._z = FAMILIES[fit.spec.family], growth[:, : fit.spec.n_random]
        self._has_events = fit.spec.endpoint is not None

    def own(self, theta) -> dict[str, np.ndarray]:
        """The family's parameters: arrays (n_classes, 1)."""
        places = self._design.layout.places
        return {p.name: TO_NATURAL[p.scale](theta[:, places[p.name]]) for p in self._family.parameters}

    def at(self, theta, largest: float) -> Iterator[tuple]:
        """Blocks of samples: their positions; curve and standard deviation around it; share free of the event.

        Arrays (n_classes, n, n_nodes): a single node, with the standard deviation of the random effects around it,
        unless the hazard depends on them. `largest` is the largest value, of counts.
        """
        design, sizes, packed = self._design, self._design.sizes, self._packed
        eta = theta[:, sizes.blocks["growth"]] @ self._growth.T
        logits = theta[:, sizes.blocks["membership"]] @ packed.terms("membership").T
        logits = logits - np.logaddexp.reduce(logits, axis=0)
        if sizes.association is not None:
            yield from self._given_effects(theta, eta, logits, largest)
            return
        if self._has_events:
            for c in range(sizes.n_causes):
                logits = logits - patient_cumulative_hazard(theta, packed, self._alive, c)
        spread = random_spread(design, theta, self._z)
        yield slice(None), eta[..., None], spread[..., None], np.exp(logits)[..., None]

    def _given_effects(self, theta, eta, log_share, largest):
        """`at` if patients free of the event differ from the class in their random effects.

        The standard normal variables u, with b = L u, are rotated so that the sample depends on the first only. Along
        it nodes are as close as the family's distribution function requires.
        """
        sizes, q = self._design.sizes, self._design.spec.n_random
        factor, spread = self._design.layout.cholesky(theta), random_spread(self._design, theta, self._z)
        along = np.einsum("gqr,nq->ngr", factor, self._z) / np.maximum(spread.T, 1e-300)[..., None]
        first, first_weight = sample_nodes(float(spread.max()), tightness(self._family, self.own(theta), largest))
        rest, rest_weight = sample_nodes(1.0, 0.0, REST[q])
        u = np.stack(np.meshgrid(first, rest, indexing="ij"), -1).reshape(-1, 2)
        weight = np.outer(first_weight / first_weight.sum(), rest_weight / rest_weight.sum()).ravel()
        across = np.stack([-along[..., -1], along[..., 0]], axis=-1) if q == 2 else np.zeros(along.shape)
        hazards = PatientHazards.of(self._packed, self._design.layout)
        at_once = max(int(VALUES_AT_ONCE / (len(theta) * len(u) * (1 + self._design.time_nodes))), 1)
        for k in range(0, len(self._alive), at_once):
            which = np.arange(k, min(k + at_once, len(self._alive)))
            of, time = hazards.take(which), sizes.own_time(self._alive[which])[:, None]
            normal = along[which, :, None] * u[:, :1] + across[which, :, None] * u[:, 1:]
            effects = np.einsum("gqr,ngsr->gnsq", factor, normal)
            gone = [
                sum(of.given(each, part, time, effects[g])[:, 0] for part in sizes.events)
                for g, each in enumerate(theta)
            ]
            share = np.exp(log_share[:, which, None] - np.stack(gone)) * weight
            moved = eta[:, which, None] + np.einsum("gnsq,nq->gns", effects, self._z[which])
            yield which, moved, np.zeros(moved.shape), share
