"""Validation of a fitted model in new patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.accuracy.calibration import Calibration, calibrate
from bayesctc.comparison.levels import hazard_ratio_table, level_terms, regression_rows, tried
from bayesctc.comparison.readings import Reading, tctc
from bayesctc.data import Cohort
from bayesctc.data.endpoint import checked_cause
from bayesctc.errors import DataError, SpecError
from bayesctc.predict.beyond import unlike_the_fit
from bayesctc.predict.hazard_ratios import class_ratios
from bayesctc.results.applied import Applied
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown
from bayesctc.time_to_event.concordance import concordance
from bayesctc.time_to_event.cox import cox_regression

NOT_A_FORECAST = (
    "Classes use samples drawn during follow-up, so this is how well they describe survival, not predict it. To assess "
    "prediction, validate at a landmark (cohort.landmark(months)) or on pretreatment samples (cohort.at_baseline())."
)


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Shown):
    """The result of `validate`.

    Attributes
    ----------
    applied : Applied
        The fit's parameters with the new patients; `plot_survival` draws it.
    class_probabilities : DataFrame (n_patients, n_classes)
        P(g | y) of the new patients: counts alone.
    reading : Reading
        Their most probable classes.
    classes : DataFrame
        latent_class, n, percent, percent_fitted (of the patients the model was fitted to), average_posterior.
    hazard_ratios : DataFrame
        endpoint, cause ("" if there is one event), reading, level, reference, method, estimate, lower, upper (95 %), p,
        note, usable and reason (why a row is not usable, such as a fit that failed). Methods: "Cox, new patients"
        (modal class, unadjusted), and "fitted model" (estimates of the fit in its own patients).
    concordance : DataFrame
        endpoint, cause, of ("class", in the order of the counts; "predicted risk by ... months"), estimate, lower,
        upper, n_pairs. With competing events the others are censored.
    calibration : Calibration or None
        Observed and expected events of the fit's endpoint (of one cause), by class, and the calibration slope.
    flow : DataFrame
        Patients excluded, and why.
    sentence : str
    warnings : tuple of str

    Examples
    --------
    >>> others = bc.Cohort(*bc.generate_trial(7)).include(min_samples=3)
    >>> validation = bc.validate(fit, others, endpoints=["os"])
    >>> float(validation.concordance["estimate"].iloc[0].round(1))
    0.6
    """

    applied: Applied
    class_probabilities: pd.DataFrame
    reading: Reading
    classes: pd.DataFrame
    hazard_ratios: pd.DataFrame
    concordance: pd.DataFrame
    calibration: Calibration | None
    flow: pd.DataFrame
    sentence: str
    warnings: tuple[str, ...]

    def _shown(self) -> Iterator[str]:
        yield self.sentence
        yield from (f"warning: {text}" for text in self.warnings)

    def _tables(self) -> Iterator[pd.DataFrame]:
        yield self.classes.round(3)
        causes = ["cause"] if self.hazard_ratios["cause"].any() else []
        shown = ["endpoint", *causes, "level", "reference", "method", "estimate", "lower", "upper"]
        yield self.hazard_ratios[shown].round(3)


def validate(
    fit: MLFit | BayesFit, cohort: Cohort, *, endpoints: Sequence[str] | None = None, cause: str | None = None
) -> Validation:
    """Classify new patients by a fitted model and compare their survival with its predictions.

    Parameters, knots, factor levels and means of covariates are those of the fit. Classes are based on the counts
    alone, with one classification for all endpoints; with delayed entry, given being at risk at entry.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With ``endpoint=None`` there is no calibration, because survival is not modelled.
    cohort : Cohort
        New patients. `Cohort.landmark` and `Cohort.at_baseline` give the data known at a landmark, or from one
        pretreatment sample.
    endpoints : sequence of str, optional
        Endpoints of the hazard ratios and of concordance; by default the fit's, or all of the cohort's. With competing
        events they are cause-specific, with the other causes censored.
    cause : str, optional
        With competing events of the fit's endpoint, the cause for calibration; the first unless given.

    Returns
    -------
    Validation

    Raises
    ------
    SpecError
        An argument is not a fit, a cohort, a list of endpoints, or a cause of the fit's endpoint.
    DataError
        The cohort lacks an endpoint or a covariate, its competing events differ, a covariate has a level that is not in
        the model's data, or follow-up is in another unit.

    Examples
    --------
    >>> others = bc.Cohort(*bc.generate_trial(7)).include(min_samples=3)
    >>> validation = bc.validate(fit, others, endpoints=["os"])
    >>> validation.classes["latent_class"].tolist()
    ['class 1', 'class 2']
    """
    applied = Applied.of(fit, cohort)
    names = _endpoints(fit, cohort, endpoints)
    cause = checked_cause(str(fit.spec.endpoint), fit.design.causes, cause)
    if fit.spec.endpoint is not None:
        own = cohort.endpoint(fit.spec.endpoint, require_events=False)
        own.need_known_times("validate (observed and expected events)")
    probabilities = applied.class_probabilities_counts
    reading = tctc(probabilities)
    calibration = None if fit.spec.endpoint is None else calibrate(applied, reading.levels, cause)
    ratios = [_new_ratios(cohort, name, reading, why_not(fit)) for name in names]
    if fit.spec.endpoint is not None:
        ratios.append(_fitted_ratios(fit, reading))
    pairs = [row for name in names for row in _concordances(applied, name, reading, calibration)]
    return Validation(
        applied=applied,
        class_probabilities=probabilities,
        reading=reading,
        classes=_classes(fit, probabilities, reading),
        hazard_ratios=pd.concat(ratios, ignore_index=True),
        concordance=pd.DataFrame(pairs, columns=["endpoint", "cause", "of", "estimate", "lower", "upper", "n_pairs"]),
        calibration=calibration,
        flow=cohort.flow(fit.spec.endpoint),
        sentence=_sentence(applied, calibration),
        warnings=tuple(_warnings(applied, reading)),
    )


def _endpoints(fit, cohort, endpoints):
    """Requested endpoints, each with events."""
    if isinstance(endpoints, str):
        raise SpecError(f"endpoints has to be a list such as ['os', 'pfs']; found the text {endpoints!r}.")
    if endpoints is not None:
        names = list(endpoints)
    else:
        names = [fit.spec.endpoint] if fit.spec.endpoint is not None else list(cohort.endpoints)
    if not names:
        raise DataError("validate: found no endpoint to validate the classes on; allowed: one or more")
    for name in names:
        cohort.endpoint(name).need_known_times("validate (Cox regressions and concordance)")
    return names


def _followed(cohort, name, ids):
    """The endpoint's time, events by cause and entry of the classified patients, and their identifiers."""
    data = cohort.endpoint(name)
    kept = [i for i in data.patient_ids if i in ids]
    place = pd.Index(data.patient_ids).get_indexer(kept)
    return kept, data.time[place], {c: event[place] for c, event in data.by_cause().items()}, data.entry[place]


