"""The numbers of a study's points that are followed over what varies, under their names in the table of results."""

from typing import TYPE_CHECKING

from freqbias.compare.pairs import PAIRS

if TYPE_CHECKING:
    import pandas as pd

_EMERGENCE = "emergence_"
#: What is the same for every study; emergence times depend on the frequencies that are followed.
PAIR_QUANTITIES = tuple(pair.key for pair in PAIRS)
BIAS_QUANTITIES = ("bias_theory", "bias_network")
_WORDS = {pair.key: f"largest difference {pair.name}" for pair in PAIRS} | {
    "bias_theory": "bias index of the theory",
    "bias_network": "bias index of the network",
}


def quantities(table: "pd.DataFrame") -> list[str]:
    """The columns of ``table`` that are followed: those in which at least one point has a number."""
    emergence = [name for name in table.columns if name.startswith(_EMERGENCE)]
    known = [name for name in (*PAIR_QUANTITIES, *BIAS_QUANTITIES, *emergence) if name in table.columns]
    return [name for name in known if table[name].notna().any()]


def in_words(quantity: str) -> str:
    """The name of a quantity in texts and figures."""
    if quantity.startswith(_EMERGENCE):
        side, frequency = quantity.removeprefix(_EMERGENCE).split("_", 1)
        return f"emergence time of the {side} at ξ = {frequency}"
    return _WORDS[quantity]
