"""Exact algorithms for the queue of M/D/c: Poisson arrivals, identical servers, the same service time for each request.

The queue, observed once per service time, is a random walk: queue' = max(queue + arrivals - c, 0). Its stationary law
is a geometric sum of ladder heights, whose law follows from the roots of z^c = exp(rho c (z - 1)) in the unit disc. In
this form every term is positive, which avoids alternating series and keeps the full relative precision in the far tail.
Internally, times are in units of the service time. At or above full load every wait is infinite.
"""

import cmath
import math
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from operator import mul, sub

from rackcalc.quantities.record import record

MAX_SERVERS = 1000  # more servers are replaced by this many faster ones: the work grows with the square of the servers
_SETTLED = 1e-12  # relative deviation below which the tail of the queue counts as geometric
_NEGLIGIBLE = 1e-40  # smaller probabilities are ignored


@record
class Backlog:
    """Requests waiting (not in service) in M/D/c, seen at any time.

    beyond[m] = P(more than m wait) for the first m; after them P = scale * decay**-(m + 1).
    beyond_sum[m] = sum of beyond[m:] to infinity, for the same m.
    """

    load: float  # arrivals per service time
    servers: int
    beyond: list[float]
    beyond_sum: list[float]
    scale: float
    decay: float

    def over(self, m: int) -> float:
        """P(more than m requests wait)."""
        if m < 0:
            return 1.0
        return self.beyond[m] if m < len(self.beyond) else self.scale * self.decay ** -(m + 1)

    def falling_over(self, m: int, number: int) -> list[float]:
        """over(m), over(m - 1) and so on, so many."""
        found = self._falling(self.over, self.beyond, m, m - number)
        return found + [1.0] * (number - len(found))

    def falling_excess(self, n: int, number: int) -> list[float]:
        """excess(n), excess(n - 1) and so on, so many."""
        found = self._falling(self.excess, self.beyond_sum, n, n - number)
        return found + list(map(self.excess, range(n - len(found), n - number, -1)))

    def _falling(self, at: Callable[[int], float], known: list[float], first: int, end: int) -> list[float]:
        """The values from one place down to another, or to the first of those that are known."""
        far = list(map(at, range(first, max(len(known) - 1, end), -1)))
        return far + (known[max(end + 1, 0) : first + 1][::-1] if first >= 0 else [])

    def excess(self, n: int) -> float:
        """Expected number of waiting requests beyond n (n may be negative)."""
        if n < 0:
            return self.beyond_sum[0] - n
        if n < len(self.beyond_sum):
            return self.beyond_sum[n]
        return self.scale * self.decay ** -(n + 1) / (1 - 1 / self.decay)


def poisson_law(mean: float, cut: float) -> tuple[int, list[float]]:
    """First index and probabilities of a Poisson law, without the terms below `cut` times the largest."""
    if mean <= 0:
        return 0, [1.0]
    mode = int(mean)
    top = math.exp(mode * math.log(mean) - mean - math.lgamma(mode + 1))
    cut *= top
    down, p, j = [], top, mode
    while j > 0 and p > cut:
        p *= j / mean
        j -= 1
        down.append(p)
    up, p, n = [top], top, mode
    while p > cut:
        n += 1
        p *= mean / n
        up.append(p)
    return j, down[::-1] + up


