"""How sure a figure is: 80 % intervals, by computing the recorded graph of formulas again with other leaves.

What a range stands for. The value of a leaf is its median, `low` the 10 % and `high` the 90 % quantile; each side is
half of a lognormal, or of a normal where the range reaches zero or below and for temperatures. Nothing crosses zero
that its range does not cross; shares stay within 0 and 1. A side without an end is certain. Leaves are independent of
one another; a leaf that several branches use is the same in all. Leaves without a range are certain, unless their kind
says otherwise (SPREAD): then 8 of 10 lie between the value over and times 1 + spread (of a share above one half, what
it lacks to 1). Counts and definitions (`exact`), zero, and points on the temperature scale are certain without a range.

What a formula's `error` stands for. Its mean absolute relative error against measurements; 1.6 times that is where a
normal law has its 10 % and 90 % quantiles. It is one more independent leaf, the same for every use of the formula in
one estimate. The error of a whole contains those of its parts: errors of formulas below it are left out. It is wider,
by up to INHERITED, where parameters of the family were carried over from other families instead of fitted.

How it is carried. Draws in a Latin hypercube: every leaf takes each of its levels once, in an order that nearly
always depends on it alone, so that two racks compare. The levels hold the 10 % and 90 % quantiles themselves: a
formula of one leaf that only rises or falls maps the ends of the range onto the ends of the interval. Bends, jumps and
cancellation come out as they are, because every formula is computed again; the price is noise, 5 to 10 % of the width
in the middle and up to 30 %. The figure itself always lies inside.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial, reduce
from itertools import repeat
from math import exp, isfinite, log, nan
from operator import add
from typing import Any, NamedTuple

from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.quantities.elementwise import maximum, minimum
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.replay.latin_hypercube import LEVELS, Column, Orders

# Spread of a leaf that states no range, by kind: 0.05 means from value / 1.05 to value x 1.05.
SPREAD = {
    "press": 0.05,  # specifications told to the press are rounded, or early
    "estimate": 0.15,  # derived from something measured; two such derivations differ by about this
    "assumed": 0.25,  # our own guess
}
WIDTH = 1.2816 / 0.7979  # 90 % quantile of the normal law over its mean absolute deviation
INHERITED = 1.5  # error of kernel forms on a family left out of the fit, over the error within: 1.3 to 2.5
FAMILIES = "catalog/families/"
GUESSED = ("estimate", "assumed")


def intervals(result: Any, wanted: Mapping[str, Quantity] | None = None) -> dict[str, tuple[float, float]]:
    """The 80 % intervals of a result's figures (not of a sweep), by dotted path, in canonical units.

    wanted: some of the figures; their intervals are the same as among all.
    """
    draws = Draws() if wanted is None else Draws(result)
    return {path: draws.interval(quantity) for path, quantity in (wanted or dict(figures(result))).items()}


def leaf_range(leaf: Quantity) -> tuple[float, float]:
    """10 % and 90 % quantile of a leaf: its range, or the spread of its kind."""
    value = float(leaf.value)
    if leaf.low is not None or leaf.high is not None:
        return value if leaf.low is None else leaf.low, value if leaf.high is None else leaf.high
    share = 0.0 if leaf.exact or leaf.absolute or leaf.source is None else SPREAD.get(leaf.source.kind, 0.0)
    if leaf.unit == "1" and 0.5 < value < 1:  # a share is as doubtful as what it lacks to the whole
        return 1 - (1 - value) * (1 + share), 1 - (1 - value) / (1 + share)
    low, high = sorted((value / (1 + share), value * (1 + share)))
    return low, high


class Law(NamedTuple):
    """How the value of something in doubt lies: `median`, with `down` below it and `up` above at the 10 % and 90 %
    quantiles; differences of the logarithm where that is said. Limited to [least, most]."""

    median: float
    down: float
    up: float
    logarithmic: bool
    least: float
    most: float

    def at(self, zs: Iterable[float]) -> Column:
        """The values at numbers of a normal law whose 90 % quantile is 1."""
        median, down, up, logarithmic, least, most = self
        steps = [z * (up if z > 0 else down) for z in zs]
        values = [median * exp(step) for step in steps] if logarithmic else [median + step for step in steps]
        return [min(max(value, least), most) for value in values]


def leaf_law(leaf: Quantity) -> Law:
    """The law of a leaf."""
    value, (low, high) = float(leaf.value), leaf_range(leaf)
    logarithmic = low > 0 and not leaf.absolute
    down, up = (log(value / low), log(high / value)) if logarithmic else (value - low, high - value)
    most = 1.0 if leaf.unit == "1" and low >= 0 and high <= 1 else 0.0 if high <= 0 else float("inf")
    return Law(value, down, up, logarithmic, 0.0 if low >= 0 else -float("inf"), most)


def error_law(error: float, widening: float) -> Law:
    """The law of the factor by which a formula is off. widening: of its error, where parameters were carried over."""
    width = WIDTH * error * widening
    return Law(1.0, width, width, True, 0.0, float("inf"))


def error_name(formula: Formula) -> str:
    """What the error of a formula is called among the draws. It decides their order, and so the noise of intervals."""
    file = formula.__module__.rpartition(".")[2]
    return f"<formula {file}.{formula.name}>"


def uncertain(leaf: Quantity) -> bool:
    """Whether there is any doubt about a leaf."""
    value, (low, high) = float(leaf.value), leaf_range(leaf)
    return isfinite(value) and not low == value == high


def place_of(leaf: Quantity) -> str:
    """File and dotted path of a leaf: leaves of one place are one. "" without a place: a leaf of its own."""
    source = leaf.source
    return f"{source.file}:{source.path}" if source is not None and source.path else ""


def ends(column: Column, value: float) -> tuple[float, float]:
    """10 % and 90 % quantile of the draws, widened to hold the figure. Draws without a number do not count."""
    known = sorted([x for x in column if x == x])
    tail = (len(known) - 5) // 10
    if value != value or tail < 0:
        return nan, nan
    return min(known[tail], value), max(known[-1 - tail], value)


class Draws:
    """Every figure in all draws; what figures share is computed once. calls: formulas evaluated so far.

    result: what the figures are from. The leaves of all of it get their orders first, so that the interval of a figure
    does not depend on which others are asked for; without, in the order of asking.
    """

    def __init__(self, result: Any = ()) -> None:
        self.calls = 0
        self._columns: tuple[dict[int, Column | float], ...] = ({}, {})  # by id: with the errors of formulas, without
        self._families = Families()
        self._kept: list[Quantity] = []  # ids are good only while the object lives
        self._names: dict[str, int] = {}
        self._orders = Orders()
        self._done: dict[Any, Column] = {}  # a rack is cooled three times, much of it from the same inputs
        self._place_all(result)

    def interval(self, figure: Quantity) -> tuple[float, float]:
        """The 80 % interval of a figure; its value twice when there is no doubt."""
        column, value = self.column(figure), float(figure.value)
        return ends(column, value) if isinstance(column, list) else (value, value)

    def column(self, figure: Quantity, bare: bool = False) -> Column | float:
        """The figure in every draw, or one number where it is certain. bare: without errors of formulas."""
        for quantity, plain in self._missing(figure, bare, self._columns):
            if quantity.formula is None:
                self._columns[True][id(quantity)] = self._columns[False][id(quantity)] = self._leaf(quantity)
            else:
                self._columns[plain][id(quantity)] = self._computed(quantity, quantity.formula, plain)
        return self._columns[bare][id(figure)]

    def _place_all(self, result: Any) -> None:
        """Leaves and errors of formulas in their orders, met in the order in which all figures would be computed."""
        met: tuple[dict[int, Column | float], ...] = ({}, {})
        for _, figure in figures(result):
            for quantity, plain in self._missing(figure, False, met):
                met[plain][id(quantity)] = 0.0
                if quantity.formula is None:
                    met[not plain][id(quantity)] = 0.0
                    self._columns[True][id(quantity)] = self._columns[False][id(quantity)] = self._leaf(quantity)
                elif quantity.formula.error and not plain:
                    self._factors(quantity, quantity.formula)

    def _missing(
        self, figure: Quantity, bare: bool, columns: tuple[dict[int, Column | float], ...]
    ) -> Iterator[tuple[Quantity, bool]]:
        """What the figure needs and is not in the columns yet, inputs first."""
        stack = [(figure, bare)]
        while stack:
            quantity, plain = stack[-1]
            below = plain or (quantity.formula is not None and quantity.formula.error > 0)
            known = columns[below]
            waiting = [(x, below) for x in quantity.inputs.values() if id(x) not in known]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if id(quantity) not in columns[plain]:
                self._kept.append(quantity)
                yield quantity, plain

    def _leaf(self, leaf: Quantity) -> Column | float:
        if not uncertain(leaf):
            return float(leaf.value)
        return self._orders.placed(leaf_law(leaf).at(LEVELS), place_of(leaf) or self._numbered(leaf.name))

    def _numbered(self, name: str) -> str:
        """The name made unique: leaves without a place are different leaves, even of one name."""
        count = self._names[name] = self._names.get(name, 0) + 1
        return f"{name}#{count}"

    def _computed(self, quantity: Quantity, formula: Formula, bare: bool) -> Column | float:
        known = self._columns[bare or formula.error > 0]
        inputs = {name: known[id(x)] for name, x in quantity.inputs.items()}
        columns = [x for x in inputs.values() if isinstance(x, list)]
        result: Column | float = float(quantity.value)
        if columns:
            result = self._evaluated(formula, inputs)
            if result.count(result[0]) == len(result):
                result = result[0]
        if formula.error and not bare:
            drawn = result if isinstance(result, list) else repeat(result)
            result = [x * factor for x, factor in zip(drawn, self._factors(quantity, formula), strict=False)]
        return result

    def _factors(self, quantity: Quantity, formula: Formula) -> Column:
        """What the error of the formula multiplies the figure by."""
        law = error_law(formula.error, self._families.widening(quantity))
        return self._orders.placed(law.at(LEVELS), error_name(formula))

    def _evaluated(self, formula: Formula, inputs: dict[str, Column | float]) -> Column:
        same = (id(formula), *inputs, *[id(x) if isinstance(x, list) else x for x in inputs.values()])
        if same not in self._done:
            self.calls += len(LEVELS)
            self._done[same] = _drawn(formula, inputs)
        return self._done[same]


FOLDS: dict[Formula, Callable[[float, float], float]] = {total: add, largest: maximum, smallest: minimum}


def _drawn(formula: Formula, inputs: dict[str, Column | float]) -> Column:
    """The formula in every draw. At least one of the inputs is a column."""
    columns: dict[str, Iterable[float]] = {}
    for name, x in inputs.items():
        columns[name] = x if isinstance(x, list) else repeat(x)
    if formula in FOLDS:
        return list(reduce(partial(map, FOLDS[formula]), columns.values()))
    try:
        if formula.positional and len(inputs) == len(formula.parameters):
            return list(map(formula.function, *[columns[name] for name in formula.parameters]))
    except (ArithmeticError, ValueError):
        pass  # outside its domain in some draw: one by one
    return [_number(formula, dict(zip(columns, draw, strict=True))) for draw in zip(*columns.values(), strict=False)]


def _number(formula: Formula, values: dict[str, float]) -> float:
    try:
        return float(formula.function(**values))
    except (ArithmeticError, ValueError):
        return nan


class Families:
    """How far a figure rests on parameters of chip families that were carried over instead of fitted."""

    def __init__(self) -> None:
        self._below: dict[int, int] = {}  # id of a quantity -> one bit for each parameter it rests on
        self._guessed = 0
        self._next = 1

    def widening(self, quantity: Quantity) -> float:
        """1, or up to INHERITED by the share of the family's parameters below that were not fitted to the family."""
        mask = self._mask(quantity)
        return 1 + (INHERITED - 1) * (mask & self._guessed).bit_count() / mask.bit_count() if mask else 1.0

    def _mask(self, quantity: Quantity) -> int:
        known, stack = self._below, [quantity]
        while stack:
            inputs = stack[-1].inputs.values()
            waiting = [x for x in inputs if id(x) not in known]
            if waiting:
                stack.extend(waiting)
                continue
            top = stack.pop()
            mask = self._bit(top)
            for x in inputs:
                mask |= known[id(x)]
            known[id(top)] = mask
        return known[id(quantity)]

    def _bit(self, quantity: Quantity) -> int:
        source = quantity.source
        if quantity.formula is not None or source is None or not source.file.startswith(FAMILIES):
            return 0
        bit, self._next = self._next, self._next << 1
        self._guessed |= bit if source.kind in GUESSED else 0
        return bit
