"""A serving engine with a fixed number of requests in flight, each followed by the next at once: a closed loop."""

import math
from collections.abc import Callable
from functools import partial

from rackcalc.formulas.queues.continuous_batching import rate_by_budget
from rackcalc.formulas.queues.engine_decoding import BOUND, LeftBehind, Seen, decoding_times
from rackcalc.formulas.queues.engine_first_token import FirstToken, Steps, own_times
from rackcalc.formulas.queues.engine_latencies import UnderLoad, answer, gaps_of
from rackcalc.formulas.queues.engine_steps import Engine, Full, Prompts, full_engine, prompt_room, prompts_of
from rackcalc.formulas.queues.gamma_mixtures import mixture_mean
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.formulas.queues.mixture_parts import Part
from rackcalc.formulas.queues.sharing_station import Present
from rackcalc.quantities.record import record, replace


@record
class _Pace:
    """A closed loop: requests per second, the number that decodes, its step without prompts, and s between tokens.

    full: as if steps had no limit of tokens; where its rate is larger, prompts fill every step.
    """

    full: Full
    rate: float
    number: float
    step: float
    between: float


def _pace_of(engine: Engine, prompts: Lengths, inside: int, tokens: float) -> _Pace:
    """The pace of a closed loop with so many requests inside."""
    work = prompts_of(engine, prompts, prompt_room(engine, inside))
    number, step = float(inside), engine.step(float(inside))
    for _ in range(4):
        full = full_engine(engine, work, inside, step, tokens)
        number = inside - full.rate * full.filling
        step = engine.step(max(number, 1.0))
    most = rate_by_budget(engine, prompts, work, tokens)
    if most >= full.rate:
        return _Pace(full=full, rate=full.rate, number=number, step=step, between=number / (full.rate * tokens))
    number = engine.budget * tokens / (tokens + prompts.mean)
    step = engine.step(max(number, 1.0))
    filled = step + work.work * (engine.budget - number) / prompts.mean
    return _Pace(full=full, rate=most, number=number, step=step, between=filled)


def in_closed_loop(engine: Engine, prompts: Lengths, outputs: Lengths, concurrency: int) -> UnderLoad:
    """The engine with a fixed number of requests in flight: each answer is followed by the next request at once.

    For lengths that vary. Where all are alike, requests can stay together in groups that depend on how they started.
    """
    tokens = outputs.mean - 1
    inside = min(concurrency, engine.seats)
    pace = _pace_of(engine, prompts, inside, tokens)
    full, rate, number, step, between = pace.full, pace.rate, pace.number, pace.step, pace.between
    room = prompt_room(engine, number)
    work = prompts_of(engine, prompts, room)
    own = own_times(engine, work, Steps(0.0, 0.0, step if engine.chunked else engine.base))
    others = rate * between * (inside - 1) / inside  # arrive at the same moment, between two steps
    queue = 0.0
    if engine.chunked:
        # On the clock of steps the others come at a steady rate, so only prompts that fill steps make a queue.
        load = min(rate * between * work.tokens / room, 0.9)
        chunks = work.mean(lambda part: part.chunks**2) / work.mean(lambda part: part.chunks)
        whole = step + work.work * room / work.tokens
        queue = min(work.tokens / room, 1.0) ** 2 * load * chunks / 2 / (1 - load) * whole
    beside = others * work.work + queue
    varies = others * work.square + queue**2
    if rate < full.rate:
        # Prompts fill every step: their queue is what decoding leaves of the requests, and varies as their number.
        beside = inside / rate - between * tokens - sum(item.share * item.time for item in own)
        varies = number / rate**2
    parts = [(item.share, item.time, item.time + beside, varies + item.variance) for item in own]
    before = mixture_mean(parts)
    between = (inside / rate - before) / tokens  # Little's law
    if between < step:  # long prompts: what they take is told too long by some of a step
        between, told = step, before
        before = inside / rate - between * tokens
        parts = [(share, least * before / told, mean * before / told, v) for share, least, mean, v in parts]
    seen = Seen(
        step=between, alone=step, least=engine.step(1.0), slope=0.0, spread=0.0, number=number, free=0.0,
        turnover=tokens, full=between, crowded=1.0,
    )  # fmt: skip
    behind = LeftBehind(count=0.0, extra=0.0, most=math.inf, chunk=0.0)
    context = max(prompts.mean_square - prompts.mean**2, 0.0)
    classes = decoding_times(
        engine, work, outputs, seen, behind, full.stall, full.stall, rate, 1.0, context, closed=True
    )  # fmt: skip
    if engine.chunked:  # no step takes longer than a full one
        longest = max(step + work.work * (engine.budget - number) / prompts.mean, between)
        most = ((longest - between) / BOUND) ** 2 + engine.per_cached**2 * context * number
        classes = [replace(one, parts=_not_wider(one.parts, most)) for one in classes]
        full_step = (0.0, seen.least, longest, engine.per_cached**2 * context * number)
    outside = concurrency - inside
    station = Present(numbers=[0, inside], shares=[0.0, 1.0], crowded=float(outside > 0), waiting=float(outside))
    first = FirstToken(mean=before, parts=parts, own=own, beside=others)
    if engine.chunked:
        all_gaps = partial(gaps_of, engine, work, seen, full.stall, rate, room, others, 1.0)
        gaps = partial(_up_to, full_step, all_gaps, between)
    else:
        gaps = partial(_closed_gaps, work, seen, rate)
    return answer(
        engine, work, first, classes, gaps, station, outputs, rate, station.crowded, 0.0, rate, full.stall,
        1 / max(outside, 1),
    )  # fmt: skip


def _not_wider(parts: list[Part], most: float) -> list[Part]:
    """A time that has one part, with at most so large a variance."""
    if len(parts) > 1:
        return parts
    share, least, mean, variance = parts[0]
    return [(share, least, mean, min(variance, most))]


def _up_to(longest: Part, made: Callable[[], list[Part]], mean: float) -> list[Part]:
    """Times of which none is longer than the longest, with this mean."""
    parts, (_, least, most, varies) = made(), longest
    stretch = mean / mixture_mean([(share, least, min(one, most), 0.0) for share, _, one, _ in parts])
    result = []
    for share, _, one, variance in parts:
        time = min(min(one, most) * stretch, most)
        result.append((share, least, time, min(variance, ((most - time) / BOUND) ** 2 + varies)))
    return result


def _closed_gaps(work: Prompts, seen: Seen, rate: float) -> list[Part]:
    """Time between two tokens where prompts have passes of their own, and come as answers end, at so many per step."""
    arrivals = rate * seen.step
    some = -math.expm1(-arrivals)
    together = arrivals / some
    varies = together * work.variance + together * (together - 1) * work.work**2
    mean = (seen.step - seen.alone) / some
    return [(1 - some, seen.least, seen.alone, 0.0), (some, seen.least, seen.alone + mean, varies)]
