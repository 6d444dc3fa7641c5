"""The report of a model whose classes have a curve in each arm, with samples that failed."""

import re

import numpy as np
import pytest
from curves_helpers import counts_only, frames

import bayesctc as bc
from bayesctc.report.contrast_tables import contrast_tables
from bayesctc.report.subject import Subject

pytestmark = pytest.mark.unit


def test_the_report_has_contrasts_and_failed_samples(tmp_path):
    samples, patients = frames(120)
    status = np.where(np.arange(len(samples)) % 10 == 3, "failed", "ok")
    count = samples["ctc"].astype(float).where(status == "ok")
    cohort = bc.Cohort(samples.assign(status=status, ctc=count), patients)
    fit = counts_only(cohort, n_classes=2, longitudinal_by_class="~ arm")
    (table,) = contrast_tables(Subject.of(fit))
    found = bc.trajectory_contrasts(fit, "arm", ("A", "B"), [0.0])
    assert table.head[:4] == ["arm", "class", "mean", "month 0"]
    assert [row[:2] for row in table.rows] == [["B minus A", "class 1"], ["B minus A", "class 2"]]
    estimate = float(table.rows[1][3].split(" ")[0].replace("−", "-"))
    assert estimate == pytest.approx(float(found["difference"][1, 0]), rel=0.01)
    text = re.sub(r"<[^>]+>", " ", bc.write_report(fit, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Curves by arm and class" in text
    assert "covariate on the curve, by class" in text
    assert "failed, no reason given" in text
    assert "~ arm: terms at their mean over the samples" in text
