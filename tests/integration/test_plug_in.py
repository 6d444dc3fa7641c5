"""A fraction on (0, 1), logit-normal around its curve, with log-logistic survival: nothing of it is in the package."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import marker_frames
from plug_ins import LOG_LOGISTIC, Fraction
from scipy.special import expit, logit, logsumexp
from scipy.stats import fisk, norm

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model import families, hazards
from bayesctc.model.families.gaussian import GAUSSIAN

pytestmark = pytest.mark.integration


class Share(Fraction):
    """A fraction that only the family below describes."""

    kind = "share"


LOGIT_NORMAL = replace(
    GAUSSIAN,
    name="logit_normal",
    outcomes=("share",),
    counting="",
    report_name="logit-normal",
    formula="logit(VAF) ~ Normal(eta, sigma^2)",
)


@pytest.fixture(scope="module", autouse=True)
def _known():
    families.register(LOGIT_NORMAL)
    hazards.register(LOG_LOGISTIC)
    bc.data.outcome.register(Share)
    yield
    families.unregister("logit_normal")
    hazards.unregister("log_logistic")
    plt.close("all")


@pytest.fixture(scope="module")
def cohort():
    samples, patients = marker_frames(150)
    vaf = expit(np.log(samples.pop("bili")) - 1.0)
    return bc.Cohort(samples.assign(vaf=vaf), patients, marker=Share())


@pytest.fixture(scope="module")
def spec():
    return bc.ModelSpec(
        n_classes=2, growth="linear", family="logit_normal", hazard="log_logistic", endpoint="os", common_shape=False
    )


@pytest.fixture(scope="module")
def fit(cohort, spec):
    return bc.fit_bayes(cohort, spec, draws=100, tune=100, chains=2, n_starts=3, random_seed=1, progress=False)


def test_it_is_described(cohort, spec):
    told = spec.describe(cohort=cohort)
    for part in ("log-normal", "logit(VAF)", "log(1 + (t / scale_g)^steepness_g)", "steepness"):
        assert part in told
    assert "count" not in told.replace("counts from", "")


def test_its_likelihood_is_scipys(cohort, spec):
    ml = bc.fit_ml(cohort, spec, n_starts=3, progress=False)
    at = {name: value.to_numpy() for name, value in ml.parameters.data_vars.items()}
    pi = np.exp(at["membership"][:, 0]) / np.exp(at["membership"][:, 0]).sum()
    samples, patients = cohort.samples, cohort.patients
    joint = np.empty((len(patients), 2))
    for i, (name, patient) in enumerate(patients.iterrows()):
        own = samples[samples["patient_id"] == name]
        for g in range(2):
            curve = at["growth"][g][0] + at["growth"][g][1] * own["time"] / spec.growth_unit
            survival = fisk(at["steepness"][g], scale=at["scale"][g])
            joint[i, g] = np.log(pi[g]) + norm.logpdf(logit(own["vaf"]), curve, at["sigma"]).sum()
            joint[i, g] += (survival.logpdf if patient["os_event"] else survival.logsf)(patient["os_time"])
    assert ml.log_likelihood == pytest.approx(logsumexp(joint, axis=1).sum(), rel=1e-9)


def test_it_finds_who_was_drawn_from_which_class(cohort, fit):
    months = bc.class_trajectories(fit, [0.0])["median"].to_numpy()[:, 0]
    np.testing.assert_allclose(months, expit(np.array([-0.5, 1.5]) - 1.0), atol=0.1)
    assert fit.class_probabilities.max(axis=1).mean() > 0.9


def test_it_is_checked_and_predicts(cohort, fit):
    check = bc.predictive_check(fit, n_replicates=40, progress=False)
    assert "quantiles" in check.checks
    few = cohort.select(cohort.patients.index[cohort.patients["os_time"] > 12.0][:3])
    survival = bc.predict_survival(fit, few, 6.0, [6.0, 12.0])
    assert ((survival["survival_function"] > 0.0) & (survival["survival_function"] < 1.0)).all()
    values = bc.predict_counts(fit, few, 6.0, [9.0])
    assert 0.0 < float(values["lower"].min()) < float(values["upper"].max()) < 1.0


def test_it_is_saved_and_reported(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    back = bc.load_fit(tmp_path / "fit.nc")
    assert back.cohort.outcome == Share()
    assert back.spec == fit.spec
    np.testing.assert_array_equal(back.thetas, fit.thetas)
    text = bc.write_report(back, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "logit-normal" in text
    assert "could not be drawn" not in text


def test_other_families_do_not_describe_it_nor_it_counts(cohort, spec):
    with pytest.raises(SpecError, match="logit_normal"):
        bc.fit_ml(cohort, spec.with_(family="poisson_log_normal"), progress=False)
    with pytest.raises(SpecError, match="family='logit_normal'"):
        bc.fit_ml(bc.load_trial(), spec, progress=False)
