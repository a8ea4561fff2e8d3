"""Latencies of engines that prefill and engines that decode while requests arrive at random, as means and percentiles.

The law is in formulas/queues/engine_pools.py. Every formula here takes the same description of the engines and their
load: that of pool_point.py. What only concerns decoding is in engine_load.py.
"""

from functools import cache, lru_cache
from typing import Annotated, Any

from rackcalc.formulas.serving.engine_point import engine_of
from rackcalc.formulas.serving.percentiles_and_limits import LIMITS as LIMITS_OF_ENGINES
from rackcalc.formulas.serving.percentiles_and_limits import SHARE, at_level, limit_of
from rackcalc.formulas.serving.pool_point import (
    ALONE,  # noqa: F401  # the engines of the examples
    PLACES,
    UNITS,
    Pooled,
    kind_of,
    point_of,
    that_decodes,
    that_prefills,
)
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Ratio, RequestsPerSecond, Seconds

LAW = (
    "form of our own, judged by simulations of every step (tests/test_pools_under_load.py), of what others describe: "
    "Y. Zhong et al., DistServe, arXiv:2401.09670: prompts on their own GPUs; H. Takagi, Queueing Analysis 1 (1991): "
    "gated service; S. Suresh, W. Whitt, The heavy-traffic bottleneck phenomenon in open queueing networks, Operations "
    "Research Letters 9 (1990) 355-362: bursts come through a queue with little load"
)
LIMITS = {name: unit for name, unit in LIMITS_OF_ENGINES.items() if unit == "s"}  # tokens are those of one pool alone
Limited = Annotated[Any, UNITS | LIMITS]


def _law(*point: Any) -> Any:
    """Both pools under this load, of points of one kind; None where a number is missing."""
    from rackcalc.formulas.queues import engine_pools
    from rackcalc.formulas.queues.continuous_batching import under_load

    if not xp.every(kind_of(point) >= 0):
        return None
    first, then = that_prefills(point), that_decodes(point)
    (prefills, prompts, _), (decodes, one, outputs) = engine_of(first), engine_of(then)
    latency, sending, pieces, held = (point[PLACES[name]] for name in ("latency", "sending", "pieces", "held"))
    sent = engine_pools.Sending(latency=latency, time=sending, pieces=pieces, held=held)
    prefill_gap_scv, balanced = (point[PLACES[f"prefill_{name}"]] for name in ("gap_scv", "balanced"))
    before = engine_pools.prompted(prefills, prompts, sent, first[0], prefill_gap_scv, balanced)
    gap_scv, evenness = point[PLACES["gap_scv"]], point[PLACES["evenness"]]
    return engine_pools.one_after_the_other(before, under_load(decodes, one, outputs, then[0], gap_scv, evenness))


_law_once = lru_cache(maxsize=1 << 8)(_law)


def _read(found: Any, what: Any, point: Any) -> Any:
    """One of the values of the law. what: the name of a mean, or a time with a level, or with SHARE and a limit."""
    if what == "capacity":
        from rackcalc.formulas.queues.continuous_batching import capacity_of

        valid = xp.every(kind_of(point) >= 0)
        return capacity_of(*engine_of(that_prefills(point))) * point[PLACES["prefill_engines"]] if valid else xp.nan
    if found is None:
        return xp.nan
    if what == "wait":
        return xp.where(found.over, xp.inf, found.wait)
    if not isinstance(what, tuple):
        return found.mean(what)
    name, asked = what
    return found.share_within(name, point[len(PLACES)]) if asked is SHARE else found.quantile(name, asked)


@lru_cache(maxsize=1 << 14)
def _once(what: Any, *point: float) -> float:
    """A value at one point."""
    return float(_read(None if what == "capacity" else _law_once(*point[: len(PLACES)]), what, point))


@cache
def _grids() -> Any:
    from rackcalc.formulas.serving.engine_grids import Grids

    return Grids(_law, _read, kind_of, per_rate=(), columns=len(PLACES))


def _at_point(what: Any, point: list[Any]) -> Any:
    """A value at a point, or on arrays."""
    if any(hasattr(value, "shape") for value in point):
        return _grids()(what, point)
    return _once(what, *map(float, point))


