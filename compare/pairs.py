"""The three pairs of levels that are compared, and what each difference isolates (THEORY section 2)."""

from dataclasses import dataclass

#: Names of the levels in texts and figures, in the order of the theory.
LEVEL_NAMES = {"pde": "PDE", "kernel": "kernel flow", "network": "network"}


@dataclass(frozen=True)
class Pair:
    """``level`` measured against ``reference``; ``isolates`` names the effects that make the difference."""

    level: str
    reference: str
    isolates: str

    @property
    def key(self) -> str:
        return f"{self.level}_vs_{self.reference}"

    @property
    def name(self) -> str:
        return f"{LEVEL_NAMES[self.level]} vs {LEVEL_NAMES[self.reference]}"


PAIRS = (
    Pair("network", "pde", "everything together"),
    Pair("network", "kernel", "finite width and finite step"),
    Pair("kernel", "pde", "samples and window, mesh, time evolution"),
)
