"""Latencies of a serving engine with continuous batching while requests arrive at random, as means and percentiles.

The law is in formulas/queues/continuous_batching.py: how many requests decode at a time follows from the times of the
steps alone, whatever the lengths; prompts take their share of the steps, chunk by chunk; those that find no seat wait.
Every formula here takes the same description of the engine and its load, ENGINE: it is written down once.
"""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import pairwise
from typing import Annotated, Any

from rackcalc.formulas.serving.day_profile import HOURS
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
STEPS = 6  # numbers of sequences at which the time of a step is known
STRATA = 12  # of the lengths in a trace (length_distributions.EDGES)
ROUNDING = 1e-9  # a smaller share of requests counts as none
FORGOTTEN = 1e-12  # s; a shorter mean wait for a seat counts as none
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
TIMES = ("ttft", "tpot", "itl", "time")

# rate: requests that arrive per second, in the busiest hour where hours differ. seats: sequences that decode together
# at most. base: a step without decoding sequences, but for the work of its prompts. work, twice: what a prompt of mean
# length adds, and one twice as long. budget: tokens in a step at most. chunked: 1 where prompts share the steps, else
# 0. prompt, output: mean lengths. gap_scv: squared coefficient of variation of the gaps between arrivals. evenness: see
# router_arrivals.py.
# step_0, ...: time of a step with so many sequences (see node()) and no prompt.
_NEEDED = {
    "rate": "request/s", "seats": "1", "base": "s", "work": "s", "twice": "s", "budget": "token", "chunked": "1",
    "prompt": "token", "output": "token", "gap_scv": "1", "evenness": "1",
    **{f"step_{place}": "s/token" for place in range(STEPS)},
}  # fmt: skip
# Lengths are log-normal with these coefficients of variation (0: all alike); where even is 1, evenly spread. Of a trace
# prompt_0, ..., output_0, ... are the mean lengths in its strata over the mean of all.
_LENGTHS = {f"{what}_{how}": "1" for what in ("prompt", "output") for how in ("cv", "even", *range(STRATA))}
# Of a day whose hours differ: the rate in each over that in the busiest one.
_HOURS = {f"hour_{hour}": "1" for hour in range(HOURS)}
UNITS = _NEEDED | _LENGTHS | _HOURS
Loaded = Annotated[Any, UNITS]
ARRIVALS = ("gap_scv", "evenness", *_HOURS)

Point = tuple[float, ...]  # the values of _NEEDED, then those of _LENGTHS and _HOURS, nan for what is not stated
_PLACES = {name: place for place, name in enumerate(UNITS)}

# The engine of the examples: 64 seats, steps of 10 ms, prompts of 30 ms, and a request in a thousand million seconds.
ALONE = {
    "rate": 1e-9, "seats": 64.0, "base": 0.01, "work": 0.03, "twice": 0.06, "budget": 2048.0, "chunked": 1.0,
    "prompt": 1000.0, "output": 101.0, "gap_scv": 1.0, "evenness": 1.0,
    **dict.fromkeys((f"step_{place}" for place in range(STEPS)), 0.01),
}  # fmt: skip


@formula(cite="definition: in geometric steps from one sequence to a full engine")
def node(seats: Count, place: Count) -> Count:
    """The number of sequences at which the step of a place, 0 to STEPS - 1, is computed.

    >>> round(node(seats=32.0, place=2.0), 9)
    4.0
    """
    return xp.power(xp.maximum(xp.floor(seats), 1.0), place / (STEPS - 1))


def point_of(engine: dict[str, Any]) -> list[Any]:
    """The engine without units, in the order of a Point."""
    one = {"s": SECOND, "token": TOKEN, "s/token": SECOND / TOKEN, "request/s": REQUEST / SECOND, "1": 1.0}
    return [xp.pure(engine[name] / one[UNITS[name]]) if name in engine else xp.nan for name in _PLACES]


