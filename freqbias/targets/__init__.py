"""Targets: what the network must learn.

A new kind of target is one new file with a class as in ``target.Target``, chosen in ``problem.Problem``.
"""

from freqbias.targets.expression import ExpressionTarget
from freqbias.targets.function import FunctionTarget
from freqbias.targets.samples import GridTarget, ScatteredTarget, read_target
from freqbias.targets.target import Target, taper

__all__ = ["ExpressionTarget", "FunctionTarget", "GridTarget", "ScatteredTarget", "Target", "read_target", "taper"]
