"""The algorithms of mdc_backlog.py for arrays: many loads of one number of servers together, each in a lane of its own.

The ladder heights come from the powers of the roots instead of the product of their factors: the Spitzer identity turns
sum(z^n) / n into the law of the walk's descents, with positive terms only (Asmussen 2003, chapter VIII). Poisson laws
are made by ratios and then scaled to sum to 1, so that no lane loses digits to large exponents.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from rackcalc.formulas.queues.mdc_backlog import MAX_SERVERS

SETTLED = 1e-12  # relative deviation below which the tail of the queue counts as geometric
NEGLIGIBLE = 1e-40  # smaller probabilities are ignored
CUT = 1e-24  # arrivals of a service time that are so much rarer than `servers` of them are ignored
POWERS = 1e-20  # powers of roots below this are ignored
ELEMENTS = 1 << 17  # of the largest array of a block of lanes, so that a block stays in the cache of the processor
SMOOTH = 48  # order of a derivative from which on a jump does not show in a curve
LOST = 1e-4  # a smaller share of requests that wait is not computed from the others, for lack of digits
KEPT = 1 << 18  # elements of blocks that stay in memory, because each quantile asks for the same


def _most_arrivals(count: int, means: Any, cut: float = CUT) -> int:
    """Arrivals beyond `count` that are looked at: fewer than a share `cut` of the chance of `count`, at any mean."""
    return _beyond(count, 2.0 ** (math.ceil(8 * math.log2(max(float(means.max()), 1e-9))) / 8), cut)


@lru_cache(maxsize=4096)
def _beyond(count: int, mean: float, cut: float) -> int:
    weight, beyond = 1.0, 0
    while weight > cut:
        beyond += 1
        weight *= mean / (count + beyond)
    return beyond


def _roots(servers: int, rho: Any) -> Any:
    """The roots of z^c = exp(rho c (z - 1)) inside the unit disc, one of each conjugate pair, (root, lane)."""
    w = np.exp(2j * np.pi / servers * np.arange(1, servers // 2 + 1))[:, None]
    z = w * np.exp(-rho)
    for _ in range(100):
        value = w * np.exp(rho * (z - 1))
        step = (z - value) / (1 - rho * value)
        z -= step
        if abs(step).max(initial=0.0) < 1e-9:  # the next would be its square
            break
    return z


def _powers(servers: int, rho: Any, most: int) -> Any:
    """Sums of powers 0 to `most` of the roots of z^c = exp(rho c (z - 1)) in the closed unit disc, (power, lane)."""
    sums = np.ones((most + 1, len(rho)))
    sums[0] = servers
    if servers == 1:
        return sums
    z = _roots(servers, rho)
    numbers = np.arange(1, servers // 2 + 1)
    twice = np.where(2 * numbers == servers, 1.0, 2.0)[:, None]  # the root at w = -1 has no conjugate
    largest = abs(z).max(axis=1)  # falls with the number of the root
    real, imag = np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)
    here, aside = twice * real, twice * imag  # the power
    for n in range(1, most + 1):
        sums[n] += here.sum(axis=0)
        alive = int(np.count_nonzero(largest ** (n + 1) > POWERS))
        if alive < len(real):
            largest = largest[:alive]
            real, imag, here, aside = real[:alive], imag[:alive], here[:alive], aside[:alive]
        here, aside = here * real - aside * imag, here * imag + aside * real
    return sums


def _exactly(servers: int, rho: Any, most: int) -> Any:
    """Chances of servers, servers + 1, ... arrivals in a service time, (place, lane)."""
    if servers < 32:
        first = servers * np.log(servers * rho) - servers * rho - math.lgamma(servers + 1)
    else:  # Stirling's series: what would cancel is left out
        series = 1 / (12 * servers) - 1 / (360 * servers**3) + 1 / (1260 * servers**5)
        first = servers * (np.log1p(rho - 1) + (1 - rho)) - 0.5 * math.log(2 * math.pi * servers) - series
    law: Any = np.empty((most + 1, len(rho)))
    law[0] = 1.0
    law[1:] = servers * rho / np.arange(servers + 1, servers + most + 1)[:, None]
    law = np.cumprod(law, axis=0) * np.exp(first)
    rare = NEGLIGIBLE * _most_likely(servers * rho)
    return np.where(np.concatenate([law[:1] / rho, law[:-1]]) > rare, law, 0.0)


def _most_likely(mean: Any) -> Any:
    """The largest chance of a Poisson law."""
    mode = np.floor(mean)
    return np.exp(mode * np.log(mean) - mean - np.array([math.lgamma(one + 1) for one in mode.tolist()]))


def _dot(a: Any, b: Any) -> Any:
    return np.einsum("ij,ij->j", a, b)


def _heights(servers: int, rho: Any) -> Any:
    """Law of the ladder heights 0, 1, 2, ... of the walk, (height, lane)."""
    most = _most_arrivals(servers, servers * rho)
    sums, arrivals = _powers(servers, rho, most), _exactly(servers, rho, most)
    visits = np.ones_like(sums)
    for m in range(1, most + 1):
        visits[m] = _dot(sums[1 : m + 1], visits[m - 1 :: -1]) / m
    return np.array([_dot(visits[: most + 1 - j], arrivals[j:]) for j in range(most + 1)])


def decays(rho: Any) -> Any:
    """mdc_backlog.decay for arrays."""
    z = 1 + 2 * (1 - rho) / rho - np.log(rho)
    for _ in range(100):
        step = (rho * (z - 1) - np.log(z)) / (rho - 1 / z)
        z = z - step
        if (abs(step) < 1e-15 * z).all():
            break
    return z


class Backlogs:
    """mdc_backlog.Backlog of several loads with the same servers. rho: one dimension, each between 0 and 1."""

    def __init__(self, servers: int, rho: Any) -> None:
        self.servers, self.load = servers, rho * servers
        self.decay = decays(rho)
        heights: Any = _heights(servers, rho)
        above = np.cumsum(heights[::-1], axis=0)[-2::-1]
        again = 1 / (1 - heights[0])
        climbs = heights[1:][::-1]
        most = len(climbs)
        rows = most + servers + 64
        beyond: Any = np.empty((rows, len(rho)))
        beyond[0] = above[0] * again
        steady = np.zeros(len(rho), dtype=int)  # what is not geometric turns once in as many steps as there are servers
        self.length = np.where(beyond[0] > NEGLIGIBLE, 0, 1)  # 0: the lane goes on
        m = 0
        while (self.length == 0).any():
            m += 1
            if m == len(beyond):
                beyond = np.concatenate([beyond, np.empty_like(beyond)])
            reach = min(m, most)
            found = _dot(climbs[most - reach :], beyond[m - reach : m])
            if m < len(above):
                found += above[m]
            found *= again
            beyond[m] = found
            before = beyond[m - 1]
            steady = np.where(abs(found * self.decay - before) < SETTLED * before, steady + 1, 0)
            ends = (self.length == 0) & ((steady >= servers // 4 + 3) | (found <= NEGLIGIBLE))
            self.length[ends] = m + 1
        self.beyond = beyond[: m + 1]
        lanes = np.arange(len(rho))
        last = self.beyond[self.length - 1, lanes]
        self.scale = last * self.decay**self.length
        inside = np.where(np.arange(m + 1)[:, None] < self.length, self.beyond, 0.0)
        self.beyond_sum = np.cumsum(inside[::-1], axis=0)[::-1] + last / (self.decay - 1)

    def over(self, m: Any, lanes: Any) -> Any:
        """P(more than m requests wait). m: whole numbers, (..., lane)."""
        found = self.beyond[np.clip(m, 0, len(self.beyond) - 1), lanes]
        far = m >= self.length[lanes]
        if far.any():
            tail = self.scale[lanes] * np.exp(-(m + 1) * np.log(self.decay[lanes]))
            found = np.where(far, tail, found)
        return np.where(m < 0, 1.0, found)

    def excess(self, n: Any, lanes: Any) -> Any:
        """Expected number of waiting requests beyond n (n may be negative)."""
        found = self.beyond_sum[np.clip(n, 0, len(self.beyond) - 1), lanes]
        far = n >= self.length[lanes]
        if far.any():
            ratio = self.decay[lanes]
            tail = self.scale[lanes] * np.exp(-(n + 1) * np.log(ratio)) / (1 - 1 / ratio)
            found = np.where(far, tail, found)
        return np.where(n < 0, self.beyond_sum[0, lanes] - n, found)

    def _arrivals(self, part: Any, lanes: Any) -> tuple[Any, Any]:
        """First number and chances of arrivals in a part of a service time, (number, lane)."""
        mean = self.load[lanes] * part
        below = min(int(9.2 * math.sqrt(self.servers)) + 2, self.servers)
        first = np.maximum(np.floor(mean) - below, 0.0)
        top = int(mean.max(initial=0.0))
        law: Any = np.empty((min(below, top) + _most_arrivals(max(top, 1), mean, 1e-17) + 2, len(lanes)))
        law[0] = 1.0
        law[1:] = mean / (first + np.arange(1, len(law))[:, None])
        law = np.cumprod(law, axis=0)
        return first.astype(int), law / law.sum(axis=0)

    def survival(self, x: Any, lanes: Any) -> tuple[Any, Any]:
        """P(wait > x) and the density of the wait at x; x >= 0 in service times."""
        cell = np.floor(x) + 1
        first, law = self._arrivals(cell - x, lanes)
        places = cell.astype(int) * self.servers - first - 1
        over = self.over(places - np.arange(len(law) + 1)[:, None], lanes)
        return _dot(law, over[:-1]), self.load[lanes] * _dot(law, np.diff(over, axis=0))

    def waits(self, x: Any, lanes: Any) -> tuple[Any, Any, Any]:
        """P(wait > x), the density of the wait at x, and the integral of P(wait > y) over y > x. x may be negative."""
        found = np.ones(len(x)), np.zeros(len(x)), self.mean(lanes) - x
        late = x >= 0
        if not late.all():
            if late.any():
                for whole, part in zip(found, self.waits(x[late], lanes[late]), strict=True):
                    whole[late] = part
            return found
        cell = np.floor(x) + 1
        first, law = self._arrivals(cell - x, lanes)
        places = cell.astype(int) * self.servers - first - np.arange(len(law) + 1)[:, None]
        over = self.over(places - 1, lanes)
        tail, density = _dot(law, over[:-1]), self.load[lanes] * _dot(law, np.diff(over, axis=0))
        return tail, density, _dot(law, self.excess(places[:-1], lanes)) / self.load[lanes]

    def mean(self, lanes: Any) -> Any:
        """The mean wait in service times."""
        return self.beyond_sum[0, lanes] / self.load[lanes]

    @cached_property
    def waiting(self) -> Any:
        """P(wait > 0)."""
        return self.survival(np.zeros(len(self.load)), np.arange(len(self.load)))[0]

    def quantile(self, level: float) -> Any:
        """The wait that a share `level` of the requests exceeds, in service times."""
        c, every, at_once = self.servers, np.arange(len(self.load)), self.waiting
        found = np.zeros(len(every))
        settled = self.length // c + 1
        far = (at_once > level) & (self.over(settled * c - 1, every) >= level)
        found[far] = np.log(self.scale[far] / level) / (c * np.log(self.decay[far]))
        lanes = np.flatnonzero((at_once > level) & ~far)
        if not len(lanes):
            return found
        cells = np.arange(1, settled[lanes].max() + 1)[:, None]
        low = np.count_nonzero(self.over(cells * c - 1, lanes) > level, axis=0)
        upper = np.where(low > 0, self.over(low * c - 1, lanes), at_once[lanes])
        lower = self.over((low + 1) * c - 1, lanes)
        start = low + np.log(upper / level) / np.log(upper / lower)
        ends = low.astype(float), low + 1.0
        found[lanes] = solved(lambda x, rows: self.survival(x, lanes[rows]), level, *ends, start)
        return found


def solved(tail_and_density: Callable[[Any, Any], tuple[Any, Any]], level: Any, low: Any, high: Any, start: Any) -> Any:
    """mdc_backlog.solve_quantile for arrays. tail_and_density: of x and the numbers of its lanes."""
    found, x = start.copy(), start
    level = np.broadcast_to(level, start.shape)
    rows, error = np.arange(len(start)), np.full(len(start), math.inf)
    with np.errstate(all="ignore"):
        for _ in range(200):
            tail, density = tail_and_density(x, rows)
            more = tail > level
            low, high = np.where(more, x, low), np.where(more, high, x)
            ratio = np.log(tail / level)
            before, error = error, np.where(tail > 0, abs(ratio), math.inf)
            step = np.where((tail > 0) & (density > 0), tail * ratio / density, math.inf)
            there = x + step
            newton = (low < there) & (there < high) & ((error < before / 2) | (error < 1e-9))
            done = ((error < 1e-6) & (abs(step) <= 1e-10 * x)) | ~(high - low > 1e-12 * high)
            found[rows[done]] = np.where((low <= there) & (there <= high), there, x)[done]
            x = np.where(newton, there, low + (high - low) / 2)
            if done.all():
                return found
            left = ~done
            rows, x, low, high, error, level = (each[left] for each in (rows, x, low, high, error, level))
    found[rows] = x
    return found


_blocks: OrderedDict[tuple[int, bytes], Backlogs] = OrderedDict()


def backlogs(servers: int, rho: Any) -> Backlogs:
    """Backlogs of a block of lanes. The last few are kept."""
    key = (servers, rho.tobytes())
    if key in _blocks:
        _blocks.move_to_end(key)
        return _blocks[key]
    with np.errstate(all="ignore"):
        made = _blocks[key] = Backlogs(servers, rho)
    while len(_blocks) > 1 and sum(block.beyond.size for block in _blocks.values()) > KEPT:
        _blocks.popitem(last=False)
    return made


def block_size(servers: int, rho: Any) -> int:
    """Lanes of a block, of loads up to the largest of these."""
    return max(32, ELEMENTS // (servers + 2 * _most_arrivals(servers, servers * rho)))


def _in_blocks(servers: int, rho: Any, value: Callable[[Backlogs], Any]) -> Any:
    """A value of every load, 0 at none, inf from full load on."""
    rho = np.asarray(rho, dtype=float)
    found = np.where(rho >= 1, math.inf, np.where(rho == 0, 0.0, math.nan))
    inside = np.flatnonzero((rho > 0) & (rho < 1))
    if not len(inside):
        return found
    size = block_size(servers, rho[inside])
    for start in range(0, len(inside), size):
        block = inside[start : start + size]
        with np.errstate(all="ignore"):
            found[block] = value(backlogs(servers, rho[block]))
    return found


def quantiles(probability: float, servers: float, rho: Any) -> Any:
    """mdc_backlog.wait_in_service_times for an array of loads, in one dimension."""
    if probability == 1:
        return np.full(len(rho), math.inf)
    if not (0 <= probability < 1 and servers >= 1 and servers == int(servers)):
        return np.where(np.asarray(rho) >= 1, math.inf, np.where(np.asarray(rho) == 0, 0.0, math.nan))
    c = int(min(servers, MAX_SERVERS))
    return c / servers * _in_blocks(c, rho, lambda block: block.quantile(1 - probability))


def means(servers: float, rho: Any) -> Any:
    """mdc_backlog.mean_in_service_times for an array of loads, in one dimension."""
    if not (servers >= 1 and servers == int(servers)):
        return np.where(np.asarray(rho) >= 1, math.inf, np.where(np.asarray(rho) == 0, 0.0, math.nan))
    c = int(min(servers, MAX_SERVERS))
    return c / servers * _in_blocks(c, rho, lambda block: block.mean(np.arange(len(block.load))))


def load_with_tail(level: float, servers: int, x: Any) -> Any:
    """The loads at which a share `level` of the requests waits longer than x service times; x in one dimension.

    T. R. Chandrupatla, Advances in Engineering Software 28 (1997) 145-149: inverse quadratic steps or bisection.
    """
    x = np.asarray(x, dtype=float)

    def beyond(rho: Any, rows: Any) -> Any:
        with np.errstate(all="ignore"):
            block = Backlogs(servers, rho)
            tail = block.survival(x[rows], np.arange(len(rho)))[0]
            return np.log(np.maximum(tail, 1e-300) / level)

    found, rows = np.empty(len(x)), np.arange(len(x))
    a, b = np.full(len(x), 1.0), np.full(len(x), 0.5)
    fa, fb = np.full(len(x), -math.log(level)), beyond(b, rows)
    low = fb > 0  # then the root lies between none and half the load
    a, fa = np.where(low, 0.0, a), np.where(low, math.log(1e-300 / level), fa)
    c, fc, t = a, fa, np.full(len(x), 0.5)
    for _ in range(120):
        there = a + t * (b - a)
        value = beyond(np.clip(there, 5e-324, 1 - 1e-16), rows)
        same = np.sign(value) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = there, value
        best = np.where(abs(fb) < abs(fa), b, a)
        span = abs(b - a)
        least = 1e-16 + 4e-16 * np.minimum(best, 1 - best)
        done = (span <= 2 * least) | (fa == 0)
        found[rows[done]] = best[done]
        if done.all():
            return found
        with np.errstate(all="ignore"):
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            fits = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            margin = np.minimum(least / span, 0.5)
        t = np.clip(np.where(fits & np.isfinite(quadratic), quadratic, 0.5), margin, 1 - margin)
        left = ~done
        rows, a, b, c, fa, fb, fc, t = (each[left] for each in (rows, a, b, c, fa, fb, fc, t))
    found[rows] = a
    return found


@lru_cache(maxsize=1024)
def load_with_waits(level: float, c: int) -> float:
    """The load at which a share `level` of the requests waits at all.

    By Newton's method on the logarithm of the share of the others: c (1 - rho) over the product of 1 - z, z: the roots
    of _powers except 1 (Franx 2001); dz/drho = z (z - 1) / (1 - rho z).
    """
    if level < LOST:
        return float(load_with_tail(level, c, [0.0])[0])
    wanted = math.log1p(-level)
    rho, low, high = 0.5, 0.0, 1.0
    twice = np.full(c // 2, 2.0)
    twice[c // 2 - 1 : c // 2 * (1 - c % 2)] = 1.0  # the root at w = -1 has no conjugate
    for _ in range(100):
        z = _roots(c, np.array([rho]))[:, 0]
        off = math.log(c * (1 - rho)) - float(twice @ np.log(abs(1 - z))) - wanted
        low, high = (rho, high) if off > 0 else (low, rho)
        slope = -1 / (1 - rho) - float(twice @ (z / (1 - rho * z)).real)
        if abs(off / slope) < 1e-15 or high - low < 1e-15:
            break
        there = rho - off / slope
        rho = there if low < there < high else (low + high) / 2
    return rho


@lru_cache(maxsize=4096)
def kinks(level: float, c: int) -> tuple[float, ...]:
    """Loads at which a share `level` of the requests waits longer than 0, 1, 2, ... service times.

    At k service times the derivative of order k c jumps, because there the queue of a service time earlier was empty.
    So they end where no series of a curve can see the jump, or where the tail of the wait is a geometric one.
    """
    first, others = load_with_waits(level, c), np.arange(1, math.ceil(SMOOTH / c), dtype=float)
    if not len(others):
        return (first,)
    ends = load_with_tail(level, c, others)
    cells = backlogs(c, np.minimum(ends, 1 - 1e-16)).length // c + 1
    last = (ends >= 1) | (others >= cells)
    return (first, *ends[: int(last.argmax()) + 1 if last.any() else None].tolist())
