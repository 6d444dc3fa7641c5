"""Messages about limits, dates and durations say how they become numbers, once for each column."""

import re

import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.cli.spoken import spoken
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit
IDS = [*"ABCDE"]
SAMPLES = {"patient_id": IDS, "time": [0.0] * 5, "ctc": [1, 2, 3, 4, 5]}
PATIENTS = {"patient_id": IDS, "os_time": [9.0, 8.0, 7.0, 6.0, 5.0], "os_event": [1, 0, 1, 0, 1]}


def message(samples=None, patients=None, **options) -> str:
    with pytest.raises(DataError) as caught:
        bc.Cohort(
            pd.DataFrame({**SAMPLES, **(samples or {})}), pd.DataFrame({**PATIENTS, **(patients or {})}), **options
        )
    return str(caught.value)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_count_above_the_limit(n):
    text = message({"ctc": [">1000"] * n + [1, 2, 3, 4, 5][n:]})
    assert text.count("enter the limit, 1000, and repeat the analysis with a larger value") == 1
    assert text.splitlines()[-1].endswith("because the results may depend on it")
    assert "not a failed or missing sample" in text
    assert "marker" not in text
    assert spoken(text, ["time_unit"]) == text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("< 5", "enter a value below 5 and"),
        ("≥1,000", "enter the limit, 1,000, and"),
        (">= 750", "enter the limit, 750, and"),
        ("many", "if there were too many to count, enter the limit"),
        ("n.d.", "leave the cell empty and give the sample the status failed"),
        ("12 (clumps)", None),
        (">", None),
    ],
)
def test_other_limits(cell, said):
    text = message({"ctc": [1, 2, 3, 4, cell]})
    assert (said in text) if said else ("enter" not in text)


@pytest.mark.parametrize(("unit", "half"), [("days", "0.5 days"), ("weeks", "0.071 weeks"), ("months", "0.016 months")])
def test_a_time_of_0(unit, half):
    text = message(patients={"os_time": [0, 8.0, 7.0, 6.0, 5.0]}, time_unit=unit)
    assert f"leave the patient out, or, if the event was on the first day, enter half a day ({half})" in text
    assert "half a day" not in message(patients={"os_time": [-1, 8.0, 7.0, 6.0, 5.0]}, time_unit=unit)


def test_a_limit_of_a_marker_and_no_limit_of_a_time():
    text = message({"psa": ["<0.1", 1, 2, 3, 4]}, marker=bc.Marker("psa"))
    assert "enter a value below 0.1 and repeat the analysis" in text
    assert "enter" not in message({"time": [">12", 1, 2, 3, 4]})


def test_the_month_comes_first_if_the_second_number_is_no_month():
    assert "format='%m/%d/%Y'" in message({"time": ["04/18/2016", "04/05/2016", "04/30/2016", 1, 2]})


@pytest.mark.parametrize("column", ["time", "os_time"])
@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize(
    "date", ["10/04/2016", "10.4.2016", "10-04-16", "2016-04-10", "2016/4/10", "10APR2016", "10-Apr-2016"]
)
def test_dates_in_text(date, n, column):
    """The format in the message reads the date."""
    cells = {column: [date] * n + [1.0] * (5 - n)}
    text = message(**{"samples" if column == "time" else "patients": cells})
    assert text.count(".dt.days") == 1
    (form,) = re.findall(rf"\(pd\.to_datetime\(table\['{column}'\], format='([^']+)'\) - start\)\.dt\.days", text)
    assert pd.to_datetime(date, format=form) == pd.Timestamp(2016, 4, 10)
    assert spoken(text, ["time_unit"]).endswith("give all times in days, with --time-unit days")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (pd.to_datetime(["2016-04-10"] * 5), "(table['time'] - start).dt.days"),
        (pd.to_timedelta([5] * 5, unit="D"), "Turn durations into numbers with table['time'].dt.days"),
    ],
)
def test_columns_of_dates_and_durations(cells, said):
    text = message({"time": cells})
    assert text.endswith(f"{said}, and give all times in days, with time_unit='days'")
    assert message({"time": cells}, time_unit="days").endswith(said)


@pytest.mark.parametrize("cell", ["early", "5-10", "1.234.567", "3 weeks"])
def test_other_text_is_no_date(cell):
    assert "days" not in message({"time": [cell, 1, 2, 3, 4]})
