"""The notebook of the checks runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_checks(tmp_path, kernel):
    facts = executed("03_checks", FACTS, tmp_path, kernel)
    assert facts["kinds"] == ["prior", "posterior"]
    assert facts["replicates"] == 400
    assert len(facts["visits"]) == 6
    assert {"change", "zeros", "positive", "transitions"} <= set(facts["flagged"])  # a quadratic cannot fall so fast
    assert "survival_by_class" not in facts["flagged"]
    assert not {"positive", "transitions", "variation"} & set(facts["better"])  # a spline can
    assert facts["pit"] == ["count_1", "count_2", "count_3", "survival"]
