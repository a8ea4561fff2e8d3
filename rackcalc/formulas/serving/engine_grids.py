"""The law of an engine for arrays: each different engine and load once, in blocks, or by a curve over the load.

The curve is a piecewise Chebyshev series over the load, from none to the engine's capacity (see queues/curves.py). It
is used where one engine has many rates. A piece in which the series has not settled to SETTLED is halved while so many
points lie in it that this is worth it; at the points of a piece that is still rough, such as one with a jump, the law
itself is computed. So no figure is off by more than about 1e-6, a wait by no more than that of the largest wait in its
piece.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from rackcalc.formulas.queues.curves import points_in_all

BLOCK = 256  # lanes computed together, so that the columns of all nodes stay in the cache of the processor
KEPT = 16  # blocks of which the law is kept
MANY = 100  # rates for one engine from which on a curve is faster than the law
FIRST = 2  # pieces before any is halved
NODES = 16  # per piece
SETTLED = 1e-8  # a piece has settled when its last coefficients are this much smaller than its largest
NARROWEST = 2.0**-24
MOST_CURVES = 1 << 14  # that are kept

What = Hashable  # which value of the law
Column = Any  # a float, or an array with a value for each lane
Law = Callable[..., Any]
Read = Callable[[Any, What, Sequence[Column]], Any]

_ANGLES = np.pi * (np.arange(NODES) + 0.5) / NODES
_PLACES = np.cos(_ANGLES)
_TO_SERIES = 2 / NODES * np.cos(np.outer(np.arange(NODES), _ANGLES))
_TO_SERIES[0] /= 2


class Grids:
    """Values of a law on arrays.

    law: the law of lanes that are alike in `kinds` of their columns. read: one of its values. rate: the place of the
    rate among the columns. capacity: what is read as capacity. per_rate: values that vanish with the rate in proportion.
    """

    def __init__(self, law: Law, read: Read, kinds: Callable[[Sequence[Column]], Any], per_rate: Sequence[What]) -> None:
        self._law, self._read, self._kinds, self._per_rate = law, read, kinds, per_rate
        self._laws: OrderedDict[Hashable, Any] = OrderedDict()
        self._curves: dict[Hashable, _Pieces] = {}
        self._nodes: dict[Hashable, Any] = {}  # values at the nodes of pieces that are not made yet
        self._asked: dict[What, None] = {}

    def __call__(self, what: What, point: Sequence[Any]) -> Any:
        """The value at every point. point: the columns, of any shapes that broadcast; the first is the rate."""
        shape = np.broadcast_shapes(*(np.shape(value) for value in point))
        columns = [value if np.size(value) > 1 else float(np.ravel(value)[0]) for value in point]
        others = [value for value in columns[1:] if not isinstance(value, float)]
        inner = np.broadcast_shapes(*(np.shape(value) for value in others))
        engines, of = _distinct([_spread(value, inner) for value in columns[1:]])
        count = max(int(np.prod(shape)), 1)
        several = max(points_in_all() or 0, count // len_of(engines))
        if isinstance(columns[0], float) or several < MANY or what == "capacity":
            lanes, back = _distinct([_spread(value, shape) for value in columns])
            return self.lanes(what, lanes)[back].reshape(shape)
        index = np.broadcast_to(of.reshape(inner), shape).ravel()
        rate = np.broadcast_to(columns[0], shape).ravel()
        return self._by_curves(what, rate, engines, index, several).reshape(shape)

    def lanes(self, what: What, columns: Sequence[Column]) -> Any:
        """The value in lanes, by the law itself."""
        return self.several([what], columns)[0]

    def several(self, whats: Sequence[What], columns: Sequence[Column]) -> list[Any]:
        """Several values in lanes, by the law itself."""
        size = len_of(columns)
        found = [np.empty(size) for _ in whats]
        with np.errstate(all="ignore"):
            kinds = np.broadcast_to(self._kinds(columns), size)
            for kind in np.unique(kinds):
                rows = np.flatnonzero(kinds == kind)
                for start in range(0, len(rows), BLOCK):
                    block = rows[start : start + BLOCK]
                    part = [_constant(value if isinstance(value, float) else value[block]) for value in columns]
                    law = None if whats == ["capacity"] else self._of(part)
                    for values, what in zip(found, whats, strict=True):
                        values[block] = self._read(law, what, part)
        return found

    def _of(self, part: Sequence[Column]) -> Any:
        """The law of a block, which other values share."""
        key = tuple(value if isinstance(value, float) else value.tobytes() for value in part)
        if key not in self._laws:
            self._laws[key] = self._law(*part)
            if len(self._laws) > KEPT:
                self._laws.popitem(last=False)
        return self._laws[key]

    def _by_curves(self, what: What, rate: Any, engines: Sequence[Column], index: Any, several: float) -> Any:
        most = np.broadcast_to(self.lanes("capacity", [1e-9, *engines]), len_of(engines))
        load = rate / most[index]
        inside = (load > 0) & (load < 1)
        found = np.empty(len(rate))
        beyond = np.flatnonzero(~inside)
        if len(beyond):
            found[beyond] = self._at(what, rate, engines, index, beyond)
        places = np.flatnonzero(inside)
        load, index_in = load[places], index[places]
        keys = _keys(engines)
        self._asked[what] = None
        if len(self._curves) > MOST_CURVES:
            self._curves.clear()
            self._nodes.clear()
        pieces = [self._curves.setdefault((what, key), _Pieces()) for key in keys]
        weight = several * len(keys) / max(len(rate), 1)
        divided = what in self._per_rate
        while True:
            starts = np.concatenate([number + one.lows for number, one in enumerate(pieces)])
            made = np.concatenate([one.made for one in pieces])
            at = np.searchsorted(starts, index_in + load, side="right") - 1
            counts = np.bincount(at, minlength=len(starts)) * max(weight, 1.0)
            worth = np.flatnonzero(~made & (counts > 2 * NODES))
            if not len(worth):
                break
            owner = np.floor(starts[worth]).astype(np.intp)
            first = np.cumsum([0, *(len(one.lows) for one in pieces)])
            number = worth - first[owner]
            low = np.array([pieces[i].lows[j] for i, j in zip(owner, number, strict=True)])
            high = np.array([pieces[i].highs[j] for i, j in zip(owner, number, strict=True)])
            nodes = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * _PLACES
            who = np.repeat(owner, NODES)
            rates = nodes.ravel() * most[who]
            places_of = [(keys[i], a, b) for i, a, b in zip(owner, low.tolist(), high.tolist(), strict=True)]
            values = self._at_nodes(what, places_of, rates, [_of_lanes(value, who) for value in engines])
            if divided:
                values = values / rates
            with np.errstate(all="ignore"):
                series = values.reshape(-1, NODES) @ _TO_SERIES.T
                large = abs(series).max(axis=1)
                good = abs(series[:, -3:]).max(axis=1) <= SETTLED * large
                level = (values.reshape(-1, NODES) == values.reshape(-1, NODES)[:, :1]).all(axis=1)
            series[level] = 0.0
            series[level, 0] = values.reshape(-1, NODES)[level, 0]
            for i in np.unique(owner):
                mine = owner == i
                pieces[i].put(number[mine], series[mine], (good | level)[mine])
        rough = ~made[at]
        if rough.any():
            found[places[rough]] = self._at(what, rate, engines, index, places[rough])
        smooth = np.flatnonzero(~rough)
        if len(smooth):
            table = np.concatenate([one.series for one in pieces])
            lows, highs = (np.concatenate([getattr(one, end) for one in pieces]) for end in ("lows", "highs"))
            value = _summed(table, at[smooth], load[smooth], lows, highs)
            found[places[smooth]] = value * rate[places[smooth]] if divided else value
        return found

    def _at_nodes(self, what: What, pieces: Sequence[Hashable], rates: Any, lanes: Sequence[Column]) -> Any:
        """The value at the nodes of pieces. The values that were asked for before are computed and kept with it."""
        known = self._nodes
        new = [number for number, piece in enumerate(pieces) if (what, piece) not in known]
        if new:
            rows = (np.array(new)[:, None] * NODES + np.arange(NODES)).ravel()
            asked = [what, *(one for one in self._asked if one != what and (one, pieces[new[0]]) not in known)]
            part = [rates[rows], *(_of_lanes(value, rows) for value in lanes)]
            for one, values in zip(asked, self.several(asked, part), strict=True):
                known.update(zip([(one, pieces[number]) for number in new], values.reshape(-1, NODES), strict=True))
        return np.concatenate([known.pop((what, piece)) for piece in pieces])

    def _at(self, what: What, rate: Any, engines: Sequence[Column], index: Any, rows: Any) -> Any:
        """By the law itself at some points."""
        lanes = [_of_lanes(value, index[rows]) for value in engines]
        lanes, back = _distinct([rate[rows], *lanes])
        return self.lanes(what, lanes)[back]


class _Pieces:
    """The curve of one value of one engine: ends of the pieces in load, their series, and which have one."""

    def __init__(self) -> None:
        ends = np.arange(FIRST + 1) / FIRST
        self.lows, self.highs = ends[:-1], ends[1:]
        self.series = np.full((FIRST, NODES), np.nan)
        self.made = np.zeros(FIRST, dtype=bool)

    def put(self, numbers: Any, series: Any, good: Any) -> None:
        """Series of some pieces; where they are not good, the piece is halved."""
        self.series[numbers[good]] = series[good]
        self.made[numbers[good]] = True
        bad = numbers[~good]
        if not len(bad):
            return
        middle = (self.lows[bad] + self.highs[bad]) / 2
        self.lows, self.highs = np.insert(self.lows, bad + 1, middle), np.insert(self.highs, bad, middle)
        self.series = np.insert(self.series, bad, np.nan, axis=0)
        self.made = np.insert(self.made, bad, False)


def _summed(table: Any, at: Any, load: Any, lows: Any, highs: Any) -> Any:
    """The series (Clenshaw), in parts that stay in the cache of the processor."""
    found = np.empty(len(load))
    for start in range(0, len(load), 1 << 13):
        piece = at[start : start + (1 << 13)]
        low, high = lows[piece], highs[piece]
        t = (2 * load[start : start + (1 << 13)] - (low + high)) / (high - low)
        rows = table[piece].T
        double, ahead, further = 2 * t, rows[-1], 0.0
        for row in rows[-2:0:-1]:
            ahead, further = row + double * ahead - further, ahead
        found[start : start + (1 << 13)] = rows[0] + t * ahead - further
    return found


def len_of(columns: Sequence[Column]) -> int:
    """Number of lanes."""
    return max((len(value) for value in columns if not isinstance(value, float)), default=1)


def _of_lanes(value: Column, lanes: Any) -> Column:
    return value if isinstance(value, float) else value[lanes]


def _spread(value: Column, shape: tuple[int, ...]) -> Column:
    return value if isinstance(value, float) else np.broadcast_to(value, shape).ravel()


def _constant(value: Column) -> Column:
    """A float where all lanes have the same."""
    if isinstance(value, float) or not (value == value[0]).all():
        return value
    return float(value[0])


def _rows(columns: Sequence[Column]) -> Any:
    varied = [value for value in columns if not isinstance(value, float)]
    if not varied:
        return np.zeros(1, dtype="V8")
    rows = np.ascontiguousarray(np.stack(varied, axis=1) + 0.0)
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()


def _distinct(columns: Sequence[Column]) -> tuple[list[Column], Any]:
    """Lanes that differ, in the order of their first appearance, and the place of every lane among them."""
    rows = _rows(columns)
    _, first, back = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    kept = first[order]
    return [value if isinstance(value, float) else value[kept] for value in columns], rank[back.ravel()]


def _keys(columns: Sequence[Column]) -> list[Hashable]:
    """What tells engines apart."""
    same = tuple(value for value in columns if isinstance(value, float))
    places = tuple(isinstance(value, float) for value in columns)
    return [(hash((places, repr(same))), row.tobytes()) for row in _rows(columns)]
