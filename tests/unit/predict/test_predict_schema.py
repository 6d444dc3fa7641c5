"""New patients are predicted for as the fit read its own, whatever their table alone would say."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

CODES = {"stage": ["1", "2", "3", "X"], "site": ["01", "02", "10", "1"], "bone": ["True", "False", "unknown", "True"]}


@pytest.fixture(scope="module", params=CODES)
def fitted(request, reference_cohort):
    """A fit with a factor on the hazard, and its name."""
    cohort, name = reference_cohort.select(reference_cohort.patients.index[:80]), request.param
    patients = cohort.patients[["os_time", "os_event"]].assign(**{name: np.tile(CODES[name], 20)})
    patients["ward"] = np.tile(["a", "b", "c", "d", "e"], 16)
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        family="gaussian",
        random_effects="intercept",
        survival=f"~ {name}",
        common_shape=True,
    )
    return bc.fit_ml(bc.Cohort(cohort.samples, patients), spec, n_starts=2, random_seed=3, progress=False), name


@pytest.mark.parametrize("how", [bc.predict_survival, bc.predict_counts])
def test_one_patient_alone_is_predicted_as_among_all(fitted, how, tmp_path):
    ml, name = fitted
    seen = set()
    alive = ml.cohort.patients[ml.cohort.patients["os_time"] > 3.0]
    together = how(ml, ml.cohort.select(alive.index), 3.0, [6.0, 12.0])
    for patient in alive.drop_duplicates(name).index:
        one = ml.cohort.select([patient])
        text = one.patients[name].astype(str)
        seen.add(text.iloc[0])
        cell = {"True": True, "False": False}.get(text.iloc[0], text.iloc[0])
        cell = int(cell) if name == "stage" and cell != "X" else cell
        alone = bc.Cohort(one.samples, pd.DataFrame({"patient_id": [patient], name: [cell], "ward": ["a new one"]}))
        found = how(ml, alone, 3.0, [6.0, 12.0])
        known = together.sel(patient=[patient])
        tolerance = 1e-9 if how is bc.predict_survival else 0.5  # counts are simulated
        for value in ("lower", "upper", "survival_function" if how is bc.predict_survival else "median_ctc"):
            np.testing.assert_allclose(found[value], known[value], rtol=tolerance, atol=tolerance)
    assert seen == set(CODES[name])


def test_a_new_level_is_refused_where_the_model_reads_it(fitted):
    ml, name = fitted
    one = ml.cohort.select(ml.cohort.patients.index[ml.cohort.patients["os_time"] > 3.0][:1])
    wrong = pd.DataFrame({"patient_id": one.patients.index, name: ["7"]})
    with pytest.raises(DataError, match=f"column '{name}': found '7'; allowed: a level"):
        bc.predict_survival(ml, bc.Cohort(one.samples, wrong), 3.0, [6.0])
