"""Accuracy of predictions at landmarks: discrimination, error and calibration, compared with simpler models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.accuracy.assessment import COLUMNS, DIFFERENCES, EPOCE, JOINT, Assessment
from bayesctc.accuracy.at_risk import AtRisk, at_risk
from bayesctc.accuracy.baselines import Predicted, baselines
from bayesctc.accuracy.epoce import optimism
from bayesctc.accuracy.verdict import sentences
from bayesctc.arguments import seed
from bayesctc.data import Cohort
from bayesctc.data.endpoint import checked_cause
from bayesctc.data.outcome import CTC_COUNT, Outcome, former_marker
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.predict.landmark import checked_horizons, checked_landmark, checked_months, known_at
from bayesctc.predict.landmark_survival import expected_at_landmark
from bayesctc.results.applied import Applied
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classified import need_endpoint
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown

CVPOL = "cvpol"
APPARENT = "the model was fitted to these patients: apparent accuracy, which is optimistic; see cross_validate"


@dataclass(frozen=True, eq=False, repr=False)
class Accuracy(Shown):
    """Accuracy of predicted survival, by landmark, horizon, measure and model.

    Attributes
    ----------
    table : DataFrame
        landmark (months from the start of treatment), horizon (months after it; <NA> for measures without one),
        measure, model, estimate, lower, upper; difference from the joint model (this model minus the joint model),
        difference_se, difference_lower, difference_upper; n_patients (at risk), n_events (by the horizon), note, usable
        and reason (why a row is not usable: its model failed, so that there is no difference either, or it has no
        estimate). Measures: "auc" (cumulative/dynamic, higher is better), "brier" (lower is better), both weighted by
        the inverse probability of censoring; "observed_expected" (1 - Kaplan-Meier, or the Aalen-Johansen estimate,
        over the mean predicted risk; 1 is best); "epoce" (cross-entropy of the event's density in months, lower is
        better), and "cvpol", the same corrected for predicting the patients of the fit. Limits are 95 % percentiles
        over 500 resamples of the patients, standard errors are from the delete-one jackknife over patients
        (`ipcw.jackknife_error`); both are paired, with censoring weights re-estimated and predictions held fixed.
        Models: "joint model"; "bCTC" and "b2CTC" (Weibull regressions); "Cox: last", "Cox: mean" and "Cox: last +
        baseline" (Cox regressions on values up to the landmark, on the scale of the growth curve, for counts
        log(1 + count per 7.5 mL)); "Kaplan-Meier", or "Aalen-Johansen".
    calibration : DataFrame
        landmark, horizon, model, group (1 the lowest risk), n_patients, n_events, predicted, observed, lower, upper
        (95 %).
    predictions : DataFrame
        landmark, patient_id, time, event (1; with competing events 1 is `cause` and 2 another), model, horizon,
        survival_function (with competing events cumulative_incidence of the cause).
    left_out : DataFrame
        landmark, reason, n_patients.
    endpoint : str
    kind : str
        Whether the models were fitted to these patients.
    warnings : tuple of str
        Reasons not to trust the figures as they stand.
    outcome : Outcome
        What the samples hold.
    cause : str
        With competing events the cause that is predicted: a patient has it by the horizon (a case) or not (a control,
        free of every event or with another). "" if there is one event.

    Examples
    --------
    >>> accuracy = bc.prediction_accuracy(fit, cohort, landmarks=[3], horizons=[12])
    >>> accuracy.table.loc[accuracy.table["measure"] == "auc", ["model", "estimate"]].round(2).head(3)
          model estimate
    joint model     0.66
           bCTC     0.62
          b2CTC     0.66
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    predictions: pd.DataFrame
    left_out: pd.DataFrame
    endpoint: str
    kind: str
    warnings: tuple[str, ...]
    outcome: Outcome = CTC_COUNT
    cause: str = ""
    marker = property(former_marker)

    @property
    def event_name(self) -> str:
        """The endpoint, with the predicted cause if events compete."""
        return f"{self.endpoint} ({self.cause})" if self.cause else self.endpoint

    @property
    def sentences(self) -> tuple[str, ...]:
        """Whether the joint model predicts better than simpler ones: a summary, then one per landmark and horizon."""
        return sentences(self.table, self.event_name, self.kind, self.outcome)

    @property
    def sentence(self) -> str:
        """`sentences` as one text."""
        return " ".join(self.sentences)

    @property
    def failed(self) -> str:
        """Why the joint model is not compared; "" if it is."""
        own = self.table[(self.table["model"] == JOINT) & self.table["estimate"].notna()]
        return str(own["reason"].iloc[0]) if len(own) else ""

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        wide = self.table.pivot_table(
            index=["landmark", "horizon", "measure"], columns="model", values="estimate", sort=False, dropna=True
        )
        yield f"Accuracy of predicted {self.event_name}, {self.kind}"
        yield wide.round(3)
        if self.failed:
            yield f"{JOINT}: fit failed, not compared ({self.failed})"
        yield from self.sentences
        yield from (f"warning: {text}" for text in self.warnings)


