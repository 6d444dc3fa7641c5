"""Progress where nobody looks at a bar: lines in a log file."""

import time

import pytest

from bayesctc import progress

pytestmark = pytest.mark.unit


def test_a_log_file_has_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.01)
    with progress.Progress(True) as shown:
        shown.say("sampling", 40)
        shown.advance(7)
        time.sleep(0.1)
    assert "0:00 sampling, 7 of 40" in capsys.readouterr().err.splitlines()


def test_silence_is_silent(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.01)
    with progress.Progress(False) as shown:
        shown.say("sampling", 40)
        time.sleep(0.05)
    assert capsys.readouterr().err == ""
