"""The law of an engine for arrays: each different engine and load once, in blocks, or by a curve over the load.

A curve (engine_curves.py) is used where one engine has MANY rates. Fewer are computed one by one, exactly as numbers.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from rackcalc.formulas.queues.curves import points_in_all
from rackcalc.formulas.serving.engine_curves import NODES, Curves, Pieces

BLOCK = 1024  # lanes computed together: their columns of nodes stay near the processor, and calls are few
KEPT = 16  # blocks of which the law is kept
MANY = 100  # rates for one engine from which on a curve is faster than the law
MOST_CURVES = 1 << 14  # that are kept

What = Hashable  # which value of the law
Column = Any  # a float, or an array with a value for each lane
Law = Callable[..., Any]
Read = Callable[[Any, What, Sequence[Column]], Any]


class Grids:
    """Values of a law on arrays.

    law: the law of lanes that are of one kind. read: one of its values; "capacity" is one, which needs no law. kind: of
    every lane. per_rate: values that vanish with the rate, in proportion. columns: that the law takes; those behind
    them are of one value only.
    """

    def __init__(
        self, law: Law, read: Read, kind: Callable[[Sequence[Column]], Any], per_rate: Sequence[What], columns: int
    ) -> None:
        self._law, self._read, self._kind, self._per_rate, self._columns = law, read, kind, per_rate, columns
        self._laws: OrderedDict[Hashable, Any] = OrderedDict()
        self._curves: dict[Hashable, Pieces] = {}
        self._nodes: dict[Hashable, Any] = {}  # values at the nodes of pieces that are not made yet
        self._asked: dict[What, int] = {}  # with the number of columns

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
            kinds = np.broadcast_to(self._kind(columns), size)
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
        engine = part[: self._columns]
        key = tuple(
            [repr(value) if isinstance(value, float) else value.tobytes() for value in engine]
        )  # nan equals nan
        if key not in self._laws:
            self._laws[key] = self._law(*engine)
            if len(self._laws) > KEPT:
                self._laws.popitem(last=False)
        return self._laws[key]

    def _by_curves(self, what: What, rate: Any, engines: Sequence[Column], index: Any, several: float) -> Any:
        """The value at points: their rates, the engines, and the number of the engine of each point.

        several: rates that one engine has in the whole grid, of which these may be a part.
        """
        self._asked[what] = len(engines)
        if len(self._curves) > MOST_CURVES or len(self._nodes) > MOST_CURVES:
            self._curves.clear()
            self._nodes.clear()
        most = np.broadcast_to(self.lanes("capacity", [1e-9, *engines]), len_of(engines))
        keys = _keys(engines)
        curves = Curves([self._curves.setdefault((what, key), Pieces()) for key in keys])
        divided = what in self._per_rate

        def at_nodes(owner: Any, low: Any, high: Any, loads: Any) -> Any:
            rates = loads * most[owner][:, None]
            pieces = [(keys[i], a, b) for i, a, b in zip(owner, low.tolist(), high.tolist(), strict=True)]
            lanes = [_of_lanes(value, np.repeat(owner, NODES)) for value in engines]
            values = self._at_nodes(what, pieces, rates.ravel(), lanes)
            return values / rates if divided else values

        load = rate / most[index]
        within = (load > 0) & (load < 1)
        inside = np.flatnonzero(within)
        curves.make(index[inside], load[inside], max(several * len(keys) / len(rate), 1.0), at_nodes)
        found, by_law = np.empty(len(rate)), np.ones(len(rate), dtype=bool)
        value, rough = curves(index[inside], load[inside])
        found[inside], by_law[inside] = value * rate[inside] if divided else value, rough
        for points in (by_law & within, by_law & ~within):  # apart, since with too many requests the law is short
            if points.any():
                lanes = [_of_lanes(column, index[points]) for column in engines]
                different, back = _distinct([rate[points], *lanes])
                found[points] = self.lanes(what, different)[back]
        return found

    def _at_nodes(self, what: What, pieces: Sequence[Hashable], rates: Any, lanes: Sequence[Column]) -> Any:
        """The value at the nodes of pieces. The values that were asked for before are computed and kept with it."""
        known = self._nodes
        new = [number for number, piece in enumerate(pieces) if (what, piece) not in known]
        if new:
            rows = (np.array(new)[:, None] * NODES + np.arange(NODES)).ravel()
            asked = [
                what,
                *(
                    one
                    for one, size in self._asked.items()
                    if one != what and size == len(lanes) and (one, pieces[new[0]]) not in known
                ),
            ]
            part = [rates[rows], *(_of_lanes(value, rows) for value in lanes)]
            for one, values in zip(asked, self.several(asked, part), strict=True):
                known.update(zip([(one, pieces[number]) for number in new], values.reshape(-1, NODES), strict=True))
        return np.array([known.pop((what, piece)) for piece in pieces])


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
    same = repr([value if isinstance(value, float) else None for value in columns])
    return [(same, row.tobytes()) for row in _rows(columns)]
