"""The notebooks as they are committed; `test_notebooks_run` runs them."""

import re
from pathlib import Path

import pytest

from notebooks import key_figures, notebooks, read

pytestmark = pytest.mark.unit


def test_each_notebook_is_run():
    run = re.findall(
        r'executed\("(\w+)"', Path(__file__).with_name("test_notebooks_run.py").read_text(encoding="utf-8")
    )
    assert [path.stem for path in notebooks()] == run


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_committed_with_outputs_that_need_nothing(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}

    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "image/png" in kinds
    assert kinds <= {"image/png", "text/plain", "text/html"}
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert not re.search(r"/(?:home|root|work|tmp|Users)/|\.venv| at 0x", path.read_text(encoding="utf-8"))
    assert not [cell for cell in code if "execution" in cell.metadata]
    assert len(key_figures(read(path))) >= 5
