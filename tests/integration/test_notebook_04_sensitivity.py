"""The notebook of the sensitivity analysis runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_sensitivity(tmp_path, kernel):
    facts = executed("04_sensitivity", FACTS, tmp_path, kernel)
    assert facts["rows"] == ["base", *facts["plan"]]
    assert facts["status"] == ["done"]
    assert facts["patients"]["base"] == 469
    assert facts["patients"]["2 or more samples"] == 560
    assert facts["patients"]["without bone_metastasis 1"] < 469
    assert {"prior", "likelihood", "diagnosis"} <= set(facts["psense"])
