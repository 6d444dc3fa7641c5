"""The notebook of the first look runs: what its cells say, and its key figures against those it stores."""

import pytest

from notebooks import executed

pytestmark = pytest.mark.integration

FACTS = """
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


def test_first_look(tmp_path, kernel):
    facts = executed("01_first_look", FACTS, tmp_path, kernel)
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
