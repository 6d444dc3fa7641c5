"""The blocks of parameters of a specification: their names, and how classes share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bayesctc.model.association import EFFECTS
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import IDENTITY, LOG
from bayesctc.model.sizes import Sizes

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec

COMMON, BY_CLASS, ZERO_SUM, ABSENT = "common", "by_class", "zero_sum", "absent"


@dataclass(frozen=True)
class Block:
    """Adjacent positions of theta with a common name and sharing.

    Attributes
    ----------
    name : str
    sharing : {"common", "by_class", "zero_sum", "absent"}
        `zero_sum` differs by class and sums to zero over classes; `absent` is fixed at 0.
    terms : tuple of str
        Names of the positions; ("",) for a single unnamed value.
    term_dim : str
        Dimension of the terms; "" for a single value.
    scale : {"identity", "log", "logit"}
        Transformation from the natural value to theta.
    cause : str
        With competing events, the cause of the hazard; the name ends in it, as in ``shape_toxicity``.
    """

    name: str
    sharing: str
    terms: tuple[str, ...]
    term_dim: str = ""
    scale: str = IDENTITY
    cause: str = ""

    @property
    def parameter(self) -> str:
        """The name without the cause."""
        return self.name.removesuffix(f"_{self.cause}") if self.cause else self.name


def parameter_blocks(
    spec: "ModelSpec", sizes: Sizes, terms: Mapping[str, tuple[str, ...]], causes: tuple[str, ...]
) -> tuple[Block, ...]:
    """The blocks in the order of theta; arguments as `Layout.of`."""
    several = spec.n_classes > 1

    def piece(parameter, cause=""):
        by_class = several and (not parameter.by_class or getattr(spec, parameter.by_class))
        sharing, name = BY_CLASS if by_class else COMMON, of_cause(parameter.name, cause)
        if not parameter.by_interval:
            return Block(name, sharing, ("",), scale=parameter.scale, cause=cause)
        names = intervals(sizes.knots) if parameter.around is None else places(parameter.around(sizes.knots))
        return Block(name, sharing, names, "interval", parameter.scale, cause)

    def hazard(cause):
        alike, by_class = (of_cause(f"hazard_coefficient{kind}", cause) for kind in ("", "_by_class"))
        return [
            *(piece(p, cause) for p in HAZARDS[sizes.hazard].parameters),
            Block(alike, COMMON, terms["survival"], "survival_term", cause=cause),
            Block(by_class, BY_CLASS, terms["survival_by_class"], "survival_by_class_term", cause=cause),
        ]

    blocks = [
        Block("membership", ZERO_SUM if several else ABSENT, ("intercept", *terms["membership"]), "membership_term"),
        Block("growth", BY_CLASS, terms["growth"], "growth_term"),
        Block("longitudinal", COMMON, terms["longitudinal"], "longitudinal_term"),
        Block("longitudinal_by_class", BY_CLASS, terms["longitudinal_by_class"], "longitudinal_by_class_term"),
        *(piece(p) for p in FAMILIES[sizes.family].parameters),
    ]
    effects = terms["growth"][: sizes.n_random]
    if effects:
        scaled = several and spec.class_specific_random_effects
        pairs = tuple(f"{a},{b}" for j, a in enumerate(effects) for b in effects[: j + 1])
        blocks.append(Block("random_effect_cholesky", COMMON, pairs, "random_effect_pair"))
        blocks.append(Block("random_effect_scale", ZERO_SUM if scaled else ABSENT, ("",), scale=LOG))
    if sizes.association is not None:
        sharing = BY_CLASS if several and spec.association_by_class else COMMON
        named = (effects, "random_effect") if sizes.association.kind == EFFECTS else (("",), "")
        blocks += [Block(of_cause("association", c), sharing, *named, cause=c) for c in causes or ("",)]
    blocks += [block for cause in causes or ("",) for block in hazard(cause)]
    return tuple(b for b in blocks if b.terms)


def of_cause(name, cause):
    """A parameter's name with competing events."""
    return f"{name}_{cause}" if cause else name


def intervals(knots) -> tuple[str, ...]:
    """Names of the intervals from the first knot on, in months."""
    months = _told_apart(knots)
    return (*(f"{a} to {b} months" for a, b in pairwise(months)), f"from {months[-1]} months")


def places(months) -> tuple[str, ...]:
    """Names of coefficients around these months."""
    return tuple(f"near {each} months" for each in _told_apart(months))


def _told_apart(months):
    """Numbers in as many digits as tell them apart."""
    digits = next(d for d in range(3, 18) if len({f"{m:.{d}g}" for m in months}) == len(months))
    return [f"{m:.{digits}g}" for m in months]
