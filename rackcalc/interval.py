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

from collections.abc import Iterable, Iterator
from itertools import repeat
from math import exp, isfinite, log, nan
from typing import Any, NamedTuple
from zlib import crc32

from rackcalc.quantity import Formula, Quantity
from rackcalc.tree import figures

# Quantiles of the normal law at the middles of 45 equal slices, upper half, in units of its 90 % quantile. With 45
# slices (55 or 65 would do as well) one middle is exactly on that quantile. More draws: less noise, more time.
UPPER = (
    0.043488, 0.087111, 0.131008, 0.175325, 0.220214, 0.265846, 0.312405, 0.360105, 0.409192, 0.459955, 0.512745,
    0.567994, 0.62625, 0.688227, 0.754883, 0.827561, 0.908235, 1.0, 1.108172, 1.243195, 1.431011, 1.784203,
)  # fmt: skip
LEVELS = (*(-x for x in reversed(UPPER)), 0.0, *UPPER)
TAIL = 4  # levels beyond the 10 % quantile

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

# Orders of the levels that hardly correlate (0.006 root mean square, 0.021 at most), a letter a level: for the leaves
# in most doubt, whose chance correlation would distort a width most. Made by swapping levels as long as that helped.
_LETTERS = """
FqAYKdNCabhOoUcRQjXmMPGEJfSpelTIHsDWBgVkLinZr aEDWFmkTIULHSfOXhRqNoBAiZrdlgGjseYcCKVnQMbPpJ
HoWEdmqjJlZBFcfSiabeXnrRGkIVgQTYLPhDNMpOUACKs JBnPbrMQeCNsEjZThFgOqpiIGYmkSLaXKcAdRDVUHWlfo
mNkJIrFQVBWGUZaApnMsEhlOqeDLcfjdKXPHTRgiboYSC FGQDcCLEAZaYUsePnXoMHSdTgipJRqrOfkNmhjKlbIBWV
LiMGZPVDpXNYbChraFfcASqkoenQdETHlWJIgBmUOjKsR hpKGsgNiXTAUCrJjBkmoRbPdOHfFnEWcYqZaIVLlMSeQD
fMRisNTkZKBbWIlHcCOLYAXEnUJQghFmepSaVPqodjDGr RjEobSBfGTPQFHCXeIYaVngsqUKiJdklpLDhAWOMrNcZm
FLMTPREkVqacjQSDXOUCgrodHBJInbZipsWAemfNGlYhK PrpUqJcIiAeRohmHSElQVkGdNLCsYOXjZTWFbgBafKDnM
iLRkFPIESrTOVbgNKDHqWsGcYMjfJAQoChZmnalpeXBUd oprUYFdZNQRGTPSIWbqOMaEjVJlDHnLgCeAcfksBKXimh
CPZkqLYOgpfQDBTWisnaVmJGXbEUHhRrdISlcFMoAeNjK qGLlTMiQaXUpehsYrnKdEbFRNJCBWDfZogPVHOSIcAjmk
TjFqGIDsABieSWrlcfpmoVYdKRJPgNOCLQXbkHaZMnEhU nPXYNUWKleGapRDQZrbMiIosEgHckfTdCqJmhAFLjOBSV
NlbkHZgJihOsDYfXTIaeMWQSqKULrnojBRpVEcGAFmCPd nkQKMpSUboOGLjWerYcBXiCDNAfalmJIhFPZTERdsqHgV
aFMQmPHXlkfRBscAIiTNLOYneoGhVKCDUJjdbgSEWqZrp JXKBYPrmFZTqlGNAgneaVkEisHjpoCMIdQOfhLWSRUcDb
fHdKXibMALEIpacsRgDFPnjVkTGmoYChUNSrJqWOBeQlZ JoWPMLTOINVcFkGQnRAXdEYifBUhZlSjHeramCgpKDqsb
VhCIiYEkUcOHpKqFXNMZgTeLPlrDnWasGBQdmRAJbSojf MUiqZQHfhrAKpobNsCljIOXkJYRngcTESDWdPVeaBLmFG
XaHWTIjEgNGFPmsldiQDpkbrqOURCYcZMVSBeKLfJonAh rcKlskVCDqmoOQNaiTMdpLeZjXWUgYJFEIBAhnSfRHPbG
DcFkOsiSRfUanrZTGPpjXImHqEJQAdBlhbNgoMVCeLWYK irUPOofpcYhaMQgKsNEJSLbkRjnTAIGWeqVmFlCZBdDXH
AURMNZQVrOBXCJqfgmDloTHiSbWdhkKPcaGensjIpFLYE PsarTMgEJWUOFfYHVcKBXQnCRmNdoApZhbGqkSlIeijLD
FSdVgsiWBfHhOEceaQbNAILqCRDPKMoXGYZTrmJjnplUk dVTmXoAHbFfIMERclZrCJjLSnhgWkPDOQqsYpaNKUBiGe
TEmhojSJGdqBLIsPKeOlWCbnMArpgafXkiZcHFUDRYVNQ UmcgQqAakRMineWOFsNDPGTYdHlbKJrXfBSLZhojEICVp
qhZHAPXBSWQkDJgIOTrjbGpfEMRYiaCmsFVcdnNoLUeKl EdqoWfcHQMaGglBYbSDphZCjVieAnTIRsXKOmNFUJkLPr
qXMlWLbgGTAcKSOVRjHmEkYDJiosFpeUnhdBrPICNaQZf iFAoSfskrDgBJVHPTIaULbhZXCYWldqKRQGmpnNjEMOec
pgiBRjIZVqQJUHhYGDWbrSFOofAXPcsClkTmnKNMELaed MRprHboVKdAJXGiCFfhNmcjPnZlIUTSBQegODaEqkLYsW
QPrWCIMscokKHiXpVeYUFDZJqTRnlGOmLjAEfaBhbNdSg SQbLhHPKdTJIfOCgsikpqFnDYBWZGAjRNalXVrMEcmUeo
"""
ORDERS = _LETTERS.split()
WIDE = 1.2  # high over low, from which on a leaf gets one of them; the others are shuffled

