"""Progress bars for long work: on standard error, by one process, only on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Called with the part of the work that is done, from 0 to 1.
Progress = Callable[[float], None]


def silent(done: float) -> None:
    """The progress that nobody looks at."""


def part_of(progress: Progress, number: int, count: int) -> Progress:
    """The progress of part ``number`` of ``count`` equal parts."""
    return lambda done: progress((number + done) / count)


@contextmanager
def progress_bar(title: str, shown: bool = True) -> Iterator[Progress]:
    """Show a bar while the block runs; it yields the function to call with the part done."""
    if not (shown and sys.stderr.isatty()):
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")]
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda done: bar.update(task, completed=done)