def _within(time: str, probability: Any, pools: dict[str, Any]) -> Any:
    point = point_of(pools)
    return at_level(time, probability, lambda what: _at_point(what, point))


@formula(cite=LAW)
def prefill_capacity(**pools: Pooled) -> RequestsPerSecond:
    """Requests per second whose prompts the engines can compute, and send.

    In the example 30 ms each, and steps of 10 ms for 2,048 tokens of prompts of 1,000.

    >>> round(prefill_capacity(**ALONE), 4)
    28.6674
    """
    return _at_point("capacity", point_of({"rate": 1e-9 * REQUEST / SECOND} | pools)) * REQUEST / SECOND


@formula(cite=LAW)
def mean_wait(**pools: Pooled) -> Seconds:
    """Mean wait: for prompts of others, and for a seat in an engine that decodes.

    >>> round(mean_wait(**ALONE), 4)
    0.0
    """
    return _at_point("wait", point_of(pools)) * SECOND


@formula(cite=LAW, error=0.18)  # as of engines that do both: nothing is known of pools
def first_token_mean(**pools: Pooled) -> Seconds:
    """Mean time to first token: prompts ahead, the own prompt, what is left of sending its KV cache, and a decode step.

    >>> round(first_token_mean(**ALONE), 4)
    0.05
    """
    return _at_point("ttft", point_of(pools)) * SECOND


@formula(cite=LAW, error=0.18)  # as of engines that do both: nothing is known of pools
def first_token_within(probability: Ratio, **pools: Pooled) -> Seconds:
    """Time to first token that the given share of requests stays within.

    >>> round(first_token_within(probability=0.5, **ALONE), 4)
    0.05
    """
    return _within("ttft", probability, pools) * SECOND


@formula(cite=LAW)
def request_time_mean(**pools: Pooled) -> Seconds:
    """Mean time of a whole request. In the example 50 ms to the first token, and 100 steps of 10 ms.

    >>> round(request_time_mean(**ALONE), 4)
    1.05
    """
    return _at_point("time", point_of(pools)) * SECOND


@formula(cite=LAW)
def request_time_within(probability: Ratio, **pools: Pooled) -> Seconds:
    """Time of a whole request that the given share of requests stays within.

    >>> round(request_time_within(probability=0.5, **ALONE), 4)
    1.05
    """
    return _within("time", probability, pools) * SECOND


@formula(cite=LAW)
def rate_within(most: RequestsPerSecond, before: Seconds, **pools: Limited) -> RequestsPerSecond:
    """Largest arrival rate, up to `most`, at which all limits hold; 0 where no rate meets them.

    before: time before an engine takes a request up. limit_ttft_p99 and so on: what that share of first tokens (ttft)
    or of whole requests (time) must stay within. In the example a request alone takes longer than the limit.

    >>> rate_within(most=20.0, before=0.0, limit_time_p99=1.0, **ALONE)
    0.0
    """
    from rackcalc.formulas.queues.largest_rate import largest_rate

    limits = [limit_of(name, pools[name], before) for name in LIMITS if name in pools]
    highest, *point = point_of(pools | {"rate": most})

    def margin(rate: Any) -> Any:
        """The smallest of the limits over their times."""
        return xp.lowest([xp.divide(most, _at_point(what, [rate, *point]) + early) for what, most, early in limits])

    return largest_rate(margin, highest) * REQUEST / SECOND


def _share(name: str, limit: Any, before: Any, pools: dict[str, Any]) -> Any:
    return _at_point((name, SHARE), [*point_of(pools), xp.pure((limit - before) / SECOND)])


@formula(cite=LAW)
def share_by_first_token(limit: Seconds, before: Seconds, **pools: Pooled) -> Ratio:
    """Share of requests whose first token comes within a limit. before: time before an engine takes a request up.

    >>> round(share_by_first_token(limit=0.06, before=0.005, **ALONE), 4)
    1.0
    """
    return _share("ttft", limit, before, pools)


@formula(cite=LAW)
def share_by_request_time(limit: Seconds, before: Seconds, **pools: Pooled) -> Ratio:
    """Share of requests that take no longer than a limit. before: time before an engine takes a request up.

    >>> round(share_by_request_time(limit=1.0, before=0.005, **ALONE), 4)
    0.0
    """
    return _share("time", limit, before, pools)
