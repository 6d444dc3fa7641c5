"""The notebook of the published table runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_the_published_table(tmp_path, kernel):
    facts = executed("02_the_published_table", FACTS, tmp_path, kernel)
    assert facts["endpoints"] == ["os", "pfs", "ttf"]
    assert facts["rules"] == ["from baseline", "from entry", "everyone"]
    assert facts["order"]["os"] == facts["order"]["pfs"] == "tctc, b2ctc, bctc"  # as published
    assert len(facts["cox"]) == 3 * 7
    assert facts["inside"]["yes"] >= 17  # of the 20 that were printed without contradiction
    assert facts["other"] > 400
