"""Quantiles of the M/D/c wait plus a slice of other work, for arrays: each different one once, in blocks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rackcalc.formulas.queues.mdc_backlog import MAX_SERVERS
from rackcalc.formulas.queues.mdc_lanes import Backlogs, backlogs, block_size, solved


def behind_quantiles(
    one: Callable[..., float], probability: Any, servers: Any, rho: Any, whole: Any, part: Any, piece: Any
) -> Any:
    """gpu_sharing._behind_quantile, elementwise. one: that function, which computes what is not inside a queue."""
    arrays = [np.asarray(value, dtype=float) for value in (probability, servers, rho, whole, part, piece)]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    lanes, back = _different([np.broadcast_to(array, shape).ravel() for array in arrays])
    probability, servers, rho, _, _, piece = lanes
    found = np.empty(len(rho))
    inside = (rho > 0) & (rho < 1) & (piece >= 0) & (probability >= 0) & (probability < 1)
    inside &= (servers >= 1) & (servers <= MAX_SERVERS) & (servers == np.floor(servers))
    for place in np.flatnonzero(~inside):
        found[place] = one(*(float(values[place]) for values in lanes))
    for c in np.unique(servers[inside]).astype(int).tolist():
        rows = np.flatnonzero(inside & (servers == c))
        size = block_size(c)
        for start in range(0, len(rows), size):
            block = rows[start : start + size]
            found[block] = _of_block(c, *(values[block] for values in (probability, *lanes[2:])))
    return found[back].reshape(shape)


def _different(columns: list[Any]) -> tuple[list[Any], Any]:
    """The different lanes, and which of them each one is."""
    varied = [column for column in columns if len(column) and not (column == column[0]).all()]
    if not varied:
        return [column[:1] for column in columns], np.zeros(len(columns[0]), dtype=int)
    order = np.lexsort(varied[::-1])
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for column in varied:
        new[1:] |= column[order[1:]] != column[order[:-1]]
    back = np.empty(len(order), dtype=int)
    back[order] = np.cumsum(new) - 1
    return [column[order[new]] for column in columns], back


def _of_block(c: int, probability: Any, rho: Any, whole: Any, part: Any, piece: Any) -> Any:
    loads, of = np.unique(rho, return_inverse=True)
    level, queues = 1 - probability, backlogs(c, loads)

    def tail_and_density(x: Any, rows: Any) -> tuple[Any, Any]:
        return _tail(queues, of[rows], x, whole[rows], part[rows], piece[rows])

    with np.errstate(all="ignore"):
        every = np.arange(len(rho))
        late = tail_and_density(np.zeros(len(rho)), every)[0] > level
        found, rows = np.zeros(len(rho)), every[late]
        high = 1.0 + piece[late]
        over = np.arange(len(rows))
        while len(over := over[tail_and_density(high[over], rows[over])[0] > level[rows[over]]]):
            high[over] *= 2
        if len(rows):
            found[rows] = solved(
                lambda x, some: tail_and_density(x, rows[some]), level[rows], np.zeros(len(rows)), high, high / 2
            )
    return found


def _tail(queues: Backlogs, lanes: Any, x: Any, whole: Any, part: Any, piece: Any) -> tuple[Any, Any]:
    """P(wait and slice > x) and its density, as in gpu_sharing._behind_quantile."""
    tail, density, rest = queues.waits(x, lanes)
    before, rise, rest_before = queues.waits(x - piece, lanes)
    tails, densities = (1 - whole - part) * tail + whole * before, (1 - whole - part) * density + whole * rise
    mean = (rest_before - rest) / piece
    tails += part * np.where(piece > 0, mean, tail)
    densities += part * np.where(piece > 0, (before - tail) / piece, density)
    return tails, densities
