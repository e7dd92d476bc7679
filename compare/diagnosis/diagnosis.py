"""What mistake a difference between network and theory looks like.

Simple changes of the theory, each with one number (``HYPOTHESES_OF_…``), are fitted to the network. What explains most
of the difference is reported, unless the difference is no larger than methods and chance allow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from freqbias.compare.diagnosis import wrong_conventions, wrong_dynamics
from freqbias.compare.diagnosis.evidence import Evidence, Explanation
from freqbias.compare.numbers import short

if TYPE_CHECKING:
    from freqbias.compare.metrics import Comparison

#: Simpler ones first: of several that explain as much, these are named first.
HYPOTHESES_OF_CONVENTION = (
    wrong_conventions.factor,
    wrong_conventions.phase,
    wrong_conventions.conjugate,
    wrong_conventions.origin,
    wrong_conventions.frequency_scale,
)
HYPOTHESES_OF_DYNAMICS = (
    wrong_dynamics.time_scale,
    wrong_dynamics.frequency_motion,
    wrong_dynamics.theory_motion,
    wrong_dynamics.amplitude_std,
    wrong_dynamics.law_scale,
)
#: Differences up to this part of the initial error need no explanation.
_SMALL = 1e-3
#: … nor those of which another seed may change this part of their square.
_CHANCE = 0.5
#: Part of the squared difference that an explanation must leave at most. Of what is no mistake the best one left, in
#: one dimension, 0.62 of random networks, 0.84 of the window, 0.31 of coarse meshes; of planted mistakes at most 0.17.
_MOST_UNEXPLAINED = 0.2
#: One that leaves this many times as much as another, and more than methods do, is that other one badly imitated.
_FAR_WORSE, _OF_METHODS = 3.0, 2e-3
#: The initial spectra disagree if their difference is this part of the largest one at any time; dynamics, which
#: leave them alone, explain nothing if it is this part.
_AT_FIRST, _FROM_THE_START = 1e-2, 0.5
_MOST_FINDINGS = 3
#: The kernel flow goes with the network, or with the PDE, if it is nearer to it than this part of their difference.
_GOES_WITH = 0.2


@dataclass(frozen=True)
class Finding:
    """A simple change of the theory that would explain the difference.

    ``key`` names the kind (time_scale, amplitude_std, ...), ``sentence`` tells a person, ``parameter`` is the fitted
    number (1 or 0 where nothing is wrong), ``explained`` the part of the squared difference that it removes.
    """

    key: str
    sentence: str
    parameter: float
    explained: float


def diagnose(comparison: "Comparison") -> list[Finding]:
    """The changes that explain most of the difference between network and theory, at most three, the best first.

    None if there is no network or no theory, or if the difference is small or may be chance. What remains of a
    difference may be anything, even noise that looks like the mistake: so an explanation must leave little of it.
    """
    if comparison.theory is None or comparison.headline is None or "network" not in comparison.spectra:
        return []
    if comparison.max_relative_error[comparison.headline] <= _SMALL:
        return []
    evidence = Evidence.of(comparison, comparison.theory)
    if evidence.chance > _CHANCE:
        return []
    share = evidence.initial_share
    hypotheses: list[Callable[[Evidence], Explanation | None]] = []
    if share > _AT_FIRST:
        hypotheses += HYPOTHESES_OF_CONVENTION
    if share < _FROM_THE_START:
        hypotheses += HYPOTHESES_OF_DYNAMICS
    found = [explanation for hypothesis in hypotheses if (explanation := hypothesis(evidence)) is not None]
    where = _where_to_look(comparison)
    return [_finding(explanation, where) for explanation in _best(found)]


def _best(explanations: list[Explanation]) -> list[Explanation]:
    good = [one for one in explanations if one.unexplained <= _MOST_UNEXPLAINED]
    if not good:
        return []
    least = min(one.unexplained for one in good)
    limit = max(_FAR_WORSE * least, _OF_METHODS)
    # Differences below what the methods are good for decide nothing: the simpler explanation comes first.
    kept = sorted((one for one in good if one.unexplained <= limit), key=lambda one: one.unexplained // _OF_METHODS)
    return kept[:_MOST_FINDINGS]


def _finding(explanation: Explanation, where: str) -> Finding:
    explained = 1 - explanation.unexplained
    claim = explanation.claim[0].upper() + explanation.claim[1:]
    percent = short(100 * explained) if explained < 0.995 else "more than 99"
    sentence = f"{claim}, which explains {percent} % of the difference: {explanation.advice}.{where}"
    return Finding(explanation.key, sentence, explanation.parameter, explained)


def _where_to_look(comparison: "Comparison") -> str:
    """If the kernel flow goes with one of network and PDE, the mistake is more likely in the other."""
    total, to_network, to_pde = (comparison.max_relative_error[pair.key] for pair in comparison.pairs)
    if total is None or to_network is None or to_pde is None:
        return ""
    pde, kernel, network = (comparison.names[level] for level in ("pde", "kernel", "network"))
    for distance, near, suspect in ((to_network, network, pde), (to_pde, pde, network)):
        if distance < _GOES_WITH * total:
            return f" The {kernel} agrees with the {near}: look at the {suspect} first."
    return ""
