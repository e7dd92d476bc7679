"""Run all benchmarks one after the other and write their tables into docs/performance.md."""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tables import machine

from freqbias.files import write_text

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "performance.md"
BENCHMARKS = {
    "evolution.py": "Time evolution of the PDE",
    "scaling.py": "Scaling of the PDE",
    "grading.py": "Graded and uniform meshes",
    "nufft_step.py": "One gradient of the network",
    "training_cost.py": "Cost of training against neurons and samples",
    "gradient_flow.py": "Gradient flow to late times",
    "kernel_flow.py": "Kernel flow at scale",
    "processes.py": "Training by two processes",
    "gpu.py": "Training on a GPU",
}
PACKAGES = ("dolfinx-solver-real", "torch", "finufft", "numpy")


def section(script: str, title: str) -> str:
    """Run one benchmark: its part of the page. A benchmark that fails ends the run with its status."""
    print(f"{title} …", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, FOLDER / script], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    text = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("# "))
    about = (FOLDER / script).read_text().split('"""')[1].strip()
    return f"## {title}\n\n`benchmarks/{script}`. {about.splitlines()[0]}\n\n{text.strip()}"


def main() -> None:
    """Write the page anew, or only the parts of the scripts that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(BENCHMARKS)}; default: all")
    wanted = parser.parse_args().scripts or list(BENCHMARKS)
    if unknown := set(wanted) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    head = (
        f"# Performance\n\nMeasured by `make bench` on: {machine()}; {packages}. The machine is shared: compare "
        "ratios, taken in one run, rather than seconds."
    )
    for script in wanted:
        new = section(script, BENCHMARKS[script])
        former = PAGE.read_text().split("\n## ")[1:]
        parts = {part.splitlines()[0]: f"## {part.strip()}" for part in former} | {BENCHMARKS[script]: new}
        # What was measured is kept even if a later benchmark fails.
        write_text(PAGE, "\n\n".join([head, *(parts[title] for title in BENCHMARKS.values() if title in parts)]) + "\n")


if __name__ == "__main__":
    main()
