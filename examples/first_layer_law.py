"""How the law of the first layer shows in a network of four layers, beside the prediction for two.

For normal laws of three widths: how long it takes to halve the error at four frequencies, with
  - the PDE, which predicts the two-layer network of the same law,
  - the flow of the four-layer network's own kernel (the network linearised at its start),
  - training of the four-layer network, several seeds of it.

Two-layer networks learn at other speeds than four-layer ones, so the times are compared relative to that of the lowest
frequency. Prints a table and draws a figure; about two minutes on two cores.

What it shows. The law sets the bias of both networks, and a wider law removes it. Where the law holds the frequency,
the prediction for two layers is right for four within a factor of 2 (3.4 when trained, at std 10 and the highest
frequency). Where the law is next to 0 (std 3, from 11 on) it fails: the hidden layers make the frequencies that the
first one lacks, and the times grow as about the power 2.6 of the frequency instead of as 1 / law. Training is up to
twice as fast at high frequencies as the network's own kernel says: its kernel changes. At std 30 seeds differ more
than frequencies do.

    python examples/first_layer_law.py first_layer_law.svg
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from freqbias import ErrorSpectra, Problem

#: Radians per unit of x; the target is a packet of each.
TONES = np.array([2.0, 5.0, 11.0, 20.0])
LEARNING_RATE = 0.2
TWO_LAYERS = {"width": 4000}
FOUR_LAYERS = {"family": "deep-fourier-features", "width": 64, "hidden": [128, 128], "centred": True}


@dataclass(frozen=True)
class HalfLives:
    """Learning times (S, tones) after which half of the error at each tone is left; infinite if more is at the end.

    S = 1 for ``pde``, the number of seeds for ``kernel`` and ``network``.
    """

    std: float
    pde: np.ndarray
    kernel: np.ndarray
    network: np.ndarray


def problem(network: dict, std: float, last: float, seeds: int = 1, points: int = 256) -> Problem:
    """Gradient descent up to learning time ``last`` with a normal first layer of standard deviation ``std``."""
    return Problem.create(
        {
            "network": network | {"law": {"family": "normal", "scale": std}},
            "target": {"expression": "exp(-x**2/0.5)*(" + "+".join(f"sin({tone:g}*x)" for tone in TONES) + ")"},
            "data": {"lower": [-np.pi], "upper": [np.pi], "points": [points]},
            "training": {
                "optimizer": "gradient-descent",
                "learning_rate": LEARNING_RATE,
                "seeds": seeds,
                "times": {"first": LEARNING_RATE, "last": last, "count": 80},
            },
            "mesh": {"cutoff": 30.0, "cells": 240},
        }
    )


def half_lives(spectra: ErrorSpectra) -> np.ndarray:
    """When half of the error at each tone is left, for every run (S, tones): log-linear between outputs."""
    at = [np.abs(spectra.frequencies[:, 0] - tone).argmin() for tone in TONES]
    magnitudes = np.abs(spectra.runs[:, :, at])
    left = np.log2(np.maximum(magnitudes / magnitudes[:, :1], 1e-300))
    times = np.full((len(left), len(TONES)), np.inf)
    for run, tone in np.ndindex(times.shape):
        curve = left[run, :, tone]
        below = np.flatnonzero(curve <= -1)
        if len(below):
            pair = slice(below[0] - 1, below[0] + 1)
            times[run, tone] = np.interp(1.0, -curve[pair], spectra.times[pair])
    return times


def study(std: float, last: float = 200.0, seeds: int = 3, points: int = 256, deep: dict = FOUR_LAYERS) -> HalfLives:
    """All three for one law; the four-layer network is trained up to learning time ``last``."""
    from freqbias import fem, nn

    return HalfLives(
        std,
        half_lives(fem.solve(problem(TWO_LAYERS, std, 1e4))),
        half_lives(nn.kernel_flow(problem(deep, std, 1e4, seeds, points))),
        half_lives(nn.train(problem(deep, std, last, seeds, points))),
    )


def relative(times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (geometric), smallest and largest over the runs (S, tones) of times relative to the lowest tone."""
    ratios = times / times[:, :1]
    return np.exp(np.log(ratios).mean(axis=0)), ratios.min(axis=0), ratios.max(axis=0)


def table(rows: list[HalfLives]) -> str:
    """Half-lives relative to that of the lowest tone; of several seeds the mean and the range."""
    lines = [
        "| law | ξ | PDE, two layers | own kernel, four layers | trained, four layers |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        columns = [relative(times) for times in (row.pde, row.kernel, row.network)]
        for number, tone in enumerate(TONES):
            cells = [_cell(*(values[number] for values in column)) for column in columns]
            lines.append(f"| normal, std {row.std:g} | {tone:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(mean: float, low: float, high: float) -> str:
    if not np.isfinite(mean):
        return "not halved"
    return f"{mean:.3g}" if low == high else f"{mean:.3g} ({low:.3g} … {high:.3g})"


def draw(rows: list[HalfLives], path: Path) -> None:
    """The table as a figure, a panel for each law; what lies above a panel is drawn at its edge as an arrow."""
    from matplotlib.figure import Figure

    finite = [relative(times)[2] for row in rows for times in (row.kernel, row.network)]
    top = 3 * max(values[np.isfinite(values)].max() for values in finite)
    figure = Figure(figsize=(3.4 * len(rows) + 1, 4), layout="constrained")
    looks = {
        "pde": ("PDE, two layers", {"color": "0.3", "linestyle": "-"}),
        "kernel": ("own kernel, four layers", {"color": "tab:orange", "linestyle": "--", "marker": "s"}),
        "network": ("trained, four layers", {"color": "tab:blue", "linestyle": ":", "marker": "o"}),
    }
    for axes, row in zip(figure.subplots(1, len(rows), sharey=True, squeeze=False)[0], rows, strict=True):
        for name, (label, look) in looks.items():
            times = getattr(row, name)
            mean, low, high = relative(times)
            shown = np.minimum(mean, top)
            spread = np.abs(np.minimum([low, high], top) - shown)
            axes.errorbar(
                TONES, shown, yerr=spread if len(times) > 1 else None, label=label, capsize=3, markersize=5, **look
            )
            if (mean > top).any():
                axes.plot(TONES[mean > top], shown[mean > top], "^", color=look["color"], clip_on=False)
        axes.set(
            yscale="log",
            ylim=(0.3, top),
            xticks=TONES,
            xlabel="frequency ξ (radians per unit of x)",
            title=f"normal law, std {row.std:g}",
        )
        axes.grid(alpha=0.3)
    first = figure.axes[0]
    first.set_ylabel("half-life of the error / that at ξ = 2")
    figure.axes[-1].legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Study three laws."""
    parser = argparse.ArgumentParser(description="The effect of the first layer's law on a network of four layers.")
    parser.add_argument("figure", type=Path, help="picture to write (.svg, .png, .pdf)")
    path = parser.parse_args().figure
    rows = [study(std) for std in (3.0, 10.0, 30.0)]
    print(table(rows))
    draw(rows, path)
    print(path)


if __name__ == "__main__":
    main()
