"""A serving engine with continuous batching under load: percentiles of its latencies, without a simulation.

Sources: F. P. Kelly, Reversibility and Stochastic Networks (1979), and J. W. Cohen, Acta Informatica 12 (1979) 245-284,
for the number of requests that share a station; A. G. Hawkes, Biometrika 58 (1971) 83-90, for arrivals that bring
about others, as they do on the clock of steps; A. Agrawal et al., Sarathi-Serve,
arXiv:2403.02310, and W. Kwon et al., arXiv:2309.06180, for what engines do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from rackcalc.formulas.queues.engine_decoding import (
    BOUND,
    Decoding,
    LeftBehind,
    Seen,
    decoding_times,
    left_behind,
    seen_by_tokens,
)
from rackcalc.formulas.queues.engine_first_token import FirstToken, Steps, at_least_one, first_token, own_times
from rackcalc.formulas.queues.engine_steps import (
    Engine,
    Full,
    Prompts,
    full_engine,
    longest_step,
    no_arrival,
    pace,
    prompt_room,
    prompts_of,
    weighted,
)
from rackcalc.formulas.queues.gamma_mixtures import (
    Tail,
    merged,
    mixture_mean,
    mixture_quantile,
    mixture_tail,
    mixture_variance,
    tail_of,
    tidied,
)
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.formulas.queues.mixture_parts import Part, Parts, Stack
from rackcalc.formulas.queues.sharing_station import MANY, Present, nodes_of, number_present, reached_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record, replace

ROUNDING = 1e-12
EXACT_RATE = 1e-4  # relative, of the largest rate at which a limit holds
OVERSHOOT = 0.1  # of a step of regula falsi
PATIENCE = 2  # its steps that do not halve the interval
TIMES = ("ttft", "tpot", "itl", "time")
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)


@record
class UnderLoad:
    """Latencies of an engine under load, in s; floats, or arrays with a value for each of many engines.

    ttft, tpot, itl, time: to the first token (with every wait), mean time between tokens of a request, time between any
    two tokens, whole request: each a mixture of which `mean` and `quantile` tell percentiles. rate: requests/s.
    decoding, filling, waiting: mean numbers that decode, that have a seat but no token yet, and that wait for a seat.
    waits: chance that a request must wait for a seat. wait: its mean wait for one, over all requests.
    prompt_share: share of time by which prompts lengthen decoding. capacity: requests/s with all seats taken.
    numbers, shares: share of time with so many seats taken, at some numbers between none and all (the others lie
    between, and count to the nearest). over: whether more requests arrive than can leave. longest: a step with as many
    tokens as it may have, beyond which no time between two tokens lies.
    parts: of each mixture, made when they are asked for. merges: whether parts that are near each other become one.
    """

    parts: dict[str, Callable[[], Parts]]
    rate: Any
    decoding: Any
    filling: Any
    waiting: Any
    waits: Any
    wait: Any
    prompt_share: Any
    capacity: Any
    numbers: Any
    shares: Any
    over: Any = False
    merges: bool = True
    longest: Any = math.inf
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def present(self) -> Any:
        """Mean number of requests between arrival and last token."""
        return self.decoding + self.filling + self.waiting

    def mixture(self, time: str) -> Parts:
        """The parts of "ttft", "tpot", "itl" or "time"."""
        if time not in self._kept:
            self._kept[time] = (merged if self.merges else tidied)(self.parts[time]())
        return self._kept[time]

    def _tail(self, time: str) -> Tail:
        if (time, "tail") not in self._kept:
            self._kept[time, "tail"] = tail_of(self.mixture(time))
        return self._kept[time, "tail"]

    def _all(self, time: str) -> dict[float, Any]:
        """Of one engine in lanes, the usual percentiles together, from the second that is asked for on; else none."""
        parts, times = self.mixture(time), self._kept.get((time, "asked"), 0) + 1
        self._kept[time, "asked"] = times
        if times == 2 and isinstance(parts, Stack) and parts.share.shape[1] == 1:
            from rackcalc.formulas.queues.mixture_lanes import quantiles

            self._kept[time, "all"] = dict(zip(LEVELS, quantiles(LEVELS, parts), strict=True))
        found: dict[float, Any] = self._kept.get((time, "all"), {})
        return found

    def mean(self, time: str) -> Any:
        """Mean of "ttft", "tpot", "itl" or "time"."""
        parts = self._kept.get(time) or tidied(self.parts[time]())
        return xp.where(self.over, xp.inf, mixture_mean(parts))

    def quantile(self, time: str, probability: float) -> Any:
        """What the given share of requests (of gaps, for "itl") stays within."""
        if self.over is True:
            return xp.inf
        found = self._all(time).get(probability)
        if found is None:
            found = mixture_quantile(probability, self.mixture(time), self._tail(time))
        if time in ("tpot", "itl"):
            found = xp.minimum(found, self.longest)
        return xp.where(self.over, xp.inf, found)

    def share_within(self, time: str, limit: Any) -> Any:
        """Share of requests (of gaps, for "itl") that stay within a limit in s."""
        found = 1 - mixture_tail(limit, self.mixture(time), self._tail(time))
        if time in ("tpot", "itl"):
            found = xp.where(limit >= self.longest, 1.0, found)
        return xp.where(self.over, 0.0, xp.where(found > ROUNDING, found, 0.0))


def mean_context(prompts: Lengths, outputs: Lengths) -> float:
    """Mean number of cached tokens of a decoding sequence at any time, for prompts and outputs that are independent.

    A long output is met more often, in proportion to its tokens, and then half of it is there on average.
    """
    tokens = max(outputs.mean - 1, 1.0)
    return prompts.mean + max(outputs.mean_square - 2 * outputs.mean + 1, 1.0) / (2 * tokens)


def seats_of(max_num_seqs: int, cached_tokens: float, prompts: Lengths, outputs: Lengths) -> int:
    """Sequences that decode together: the engine's own limit, or as many of mean context as the KV cache holds.

    Half a prompt (of those met, which are longer) stays empty, since the next is admitted only as a whole. The cache
    itself has no fixed number of seats: where it binds, simulated waits for room were up to twice as long as those for
    so many seats, while times per token agreed within some percent.
    """
    room = cached_tokens - prompts.mean_square / prompts.mean / 2
    return max(min(max_num_seqs, int(room // mean_context(prompts, outputs))), 1)


def saturated(rate: float, capacity: float) -> UnderLoad:
    """The answer where more requests arrive than can leave: everything grows without limit."""
    return UnderLoad(
        parts=dict.fromkeys(TIMES, lambda: [(1.0, 0.0, math.inf, 0.0)]),
        rate=rate,
        decoding=math.nan,
        filling=math.nan,
        waiting=math.inf,
        waits=1.0,
        wait=math.inf,
        prompt_share=math.nan,
        capacity=capacity,
        numbers=[],
        shares=[],
        over=True,
    )


def full_load(engine: Engine, prompts: Lengths, outputs: Lengths) -> tuple[Prompts, Full, Any]:
    """The work of prompts, the engine with all seats taken, and the most requests per second that it can do."""
    tokens = outputs.mean - 1
    work = prompts_of(engine, prompts, xp.maximum(engine.budget - engine.seats / 2, engine.budget / 4))
    full = full_engine(engine, work, engine.seats, engine.step(float_of(engine.seats)), tokens)
    return work, full, xp.minimum(full.rate, _rate_by_budget(engine, prompts, work, tokens))


def float_of(number: Any) -> Any:
    """A number as a float of Python; arrays as they are."""
    return float(number) if isinstance(number, (int, float)) else number


def capacity_of(engine: Engine, prompts: Lengths, outputs: Lengths) -> Any:
    """Requests per second with all seats taken."""
    alone = outputs.mean <= 1
    if alone is True:
        return _rate_of_prompts(engine, prompts)
    most = full_load(engine, prompts, outputs)[2]
    return most if alone is False else xp.where(alone, _rate_of_prompts(engine, prompts), most)


def under_load(
    engine: Engine, prompts: Lengths, outputs: Lengths, rate: Any, gap_scv: Any = 1.0, evenness: Any = 1.0
) -> UnderLoad:
    """The engine with requests arriving at `rate` [1/s].

    gap_scv: squared coefficient of variation of the gaps between arrivals (1: Poisson; burstiness squared).
    evenness: factor on the spread of the number present by a router that looks at it (see router_arrivals.py).
    Any number may be an array of lanes; the outputs of all lanes are then of several tokens, or of one.
    """
    rate, near, evenness = map(float_of, (rate, gap_scv, evenness))  # near: over times too short for a router
    gap_scv = near - (1 - evenness)
    tokens = outputs.mean - 1
    if (tokens <= 0) is True or (hasattr(tokens, "shape") and bool((tokens <= 0).all())):
        return _without_decoding(engine, prompts, rate, gap_scv)
    work, full, most = full_load(engine, prompts, outputs)
    lanes = any(
        hasattr(value, "shape")
        for value in (
            rate, gap_scv, evenness, most, engine.base, engine.step(1.0), engine.per_cached, work.square,
            prompts.mean_square, outputs.mean_square, outputs.concentration,
            *(part.mean for part in (*prompts.strata, *outputs.strata)),
        )
    )  # fmt: skip
    over = (rate >= most) | (rate * work.work >= 1)
    if xp.every(over):
        return saturated(rate, most)
    square = xp.maximum(outputs.mean_square - 2 * outputs.mean + 1, tokens**2)
    numbers = _nodes(engine, work, outputs, lanes, full, rate, gap_scv, evenness)
    steps = xp.each(engine.step, numbers[1:])
    settled = _settled(engine, work, outputs, numbers, steps, full, rate, gap_scv, evenness)
    if settled is None:
        return saturated(rate, most)
    station, stall, echo = settled.station, settled.stall, settled.echo
    decoding = xp.each(lambda n: xp.where(n >= engine.seats, engine.seats - rate * full.filling, n), numbers[1:])
    between = xp.each(lambda n, gone: n / (gone * tokens), decoding, settled.leaving)
    mean = station.mean
    seen = seen_by_tokens(
        station.shares[1:], decoding, between, steps, settled.peakedness, square / (2 * tokens),
        station.variance, mean, station.crowded,
    )  # fmt: skip
    room = prompt_room(engine, seen.number)
    work = prompts_of(engine, prompts, room)
    met = Steps(
        mean=xp.dot(station.shares[1:], steps),
        square=xp.dot(station.shares[1:], xp.each(lambda step: step * step, steps)),
        own=xp.dot(station.shares, xp.joined(engine.base, steps)) if engine.chunked else engine.base,
    )
    first = first_token(engine, work, met, room, rate, near, evenness, seen.step)
    if first.over is True:
        return saturated(rate, most)
    behind = left_behind(
        engine, work, seen, stall, echo, rate, gap_scv, room, xp.maximum(engine.seats - mean, 1e-9),
        first.beside,
    )  # fmt: skip
    context = xp.maximum(prompts.mean_square - prompts.mean**2, 0.0)
    classes = decoding_times(engine, work, outputs, seen, behind, stall, echo, rate, gap_scv, context)
    gaps = partial(_gaps, engine, work, seen, stall, rate, room, first.beside, gap_scv)
    waits = _arrivals_that_wait(station, outputs, rate, full.rate, gap_scv)
    return _answer(
        engine, work, first, classes, gaps, station, outputs, rate, waits, steps[-1] - met.own, most, stall,
        over=over | first.over, longest=longest_step(engine, prompts, steps[-1]),
    )  # fmt: skip


def _rate_by_budget(engine: Engine, prompts: Lengths, work: Prompts, tokens: Any) -> Any:
    """Requests per second where the tokens of a step bind before the seats do: every step is filled to its budget.

    Of `budget` tokens in a step, decoding and prompts have the shares in which a request needs them.
    """
    if not engine.chunked:
        return math.inf
    number = engine.budget * tokens / (tokens + prompts.mean)
    whole = engine.step(xp.maximum(number, 1.0)) + work.work * (engine.budget - number) / prompts.mean
    return xp.where(number >= engine.seats, math.inf, number / (tokens * whole))


@record
class Settled:
    """The number present, its peakedness, the mean stall by a prompt, and by one more prompt.

    leaving: requests that leave per second at each number but none.
    """

    station: Present
    peakedness: Any
    stall: Any
    echo: Any
    leaving: Any


def _nodes(
    engine: Engine, work: Prompts, outputs: Lengths, lanes: bool, full: Full, rate: Any, gap_scv: Any, evenness: Any
) -> Any:  # fmt: skip
    """The nodes at which the number present is computed: without those that it never reaches, where there are many."""
    numbers = nodes_of(engine.seats, lanes)
    if len(numbers) < MANY:
        return numbers
    few = nodes_of(engine.seats, lanes, few=True)
    steps = xp.each(engine.step, few[1:])
    rough = _settled(engine, work, outputs, few, steps, full, rate, gap_scv, evenness)
    return numbers if rough is None else nodes_of(engine.seats, lanes, reached_of(rough.station, engine.seats))


def _settled(
    engine: Engine, work: Prompts, outputs: Lengths, numbers: Any, steps: Any, full: Full, rate: Any, gap_scv: Any,
    evenness: Any,
) -> Settled | None:  # fmt: skip
    """The number present, with the clusters that prompts make of arrivals on the clock of steps (A. G. Hawkes)."""
    tokens, seats = outputs.mean - 1, engine.seats
    output_scv = xp.maximum((outputs.mean_square - 2 * outputs.mean + 1) / tokens**2 - 1, 0.0)
    seat = seats / full.rate
    service = (output_scv * (seat - full.filling) ** 2 + work.variance) / seat**2
    # The second moment counts in heavy traffic only (D. Y. Burman, D. R. Smith, Math. Oper. Res. 8 (1983) 612-630).
    varied = xp.minimum(service, 1.0) * rate / full.rate + 1 - rate / full.rate
    paces = pace(engine, work, rate, steps, gap_scv)
    leaving = xp.each(lambda n, step: xp.where(n >= seats, full.rate, n / (step * tokens)), numbers[1:], paces.step)
    stalls = xp.each(lambda n, stall: xp.where(n >= seats, full.stall, stall), numbers[1:], paces.stall)
    settled: Settled | None = None
    stall, echo = stalls[0], paces.echo[0]
    for _ in range(1 if engine.chunked else 2):
        slack = 1 - rate * echo
        clusters = (gap_scv + rate**2 * work.variance) / slack**2
        peakedness = xp.maximum((1 + (clusters - 1) * outputs.concentration) * evenness, 0.05)
        variability = xp.maximum((1 + (gap_scv - 1) / slack + varied) / 2, 0.1)
        station = number_present(numbers, leaving, rate, peakedness, variability)
        if station is None:
            return None
        stall, echo = weighted(station.shares[1:], stalls), weighted(station.shares[1:], paces.echo)
        settled = Settled(station=station, peakedness=peakedness, stall=stall, echo=echo, leaving=leaving)
    return settled


def _arrivals_that_wait(station: Present, outputs: Lengths, rate: Any, capacity: Any, gap_scv: Any) -> Any:
    """Chance that an arrival finds all seats taken. Bursts find them taken more often than others do."""
    burst = xp.maximum(1 + (gap_scv - 1) * outputs.concentration, 1.0)
    return xp.minimum(station.crowded * (1 / burst + (1 - 1 / burst) * capacity / rate), 1.0)


def _answer(
    engine: Engine, work: Prompts, first: FirstToken, classes: list[Decoding], gaps: Callable[[], list[Part]],
    station: Present, outputs: Lengths, rate: Any, waits: Any, slower: Any, capacity: Any, stall: Any,
    wait_scv: Any = 1.0, over: Any = False, longest: Any = math.inf,
) -> UnderLoad:  # fmt: skip
    wait = station.waiting / rate
    later = xp.where(waits > 0, xp.divide(wait, waits), 0.0)
    before = mixture_mean(first.parts)

    def ttft() -> list[Part]:
        parts = [((1 - waits) * share, least, mean, varies) for share, least, mean, varies in first.parts]
        for own, part in zip(first.own, work.strata, strict=True):
            prompt = own.time + (xp.ceil(part.chunks - 1e-9) * slower if engine.chunked else 0.0)
            parts.append((own.share * waits, prompt, prompt + later, wait_scv * later**2 + own.variance))
        return parts

    def tpot() -> list[Part]:
        return [(item.share * share, *rest) for item in classes for share, *rest in item.parts]

    def time() -> list[Part]:
        varies = mixture_variance(first.parts)
        delayed = [(1 - waits, before, varies), (waits, before + later, varies + wait_scv * later**2)]
        parts: list[Part] = []
        for item in classes:
            for share, least, mean, variance in item.parts:
                shortest, decoding = least * item.tokens * 0.5, mean * item.tokens
                spread = variance * item.tokens**2 + item.variance * mean**2
                for weight, delay, other in delayed:
                    parts.append((item.share * share * weight, shortest, delay + decoding, spread + other))
        return parts

    decoded = outputs.mean - 1
    in_decoding = sum([item.share * item.tokens * item.mean for item in classes]) / sum(
        [item.share * item.tokens for item in classes]
    )
    return UnderLoad(
        parts={"ttft": ttft, "tpot": tpot, "itl": gaps, "time": time},
        rate=rate,
        decoding=rate * decoded * in_decoding,
        filling=rate * before,
        waiting=station.waiting,
        waits=waits,
        wait=wait,
        prompt_share=rate * stall,
        capacity=capacity,
        numbers=station.numbers,
        shares=station.shares,
        over=over,
        longest=longest,
    )


def _gaps(
    engine: Engine, work: Prompts, seen: Seen, stall: Any, rate: Any, room: Any, beside: Any, gap_scv: Any
) -> list[Part]:
    """Time between two tokens: steps without and with prompt tokens. beside: other prompts in a step with one."""
    arrivals = rate * seen.step  # per step
    spread = seen.spread * (seen.alone / seen.step) ** 2
    if not engine.chunked:
        some = 1 - no_arrival(rate * seen.alone, gap_scv)
        together = xp.maximum(arrivals / some, 1.0)
        mean = xp.maximum(seen.step - seen.alone, 1e-12) / some
        varies = together * work.variance + together * (together - 1) * work.work**2
        return [
            (1 - some, seen.least, seen.alone, spread),
            (some, seen.least, seen.alone + mean, spread + varies),
        ]
    pieces = _pieces(work, arrivals, room)
    number = sum([often for often, _, _ in pieces])
    first = sum([often * size for often, size, _ in pieces]) / number
    second = sum([often * (size * size + variance) for often, size, variance in pieces]) / number
    beside = beside * xp.maximum(1 - work.tokens / room, 0.0)
    together = xp.maximum(at_least_one(beside), number)
    some = number / together
    # of a step with n prompts, each of the n counts once: given a piece, the others are fewer than for a random one
    more = together - 1
    more_variance = more * second + xp.where(gap_scv > 1, more * more * first * first, 0.0)
    usual = some * first * together
    stretch = xp.where(usual > 0, xp.divide(seen.step - seen.alone, usual), 1.0)
    parts = [(1 - some, seen.least, seen.alone, spread * stretch**2)]
    for often, size, variance in pieces:
        mean = seen.alone + (size + more * first) * stretch
        parts.append((some * often / number, seen.least, mean, (spread + variance + more_variance) * stretch**2))
    return parts


def _pieces(work: Prompts, arrivals: Any, room: Any) -> Sequence[tuple[Any, Any, Any]]:
    """What steps hold of prompts: how often a step has such a piece, its work, and the variance of that."""
    pieces = []
    for part in work.strata:
        whole = xp.floor(part.tokens / room)
        rest = xp.maximum(part.tokens - whole * room, 0.0)
        if hasattr(whole, "shape") or whole:
            pieces.append((arrivals * part.share * whole, part.work * room / part.tokens, 0.0))
        if hasattr(rest, "shape") or rest > 0:
            often = arrivals * part.share * xp.where(rest > 0, 1.0, 0.0)
            pieces.append((often, part.work * rest / part.tokens, part.variance * rest / part.tokens))
    return pieces


def _rate_of_prompts(engine: Engine, prompts: Lengths) -> Any:
    """Requests per second where all are of one output token."""
    room = prompt_room(engine, 0.0)
    return 1 / (prompts_of(engine, prompts, room).work + engine.base * (prompts.mean / room))


def _without_decoding(engine: Engine, prompts: Lengths, rate: Any, gap_scv: Any) -> UnderLoad:
    """Requests of one output token: only prompts."""
    room = prompt_room(engine, 0.0)
    work = prompts_of(engine, prompts, room)
    first = first_token(engine, work, Steps(0.0, 0.0, engine.base), room, rate, gap_scv)
    most = _rate_of_prompts(engine, prompts)
    if first.over is True:
        return saturated(rate, most)
    return UnderLoad(
        parts={
            "ttft": lambda: first.parts,
            "tpot": lambda: [(1.0, math.nan, math.nan, math.nan)],
            "itl": lambda: [(1.0, math.nan, math.nan, math.nan)],
            "time": lambda: first.parts,
        },
        rate=rate,
        decoding=0.0,
        filling=rate * mixture_mean(first.parts),
        waiting=0.0,
        waits=0.0,
        wait=0.0,
        prompt_share=0.0,
        capacity=most,
        numbers=[0],
        shares=[1.0],
        over=first.over,
    )


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
    most = _rate_by_budget(engine, prompts, work, tokens)
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
        all_gaps = partial(_gaps, engine, work, seen, full.stall, rate, room, others, 1.0)
        gaps = partial(_up_to, full_step, all_gaps, between)
    else:
        gaps = partial(_closed_gaps, work, seen, rate)
    return _answer(
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


def largest_rate(margin: Callable[[Any], Any], capacity: Any) -> Any:
    """The largest rate at which a limit holds; it must hold at every smaller one. 0 where it never holds.

    margin: the limit over the time that it is on; under load a time grows as one over what is left of the capacity, so
    that this is nearly a straight line: the chord between both ends (regula falsi), and halving where that is slow.

    >>> round(largest_rate(lambda rate: (10.0 - rate) / 7.0, 10.0), 3)
    3.0
    """
    highest, lowest = margin(capacity), margin(1e-6 * capacity)
    always, ever = highest >= 1, lowest >= 1
    if always is True:
        return capacity
    low, high = 0.0 * capacity, xp.where(ever, capacity, 0.0 * capacity)
    above, below = xp.where(ever, lowest - 1, 1.0), xp.where(always, -1.0, highest - 1)
    moved, slow = -1.0 + 0.0 * capacity, 0.0 * capacity  # the end that moved last: 1 low, -1 high; steps without gain
    while xp.some(going := high - low > EXACT_RATE * high):
        width, least = high - low, EXACT_RATE / 2 * high
        place = low + width * xp.clip(xp.divide(above, above - below), 0.0, 1.0)
        # a little beyond it, seen from the end that moved last, so that the other one moves too
        place = place + OVERSHOOT * xp.where(moved > 0, place - low, place - high)
        middle = xp.clip(xp.where(slow >= PATIENCE, low + width / 2, place), low + least, high - least)
        now = margin(middle) - 1
        holds = now >= 0
        above, below, moved = xp.where(holds, now, above), xp.where(holds, below, now), xp.where(holds, 1.0, -1.0)
        low = xp.where(going & holds, middle, low)
        high = xp.where(going, xp.where(holds, high, middle), high)
        slow = xp.where(high - low > 0.6 * width, slow + 1, 0.0)
    return xp.where(always, capacity, low)
