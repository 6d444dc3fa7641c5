"""The command `bayesctc`: its arguments, its work and its exit codes."""

import sys
from collections.abc import Sequence

from bayesctc.cli.arguments import build_parser
from bayesctc.errors import BayesctcError

INTERRUPTED = 130  # 128 + SIGINT
NOTHING = "interrupted; nothing was written"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        0, or 1 for an error that is printed, or 130 if the user interrupted. Wrong arguments exit with 2.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    if getattr(options, "entry", None) and options.min_samples is None:
        parser.error("--entry needs --min-samples: a patient enters at the sample that satisfies it")
    given = {name for name, value in vars(options).items() if value is not None}
    for name in ("unit", "transform"):
        if name in given and "marker" not in given:
            parser.error(f"--{name} needs --marker: it describes a marker that is not a count")
    if options.command == "fit" and options.ml and (options.out or "").endswith(".nc"):
        parser.error("with --ml, --out is a folder for CSV tables, not a .nc file")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?"
    return _run(options)


def _run(options) -> int:
    output = None
    if hasattr(options, "samples") and not getattr(options, "quiet", False):
        print(f"reading {options.samples} and {options.patients}", file=sys.stderr, flush=True)
    try:
        from bayesctc.cli import commands
        from bayesctc.cli.output import Output

        output = Output(overwrite=getattr(options, "overwrite", True))
        commands.COMMANDS[options.command](options, output)
    except BayesctcError as error:
        print(f"error: {_told(error, options)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        said = ["interrupted; already written:", *output.lines()] if output and output.written else [NOTHING]
        print("\n".join(said), file=sys.stderr)
        return INTERRUPTED
    finally:
        if output:
            output.clean()
    return 0


def _told(error: BayesctcError, options) -> str:
    """An error in the words of the command line."""
    from bayesctc.cli.spoken import spoken

    return spoken(str(error), vars(options))


if __name__ == "__main__":
    sys.exit(main())
