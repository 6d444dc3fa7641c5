"""Tables of results as a script prints them: every column, however narrow pandas takes the screen to be."""

import copy
import io

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.shown import Printed, told_apart

pytestmark = pytest.mark.unit


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    columns = {f"a column with a long name {k}": rng.normal(0.0, 10.0 ** (k - 3), 5) for k in range(8)}
    return Printed({"comparison": list("abcde"), "cause": "", **columns, "note": "n" * 60})


def test_no_column_is_hidden_but_those_that_hold_nothing(table):
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        text = str(table)
    assert all(name in text for name in table.columns if name != "cause")
    assert "cause" not in text
    assert "..." not in text
    assert max(map(len, text.splitlines())) <= 125


def test_numbers_are_those_of_the_table(table):
    own = Printed({"small": [1.23456, -9.87654], "large": [4092.675, 12.0], "tiny": [1e-9, 0.5], "n": [3, 4]})
    read = pd.read_csv(io.StringIO(str(own)), sep=r"\s+")
    np.testing.assert_allclose(read["small"], own["small"], atol=5e-4)
    np.testing.assert_allclose(read["large"], own["large"], atol=0.05)
    np.testing.assert_allclose(read["tiny"], own["tiny"], rtol=1e-6)
    assert read["n"].tolist() == [3, 4]
    assert "NaN" in str(Printed({"x": [np.nan, 1.0]}))
    assert str(Printed({"x": [0.00654, 0.0046]})).split()[1:] == ["0.00654", "0.00460"]


def test_it_is_a_pandas_frame_in_all_else(table):
    plain = pd.DataFrame(table)
    assert type(plain) is pd.DataFrame
    pd.testing.assert_frame_equal(table, plain, check_frame_type=False)
    assert table.to_string() == plain.to_string()
    assert isinstance(table.round(1).head(2)[["comparison"]], Printed)
    pd.testing.assert_frame_equal(copy.deepcopy(table), table)
    assert len(str(pd.concat([table] * 100)).splitlines()) < 100


def test_results_are_printed_so(reference_cohort):
    """What pages print: flow, schema, hazard ratios and classes; parts of results too."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", common_shape=True)
    fit = bc.fit_ml(reference_cohort, spec, n_starts=1, progress=False)
    tables = (
        reference_cohort.flow(),
        reference_cohort.schema,
        bc.hazard_ratios(fit),
        fit.quality,
        fit.estimates,
        fit.modes,
    )
    for table in tables:
        shown = str(table)
        held = [name for name in table if not table[name].isin(["", None]).all()]
        assert all(name in shown for name in held), shown


def test_a_value_does_not_look_like_the_limit_that_it_misses():
    assert told_apart(1.0102, 1.01, 3) == "1.0102"
    assert told_apart(1.013, 1.01, 3) == "1.013"
    assert told_apart(1.01, 1.01, 3) == "1.010"
    assert told_apart(399.7, 400, 0) == "399.7"
    assert told_apart(float("nan"), 1.0, 2) == "nan"
