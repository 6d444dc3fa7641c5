"""Dynamic prediction of survival for a patient alive at a landmark, from the counts up to it."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.arguments import seed
from bayesctc.data import Cohort
from bayesctc.data.scenario import assumed_after
from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import step_ends
from bayesctc.model.random_effects import class_probabilities_near
from bayesctc.predict.beyond import extrapolated, horizons_beyond, of_the_fit, unlike_the_fit, values_outside
from bayesctc.predict.curves import interval_text
from bayesctc.predict.landmark import (
    at_landmark,
    checked_horizons,
    checked_landmark,
    n_not_known_free,
    n_samples_after,
)
from bayesctc.predict.patients import incidence_by_draw, survival_by_draw
from bayesctc.predict.trajectories import FEWER_DRAWS
from bayesctc.results.bayes_fit import PROBABILITY_DRAWS, BayesFit
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB
from bayesctc.results.ml_fit import MLFit

PATIENTS_AT_ONCE = 512
SURVIVAL = ["survival_function", "lower", "upper"]
INCIDENCE = ["cumulative_incidence", "incidence_lower", "incidence_upper"]


def predict_survival(
    fit: Fit,
    patients: Cohort,
    landmark: float,
    horizons: Sequence[float],
    random_seed: int = 0,
    intervals: pd.DataFrame | None = None,
) -> xr.Dataset:
    """Class probabilities and survival of patients who are alive at a landmark, from their counts up to it.

    P(g | y up to L, T > L) is proportional to pi_g f_g(y up to L) S_g(L), and P(T > L + h | y up to L, T > L) =
    sum_g P(g | y up to L, T > L) S_g(L + h) / S_g(L) (Proust-Lima et al., Stat Methods Med 2014;23:74). With competing
    events S_g is the probability of none of them, and each has a cumulative incidence, the integral of
    h_gc S_g / S_g(L); with survival these sum to 1. Patients who may have had an unseen event by L are assumed to be
    free of it then. If a patient's curve acts on the hazard, all quantities are averaged over the patient's random
    effects given what is known at the landmark.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    patients : Cohort
        New patients, or those of the fit. The columns of the endpoint may be absent. Attributes of the result count
        samples after the landmark, which are not used (n_samples_after_landmark), and patients who may have had an
        unseen event by then (n_not_known_free). Covariates are read under the fit's schema. The attribute ``warnings``
        lists reasons not to trust the prediction: the fit's own warnings, and times of samples, measurements,
        covariates, landmark or horizons outside the range of the fit, for example in another unit.
    landmark : float
        Months from the start of treatment, 0 or more; samples at the landmark itself are used.
    horizons : sequence of float
        Months after the landmark. Horizons beyond the longest follow-up of the fit are allowed and marked.
    random_seed : int
        Seed of the draws for the intervals of a maximum-likelihood fit.
    intervals : DataFrame, optional
        A scenario for a hazard with time-varying covariates: their assumed values after the landmark, as rows of
        patient_id, start, stop (months) and the covariates of the patients' intervals. The last row continues
        indefinitely. Patients without a row, and all patients before their first row, keep the values known at the
        landmark. Without a scenario these are carried forward. The patients' own rows that start after the landmark are
        not used, and are counted in the attribute n_intervals_after_landmark.

    Returns
    -------
    Dataset (patient, horizon, latent_class)
        class_probability (patient, latent_class); survival_function, lower, upper (patient, horizon), 95 %;
        extrapolated (horizon), whether landmark + horizon is beyond the longest follow-up of the fit; with competing
        events cumulative_incidence, incidence_lower, incidence_upper (cause, patient, horizon). Bayes: means over
        at most 400 evenly spaced draws (200 if random effects need quadrature), and their quantiles. Maximum
        likelihood: values at the estimate, and quantiles over as many draws of its asymptotic normal distribution; NaN
        if the Hessian is not positive definite. The intervals reflect the uncertainty of the parameters.

    Raises
    ------
    SpecError
        The arguments are not a fit and a cohort, the fit has no endpoint, or landmark or horizons are not months.
    DataError
        A patient died, had the endpoint or was last followed at or before the landmark, has no sample (or no row of
        intervals) up to it, or has a level of a covariate that is not in the fit.

    Examples
    --------
    >>> bc.predict_survival(fit, cohort.select(["P0005"]), 6, [6, 12])["survival_function"].values.round(2)
    array([[0.72, 0.47]])
    """
    random_seed = seed(random_seed)
    if isinstance(fit, MLFit | BayesFit):
        need_endpoint(fit, "predict_survival")
    ahead, landmark = checked_horizons(horizons), checked_landmark(landmark)
    known = at_landmark(fit, patients, landmark, intervals)
    n = known.n_patients
    places = [range(k, min(k + PATIENTS_AT_ONCE, n)) for k in range(0, n, PATIENTS_AT_ONCE)]
    parts = [_estimate_and_limits(fit, known.take(place), landmark, ahead, random_seed) for place in places]
    data = _dataset(fit, known, landmark, ahead, [np.concatenate(v, axis=-2) for v in zip(*parts, strict=True)])
    data.attrs["n_samples_after_landmark"] = n_samples_after(patients, landmark)
    unlike = (*unlike_the_fit(fit, patients, landmark), *horizons_beyond(fit, landmark, ahead))
    data.attrs["warnings"] = (*of_the_fit(fit), *unlike, *values_outside(fit, known.cohort, landmark, intervals))
    data.attrs["n_not_known_free"] = n_not_known_free(patients, str(fit.spec.endpoint), landmark)
    if fit.design.interval_types:
        data.attrs["n_intervals_after_landmark"] = assumed_after(patients, landmark)[1]
        data.attrs["covariates"] = "known at the landmark, carried forward" if intervals is None else "as assumed"
    return data


def _dataset(fit: Fit, known: Analysis, landmark: float, ahead: np.ndarray, estimates: list) -> xr.Dataset:
    """Class probabilities, survival and incidence with their limits (`_estimate_and_limits`), and attributes."""
    classes, free, incidence = estimates
    by_time = ("patient", "horizon")
    data = xr.Dataset(
        {
            "class_probability": (("patient", "latent_class"), classes),
            **{name: (by_time, values) for name, values in zip(SURVIVAL, free, strict=True)},
            "extrapolated": ("horizon", extrapolated(fit, landmark, ahead)),
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
            "unit": "months; horizons are months after the landmark",
            "interval": interval_text(fit).replace("posterior median", "posterior mean"),
        },
    )
    data["horizon"].attrs["unit"] = "months after the landmark"
    if fit.design.causes:
        data = data.assign_coords(cause=list(fit.design.causes))
        data = data.assign({n: (("cause", *by_time), v) for n, v in zip(INCIDENCE, incidence, strict=True)})
    return data


def prediction_table(prediction: xr.Dataset) -> pd.DataFrame:
    """A prediction of `predict_survival` as a table: one row per patient and horizon.

    Returns
    -------
    DataFrame
        patient_id, landmark, horizon (months), survival_function, lower, upper (95 %), extrapolated, and a column
        "P(label)" with the probability of each class; with competing events, before these, columns such as
        "cumulative_incidence of toxicity", with "incidence_lower of ..." and "incidence_upper of ...".
    """
    columns = [*SURVIVAL, "extrapolated"]
    wide = prediction[columns]
    for cause in prediction["cause"].to_numpy() if "cause" in prediction else []:
        own = {f"{name} of {cause}": prediction[name].sel(cause=cause, drop=True) for name in INCIDENCE}
        wide, columns = wide.assign(own), [*columns, *own]
    table = wide.to_dataframe().reset_index().rename(columns={"patient": "patient_id"})
    table.insert(1, "landmark", prediction.attrs["landmark"])
    names = [f"P({label})" for label in prediction["latent_class"].to_numpy()]
    patients = pd.Index(prediction["patient"].to_numpy(), name="patient_id")
    classes = pd.DataFrame(prediction["class_probability"].to_numpy(), index=patients, columns=names)
    return table.join(classes, on="patient_id")[["patient_id", "landmark", "horizon", *columns, *names]]


def _estimate_and_limits(fit, known, landmark, horizons, random_seed):
    """Class probabilities (n, K); survival (3, n, n_horizons) and incidence (3, n_causes, n, n_horizons), with limits.

    Incidence is for competing events; without them there are no causes.
    """
    months, bayesian = landmark + horizons, isinstance(fit, BayesFit)
    n_draws = PROBABILITY_DRAWS if fit.spec.closed_form else FEWER_DRAWS
    thetas = fit.parameter_draws(n_draws) if bayesian else fit.theta[None]
    classes = class_probabilities_near(known, thetas.mean(axis=0))

    def by_draw(some):
        found = list(_by_draw(classes, known, some, landmark, months))
        return tuple(np.concatenate(values) for values in zip(*found, strict=True))

    p, *draws = by_draw(thetas)
    estimates = [values.mean(axis=0) for values in draws]
    if bayesian or fit.has_intervals:
        if not bayesian:
            _, *draws = by_draw(fit.parameter_draws(n_draws, random_seed))
        tail = (1.0 - CI_PROB) / 2.0
        limits = [np.quantile(values, [tail, 1.0 - tail], axis=0) for values in draws]
    else:
        limits = [np.full((2, *estimate.shape), np.nan) for estimate in estimates]
    return p.mean(axis=0), *(np.stack([each, *own]) for each, own in zip(estimates, limits, strict=True))


def _by_draw(classes, known, thetas, landmark, months):
    """Class probabilities, survival and incidence of each competing event, some parameter sets at a time.

    Arrays (draws, n_patients, n_classes), (draws, n_patients, n_months), (draws, n_causes, n_patients, n_months), the
    last without causes if there is one event.
    """
    sizes = known.design.sizes
    if sizes.n_causes == 1:
        for p, survival in survival_by_draw(classes, known, thetas, landmark, months[:, None]):
            yield p, survival, np.empty((len(survival), 0, *survival.shape[1:]))
        return
    ends = step_ends(landmark, months.max(), np.concatenate([months, sizes.knots]))[1:]
    at = np.searchsorted(ends, months)
    for p, incidence in incidence_by_draw(classes, known, thetas, landmark, ends[:, None]):
        yield p, 1.0 - incidence[..., at].sum(axis=1), incidence[..., at]


def expected_at_landmark(
    known: Analysis, thetas: np.ndarray, landmark: float, horizons: np.ndarray, time, event, code: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted probabilities of patients at a landmark, and the density of their observed outcome.

    Parameters
    ----------
    known : Analysis
        Patients at the landmark.
    thetas : array (n_draws, n_classes, n_class_parameters)
        Parameters over which probabilities and density are averaged.
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.
    time, event : array (n_patients,)
        The outcome: months from the start of treatment, 1 = event (of the cause), 2 = event of another cause and
        0 = censored.
    code : int
        The competing event in question, from 1.

    Returns
    -------
    free : array (n_patients, n_horizons)
        P(no event by L + h | counts up to L, T > L): survival, or 1 - cumulative incidence of the cause.
    log_density : array (n_patients,)
        See `density_after`; the log of its average.
    """
    now, density = known.evaluator(), density_after(known, time, event, code)

    def classes(theta):
        return now.evaluate(theta).class_probabilities

    total, log_density = np.zeros((known.n_patients, len(horizons))), np.full(known.n_patients, -np.inf)
    for _, survival, incidence in _by_draw(classes, known, thetas, landmark, landmark + horizons):
        free = 1.0 - incidence[:, code - 1] if incidence.shape[1] else survival
        total += free.sum(axis=0)
    for theta in thetas:
        log_density = np.logaddexp(log_density, density(theta))
    return total / len(thetas), log_density - np.log(len(thetas))


def density_after(known: Analysis, time, event, code: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """Log density of patients' outcomes after a landmark, as a function of theta: array (n_patients,).

    log of h(T)^event S(T) given the counts up to L and T > L, per month. With competing events, the hazard of the cause
    in question is separate, and those of all other causes are combined.

    Parameters
    ----------
    known : Analysis
        Patients at the landmark.
    time, event, code
        As in `expected_at_landmark`.
    """
    event = np.asarray(event)
    others = [k for k in range(1, known.design.sizes.n_causes + 1) if k != code] or [code]
    states = [np.select([event == 1, event == 2], [float(code), float(k)], 0.0) for k in others]
    now, then = known.evaluator(), [known.followed_to(time, state).evaluator() for state in states]

    def density(theta):
        each = np.stack([one.patients(theta) for one in then])
        return np.where(event == 2, np.logaddexp.reduce(each, axis=0), each[0]) - now.patients(theta)

    return density
