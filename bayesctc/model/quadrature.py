"""Nodes of the random effects' quadrature for one packed cohort: the rule, and where it stands for each patient."""

import numpy as np
from scipy.special import roots_hermitenorm

from bayesctc.model.columns import BLOCK
from bayesctc.model.composition import compile_locate
from bayesctc.model.families import FAMILIES
from bayesctc.model.shape import Shape


class Quadrature:
    """Rule and centres, as the kernel reads them; both are empty for a family with a closed form.

    Parameters
    ----------
    packed : Packed
    shape : Shape
    n_classes : int
    """

    def __init__(self, packed, shape: Shape, n_classes: int):
        self._values, self._sizes, q = packed.values, shape.sizes, shape.n_random
        closed = FAMILIES[shape.family].closed_form
        self.rule = np.zeros((0, 1)) if closed else gauss_hermite(q, shape.n_nodes)
        self._q, self._per = q, 0 if closed else 1 + q + q * (q + 1) // 2
        self.centres = np.zeros((packed.values.shape[0], n_classes * self._per, BLOCK))
        self._locate = compile_locate(shape.family) if not closed and q else None
        if not closed:
            for k in range(q):  # C is the identity until the first `centre`
                self.centres[:, 1 + q + (k + 1) * (k + 2) // 2 - 1 :: self._per] = 1.0

    @property
    def adaptive(self) -> bool:
        """Whether there are nodes to place."""
        return self._locate is not None

    def centre(self, theta) -> None:
        """Put the nodes where the integrands are at theta, array (n_classes, n_class_parameters)."""
        for k in range(self._q if self.adaptive else 0):
            self.centres[:, 1 + k :: self._per] = 0.0
        self.follow(theta)

    def follow(self, theta) -> None:
        """The same from where the nodes are: quicker if the theta they stand at is near."""
        if self._locate is not None:
            self._locate(np.ascontiguousarray(theta, dtype=float), self._values, self._sizes, self.centres)


def gauss_hermite(n_random: int, n_nodes: int) -> np.ndarray:
    """Product rule of the standard normal: z_q and log w_q + |z_q|^2 / 2, array (n_nodes^n_random, n_random + 1)."""
    z, w = roots_hermitenorm(n_nodes)
    grid, log_weights = np.zeros((1, 0)), np.zeros(1)
    for _ in range(n_random):
        grid = np.column_stack([np.repeat(grid, n_nodes, axis=0), np.tile(z, len(grid))])
        log_weights = np.add.outer(log_weights, np.log(w) - 0.5 * np.log(2.0 * np.pi)).ravel()
    return np.column_stack([grid, log_weights + 0.5 * np.sum(grid**2, axis=1)])
