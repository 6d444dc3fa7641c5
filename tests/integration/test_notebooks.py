"""What is shown runs and is true: every notebook against the figures it stores."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from notebooks import key_figures, moved, notebooks, read, run

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]

# A last cell for each notebook, whose output says what came of it.
FACTS = {
    "01_first_look": """
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
""",
    "02_the_published_table": """
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
""",
    "05_dynamic_prediction": """
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
""",
    "03_checks": """
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
""",
    "04_sensitivity": """
import json
print(json.dumps({
    "sizes": {"draw": DRAWS, "latent_class": result.table.query("variation == 'base'")["latent_class"].nunique() - 1},
    "plan": plan.table["variation"].tolist(),
    "rows": result.summary["variation"].tolist(),
    "status": sorted(set(result.summary["status"])),
    "psense": list(result.psense.columns),
    "patients": dict(zip(result.summary["variation"], result.summary["n_patients"])),
}))
""",
}


def test_there_are_notebooks():
    assert [path.stem for path in notebooks()] == sorted(FACTS)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_committed_with_outputs_that_need_nothing(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}

    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "image/png" in kinds
    assert kinds <= {"image/png", "text/plain", "text/html"}
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert not re.search(r"/(?:home|root|work|tmp|Users)/|\.venv| at 0x", path.read_text(encoding="utf-8"))
    assert not [cell for cell in code if "execution" in cell.metadata]
    assert len(key_figures(read(path))) >= 5


def executed(name, folder):
    """Facts of a notebook that was run in an empty folder, which stays empty; its key figures are those it stores."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(FACTS[name]))
    run(notebook, folder)
    assert list(folder.iterdir()) == []
    facts = json.loads(notebook.cells.pop().outputs[0]["text"])
    assert facts["sizes"]["latent_class"] == 4
    assert moved(read(path), notebook) == []
    return facts


def test_first_look(tmp_path):
    facts = executed("01_first_look", tmp_path)
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


def test_the_published_table(tmp_path):
    facts = executed("02_the_published_table", tmp_path)
    assert facts["endpoints"] == ["os", "pfs", "ttf"]
    assert facts["rules"] == ["from baseline", "from entry", "everyone"]
    assert facts["order"]["os"] == facts["order"]["pfs"] == "tctc, b2ctc, bctc"  # as published
    assert len(facts["cox"]) == 3 * 7
    assert facts["inside"]["yes"] >= 17  # of the 20 that were printed without contradiction
    assert facts["other"] > 400


def test_dynamic_prediction(tmp_path):
    facts = executed("05_dynamic_prediction", tmp_path)
    assert facts["n"] == [375, 94]
    assert facts["endpoints"] == []
    assert facts["inside"]
    assert facts["counts"]
    assert facts["rows"] == pytest.approx([1.0], abs=1e-9)
    assert facts["kinds"] == ["in new patients", "5-fold cross-validated over patients"]
    assert facts["auc"]["joint model"] > facts["auc"]["bCTC"] > facts["auc"]["Kaplan-Meier"] == 0.5
    assert facts["ratio"][0] > facts["ratio"][1] > 1.0  # entering at the third sample mends part of it


def test_checks(tmp_path):
    facts = executed("03_checks", tmp_path)
    assert facts["kinds"] == ["prior", "posterior"]
    assert facts["replicates"] == 1000
    assert len(facts["visits"]) == 6
    assert {"change", "zeros", "positive", "transitions"} <= set(facts["flagged"])  # a quadratic cannot fall so fast
    assert "survival_by_class" not in facts["flagged"]
    assert not {"positive", "transitions", "variation"} & set(facts["better"])  # a spline can
    assert facts["pit"] == ["count_1", "count_2", "count_3", "survival"]


def test_sensitivity(tmp_path):
    facts = executed("04_sensitivity", tmp_path)
    assert facts["rows"] == ["base", *facts["plan"]]
    assert facts["status"] == ["done"]
    assert facts["patients"]["base"] == 469
    assert facts["patients"]["2 or more samples"] == 560
    assert facts["patients"]["without bone_metastasis 1"] < 469
    assert {"prior", "likelihood", "diagnosis"} <= set(facts["psense"])
