"""Notebooks run from top to bottom, their outputs stored, and their key figures held against stored ones.

`make notebooks` (or `python tests/notebooks.py notebooks/03_checks.ipynb` for one) writes the outputs;
`tests/integration/test_notebooks_run.py` runs the same cells and calls `moved` (`executed`).

A cell tagged `key-figures` prints a table in CSV: figure, value, tolerance. The figures are those its notebook's text
rests on. Where chains on other machines part, a fresh run is another draw of the same Monte Carlo experiment, so that
the difference of two runs has sqrt(2) times a figure's Monte Carlo standard error. The tolerance is 4 of those: about
one difference in 16,000 is larger by chance. Each notebook computes the standard errors from the draws it took, and
says how. What is not drawn (a maximum of the likelihood, a count of patients) has the tolerance of the optimiser, or 0.
"""

import json
import re
import sys
import tempfile
from io import StringIO
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from jupyter_client import KernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
TAG = "key-figures"
COLUMNS = ["figure", "value", "tolerance"]
MINUTES = 15
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def notebooks() -> list[Path]:
    """The committed notebooks, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook, as it is stored."""
    return nbformat.read(path, as_version=4)


def run(notebook: nbformat.NotebookNode, folder: Path, kernel: KernelManager | None = None) -> nbformat.NotebookNode:
    """Run all cells in `folder`, and leave nothing in the notebook that another run would write otherwise.

    The kernel is a new one; or one that runs already, in which no name is left of what it ran before.
    """
    place = {"metadata": {"path": str(folder)}}
    options = {"timeout": 60 * MINUTES, "resources": place, "record_timing": False}
    if kernel is None:
        NotebookClient(notebook, kernel_name="python3", **options).execute()
    else:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {folder}"))
        client = NotebookClient(notebook, kernel, **options)
        try:
            client.execute()
        finally:
            client.kc.stop_channels()
        notebook.cells.pop(0)
    notebook.metadata.language_info = {"name": "python"}  # no version of Python
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            _steady(output)
    return notebook


def _steady(output: nbformat.NotebookNode) -> None:
    """Addresses of objects leave an output; identifiers drawn for HTML become their number."""
    data = output.get("data", {})
    for kind in set(data) & {"text/plain", "text/html"}:
        seen: dict[str, str] = {}
        text = UNIQUE.sub(lambda found, seen=seen: seen.setdefault(found[0], f"id-{len(seen)}"), data[kind])
        data[kind] = ADDRESS.sub("", text)


def key_figures(notebook: nbformat.NotebookNode) -> pd.DataFrame:
    """Value and tolerance of each figure that cells tagged `key-figures` have printed.

    Raises
    ------
    ValueError
        No such cell, a cell without output, a table with other columns, a figure twice, or a number that is not finite.
    """
    cells = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    if not cells:
        raise ValueError(f"no cell is tagged {TAG}")
    tables = []
    for cell in cells:
        printed = "".join(output.text for output in cell.get("outputs", []) if output.get("name") == "stdout")
        if not printed.strip():
            raise ValueError(f"a cell tagged {TAG} has no printed output: make notebooks")
        tables.append(pd.read_csv(StringIO(printed)))
        if list(tables[-1].columns) != COLUMNS:
            raise ValueError(f"a cell tagged {TAG} has to print {COLUMNS}; found {list(tables[-1].columns)}")
    figures = pd.concat(tables).set_index("figure").astype(float)
    if figures.index.has_duplicates:
        raise ValueError(f"printed twice: {sorted(figures.index[figures.index.duplicated()])}")
    bad = figures.index[~np.isfinite(figures).all(axis=1) | (figures["tolerance"] < 0)]
    if len(bad):
        raise ValueError(f"not finite, or a tolerance below 0: {list(bad)}")
    return figures


def moved(stored: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> list[str]:
    """What a fresh run has otherwise than the stored one, a sentence each.

    The stored tolerance counts, not the fresh one: chains that no longer mix would widen their own.
    """
    before, after = key_figures(stored), key_figures(fresh)
    found = [f"{name}: stored, and no longer computed" for name in before.index.difference(after.index)]
    found += [f"{name}: computed, and not stored" for name in after.index.difference(before.index)]
    for name in before.index.intersection(after.index):
        value, tolerance = before.loc[name, ["value", "tolerance"]]
        now = after.loc[name, "value"]
        if abs(now - value) > tolerance + 1e-9:
            found.append(f"{name}: stored {value:g}, now {now:g}, allowed is a difference of {tolerance:g}")
    return found


def executed(name: str, facts: str, folder: Path, kernel: KernelManager) -> dict:
    """Run a notebook in an empty folder, which stays empty; its key figures are those it stores.

    `facts` is a last cell, which prints as JSON what came of the others; the classes are four in all of them.
    """
    path = FOLDER / f"{name}.ipynb"
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(facts))
    run(notebook, folder, kernel)
    left = list(folder.iterdir())
    assert not left, left
    found = json.loads(notebook.cells.pop().outputs[0]["text"])
    assert found["sizes"]["latent_class"] == 4
    otherwise = moved(read(path), notebook)
    assert not otherwise, otherwise
    return found


def write(path: Path) -> list[str]:
    """Run a notebook, store its outputs, and say which key figures are no longer those stored before."""
    stored, notebook = read(path), read(path)
    with tempfile.TemporaryDirectory() as folder:
        run(notebook, Path(folder))
    key_figures(notebook)
    nbformat.write(notebook, path)
    try:
        return moved(stored, notebook)
    except ValueError as error:
        return [f"nothing to compare with: {error}"]


if __name__ == "__main__":
    for book in [Path(name) for name in sys.argv[1:]] or notebooks():
        print(book.name, *write(book), sep="\n  ", flush=True)
