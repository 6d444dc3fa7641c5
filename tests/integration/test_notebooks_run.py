"""The notebooks run, one after the other in one kernel: what their cells say, and their key figures."""

import pytest
from jupyter_client import KernelManager

from notebooks import executed

pytestmark = pytest.mark.integration

YOUR_OWN_TRIAL = """
import json
print(json.dumps({
    "sizes": dict(fit.idata["posterior"].sizes),
    "patients": [everybody.n_patients, cohort.n_patients],
    "recommended": selection.recommended,
    "rows": [len(pd.read_csv(folder / "classes.csv")), len(pd.read_csv(folder / "hazard_ratios.csv"))],
    "ratios": [len(ratios), len(contrasts)],
    "alike": bool(((contrasts["lower"] < 1) & (1 < contrasts["upper"])).all()),
    "days": float(everybody.patients["os_time"].max()),
    "report": path.stat().st_size,
}))
"""
FIRST_LOOK = """
import json
print(json.dumps({
    "sizes": dict(fit.idata["posterior"].sizes),
    "n_patients": fit.n_patients,
    "trial": [treated.n_patients, late.n_patients],
    "labels": list(fit.class_probabilities.columns),
    "rows": [fit.class_probabilities.sum(axis=1).min(), fit.class_probabilities.sum(axis=1).max()],
    "interior": bool(ml.modes.loc[ml.modes["interior"], "log_likelihood"].max() == ml.log_likelihood),
    "tried": [int(k) for k in selection.table.index],
    "recommended": selection.recommended,
    "marked": [int(k) for k in selection.table.index[selection.table["recommended"]]],
    "same": again.summary().equals(fit.summary()),
    "warnings": list(again.warnings) == list(fit.warnings),
}))
"""
THE_PUBLISHED_TABLE = """
import json
print(json.dumps({
    "sizes": dict(found.fits["os"].idata["posterior"].sizes),
    "endpoints": list(found.fits),
    "n": [found.size("os")[0], landmark.size("os")[0]],
    "cox": found.hazard_ratios.query("method == 'Cox'")["estimate"].astype(float).round(2).tolist(),
    "inside": table["inside"].value_counts().to_dict(),
    "order": order,
    "rules": list(rules),
    "other": validation.applied.n_patients,
}))
"""
CHECKS = """
import json
print(json.dumps({
    "sizes": dict(better.idata["posterior"].sizes),
    "kinds": [prior.kind, check.kind],
    "replicates": again.n_replicates,
    "visits": check.process["month"].round(1).tolist(),
    "flagged": list(check.flagged),
    "better": list(again.flagged),
    "pit": list(pit.tests),
}))
"""
SENSITIVITY = """
import json
print(json.dumps({
    "sizes": {"draw": DRAWS, "latent_class": result.table.query("variation == 'base'")["latent_class"].nunique() - 1},
    "plan": plan.table["variation"].tolist(),
    "rows": result.summary["variation"].tolist(),
    "status": sorted(set(result.summary["status"])),
    "psense": list(result.psense.columns),
    "patients": dict(zip(result.summary["variation"], result.summary["n_patients"])),
}))
"""
DYNAMIC_PREDICTION = """
import json
best = validated.table.query("measure == 'auc' and horizon == 24 and landmark == 6").set_index("model")["estimate"]
short = [t.query(wanted).set_index("horizon")["estimate"].loc[6.0] for t in ratio.values()]
print(json.dumps({
    "sizes": dict(fit.idata["posterior"].sizes),
    "n": [known.n_patients, new.n_patients],
    "endpoints": list(clinic.endpoints),
    "inside": bool(((predicted["lower"] <= predicted["survival_function"])
                    & (predicted["survival_function"] <= predicted["upper"])).all()),
    "rows": [predicted["class_probability"].sum("latent_class").min().item()],
    "counts": bool((counts["lower"] <= counts["median_ctc"]).all()),
    "kinds": [held_out.kind, validated.kind],
    "auc": best.to_dict(),
    "ratio": short,
}))
"""


