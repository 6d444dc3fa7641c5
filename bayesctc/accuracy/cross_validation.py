"""Accuracy of predictions by models fitted without the patient: cross-validation over patients."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Unpack

import numpy as np

from bayesctc import arguments
from bayesctc.accuracy.accuracy import (
    Accuracy,
    about_landmarks,
    assembled,
    checked_landmarks,
    joint_model,
    known_at_risk,
)
from bayesctc.accuracy.assessment import JOINT, Assessment
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.accuracy.baselines import Predicted, baselines
from bayesctc.data import Cohort
from bayesctc.data.endpoint import checked_cause
from bayesctc.errors import SpecError
from bayesctc.inference.ml import MLOptions, Refit, fit_ml, refit_from
from bayesctc.inference.settings import FITTED, Settings
from bayesctc.jobs.run import all_done, carry_out
from bayesctc.jobs.store import Store, digest, key_of
from bayesctc.jobs.task import Outcome, Task
from bayesctc.model.analysis import Analysis
from bayesctc.model.spec import ModelSpec
from bayesctc.predict.landmark import checked_horizons
from bayesctc.progress import Progress
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.ml_record import ml_fit_of, ml_record
from bayesctc.results.usable import why_not


class CrossValidationOptions(MLOptions, total=False):
    """Keywords of `cross_validate`: its settings, and the competing event that is predicted."""

    cause: str | None


def cross_validate(
    cohort: Cohort,
    spec: ModelSpec,
    landmarks: Sequence[float],
    horizons: Sequence[float],
    *,
    folds: int = 5,
    folder: str | Path | None = None,
    settings: Settings = FITTED,
    **options: Unpack[CrossValidationOptions],
) -> Accuracy:
    """Cross-validated accuracy of a specification's predictions, each patient predicted by a model fitted without them.

    Patients are assigned to folds at random, with events (of each cause) spread evenly. The model is fitted by maximum
    likelihood to all patients, and then to the patients outside each fold, starting from all interior modes of the
    first fit. Only these starting modes, spline and hazard knots, factor levels and the means of centred covariates are
    carried over. Predictions of the folds are pooled and measured once, the AUC from pairs within a fold. The simpler
    models (see `prediction_accuracy`) are also refitted in each fold, and one that cannot be fitted in a fold has no
    figures.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
        With an endpoint.
    landmarks, horizons : sequence of float
        Months from the start of treatment, 0 or more; months after the landmark.
    folds : int
        2 or more; each fold needs a patient with the event.
    folder : str or Path, optional
        The fit to all patients and that of each fold are stored there as they finish, and reused by a later run with
        the same data, specification, settings and version, so that an interrupted run is completed by running it again.
    settings : Settings
        random_seed (0) of the folds, the starts of the search and the resamples; n_starts (20) of the search with all
        patients; executor (which runs the starts, and then the folds; without it they run one after another); progress
        (True).
    **options
        Single settings, such as ``n_starts=50``, and cause: with competing events the one predicted (the first).

    Returns
    -------
    Accuracy

    Raises
    ------
    SpecError
        The specification has no endpoint or no such cause, landmarks or horizons are not months, or folds is invalid.
    DataError
        The specification cannot be used with the data, or at a landmark no patient is at risk or has the event later.
    FitError
        No start ended in an interior mode.
    StorageError
        The folder cannot be written to, or holds a damaged result.

    Examples
    --------
    >>> bc.cross_validate(cohort, spec, [3], [12], folds=2, n_starts=2, progress=False).kind
    '2-fold cross-validated over patients'
    """
    how = Settings.of(cross_validate, settings, options)
    arguments.of_kind("cohort", cohort, Cohort)
    arguments.of_kind("spec", spec, ModelSpec)
    if spec.endpoint is None:
        raise SpecError("cross_validate needs a survival model; this specification has endpoint=None.")
    starts, ahead = checked_landmarks(landmarks), checked_horizons(horizons)
    data = cohort.endpoint(spec.endpoint)
    cause = checked_cause(spec.endpoint, data.causes, options.get("cause"))
    at_landmarks = [at_risk(cohort, spec.endpoint, landmark, cause) for landmark in starts]
    folds = _checked_folds(folds, min(int(event.sum()) for event in data.by_cause().values()))
    rng, store = np.random.default_rng(how.random_seed), Store(folder)
    full = _everybody(cohort, spec, how, store)
    fold = _dealt(full, folds, rng)
    notes = [f"the model fitted to all patients: {text}" for text in full.warnings]
    failed = [reason for reason in (why_not(full),) if reason]
    fits = _without_each(full, fold, how, store)
    failed += [f"fold {k}: {text}" for k, fit in enumerate(fits, start=1) for text in fit.warnings]
    parts = [_assessed(full, fits, fold, risk, ahead, rng) for risk in at_landmarks]
    notes += [*failed, *about_landmarks(full.analysis, cohort, at_landmarks, ahead)]
    kind = f"{folds}-fold cross-validated over patients"
    return assembled(parts, (), (spec.endpoint, cause), kind, notes, "; ".join(failed), cohort.outcome)


def _checked_folds(folds, n_events) -> int:
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or not 2 <= folds <= n_events:
        raise SpecError(
            f"folds has to be a whole number from 2 to {n_events} (patients with the event); found {folds!r}."
        )
    return int(folds)


def _key(what, cohort, spec, settings):
    """Hash of the inputs of a fit."""
    return key_of(what, cohort.fingerprint, asdict(spec), settings.n_starts, settings.random_seed)


def _everybody(cohort, spec, settings, store) -> MLFit:
    """The fit to all patients, kept in the store."""
    key, name = _key("cross_validate", cohort, spec, settings), "all patients"
    record = store.get(key, name)
    if record is not None:
        return ml_fit_of(record, Analysis.settle(cohort, spec))
    fit = fit_ml(cohort, spec, settings=settings)
    store.put(key, name, ml_record(fit))
    return fit


def _without_each(full: MLFit, fold: np.ndarray, settings: Settings, store: Store) -> list[Refit]:
    """The model fitted without the patients of each fold."""
    folds = int(fold.max()) + 1
    same = _key(["cross_validate", folds], full.cohort, full.spec, settings)
    tasks = [Task(digest([same, k]), f"fold {k + 1} of {folds}", k) for k in range(folds)]
    with Progress(settings.progress) as bar:
        what, executor = "cross-validation", settings.executor
        records = carry_out(tasks, _without, (full, fold), store=store, executor=executor, bar=bar, what=what)
    return [Refit(np.array(record["theta"]), tuple(record["warnings"])) for record in all_done(records)]


def _without(common: tuple[MLFit, np.ndarray], k: int) -> Outcome:
    """The model fitted without the patients of one fold."""
    full, fold = common
    found = refit_from(full, np.flatnonzero(fold != k))
    return Outcome({"theta": found.theta.tolist(), "warnings": list(found.warnings)})


def _dealt(full: MLFit, folds: int, rng) -> np.ndarray:
    """Fold of each patient, from 0; patients with the event (by cause) and the others are assigned in turn."""
    event, fold = full.packed.event, np.empty(full.n_patients, dtype=int)
    for of in np.unique(event)[::-1]:
        places = rng.permutation(np.flatnonzero(event == of))
        fold[places] = np.arange(len(places)) % folds
    return fold


def _assessed(full, fits, fold, risk, horizons, rng) -> Assessment:
    """The figures of one landmark, each patient predicted by the models of the patient's fold."""
    known = known_at_risk(full.cohort, full.design, risk)
    of = fold[full.analysis.patient_index.get_indexer(risk.patient_ids)]
    pooled = _pooled(known, [fit.theta for fit in fits], risk, of, horizons)
    return Assessment.of(risk, pooled, horizons, rng, of)


def _pooled(known, thetas, risk, fold, horizons):
    """Predictions of all patients at risk, each by the models of the patient's fold."""
    parts: dict[str, list] = {}
    for k, theta in enumerate(thetas):
        here = fold == k
        if not here.any():
            continue
        test, train = risk.take(here), risk.take(~here)
        own = known.take(np.flatnonzero(here))
        found = {JOINT: joint_model(own, theta[None], test, horizons), **baselines(train, test, horizons)}
        for name, predicted in found.items():
            parts.setdefault(name, []).append((here, predicted))
    return {name: _joined(each, len(fold), len(horizons)) for name, each in parts.items()}


def _joined(parts, n, n_horizons) -> Predicted:
    free, density = np.full((n, n_horizons), np.nan), np.full(n, np.nan)
    for here, predicted in parts:
        free[here] = predicted.free
        if predicted.log_density is not None:
            density[here] = predicted.log_density
    counts = Counter(predicted.note for _, predicted in parts if predicted.note)
    notes = [note if k == len(parts) else f"{note} (in {k} of {len(parts)} folds)" for note, k in counts.items()]
    return Predicted(free, None if np.isnan(density).any() else density, "; ".join(notes))
