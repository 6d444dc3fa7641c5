"""Stored and fresh key figures of a notebook: what counts as moved, and what is no comparison at all."""

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebooks import TAG, key_figures, moved, run

pytestmark = pytest.mark.unit


def notebook(*outputs, tags=(TAG,)):
    """A notebook with one code cell, which has printed these texts."""
    cell = nbformat.v4.new_code_cell("print()", metadata={"tags": list(tags)})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in outputs]
    return nbformat.v4.new_notebook(cells=[cell])


def printed(*rows):
    """What a cell prints of (figure, value, tolerance)."""
    return "figure,value,tolerance\n" + "".join(f'"{name}",{value},{tolerance}\n' for name, value, tolerance in rows)


@settings(deadline=None)
@given(
    value=st.floats(-1e3, 1e3),
    tolerance=st.floats(1e-3, 10.0),
    by=st.floats(0.0, 3.0).filter(lambda by: abs(by - 1.0) > 1e-3),
    side=st.sampled_from([-1, 1]),
)
def test_a_figure_has_moved_when_it_is_farther_than_its_stored_tolerance(value, tolerance, by, side):
    stored = notebook(printed(("hazard ratio, tCTClo", value, tolerance), ("patients", 469, 0)))
    fresh = notebook(printed(("hazard ratio, tCTClo", value + side * by * tolerance, 100.0), ("patients", 469, 0)))

    found = moved(stored, fresh)

    assert len(found) == (by > 1.0)
    assert all("hazard ratio, tCTClo: stored" in text for text in found)


def test_a_figure_without_tolerance_has_to_be_the_same():
    assert moved(notebook(printed(("K", 4, 0))), notebook(printed(("K", 5, 0))))
    assert not moved(notebook(printed(("K", 4, 0))), notebook(printed(("K", 4.0, 0))))


def test_figures_come_and_go_by_name():
    found = moved(notebook(printed(("a", 1, 0), ("b", 1, 0))), notebook(printed(("b", 1, 0), ("c", 1, 0))))

    assert found == ["a: stored, and no longer computed", "c: computed, and not stored"]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (notebook(printed(("a", 1, 0)), tags=()), "no cell is tagged"),
        (notebook(), "no printed output"),
        (notebook("\n"), "no printed output"),
        (notebook("figure,value\na,1\n"), "has to print"),
        (notebook(printed(("a", 1, 0), ("a", 2, 0))), "printed twice"),
        (notebook(printed(("a", "nan", 0))), "not finite"),
        (notebook(printed(("a", 1, "inf"))), "not finite"),
        (notebook(printed(("a", 1, -0.1))), "below 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(made, says):
    with pytest.raises(ValueError, match=says):
        key_figures(made)


def test_a_second_run_stores_the_same_bytes(tmp_path):
    """Times, addresses, identifiers drawn for HTML and the cells' own leave no trace."""
    source = """
from uuid import uuid4
class Page:
    def _repr_html_(self):
        one = uuid4()
        return f"<a id='{one}'></a><a href='#{one}'></a><a id='{uuid4()}'></a>"
print("shown")
Page()"""

    def written():
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        return nbformat.writes(run(made, tmp_path))

    first = written()
    assert "id-0" in first
    assert first == written()