@pytest.fixture(scope="module")
def kernel():
    """One kernel for all of them: to load the libraries takes as long as to run some."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


def test_your_own_trial(tmp_path, kernel):
    facts = executed("00_your_own_trial", YOUR_OWN_TRIAL, tmp_path, kernel)
    assert facts["patients"] == [783, 491]
    assert facts["recommended"] == 4
    assert facts["rows"] == [491, facts["ratios"][0]]
    assert facts["ratios"][1] == 12  # two arms, six pairs of classes
    assert facts["alike"]  # as the generator has it
    assert 40 < facts["days"] < 60  # months, of files in days
    assert facts["report"] > 200_000


def test_first_look(tmp_path, kernel):
    facts = executed("01_first_look", FIRST_LOOK, tmp_path, kernel)
    assert facts["labels"] == ["tCTCneg", "tCTClo", "tCTCmid", "tCTChi"]
    assert facts["trial"] == [783, 469]
    assert facts["n_patients"] == 469
    assert facts["rows"] == pytest.approx([1.0, 1.0], abs=1e-9)
    assert facts["interior"]
    assert facts["tried"] == [2, 3, 4, 5]
    assert facts["marked"] == ([] if facts["recommended"] is None else [facts["recommended"]])
    assert facts["recommended"] is None or facts["recommended"] in facts["tried"]
    assert facts["same"]
    assert facts["warnings"]


def test_the_published_table(tmp_path, kernel):
    facts = executed("02_the_published_table", THE_PUBLISHED_TABLE, tmp_path, kernel)
    assert facts["endpoints"] == ["os", "pfs", "ttf"]
    assert facts["rules"] == ["from baseline", "from entry", "everyone"]
    assert facts["order"]["os"] == facts["order"]["pfs"] == "tctc, b2ctc, bctc"  # as published
    assert len(facts["cox"]) == 3 * 7
    assert facts["inside"]["yes"] >= 17  # of the 20 that were printed without contradiction
    assert facts["other"] > 400


def test_checks(tmp_path, kernel):
    facts = executed("03_checks", CHECKS, tmp_path, kernel)
    assert facts["kinds"] == ["prior", "posterior"]
    assert facts["replicates"] == 400
    assert len(facts["visits"]) == 6
    assert {"change", "zeros", "positive", "transitions"} <= set(facts["flagged"])  # a quadratic cannot fall so fast
    assert "survival_by_class" not in facts["flagged"]
    assert not {"positive", "transitions", "variation"} & set(facts["better"])  # a spline can
    assert facts["pit"] == ["count_1", "count_2", "count_3", "survival"]


def test_sensitivity(tmp_path, kernel):
    facts = executed("04_sensitivity", SENSITIVITY, tmp_path, kernel)
    assert facts["rows"] == ["base", *facts["plan"]]
    assert facts["status"] == ["done"]
    assert facts["patients"]["base"] == 469
    assert facts["patients"]["2 or more samples"] == 560
    assert facts["patients"]["without bone_metastasis 1"] < 469
    assert {"prior", "likelihood", "diagnosis"} <= set(facts["psense"])


def test_dynamic_prediction(tmp_path, kernel):
    facts = executed("05_dynamic_prediction", DYNAMIC_PREDICTION, tmp_path, kernel)
    assert facts["n"] == [375, 94]
    assert facts["endpoints"] == []
    assert facts["inside"]
    assert facts["counts"]
    assert facts["rows"] == pytest.approx([1.0], abs=1e-9)
    assert facts["kinds"] == ["in new patients", "5-fold cross-validated over patients"]
    assert facts["auc"]["joint model"] > facts["auc"]["bCTC"] > facts["auc"]["Kaplan-Meier"] == 0.5
    assert facts["ratio"][0] > facts["ratio"][1] > 1.0  # entering at the third sample mends part of it
