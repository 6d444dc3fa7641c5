"""The compiled likelihood of a packed cohort."""

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.blocks import Blocks
from bayesctc.model.backends.compiled.composition import compile_kernel, compile_linked
from bayesctc.model.backends.compiled.nodes import Quadrature
from bayesctc.model.backends.protocol import Evaluation, Likelihood
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes


class CompiledLikelihood(Likelihood):
    """See `Likelihood`; arguments as `Evaluator`."""

    def __init__(self, packed: Packed, sizes: Sizes, n_classes: int, weights=None):
        self.packed = packed
        self.weights = np.broadcast_to(1.0 if weights is None else weights, packed.n_patients)
        family, hazard, linked = FAMILIES[sizes.family], HAZARDS[sizes.hazard], sizes.association is not None
        self._kernel = (
            compile_linked(family, hazard) if linked else compile_kernel((family,), hazard, packed.in_stretches)
        )
        self._blocks = Blocks.of(packed, sizes.association)
        self._nodes = Quadrature(self._blocks, sizes, n_classes)
        self.adaptive = self._nodes.adaptive
        n = self._blocks.n_blocks
        self._gradient = np.empty((n_classes, sizes.n_class_parameters))
        of_outcomes = (self._blocks.tabled,), (self._nodes.rule,)
        self._constants = self._blocks.sizes, self._blocks.outcomes, sizes.own_knots, *of_outcomes
        by_class = n, n_classes, BLOCK
        self._filled = np.empty((n, BLOCK)), np.empty(by_class), np.empty(by_class)
        patients = self._blocks.values, self._blocks.stretches, self._blocks.runs, self._blocks.spread(self.weights)
        self._arguments = patients, *self._constants, (self._nodes.centres,), self._filled, self._gradient

    def _run(self, theta):
        return self._kernel(np.ascontiguousarray(theta), *self._arguments)

    def total(self, theta):
        return self._run(theta), self._gradient.copy()

    def evaluate(self, theta):
        self._run(theta)
        return Evaluation(*map(self._blocks.gather, self._filled))

    def gradients(self, theta):
        """The kernel sums gradients over patients: it is called once for each of them, on their block alone."""
        theta, only = np.ascontiguousarray(theta), np.zeros((1, BLOCK))
        found = np.empty((self.packed.n_patients, *self._gradient.shape))
        blocks, centres, constants = self._blocks, self._nodes.centres, self._constants
        for i, lane in enumerate(blocks.lanes):
            own = slice(lane // BLOCK, lane // BLOCK + 1)
            only[0, lane % BLOCK] = 1.0
            filled = tuple(each[own] for each in self._filled)
            patients = blocks.values[own], blocks.stretches[own], blocks.runs, only
            self._kernel(theta, patients, *constants, (centres[own],), filled, self._gradient)
            only[0, lane % BLOCK] = 0.0
            found[i] = self._gradient
        return found

    def centre(self, theta):
        self._nodes.centre(theta)

    def follow(self, theta, start=None):
        if start is not None:
            np.copyto(self._nodes.centres, start)
        self._nodes.follow(theta)

    def place(self):
        return self._nodes.centres.copy()

    def posterior(self):
        return self._nodes.posterior()

    def move(self, mean):
        self._nodes.move(mean)
