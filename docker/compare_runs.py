"""Do two runs of one problem, in a container and outside for instance, agree? Prints a table; ends with 1 if not.

python docker/compare_runs.py RUN OTHER [--tolerance 1e-7] [--pde FILE]

Compared are the largest relative errors of all pairs in metrics.json, and the spectra of every level: the largest
difference over all output times in the L2 norm over frequency, relative to the initial norm.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from freqbias.errors import FreqbiasError, InputError
from freqbias.spectra import LEVELS, ErrorSpectra


def spectra_difference(path: Path, other: Path) -> float:
    """Largest difference over time of two files of spectra, relative to the initial norm of the first.

    Raises InputError if they belong to different problems, meshes or times.
    """
    first, second = ErrorSpectra.read(path), ErrorSpectra.read(other)
    if first.problem.digest != second.problem.digest:
        raise InputError(f"{path} and {other} belong to different problems")
    if not (np.array_equal(first.times, second.times) and np.allclose(first.mesh.nodes, second.mesh.nodes, rtol=1e-14)):
        raise InputError(f"{path} and {other} differ in times or nodes")
    return float(first.mesh.norm(second.values - first.values).max() / first.norms()[0])


def largest_errors(run: Path) -> dict[str, float]:
    """max_relative_error of every pair in metrics.json."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return {pair: value for pair, value in metrics["max_relative_error"].items() if value is not None}


def differences(run: Path, other: Path, more_pde: list[Path]) -> dict[str, float]:
    """What is compared → the difference. Raises InputError if the two folders do not hold the same quantities."""
    errors, other_errors = largest_errors(run), largest_errors(other)
    if errors.keys() != other_errors.keys():
        raise InputError(f"{run} compares {', '.join(errors)}; {other} compares {', '.join(other_errors)}")
    found = {}
    for pair, value in errors.items():
        found[f"max_relative_error {pair} {value:.6e} {other_errors[pair]:.6e}"] = abs(value - other_errors[pair])
    for level in LEVELS:
        found[f"spectra {level}"] = spectra_difference(run / f"{level}.nc", other / f"{level}.nc")
    for path in more_pde:
        found[f"spectra pde {path.name}"] = spectra_difference(run / "pde.nc", path)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare two runs of one problem.")
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("other", type=Path, help="folder of the same run elsewhere")
    parser.add_argument("--tolerance", type=float, default=1e-7, help="relative to the initial error (default 1e-7)")
    parser.add_argument("--pde", type=Path, action="append", default=[], help="another pde file of this problem")
    options = parser.parse_args()
    try:
        found = differences(options.run, options.other, options.pde)
    except (FreqbiasError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    failed = [what for what, difference in found.items() if not difference <= options.tolerance]
    for what, difference in found.items():
        print(f"{'DIFFERS' if what in failed else 'agrees '} {difference:.1e}  {what}")
    print(f"{len(found) - len(failed)} of {len(found)} agree to {options.tolerance:g} of the initial error")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
