"""Stopping a training from outside, between two gradients, so that nothing of the present state is lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from freqbias.errors import Interrupted

#: What a signal does to a training, for people.
_NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interruption:
    """Whether training shall stop: it looks before every gradient."""

    def __init__(self) -> None:
        #: The signal that asks for it, None as long as none does.
        self.signal: signal.Signals | None = None

    def check(self) -> None:
        """Raises Interrupted if training shall stop."""
        if self.signal is not None:
            raise Interrupted(_NAMES[self.signal], 128 + self.signal)


@contextmanager
def interruption_by_signals() -> Iterator[Interruption]:
    """Inside the block SIGINT (Ctrl-C) and SIGTERM set the Interruption; the second of them ends the block at once.

    Only the main thread of a process may call this. The handlers from before come back at the end.
    """
    interruption = Interruption()

    def handle(number: int, frame: object) -> None:
        if interruption.signal is not None:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        interruption.signal = signal.Signals(number)

    before = {number: signal.signal(number, handle) for number in _NAMES}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
