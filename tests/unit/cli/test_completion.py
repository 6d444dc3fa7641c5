"""Completion by the shell: what bash offers after a few words."""

import shutil
import subprocess
import sys

import pytest

from bayesctc.cli.main import main

pytestmark = pytest.mark.unit


def script(shell: str, capsys) -> str:
    with pytest.raises(SystemExit) as end:
        main(["--completion", shell])
    assert end.value.code == 0
    return capsys.readouterr().out


def offered(words: list[str], text: str, folder) -> set[str]:
    """What bash would offer for the last of the words."""
    ask = f"""{text}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
_shtab_bayesctc
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, cwd=folder, timeout=60)
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_offers_commands_options_choices_and_files(capsys, tmp_path):
    (tmp_path / "samples.csv").touch()
    text = script("bash", capsys)
    assert offered(["bayesctc", "se"], text, tmp_path) == {"select", "sensitivity"}
    assert {"--classes", "--min-samples"} <= offered(["bayesctc", "fit", "--"], text, tmp_path)
    assert offered(["bayesctc", "check", "--time-unit", "d"], text, tmp_path) == {"days"}
    assert offered(["bayesctc", "check", "sam"], text, tmp_path) == {"samples.csv"}


def test_other_shells_and_what_is_missing(capsys, monkeypatch):
    assert "#compdef bayesctc" in script("zsh", capsys)
    assert "complete bayesctc" in script("tcsh", capsys)
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit):
        main(["--completion", "bash"])
    assert "pip install 'bayesctc[completion]'" in capsys.readouterr().err
