"""The joint model in a comparison, with classes specific to its endpoint: fitted here, or given."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayesctc.criteria.survival_given_counts import aic_parts, loo_survival
from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.nuts import fit_bayes
from bayesctc.inference.settings import Settings
from bayesctc.model.spec import ModelSpec
from bayesctc.predict.hazard_ratios import class_ratios
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.usable import why_not

Joint = bool | Mapping[str, BayesFit]
ALLOWED = "allowed: True, False, or a BayesFit by endpoint, such as {'os': fit}"


def check_joint(joint: Joint, endpoints: Sequence[str], n_classes: int) -> None:
    """Refuse anything but a truth value or posteriors of these endpoints.

    Raises
    ------
    SpecError
    """
    if isinstance(joint, bool):
        return
    if not isinstance(joint, Mapping):
        raise SpecError(f"joint: found {type(joint).__name__}; {ALLOWED}.")
    for name, fit in joint.items():
        if name not in endpoints:
            raise SpecError(f"joint: found the endpoint {name!r}; allowed: one of {', '.join(endpoints)}.")
        if not isinstance(fit, BayesFit):
            raise SpecError(f"joint[{name!r}]: found {type(fit).__name__}; {ALLOWED}.")
        if fit.spec.endpoint != name:
            raise SpecError(f"joint[{name!r}]: found a fit with endpoint={fit.spec.endpoint!r}; allowed: {name!r}.")
        if fit.spec.n_classes != n_classes:
            raise SpecError(
                f"joint[{name!r}]: found a fit with {fit.spec.n_classes} classes; allowed: {n_classes}, as in spec."
            )


def check_patients(joint: Joint, cohort: Cohort) -> None:
    """Refuse posteriors with patients, samples or follow-up other than those compared.

    Parameters
    ----------
    joint : bool or mapping of endpoint to BayesFit
    cohort : Cohort
        Patients with every reading, at the landmark if there is one.

    Raises
    ------
    SpecError
    """
    for name, fit in {} if isinstance(joint, bool) else joint.items():
        data, own = cohort.endpoint(name), fit.cohort.endpoint(name)
        same = data.patient_ids == own.patient_ids and all(
            np.array_equal(getattr(data, each), getattr(own, each)) for each in ("time", "event", "entry")
        )
        columns = ["patient_id", "time", "ctc", "volume_ml"]
        if not same or not _equal(data.samples, own.samples, columns):
            raise SpecError(
                f"joint[{name!r}]: found a fit to {len(own.patient_ids)} patients that are not the "
                f"{len(data.patient_ids)} compared, or whose samples or follow-up differ (patients without a baseline "
                "or cycle-2 sample are excluded, and a landmark moves the start); allowed: a fit to the cohort of the "
                "comparison, which is Comparison.cohort of a call with joint=False."
            )


def adjusted_otherwise(joint: Joint, confounders: str) -> list[str]:
    """Warnings about posteriors that adjust for other covariates than the comparison."""
    given = {} if isinstance(joint, bool) else joint
    return [
        f"{name}: the given joint fit adjusts survival for {fit.spec.survival!r}, but the comparison for "
        f"{confounders!r}"
        for name, fit in given.items()
        if fit.spec.survival.replace(" ", "") != confounders.replace(" ", "")
    ]


def _equal(first: pd.DataFrame, second: pd.DataFrame, columns: list[str]) -> bool:
    """Whether samples are the same, row by row."""
    return (
        len(first) == len(second)
        and set(columns) <= set(second.columns)
        and all(np.array_equal(first[column].to_numpy(), second[column].to_numpy()) for column in columns)
    )


def joint_rows(cohort: Cohort, spec: ModelSpec, settings: Settings, fit: BayesFit | None = None):
    """The joint model: fit, hazard ratios of its classes, criteria; and why they cannot be compared.

    A given fit is a posterior, without maximum-likelihood ratios or AIC.
    """
    ml = None
    if fit is None:
        ml = fit_ml(cohort, spec, settings=settings)
        fit = fit_bayes(cohort, spec, ml=ml, settings=settings)
    rows = []
    for method, result in (("joint ML", ml), ("joint Bayes", fit)):
        for row in [] if result is None else class_ratios(result).to_dict("records"):
            numbers = (row[c] for c in ("estimate", "lower", "upper"))
            rows.append((row["cause"], "tctc", row["level"], row["reference"], method, *numbers, pd.NA, row["kind"]))
    loo = loo_survival(fit, max_refits=settings.max_refits, progress=settings.progress)
    no_ml = why_not(ml) if ml is not None else None
    parts = aic_parts(ml) if ml is not None and not no_ml else None
    why = "the given fit is a posterior" if ml is None else f"the maximum-likelihood fit failed ({no_ml})"
    notes = [*loo.warnings, *fit.warnings, *([f"no AIC: {why}"] if parts is None else [])]
    criterion = {
        "aic_weibull": pd.NA if parts is None else parts.survival_given_longitudinal,
        "aic_longitudinal": pd.NA if parts is None else parts.longitudinal,
        "elpd": loo.elpd,
        "se": loo.se,
        "n_high_k": loo.n_high_k,
        "note": "; ".join(notes),
    }
    return fit, rows, criterion, loo, {("tctc", "joint ML"): no_ml, ("tctc", "joint Bayes"): why_not(fit)}
