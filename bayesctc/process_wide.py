"""What belongs to the whole process and is changed for a block only, from any number of threads."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

# two blocks that overlap would each put back what the other had set
_WARNINGS, _HOME = RLock(), RLock()


@contextmanager
def warnings_are(action: str, category: type[Warning] = Warning) -> Iterator[None]:
    """Treat warnings of a category so, as `warnings.simplefilter` does: "ignore" or "error".

    Parameters
    ----------
    action : {"ignore", "error"}
    category : type, optional
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter(action, category)  # type: ignore[arg-type]
        yield


@contextmanager
def home_for_imports() -> Iterator[None]:
    """Let libraries that look for their settings at home be imported where the user has none, as in a container.

    They find an empty one; ArviZ, and with it nutpie and PyMC, cannot be imported without.
    """
    with _HOME:
        if _has_home():
            yield
            return
        os.environ["HOME"] = os.devnull  # nothing is below it, and nobody can put anything there
        try:
            yield
        finally:
            del os.environ["HOME"]


def _has_home():
    try:
        Path.home()
    except RuntimeError:
        return False
    return True