Column = list[float]  # one value per draw


def intervals(result: Any) -> dict[str, tuple[float, float]]:
    """The 80 % interval of every figure of a result (not of a sweep), by dotted path, in canonical units."""
    draws = Draws()
    return {path: draws.interval(quantity) for path, quantity in figures(result)}


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


def error_law(quantity: Quantity, error: float) -> Law:
    """The law of the factor by which the formula of a quantity is off."""
    width = WIDTH * error * widened(quantity)
    return Law(1.0, width, width, True, 0.0, float("inf"))


def uncertain(leaf: Quantity) -> bool:
    """Whether there is any doubt about a leaf."""
    value, (low, high) = float(leaf.value), leaf_range(leaf)
    return isfinite(value) and not low == value == high


def place_of(leaf: Quantity) -> str:
    """File, line and column of a leaf: leaves of one place are one. "" without a place: a leaf of its own."""
    source = leaf.source
    return f"{source.file}:{source.line}:{source.column}" if source is not None and source.line else ""


def ends(column: Column, value: float) -> tuple[float, float]:
    """10 % and 90 % quantile of the draws, widened to hold the figure. Draws without a number do not count."""
    known = sorted([x for x in column if x == x])
    tail = (len(known) - 5) // 10
    if value != value or tail < 0:
        return nan, nan
    return min(known[tail], value), max(known[-1 - tail], value)


