"""How sure a figure is: 80 % intervals, by computing the recorded graph again with other values in its leaves.

The laws of what is in doubt are in distributions.py. Leaves are independent of one another; a leaf that several
branches use is the same in all. The error of a formula is one more independent variable, the same for every use of the
formula in one estimate.

The draws form a Latin hypercube: every variable takes each of its levels once, in an order that nearly always depends
on it alone, so that two racks compare. The levels hold the 10 % and 90 % quantiles themselves: a formula of one leaf
that only rises or falls maps the ends of the range onto the ends of the interval. Bends, jumps and cancellation come
out as they are, because every formula is computed again; the price is noise, 5 to 10 % of the width in the middle and
up to 30 %. The figure itself always lies inside.

Draws are lists, because most estimates do not import numpy; uncertainty.py draws more, in arrays. Formulas that take
long, such as those of serving engines, say so, and compute all draws at once.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial, reduce
from itertools import islice, repeat
from math import isfinite, nan
from operator import add
from typing import Any

from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.quantities.scalars import maximum, minimum, on_numbers
from rackcalc.replay.distributions import Column
from rackcalc.replay.latin_hypercube import LEVELS, Orders
from rackcalc.replay.program import Call, Program
from rackcalc.replay.random_variables import RandomVariables


def intervals(result: Any, wanted: Mapping[str, Quantity] | None = None) -> dict[str, tuple[float, float]]:
    """The 80 % intervals of a result's figures (not of a sweep), by dotted path, in canonical units.

    wanted: some of the figures; their intervals are the same as among all.
    """
    draws = Draws() if wanted is None else Draws(result)
    return draws.intervals(wanted or dict(figures(result)))


def ends(column: Column, value: float) -> tuple[float, float]:
    """10 % and 90 % quantile of the draws, widened to hold the figure. Draws without a number do not count."""
    known = sorted(column if isfinite(sum(column)) else [x for x in column if x == x])
    tail = (len(known) - 5) // 10
    if value != value or tail < 0:
        return nan, nan
    return min(known[tail], value), max(known[-1 - tail], value)


# Columns by what they were computed from, so that racks and scenarios share what they have in common.
_kept: dict[Hashable, Column] = {}
MOST_KEPT = 6_000  # columns


def _kept_columns() -> dict[Hashable, Column]:
    """The kept columns. When they are many a new collection begins; a result goes on with the one it began with."""
    global _kept  # noqa: PLW0603
    if len(_kept) > MOST_KEPT:
        _kept = {}
    return _kept


class Draws:
    """Every figure in all draws; what figures share is computed once. calls: formulas evaluated so far.

    result: what the figures are from. All of its variables get their orders first, so that the interval of a figure
    does not depend on which others are asked for; without it they get them in the order of asking.
    """

    def __init__(self, result: Any = ()) -> None:
        self.calls = 0
        self._kept = _kept_columns()
        self._variables = RandomVariables()
        self._program = Program(self._variables.axis_of, self._variables.error_axis_of)
        self._orders = Orders()
        self._leaves: list[Column] = []  # by axis
        self._placed = 0  # axes of the program whose columns are known
        self._columns: dict[int, Column | float] = {}  # by slot
        for _, figure in figures(result):
            self._program.add(figure)

    def interval(self, figure: Quantity) -> tuple[float, float]:
        """The 80 % interval of a figure; its value twice when there is no doubt."""
        column, value = self.column(figure), float(figure.value)
        return ends(column, value) if isinstance(column, list) else (value, value)

    def intervals(self, wanted: Mapping[str, Quantity]) -> dict[str, tuple[float, float]]:
        """The interval of each of these figures, in less time than one by one."""
        slots = [self._program.add(figure) for figure in wanted.values()]
        self._place_variables()
        known = self._columns
        for call in self._program.needed(slots):
            if call.slot not in known:
                known[call.slot] = self._computed(call)
        found = {}
        for (path, figure), slot in zip(wanted.items(), slots, strict=True):
            column, value = known.get(slot), float(figure.value)
            found[path] = ends(column, value) if isinstance(column, list) else (value, value)
        return found

    def column(self, figure: Quantity) -> Column | float:
        """The figure in every draw, or one number where it is certain."""
        slot = self._program.add(figure)
        self._place_variables()
        known, calls = self._columns, self._program.calls
        stack = [slot] if calls[slot] is not None and slot not in known else []
        while stack:
            top = stack[-1]
            call = calls[top]
            assert call is not None
            waiting = [x for x in call.inputs if x not in known and calls[x] is not None]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if top not in known:
                known[top] = self._computed(call)
        return known[slot] if slot in known else float(self._program.values[slot])

    @property
    def size(self) -> int:
        """How many quantities, and what they were computed from, are held."""
        return len(self._program.nodes)

    def release(self) -> None:
        """Hold the figures asked for so far no longer. What is asked for next has the intervals that it would have."""
        self._variables.release()
        self._program = Program(self._variables.axis_of, self._variables.error_axis_of)
        self._columns, self._placed = {}, 0

    def _place_variables(self) -> None:
        """The levels of every new axis, in the order of its variable."""
        for axis in range(len(self._leaves), len(self._variables.axes)):
            number, law = self._variables.axes[axis]
            levels = self._orders.placed(law, self._variables.variables[number].key)
            self._leaves.append(self._kept.setdefault(("levels", tuple(levels)), levels))
        for axis, slot in islice(self._program.leaves.items(), self._placed, None):
            self._columns[slot] = self._leaves[axis]
        self._placed = len(self._program.leaves)

    def _computed(self, call: Call) -> Column | float:
        known, values = self._columns, self._program.values
        inputs: list[Column | float] = []
        given: list[Hashable] = []
        drawn = False
        for slot in call.inputs:
            x = known[slot] if slot in known else float(values[slot])
            inputs.append(x)
            if isinstance(x, list):
                drawn = True
                given.append((id(x),))  # its identity, which is its own as long as it is kept
            else:
                given.append(x or str(x))  # 0.0 equals -0.0
        if not drawn:
            return float(values[call.slot])
        key = (call.formula, call.names, *given)
        column = self._kept.get(key)
        if column is None:
            self.calls += len(LEVELS)
            column = self._kept[key] = _drawn(call, inputs)
        return column[0] if column.count(column[0]) == len(column) else column


FOLDS: dict[Formula, Callable[[float, float], float]] = {total: add, largest: maximum, smallest: minimum}


def _drawn(call: Call, inputs: Iterable[Column | float]) -> Column:
    """The formula in every draw. At least one of the inputs is a column."""
    formula, names = call.formula, call.names
    columns: list[Iterable[float]] = [x if isinstance(x, list) else repeat(x) for x in inputs]
    if formula in FOLDS:
        return list(reduce(partial(map, FOLDS[formula]), columns))
    function = on_numbers(formula.function)
    try:
        if formula.draws_together is not None:
            named = dict(zip(names, inputs, strict=True))
            if formula.draws_together(named):
                return _drawn_together(formula.function, named)
        if call.ordered:
            return list(map(function, *columns))
        return [float(function(**dict(zip(names, draw, strict=True)))) for draw in zip(*columns, strict=False)]
    except (ArithmeticError, ValueError):
        pass  # outside its domain in some draw: one by one
    return [_number(function, dict(zip(names, draw, strict=True))) for draw in zip(*columns, strict=False)]


def _drawn_together(function: Callable[..., float], inputs: Mapping[str, Column | float]) -> Column:
    import numpy as np

    with np.errstate(all="ignore"):
        found = function(**{name: np.array(x) if isinstance(x, list) else x for name, x in inputs.items()})
    column: Column = np.broadcast_to(np.asarray(found, dtype=float), len(LEVELS)).tolist()
    return column


def _number(function: Callable[..., float], values: dict[str, float]) -> float:
    try:
        return float(function(**values))
    except (ArithmeticError, ValueError):
        return nan
