"""A maximum-likelihood fit as JSON values and back, exact to the last bit, for the same patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.model.analysis import Analysis
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.search_facts import SearchFacts


def ml_record(fit: MLFit) -> dict[str, Any]:
    """Everything but the patients and the design, which the reader has."""
    modes = fit.modes
    return {
        "n_nodes": fit.design.n_nodes,
        "time_nodes": fit.design.time_nodes,
        "theta": _plain(fit.theta),
        "log_likelihood": _plain(fit.log_likelihood),
        "criterion": _plain(fit.criterion),
        "covariance": _plain(fit.covariance),
        "modes": {str(name): _plain(modes[name].to_numpy()) for name in modes.columns},
        "mode_thetas": [_plain(theta) for theta in fit.mode_thetas],
        "search_warnings": list(fit.search_warnings),
        "estimate_warnings": list(fit.estimate_warnings),
        "search": fit.search.to_json(),
    }


def ml_fit_of(record: Mapping[str, Any], analysis: Analysis) -> MLFit:
    """The fit that `ml_record` wrote, for the same patients and design."""
    modes = pd.DataFrame({name: _known(values) for name, values in record["modes"].items()})
    modes.index.name = "mode"
    nodes = record["n_nodes"], record.get("time_nodes", 0)
    same = nodes == (analysis.design.n_nodes, analysis.design.time_nodes)
    return MLFit(
        analysis=analysis if same else analysis.with_nodes(*nodes),
        theta=np.array(_known(record["theta"])),
        log_likelihood=_known(record["log_likelihood"]),
        criterion=_known(record["criterion"]),
        covariance=np.array(_known(record["covariance"])),
        modes=modes,
        mode_thetas=tuple(np.array(_known(theta)) for theta in record["mode_thetas"]),
        search_warnings=tuple(record["search_warnings"]),
        estimate_warnings=tuple(record["estimate_warnings"]),
        search=SearchFacts.from_json(record["search"]),
    )


def _plain(value: Any) -> Any:
    """Lists, numbers and text; a non-finite number by its name, because JSON has none."""
    if isinstance(value, np.ndarray | list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return {"float": repr(value)} if isinstance(value, float) and not np.isfinite(value) else value


def _known(value: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(value, list):
        return [_known(each) for each in value]
    return float(value["float"]) if isinstance(value, dict) else value