def prediction_accuracy(
    fit: MLFit | BayesFit,
    cohort: Cohort,
    landmarks: Sequence[float],
    horizons: Sequence[float],
    *,
    cause: str | None = None,
    random_seed: int = 0,
) -> Accuracy:
    """Compare predictions at landmarks with observed outcomes, for the joint model and simpler models.

    At each landmark, survival of the patients at risk is predicted from their counts up to it, as in
    `predict_survival`. Simpler models, fitted to the patients of the fit who are at risk at the same landmark, predict
    the same patients: Weibull regressions on b2CTC and bCTC, Kaplan-Meier, and Cox regressions on the last log count up
    to the landmark, on the mean of all, and on the last and the baseline value. A simpler model that cannot be fitted
    has no figures, and a reason. `Accuracy.sentence` reports where one of them is as good as the joint model or better.

    With competing events the cumulative incidence of `cause` is predicted. A patient who has had that event by the
    horizon is a case, and every other patient a control, whether free of every event or with another (Blanche et al.,
    Biometrics 2015;71:102; Brier score: Schoop et al., Biom J 2011;53:88). Regressions are fitted to the hazard of the
    cause and to that of the other events, and the Aalen-Johansen estimate replaces Kaplan-Meier's.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    cohort : Cohort
        Patients and their outcomes. With the patients of the fit, accuracy is apparent; `cross_validate` predicts each
        patient by a model fitted without that patient.
    landmarks : sequence of float
        Months from the start of treatment, 0 or more.
    horizons : sequence of float
        Months after the landmark.
    cause : str, optional
        With competing events the cause that is predicted; the first unless given.
    random_seed : int
        Of the resamples behind the intervals.

    Returns
    -------
    Accuracy

    Raises
    ------
    SpecError
        The first argument is not a fit or the second not a cohort, the fit has no endpoint or no such cause, or
        landmarks or horizons are not months.
    DataError
        At a landmark no patient is at risk or has the event later; the cohort lacks columns that the model reads, or
        is in another unit.

    Examples
    --------
    >>> bc.prediction_accuracy(fit, cohort, landmarks=[3], horizons=[12]).kind
    'apparent (the patients of the fit)'
    """
    random_seed = seed(random_seed)
    if isinstance(fit, MLFit | BayesFit):
        need_endpoint(fit, "prediction_accuracy")
    applied = Applied.of(fit, cohort)
    starts, ahead = checked_landmarks(landmarks), checked_horizons(horizons)
    same = fit.cohort.fingerprint == cohort.fingerprint
    endpoint = str(fit.spec.endpoint)
    cause = checked_cause(endpoint, fit.design.causes, cause)
    tests = [at_risk(cohort, endpoint, landmark, cause) for landmark in starts]
    trains = tests if same else [at_risk(fit.cohort, endpoint, landmark, cause) for landmark in starts]
    thetas, rng = fit.classifying_thetas, np.random.default_rng(random_seed)
    parts, corrections = [], []
    for test, train in zip(tests, trains, strict=True):
        known = known_at_risk(cohort, fit.design, test)
        models = {JOINT: joint_model(known, thetas, test, ahead), **baselines(train, test, ahead)}
        parts.append(Assessment.of(test, models, ahead, rng))
        if same and isinstance(fit, MLFit) and fit.has_intervals:
            places = applied.analysis.patient_index.get_indexer(test.patient_ids)
            corrections.append(optimism(fit, known, places, test.time, test.event, test.code))
    notes = [APPARENT] if same else []
    notes += [f"the fitted model: {text}" for text in fit.warnings]
    notes += about_landmarks(fit.analysis, cohort, tests, ahead)
    kind = "apparent (the patients of the fit)" if same else "in new patients"
    return assembled(parts, corrections, (endpoint, cause), kind, notes, why_not(fit), cohort.outcome)


