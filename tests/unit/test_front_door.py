"""`import bayesctc` is light, and every public name is there. What files may import: `make lint`."""

import subprocess
import sys

import pytest

import bayesctc

pytestmark = pytest.mark.unit


HEAVY = {"pymc", "arviz", "matplotlib", "scipy.stats", "rich"}


@pytest.mark.parametrize(
    "statement",
    ["import bayesctc, bayesctc.data, bayesctc.cli.arguments", "import bayesctc as bc; bc.fit_ml, bc.predict_survival"],
)
def test_heavy_libraries_wait_until_they_are_used(statement):
    program = f"{statement}\nimport sys\nprint(*sorted({HEAVY} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert process.stdout.split() == []


def test_the_front_door_opens():
    assert all(hasattr(bayesctc, name) for name in bayesctc.__all__)
