"""Dynamic prediction of survival: what the counts up to a landmark say about a patient who is alive then."""

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
from bayesctc.predict.beyond import extrapolated, horizons_beyond, of_the_fit, unlike_the_fit
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
    events S_g is the probability of none of them, and each has its cumulative incidence, of h_gc S_g / S_g(L)
    integrated: with survival they sum to 1. Who may have had the event by L unseen is taken to be free of it then.
    Where a patient's curve is part of the hazard, all of it is averaged over the patient's random effects given what is
    known at the landmark.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    patients : Cohort
        New patients, or those of the fit. The columns of the endpoint may be absent. Counted in attributes: samples
        after the landmark, which are not used (n_samples_after_landmark), and patients who may have had the event by
        it unseen (n_not_known_free). Covariates are read under the fit's schema. The attribute ``warnings`` says why
        not to trust the prediction: the fit's own warnings, and samples, landmark or horizons unlike any that the fit
        has seen, as in another unit.
    landmark : float
        Months from the start of treatment, 0 or more; samples at the landmark itself count.
    horizons : sequence of float
        Months after the landmark. One past the longest follow-up of the fit is allowed, and marked.
    random_seed : int
        Of the draws behind the intervals of a maximum-likelihood fit.
    intervals : DataFrame, optional
        A scenario, where the hazard reads covariates that change: what they are assumed to be after the landmark, as
        rows of patient_id, start, stop (months) and the covariates of the patients' intervals. The last row goes on for
        ever; who has no row, and everybody up to the first, keeps the values known at the landmark. Without a scenario
        these are carried forward. Rows of the patients' own that start after the landmark are not used, and counted in
        the attribute n_intervals_after_landmark.

    Returns
    -------
    Dataset (patient, horizon, latent_class)
        class_probability (patient, latent_class); survival_function, lower, upper (patient, horizon), 95 %;
        extrapolated (horizon), whether landmark + horizon is past the longest follow-up of the fit; with competing
        events cumulative_incidence, incidence_lower, incidence_upper (cause, patient, horizon). Bayes: means over
        at most 400 evenly spaced draws (200 where random effects take quadrature), and their quantiles. Maximum
        likelihood: values at the estimate, and quantiles over as many draws of its asymptotic normal distribution; NaN
        where the Hessian is not positive definite. The uncertainty is that of the parameters.

    Raises
    ------
    SpecError
        What was given is no fit or no cohort, the fit has no endpoint, or landmark or horizons are no months.
    DataError
        A patient died, had the endpoint or was last followed at or before the landmark, has no sample (or no row of
        intervals) up to it, or a level of a covariate that the model has not seen.

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
    data.attrs["warnings"] = (*of_the_fit(fit), *unlike)
    data.attrs["n_not_known_free"] = n_not_known_free(patients, str(fit.spec.endpoint), landmark)
    if fit.design.interval_types:
        data.attrs["n_intervals_after_landmark"] = assumed_after(patients, landmark)[1]
        data.attrs["covariates"] = "known at the landmark, carried forward" if intervals is None else "as assumed"
    return data


def _dataset(fit: Fit, known: Analysis, landmark: float, ahead: np.ndarray, estimates: list) -> xr.Dataset:
    """Class probabilities, survival and incidence with their limits (`_estimate_and_limits`), and what they are."""
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
        "P(label)" of the probability of each class; of competing events, before these, columns such as
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

    Incidence is that of competing events; without them there are no causes.
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
    last without causes where there is one event.
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
    """What is expected of patients at a landmark, and the density of what happened to them.

    Parameters
    ----------
    known : Analysis
        Patients at the landmark.
    thetas : array (n_draws, n_classes, n_class_parameters)
        Over which probabilities and density are averaged.
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.
    time, event : array (n_patients,)
        What became of them: months from the start of treatment, 1 = event (of the cause), 2 = event of another cause
        and 0 = censored.
    code : int
        Of competing events the one in question, from 1.

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
    """Log density of what became of patients after a landmark, as a function of theta: array (n_patients,).

    log of h(T)^event S(T) given the counts up to L and T > L, per month. Where events compete the hazard of the cause
    in question counts apart, and those of all others together.

    Parameters
    ----------
    known : Analysis
        Patients at the landmark.
    time, event, code
        As of `expected_at_landmark`.
    """
    event = np.asarray(event)
    others = [k for k in range(1, known.design.sizes.n_causes + 1) if k != code] or [code]
    states = [np.select([event == 1, event == 2], [float(code), float(k)], 0.0) for k in others]
    now, then = known.evaluator(), [known.followed_to(time, state).evaluator() for state in states]

    def density(theta):
        each = np.stack([one.patients(theta) for one in then])
        return np.where(event == 2, np.logaddexp.reduce(each, axis=0), each[0]) - now.patients(theta)

    return density
