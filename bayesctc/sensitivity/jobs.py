"""One fit of a sensitivity analysis: the job, and its stored record."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri

from bayesctc.criteria.counting import loo_counts
from bayesctc.criteria.loo import Loo, loo
from bayesctc.data import Cohort
from bayesctc.errors import BayesctcError
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.nuts import sample_mode
from bayesctc.inference.settings import Settings
from bayesctc.jobs.task import Outcome
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_PROB
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.sensitivity.targets import COLUMNS as ROW_COLUMNS
from bayesctc.sensitivity.targets import ELPD, Targets, quantities

DONE, FAILED, SAME = "done", "failed", "nothing to vary"
Z = float(ndtri(0.5 + CI_PROB / 2.0))
LEAST_DRAWS = 300  # of a chain: with fewer, R-hat often exceeds the limit even for chains that have mixed


@dataclass(frozen=True)
class Job:
    """A model to fit.

    Attributes
    ----------
    key : str
        Hash of everything that determines the result.
    variation : str
    content : dict
        The variation, for readers of a stored result.
    cohorts : tuple of Cohort
        One, or several completed ones whose draws are pooled; none for the cohort of the base.
    spec : ModelSpec
    targets : Targets
    settings : Settings
        With the seed of this job; see `Settings.alone`.
    method : {"nuts", "ml"}
    counting : bool
        Whether elpd is that of the counts, a common measure for all families.
    keep_fit : bool
        Whether the fit itself is returned.
    notes : tuple of str
        Notes on the patients, for readers of the result.
    """

    key: str
    variation: str
    content: dict
    cohorts: tuple[Cohort, ...]
    spec: ModelSpec
    targets: Targets
    settings: Settings
    method: str = "nuts"
    counting: bool = False
    keep_fit: bool = False
    notes: tuple[str, ...] = ()


def run_job(base: Cohort, job: Job) -> Outcome:
    """Fit a model and compute the target quantities. An error of the package becomes a record with the reason.

    Parameters
    ----------
    base : Cohort
        Of the base analysis.
    job : Job
    """
    cohorts = job.cohorts or (base,)
    try:
        fit, notes, reason = _ml(job, cohorts[0]) if job.method == "ml" else _nuts(job, cohorts)
        elpd = None if job.method == "ml" or len(cohorts) > 1 else _elpd(job, fit)
        record = record_of(job.key, job.variation, job.content, fit, job.targets, elpd, (*job.notes, *notes), reason)
    except BayesctcError as error:
        reason = str(error).splitlines()[0]
        return Outcome(empty_record(job.key, job.variation, job.content, FAILED, reason, job.notes))
    return Outcome(record, fit if job.keep_fit and isinstance(fit, BayesFit) else None)


def _elpd(job, fit):
    criterion = loo_counts if job.counting else loo
    return criterion(fit, max_refits=job.settings.max_refits, progress=False)


def _ml(job, cohort):
    fit = _mode(Analysis.settle(cohort, job.spec), job.settings)
    return fit, fit.warnings, why_not(fit)


def _mode(analysis, settings):
    n = settings.n_starts if analysis.spec.closed_form else -(-settings.n_starts // 2)
    return fit_analysis(analysis, replace(settings, n_starts=n))


def _nuts(job, cohorts):
    """A posterior, its warnings and why it cannot be compared.

    Draws of several cohorts are pooled (Zhou and Reiter, Am Stat 2010;64:159); if one fails, all fail.
    """
    design, settings = Design.settle(cohorts[0], job.spec), job.settings
    if len(cohorts) > 1:  # pooled, they have as many draws as one cohort
        chains, draws = max(2, settings.chains // 2), settings.draws
        draws = max(-(-settings.chains * draws // (chains * len(cohorts))), min(draws, LEAST_DRAWS))
        settings = replace(settings, chains=chains, draws=draws)
    fits = []
    for k, cohort in enumerate(cohorts):
        own = settings.seeded(k)
        ml = _mode(Analysis.of(cohort, design), own)
        fits.append(sample_mode(ml, ml.theta, own))
    if len(fits) == 1:
        return fits[0], fits[0].warnings, why_not(fits[0])
    notes = [f"completed cohort {k}: {note}" for k, fit in enumerate(fits, start=1) for note in fit.warnings]
    failed = [f"completed cohort {k}: {reason}" for k, reason in enumerate(map(why_not, fits), start=1) if reason]
    return _pooled(fits), notes, "; ".join(failed) or None


def _pooled(fits):
    """One fit with the draws of all; they share its design and therefore its scale."""

    def joined(group):
        groups = [fit.idata[group].dataset for fit in fits]
        all_chains = xr.concat(groups, dim="chain", join="outer", coords="minimal", compat="override")
        return all_chains.assign_coords(chain=np.arange(all_chains.sizes["chain"]))

    tree = xr.DataTree(children={group: xr.DataTree(joined(group)) for group in ("posterior", "internal")})
    return replace(fits[0], idata=tree)


def record_of(
    key: str, variation: str, content: dict, fit: MLFit | BayesFit, targets: Targets, elpd: Loo | None, notes, unusable
) -> dict[str, Any]:
    """The stored record of a fit; `unusable` is the reason why it cannot be compared, None if it can."""
    table = quantities(fit, targets)
    record = empty_record(key, variation, content, DONE, "", notes)
    record["unusable"] = unusable or ""
    record["n_patients"] = fit.n_patients
    record["n_events"] = int((fit.packed.event > 0).sum())
    record["labels"] = list(fit.design.layout.coords["latent_class"])
    record["rows"] = [_numbers(row) for row in table[ROW_COLUMNS].itertuples(index=False)]
    if elpd is not None:
        half = Z * elpd.se
        record["rows"].append([ELPD, "", None, elpd.elpd, elpd.elpd - half, elpd.elpd + half, ""])
        record["elpd"] = _numbers(elpd.pointwise["elpd"])
        record["pareto_k"] = _numbers(elpd.pointwise["pareto_k"])
        record["warnings"] += list(elpd.warnings)
    return record


def empty_record(key: str, variation: str, content: dict, status: str, reason: str, notes=()) -> dict[str, Any]:
    """A record without numbers."""
    return {
        "key": key,
        "variation": variation,
        "content": content,
        "status": status,
        "reason": reason,
        "unusable": "",
        "warnings": list(notes),
        "n_patients": None,
        "n_events": None,
        "labels": [],
        "rows": [],
        "elpd": [],
        "pareto_k": [],
    }


def _numbers(row):
    """Numbers and texts for JSON, with null for numbers that are not finite."""
    return [None if isinstance(value, float) and not np.isfinite(value) else value for value in row]


def identity(cohort: Cohort, spec: ModelSpec, targets: Targets, settings: Settings, content: dict) -> dict:
    """What determines a result, apart from seed and version."""
    deciding = ("draws", "tune", "chains", "n_starts", "max_refits", "nuts_sampler")
    return {
        "cohort": cohort.fingerprint,
        "spec": asdict(spec),
        "targets": asdict(targets),
        "settings": {name: getattr(settings, name) for name in deciding},
        "content": content,
        "columns": ROW_COLUMNS,
    }


def frame_of(record: dict) -> pd.DataFrame:
    """The rows of a record."""
    table = pd.DataFrame(record["rows"], columns=ROW_COLUMNS)
    return table.astype(dict.fromkeys(("time", "estimate", "lower", "upper"), float))
