"""Exceptions of the package: a user's mistake and a numerical failure are different things."""


class FreqbiasError(Exception):
    """Base of every exception that freqbias raises on purpose; its text is one line for the user."""


class InputError(FreqbiasError):
    """A mistake in the input. The text names the file, the key, the value given and what is allowed.

    The command line prints it alone and ends with status 2.
    """


class StorageError(FreqbiasError):
    """A file could not be written although its place allows it: a full disk, a quota. The text names the file."""


class NumericalError(FreqbiasError):
    """A computation failed or its result cannot be trusted. The text says what to try next."""


class ConvergenceError(NumericalError):
    """An iteration ended before it reached the requested tolerance."""


class DivergenceError(NumericalError):
    """Training or an evolution left the finite numbers or grew where it must not."""


class LimitExceededError(FreqbiasError):
    """A number is above the limit that somebody set for it. The text names both."""


class LostProcessError(FreqbiasError):
    """Another of the processes that work together has ended."""


class InputErrorOnEveryRank(InputError):
    """A mistake that every rank of an MPI job knows of: all of them end by themselves."""


class Interrupted(FreqbiasError):
    """Somebody asked training to stop. The text says how to go on; ``status`` is that of the process then."""

    def __init__(self, text: str, status: int = 130):
        super().__init__(text)
        self.status = status

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        """It travels from one process of a training to the others."""
        return type(self), (str(self), self.status)
