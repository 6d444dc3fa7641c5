"""Dynamic prediction of survival: what the counts up to a landmark say about a patient who is alive then."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.arguments import seed
from bayesctc.data import Cohort
from bayesctc.model.analysis import Analysis
from bayesctc.model.random_effects import class_probabilities_near
from bayesctc.predict.curves import interval_text
from bayesctc.predict.landmark import (
    as_the_fit_reads,
    at_landmark,
    checked_horizons,
    checked_landmark,
    n_samples_after,
)
from bayesctc.predict.patients import survival_by_draw
from bayesctc.predict.trajectories import FEWER_DRAWS
from bayesctc.results.bayes_fit import PROBABILITY_DRAWS, BayesFit
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB
from bayesctc.results.ml_fit import MLFit

PATIENTS_AT_ONCE = 512


def predict_survival(
    fit: Fit, patients: Cohort, landmark: float, horizons: Sequence[float], random_seed: int = 0
) -> xr.Dataset:
    """Class probabilities and survival of patients who are alive at a landmark, from their counts up to it.

    P(g | y up to L, T > L) is proportional to pi_g f_g(y up to L) S_g(L), and P(T > L + h | y up to L, T > L) =
    sum_g P(g | y up to L, T > L) S_g(L + h) / S_g(L) (Proust-Lima et al., Stat Methods Med 2014;23:74). Where a
    patient's curve is part of the hazard, both are averaged over the patient's random effects given what is known at
    the landmark.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    patients : Cohort
        New patients, or those of the fit. The columns of the endpoint may be absent; samples after the landmark are
        not used, and counted in the attribute n_samples_after_landmark. Covariates are read under the fit's schema.
    landmark : float
        Months from the start of treatment, 0 or more; samples at the landmark itself count.
    horizons : sequence of float
        Months after the landmark. One past the longest follow-up of the fit is allowed, and marked.
    random_seed : int
        Of the draws behind the intervals of a maximum-likelihood fit.

    Returns
    -------
    Dataset (patient, horizon, latent_class)
        class_probability (patient, latent_class); survival_function, lower, upper (patient, horizon), 95 %;
        extrapolated (horizon), whether landmark + horizon is past the longest follow-up of the fit. Bayes: means over
        at most 400 evenly spaced draws (200 where random effects take quadrature), and their quantiles. Maximum
        likelihood: values at the estimate, and quantiles over as many draws of its asymptotic normal distribution; not
        numbers where the Hessian is not positive definite.
        Intervals are those of the probability, whose only uncertainty is that of the parameters.

    Raises
    ------
    SpecError
        What was given is no fit or no cohort, the fit has no endpoint, or landmark or horizons are not months.
    DataError
        A patient died, had the endpoint or was last followed at or before the landmark, has no sample up to it, or a
        level of a covariate that the model has not seen.
    """
    random_seed = seed(random_seed)
    if isinstance(fit, MLFit | BayesFit):
        need_endpoint(fit, "predict_survival")
    ahead, landmark = checked_horizons(horizons), checked_landmark(landmark)
    patients = as_the_fit_reads(fit, patients)
    known = at_landmark(fit, patients, landmark)
    n, step = known.n_patients, PATIENTS_AT_ONCE
    places = [range(k, min(k + step, n)) for k in range(0, n, step)]
    parts = [_estimate_and_limits(fit, known.take(place), landmark, ahead, random_seed) for place in places]
    classes, survival, lower, upper = (np.concatenate(values) for values in zip(*parts, strict=True))
    by_time = ("patient", "horizon")
    data = xr.Dataset(
        {
            "class_probability": (("patient", "latent_class"), classes),
            "survival_function": (by_time, survival),
            "lower": (by_time, lower),
            "upper": (by_time, upper),
            "extrapolated": ("horizon", landmark + ahead > fit.packed.time.max()),
        },
        coords={
            "patient": list(known.packed.patient_ids),
            "horizon": ahead,
            "latent_class": fit.design.layout.coords["latent_class"],
        },
        attrs={
            "estimand": "P(T > L + h | counts up to L, T > L); class_probability is P(g | counts up to L, T > L)",
            "endpoint": fit.spec.endpoint,
            "landmark": landmark,
            "n_samples_after_landmark": n_samples_after(patients, landmark),
            "unit": "months; horizons are months after the landmark",
            "interval": interval_text(fit).replace("posterior median", "posterior mean"),
        },
    )
    data["horizon"].attrs["unit"] = "months after the landmark"
    return data


def prediction_table(prediction: xr.Dataset) -> pd.DataFrame:
    """A prediction of `predict_survival` as a table: one row per patient and horizon.

    Returns
    -------
    DataFrame
        patient_id, landmark, horizon (months), survival_function, lower, upper (95 %), extrapolated, and a column
        "P(label)" of the probability of each class.
    """
    columns = ["survival_function", "lower", "upper", "extrapolated"]
    table = prediction[columns].to_dataframe().reset_index().rename(columns={"patient": "patient_id"})
    table.insert(1, "landmark", prediction.attrs["landmark"])
    names = [f"P({label})" for label in prediction["latent_class"].to_numpy()]
    patients = pd.Index(prediction["patient"].to_numpy(), name="patient_id")
    classes = pd.DataFrame(prediction["class_probability"].to_numpy(), index=patients, columns=names)
    return table.join(classes, on="patient_id")[["patient_id", "landmark", "horizon", *columns, *names]]


def _estimate_and_limits(fit, known, landmark, horizons, random_seed):
    """Class probabilities (n, K); survival and its limits (n, n_horizons)."""
    months = (landmark + horizons)[:, None]
    bayesian = isinstance(fit, BayesFit)
    n_draws = PROBABILITY_DRAWS if fit.spec.closed_form else FEWER_DRAWS
    thetas = fit.parameter_draws(n_draws) if bayesian else fit.theta[None]
    classes = class_probabilities_near(known, thetas.mean(axis=0))

    def by_draw(some):
        found = list(survival_by_draw(classes, known, some, landmark, months))
        return tuple(np.concatenate(values) for values in zip(*found, strict=True))

    p, draws = by_draw(thetas)
    probabilities, survival = p.mean(axis=0), draws.mean(axis=0)
    if not bayesian:
        if not fit.has_intervals:
            unknown = np.full_like(survival, np.nan)
            return probabilities, survival, unknown, unknown
        _, draws = by_draw(fit.parameter_draws(n_draws, random_seed))
    tail = (1.0 - CI_PROB) / 2.0
    lower, upper = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return probabilities, survival, lower, upper


def expected_at_landmark(
    known: Analysis, thetas: np.ndarray, landmark: float, horizons: np.ndarray, time, event
) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of patients at a landmark, and the density of what happened to them.

    Parameters
    ----------
    known : Analysis
        Patients at the landmark.
    thetas : array (n_draws, n_classes, n_class_parameters)
        Over which survival and density are averaged.
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.
    time, event : array (n_patients,)
        What became of them: months from the start of treatment, 1 = event and 0 = censored.

    Returns
    -------
    survival : array (n_patients, n_horizons)
        P(T > L + h | counts up to L, T > L).
    log_density : array (n_patients,)
        log of h(T)^event S(T) given the counts up to L and T > L, per month.
    """
    months, n = (landmark + horizons)[:, None], known.n_patients
    now, then = known.evaluator(), known.followed_to(time, event).evaluator()
    total, log_density = np.zeros((n, len(horizons))), np.full(n, -np.inf)

    def classes(theta):
        return now.evaluate(theta).class_probabilities

    for _, survival in survival_by_draw(classes, known, thetas, landmark, months):
        total += survival.sum(axis=0)
    for theta in thetas:
        log_density = np.logaddexp(log_density, then.patients(theta) - now.patients(theta))
    return total / len(thetas), log_density - np.log(len(thetas))