def shuffled(name: str) -> list[int]:
    """An order of the levels that depends on the name alone."""
    state, places = crc32(name.encode()), list(range(len(LEVELS)))
    for i in range(len(places) - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        j = (state >> 33) % (i + 1)
        places[i], places[j] = places[j], places[i]
    return places


class Draws:
    """Every figure in all draws; what figures share is computed once. calls: formulas evaluated so far."""

    def __init__(self) -> None:
        self.calls = 0
        self._columns: dict[tuple[int, bool], Column | float] = {}
        self._kept: list[Quantity] = []  # ids are good only while the object lives
        self._names: dict[str, int] = {}
        self._orders: dict[str, list[int]] = {}
        self._taken: set[int] = set()
        self._done: dict[Any, Column] = {}  # a rack is cooled three times, much of it from the same inputs

    def interval(self, figure: Quantity) -> tuple[float, float]:
        """The 80 % interval of a figure; its value twice when there is no doubt."""
        column, value = self.column(figure), float(figure.value)
        return ends(column, value) if isinstance(column, list) else (value, value)

    def column(self, figure: Quantity, bare: bool = False) -> Column | float:
        """The figure in every draw, or one number where it is certain. bare: without errors of formulas."""
        for quantity, plain in self._missing(figure, bare):
            if quantity.formula is None:
                found = self._leaf(quantity)
                self._columns[id(quantity), not plain] = found
            else:
                found = self._computed(quantity, quantity.formula, plain)
            self._columns[id(quantity), plain] = found
        return self._columns[id(figure), bare]

    def _missing(self, figure: Quantity, bare: bool) -> Iterator[tuple[Quantity, bool]]:
        """What the figure needs and is not known yet, inputs first."""
        stack = [(figure, bare)]
        while stack:
            quantity, plain = stack[-1]
            below = plain or (quantity.formula is not None and quantity.formula.error > 0)
            waiting = [(x, below) for x in quantity.inputs.values() if (id(x), below) not in self._columns]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if (id(quantity), plain) not in self._columns:
                self._kept.append(quantity)
                yield quantity, plain

    def _leaf(self, leaf: Quantity) -> Column | float:
        if not uncertain(leaf):
            return float(leaf.value)
        return self._placed(leaf_law(leaf), place_of(leaf) or self._numbered(leaf.name))

    def _numbered(self, name: str) -> str:
        """The name made unique: leaves without a place are different leaves, even of one name."""
        count = self._names[name] = self._names.get(name, 0) + 1
        return f"{name}#{count}"

    def _placed(self, law: Law, name: str) -> Column:
        """The values at the levels, in the leaf's own order."""
        levels = law.at(LEVELS)
        if name not in self._orders:
            wide = levels[TAIL] <= 0 or levels[-1 - TAIL] > WIDE * levels[TAIL]
            self._orders[name] = self._apart(name) if wide and len(self._taken) < len(ORDERS) else shuffled(name)
        return [levels[i] for i in self._orders[name]]

    def _apart(self, name: str) -> list[int]:
        """One of ORDERS that no other leaf has: the name's own, or the next that is free."""
        slot = crc32(name.encode()) % len(ORDERS)
        while slot in self._taken:
            slot = (slot + 1) % len(ORDERS)
        self._taken.add(slot)
        return [ord(letter) - (65 if letter <= "Z" else 71) for letter in ORDERS[slot]]

    def _computed(self, quantity: Quantity, formula: Formula, bare: bool) -> Column | float:
        below = bare or formula.error > 0
        inputs = {name: self._columns[id(x), below] for name, x in quantity.inputs.items()}
        columns = [x for x in inputs.values() if isinstance(x, list)]
        result: Column | float = float(quantity.value)
        if columns:
            result = self._evaluated(formula, inputs)
            if result.count(result[0]) == len(result):
                result = result[0]
        if formula.error and not bare:
            factors = self._placed(error_law(quantity, formula.error), repr(formula))
            drawn = result if isinstance(result, list) else repeat(result)
            result = [x * factor for x, factor in zip(drawn, factors, strict=False)]
        return result

    def _evaluated(self, formula: Formula, inputs: dict[str, Column | float]) -> Column:
        same = (id(formula), *[(name, id(x) if isinstance(x, list) else x) for name, x in inputs.items()])
        if same not in self._done:
            self._done[same] = self._drawn(formula, inputs)
        return self._done[same]

    def _drawn(self, formula: Formula, inputs: dict[str, Column | float]) -> Column:
        self.calls += len(LEVELS)
        columns = {name: x if isinstance(x, list) else [x] * len(LEVELS) for name, x in inputs.items()}
        if formula.name == "total":
            return [sum(draw) for draw in zip(*columns.values(), strict=True)]
        try:
            if formula.positional and len(inputs) == len(formula.parameters):
                return list(map(formula.function, *[columns[name] for name in formula.parameters]))
        except (ArithmeticError, ValueError):
            pass  # outside its domain in some draw: one by one
        return [_number(formula, dict(zip(columns, draw, strict=True))) for draw in zip(*columns.values(), strict=True)]


def _number(formula: Formula, values: dict[str, float]) -> float:
    try:
        return float(formula.function(**values))
    except (ArithmeticError, ValueError):
        return nan


def widened(quantity: Quantity) -> float:
    """1, or up to INHERITED by the share of the family's parameters below that were not fitted to the family."""
    kinds = [x.source.kind for x in quantity.leaves if x.source is not None and x.source.file.startswith(FAMILIES)]
    guessed = sum(kind in GUESSED for kind in kinds)
    return 1 + (INHERITED - 1) * guessed / len(kinds) if kinds else 1.0
