"""Quantiles of the M/D/c wait plus a slice of other work, for arrays: each different one once, in blocks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rackcalc.formulas.queues.mdc_backlog import MAX_SERVERS
from rackcalc.formulas.queues.mdc_lanes import Backlogs, backlogs, block_size, load_with_waits, solved

RARE = 1e-15  # requests that wait, of those beyond a quantile, that may be left out
LANES = 4096  # of a block at most


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
    for c, chance in sorted(set(zip(servers[inside].tolist(), probability[inside].tolist(), strict=True))):
        rows = np.flatnonzero(inside & (servers == c) & (probability == chance))  # from the lowest load up
        start = 0
        while start < len(rows):
            block = rows[start : start + block_size(int(c), rho[rows[start : start + LANES]])][:LANES]
            found[block] = _of_block(int(c), 1 - chance, *(values[block] for values in lanes[2:]))
            start += len(block)
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


def _of_block(c: int, level: float, rho: Any, whole: Any, part: Any, piece: Any) -> Any:
    slices = np.where(level <= whole, piece, piece * (1 - np.divide(level - whole, part, where=part > 0, out=part * 0)))
    slices = np.where(level >= whole + part, 0.0, slices)
    found = slices.copy()  # where as good as nobody waits
    rows = np.flatnonzero(rho > load_with_waits(RARE * level, c))
    if not len(rows):
        return found
    rho, whole, part, piece = (each[rows] for each in (rho, whole, part, piece))
    loads, of = np.unique(rho, return_inverse=True)
    queues = backlogs(c, loads)
    with np.errstate(all="ignore"):
        waiting, alone = queues.waiting[of], queues.quantile(level)[of]
        late = np.where(piece > 0, waiting + (whole + part) * (1 - waiting), waiting) > level
        # what a slice adds lies between nothing and the whole; behind a long queue its exponential mean
        rate = c * np.log(queues.decay)[of] * piece
        mean = np.log(1 - whole - part + whole * np.exp(rate) + part * np.expm1(rate) / rate) / rate
        added = np.where(np.isfinite(mean), mean, 1.0) * piece
        low, high = np.maximum(alone, slices[rows]), alone + piece
        start = np.clip(np.where(alone > 0, alone + added, slices[rows]), low, high)

        def tail_and_density(x: Any, some: Any) -> tuple[Any, Any]:
            return _tail(queues, of[late][some], x, whole[late][some], part[late][some], piece[late][some])

        found[rows] = 0.0
        if late.any():
            found[rows[late]] = solved(tail_and_density, level, low[late], high[late], start[late])
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
