"""Pictures of a patient's prognosis and of accuracy: what their artists hold."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.plots import style

pytestmark = pytest.mark.unit


def patient(fit) -> str:
    """Who has most samples."""
    return str(fit.cohort.samples["patient_id"].value_counts().index[0])


@pytest.mark.parametrize("name", ["ml", "bayes", "ml_one"])
def test_rows_are_visits(name, request):
    fit = request.getfixturevalue(name)
    who = patient(fit)
    axes = bc.plot_prediction(fit, fit.cohort, who, horizon=12.0)
    samples = fit.cohort.samples[fit.cohort.samples["patient_id"] == who]
    assert axes.shape == (4, 2)
    twins = axes[0, 0].figure.axes[8:]
    for row, landmark in enumerate(samples["time"].to_numpy()[[0, 2, 3, 5] if len(samples) == 6 else [0, 1, 2, 3]]):
        cut_off, counts, line = axes[row, 0].lines
        known = samples[samples["time"] <= landmark]
        np.testing.assert_allclose(counts.get_xydata(), known[["time", "ctc"]].to_numpy(dtype=float))
        assert cut_off.get_ydata()[0] == 5
        assert line.get_xdata()[0] == landmark
        solid, _ = twins[row].lines
        predicted = bc.predict_survival(fit, fit.cohort.select([who]), float(landmark), [12.0])
        assert solid.get_xydata()[0].tolist() == [landmark, 1.0]
        assert solid.get_xydata()[-1] == pytest.approx([landmark + 12.0, predicted["survival_function"].item()])
        widths = [bar.get_width() for bar in axes[row, 1].patches]
        np.testing.assert_allclose(widths, predicted["class_probability"].to_numpy()[0])
        band = twins[row].collections[0].get_paths()[0].vertices
        assert band[:, 1].min() == pytest.approx(predicted["lower"].item())


def test_past_the_data_the_curve_is_dashed_and_without_a_hessian_there_is_no_band(ml, ml_no_hessian):
    last = float(ml.cohort.patients["os_time"].max())
    axes = bc.plot_prediction(ml_no_hessian, ml.cohort, patient(ml), landmarks=[3.0], horizon=last + 10.0)
    (twin,) = axes[0, 0].figure.axes[2:]
    solid, dashed = twin.lines
    assert solid.get_xdata().max() <= last < dashed.get_xdata().max()
    assert len(twin.collections) == 0


def test_patients_without_follow_up_and_without_visits(ml):
    samples = pd.DataFrame({"patient_id": ["N"] * 6, "time": [-0.5, 1, 2, 3, 4, 5], "ctc": [3, 40, 8, 1, 0, 0]})
    new = bc.Cohort(samples, pd.DataFrame({"patient_id": ["N", "M"]}))
    axes = bc.plot_prediction(ml, new, "N")
    assert [ax.get_title(loc="left") for ax in axes[:, 0]] == [f"landmark: {m}.0 months" for m in (0, 2, 3, 5)]
    with pytest.raises(DataError, match="'M' has no sample before the end of their follow-up"):
        bc.plot_prediction(ml, new, "M")


@given(st.text("$\\_^{}a", min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_text_is_read_as_mathematics(text):
    """Matplotlib reads what lies between two dollar signs, and fails where it is no mathematics."""
    escaped = style.plain(text)
    assert not is_math_text(escaped)
    assert escaped.replace(r"\$", "$") == text  # what Matplotlib shows of text that is no mathematics


@pytest.mark.parametrize("who", ["P$a$1", "$_{", "$x^$", r"\alpha$\frac{$"])
def test_a_patient_whose_name_has_dollar_signs(ml, who):
    samples = pd.DataFrame({"patient_id": [who] * 2, "time": [0.0, 1.0], "ctc": [3, 40]})
    axes = bc.plot_prediction(ml, bc.Cohort(samples, pd.DataFrame({"patient_id": [who]})), who)
    axes[0, 0].figure.canvas.draw()
    assert not is_math_text(axes[0, 0].figure.get_suptitle())


def test_what_is_refused(ml, ml_growth):
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.plot_prediction(ml_growth, ml.cohort, patient(ml))
    with pytest.raises(DataError, match="'nobody'"):
        bc.plot_prediction(ml, ml.cohort, "nobody")
    for horizon in (0.0, "12", np.inf, True):
        with pytest.raises(SpecError, match="horizon has to be"):
            bc.plot_prediction(ml, ml.cohort, patient(ml), horizon=horizon)
    with pytest.raises(SpecError, match="landmark has to be"):
        bc.plot_prediction(ml, ml.cohort, patient(ml), landmarks=[-3.0])
    with pytest.raises(SpecError, match="needs a result"):
        bc.plot_accuracy(ml.estimates)
    assert not plt.get_fignums()


def test_accuracy(ml):
    result = bc.prediction_accuracy(ml, ml.cohort, [1.5, 3.0], [6.0, 12.0])
    axes = bc.plot_accuracy(result)
    assert axes.shape == (3, 2)
    for row, measure in enumerate(("auc", "brier")):
        for column, landmark in enumerate((1.5, 3.0)):
            table = result.table[(result.table["measure"] == measure) & (result.table["landmark"] == landmark)]
            own = table[table["model"] == "joint model"]
            line = next(each for each in axes[row, column].lines if each.get_marker() == "o")
            np.testing.assert_allclose(line.get_ydata(), own["estimate"])
            assert [tick.get_text() for tick in axes[row, column].get_xticklabels()] == ["6", "12"]
    groups = result.calibration.query("model == 'joint model' and landmark == 3 and horizon == 12")
    drawn = next(line for line in axes[2, 1].lines if line.get_label() == "12 months")
    np.testing.assert_allclose(drawn.get_xydata(), groups[["predicted", "observed"]])
    n = result.table.query("landmark == 3")["n_patients"].iloc[0]
    assert f"{n} patients at risk" in axes[0, 1].get_title(loc="left")
    shown = {text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()}
    assert shown == set(result.table["model"])
    assert {"Cox: last", "Cox: mean", "Cox: last + baseline"} <= shown
    means = result.table.query("model == 'Cox: mean' and measure == 'auc' and landmark == 3")["estimate"]
    drawn = next(line for line in axes[0, 1].lines if line.get_marker() == "P")
    np.testing.assert_allclose(drawn.get_ydata(), means)
    assert "apparent" in axes[0, 0].figure.legends[0].get_title().get_text()
