"""The position of each parameter in the likelihood's array, and conversions between forms of a parameter set.

Three forms of one parameter set:

- *natural*: as printed (growth coefficients, sigma, months, shapes), by name, on the user's scale; `own` natural
  parameters are those on the scale of the fit (see `scales`);
- *theta*: (n_classes, n_class_parameters), as the likelihood reads it, on the scale of the fit; positive parameters as
  logarithms;
- *free*: an unconstrained vector, theta = T free, over which maximum likelihood optimises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg
import xarray as xr

from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.model.checked_values import checked_values
from bayesctc.model.covariance import semidefinite_cholesky
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.parameter_blocks import ABSENT, BY_CLASS, COMMON, ZERO_SUM, Block, parameter_blocks
from bayesctc.model.pieces import TO_NATURAL, TO_THETA, Parameter
from bayesctc.model.scales import Scales, sd_and_corr
from bayesctc.model.sizes import Sizes

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec


@dataclass(frozen=True)
class Layout:
    """Names and places of the parameters of a specification settled on data.

    Attributes
    ----------
    n_classes : int
    sizes : Sizes
    blocks : tuple of Block
        In the order of theta.
    random_effects : tuple of str
    outcome : Outcome
        What grows.
    scales : Scales
        Between the fit's scale and the user's.
    labels : tuple of str
        The user's names of the classes; empty if they have the outcome's.
    """

    n_classes: int
    sizes: Sizes
    blocks: tuple[Block, ...]
    random_effects: tuple[str, ...]
    outcome: Outcome = CTC_COUNT
    scales: Scales = field(default_factory=Scales)
    labels: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        spec: "ModelSpec",
        sizes: Sizes,
        terms: Mapping[str, tuple[str, ...]],
        causes: tuple[str, ...] = (),
        outcome: Outcome = CTC_COUNT,
        scales: Scales | None = None,
        labels: tuple[str, ...] = (),
    ) -> "Layout":
        """Lay out a specification.

        `terms` names the terms of membership, growth, covariates of growth and survival, `causes` the competing events.
        """
        blocks = parameter_blocks(spec, sizes, terms, causes)
        effects = terms["growth"][: sizes.n_random]
        return cls(spec.n_classes, sizes, blocks, effects, outcome, scales or Scales(), labels)

    @cached_property
    def places(self) -> dict[str, slice]:
        """Position of each block in a class's parameters."""
        ends = np.cumsum([len(b.terms) for b in self.blocks])
        return {b.name: slice(int(e) - len(b.terms), int(e)) for b, e in zip(self.blocks, ends, strict=True)}

    @cached_property
    def transform(self) -> np.ndarray:
        """T of theta = T free: array (n_classes * n_class_parameters, n_parameters)."""
        K, m = self.n_classes, self.sizes.n_class_parameters
        contrasts = scipy.linalg.helmert(K).T if K > 1 else np.zeros((1, 0))
        spread = {COMMON: np.ones((K, 1)), BY_CLASS: np.eye(K), ZERO_SUM: contrasts, ABSENT: np.zeros((K, 0))}
        parts = []
        for block in self.blocks:
            here = np.zeros((m, len(block.terms)))
            here[self.places[block.name], :] = np.eye(len(block.terms))
            parts.append(np.kron(spread[block.sharing], here))
        return np.concatenate(parts, axis=1)

    def of_cause(self, number: int) -> tuple[Block, ...]:
        """Blocks of a cause's hazard, its association with the curve included; `number` is from 0."""
        part = self.sizes.events[number]
        own = {*range(part.where.start, part.where.stop), *range(part.association.start, part.association.stop)}
        return tuple(b for b in self.blocks if self.places[b.name].start in own)

    def cause_number(self, block: Block) -> int:
        """Number of a block's cause, from 0; also 0 if there is one event."""
        causes = list(dict.fromkeys(b.cause for b in self.blocks if b.cause))
        return causes.index(block.cause) if block.cause else 0

    def by_class(self, name: str) -> bool:
        """Whether a block's parameter is class-specific."""
        return next(b.sharing for b in self.blocks if b.name == name) in (BY_CLASS, ZERO_SUM)

    def own_hazard(self, number: int, latent_class: int) -> np.ndarray:
        """Which free parameters are those of a cause's hazard in one class alone: array of bool (n_parameters,)."""
        rows = self.transform.reshape(self.n_classes, -1, self.n_parameters)
        places = [self.places[b.name] for b in self.of_cause(number) if b.sharing == BY_CLASS]
        return sum((rows[latent_class, p].any(axis=0) for p in places), np.zeros(self.n_parameters, dtype=bool))

    def copies(self, block: Block) -> int:
        """Number of free parameters for each term of a block."""
        K = self.n_classes
        return {COMMON: 1, BY_CLASS: K, ZERO_SUM: K - 1, ABSENT: 0}[block.sharing]

    @property  # not kept: what another process is sent holds no functions of a family
    def pieces(self) -> dict[str, Parameter]:
        """The parameters of family and hazard, by `Block.parameter`."""
        own = (*FAMILIES[self.sizes.family].parameters, *HAZARDS[self.sizes.hazard].parameters)
        return {parameter.name: parameter for parameter in own}

    @property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        return self.transform.shape[1]

    def to_theta(self, free) -> np.ndarray:
        """theta (n_classes, n_class_parameters) of a free vector."""
        return (self.transform @ free).reshape(self.n_classes, -1)

    def to_free(self, theta) -> np.ndarray:
        """The free vector of theta."""
        return np.linalg.lstsq(self.transform, np.asarray(theta).ravel(), rcond=None)[0]

    def assemble(self, values: Mapping, concatenate, ones) -> Any:
        """theta from blocks on theta's own scale; NumPy or PyTensor arrays.

        Parameters
        ----------
        values : mapping of block name to array
            By class (..., n_classes, n_terms), common (..., n_terms); without absent blocks.
        concatenate : function
        ones : array (n_classes, 1)
            Ones, of the array type.
        """
        parts = []
        reference = values["growth"][..., :1] * 0.0
        for block in self.blocks:
            if block.sharing == ABSENT:
                parts.extend([reference] * len(block.terms))
            elif block.sharing == COMMON:
                parts.append(values[block.name][..., None, :] * ones)
            else:
                parts.append(values[block.name])
        return concatenate(parts, axis=-1)

    def natural(self, theta) -> dict[str, np.ndarray]:
        """Natural parameters by name, on the user's scale; as `own`."""
        return self.scales.to_user(self.own(theta), self)

    def own(self, theta) -> dict[str, np.ndarray]:
        """Natural parameters by name, on the scale of the fit.

        Parameters
        ----------
        theta : array (..., n_classes, n_class_parameters)

        Returns
        -------
        dict of array
            Leading dimensions as theta's, then `dims`.
        """
        values = {}
        for block in self.blocks:
            if block.sharing == ABSENT and block.name != "membership":
                continue
            value = theta[..., self.places[block.name]]
            if block.sharing == COMMON:
                value = value[..., 0, :]
            value = TO_NATURAL[block.scale](value)
            values[block.name] = value if block.term_dim else value[..., 0]
        if self.random_effects:
            factor = self._square(values.pop("random_effect_cholesky"))
            covariance = factor @ np.swapaxes(factor, -1, -2)
            values["random_effect_sd"], values["random_effect_corr"] = sd_and_corr(covariance)
        return values

    def theta(self, values: Mapping) -> np.ndarray:
        """theta of natural parameters on the user's scale: the inverse of `natural`.

        Raises
        ------
        SpecError
            A parameter is absent, unknown, or of another shape than the specification's.
        """
        return self.theta_of_own(self.scales.to_own(checked_values(values, self), self))

    def theta_of_own(self, values: Mapping) -> np.ndarray:
        """theta of natural parameters on the scale of the fit: the inverse of `own`."""
        given = {name: np.asarray(value, dtype=float) for name, value in values.items()}
        if self.random_effects:
            sd, corr = given.pop("random_effect_sd"), given.pop("random_effect_corr")
            factor = sd[..., :, None] * semidefinite_cholesky(corr)
            rows, columns = np.tril_indices(len(self.random_effects))
            given["random_effect_cholesky"] = factor[..., rows, columns]
        for block in self.blocks:
            if block.name in given:
                value = given[block.name] if block.term_dim else given[block.name][..., None]
                given[block.name] = TO_THETA[block.scale](value)
        return self.assemble(given, np.concatenate, np.ones((self.n_classes, 1)))

    def cholesky(self, theta) -> np.ndarray:
        """omega_g L, the factor of each class's random-effect covariance: array (..., n_classes, q, q)."""
        scale = np.exp(theta[..., self.places["random_effect_scale"]])
        return scale[..., None] * self._square(theta[..., self.places["random_effect_cholesky"]])

    def upright(self, theta) -> np.ndarray:
        """The same model with no diagonal element of the factor below zero; the sign of a column is not identified.

        Quadrature nodes are in units of the factor, so their side depends on its sign; the sampler uses the positive
        one.
        """
        if not self.random_effects:
            return theta
        rows, columns = np.tril_indices(len(self.random_effects))
        own = self.places["random_effect_cholesky"]
        sign = np.where(theta[..., own][..., rows == columns] < 0, -1.0, 1.0)
        turned = np.array(theta, dtype=float)
        turned[..., own] *= sign[..., columns]
        return turned

    def _square(self, packed) -> np.ndarray:
        """Lower triangle, row by row, as a square matrix."""
        q = len(self.random_effects)
        factor = np.zeros((*packed.shape[:-1], q, q))
        rows, columns = np.tril_indices(q)
        factor[..., rows, columns] = packed
        return factor

    @cached_property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dimensions of each natural parameter."""
        dims: dict[str, tuple[str, ...]] = {}
        for block in self.blocks:
            if block.name == "random_effect_cholesky":
                dims["random_effect_sd"] = ("random_effect",)
                dims["random_effect_corr"] = ("random_effect", "random_effect_other")
            elif block.sharing != ABSENT or block.name == "membership":
                classes = () if block.sharing == COMMON else ("latent_class",)
                dims[block.name] = (*classes, *((block.term_dim,) if block.term_dim else ()))
        return dims

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, lowest first, for everything that is shown."""
        return list(self.labels) or self.outcome.class_labels(self.n_classes)

    @cached_property
    def coords(self) -> dict[str, list]:
        """Coordinates of the dimensions; `latent_class` with its labels."""
        coords: dict[str, list] = {"latent_class": self.class_names}
        for block in self.blocks:
            if block.term_dim and block.term_dim != "random_effect_pair":
                coords[block.term_dim] = list(block.terms)
        if self.random_effects:
            coords["random_effect"] = coords["random_effect_other"] = list(self.random_effects)
        return coords

    def dataset(self, theta) -> xr.Dataset:
        """Natural parameters of one theta as a Dataset."""
        values = self.natural(theta)
        used = {d for name in values for d in self.dims[name]} | {"latent_class"}
        return xr.Dataset(
            {name: (self.dims[name], value) for name, value in values.items()},
            coords={d: c for d, c in self.coords.items() if d in used},
        )
