"""The functions of elementwise.py for plain numbers alone: the same results, without a look for arrays.

Draws (replay/intervals.py) compute formulas with this module in the place of that one; on_numbers() makes them.
"""

import math
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from rackcalc.quantities import elementwise
from rackcalc.quantities.elementwise import (
    column,
    dot,
    each,
    erfc,
    highest,
    joined,
    lowest,
    over_rows,
    rows,
    running,
    total,
    vectorized,
)

__all__ = [
    "column",
    "dot",
    "each",
    "erfc",
    "highest",
    "joined",
    "lowest",
    "over_rows",
    "rows",
    "running",
    "total",
    "vectorized",
]

inf = math.inf
nan = math.nan
pi = math.pi
ROOM = "rackcalc.formulas."


def maximum(a: Any, b: Any) -> Any:
    """Larger of two; nan wins."""
    return b if b > a or b != b else a


def minimum(a: Any, b: Any) -> Any:
    """Smaller of two; nan wins."""
    return b if b < a or b != b else a


def clip(x: Any, low: Any, high: Any) -> Any:
    """x limited to [low, high]."""
    if low > x or low != low:
        x = low
    return high if high < x or high != high else x


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b."""
    return a if condition else b


def divide(a: Any, b: Any) -> Any:
    """a / b; inf or nan where b is zero."""
    if b:
        return a / b
    return nan if a == 0 or a != a else math.copysign(inf, a)


def ceil(x: Any) -> Any:
    """Smallest whole number not below x, as a float; inf and nan pass through."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def floor(x: Any) -> Any:
    """Largest whole number not above x, as a float; inf and nan pass through."""
    return float(math.floor(x)) if math.isfinite(x) else x


def exp(x: Any) -> Any:
    """e**x, inf on overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def expm1(x: Any) -> Any:
    """e**x - 1 without cancellation near 0, inf on overflow."""
    try:
        return math.expm1(x)
    except OverflowError:
        return inf


def log(x: Any) -> Any:
    """Natural logarithm; -inf at 0, nan below."""
    return math.log(x) if x > 0 else (-inf if x == 0 else nan)


def log1p(x: Any) -> Any:
    """ln(1 + x) without cancellation near 0; -inf at -1, nan below."""
    return math.log1p(x) if x > -1 else (-inf if x == -1 else nan)


def log2(x: Any) -> Any:
    """Base-2 logarithm; -inf at 0, nan below."""
    return math.log2(x) if x > 0 else (-inf if x == 0 else nan)


def sqrt(x: Any) -> Any:
    """Square root; nan below 0."""
    return math.sqrt(x) if x >= 0 else nan


def power(x: Any, y: Any) -> Any:
    """x**y for x >= 0; inf on overflow, nan for a negative x and a fractional y."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return inf
    except ValueError:
        return nan if x < 0 else inf


def every(condition: Any) -> bool:
    """The condition."""
    return bool(condition)


def some(condition: Any) -> bool:
    """The condition."""
    return bool(condition)


def decided(condition: Any) -> bool:
    """The condition."""
    return bool(condition)


def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor nan."""
    return math.isfinite(x)


def logical_and(a: Any, b: Any) -> Any:
    """Whether both conditions hold."""
    return a and b


def pure(x: Any) -> Any:
    """x itself."""
    return x


def iterate(step: Callable[[Any], Any], start: Any, most: int, near: float = 4e-16) -> Any:
    """Repeat x = step(x), at most `most` times, until it changes by no more than a share `near`."""
    x = start
    for _ in range(most):
        before, x = x, step(x)
        if abs(x - before) <= near * abs(before) or x == before or (x != x and before != before):
            break
    return x


_SELF = sys.modules[__name__]
_MADE: dict[Callable[..., Any], Callable[..., Any]] = {}


def on_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the formulas that computes the same of plain numbers, and of nothing else.

    It is the same code, and so are the functions of the formulas that it calls; the name of the module elementwise
    means this module in them.
    """
    known = _MADE.get(function)
    if known is not None or not isinstance(function, FunctionType):
        return known or function
    seen = function.__globals__
    own: dict[str, Any] = {"__builtins__": seen["__builtins__"], "__name__": seen["__name__"]}
    made = FunctionType(function.__code__, own, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    _MADE[function] = made
    for name in _names(function.__code__):
        if name in seen:
            value = seen[name]
            if value is elementwise:
                value = _SELF
            elif isinstance(value, FunctionType) and value.__module__.startswith(ROOM):
                value = on_numbers(value)
            own[name] = value
    return made


def _names(code: CodeType) -> set[str]:
    """The names of other things that a function looks for, and those that the functions inside it look for."""
    found = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _names(inner)
    return found
