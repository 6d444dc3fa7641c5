"""The command line, run inside the process."""

from bayesctc.cli.main import main


def run(capsys, *argv):
    """Its exit code, what it printed, and what it said but for the line that it reads files."""
    code = main([str(a) for a in argv])
    captured = capsys.readouterr()
    return code, captured.out, "".join(line for line in captured.err.splitlines(True) if line[:8] != "reading ")
