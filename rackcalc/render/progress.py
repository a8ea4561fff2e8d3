"""A progress bar on standard error, for what takes longer than a second, and only in a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 1.0  # seconds without a bar


@contextmanager
def progress(points: int) -> Iterator[Callable[[int], Any]]:
    """A function to be called with the points done so far. It shows the bar after PATIENCE."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda done: None
        return
    begun, bar = time.monotonic(), Bar(points)
    try:
        yield lambda done: bar.show(done) if time.monotonic() - begun > PATIENCE else None
    finally:
        bar.stop()


class Bar:
    """A bar that is created when it is first shown, because rich takes long to import."""

    def __init__(self, points: int) -> None:
        self.points = points
        self._drawn: Any = None
        self._task: Any = None

    def show(self, done: int) -> None:
        """Show that `done` points are done."""
        if self._drawn is None:
            self._draw()
        self._drawn.update(self._task, completed=done, rate=self._rate(done))

    def _rate(self, done: int) -> str:
        seconds = time.monotonic() - self._begun
        return f"{done / max(seconds, 1e-9) / 1e6:.1f} M points/s"

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._begun = time.monotonic() - PATIENCE
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        self._drawn = Progress(*columns, console=Console(stderr=True), transient=True)
        self._drawn.start()
        self._task = self._drawn.add_task("", total=self.points, rate="")

    def stop(self) -> None:
        """Remove the bar."""
        if self._drawn is not None:
            self._drawn.stop()
