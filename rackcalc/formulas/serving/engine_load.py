"""Latencies of a serving engine with continuous batching while requests arrive at random, as means and percentiles.

The law is in formulas/queues/continuous_batching.py: how many requests decode at a time follows from the times of the
steps alone, whatever the lengths; prompts take their share of the steps, chunk by chunk; those that find no seat wait.
Every formula here takes the same description of the engine and its load: that of engine_point.py.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Annotated, Any

from rackcalc.formulas.serving.day_profile import HOURS
from rackcalc.formulas.serving.engine_point import (
    ALONE,  # noqa: F401  # the engine of the examples
    PLACES,
    QUIET,
    STEPS,
    UNITS,
    Loaded,
    engine_of,
    hours_of,
    in_hours_of,
    kind_of,
    point_of,
)
from rackcalc.formulas.serving.percentiles_and_limits import LIMITS, PER_TOKEN, SHARE, What, at_level, limit_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    TOKEN,
    Bytes,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
)

LAW = (
    "F. P. Kelly, Reversibility and Stochastic Networks (1979): shared stations; A. Agrawal et al., Sarathi-Serve, "
    "arXiv:2403.02310: prompts in the steps; simulations of every step agree (tests/test_continuous_batching.py)"
)
PREEMPTION = (
    "W. Kwon et al., arXiv:2309.06180, section 4.5: recomputation; J. Bertoin, Levy Processes (1996), chapters III and "
    "VII: the most that a process without jumps upward rises; simulations agree (tests/test_preemption.py)"
)
ROUNDING = 1e-9  # a smaller share of requests counts as none
Limited = Annotated[Any, UNITS | LIMITS]
FORGOTTEN = 1e-12  # s; a shorter mean wait for a seat counts as none
PREEMPTED = "preempted"


def _law(*point: Any) -> Any:
    """The engine under this load, of points of one kind, or its Day; None where a number is missing."""
    from rackcalc.formulas.queues.day_of_hours import day_of

    if not xp.every(kind_of(point) >= 0):
        return None
    hours = hours_of(point)
    if not hours:
        return _steady(point)
    return day_of(_steady(in_hours_of(point, hours)), [share for _, share in hours])


def _steady(point: Any) -> Any:
    from rackcalc.formulas.queues.continuous_batching import under_load

    rate, gap_scv, evenness = (point[PLACES[name]] for name in ("rate", "gap_scv", "evenness"))
    engine, prompts, outputs = engine_of(point)
    return under_load(engine, prompts, outputs, rate, gap_scv, evenness)


_law_once = lru_cache(maxsize=1 << 8)(_law)


def _read(found: Any, what: Any, point: Any) -> Any:
    """One of the values of the law.

    what: the name of a mean; or of a time with a level, for what that share of requests stays within, near to what
    comes last in a longer point; or of a time with SHARE, for the share of requests that stays within a limit, which
    comes last in the point.
    """
    from rackcalc.formulas.queues.continuous_batching import capacity_of

    if what == "capacity":
        return capacity_of(*engine_of(point)) if xp.every(kind_of(point) >= 0) else xp.nan
    if found is None:
        return xp.nan
    if hasattr(found, "hours"):
        if what in ("decoding", "working"):
            return found.mean(_read(found.hours, what, in_hours_of(point, hours_of(point))))
        if what == PREEMPTED and found.all.over is not True:
            in_hours = _read(found.hours, what, in_hours_of(point, hours_of(point)))
            return found.mean(in_hours * found.hours.rate) / found.all.rate
        found = found.all
    rate, seats, base, work = point[:4]
    if what == PREEMPTED:
        return _preempted(found, point)
    if what == "wait":
        return xp.where(found.over, xp.inf, xp.where(found.wait > FORGOTTEN, found.wait, 0.0))
    if what == "decoding":
        return xp.where(found.over, xp.maximum(xp.floor(seats), 1.0), found.decoding)
    if what == "working":
        if found.over is True:
            return 1.0
        idle = xp.maximum(found.shares[0], 0.0)
        working = xp.minimum(1 - idle + idle * xp.minimum(rate * (base + work), 1.0), 1.0)
        return xp.where(found.over, 1.0, working)
    name, asked = what if isinstance(what, tuple) else (what, None)
    alone = None  # of requests of one token, the time of a step in place of a time between tokens
    if name in PER_TOKEN and xp.every(point[PLACES["output"]] <= 1):
        alone = point[PLACES[f"step_{STEPS - 1}"]]
    if asked is None:
        return found.mean(name) if alone is None else xp.where(found.over, xp.inf, alone)
    if asked is SHARE:
        limit = point[len(PLACES)]
        return found.share_within(name, limit) if alone is None else xp.where(alone <= limit, 1.0, 0.0)
    if alone is not None:
        return alone
    return found.quantile(name, asked, point[len(PLACES)] if len(point) > len(PLACES) else None)


def growth_of(point: Any, prompt: Any, answer: Any) -> Any:
    """How the KV cache of an engine fills. prompt, answer: mean lengths, in the tokens that the cache is counted in."""
    from rackcalc.formulas.queues.kv_preemption import growth
    from rackcalc.formulas.queues.length_distributions import scaled

    _, prompts, outputs = engine_of(point)
    return growth(scaled(prompts, prompt / prompts.mean), scaled(outputs, answer / outputs.mean))


def cache_in_tokens(room: Any, prompt_cache: Any, whole_cache: Any, answer: Any, limit: Any, seats: Any) -> list[Any]:
    """Room, prompt and answer in tokens of as much cache as one of an answer takes, and 1 where the cache binds seats.

    The prompt is infinite where answers take no cache.
    """
    answer = xp.pure(answer / TOKEN)
    prompt = xp.divide(answer, xp.maximum(xp.pure(whole_cache / prompt_cache) - 1, 0.0))
    by_room = xp.where(xp.pure(seats) < xp.pure(limit), 1.0, 0.0)
    return [xp.pure(room / prompt_cache) * prompt, prompt, answer, by_room]


def _preempted(found: Any, point: Any) -> Any:
    from rackcalc.formulas.queues import kv_preemption

    room, prompt, answer, by_room = point[len(PLACES) :]
    growth = growth_of(point, prompt, answer)
    seats = xp.maximum(xp.floor(point[PLACES["seats"]]), 1.0)
    late = kv_preemption.put_back_late(growth, room, seats, by_room)
    if found.over is True:
        return late
    usual = kv_preemption.put_back_at_once(growth, room, found.numbers, found.shares, seats, late)
    return xp.where(found.over, late, (1 - found.waits) * usual + found.waits * late)


@lru_cache(maxsize=1 << 14)
def _once(what: Any, *point: float) -> float:
    """A value at one point."""
    if what == "capacity":
        return float(_read(None, what, point))
    engine = point[: len(PLACES)]
    if not hours_of(point):
        return float(_read(_law_once(*engine), what, point))
    from rackcalc.formulas.serving.hours_in_lanes import one_value

    return one_value(lambda: _read(_law_once(*engine), what, point))


@cache
def _grids() -> Any:
    from rackcalc.formulas.serving.engine_grids import Grids

    return Grids(_law, _read, kind_of, per_rate=("decoding", "working"), columns=len(PLACES))


def _value(what: Any, engine: dict[str, Any]) -> Any:
    point = point_of(engine)
    if what == "capacity":
        point[0] = 1e-9  # whatever the rate
    return _at_point(what, point)


def _at_point(what: Any, point: list[Any]) -> Any:
    """A value at a point, or on arrays."""
    if any(hasattr(value, "shape") for value in point):
        return _grids()(what, point)
    return _once(what, *map(float, point))


def _near(about: Any, what: What, point: list[Any]) -> Any:
    """A time at a point, or on arrays. about: what it may be, from which the search at a point begins."""
    arrays = any(hasattr(value, "shape") for value in (about, *point))
    return _at_point(what, point if arrays else [*point, about])


def _within(time: str, probability: Any, engine: dict[str, Any]) -> Any:
    point = point_of(engine)
    return at_level(time, probability, lambda what: _at_point(what, point))


def takes_long(engine: Mapping[str, Any]) -> bool:
    """Whether the law takes long: passes of prompts apart, lengths that vary, hours that differ, or limits."""
    varied = ("prompt_cv", "output_cv", "hour_0", *LIMITS)
    return engine["chunked"] != 1.0 or any(name in engine for name in varied)


@formula(cite=LAW, draws_together=takes_long)
def engine_capacity(**engine: Loaded) -> RequestsPerSecond:
    """Requests per second through the engine when all seats are taken, whatever the rate.

    In the example 64 requests take 101 steps of 10 ms, and 64 x 30 ms for their prompts.

    >>> round(engine_capacity(**ALONE), 4)
    21.843
    """
    return _value("capacity", {"rate": 1e-9 * REQUEST / SECOND} | engine) * REQUEST / SECOND


@formula(cite=LAW, draws_together=takes_long)
def sequences_decoding(**engine: Loaded) -> Count:
    """Mean number of sequences that decode together.

    >>> round(sequences_decoding(**ALONE), 4)
    0.0
    """
    return _value("decoding", engine)


@formula(cite=LAW, draws_together=takes_long)
def working_share(**engine: Loaded) -> Ratio:
    """Share of the time in which the engine has a request.

    >>> round(working_share(**ALONE), 4)
    0.0
    """
    return _value("working", engine)


@formula(cite=LAW, draws_together=takes_long)
def seat_wait(**engine: Loaded) -> Seconds:
    """Mean wait for a seat, over all requests.

    >>> round(seat_wait(**ALONE), 4)
    0.0
    """
    return _value("wait", engine) * SECOND


@formula(cite=LAW, error=0.18, draws_together=takes_long)  # 22 % on a GPU or model left out, as of closed loops
def first_token_mean(**engine: Loaded) -> Seconds:
    """Mean time to first token: the step under way, prompts ahead, the request's own prompt, and any wait for a seat.

    >>> round(first_token_mean(**ALONE), 4)
    0.04
    """
    return _value("ttft", engine) * SECOND


@formula(cite=LAW, error=0.18, draws_together=takes_long)  # 22 % on a GPU or model left out, as of closed loops
def first_token_within(probability: Ratio, **engine: Loaded) -> Seconds:
    """Time to first token that the given share of requests stays within.

    >>> round(first_token_within(probability=0.5, **ALONE), 4)
    0.04
    """
    return _within("ttft", probability, engine) * SECOND


@formula(cite=LAW, draws_together=takes_long)
def token_time_mean(**engine: Loaded) -> SecondsPerToken:
    """Mean time per output token after the first.

    >>> round(token_time_mean(**ALONE), 4)
    0.01
    """
    return _value("tpot", engine) * SECOND / TOKEN


@formula(cite=LAW, draws_together=takes_long)
def token_time_within(probability: Ratio, **engine: Loaded) -> SecondsPerToken:
    """Time per output token, mean over a request's tokens, that the given share of requests stays within.

    >>> round(token_time_within(probability=0.5, **ALONE), 4)
    0.01
    """
    return _within("tpot", probability, engine) * SECOND / TOKEN


@formula(cite=LAW, draws_together=takes_long)
def token_gap_within(probability: Ratio, **engine: Loaded) -> SecondsPerToken:
    """Time between two tokens that the given share of gaps stays within: steps that hold a prompt are longer.

    >>> round(token_gap_within(probability=0.5, **ALONE), 4)
    0.01
    """
    return _within("itl", probability, engine) * SECOND / TOKEN


@formula(cite=LAW, draws_together=takes_long)
def request_time_mean(**engine: Loaded) -> Seconds:
    """Mean time of a whole request. In the example 40 ms to the first token, and 100 steps of 10 ms.

    >>> round(request_time_mean(**ALONE), 4)
    1.04
    """
    return _value("time", engine) * SECOND


@formula(cite=LAW, draws_together=takes_long)
def request_time_within(probability: Ratio, **engine: Loaded) -> Seconds:
    """Time of a whole request that the given share of requests stays within.

    >>> round(request_time_within(probability=0.5, **ALONE), 4)
    1.04
    """
    return _within("time", probability, engine) * SECOND


@formula(cite="definition: the mean over the time in which the engine works; a step has one sequence at least")
def at_work(decoding: Count, working: Ratio) -> Count:
    """Sequences that decode together while the engine works. decoding: mean over all time.

    >>> at_work(decoding=2.0, working=0.5)
    4.0
    """
    return xp.maximum(xp.divide(decoding, working), 1.0)


@formula(cite="assumption: host work before the engine sees the request; half of the steps it waits is in the law")
def before_engine(request_host: Seconds, looked: Count, step: SecondsPerToken) -> Seconds:
    """Time from a request's arrival until the engine takes it up. looked: steps until the engine looks, mean.

    >>> round(before_engine(request_host=0.03, looked=1.5, step=0.01), 9)
    0.04
    """
    return request_host + xp.maximum(looked - 0.5, 0.0 * looked) * step * TOKEN


@formula(cite=LAW, draws_together=takes_long)
def rate_within(most: RequestsPerSecond, before: Seconds, **engine: Limited) -> RequestsPerSecond:
    """The largest arrival rate, up to `most`, at which all limits hold; 0 where no rate meets them.

    before: time before the engine takes a request up. limit_ttft_p99 and so on: what that share of first tokens (ttft),
    whole requests (time), requests by their mean time per token (tpot) or gaps between tokens (itl) must stay within.
    In the example a request alone takes longer than the limit.

    >>> rate_within(most=20.0, before=0.0, limit_time_p99=1.0, **ALONE)
    0.0
    """
    from rackcalc.formulas.queues.largest_rate import largest_rate

    limits = [limit_of(name, engine[name], before) for name in LIMITS if name in engine]
    highest, *point = point_of(engine | {"rate": most})
    full = _at_point("capacity", [QUIET, *point])

    def margin(rate: Any, rest: Any = point) -> Any:
        """The smallest of the limits over their times."""
        if isinstance(rate, float) and rate >= full:
            return 0.0
        now = [rate, *rest]
        return xp.lowest([xp.divide(most, _near(most, what, now) + early) for what, most, early in limits])

    alone = margin(QUIET * highest, point[:-HOURS] + [xp.nan] * HOURS)
    return largest_rate(margin, highest, alone) * REQUEST / SECOND


@formula(cite=PREEMPTION, draws_together=takes_long)
def preempted_requests(
    room: Bytes, prompt_cache: Bytes, whole_cache: Bytes, answer: Tokens, limit: Count, **engine: Loaded
) -> Ratio:
    """Share of requests that lose their place in the KV cache at least once before they end, and are computed anew.

    room: of the cache. prompt_cache, whole_cache: what a sequence takes of it at its first and at its last token.
    answer: its length. limit: of the engine on sequences that decode together; with fewer seats, the cache binds.

    >>> preempted_requests(room=64e9, prompt_cache=0.5e9, whole_cache=1e9, answer=100.0, limit=64.0, **ALONE)
    0.0
    """
    cache = cache_in_tokens(room, prompt_cache, whole_cache, answer, limit, engine["seats"])
    found = _at_point(PREEMPTED, [*point_of(engine), *cache])
    return xp.where((cache[1] < xp.inf) & ((found > ROUNDING) | (found != found)), found, 0.0)


def _share(name: str, limit: Any, engine: dict[str, Any]) -> Any:
    return _at_point((name, SHARE), [*point_of(engine), xp.pure(limit)])


@formula(cite=LAW, draws_together=takes_long)
def share_by_request_time(limit: Seconds, before: Seconds, **engine: Loaded) -> Ratio:
    """Share of whole requests that stay within a limit. before: time before the engine takes a request up.

    >>> share_by_request_time(limit=2.0, before=0.5, **ALONE)
    1.0
    """
    return _share("time", (limit - before) / SECOND, engine)


@formula(cite=LAW, draws_together=takes_long)
def share_by_first_token(limit: Seconds, before: Seconds, **engine: Loaded) -> Ratio:
    """Share of requests whose first token comes within a limit.

    >>> share_by_first_token(limit=1.0, before=0.5, **ALONE)
    1.0
    """
    return _share("ttft", (limit - before) / SECOND, engine)


@formula(cite=LAW, draws_together=takes_long)
def share_by_token_time(limit: SecondsPerToken, **engine: Loaded) -> Ratio:
    """Share of requests whose mean time per token stays within a limit.

    >>> share_by_token_time(limit=0.02, **ALONE)
    1.0
    """
    return _share("tpot", limit * TOKEN / SECOND, engine)
