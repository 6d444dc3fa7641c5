"""The notebook of the dynamic prediction runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_dynamic_prediction(tmp_path, kernel):
    facts = executed("05_dynamic_prediction", FACTS, tmp_path, kernel)
    assert facts["n"] == [375, 94]
    assert facts["endpoints"] == []
    assert facts["inside"]
    assert facts["counts"]
    assert facts["rows"] == pytest.approx([1.0], abs=1e-9)
    assert facts["kinds"] == ["in new patients", "5-fold cross-validated over patients"]
    assert facts["auc"]["joint model"] > facts["auc"]["bCTC"] > facts["auc"]["Kaplan-Meier"] == 0.5
    assert facts["ratio"][0] > facts["ratio"][1] > 1.0  # entering at the third sample mends part of it
