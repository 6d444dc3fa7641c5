"""Progress on the terminal or in a notebook: what, how far, how long."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress


class Progress:
    """A line that says what is going on; silent when told so.

    Parameters
    ----------
    show : bool
    """

    def __init__(self, show: bool):
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            disable=not show,
            transient=False,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *error) -> None:
        self._bar.stop()

    def say(self, what: str, total: int | None = None) -> None:
        """Start a step; the step before it is done."""
        self._close()
        self._task = self._bar.add_task(what, total=total)

    def advance(self, completed: float, total: float | None = None) -> None:
        """How far the step is."""
        if self._task is not None:
            self._bar.update(self._task, completed=completed, total=total)

    def track(self, items: Iterable, total: int, what: str) -> Iterator:
        """Pass items on, counting them."""
        self.say(what, total)
        for k, item in enumerate(items):
            self.advance(k + 1)
            yield item

    def _close(self):
        if self._task is not None:
            task = self._bar.tasks[self._task]
            total = task.total if task.total is not None else 1
            self._bar.update(self._task, total=total, completed=total)
