"""Run all benchmarks one after the other and write their tables into docs/performance.md."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tables import machine

from freqbias.files import write_text

FOLDER = Path(__file__).parent
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


def main() -> None:
    """Write the page; a benchmark that fails ends the run with its status."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [
        "# Performance",
        f"Measured by `make bench` on: {machine()}; {packages}. The machine is shared: compare ratios, taken "
        "in one run, rather than seconds.",
    ]
    for script, title in BENCHMARKS.items():
        print(f"{title} …", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, FOLDER / script], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        text = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("# "))
        about = (FOLDER / script).read_text().split('"""')[1].strip()
        parts += [f"## {title}", f"`benchmarks/{script}`. {about.splitlines()[0]}", text.strip()]
    write_text(FOLDER.parent / "docs" / "performance.md", "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
