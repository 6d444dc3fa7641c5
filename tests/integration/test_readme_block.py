"""The README's block of Python runs, shortened. A file of its own: another process may run the notebooks meanwhile."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from notebooks import MINUTES

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def test_the_block_of_the_readme_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    for long, short in (
        ("draws=1000, tune=600, chains=4", "draws=60, tune=120, chains=2, progress=False"),
        (
            "bc.fit_ml(cohort, spec, random_seed=1)",
            "bc.fit_ml(cohort, spec, n_starts=6, random_seed=1, progress=False)",
        ),
        (
            'endpoints=["os", "pfs", "ttf"]',
            'endpoints=["os"], settings=bc.Settings(n_starts=4, max_refits=0, draws=60, tune=120, chains=2, '
            "progress=False)",
        ),
        ("bc.predictive_check(fit, random_seed=1)", "bc.predictive_check(fit, n_replicates=40, progress=False)"),
        ("bc.default_plan(cohort, spec, treated)", 'bc.SensitivityPlan([{"option": "cutoff", "value": 3}])'),
        (
            'folder="sensitivity", random_seed=1',
            'folder="sensitivity", n_starts=4, max_refits=0, draws=60, tune=120, chains=2, progress=False',
        ),
        (
            "landmarks=[3, 6], horizons=[6, 12, 24])",
            "landmarks=[3, 6], horizons=[6, 12, 24], folds=2, n_starts=4, progress=False)",
        ),
    ):
        assert block.count(long) == 1
        block = block.replace(long, short)
    process = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * MINUTES,
    )

    assert process.returncode == 0, process.stderr
    assert "include: 3 or more samples" in process.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"trajectories_and_survival.png", "fit.nc", "sensitivity"}
    assert (tmp_path / "trajectories_and_survival.png").read_bytes().startswith(b"\x89PNG")
