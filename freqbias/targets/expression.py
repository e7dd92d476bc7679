"""Targets written as an expression in x, y, z.

A problem file may come from a stranger. The text is parsed by Python's own parser, but nothing is compiled or
executed: the tree is walked here, and only arithmetic, comparisons and the functions listed below exist.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

_MAX_LENGTH = 10_000
_MAX_DEPTH = 100

_CONSTANTS = {"pi": np.pi, "e": np.e}
_NAMES = (
    "sin, cos, tan, arcsin, arccos, arctan, arctan2, sinh, cosh, tanh, exp, expm1, log, log1p, log2, log10, sqrt, "
    "cbrt, abs, sign, floor, ceil, sinc, heaviside, minimum, maximum, hypot, where"
)
_FUNCTIONS = {name: getattr(np, name) for name in _NAMES.split(", ")}
_ARITY = {"heaviside": 2, "minimum": 2, "maximum": 2, "hypot": 2, "arctan2": 2, "where": 3}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class ExpressionTarget:
    """g(x) from a text such as ``exp(-x**2) * sin(5*y)``; raises ValueError with what is not allowed."""

    grid_shape = None
    points = None
    weights = None

    def __init__(self, text: str, dimension: int):
        if len(text) > _MAX_LENGTH:
            raise ValueError(f"is {len(text)} characters long, at most {_MAX_LENGTH} are allowed")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            raise ValueError(f"is not an expression: {getattr(error, 'msg', error)}") from error
        self._variables = ("x", "y", "z")[:dimension]
        _check_depth(self._tree)
        self(np.zeros((1, dimension)))  # finds every name and construct that is not allowed

    def __call__(self, x: np.ndarray) -> np.ndarray:
        names = dict(zip(self._variables, x.T, strict=True))
        with np.errstate(all="ignore"):  # non-finite values are found and reported by the caller
            return np.broadcast_to(np.asarray(self._value(self._tree, names), dtype=float), len(x)).copy()

    def _value(self, node: ast.expr, names: dict[str, np.ndarray]) -> Any:
        match node:
            case ast.Constant(value=bool(value)):
                raise ValueError(f"{value} is not allowed, only numbers are")
            case ast.Constant(value=int() | float() as value):
                try:
                    return np.float64(value)  # no big integers: 9**9**9 is inf, at once
                except OverflowError:
                    return np.float64(np.inf)
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.Name(id=name) if name in _CONSTANTS:
                return np.float64(_CONSTANTS[name])
            case ast.Name(id=name):
                allowed = ", ".join([*self._variables, *_CONSTANTS])
                raise ValueError(f"unknown name {name!r}, allowed are {allowed} and functions")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](self._value(left, names), self._value(right, names))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self._value(operand, names))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return _COMPARE[type(op)](self._value(left, names), self._value(right, names))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                if len(args) != _ARITY.get(name, 1):
                    raise ValueError(f"{name} takes {_ARITY.get(name, 1)} argument(s), got {len(args)}")
                return _FUNCTIONS[name](*(self._value(argument, names) for argument in args))
            case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
                raise ValueError(f"{name} takes no arguments by name")
            case ast.Call(func=ast.Name(id=name)):
                raise ValueError(f"unknown function {name!r}, allowed are {_NAMES}")
        raise ValueError(f"{ast.unparse(node)[:60]!r} is not allowed, only arithmetic, comparisons and functions are")


def _check_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"is nested more than {_MAX_DEPTH} levels deep")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
