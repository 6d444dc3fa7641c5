"""The pieces of a likelihood, their sizes, and the position of each value of a patient and a class.

The packed values of a patient are event, time, log time, 0 (no event at), entry, log entry (in the fit's unit of time),
the membership terms, the survival terms, and the data of the family. A class's parameters are membership, growth,
family, Cholesky factor of D, log omega, associations of all causes, hazard, hazard coefficients; with competing events,
hazard and hazard coefficients of each cause in turn. The event is 0 for censoring, else the number of the cause, 1 if
there is only one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesctc.design.rounding import rounded_times
from bayesctc.model.association import Association
from bayesctc.model.backends.visits import by_value
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec

FIRST_NODES = 7  # of a quadrature, before it is known how many it takes
NEAR_NORMAL = 3  # the same where samples alone leave the random effects normal, which events hardly change
EVENT, TIME, LOG_TIME, NO_EVENT, ENTRY, LOG_ENTRY, N_FIXED = 0, 1, 2, 3, 4, 5, 6


@dataclass(frozen=True)
class OutcomePart:
    """The longitudinal part, and the positions of its parameters among a class's.

    Attributes
    ----------
    family : str
    n_basis, n_random : int
    where : slice
        All of its parameters: the growth curve, the family's own, the Cholesky factor of D, log omega.
    curve, own, cholesky, log_omega : slice
    """

    family: str
    n_basis: int
    n_random: int
    where: slice
    curve: slice
    own: slice
    cholesky: slice
    log_omega: slice


@dataclass(frozen=True)
class EventPart:
    """An event, and the positions of its parameters among a class's.

    Attributes
    ----------
    hazard : str
    number : int
        Its number in `Packed.event`, from 1.
    where : slice
        All of its parameters: the baseline hazard's, then the coefficients.
    baseline, coefficients : slice
    association : slice
        Outside `where`, next to those of the other causes.
    """

    hazard: str
    number: int
    where: slice
    baseline: slice
    coefficients: slice
    association: slice


@dataclass(frozen=True)
class Sizes:
    """The pieces of a likelihood and their sizes.

    Attributes
    ----------
    family, hazard : str
    n_membership : int
        Membership terms, intercept included.
    n_basis : int
        Growth terms, longitudinal covariates, and products with growth terms of covariates by class.
    n_random : int
        Random effects of a patient.
    n_survival : int
        Hazard coefficients of a cause.
    n_nodes : int
        Gauss-Hermite nodes of each random effect; 1 without quadrature.
    knots : tuple of float
        Months, of a hazard with intervals.
    n_causes : int
        Competing events, each with a hazard of this form; 1 if there is one event.
    months : float
        Months in the fit's unit of survival time.
    association : Association, optional
        Association of the curve and the hazard within a class.
    """

    family: str
    hazard: str
    n_membership: int
    n_basis: int
    n_random: int
    n_survival: int
    n_nodes: int = 1
    knots: tuple[float, ...] = ()
    n_causes: int = 1
    months: float = 1.0
    association: Association | None = None

    @property
    def own_knots(self) -> np.ndarray:
        """Knots in the fit's unit of time."""
        return self.own_time(self.knots)

    def own_time(self, months) -> np.ndarray:
        """Months in the fit's unit of time."""
        return rounded_times(np.asarray(months, dtype=float) / self.months)

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Position of each block in a class's parameters; "hazard" includes all causes and their coefficients."""
        sizes = {
            "membership": self.n_membership,
            "growth": self.n_basis,
            "family": len(FAMILIES[self.family].parameters),
            "cholesky": self.n_random * (self.n_random + 1) // 2,
            "log_omega": int(self.n_random > 0),
            "association": self.n_causes * self.n_association,
            "hazard": self.n_causes * (self.n_hazard + self.n_survival),
        }
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def outcomes(self) -> tuple[OutcomePart, ...]:
        """The longitudinal outcomes: currently one."""
        each = [self.blocks[name] for name in ("growth", "family", "cholesky", "log_omega")]
        where = slice(each[0].start, each[-1].stop)
        return (OutcomePart(self.family, self.n_basis, self.n_random, where, *each),)

    @cached_property
    def events(self) -> tuple[EventPart, ...]:
        """An event for each cause."""
        width, start = self.n_hazard + self.n_survival, self.blocks["hazard"].start
        parts = []
        for number in range(1, self.n_causes + 1):
            middle, stop = start + self.n_hazard, start + width
            first = self.blocks["association"].start + (number - 1) * self.n_association
            places = slice(start, stop), slice(start, middle), slice(middle, stop)
            parts.append(EventPart(self.hazard, number, *places, slice(first, first + self.n_association)))
            start = stop
        return tuple(parts)

    def cause(self, number: int) -> tuple[slice, slice]:
        """Positions of a cause's baseline hazard and of its coefficients; `number` is from 0."""
        return self.events[number].baseline, self.events[number].coefficients

    @property
    def compiled(self) -> bool:
        """Whether the likelihood is compiled: family and hazard both have a compiled piece."""
        return FAMILIES[self.family].compiled is not None and HAZARDS[self.hazard].compiled is not None

    def sample_rows(self, value, exposure, basis, patient, n_patients) -> np.ndarray:
        """Data of the samples for the likelihood, array (rows, n_patients); arguments as `CompiledFamily.rows`."""
        piece = FAMILIES[self.family].compiled
        rows = by_value if piece is None or not self.compiled else piece.rows
        return rows(value, exposure, basis, patient, n_patients)

    @property
    def closed_form(self) -> bool:
        """Whether random effects are integrated without quadrature."""
        return self.reads_sums and self.association is None

    @property
    def reads_sums(self) -> bool:
        """Whether samples enter the likelihood as sums; else they are processed one by one."""
        return self.compiled and FAMILIES[self.family].closed_form

    @property
    def n_association(self) -> int:
        """Parameters of a cause's association in one class."""
        return 0 if self.association is None else self.association.n_terms

    @property
    def n_hazard(self) -> int:
        """Parameters of a baseline hazard."""
        return sum(len(self.knots) if p.by_interval else 1 for p in HAZARDS[self.hazard].parameters)

    @property
    def n_class_parameters(self) -> int:
        """Parameters of one class."""
        return self.blocks["hazard"].stop


def first_nodes(spec: "ModelSpec") -> int:
    """Initial number of Gauss-Hermite nodes of each random effect; 1 without quadrature."""
    by_sums = FAMILIES[spec.family].closed_form and HAZARDS[spec.hazard_name].compiled is not None
    if spec.n_random == 0 or (by_sums and spec.closed_form):
        return 1
    return spec.n_nodes or (NEAR_NORMAL if by_sums else FIRST_NODES)
