"""The interface of the likelihood: one density for every use."""

import numpy as np

from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.backends.protocol import Evaluation, Likelihood
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes


class Evaluator:
    """The likelihood of one packed cohort, in the user's units; memory is reused between calls.

    theta is on the scale of the fit; log densities are those of the values in the user's units. The computation is
    compiled, unless the family or the hazard has no compiled piece.

    If random effects need quadrature, `centre` places its nodes at the integrands for a theta, and `follow` moves them
    there from a theta nearby. `total` leaves them fixed, so that its gradient is that of its value; `gradients`,
    `patients` and `evaluate` centre them again, `along` and `draws` let them follow.

    Parameters
    ----------
    packed : Packed
    sizes : Sizes
    n_classes : int
    weights : array (n_patients,), optional
        Weight of each patient in total and gradient; 1 by default.
    """

    def __init__(self, packed: Packed, sizes: Sizes, n_classes: int, weights=None):
        self.packed, self._jacobian = packed, packed.log_jacobian
        self.own: Likelihood = backend(sizes)(packed, sizes, n_classes, weights)
        self.adaptive = self.own.adaptive
        self.centre, self.follow, self.own_total = self.own.centre, self.own.follow, self.own.total

    def total(self, theta) -> tuple[float, np.ndarray]:
        """Weighted log likelihood and its gradient, array (n_classes, n_class_parameters)."""
        value, gradient = self.own.total(theta)
        return value + self.constant, gradient

    @property
    def constant(self) -> float:
        """The constant that the user's units add to the weighted log likelihood."""
        return float(np.sum(self.own.weights * self._jacobian))

    def gradients(self, theta) -> np.ndarray:
        """Gradient of each log L_i, unweighted: array (n_patients, n_classes, n_class_parameters)."""
        self.own.centre(theta)
        return self.own.gradients(theta)

    def patients(self, theta, centre: bool = True) -> np.ndarray:
        """log L_i, array (n_patients,); with `centre`, nodes are centred first."""
        return self.evaluate(theta, centre).log_likelihood

    def evaluate(self, theta, centre: bool = True) -> Evaluation:
        """All results by patient and class; with `centre`, nodes are centred first."""
        if centre:
            self.own.centre(theta)
        return self._for_user(self.own.evaluate(theta))

    def along(self, thetas):
        """Yield the `Evaluation` of one parameter set after another, with nodes that follow."""
        return map(self._for_user, self.own.along(thetas))

    def draws(self, thetas) -> np.ndarray:
        """log L_i of many parameter sets, array (n_draws, n_patients)."""
        return np.stack([evaluation.log_likelihood for evaluation in self.along(thetas)])

    def _for_user(self, own):
        joint = own.joint + self._jacobian[:, None]
        return Evaluation(own.log_likelihood + self._jacobian, joint, own.at_entry)


def backend(sizes: Sizes) -> type[CompiledLikelihood] | type[PlainLikelihood]:
    """The backend that computes the likelihood of a family and a hazard."""
    return CompiledLikelihood if sizes.compiled else PlainLikelihood
