"""Estimates of memory against what processes really take."""

import json
import subprocess
import sys

import pytest
from test_cost import changed

MEASURE = r"""
import json, re, sys
from pathlib import Path
from freqbias import Problem, fem, nn
from freqbias.cost import level_costs

level, small, large = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
compute = {"pde": fem.solve, "kernel": nn.kernel_flow, "network": nn.train}[level]

def peak():
    # Of this program alone: ru_maxrss begins with what the process held that started it.
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])

compute(Problem.create(small)).to_xarray()  # libraries, once
before, problem = peak(), Problem.create(large)
*_, cost = level_costs(problem, (level,))
estimate = cost.bytes - cost.libraries
compute(problem).to_xarray()
print(estimate, peak() - before)
"""

MEASURED = {
    "PDE": ("pde", {"mesh.cells": [40_000], "training.times.count": 60}),
    "kernel matrix": ("kernel", {"data.points": [1500]}),
    "wide network": (
        "network",
        {
            "network.width": 150_000,
            "training.optimizer": "gradient-descent",
            "training.times.last": 1.5,
            "training.threads": 1,
        },
    ),
}


@pytest.mark.parametrize(("level", "changes"), MEASURED.values(), ids=MEASURED)
def test_memory_is_estimated_well_and_never_far_too_low(settings, level, changes):
    settings["training"]["times"]["count"] = 3
    large = changed(settings, changes)
    settings["training"]["optimizer"] = large["training"].get("optimizer", "gradient-flow")  # each has its libraries
    words = [sys.executable, "-c", MEASURE, level, json.dumps(settings), json.dumps(large)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    estimate, measured = map(float, done.stdout.split())
    assert measured > 30e6
    assert 1 / 1.5 < estimate / measured < 3


LIBRARIES = r"""
import json, re, sys
from pathlib import Path
from freqbias import Problem
from freqbias.cost import level_costs

def anonymous():
    # Files in memory, such as libraries themselves, are shared by all processes and can be dropped.
    return 1024 * int(re.search(r"RssAnon:\s*(\d+)", Path("/proc/self/status").read_text())[1])

level, problem = sys.argv[1], Problem.create(json.loads(sys.argv[2]))
*_, cost = level_costs(problem, (level,))
before = anonymous()
if level == "pde":
    from freqbias.fem import solve as compute
elif level == "kernel":
    from freqbias.nn import kernel_flow as compute
else:
    from freqbias.nn import train as compute
compute(problem).to_xarray()
print(cost.libraries, anonymous() - before)
"""


@pytest.mark.parametrize(
    ("level", "changes"),
    [("pde", {}), ("kernel", {}), ("network", {}), ("kernel", {"network": {"family": "siren", "hidden": [8, 8]}})],
)
def test_memory_of_libraries(settings, level, changes):
    settings = changed(settings, changes)
    words = [sys.executable, "-c", LIBRARIES, level, json.dumps(settings)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    estimate, measured = map(float, done.stdout.split())
    assert 1 / 2.5 < estimate / measured < 2.5
