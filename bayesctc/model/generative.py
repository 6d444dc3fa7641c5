"""The generative model: classes, random effects, counts and survival drawn in the order the model states them."""

import numpy as np
import pandas as pd

from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.layout import TO_NATURAL
from bayesctc.model.survival import cumulative_hazard


def simulate(
    design: Design,
    theta,
    patients: pd.DataFrame,
    schedule: pd.DataFrame,
    rng: np.random.Generator,
    *,
    follow_up,
    entry=0.0,
    stop_at_event: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw one cohort from the model.

    Parameters
    ----------
    design : Design
    theta : array (n_classes, n_class_parameters)
    patients : DataFrame
        Indexed by patient, with the covariates of the specification.
    schedule : DataFrame
        patient_id, time (months), volume_ml: the planned samples.
    rng : numpy.random.Generator
    follow_up : array (n_patients,) or float
        Months at which observation ends.
    entry : array (n_patients,) or float
        Months; patients are drawn given that they are alive then.
    stop_at_event : bool
        Leave out samples planned after the event or the end of follow-up.

    Returns
    -------
    samples : DataFrame
        patient_id, time, ctc (whole), volume_ml, exact_ctc (the count before rounding, what a Gaussian density sees).
    patients : DataFrame
        As given, with _time, _event, _entry (months) and latent_class (0..K-1). Of competing events the first to come
        is the one that happens; _event is its number.
    """
    n, K, layout = len(patients), design.spec.n_classes, design.layout
    follow_up, entry = np.broadcast_to(follow_up, n).astype(float), np.broadcast_to(entry, n).astype(float)
    positions = pd.Index(patients.index).get_indexer(schedule["patient_id"])
    packed = design.pack_tables(schedule.assign(ctc=0.0), patients.assign(_time=0.0, _event=0.0, _entry=entry))
    logits = packed_terms(packed, design, "membership") @ theta[:, layout.shape.blocks["membership"]].T
    terms = packed_terms(packed, design, "survival")
    causes = range(layout.shape.n_causes)
    at_entry = [_at_own_time(theta, design, terms, entry, c) for c in causes]
    log_weight = logits - sum(at_entry)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    classes = np.minimum((rng.random(n)[:, None] > cumulative).sum(axis=1), K - 1)

    time, event = follow_up.copy(), np.zeros(n)
    if design.spec.endpoint is not None:
        hazard = HAZARDS[layout.shape.hazard]
        knots = np.array(layout.shape.knots, dtype=float)
        occurs = np.empty((len(causes), n))
        for c in causes:
            cause = design.causes[c] if design.causes else ""
            values = natural_by_row(theta, layout, hazard.parameters, classes, cause)
            predictor = np.sum(terms * theta[classes][:, layout.shape.cause(c)[1]], axis=1)
            reached = at_entry[c][np.arange(n), classes] + rng.exponential(size=n)
            occurs[c] = hazard.inverse(reached * np.exp(-predictor), knots, **values)
        first = occurs.min(axis=0)
        time, event = np.minimum(first, follow_up), np.where(first <= follow_up, occurs.argmin(axis=0) + 1.0, 0.0)

    X = design.growth_matrix(schedule, patients)
    eta = np.sum(X * theta[classes][positions][:, layout.shape.blocks["growth"]], axis=1)
    eta += np.sum(X[:, : layout.shape.n_random] * _random_effects(theta, design, classes, rng)[positions], axis=1)
    family = FAMILIES[design.spec.family]
    spread = natural_by_row(theta, layout, family.parameters, classes[positions])
    volume = schedule["volume_ml"].to_numpy(dtype=float)
    exact, ctc = family.draw(rng, eta, volume, **spread)
    samples = schedule[["patient_id", "time", "volume_ml"]].assign(ctc=ctc, exact_ctc=exact)
    if stop_at_event:
        samples = samples[samples["time"].to_numpy() <= time[positions]].reset_index(drop=True)
    return samples, patients.assign(_time=time, _event=event, _entry=entry, latent_class=classes)


def natural_by_row(theta, layout, parameters, classes, cause=""):
    """Natural values of a family's or hazard's parameters, row by row of `classes`.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    layout : Layout
    parameters : tuple of Parameter
    classes : array of int (n,)
    cause : str
        Of competing events, the one whose hazard it is.

    Returns
    -------
    dict of array (n,), or (n, n_intervals) of a parameter by interval
    """
    columns = {b.parameter: layout.columns[b.name] for b in layout.blocks if b.cause == cause}
    values = {p.name: TO_NATURAL[p.scale](theta[classes][:, columns[p.name]]) for p in parameters}
    return {p.name: values[p.name] if p.by_interval else values[p.name][:, 0] for p in parameters}


def packed_terms(packed, design: Design, part: str) -> np.ndarray:
    """Membership or survival terms of packed patients: array (n_patients, n_terms)."""
    columns = design.shape.data_columns(part)
    return np.array([packed.row(c) for c in range(columns.start, columns.stop)]).reshape(-1, packed.n_patients).T


def _at_own_time(theta, design, terms, times, cause):
    """Cumulative hazard of a cause in each class at each patient's own time: array (n_patients, n_classes)."""
    out = np.zeros((len(times), len(theta)))
    for i in np.flatnonzero(times > 0):
        out[i] = cumulative_hazard(theta, design.shape, times[i : i + 1], terms[i : i + 1], cause)[:, 0, 0]
    return out


def _random_effects(theta, design, classes, rng):
    """Random effects of each patient: array (n_patients, n_random)."""
    layout = design.layout
    if not layout.random_effects:
        return np.zeros((len(classes), 0))
    factor = layout.cholesky(theta)[classes]
    return np.einsum("iqr,ir->iq", factor, rng.normal(size=(len(classes), len(layout.random_effects))))
