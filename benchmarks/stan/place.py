"""Which of the two models is compared and where its files are. Runs in the environments of all samplers."""

import argparse
import os
from pathlib import Path

MODELS = ("gaussian", "default")
KEPT = Path(__file__).parents[1] / ".stan"


def arguments_of(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows ``--model``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0], help="of `models.py`")
    return parser


def folder(model: str) -> Path:
    """Where a model's data, draws and times are kept."""
    return KEPT / model


def processor_seconds() -> float:
    """Processor time of this process and of those of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
