"""What every number of a comparison means, and its unit: for ``metrics.json``, arrays, and ``docs/metrics.md``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """``key`` in ``metrics.json``, ``unit`` (1: none), and the definition in one sentence."""

    key: str
    unit: str
    definition: str


QUANTITIES = (
    Quantity("times", "learning time", "learning rate times steps, the first one 0"),
    Quantity("frequencies", "radians per unit of x", "nodes of the frequency mesh, or the middles of radial shells"),
    Quantity(
        "relative_error",
        "1",
        "L2 norm over frequency of the difference of the pair's spectra / norm of its second spectrum at time 0; of "
        "several seeds each by itself, then their mean, as in all keys below",
    ),
    Quantity("max_relative_error", "1", "largest relative_error over times"),
    Quantity("worst_time", "learning time", "when relative_error is largest"),
    Quantity(
        "relative_error_of_mean", "1", "relative_error of the spectra averaged over the seeds; null for one of them"
    ),
    Quantity("magnitude_error", "1", "part of relative_error by magnitudes: of | |a| - |b| |"),
    Quantity(
        "phase_error",
        "1",
        "part of relative_error by phases: of 2 (|a| |b|)^(1/2) sin(phi / 2); its square and that of magnitude_error "
        "add up to the square of relative_error",
    ),
    Quantity("phase_shift", "radians", "root mean square of the phase difference phi, weighted with |a| |b|"),
    Quantity("remaining", "1", "L2 norm over frequency of the error spectrum / its value at time 0"),
    Quantity(
        "bias_index",
        "1",
        "sine of the angle between |v(0)| and |v(t)| as functions of frequency: 0 when all frequencies decay alike",
    ),
    Quantity("bias_index_at_threshold", "1", "bias_index when remaining has fallen to threshold; null if never"),
    Quantity(
        "frequency_drift",
        "1",
        "mean |xi| of the error, weighted with |v|^2, / its value at time 0, minus 1: positive where low frequencies "
        "are learned first",
    ),
    Quantity("split.frequency", "radians per unit of x", "|xi| between low and high"),
    Quantity("split.low, split.high", "1", "norm of the error below and above it / the same at time 0"),
    Quantity("loss", "(unit of the target)^2", "1/2 (2 pi)^-d / density * norm^2 of the error spectrum (Parseval)"),
    Quantity("measured_loss", "(unit of the target)^2", "half the weighted mean squared error at the samples"),
    Quantity("loss_ratio", "1", "loss / measured_loss: 1 if mesh and samples hold the whole error"),
    Quantity("decay_curves", "1", "|v(xi, t)| / |v(xi, 0)| at each frequency, one list over times for each"),
    Quantity(
        "decay_curves.rates",
        "1 / learning time",
        "mean of -d/dt log|v(xi, t)| since the output before; null at time 0 and where |v| is rounding",
    ),
    Quantity(
        "emergence_times",
        "learning time",
        "first time at which |v(xi, t)| falls below threshold * |v(xi, 0)|; null if never",
    ),
    Quantity("emergence_ratio", "1", "emergence time of the network / that of the theory, frequency by frequency"),
    Quantity(
        "radial_average", "unit of the target", "|v| averaged over shells of |xi|, a list over frequencies a time"
    ),
    Quantity("cuts", "unit of the target", "|v| at the given |xi| along a direction, a list over |xi| a time"),
    Quantity("alignment.error", "1", "estimated error of bringing a level to the common frequencies and times"),
    Quantity("alignment.left_out", "1", "part of the norm of its initial spectrum beyond the common frequencies"),
    Quantity("findings", "", "mistakes that the difference looks like: sentence, parameter, part of it explained"),
    Quantity("error_budget", "1", "what each approximation does to the spectrum, relative to the initial error"),
    Quantity("…_band", "as the key", "the two ends of the band over the seeds, see band"),
    Quantity("band", "", "what a band is; null without several seeds"),
    Quantity("seeds", "", "seed of every run of the levels that have several"),
)


def units() -> dict[str, str]:
    """Key → unit and definition in one line: stands in the file itself."""
    return {
        quantity.key: f"{quantity.unit}; {quantity.definition}" if quantity.unit else quantity.definition
        for quantity in QUANTITIES
    }
