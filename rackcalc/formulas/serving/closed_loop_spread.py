"""How far the requests of a closed loop differ in time: percentiles, and shares within a limit, over the mean.

Means of closed loops are those of concurrency.py, which is fitted to measurements; the law of the engine tells how far
requests are from them. Where all requests are alike they can stay in groups that depend on how they started, so nothing
is told of them (nan) but for one alone.
"""

from functools import lru_cache
from typing import Annotated, Any

from rackcalc.formulas.serving.engine_load import LAW, PREEMPTION, ROUNDING, cache_in_tokens, growth_of
from rackcalc.formulas.serving.engine_point import ALONE, ARRIVALS, UNITS, engine_of, kind_of, point_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Bytes, Count, Ratio, Same, Seconds, SecondsPerToken, Tokens

_OPEN = ("rate", *ARRIVALS)
Closed = Annotated[Any, {name: unit for name, unit in UNITS.items() if name not in _OPEN}]

# The engine of the examples: 64 seats, steps of 10 ms, prompts of 30 ms; lengths vary.
ENGINE = {name: value for name, value in ALONE.items() if name not in _OPEN} | {
    "prompt_cv": 0.5,
    "output_cv": 0.5,
}


def _point(engine: dict[str, Any]) -> list[Any]:
    """The engine without units; its rate has no part in a closed loop."""
    return point_of({"rate": 0.0 * REQUEST / SECOND} | engine)


@lru_cache(maxsize=1 << 13)
def _law(clients: float, *point: float) -> Any:
    """The engine with so many requests in flight; None where nothing can be told."""
    from rackcalc.formulas.queues.engine_closed_loop import in_closed_loop

    if not kind_of(point) >= 0:
        return None
    engine, prompts, outputs = engine_of(point)
    number = max(round(clients), 1)
    alike = prompts.scv == 0 and outputs.scv == 0
    if outputs.mean <= 1 or (alike and number > 1):
        return None
    return in_closed_loop(engine, prompts, outputs, number)


@lru_cache(maxsize=1 << 16)
def _spread(time: str, level: float, clients: float, *point: float) -> float:
    found = _law(clients, *point)
    return xp.nan if found is None else float(found.quantile(time, level) / found.mean(time))


def forget() -> None:
    """Give up the laws that are kept, which take 30 kB each: for those who compute thousands of engines one by one."""
    _law.cache_clear()


def _over_mean(time: str, probability: Any, clients: Any, engine: dict[str, Any]) -> Any:
    told = xp.vectorized(lambda *values: _spread(time, *values))
    return told(xp.pure(probability), xp.pure(clients), *_point(engine))


@formula(cite=LAW)
def first_token_spread(probability: Ratio, clients: Count, **engine: Closed) -> Ratio:
    """Time to first token that the given share of requests stays within, over its mean.

    >>> 1 < first_token_spread(probability=0.99, clients=8.0, **ENGINE) < 4
    True
    """
    return _over_mean("ttft", probability, clients, engine)


@formula(cite=LAW)
def token_time_spread(probability: Ratio, clients: Count, **engine: Closed) -> Ratio:
    """Time per token, mean over a request's tokens, that the given share of requests stays within, over its mean.

    >>> 1 < token_time_spread(probability=0.99, clients=8.0, **ENGINE) < 1.5
    True
    """
    return _over_mean("tpot", probability, clients, engine)


@formula(cite=LAW)
def token_gap_spread(probability: Ratio, clients: Count, **engine: Closed) -> Ratio:
    """Time between two tokens that the given share of gaps stays within, over its mean.

    >>> 3 < token_gap_spread(probability=0.99, clients=8.0, **ENGINE) < 8
    True
    """
    return _over_mean("itl", probability, clients, engine)


@formula(cite=LAW)
def request_time_spread(probability: Ratio, clients: Count, **engine: Closed) -> Ratio:
    """Time of a whole request that the given share of requests stays within, over its mean.

    >>> 2 < request_time_spread(probability=0.99, clients=8.0, **ENGINE) < 3
    True
    """
    return _over_mean("time", probability, clients, engine)


