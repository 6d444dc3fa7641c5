"""The interface of a likelihood, whatever computes it.

A likelihood belongs to one packed cohort, and reuses its memory between calls. theta, array (n_classes,
n_class_parameters), is on the scale of the fit, as are log densities; `likelihood.Evaluator` gives them in the user's
units.

If random effects need quadrature, its nodes are fixed for each patient and class until they are moved: the gradient is
that of the value with fixed nodes. u are the random effects as standard normal variables, and the nodes are placed by
the normal approximation of p(u | y, g).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bayesctc.model.packed import Packed


@dataclass(frozen=True)
class Evaluation:
    """The likelihood of a cohort at one theta.

    Attributes
    ----------
    log_likelihood : array (n_patients,)
        log L_i, the patient as the unit.
    joint : array (n_patients, n_classes)
        log of pi_ig f_g(y_i) h_g(T_i)^event S_g(T_i).
    at_entry : array (n_patients, n_classes)
        log of pi_ig S_g(entry_i).
    """

    log_likelihood: np.ndarray
    joint: np.ndarray
    at_entry: np.ndarray

    @property
    def class_probabilities(self) -> np.ndarray:
        """P(g | what is in the data of patient i), array (n_patients, n_classes)."""
        shifted = np.exp(self.joint - self.joint.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


class Likelihood(Protocol):
    """The likelihood of one packed cohort.

    Attributes
    ----------
    packed : Packed
    weights : array (n_patients,)
        Weight of each patient in `total`, and only there.
    adaptive : bool
        Whether there are nodes to place.
    """

    packed: Packed
    weights: np.ndarray
    adaptive: bool

    def total(self, theta) -> tuple[float, np.ndarray]:
        """Weighted log likelihood and its gradient, array (n_classes, n_class_parameters); nodes stay."""
        ...

    def evaluate(self, theta) -> Evaluation:
        """Everything by patient and class; nodes stay."""
        ...

    def gradients(self, theta) -> np.ndarray:
        """Gradient of each log L_i, array (n_patients, n_classes, n_class_parameters); nodes stay."""
        ...

    def along(self, thetas) -> Iterator[Evaluation]:
        """Everything at one theta after another, the nodes following: array (n, n_classes, n_class_parameters)."""
        self.centre(thetas[0])
        for theta in thetas:
            self.follow(theta)
            yield self.evaluate(theta)

    def centre(self, theta) -> None:
        """Centre the nodes at the integrands for theta."""
        ...

    def follow(self, theta, start: Any = None) -> None:
        """The same, starting from the current nodes or from a `place`: faster if their theta is near."""
        ...

    def place(self) -> Any:
        """The position of the nodes, as a start for `follow`."""
        ...

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """The position of the nodes: mean (n_patients, n_classes, q) of u, and lower triangular factor (..., q, q)."""
        ...

    def move(self, mean: np.ndarray) -> None:
        """Move the nodes to other means, array (n_patients, n_classes, q)."""
        ...