def _step(nodes: list[Any], steps: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Time of a step as a function of the number of sequences, linear between two nodes."""
    if any(hasattr(value, "shape") for value in (*nodes, *steps)):
        return lambda number: _between(nodes, steps, number)
    known = [(low, below, (above - below) / (high - low) if high > low else 0.0)
             for (low, below), (high, above) in pairwise(zip(nodes, steps, strict=True))]  # fmt: skip

    def step(number: Any) -> Any:
        if hasattr(number, "shape"):
            return _between(nodes, steps, number)
        place = bisect_left(nodes, number, 1)
        if place >= STEPS:
            return steps[-1]
        low, below, slope = known[place - 1]
        return below + slope * (number - low)

    return step


def _between(nodes: list[Any], steps: tuple[Any, ...], number: Any) -> Any:
    """Time of a step, in lanes."""
    found = steps[-1]
    for (low, below), (high, above) in reversed(list(pairwise(zip(nodes, steps, strict=True)))):
        slope = xp.where(high > low, xp.divide(above - below, high - low), 0.0)
        found = xp.where((number <= high) & (high > low), below + slope * (number - low), found)
    return found


def _kind_of_lengths(what: str, point: Any) -> Any:
    """0: all alike, 1: log-normal, 2: even, 3: of a trace."""
    cv, even, first = (point[_PLACES[f"{what}_{how}"]] for how in ("cv", "even", 0))
    return xp.where(first == first, 3.0, xp.where(cv > 0, xp.where(even > 0, 2.0, 1.0), 0.0))


def kind_of(point: Any) -> Any:
    """Lanes of the same kind are computed together; nan where a number is missing."""
    valid: Any = True
    for name in ("rate", "seats", "base", "work", "twice", *(f"step_{place}" for place in range(STEPS))):
        value = point[_PLACES[name]]
        valid = valid & (value >= 0) & (value < xp.inf)
    chunked, output = point[_PLACES["chunked"]], point[_PLACES["output"]]
    kind = _kind_of_lengths("prompt", point) * 4 + _kind_of_lengths("output", point)
    kind = kind * 4 + xp.where(chunked > 0, 2.0, 0.0) + xp.where(output <= 1, 1.0, 0.0)
    return xp.where(valid, kind, -1.0)


def _lengths(what: str, point: Any) -> Any:
    """The distribution of the prompts or outputs, of points of one kind."""
    from rackcalc.formulas.queues.length_distributions import fixed, lognormal, of_strata, spread

    mean, cv = (point[_PLACES[name]] for name in (what, f"{what}_cv"))
    first = _PLACES[f"{what}_0"]
    kind = _kind_of_lengths(what, [x if isinstance(x, float) else float(x[0]) for x in point])
    if kind == 3:
        return of_strata(mean, cv, point[first : first + STRATA])
    if kind == 0:
        return fixed(mean)
    return spread(mean, cv * 3**0.5) if kind == 2 else lognormal(mean, cv)


def engine_of(point: Any) -> Any:
    """The engine, its prompts and its outputs."""
    from rackcalc.formulas.queues.engine_steps import Engine

    _, seats, base, work, twice, budget, chunked, prompt, _, _, _, *steps = point[: len(_NEEDED)]
    most = xp.maximum(xp.floor(seats), 1.0)
    nodes = [xp.power(most, place / (STEPS - 1)) for place in range(STEPS)]
    bend = xp.maximum(twice - 2 * work, 0.0) / 2  # of work = a L + b L^2, at the mean prompt and twice its length
    engine = Engine(
        step=_step(nodes, tuple(steps)),
        base=base,
        work=lambda tokens: (work - bend) * tokens / prompt + bend * (tokens / prompt) ** 2,
        seats=most,
        budget=budget,
        chunked=bool((chunked if isinstance(chunked, float) else float(chunked[0])) > 0),
    )
    return engine, _lengths("prompt", point), _lengths("output", point)


SHARE = "share"
PREEMPTED = "preempted"


QUIET = 1e-9  # of the rate in the busiest hour; in an hour with less nothing comes (of arrays, as much)


def _hours(point: Any) -> list[tuple[Any, float]]:
    """The different rates of a day over that of its busiest hour, with their shares of the day; [] where all are alike.

    Hours in which nothing comes are left out.
    """
    first = _PLACES["hour_0"]
    ratios = point[first : first + HOURS]
    if any(hasattr(ratio, "shape") for ratio in ratios):
        return [(xp.maximum(ratio, QUIET), 1 / HOURS) for ratio in ratios]
    different = sorted(set(ratios))
    if ratios[0] != ratios[0] or different == [1.0]:
        return []
    return [(ratio, ratios.count(ratio) / HOURS) for ratio in different if ratio > QUIET]


def _law(*point: Any) -> Any:
    """The engine under this load, of points of one kind, or its Day; None where a number is missing."""
    from rackcalc.formulas.queues.day_of_hours import day_of

    if not xp.every(kind_of(point) >= 0):
        return None
    hours = _hours(point)
    if not hours:
        return _steady(point)
    return day_of(_steady(_in_hours(point, hours)), [share for _, share in hours])


def _in_hours(point: Any, hours: list[tuple[Any, float]]) -> list[Any]:
    from rackcalc.formulas.serving.hours_in_lanes import in_hours

    return in_hours(point, [ratio for ratio, _ in hours])


def _steady(point: Any) -> Any:
    from rackcalc.formulas.queues.continuous_batching import under_load

    rate, gap_scv, evenness = (point[_PLACES[name]] for name in ("rate", "gap_scv", "evenness"))
    engine, prompts, outputs = engine_of(point)
    return under_load(engine, prompts, outputs, rate, gap_scv, evenness)


_law_once = lru_cache(maxsize=1 << 8)(_law)


def _read(found: Any, what: Any, point: Any) -> Any:
    """One of the values of the law.

    what: the name of a mean; or of a time with a level, for what that share of requests stays within; or of a time with
    SHARE, for the share of requests that stays within a limit, which comes last in the point.
    """
    from rackcalc.formulas.queues.continuous_batching import capacity_of

    if what == "capacity":
        return capacity_of(*engine_of(point)) if xp.every(kind_of(point) >= 0) else xp.nan
    if found is None:
        return xp.nan
    if hasattr(found, "hours"):
        if what in ("decoding", "working"):
            return found.mean(_read(found.hours, what, _in_hours(point, _hours(point))))
        if what == PREEMPTED and found.all.over is not True:
            in_hours = _read(found.hours, what, _in_hours(point, _hours(point)))
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
    if name in ("tpot", "itl") and xp.every(point[_PLACES["output"]] <= 1):
        alone = point[_PLACES[f"step_{STEPS - 1}"]]
    if asked is None:
        return found.mean(name) if alone is None else xp.where(found.over, xp.inf, alone)
    if asked is SHARE:
        limit = point[len(_PLACES)]
        return found.share_within(name, limit) if alone is None else xp.where(alone <= limit, 1.0, 0.0)
    return found.quantile(name, asked) if alone is None else alone


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

    room, prompt, answer, by_room = point[len(_PLACES) :]
    growth = growth_of(point, prompt, answer)
    seats = xp.maximum(xp.floor(point[_PLACES["seats"]]), 1.0)
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
    engine = point[: len(_PLACES)]
    if not _hours(point):
        return float(_read(_law_once(*engine), what, point))
    from rackcalc.formulas.serving.hours_in_lanes import one_value

    return one_value(lambda: _read(_law_once(*engine), what, point))


@cache
def _grids() -> Any:
    from rackcalc.formulas.serving.engine_grids import Grids

    return Grids(_law, _read, kind_of, per_rate=("decoding", "working"), columns=len(_PLACES))


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


def _mean(name: str, engine: dict[str, Any]) -> Any:
    return _value(name, engine)


def _within(name: str, probability: Any, engine: dict[str, Any]) -> Any:
    level = xp.pure(probability)
    if not hasattr(level, "shape"):
        return _value((name, float(level)), engine)
    found: Any = xp.nan
    for one in set(level.ravel().tolist()):
        found = xp.where(level == one, _value((name, one), engine), found)
    return found


@formula(cite=LAW)
def engine_capacity(**engine: Loaded) -> RequestsPerSecond:
    """Requests per second through the engine when all seats are taken, whatever the rate.

    In the example 64 requests take 101 steps of 10 ms, and 64 x 30 ms for their prompts.

    >>> round(engine_capacity(**ALONE), 4)
    21.843
    """
    return _mean("capacity", {"rate": 1e-9 * REQUEST / SECOND} | engine) * REQUEST / SECOND


@formula(cite=LAW)
def sequences_decoding(**engine: Loaded) -> Count:
    """Mean number of sequences that decode together.

    >>> round(sequences_decoding(**ALONE), 4)
    0.0
    """
    return _mean("decoding", engine)


@formula(cite=LAW)
def working_share(**engine: Loaded) -> Ratio:
    """Share of the time in which the engine has a request.

    >>> round(working_share(**ALONE), 4)
    0.0
    """
    return _mean("working", engine)


@formula(cite=LAW)
def seat_wait(**engine: Loaded) -> Seconds:
    """Mean wait for a seat, over all requests.

    >>> round(seat_wait(**ALONE), 4)
    0.0
    """
    return _mean("wait", engine) * SECOND


@formula(cite=LAW, error=0.18)  # 22 % on a GPU or model left out, as of closed loops
def first_token_mean(**engine: Loaded) -> Seconds:
    """Mean time to first token: the step under way, prompts ahead, the request's own prompt, and any wait for a seat.

    >>> round(first_token_mean(**ALONE), 4)
    0.04
    """
    return _mean("ttft", engine) * SECOND


@formula(cite=LAW, error=0.18)  # 22 % on a GPU or model left out, as of closed loops
def first_token_within(probability: Ratio, **engine: Loaded) -> Seconds:
    """Time to first token that the given share of requests stays within.

    >>> round(first_token_within(probability=0.5, **ALONE), 4)
    0.04
    """
    return _within("ttft", probability, engine) * SECOND


@formula(cite=LAW)
def token_time_mean(**engine: Loaded) -> SecondsPerToken:
    """Mean time per output token after the first.

    >>> round(token_time_mean(**ALONE), 4)
    0.01
    """
    return _mean("tpot", engine) * SECOND / TOKEN


@formula(cite=LAW)
def token_time_within(probability: Ratio, **engine: Loaded) -> SecondsPerToken:
    """Time per output token, mean over a request's tokens, that the given share of requests stays within.

    >>> round(token_time_within(probability=0.5, **ALONE), 4)
    0.01
    """
    return _within("tpot", probability, engine) * SECOND / TOKEN


@formula(cite=LAW)
def token_gap_within(probability: Ratio, **engine: Loaded) -> SecondsPerToken:
    """Time between two tokens that the given share of gaps stays within: steps that hold a prompt are longer.

    >>> round(token_gap_within(probability=0.5, **ALONE), 4)
    0.01
    """
    return _within("itl", probability, engine) * SECOND / TOKEN


@formula(cite=LAW)
def request_time_mean(**engine: Loaded) -> Seconds:
    """Mean time of a whole request. In the example 40 ms to the first token, and 100 steps of 10 ms.

    >>> round(request_time_mean(**ALONE), 4)
    1.04
    """
    return _mean("time", engine) * SECOND


@formula(cite=LAW)
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


def _rate(name: str, limit: Any, probability: Any, before: Any, engine: dict[str, Any]) -> Any:
    """The largest rate at which the given share of times stays within the limit."""
    from rackcalc.formulas.queues.largest_rate import largest_rate

    limit, before = xp.pure(limit), xp.pure(before)
    capacity = _value("capacity", {"rate": 1e-9 * REQUEST / SECOND} | engine)

    def margin(rate: Any) -> Any:
        return xp.divide(limit, _within(name, probability, engine | {"rate": rate * REQUEST / SECOND}) + before)

    return largest_rate(margin, capacity) * REQUEST / SECOND


@formula(cite=LAW)
def rate_by_request_time(limit: Seconds, probability: Ratio, before: Seconds, **engine: Loaded) -> RequestsPerSecond:
    """Largest arrival rate at which the given share of whole requests stays within a limit; 0 where none does.

    before: time before the engine takes a request up. In the example a request alone takes longer than the limit.

    >>> rate_by_request_time(limit=1.0, probability=0.99, before=0.0, **ALONE)
    0.0
    """
    return _rate("time", limit / SECOND, probability, before / SECOND, engine)


@formula(cite=LAW)
def rate_by_first_token(limit: Seconds, probability: Ratio, before: Seconds, **engine: Loaded) -> RequestsPerSecond:
    """Largest arrival rate at which the given share of first tokens comes within a limit; 0 where none does.

    >>> rate_by_first_token(limit=0.03, probability=0.99, before=0.0, **ALONE)
    0.0
    """
    return _rate("ttft", limit / SECOND, probability, before / SECOND, engine)


@formula(cite=LAW)
def rate_by_token_time(limit: SecondsPerToken, probability: Ratio, **engine: Loaded) -> RequestsPerSecond:
    """Largest arrival rate at which the given share of requests has tokens as fast as a limit; 0 where none has.

    >>> rate_by_token_time(limit=0.005, probability=0.99, **ALONE)
    0.0
    """
    return _rate("tpot", limit * TOKEN / SECOND, probability, 0.0, engine)


@formula(cite=LAW)
def rate_by_token_gap(limit: SecondsPerToken, probability: Ratio, **engine: Loaded) -> RequestsPerSecond:
    """Largest arrival rate at which the given share of the times between two tokens stays within a limit.

    >>> rate_by_token_gap(limit=0.005, probability=0.99, **ALONE)
    0.0
    """
    return _rate("itl", limit * TOKEN / SECOND, probability, 0.0, engine)


@formula(cite=PREEMPTION)
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


@formula(cite=LAW)
def share_by_request_time(limit: Seconds, before: Seconds, **engine: Loaded) -> Ratio:
    """Share of whole requests that stay within a limit. before: time before the engine takes a request up.

    >>> share_by_request_time(limit=2.0, before=0.5, **ALONE)
    1.0
    """
    return _share("time", (limit - before) / SECOND, engine)


@formula(cite=LAW)
def share_by_first_token(limit: Seconds, before: Seconds, **engine: Loaded) -> Ratio:
    """Share of requests whose first token comes within a limit.

    >>> share_by_first_token(limit=1.0, before=0.5, **ALONE)
    1.0
    """
    return _share("ttft", (limit - before) / SECOND, engine)


@formula(cite=LAW)
def share_by_token_time(limit: SecondsPerToken, **engine: Loaded) -> Ratio:
    """Share of requests whose mean time per token stays within a limit.

    >>> share_by_token_time(limit=0.02, **ALONE)
    1.0
    """
    return _share("tpot", limit * TOKEN / SECOND, engine)