def checked_landmarks(landmarks) -> np.ndarray:
    """Landmarks in months, increasing."""
    values = [landmarks] if np.ndim(landmarks) == 0 else list(landmarks)
    for value in values:
        checked_landmark(value)
    return checked_months(values, "landmarks", -1.0, "from the start of treatment, 0 or more")


def known_at_risk(cohort: Cohort, design: Design, risk: AtRisk) -> Analysis:
    """The patients at risk, with the data known at the landmark."""
    design.check_outcome(cohort)
    return known_at(design, cohort, risk.landmark, risk.patient_ids)


def joint_model(known: Analysis, thetas, test: AtRisk, horizons) -> Predicted:
    """Predictions of a joint model, averaged over thetas."""
    return Predicted(*expected_at_landmark(known, thetas, test.landmark, horizons, test.time, test.event, test.code))


def about_landmarks(analysis: Analysis, cohort: Cohort, risks: Sequence[AtRisk], horizons) -> list[str]:
    """Warnings about the landmarks: `past_the_data` and `carried_forward`."""
    landmarks = [risk.landmark for risk in risks]
    return [*past_the_data(analysis, landmarks, horizons), *carried_forward(analysis.design, cohort, risks)]


def past_the_data(analysis: Analysis, landmarks, horizons) -> list[str]:
    """A warning if predictions reach beyond the follow-up of the fit."""
    last = float(analysis.packed.time.max())
    beyond = [f"{L:g} + {h:g}" for L in landmarks for h in horizons if L + h > last]
    if not beyond:
        return []
    return [f"extrapolation: {', '.join(beyond)} months are beyond the longest follow-up of the fit ({last:.1f})"]


def carried_forward(design: Design, cohort: Cohort, risks: Sequence[AtRisk]) -> list[str]:
    """A note on the values of changing covariates that are not used, by landmark."""
    if not design.interval_types:
        return []
    rows = cohort.intervals
    assert rows is not None
    left = [
        f"{int((rows['patient_id'].isin(risk.patient_ids) & (rows['start'] > risk.landmark)).sum())} at "
        f"{risk.landmark:g} months"
        for risk in risks
    ]
    names = ", ".join(design.interval_types)
    return [f"{names}: values known at the landmark are carried forward; later rows excluded: {', '.join(left)}"]


def assembled(
    parts: Sequence[Assessment], corrections: Sequence[float], of: tuple[str, str], kind, notes, failed, outcome
) -> Accuracy:
    """The result of all landmarks, for an endpoint and a cause; `failed` is why the joint model is not compared."""
    rows = []
    for k, part in enumerate(parts):
        rows += part.rows
        mpol = next(row for row in part.rows if row[2] == EPOCE and row[3] == JOINT)
        if corrections:
            nothing = [np.nan] * 6
            rows.append((*mpol[:2], CVPOL, JOINT, mpol[4] + corrections[k], *nothing, *mpol[11:13], "no interval"))
    table = pd.DataFrame(rows, columns=COLUMNS)
    if failed:
        table[DIFFERENCES] = np.nan
    own, known = table["model"] == JOINT, np.isfinite(table["estimate"])
    table["reason"] = np.where(own, failed or "", "")
    table["reason"] = table["reason"].where(known | (table["reason"] != ""), table["note"].replace("", "no estimate"))
    table.insert(len(COLUMNS), "usable", table["reason"] == "")
    calibration = pd.concat([part.calibration for part in parts], ignore_index=True)
    first = ["landmark", "horizon", "model"]
    if len(calibration):
        calibration = calibration[[*first, *(c for c in calibration.columns if c not in first)]]
    predictions = pd.concat([part.predictions for part in parts], ignore_index=True)
    predicted = "cumulative_incidence" if of[1] else "survival_function"
    predictions = predictions[["landmark", "patient_id", "time", "event", "model", "horizon", predicted]]
    left_out = pd.concat([part.risk.left_out for part in parts], ignore_index=True)
    told = dict.fromkeys([*notes, *(note for part in parts for note in part.risk.notes)])
    return Accuracy(table, calibration, predictions, left_out, of[0], kind, tuple(told), outcome, of[1])
