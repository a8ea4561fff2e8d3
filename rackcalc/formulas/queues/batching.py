"""Batching: greedy batches, batches that wait for a timeout, and continuous batching."""

import math

from rackcalc.formulas.queues.mdc_backlog import Backlog, backlog, excess_after, poisson_law, solve_quantile
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, TOKEN, Count, Ratio, RequestsPerSecond, Seconds, Tokens

# A greedy server takes up to B waiting requests and needs the same time D for any number of them. The requests that it
# leaves behind at each start have the law of the queue of M/D/c with c = B, so the exact M/D/c backlog applies here.


def _busy(queue: Backlog) -> float:
    """Share of time of work. After a service that leaves nobody, the server pauses for 1/load service times."""
    empty = (1 - queue.over(0)) * math.exp(-queue.load)
    return 1 / (1 + empty / queue.load)


def _batches_ahead(queue: Backlog, batches: int, part: float) -> float:
    """Integral over the first `part` of a service of P(at least this many full batches are waiting)."""
    if batches <= 0:
        return part
    n = batches * queue.servers
    return (excess_after(queue, n, part) - queue.excess(n)) / queue.load


def _greedy_tail(queue: Backlog, x: float) -> float:
    """P(wait > x service times). The wait is the rest of the running service and one service per full batch ahead."""
    whole = math.floor(x)
    late = 1 - (x - whole)  # arrivals in the first `late` of a service need one full batch less to exceed x
    more = _batches_ahead(queue, whole + 1, 1.0) - _batches_ahead(queue, whole + 1, late)
    return _busy(queue) * (_batches_ahead(queue, whole, late) + more)


def _greedy_mean(batch: float, rho: float) -> float:
    """Mean wait in service times."""
    if rho >= 1:
        return math.inf
    queue = backlog(batch, rho)
    if queue is None:
        return 0.0 if rho == 0 else math.nan
    ahead, batches = 0.0, 1
    while (term := _batches_ahead(queue, batches, 1.0)) > 1e-14 * (1 + ahead):
        ahead += term
        batches += 1
    return _busy(queue) * (0.5 + ahead)


def _greedy_quantile(probability: float, batch: float, rho: float) -> float:
    """Quantile of the wait in service times."""
    if rho >= 1 or probability == 1:
        return math.inf
    queue = backlog(batch, rho)
    if queue is None or not 0 <= probability < 1:
        return 0.0 if rho == 0 else math.nan
    level = 1 - probability
    if _busy(queue) <= level:
        return 0.0
    high = 1.0
    while _greedy_tail(queue, high) > level:
        high *= 2
    low = 0.0 if high == 1.0 else high / 2
    return solve_quantile(lambda x: (_greedy_tail(queue, x), 0.0), level, low, high, (low + high) / 2)


def _collected(batch: float, expected: float) -> tuple[float, float]:
    """Mean size of a batch that closes when full or at its timeout, and the summed waits, in mean gaps.

    expected: arrivals expected within the timeout.
    """
    first, weights = poisson_law(expected, 1e-18)
    size, waits, over = 1.0, 0.0, 1.0
    for j in range(int(batch) - 1):  # over = P(more than j arrive in time)
        over -= weights[j - first] if 0 <= j - first < len(weights) else 0.0
        size += max(over, 0.0)
        waits += (1 + j) * max(over, 0.0)
    return size, waits


def _collect_wait(batch: float, expected: float) -> float:
    """Mean wait as a multiple of the timeout."""
    if not (batch >= 1 and batch == int(batch) and expected >= 0):
        return math.nan
    if expected == 0:
        return 0.0 if batch == 1 else 1.0
    size, waits = _collected(batch, expected)
    return waits / size / expected


def _collect_size(batch: float, expected: float) -> float:
    """Mean size of a batch."""
    if not (batch >= 1 and batch == int(batch) and expected >= 0):
        return math.nan
    return _collected(batch, expected)[0]


def _slots_mean(fixed: float, growth: float, slots: float) -> float:
    """Mean time in the system over that of a request alone.

    A birth-death process whose rates have the ratio (fixed + growth n) / n, for n up to slots.
    """
    if not (slots >= 1 and slots == int(slots)):
        return math.nan
    alone = fixed + growth
    last = (fixed + growth * slots) / slots
    if last >= 1:
        return math.inf
    if alone == 0:
        return 1.0
    weight, total, number = 1.0, 1.0, 0.0
    for n in range(1, int(slots) + 1):
        weight *= (fixed + growth * n) / n
        total += weight
        number += n * weight
        if weight > 1e200:
            weight, total, number = weight / 1e200, total / 1e200, number / 1e200
    beyond = weight * last / (1 - last)
    return (number + beyond * (slots + 1 / (1 - last))) / (total + beyond) / alone


