"""What every public function asks of its arguments, before anything is fitted."""

from collections.abc import Iterable
from concurrent.futures import Executor
from numbers import Integral
from types import UnionType
from typing import Any

from bayesctc.errors import SpecError

LARGEST_SEED = 2**32 - 1
LEAST = {
    "draws": 4,
    "tune": 1,
    "chains": 1,
    "n_starts": 1,
    "max_refits": 0,
    "blrt": 0,
    "replicates": 1,
    "n_replicates": 1,
    "random_seed": 0,
}


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number as Python's own, NumPy's included; truth values and 2.0 are none.

    Raises
    ------
    SpecError
    """
    possible = isinstance(value, Integral) and not isinstance(value, bool)
    if not possible or value < least or (most is not None and value > most):
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise SpecError(f"{name} has to be a whole number {limits}; found {value!r}.")
    return int(value)


def settings(**given: Any) -> dict[str, Any]:
    """Draws, seeds and the like (`LEAST` names them), each checked.

    Raises
    ------
    SpecError
    """
    return {
        name: whole(name, value, LEAST[name], LARGEST_SEED if name == "random_seed" else None)
        for name, value in given.items()
    }


def seed(value: Any, name: str = "random_seed") -> int:
    """A random seed.

    Raises
    ------
    SpecError
    """
    return whole(name, value, 0, LARGEST_SEED)


def cores(value: Any) -> int | None:
    """How many chains at a time; None for all cores.

    Raises
    ------
    SpecError
    """
    return None if value is None else whole("cores", value, 1)


def executor(value: Any) -> Executor | None:
    """Where work runs; None for here.

    Raises
    ------
    SpecError
    """
    if value is not None and not isinstance(value, Executor):
        raise SpecError(f"executor has to be a concurrent.futures.Executor; found {type(value).__name__}.")
    return value


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
