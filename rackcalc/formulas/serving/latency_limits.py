"""Load of a serving engine within limits on its latencies, for requests that arrive at random."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, Count, Ratio, RequestsPerSecond, Same, Seconds, SecondsPerToken

POISSON = "definition: requests in service where none waits are a Poisson number, whatever their lengths (Erlang)"


@formula(cite="definition")
def of_limits(ttft: Seconds, most_ttft: Seconds, tpot: SecondsPerToken, most_tpot: SecondsPerToken) -> Ratio:
    """Times over their limits, the larger of both.

    >>> of_limits(ttft=1.0, most_ttft=2.0, tpot=0.03, most_tpot=0.04)
    0.75
    """
    return xp.maximum(xp.pure(ttft / most_ttft), xp.pure(tpot / most_tpot))


@formula(cite="definition")
def of_limit(time: Same, limit: Same) -> Ratio:
    """A time over its limit.

    >>> of_limit(time=1.0, limit=2.0)
    0.5
    """
    return xp.pure(xp.divide(time, limit))


@formula(cite="definition: where one request alone misses the limits, no load meets them")
def rate_if_met(rate: RequestsPerSecond, used: Ratio) -> RequestsPerSecond:
    """The rate, or nothing. used: share of the limits that one request alone takes.

    >>> rate_if_met(rate=2.0, used=0.5), rate_if_met(rate=2.0, used=1.5)
    (2.0, 0.0)
    """
    return xp.where(used <= 1, rate, 0 * rate)


@formula(cite="definition: times as a line over the requests in flight, through two of its points")
def at_limit(alone: Ratio, loaded: Ratio, at: Count, most: Count) -> Count:
    """Requests in flight that bring the times to their limits; between 1 and `most`.

    alone, loaded: share of the limits with one request in flight, and with `at` requests.

    >>> at_limit(alone=0.25, loaded=0.5, at=11.0, most=100.0)
    31.0
    """
    slope = xp.divide(loaded - alone, at - 1)
    rising = slope > 0
    number = 1 + xp.divide(1 - alone, xp.where(rising, slope, 1.0))
    return xp.clip(xp.where(rising, number, most), 1.0, most)


@formula(cite=POISSON)
def usual_number(peak: Count, z: Ratio) -> Count:
    """Mean number of requests in service whose quantile is `peak`. z: normal quantile.

    >>> usual_number(peak=120.0, z=2.0)
    100.0
    """
    return (xp.sqrt(peak + z * z / 4) - z / 2) ** 2


ROUNDS = 8  # of Newton's method on a concave function, from below: it cannot overshoot
LEAST_LOAD = 0.01  # where it starts: fewer than a share `tail` of the prompts wait at all


@formula(
    cite="J. F. C. Kingman, On queues in heavy traffic, J. R. Stat. Soc. B 24 (1962) 383-392: waits are exponential, "
    "of mean service / (2 (1 - load)) where arrivals are random and services alike; a share `load` of all has to wait"
)
def rate_of_prompts(
    work: Seconds, stages: Count, groups: Count, ttft: Seconds, most_ttft: Seconds, tail: Ratio
) -> RequestsPerSecond:
    """Highest rate of one engine at which all but a share `tail` of the prompts get their first token in time.

    work: of a prompt beside others, in all stages of a pipeline of such engines, which starts so many more, or in one
    of the data-parallel groups of an engine. ttft: without a wait. Prompts of seconds bind here, short ones do not. The
    example: 9,400 tokens to Llama 3.1 405B on eight H200, of which MLPerf's servers kept 0.43 a second.

    >>> round(rate_of_prompts(work=1.2, stages=1.0, groups=1.0, ttft=1.25, most_ttft=6.0, tail=0.01), 2)
    0.42
    """
    room = xp.maximum(most_ttft - ttft, 1e-3 * most_ttft)
    mean = xp.pure(work / (stages * groups) / (2 * room))
    load = LEAST_LOAD + 0 * mean
    for _ in range(ROUNDS):
        load = load + (1 - load - mean * xp.log(load / tail)) / (1 + mean / load)
    return xp.minimum(load, 1.0) * groups * REQUEST / work
