"""Curves of single patients against the best linear predictor, and their picture."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import bayesctc as bc
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit
MONTHS = np.array([0.0, 2.0, 5.0])


def test_they_are_the_best_linear_predictor(ml_one):
    """One class of normal log counts: b given y is normal, of the mean and variance of Laird and Ware."""
    ids = ["P03", "P11", "P40"]
    found = bc.individual_trajectories(ml_one, ids, MONTHS)
    p = ml_one.parameters
    growth, sigma = p["growth"].to_numpy()[0], float(p["sigma"].to_numpy().ravel()[0])
    sd = float(p["random_effect_sd"].to_numpy()[0])
    for patient_id in ids:
        own = ml_one.cohort.samples.query("patient_id == @patient_id")
        left = np.log1p(own["ctc"]) - growth[0] - growth[1] * own["time"] / 6.0
        V = sigma**2 * np.eye(len(own)) + sd**2
        weights = sd**2 * np.linalg.solve(V, np.ones(len(own)))
        mean, spread = float(weights @ left), np.sqrt(sd**2 - sd**2 * weights.sum())
        curve = growth[0] + growth[1] * MONTHS / 6.0 + mean
        each = found.sel(patient=patient_id)
        noise = 5.0 * spread / np.sqrt(4000)  # of a quantile of 4,000 draws, four standard errors or so
        assert np.allclose(np.log1p(each["median"]), np.maximum(curve, 0.0), atol=noise)
        for name, z in (("lower", -1.96), ("upper", 1.96)):
            assert np.allclose(np.log1p(each[name]), np.maximum(curve + z * spread, 0.0), atol=2.5 * noise)


def test_of_a_posterior_and_in_the_order_asked_for(bayes):
    found = bc.individual_trajectories(bayes, ["P09", "P02"])
    assert found["patient"].to_numpy().tolist() == ["P09", "P02"]
    assert (found["lower"] <= found["median"]).all()
    assert (found["median"] <= found["upper"]).all()
    assert bc.individual_trajectories(bayes, months=[1.0])["patient"].to_numpy().tolist() == [
        f"P{i:02d}" for i in range(12)
    ]


@pytest.mark.parametrize(
    ("patients", "match"),
    [
        (["P03", "nobody"], "patients: found 'nobody'; allowed: patients of the analysis, such as 'P00'"),
        (["P03", "P03"], "patients: found 'P03', 'P03'; allowed: at least one, each once"),
        ([], "patients: found none; allowed: at least one"),
    ],
)
def test_patients_that_are_not_there(ml_one, patients, match):
    with pytest.raises(SpecError, match=match):
        bc.individual_trajectories(ml_one, patients)


def test_the_picture(ml):
    axes = bc.plot_individual_fits(ml)
    assert len(axes) == 12
    assert "12 of 80 patients, the first in the cohort's order" in axes[0].figure.get_suptitle().replace("\n", " ")
    for ax, patient_id in zip(axes, ml.cohort.patients.index, strict=False):
        own = ml.cohort.samples.query("patient_id == @patient_id")
        points = next(line for line in ax.lines if line.get_marker() == "o")
        assert np.array_equal(points.get_xdata(), own["time"])
        assert np.allclose(points.get_ydata(), own["ctc"])
        assigned = ml.assignment.loc[patient_id]
        assert ax.get_title(loc="left") == f"{patient_id}: {assigned['latent_class']} ({assigned['probability']:.2f})"
        time = float(ml.cohort.patients.loc[patient_id, "os_time"])
        event = ml.cohort.patients.loc[patient_id, "os_event"] == 1
        upright = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] == 0.0]
        if time <= ax.get_xlim()[1]:
            assert [line.get_xdata()[0] for line in upright if line.get_linestyle() == ("-" if event else ":")] == [
                time
            ]
        else:
            assert ax.texts[0].get_text().startswith(f"{'event' if event else 'censored'} {time:.1f}")


def test_the_picture_goes_where_it_is_told(ml):
    axes = Figure().subplots(1, 2)
    assert bc.plot_individual_fits(ml, ["P01", "P02"], axes=axes).tolist() == axes.tolist()
    assert "2 of 80 patients" in axes[0].figure.get_suptitle()
    assert "first" not in axes[0].figure.get_suptitle()
    with pytest.raises(SpecError, match="axes has to hold one Axes for each of 3 patients; found 2"):
        bc.plot_individual_fits(ml, ["P01", "P02", "P03"], axes=axes)
