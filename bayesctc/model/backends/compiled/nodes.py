"""Quadrature nodes over random effects for one packed cohort: the rule, and its centre for each patient."""

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.blocks import Blocks
from bayesctc.model.backends.compiled.composition import compile_locate
from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.sizes import Sizes


class Quadrature:
    """Rule and centres, as the kernel reads them; both are empty for a family with a closed form.

    Parameters
    ----------
    blocks : Blocks
    sizes : Sizes
    n_classes : int
    """

    def __init__(self, blocks: Blocks, sizes: Sizes, n_classes: int):
        self._blocks, self._n_classes, q = blocks, n_classes, sizes.n_random
        closed, family, hazard = sizes.closed_form, FAMILIES[sizes.family], HAZARDS[sizes.hazard]
        self.rule = np.zeros((0, 1)) if closed else gauss_hermite(q, sizes.n_nodes)
        self._q, self._per = q, 0 if closed else 1 + q + q * (q + 1) // 2
        beside = hazard if sizes.association is not None else None  # what else the random effects are of
        n_ends = 1 if beside is None else 2  # at the end of follow-up, and then at entry
        self.centres = np.zeros((blocks.n_blocks, n_ends * n_classes * self._per, BLOCK))
        self._locate = compile_locate(family, beside) if not closed and q else None
        self._knots = sizes.own_knots
        if not closed:
            for k in range(q):  # C is the identity until the first `centre`
                self.centres[:, 1 + q + (k + 1) * (k + 2) // 2 - 1 :: self._per] = 1.0

    @property
    def adaptive(self) -> bool:
        """Whether there are nodes to place."""
        return self._locate is not None

    def centre(self, theta) -> None:
        """Centre the nodes at the integrands for theta, array (n_classes, n_class_parameters)."""
        for k in range(self._q if self.adaptive else 0):
            self.centres[:, 1 + k :: self._per] = 0.0
        self.follow(theta)

    def follow(self, theta) -> None:
        """The same, starting from the current nodes: faster if their theta is near."""
        if self._locate is not None:
            blocks, theta = self._blocks, np.ascontiguousarray(theta, dtype=float)
            follow_up = blocks.stretches, blocks.runs, blocks.sizes, self._knots
            self._locate(theta, blocks.values, *follow_up, blocks.outcomes[0], blocks.tabled, self.centres)

    def posterior(self):
        """See `Likelihood.posterior`."""
        own = self.centres[:, : self._n_classes * self._per]
        by_class = self._blocks.gather(own).reshape(len(self._blocks.lanes), self._n_classes, -1)
        scale = np.zeros((*by_class.shape[:2], self._q, self._q))
        rows, columns = np.tril_indices(self._q)
        scale[..., rows, columns] = by_class[..., 1 + self._q :]
        return by_class[..., 1 : 1 + self._q], scale

    def move(self, mean) -> None:
        """See `Likelihood.move`."""
        for g in range(self._n_classes):
            for k in range(self._q):
                self.centres[:, g * self._per + 1 + k] = self._blocks.spread(mean[:, g, k])
