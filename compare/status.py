"""What became of a number that a reader expects: measured, within the noise, or missing for one of several reasons."""

from enum import StrEnum


class Status(StrEnum):
    """Different things must look different, in tables, figures and files; see also ``docs/metrics.md``."""

    #: A number that means what it says.
    MEASURED = "measured"
    #: A number smaller than its own uncertainty.
    WITHIN_NOISE = "within noise"
    #: Not computed: nobody asked for it, or it would have taken too long.
    SKIPPED = "skipped"
    #: The computation ended with an error.
    FAILED = "failed"
    #: There is nothing to hold the number against.
    NOT_COMPARABLE = "not comparable"
