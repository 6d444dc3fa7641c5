"""Checks of arguments that all public functions share, made before anything is fitted."""

from collections.abc import Iterable
from numbers import Integral
from types import UnionType
from typing import Any

from bayesctc.errors import SpecError

LARGEST_SEED = 2**32 - 1


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number as a Python int, also from NumPy; True, False and 2.0 are refused.

    Raises
    ------
    SpecError
    """
    possible = isinstance(value, Integral) and not isinstance(value, bool)
    if not possible or value < least or (most is not None and value > most):
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise SpecError(f"{name} has to be a whole number {limits}; found {value!r}.")
    return int(value)


def seed(value: Any, name: str = "random_seed") -> int:
    """A random seed.

    Raises
    ------
    SpecError
    """
    return whole(name, value, 0, LARGEST_SEED)


def of_kind(name: str, value: Any, kind: type | UnionType) -> Any:
    """A value of a type, such as a Cohort.

    Raises
    ------
    SpecError
    """
    if not isinstance(value, kind):
        kinds: tuple[Any, ...] = getattr(kind, "__args__", (kind,))
        wanted = " or ".join(part.__name__ for part in kinds)
        raise SpecError(f"{name} has to be a {wanted}; found {type(value).__name__}.")
    return value


def numbers_of_classes(value: Any) -> list[int]:
    """Numbers of classes to try, increasing, each once: of a list, a range or a single number.

    Raises
    ------
    SpecError
    """
    given = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not given:
        raise SpecError("n_classes has to name at least one number of classes, such as range(1, 7); found none.")
    return sorted({whole("n_classes", k, 1) for k in given})