@formula(cite="definition: the spread of a law around a measured mean; the host's time before the engine is fixed")
def spread_time(mean: Seconds, host: Seconds, spread: Ratio) -> Seconds:
    """A percentile of a time that begins with fixed work of the host.

    >>> spread_time(mean=1.0, host=0.5, spread=2.0)
    1.5
    """
    return host + xp.maximum(mean - host, 0 * mean) * spread


@formula(cite="definition: the spread of a law around a measured mean")
def spread_per_token(mean: SecondsPerToken, spread: Ratio) -> SecondsPerToken:
    """A percentile of a time per token.

    >>> spread_per_token(mean=0.5, spread=2.0)
    1.0
    """
    return mean * spread


@formula(cite="definition: requests that follow one another alone, all alike, take the same time")
def if_alone(time: Same, clients: Count) -> Same:
    """The time of every request where there is one at a time, else nothing.

    >>> if_alone(time=2.0, clients=1.0)
    2.0
    """
    return xp.where(clients <= 1, time, xp.nan * time)


def _share(time: str, limit: Any, clients: Any, engine: dict[str, Any]) -> Any:
    def one(most: float, number: float, *point: float) -> float:
        found = _law(number, *point)
        return xp.nan if found is None else float(found.share_within(time, most * found.mean(time)))

    return xp.vectorized(one)(xp.pure(limit), xp.pure(clients), *_point(engine))


@formula(cite=LAW)
def request_share(limit: Seconds, mean: Seconds, host: Seconds, clients: Count, **engine: Closed) -> Ratio:
    """Share of whole requests within a limit. mean: of their time. host: of it, the fixed work of the host.

    >>> request_share(limit=9.0, mean=1.0, host=0.0, clients=8.0, **ENGINE) > 0.999
    True
    """
    return _share("time", xp.divide(limit - host, mean - host), clients, engine)


@formula(cite=LAW)
def first_token_share(limit: Seconds, mean: Seconds, host: Seconds, clients: Count, **engine: Closed) -> Ratio:
    """Share of requests whose first token comes within a limit. mean: of that time. host: of it, that of the host.

    >>> first_token_share(limit=9.0, mean=1.0, host=0.0, clients=8.0, **ENGINE) > 0.999
    True
    """
    return _share("ttft", xp.divide(limit - host, mean - host), clients, engine)


@formula(cite=LAW)
def token_time_share(limit: SecondsPerToken, mean: SecondsPerToken, clients: Count, **engine: Closed) -> Ratio:
    """Share of requests whose mean time per token stays within a limit. mean: of all.

    >>> token_time_share(limit=9.0, mean=1.0, clients=8.0, **ENGINE)
    1.0
    """
    return _share("tpot", xp.divide(limit, mean), clients, engine)


@lru_cache(maxsize=1 << 13)
def _preempted(
    clients: float, seats: float, room: float, prompt: float, answer: float, by_room: float, *point: float
) -> float:
    from rackcalc.formulas.queues.kv_preemption import put_back_among

    if not kind_of(point) >= 0:
        return xp.nan
    if prompt == xp.inf:
        return 0.0
    growth = growth_of(point, prompt, answer)
    if clients > seats and by_room > 0:
        return float(growth.waited)
    found = put_back_among(growth, room, max(min(clients, seats) - 1, 0.0))
    return float(found) if found > ROUNDING else 0.0


@formula(cite=PREEMPTION)
def preempted_in_loop(
    clients: Count, room: Bytes, prompt_cache: Bytes, whole_cache: Bytes, answer: Tokens, limit: Count, **engine: Closed
) -> Ratio:
    """Share of requests that lose their place in the KV cache at least once before they end, and are computed anew.

    room, prompt_cache, whole_cache, answer, limit: as of preempted_requests. In the example one is alone.

    >>> preempted_in_loop(
    ...     clients=1.0, room=64e9, prompt_cache=0.5e9, whole_cache=1e9, answer=100.0, limit=64.0, **ENGINE
    ... )
    0.0
    """
    cache = cache_in_tokens(room, prompt_cache, whole_cache, answer, limit, engine["seats"])
    told = xp.vectorized(_preempted)
    return told(xp.pure(clients), xp.floor(xp.pure(engine["seats"])), *cache, *_point(engine))
