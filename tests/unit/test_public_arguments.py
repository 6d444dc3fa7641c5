"""How much a public function asks to be told."""

import inspect

import pytest

import bayesctc as bc

pytestmark = pytest.mark.unit

MOST = 8
# What files and tables hold: a name for each thing that differs between them. None of it is a setting.
OF_DATA = {"Cohort": 10, "read_cohort": 10}
CALLED = {name: getattr(bc, name) for name in bc.__all__ if inspect.isfunction(getattr(bc, name))} | {
    "Cohort": bc.Cohort
}


@pytest.mark.parametrize("name", CALLED)
def test_few_arguments(name):
    assert len(inspect.signature(CALLED[name]).parameters) <= OF_DATA.get(name, MOST)


def test_exceptions_are_needed():
    assert {name: len(inspect.signature(CALLED[name]).parameters) for name in OF_DATA} == OF_DATA