def _inner_roots(c: int, rho: float) -> list[complex]:
    """Roots of z = w exp(rho (z - 1)) in the unit disc; w: c-th roots of unity except 1, one per conjugate pair."""
    order = sorted(range(1, c // 2 + 1), key=lambda k: int(f"{k:010b}"[::-1], 2))  # spread: keeps the products small
    roots = []
    for k in order:
        w = cmath.exp(2j * cmath.pi * k / c)
        z = w * math.exp(-rho)
        for _ in range(100):
            value = w * cmath.exp(rho * (z - 1))
            step = (z - value) / (1 - rho * value)
            z -= step
            if abs(step) < 1e-15:
                break
        roots.append(z)
    return roots


def _descending(c: int, rho: float) -> list[float]:
    """Coefficients of (1 - y) prod(1 - z_k y): one minus the law of the walk's descents."""
    poly = [1.0]
    for z in _inner_roots(c, rho):
        alone = abs(z.imag) < 1e-14  # the root at w = -1 has no conjugate
        poly = _product(poly, [1.0, -z.real] if alone else [1.0, -2 * z.real, abs(z) ** 2])
    return _product(poly, [1.0, -1.0])


def _product(a: list[float], b: list[float]) -> list[float]:
    """Coefficients of the product of two polynomials."""
    result = [0.0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return result


def _ladder(c: int, load: float) -> list[float]:
    """Law of the ladder heights 0, 1, 2, ... of the walk (weak ascents); sums to less than 1."""
    first, arrivals = poisson_law(load, _NEGLIGIBLE)
    last = first + len(arrivals) - 1
    if last < c:
        return [0.0]
    descents = [-d for d in _descending(c, load / c)[1:]]
    visits = [1.0]
    for m in range(1, last - c + 1):
        visits.append(sum(map(mul, descents, visits[m - 1 :: -1])))
    steps = [0.0] * (first - c) + arrivals[max(c - first, 0) :]  # arrivals - c, from 0 up
    return [sum(map(mul, visits, steps[j:])) for j in range(len(steps))]


def decay(rho: float) -> float:
    """The root z > 1 of z = exp(rho (z - 1)). In a long queue, one more waiting request is 1/z times as likely."""
    z = 1 + 2 * (1 - rho) / rho - math.log(rho)  # above the root of a convex function: Newton descends
    for _ in range(100):
        step = (rho * (z - 1) - math.log(z)) / (rho - 1 / z)
        z -= step
        if abs(step) < 1e-15 * z:
            break
    return z


@lru_cache(maxsize=16384)  # larger than the chunk of a sweep, because each quantile asks again
def backlog(servers: float, rho: float) -> Backlog | None:
    """Stationary law of the queue of M/D/c. None outside 0 < rho < 1 or 1 <= servers <= MAX_SERVERS, whole.

    Franx (2001) gives waits from the same law; the positive recursion is the geometric ladder-height sum of the
    Wiener-Hopf factorisation (Asmussen 2003, chapter VIII).
    """
    if not (0 < rho < 1 and 1 <= servers <= MAX_SERVERS and servers == int(servers)):
        return None
    c = int(servers)
    load = rho * c
    heights = _ladder(c, load)
    above = [*accumulate(reversed(heights), initial=0.0)][-2::-1]  # above[m] = P(height > m)
    again = 1 / (1 - heights[0])
    climbs = heights[1:]
    ratio = decay(rho)
    beyond = [above[0] * again]
    steady = 0
    while steady < c + 3 and beyond[-1] > _NEGLIGIBLE:
        m = len(beyond)
        tail = above[m] if m < len(above) else 0.0
        beyond.append((tail + sum(map(mul, climbs, beyond[m - 1 :: -1]))) * again)
        steady = steady + 1 if abs(beyond[m] * ratio - beyond[m - 1]) < _SETTLED * beyond[m - 1] else 0
    scale = beyond[-1] * ratio ** len(beyond)
    rest = beyond[-1] / (ratio - 1)
    beyond_sum = [*accumulate(reversed(beyond), initial=rest)][:0:-1]
    return Backlog(load, c, beyond, beyond_sum, scale, ratio)


def survival(queue: Backlog, x: float) -> tuple[float, float]:
    """P(wait > x) and the density of the wait at x; x >= 0 in service times (Franx 2001)."""
    cell = math.floor(x) + 1
    places = cell * queue.servers
    first, weights = poisson_law(queue.load * (cell - x), 1e-18)
    over = queue.falling_over(places - first - 1, len(weights) + 1)  # the last, of one arrival more, has no weight
    tail, density = sum(map(mul, weights, over)), sum(map(mul, weights, map(sub, over[1:], over)))
    return tail, queue.load * density


@lru_cache(maxsize=1024)
def wait_at_all(queue: Backlog) -> float:
    """P(wait > 0): every quantile of a queue begins with it."""
    return survival(queue, 0.0)[0]


def excess_after(queue: Backlog, n: int, part: float) -> float:
    """Expected number beyond n of those waiting and those that arrive in `part` of a service time."""
    first, weights = poisson_law(queue.load * part, 1e-18)
    return sum(map(mul, weights, queue.falling_excess(n - first, len(weights))))


def mean_beyond(queue: Backlog, x: float) -> float:
    """Integral of P(wait > y) over y > x, in service times: the mean wait at x = 0."""
    if x < 0:
        return queue.excess(0) / queue.load - x
    cell = math.floor(x) + 1
    return excess_after(queue, cell * queue.servers, cell - x) / queue.load


def solve_quantile(
    tail_and_density: Callable[[float], tuple[float, float]], level: float, low: float, high: float, start: float
) -> float:
    """Solution x in [low, high] of tail(x) = level, by Newton's method on the logarithm of the tail or by bisection."""
    x, error = start, math.inf
    for _ in range(200):
        tail, density = tail_and_density(x)
        low, high = (x, high) if tail > level else (low, x)
        before, error = error, abs(math.log(tail / level)) if tail > 0 else math.inf
        step = tail * math.log(tail / level) / density if tail > 0 and density > 0 else math.inf
        newton = low < x + step < high and (error < before / 2 or error < 1e-9)
        if (error < 1e-6 and abs(step) <= 1e-10 * x) or high - low <= 1e-12 * high:
            return x + step if low <= x + step <= high else x
        x = x + step if newton else low + (high - low) / 2
    return x


def wait_tail(x: float, servers: float, rho: float) -> float:
    """P(wait > x service times)."""
    if rho <= 0 or x < 0:
        return 1.0 if x < 0 else 0.0
    if rho >= 1:
        return 1.0
    if servers > MAX_SERVERS:
        return wait_tail(x * servers / MAX_SERVERS, MAX_SERVERS, rho)
    queue = backlog(servers, rho)
    return survival(queue, x)[0] if queue else math.nan


def wait_in_service_times(probability: float, servers: float, rho: float) -> float:
    """Quantile of the wait in service times."""
    if rho >= 1 or probability == 1:
        return math.inf
    if servers > MAX_SERVERS:
        return wait_in_service_times(probability, MAX_SERVERS, rho) * MAX_SERVERS / servers
    queue = backlog(servers, rho)
    if queue is None or not 0 <= probability < 1:
        return 0.0 if rho == 0 else math.nan
    level = 1 - probability
    c = queue.servers
    if wait_at_all(queue) <= level:
        return 0.0
    settled = len(queue.beyond) // c + 1
    if queue.over(settled * c - 1) >= level:  # beyond the last cell in which the tail is not yet exponential
        return math.log(queue.scale / level) / (c * math.log(queue.decay))
    low, high = 0, settled  # cells; P(wait > k) = P(at least k c wait)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if queue.over(middle * c - 1) > level else (low, middle)
    upper, lower = queue.over(low * c - 1) if low else wait_at_all(queue), queue.over(high * c - 1)
    start = low + math.log(upper / level) / math.log(upper / lower)
    return solve_quantile(lambda x: survival(queue, x), level, low, high, start)


def mean_in_service_times(servers: float, rho: float) -> float:
    """Mean wait in service times, by Little's law from the mean number waiting."""
    if rho >= 1:
        return math.inf
    if rho == 0:
        return 0.0
    if servers > MAX_SERVERS:
        return mean_in_service_times(MAX_SERVERS, rho) * MAX_SERVERS / servers
    queue = backlog(servers, rho)
    return queue.excess(0) / queue.load if queue else math.nan
