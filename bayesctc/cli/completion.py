"""`bayesctc --completion bash`: a script with which a shell completes commands, options and files."""

import argparse
from collections.abc import Iterator

SHELLS = ("bash", "zsh", "tcsh")
FILES = ("FILE", "FOLDER", "PATH", "CSV", "SAMPLES", "PATIENTS")  # metavars of paths


class Completion(argparse.Action):
    """Print the script for a shell and exit."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Called by argparse; exits with 2 if the package that writes the scripts is not installed."""
        try:
            import shtab
        except ImportError:
            parser.error("--completion needs the package shtab: pip install 'bayesctc[completion]'")
        for action in _actions(parser):
            if not action.choices and (str(action.metavar) in FILES or not action.option_strings):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, values))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Options and arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
