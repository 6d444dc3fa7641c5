"""Progress on the terminal or in a notebook: step, share done, time; elsewhere a line every 30 seconds."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LOG_SECONDS = 30.0  # between two lines of a log file, which cannot show a bar that moves


class Progress:
    """A line that shows progress, unless switched off.

    Without a terminal or notebook, as in the log of a cluster job, lines are written one after another to standard
    error: time since the start, step, share done.

    Parameters
    ----------
    show : bool
    """

    def __init__(self, show: bool):
        self._bar = _bar() if show else None
        self._ended, self._began = threading.Event(), time.monotonic()
        self._task: TaskID | None = None

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
            if not (self._bar.console.is_terminal or self._bar.console.is_jupyter):
                threading.Thread(target=self._log, args=(self._bar,), daemon=True).start()
        return self

    def __exit__(self, *error) -> None:
        self._ended.set()
        if self._bar is not None:
            self._bar.stop()

    def _log(self, bar: "RichProgress") -> None:
        """Write a line at intervals until the work ends."""
        while not self._ended.wait(LOG_SECONDS):
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            print(f"{minutes}:{seconds:02d} {self._how_far(bar)}", file=sys.stderr, flush=True)

    def _how_far(self, bar: "RichProgress") -> str:
        """The current step, and how much of it is done."""
        if self._task is None:
            return "starting"
        task = next(task for task in bar.tasks if task.id == self._task)
        far = f", {task.completed:.0f} of {task.total:.0f}" if task.total else ""
        return f"{task.description}{far}"

    def say(self, what: str, total: int | None = None) -> None:
        """Start a step; the step before it is done."""
        if self._bar is not None:
            self._close(self._bar)
            self._task = self._bar.add_task(what, total=total)

    def advance(self, completed: float, total: float | None = None) -> None:
        """Record how much of the step is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=completed, total=total)

    def track(self, items: Iterable, total: int, what: str) -> Iterator:
        """Yield items and count them."""
        self.say(what, total)
        for k, item in enumerate(items):
            self.advance(k + 1)
            yield item

    def _close(self, bar: "RichProgress") -> None:
        if self._task is not None:
            task = bar.tasks[self._task]
            total = task.total if task.total is not None else 1
            bar.update(self._task, total=total, completed=total)


def _bar() -> "RichProgress":
    """A bar on standard error; rich is imported where something is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=False,
    )
