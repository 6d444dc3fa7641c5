"""Tables as one Excel file: the same as the CSV files, and nothing in it runs."""

import pandas as pd
import pytest
from report_fits import fit, simulated_cohort

import bayesctc as bc
from bayesctc.cli.output import Output
from bayesctc.cli.results import workbook_of, write_all_tables
from bayesctc.report import workbook
from bayesctc.report.table_files import tables_of

pytestmark = pytest.mark.unit


def test_it_has_what_the_csv_files_have(ml, tmp_path):
    pytest.importorskip("openpyxl")
    (file,) = bc.write_tables(ml, tmp_path / "tables.xlsx")
    sheets = pd.read_excel(file, sheet_name=None)
    texts = {path.stem: pd.read_csv(path) for path in bc.write_tables(ml, tmp_path / "tables")}
    assert list(sheets) == list(texts)
    for name, table in texts.items():
        pd.testing.assert_frame_equal(sheets[name], table, check_dtype=False, rtol=1e-12)


def test_text_is_no_formula(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    made = fit(simulated_cohort(prefix="=1+1\x07")).with_labels(["=SUM(A1:A9)", "@high"])
    (file,) = bc.write_tables(made, tmp_path / "tables.xlsx")
    sheets = openpyxl.load_workbook(file)
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    first = sheets["classes_by_counts"]["A2"].value
    assert first.startswith("=1+1\\x07")
    assert sheets["classes_by_counts"]["C1"].value == "=SUM(A1:A9)"


def test_the_command_writes_it(ml, tmp_path):
    pytest.importorskip("openpyxl")
    output, name = Output(), str(tmp_path / "new" / "tables.XLSX")
    write_all_tables(ml, name, workbook_of(name, output), output)
    assert output.written == [tmp_path / "new" / "tables.XLSX"]
    assert set(pd.read_excel(output.written[0], sheet_name=None)) == set(tables_of(ml))
    assert workbook_of(str(tmp_path / "tables"), output) is None


def test_without_the_library_it_says_so_first(ml, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "find_spec", lambda name: None)
    with pytest.raises(bc.StorageError, match=r"tables.xlsx: an Excel file needs the library openpyxl, .*excel\]'"):
        bc.write_tables(ml, tmp_path / "tables.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_text_that_no_cell_can_hold(ml):
    pytest.importorskip("openpyxl")
    tables = tables_of(ml)
    tables["flow"] = tables["flow"].assign(reason="x" * 40_000)
    with pytest.raises(
        bc.StorageError, match="table flow: found a text of 40,000 characters; allowed in Excel: 32,767"
    ):
        workbook.workbook_bytes(tables)
