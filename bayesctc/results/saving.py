"""Writing a fit to disk: one netCDF file, completely or not at all."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bayesctc.data import Cohort
from bayesctc.errors import StorageError
from bayesctc.model.settled import design_to_json
from bayesctc.results.atomic import write_whole
from bayesctc.results.disk import container
from bayesctc.results.disk.parts import Parts, to_node
from bayesctc.results.disk.sealed import seal

if TYPE_CHECKING:
    from bayesctc.results.bayes_fit import BayesFit

FORMAT = 4
VERSION = "bayesctc_format"  # the attribute with the number of the format
# errors of the netCDF and HDF5 libraries for a damaged file, and those for a missing part
DAMAGE = (OSError, ValueError, LookupError, ArithmeticError, RuntimeError, AttributeError, TypeError, AssertionError)


def save_fit(fit: "BayesFit", path: str | Path) -> None:
    """Write a fit; see `BayesFit.save`."""
    try:
        node = to_node(_parts(fit))
        node.facts = {VERSION: FORMAT, **node.facts}
        content = seal(container.write(node), FORMAT)
    except StorageError as error:
        raise StorageError(f"{path}: the fit cannot be written: {error}") from error
    except (MemoryError, *DAMAGE) as error:
        raise StorageError(f"{path}: the fit cannot be written ({type(error).__name__}: {error}).") from error
    write_whole(path, content, "the fit")


def _parts(fit: "BayesFit", cohort: Cohort | None = None) -> Parts:
    """The parts of a fit, without its cohort if that is the one given."""
    return Parts(
        spec=asdict(fit.spec),
        design=design_to_json(fit.design),
        warnings=list(fit.notes),
        content=None if fit.cohort is cohort else fit.cohort._content,
        fingerprint=fit.cohort.fingerprint,
        idata=fit.idata,
        modes=fit.modes,
        mode_theta=fit.mode_theta,
        rivals=[_parts(rival, fit.cohort) for rival in fit.rivals],
    )
