"""Reading a fit from disk. Its file is checked to the last bit before anything in it is used."""

import io
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bayesctc.data import Cohort
from bayesctc.errors import BayesctcError, StorageError
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.priors import Priors
from bayesctc.model.settled import design_from_json
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.disk import container, format_2
from bayesctc.results.disk.checks import check_fit
from bayesctc.results.disk.parts import Parts, of_node
from bayesctc.results.disk.sealed import Content, read_sealed
from bayesctc.results.idata import completed
from bayesctc.results.saving import DAMAGE, FORMAT, VERSION


def load_fit(path: str | Path) -> BayesFit:
    """Read a fit that `BayesFit.save` wrote, by this version or an earlier one.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    BayesFit
        Equal to the one that was saved.

    Raises
    ------
    StorageError
        The file is missing, damaged, not a saved fit, or written by a later version.

    Examples
    --------
    >>> posterior.save("fit.nc")
    >>> bc.load_fit("fit.nc").spec == posterior.spec
    True
    """
    if not isinstance(path, str | os.PathLike):
        raise StorageError(f"path: found a {type(path).__name__}; allowed: the name of a file, as str or Path")
    try:
        return _fit(_read(read_sealed(Path(path))))
    except BayesctcError as error:
        raise StorageError(f"{path}: {error}") from error
    except MemoryError as error:
        raise StorageError(f"{path}: there is not enough memory to read it.") from error
    except DAMAGE as error:
        kind = type(error).__name__
        raise StorageError(f"{path}: parts of the fit are missing or damaged ({kind}: {error}).") from error


def _read(file: Content) -> Parts:
    """The parts in the bytes of a file, whatever its format."""
    version: Any = file.version
    if version is None:
        with h5py.File(io.BytesIO(file.content), "r") as opened:
            version = opened.attrs.get(VERSION)
        if version is None:
            raise StorageError("not a fit of bayesctc, but another netCDF or HDF5 file")
        version = int(np.asarray(version).item())
    if version == 2:
        return format_2.read(file.content)
    if file.version is None:
        raise StorageError("the file was cut short or edited: its last line, with the SHA-256 of the rest, is missing")
    if version not in (3, FORMAT):  # format 3 lacks groups of the draws, which `completed` makes
        raise StorageError(f"written by another version of bayesctc: found format {version}, up to {FORMAT} are read")
    return of_node(container.read(file.content))


def _fit(parts: Parts, shared: Cohort | None = None) -> BayesFit:
    """A fit from its parts; for a rival, `shared` is the cohort of the main fit."""
    cohort = shared if parts.content is None else Cohort.from_content(parts.content)
    if cohort is None:
        raise StorageError("the part 'cohort' is missing")
    if parts.fingerprint and cohort.fingerprint != parts.fingerprint:
        raise StorageError("the data in the file do not match their fingerprint: the file is damaged or was edited.")
    spec = _spec(parts.spec)
    if "basis" in parts.design:
        design = design_from_json(spec, parts.design)
    else:
        design = Design.settle(cohort, spec).with_nodes(int(parts.design["n_nodes"]))
        parts = format_2.on_the_scale_of_the_fit(parts, design)
    analysis = Analysis.of(cohort, design)
    fit = BayesFit(
        analysis=analysis,
        idata=completed(parts.idata, analysis),
        mode_theta=parts.mode_theta,
        modes=parts.modes,
        notes=tuple(parts.warnings),
    )
    check_fit(fit)
    return replace(fit, rivals=tuple(_fit(rival, cohort) for rival in parts.rivals))


def _spec(stored: dict[str, Any]) -> ModelSpec:
    """The specification; refuses fields that this version does not know."""
    for what, given, known in (("spec", stored, ModelSpec), ("priors", stored["priors"], Priors)):
        unknown = sorted(set(given) - {field.name for field in fields(known)})
        if unknown:
            raise StorageError(f"{what} has the field {unknown[0]!r}, which this version does not know")
    return ModelSpec(**{**stored, "priors": Priors(**stored["priors"])})
