"""The course on one's own files runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_your_own_trial(tmp_path, kernel):
    facts = executed("00_your_own_trial", FACTS, tmp_path, kernel)
    assert facts["patients"] == [783, 491]
    assert facts["recommended"] == 4
    assert facts["rows"] == [491, facts["ratios"][0]]
    assert facts["ratios"][1] == 12  # two arms, six pairs of classes
    assert facts["alike"]  # as the generator has it
    assert 40 < facts["days"] < 60  # months, of files in days
    assert facts["report"] > 200_000