@formula(cite="M. L. Chaudhry, J. G. C. Templeton, A First Course in Bulk Queues (1983): bulk service")
def greedy_batch_wait_mean(service_time: Seconds, batch: Count, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait at one server that takes all waiting requests, at most `batch`, and needs service_time for any number.

    Exact for Poisson arrivals. If the time grows with the batch, the time of a full batch is the safe choice.

    The example is M/D/1.

    >>> round(greedy_batch_wait_mean(service_time=1.0, batch=1, arrival_rate=0.8), 9)
    2.0
    """
    rho = xp.pure(arrival_rate * service_time / REQUEST / batch)
    return xp.vectorized(_greedy_mean)(xp.pure(batch), rho) * service_time


@formula(cite="M. L. Chaudhry, J. G. C. Templeton, A First Course in Bulk Queues (1983): bulk service")
def greedy_batch_wait_quantile(
    probability: Ratio, service_time: Seconds, batch: Count, arrival_rate: RequestsPerSecond
) -> Seconds:
    """Wait that the given share of requests stays within at a greedy batch server (see greedy_batch_wait_mean). Exact.

    The example is M/D/1.

    >>> round(greedy_batch_wait_quantile(probability=0.99, service_time=1.0, batch=1, arrival_rate=0.8), 4)
    10.3559
    """
    rho = xp.pure(arrival_rate * service_time / REQUEST / batch)
    return xp.vectorized(_greedy_quantile)(xp.pure(probability), xp.pure(batch), rho) * service_time


@formula(cite="S. M. Ross, Stochastic Processes (1996): a Poisson process stopped when full or at the timeout")
def timeout_batch_size(timeout: Seconds, batch: Count, arrival_rate: RequestsPerSecond) -> Count:
    """Mean size of batches that close when full, or `timeout` after their first request. Exact.

    >>> timeout_batch_size(timeout=0.0, batch=8, arrival_rate=6.0)
    1.0
    """
    return xp.vectorized(_collect_size)(xp.pure(batch), xp.pure(arrival_rate * timeout / REQUEST))


@formula(cite="S. M. Ross, Stochastic Processes (1996): a Poisson process stopped when full or at the timeout")
def timeout_batch_wait_mean(timeout: Seconds, batch: Count, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait for the batch to close, when full or `timeout` after its first request; never above the timeout. Exact.

    The wait for a free server is extra. In the example, the second of two requests closes the batch, so the first waits
    for one gap.

    >>> round(timeout_batch_wait_mean(timeout=1e3, batch=2, arrival_rate=1.0), 9)
    0.5
    """
    return xp.vectorized(_collect_wait)(xp.pure(batch), xp.pure(arrival_rate * timeout / REQUEST)) * timeout


@formula(cite="L. Kleinrock, Queueing Systems I (1975), chapter 3: birth-death; batching as in Orca (OSDI 2022)")
def continuous_batch_sojourn_mean(
    arrival_rate: RequestsPerSecond, output: Tokens, step_fixed: Seconds, step_per_sequence: Seconds, slots: Count
) -> Seconds:
    """Mean time from arrival to last token with continuous batching: n sequences share steps of fixed + n per_sequence.

    At most `slots` requests run and the others wait. Output lengths are exponential; when nobody waits, any law of
    lengths gives the same result (M/M/n form). It is a mean only; quantiles need a simulation. The example is M/M/1.

    >>> round(continuous_batch_sojourn_mean(arrival_rate=0.8, output=100.0, step_fixed=0.01, step_per_sequence=0.0,
    ...                                     slots=1), 9)
    5.0
    """
    offered = xp.pure(arrival_rate * output * step_fixed / (REQUEST * TOKEN))
    growth = xp.pure(arrival_rate * output * step_per_sequence / (REQUEST * TOKEN))
    alone = output / TOKEN * (step_fixed + step_per_sequence)
    return xp.vectorized(_slots_mean)(offered, growth, xp.pure(slots)) * alone
