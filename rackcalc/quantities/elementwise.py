"""Elementwise functions for floats and arrays; only arrays need numpy.

Each formula is written once with these functions: a single estimate never imports numpy, a sweep never loops.
Every function broadcasts like its numpy namesake and returns a float when all arguments are floats. Plain floats come
first in each, because one estimate with its intervals makes 100,000 of these calls.
"""

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any

inf = math.inf
nan = math.nan
pi = math.pi

FEW_LANES = 64  # up to which numpy's own running sum is faster than one that goes row by row

_SCALARS = (float, int, bool)
_WORDS = (*_SCALARS, str)
_PLAIN = frozenset(_SCALARS)


def _numpy() -> Any:
    import numpy

    return numpy


def _without_warnings(function: Any, *args: Any) -> Any:
    with _numpy().errstate(all="ignore"):
        return function(*args)


def maximum(a: Any, b: Any) -> Any:
    """Elementwise larger of two; nan wins, as in numpy."""
    if type(a) is float and type(b) is float:
        return b if b > a or b != b else a
    if isinstance(a, _SCALARS) and isinstance(b, _SCALARS):
        return b if b > a or b != b else a
    return _numpy().maximum(a, b)


def minimum(a: Any, b: Any) -> Any:
    """Elementwise smaller of two; nan wins, as in numpy."""
    if type(a) is float and type(b) is float:
        return b if b < a or b != b else a
    if isinstance(a, _SCALARS) and isinstance(b, _SCALARS):
        return b if b < a or b != b else a
    return _numpy().minimum(a, b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """x limited to [low, high]."""
    return minimum(maximum(x, low), high)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b; both are always evaluated. Numbers or words."""
    if (condition is True or condition is False) and type(a) is float and type(b) is float:
        return a if condition else b
    if isinstance(condition, bool) and isinstance(b if condition else a, _WORDS):
        return a if condition else b
    return _numpy().where(condition, a, b)


def divide(a: Any, b: Any) -> Any:
    """a / b with numpy's rules at zero (inf or nan) for floats too."""
    if type(a) is float and type(b) is float and b:
        return a / b
    if isinstance(a, _SCALARS) and isinstance(b, _SCALARS):
        if b == 0:
            return nan if a == 0 or a != a else math.copysign(inf, a)
        return a / b
    return _without_warnings(lambda: a / b)


def ceil(x: Any) -> Any:
    """Smallest whole number not below x, as a float; inf and nan pass through."""
    if type(x) is float or isinstance(x, _SCALARS):
        return float(math.ceil(x)) if math.isfinite(x) else x
    return _numpy().ceil(x)


def floor(x: Any) -> Any:
    """Largest whole number not above x, as a float; inf and nan pass through."""
    if type(x) is float or isinstance(x, _SCALARS):
        return float(math.floor(x)) if math.isfinite(x) else x
    return _numpy().floor(x)


def exp(x: Any) -> Any:
    """e**x, inf on overflow."""
    if type(x) is float or isinstance(x, _SCALARS):
        try:
            return math.exp(x)
        except OverflowError:
            return inf
    return _without_warnings(_numpy().exp, x)


def expm1(x: Any) -> Any:
    """e**x - 1 without cancellation near 0, inf on overflow."""
    if type(x) is float or isinstance(x, _SCALARS):
        try:
            return math.expm1(x)
        except OverflowError:
            return inf
    return _without_warnings(_numpy().expm1, x)


def log(x: Any) -> Any:
    """Natural logarithm; -inf at 0, nan below."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.log(x) if x > 0 else (-inf if x == 0 else nan)
    return _without_warnings(_numpy().log, x)


def log1p(x: Any) -> Any:
    """ln(1 + x) without cancellation near 0; -inf at -1, nan below."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.log1p(x) if x > -1 else (-inf if x == -1 else nan)
    return _without_warnings(_numpy().log1p, x)


def log2(x: Any) -> Any:
    """Base-2 logarithm; -inf at 0, nan below."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.log2(x) if x > 0 else (-inf if x == 0 else nan)
    return _without_warnings(_numpy().log2, x)


def sqrt(x: Any) -> Any:
    """Square root; nan below 0."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.sqrt(x) if x >= 0 else nan
    return _without_warnings(_numpy().sqrt, x)


def power(x: Any, y: Any) -> Any:
    """x**y for x >= 0; inf on overflow, nan for a negative x and a fractional y."""
    if (type(x) is float and type(y) is float) or (isinstance(x, _SCALARS) and isinstance(y, _SCALARS)):
        try:
            result = math.pow(x, y)
        except OverflowError:
            return inf
        except ValueError:
            return nan if x < 0 else inf
        return result
    if isinstance(y, _SCALARS) and y == 3:  # what fans draw: a tenth of the time of a power
        return _without_warnings(lambda: x * x * x)
    return _without_warnings(_numpy().power, x, y)


def erfc(x: Any) -> Any:
    """Complementary error function."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.erfc(x)
    numpy = _numpy()
    x = numpy.asarray(x, dtype=float)
    return numpy.fromiter(map(math.erfc, x.ravel().tolist()), float, x.size).reshape(x.shape)


def each(function: Callable[..., Any], *columns: Any) -> Any:
    """The function of every entry of columns, which are lists of floats, or arrays with the entries on the first axis.

    >>> each(lambda a, b: a + b, [1.0, 2.0], [3.0, 4.0])
    [4.0, 6.0]
    """
    return list(map(function, *columns)) if isinstance(columns[0], list) else function(*columns)


def total(column: Any) -> Any:
    """Sum of a column."""
    return sum(column) if isinstance(column, list) else column.sum(axis=0)


def dot(a: Any, b: Any) -> Any:
    """Sum of the products of the entries of two columns."""
    return sum(map(operator.mul, a, b)) if isinstance(a, list) else (a * b).sum(axis=0)


def running(column: Any, lower: Any, upper: Any) -> Any:
    """Sums up to each entry, from nothing, of `lower` times the entry before it and `upper` times itself.

    >>> running([1.0, 2.0], [0.0, 1.0], [1.0, 1.0])
    [0.0, 1.0, 4.0]
    """
    if isinstance(column, list):
        return [0.0, *accumulate(map(_weighed, [0.0, *column[:-1]], column, lower, upper))]
    numpy = _numpy()
    steps = upper * column
    steps[1:] += lower[1:] * column[:-1]
    sums = numpy.zeros((len(steps) + 1, *steps.shape[1:]))
    if steps.size < FEW_LANES * len(steps):
        numpy.cumsum(steps, axis=0, out=sums[1:])
        return sums
    for place in range(len(steps)):  # numpy's own would go lane by lane
        numpy.add(sums[place], steps[place], out=sums[place + 1])
    return sums


def _weighed(before: float, value: float, lower: float, upper: float) -> float:
    return lower * before + upper * value


def column(values: Sequence[float]) -> Any:
    """These numbers as a column of lanes that are all alike."""
    return _numpy().array(values, dtype=float)[:, None]


def highest(column: Any) -> Any:
    """The largest entry of a column."""
    return max(column) if isinstance(column, list) else column.max(axis=0)


def lowest(values: Sequence[Any]) -> Any:
    """The smallest of several numbers or arrays."""
    return min(values) if _PLAIN.issuperset(map(type, values)) else reduce(minimum, values)


def joined(first: Any, then: Any) -> Any:
    """A column with one more number before or behind it.

    >>> joined(0.0, [1.0, 2.0]), joined([1.0, 2.0], 3.0)
    ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    """
    if isinstance(first, list):
        return [*first, then]
    if isinstance(then, list):
        return [first, *then]
    numpy = _numpy()
    behind = getattr(first, "ndim", 0) > 1
    row, column = (then, first) if behind else (first, then)
    shape = numpy.broadcast_shapes(numpy.shape(row), column.shape[1:]) if numpy.ndim(row) else column.shape[1:]
    found = numpy.empty((len(column) + 1, *shape))
    place, rest = (-1, slice(None, -1)) if behind else (0, slice(1, None))
    found[place], found[rest] = row, column
    return found


def rows(values: Sequence[Any]) -> Any:
    """Numbers or lanes as the rows of one array."""
    numpy = _numpy()
    found = numpy.empty((len(values), *(numpy.broadcast(*values).shape or (1,))))
    for place, value in enumerate(values):
        found[place] = value
    return found


def over_rows(values: Sequence[Any]) -> Any:
    """Sum of numbers or lanes, any of which may be rows of them.

    >>> over_rows([1.0, 2.0])
    3.0
    """
    return sum([value.sum(axis=0) if getattr(value, "ndim", 0) > 1 else value for value in values])


def every(condition: Any) -> bool:
    """Whether a condition holds, of arrays everywhere."""
    return condition if isinstance(condition, bool) else bool(condition.all())


def some(condition: Any) -> bool:
    """Whether a condition holds, of arrays anywhere."""
    return condition if isinstance(condition, bool) else bool(condition.any())


class DecisionError(ValueError):
    """A condition on which the calculation goes one way or another holds for some elements of an array only."""


def decided(condition: Any) -> bool:
    """Whether a condition holds, where all elements of an array agree; else DecisionError.

    For conditions that hold from some value of an input on or up to it, because sweeps try the ends of a range.
    """
    if isinstance(condition, bool):
        return condition
    if every(condition) != some(condition):
        raise DecisionError
    return every(condition)


def isfinite(x: Any) -> Any:
    """True where x is neither infinite nor nan."""
    if type(x) is float or isinstance(x, _SCALARS):
        return math.isfinite(x)
    return _numpy().isfinite(x)


def logical_and(a: Any, b: Any) -> Any:
    """Elementwise 'and' of two conditions."""
    if isinstance(a, bool) and isinstance(b, bool):
        return a and b
    return _numpy().logical_and(a, b)


def pure(x: Any) -> Any:
    """x itself, after a check that it has no dimension.

    Floats and arrays pass. A pint quantity (in the dimensional tests) becomes a number, or raises DimensionalityError.
    """
    if type(x) is float:
        return x
    return x.m_as("dimensionless") if hasattr(x, "m_as") else x


def iterate(step: Callable[[Any], Any], start: Any, most: int, near: float = 4e-16) -> Any:
    """Repeat x = step(x), at most `most` times, until no element changes by more than a share `near`.

    An element that has converged is kept as it is, so its value does not depend on the others.
    """
    x: Any = start
    still: Any = False
    for _ in range(most):
        following = step(x)
        same = abs(following - x) <= near * abs(x)
        if not every(isfinite(following)):
            same = same | (following == x) | ((following != following) & (x != x))
        x = following if still is False else where(still, x, following)
        still = still | same
        if every(still):
            break
    return x


def vectorized(function: Callable[..., Any]) -> Callable[..., Any]:
    """Map a scalar algorithm, such as a loop whose length depends on the value, over broadcast arrays.

    It is slow per point, so it is only for algorithms without a closed form.
    """

    def apply(*args: Any) -> Any:
        if all(isinstance(a, _SCALARS) for a in args):
            return function(*args)
        numpy = _numpy()
        arrays = numpy.broadcast_arrays(*[numpy.asarray(a, dtype=float) for a in args])
        flat = [function(*map(float, point)) for point in zip(*(a.ravel() for a in arrays), strict=True)]
        return numpy.array(flat, dtype=float).reshape(arrays[0].shape)

    apply.__name__ = getattr(function, "__name__", "apply")
    apply.__doc__ = function.__doc__
    return apply