def _new_ratios(cohort, name, reading, reason):
    """Cox regressions of the new patients on their modal class, of each cause."""
    kept, time, events, entry = _followed(cohort, name, reading.levels.index)
    levels, rows = reading.levels.loc[kept], []
    for cause, event in events.items():
        terms = level_terms(levels, event)
        used = ~levels.isin(list(terms.silent)).to_numpy()
        design = terms.columns.drop(columns=list(terms.silent))[used]
        found, why = tried(cox_regression, time[used], event[used], design, entry=entry[used])
        rows += regression_rows(cause, reading, "Cox, new patients", found, terms.empty | terms.silent, why)
    return hazard_ratio_table(name, rows, {(reading.name, "Cox, new patients"): reason})


def _fitted_ratios(fit, reading):
    """Hazard ratios of the fit in its own patients."""
    rows = [
        (
            row["cause"],
            reading.name,
            row["level"],
            row["reference"],
            "fitted model",
            row["estimate"],
            row["lower"],
            row["upper"],
            pd.NA,
            row["kind"],
        )
        for row in class_ratios(fit).to_dict("records")
    ]
    return hazard_ratio_table(fit.spec.endpoint, rows, {(reading.name, "fitted model"): why_not(fit)})


def _classes(fit, probabilities, reading):
    """Sizes of the classes in both sets of patients, by counts alone."""
    before = tctc(fit.class_probabilities_counts).table["percent"]
    highest = probabilities.max(axis=1)
    table = reading.table.rename_axis("latent_class")
    average = highest.groupby(reading.levels, observed=False).mean().astype("Float64")
    return table.assign(percent_fitted=before, average_posterior=average).reset_index()


def _concordances(applied, name, reading, calibration):
    """Concordance of the class and, for the model's own endpoint, of the predicted risk."""
    kept, time, events, entry = _followed(applied.cohort, name, reading.levels.index)
    for cause, event in events.items():
        risks = {"class": reading.levels.loc[kept].cat.codes.to_numpy(dtype=float)}
        if calibration is not None and (name, cause) == (applied.spec.endpoint, calibration.cause):
            risks[f"predicted risk by {calibration.horizon:.1f} months"] = calibration.risk
        for what, risk in risks.items():
            c = concordance(time, event, risk, entry=entry)
            yield name, cause, what, c.estimate, c.lower, c.upper, c.n_pairs


def _samples(applied):
    """The samples used for classification, with the patient's entry."""
    samples, patients = applied.analysis.tables()
    return samples.assign(entry=patients["_entry"].reindex(samples["patient_id"]).to_numpy())


def _warnings(applied, reading):
    """Warnings about the results."""
    fit = applied.fit
    if fit.cohort.fingerprint == applied.cohort.fingerprint:
        yield "the model was fitted to these patients: apparent performance, not a validation"
    yield from unlike_the_fit(fit, applied.cohort)
    without = applied.n_patients - _samples(applied)["patient_id"].nunique()
    if without:
        yield f"{without} patients have no sample: their class probabilities are those of the whole mixture"
    for level, n in reading.table["n"].items():
        if n == 0:
            yield f"no patient is assigned to {level}"
    yield from (f"the fitted model: {text}" for text in fit.warnings)


def _sentence(applied, calibration):
    """Summary of the classification and calibration."""
    samples = _samples(applied)
    n, late = applied.n_patients, bool((samples["time"] > np.maximum(samples["entry"], 0.0)).any())
    text = f"{n} patients classified from {len(samples)} samples under the fitted model."
    failed = why_not(applied.fit)
    if failed:
        return f"{text} That fit failed ({failed}), so these results do not validate it."
    if calibration is not None:
        row, of = calibration.events.iloc[0], f" ({calibration.cause})" if calibration.cause else ""
        text += (
            f" {applied.spec.endpoint}{of}: {row['observed']} events observed, {row['expected']:.1f} expected (ratio "
            f"{row['ratio']:.2f}, {CI_TEXT} interval {row['lower']:.2f} to {row['upper']:.2f})."
        )
    return f"{text} {NOT_A_FORECAST}" if late else text
