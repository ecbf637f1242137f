"""How far a run is, with an estimate; silent where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from interpret.files.reading import printable
from interpret.progress import Progress as Onlooker


class _Counted(ProgressColumn):
    """A column for steps that say how much they have to do; empty for others."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self.column = column

    def render(self, task: Task) -> RenderableType:
        return "" if task.total is None else self.column(task)


class Bars(Onlooker):
    """One bar for each step; what ``run_pipeline`` takes as ``progress``.

    Args:
        console: Where they are drawn; default: stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True, markup=False, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _Counted(MofNCompleteColumn()),
            TimeElapsedColumn(),
            _Counted(TextColumn("left")),
            _Counted(TimeRemainingColumn()),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    @property
    def console(self) -> Console:
        """Where they are drawn, and where lines can be printed meanwhile."""
        return self._bars.console

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bars away while something is printed elsewhere than on their console."""
        self._bars.stop()
        try:
            yield
        finally:
            self._bars.start()

    def started(self, step: str, parts: int) -> None:
        """A step begins, or knows now how many parts it has; without a number its bar only moves."""
        if step in self._tasks:
            self._bars.reset(self._tasks[step], total=parts or None)
        else:
            self._tasks[step] = self._bars.add_task(printable(step), total=parts or None)

    def advanced(self, step: str, parts: int) -> None:
        """So many more parts of a step are done."""
        self._bars.advance(self._tasks[step], parts)

    def finished(self, step: str, status: str) -> None:
        """A step ended: its bar makes room for the next."""
        if step in self._tasks:
            self._bars.remove_task(self._tasks.pop(step))
        if self._bars.console.is_terminal:
            self._bars.console.print(f"{printable(step)}: {status}")
