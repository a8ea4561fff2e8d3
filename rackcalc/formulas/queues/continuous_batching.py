"""A serving engine with continuous batching under load: percentiles of its latencies, without a simulation.

Sources: F. P. Kelly, Reversibility and Stochastic Networks (1979), and J. W. Cohen, Acta Informatica 12 (1979) 245-284,
for the number of requests that share a station; A. G. Hawkes, Biometrika 58 (1971) 83-90, for arrivals that bring
about others, as they do on the clock of steps; A. Agrawal et al., Sarathi-Serve,
arXiv:2403.02310, and W. Kwon et al., arXiv:2309.06180, for what engines do.
"""

import math
from collections.abc import Callable

from rackcalc.formulas.queues.engine_decoding import (
    BOUND,
    Decoding,
    LeftBehind,
    Seen,
    decoding_times,
    left_behind,
    seen_by_tokens,
)
from rackcalc.formulas.queues.engine_first_token import FirstToken, Steps, first_token, own_times
from rackcalc.formulas.queues.engine_steps import (
    Engine,
    Full,
    Pace,
    Prompts,
    full_engine,
    no_arrival,
    pace,
    prompt_room,
    prompts_of,
    weighted,
)
from rackcalc.formulas.queues.gamma_mixtures import (
    Part,
    merged,
    mixture_mean,
    mixture_quantile,
    mixture_tail,
    mixture_variance,
)
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.formulas.queues.sharing_station import Present, node_numbers, number_present
from rackcalc.quantities.record import record, replace

ROUNDING = 1e-12
TIMES = ("ttft", "tpot", "itl", "time")


@record
class UnderLoad:
    """Latencies of an engine under load, in s.

    ttft, tpot, itl, time: to the first token (with every wait), mean time between tokens of a request, time between any
    two tokens, whole request: each a mixture of which `mean` and `quantile` tell percentiles. rate: requests/s.
    decoding, filling, waiting: mean numbers that decode, that have a seat but no token yet, and that wait for a seat.
    waits: chance that a request must wait for a seat. wait: its mean wait for one, over all requests.
    prompt_share: share of time by which prompts lengthen decoding. capacity: requests/s with all seats taken.
    numbers, shares: share of time with so many seats taken, at some numbers between none and all (the others lie
    between, and count to the nearest).
    """

    mixtures: dict[str, list[Part]]
    rate: float
    decoding: float
    filling: float
    waiting: float
    waits: float
    wait: float
    prompt_share: float
    capacity: float
    numbers: list[int]
    shares: list[float]

    @property
    def present(self) -> float:
        """Mean number of requests between arrival and last token."""
        return self.decoding + self.filling + self.waiting

    def mean(self, time: str) -> float:
        """Mean of "ttft", "tpot", "itl" or "time"."""
        return mixture_mean(self.mixtures[time])

    def quantile(self, time: str, probability: float) -> float:
        """What the given share of requests (of gaps, for "itl") stays within."""
        return mixture_quantile(probability, self.mixtures[time])

    def share_within(self, time: str, limit: float) -> float:
        """Share of requests (of gaps, for "itl") that stay within a limit in s."""
        found = 1 - mixture_tail(limit, self.mixtures[time])
        return found if found > ROUNDING else 0.0


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
    endless = [(1.0, 0.0, math.inf, 0.0)]
    return UnderLoad(
        mixtures=dict.fromkeys(TIMES, endless),
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
    )


def under_load(
    engine: Engine, prompts: Lengths, outputs: Lengths, rate: float, gap_scv: float = 1.0, evenness: float = 1.0
) -> UnderLoad:
    """The engine with requests arriving at `rate` [1/s].

    gap_scv: squared coefficient of variation of the gaps between arrivals (1: Poisson; burstiness squared).
    evenness: factor on the spread of the number present by a router that looks at it (see router_arrivals.py).
    """
    near, gap_scv = gap_scv, gap_scv - (1 - evenness)  # near: over short times, in which a router evens out little
    tokens = outputs.mean - 1
    if tokens <= 0:
        return _without_decoding(engine, prompts, rate, gap_scv)
    square = max(outputs.mean_square - 2 * outputs.mean + 1, tokens**2)
    numbers = node_numbers(engine.seats)
    steps = [engine.step(float(n)) for n in numbers[1:]]
    work = prompts_of(engine, prompts, max(engine.budget - engine.seats / 2, engine.budget / 4))
    full = full_engine(engine, work, engine.seats, steps[-1], tokens)
    most = min(full.rate, _rate_by_budget(engine, prompts, work, tokens))
    if rate >= most or rate * work.work >= 1:
        return saturated(rate, most)
    paces = [pace(engine, work, rate, step, gap_scv) for step in steps]
    leaving = [n / (one.step * tokens) for n, one in zip(numbers[1:-1], paces, strict=False)]
    leaving.append(full.rate)
    settled = _settled(engine, work, outputs, numbers, leaving, paces, full, rate, gap_scv, evenness)
    if settled is None:
        return saturated(rate, most)
    station, stall, echo = settled.station, settled.stall, settled.echo
    decoding = [*map(float, numbers[1:-1]), engine.seats - rate * full.filling]
    between = [n / (gone * tokens) for n, gone in zip(decoding, leaving, strict=True)]
    seen = seen_by_tokens(
        station.shares[1:], decoding, between, steps, settled.peakedness, square / (2 * tokens),
        station.variance, station.mean, station.crowded,
    )  # fmt: skip
    room = prompt_room(engine, seen.number)
    work = prompts_of(engine, prompts, room)
    met = Steps(
        mean=sum(share * step for share, step in zip(station.shares[1:], steps, strict=True)),
        square=sum(share * step**2 for share, step in zip(station.shares[1:], steps, strict=True)),
        own=engine.base
        if not engine.chunked
        else sum(share * step for share, step in zip(station.shares, [engine.base, *steps], strict=True)),
    )
    first = first_token(engine, work, met, room, rate, near, evenness, seen.step)
    if first is None:
        return saturated(rate, most)
    behind = left_behind(
        engine, work, seen, stall, echo, rate, gap_scv, room, max(engine.seats - station.mean, 1e-9),
        first.beside,
    )  # fmt: skip
    context = max(prompts.mean_square - prompts.mean**2, 0.0)
    classes = decoding_times(engine, work, outputs, seen, behind, stall, echo, rate, gap_scv, context)
    gaps = _gaps(engine, work, seen, stall, rate, room, first.beside, gap_scv)
    waits = _arrivals_that_wait(station, outputs, rate, full.rate, gap_scv)
    return _answer(
        engine, work, first, classes, gaps, station, outputs, rate, waits, steps[-1] - met.own, most, stall
    )  # fmt: skip


def _rate_by_budget(engine: Engine, prompts: Lengths, work: Prompts, tokens: float) -> float:
    """Requests per second where the tokens of a step bind before the seats do: every step is filled to its budget.

    Of `budget` tokens in a step, decoding and prompts have the shares in which a request needs them.
    """
    number = engine.budget * tokens / (tokens + prompts.mean)
    if not engine.chunked or number >= engine.seats:
        return math.inf
    whole = engine.step(max(number, 1.0)) + work.work * (engine.budget - number) / prompts.mean
    return number / (tokens * whole)


@record
class Settled:
    """The number present, its peakedness, and the mean stall by a prompt, and by one more prompt."""

    station: Present
    peakedness: float
    stall: float
    echo: float


def _settled(
    engine: Engine, work: Prompts, outputs: Lengths, numbers: list[int], leaving: list[float], paces: list[Pace],
    full: Full, rate: float, gap_scv: float, evenness: float,
) -> Settled | None:  # fmt: skip
    """The number present, with the clusters that prompts make of arrivals on the clock of steps (A. G. Hawkes)."""
    output_scv = max((outputs.mean_square - 2 * outputs.mean + 1) / (outputs.mean - 1) ** 2 - 1, 0.0)
    seat = engine.seats / full.rate
    service = (output_scv * (seat - full.filling) ** 2 + work.variance) / seat**2
    # The second moment counts in heavy traffic only (D. Y. Burman, D. R. Smith, Math. Oper. Res. 8 (1983) 612-630).
    varied = min(service, 1.0) * rate / full.rate + 1 - rate / full.rate
    stalls = [*(one.stall for one in paces[:-1]), full.stall]
    echoes = [one.echo for one in paces]
    settled: Settled | None = None
    stall, echo = stalls[0], echoes[0]
    for _ in range(1 if engine.chunked else 2):
        slack = 1 - rate * echo
        clusters = (gap_scv + rate**2 * work.variance) / slack**2
        peakedness = max((1 + (clusters - 1) * outputs.concentration) * evenness, 0.05)
        variability = (1 + (gap_scv - 1) / slack + varied) / 2
        station = number_present(numbers, leaving, rate, peakedness, max(variability, 0.1))
        if station is None:
            return None
        stall, echo = weighted(station.shares[1:], stalls), weighted(station.shares[1:], echoes)
        settled = Settled(station=station, peakedness=peakedness, stall=stall, echo=echo)
    return settled


def _arrivals_that_wait(station: Present, outputs: Lengths, rate: float, capacity: float, gap_scv: float) -> float:
    """Chance that an arrival finds all seats taken. Bursts find them taken more often than others do."""
    burst = max(1 + (gap_scv - 1) * outputs.concentration, 1.0)
    return min(station.crowded * (1 / burst + (1 - 1 / burst) * capacity / rate), 1.0)


def _answer(
    engine: Engine, work: Prompts, first: FirstToken, classes: list[Decoding], gaps: list[Part], station: Present,
    outputs: Lengths, rate: float, waits: float, slower: float, capacity: float, stall: float,
    wait_scv: float = 1.0,
) -> UnderLoad:  # fmt: skip
    wait = station.waiting / rate
    ttft = [((1 - waits) * share, least, mean, varies) for share, least, mean, varies in first.parts]
    later = wait / waits if waits > 0 else 0.0
    for own, part in zip(first.own, work.strata, strict=True):
        prompt = own.time + (math.ceil(part.chunks - 1e-9) * slower if engine.chunked else 0.0)
        ttft.append((own.share * waits, prompt, prompt + later, wait_scv * later**2 + own.variance))
    decoded = outputs.mean - 1
    served = [(1.0, 0.0, mixture_mean(first.parts), mixture_variance(first.parts))]
    delayed = [((1 - waits), *served[0][1:]), (waits, 0.0, served[0][2] + later, served[0][3] + wait_scv * later**2)]
    time: list[Part] = []
    tpot: list[Part] = []
    for item in classes:
        for share, least, mean, variance in item.parts:
            tpot.append((item.share * share, least, mean, variance))
            spread = variance * item.tokens**2 + item.variance * mean**2
            for weight, _, before, varies in delayed:
                time.append(
                    (
                        item.share * share * weight,
                        least * item.tokens * 0.5,
                        before + mean * item.tokens,
                        spread + varies,
                    )
                )
    in_decoding = sum(item.share * item.tokens * item.mean for item in classes) / sum(
        item.share * item.tokens for item in classes
    )
    filling = rate * mixture_mean(first.parts)
    return UnderLoad(
        mixtures={"ttft": merged(ttft), "tpot": merged(tpot), "itl": merged(gaps), "time": merged(time)},
        rate=rate,
        decoding=rate * decoded * in_decoding,
        filling=filling,
        waiting=station.waiting,
        waits=waits,
        wait=wait,
        prompt_share=rate * stall,
        capacity=capacity,
        numbers=station.numbers,
        shares=station.shares,
    )


def _gaps(
    engine: Engine, work: Prompts, seen: Seen, stall: float, rate: float, room: float, beside: float, gap_scv: float
) -> list[Part]:
    """Time between two tokens: steps without and with prompt tokens. beside: other prompts in a step with one."""
    arrivals = rate * seen.step  # per step
    spread = seen.spread * (seen.alone / seen.step) ** 2
    if not engine.chunked:
        some = 1 - no_arrival(rate * seen.alone, gap_scv)
        together = max(arrivals / some, 1.0)
        mean = max(seen.step - seen.alone, 1e-12) / some
        varies = together * work.variance + together * (together - 1) * work.work**2
        return [
            (1 - some, seen.least, seen.alone, spread),
            (some, seen.least, seen.alone + mean, spread + varies),
        ]
    pieces = []  # how often a step has such a piece of a prompt, and its work
    for part in work.strata:
        whole = math.floor(part.tokens / room)
        if whole:
            pieces.append((arrivals * part.share * whole, part.work * room / part.tokens, 0.0))
        rest = part.tokens - whole * room
        if rest > 0:
            pieces.append((arrivals * part.share, part.work * rest / part.tokens, part.variance * rest / part.tokens))
    number = sum(often for often, _, _ in pieces)
    first = sum(often * size for often, size, _ in pieces) / number
    second = sum(often * (size * size + variance) for often, size, variance in pieces) / number
    beside *= max(1 - work.tokens / room, 0.0)
    together = max(beside / -math.expm1(-beside) if beside > 1e-6 else 1.0, number)
    some = number / together
    # of a step with n prompts, each of the n counts once: given a piece, the others are fewer than for a random one
    more = together - 1
    more_variance = more * second + more * more * first * first if gap_scv > 1 else more * second
    parts = [(1 - some, seen.least, seen.alone, spread)]
    for often, size, variance in pieces:
        mean = seen.alone + size + more * first
        parts.append((some * often / number, seen.least, mean, spread + variance + more_variance))
    usual = some * first * together
    stretch = (seen.step - seen.alone) / usual if usual > 0 else 1.0
    return [
        (share, least, seen.alone + (mean - seen.alone) * stretch, variance * stretch**2)
        for share, least, mean, variance in parts
    ]


def _without_decoding(engine: Engine, prompts: Lengths, rate: float, gap_scv: float) -> UnderLoad:
    """Requests of one output token: only prompts."""
    room = prompt_room(engine, 0.0)
    work = prompts_of(engine, prompts, room)
    first = first_token(engine, work, Steps(0.0, 0.0, engine.base), room, rate, gap_scv)
    least = work.work + engine.base * (prompts.mean / room)
    if first is None:
        return saturated(rate, 1 / least)
    ttft = merged(first.parts)
    return UnderLoad(
        mixtures={"ttft": ttft, "tpot": [(1.0, math.nan, math.nan, math.nan)], "itl": [], "time": ttft},
        rate=rate,
        decoding=0.0,
        filling=rate * mixture_mean(ttft),
        waiting=0.0,
        waits=0.0,
        wait=0.0,
        prompt_share=0.0,
        capacity=1 / least,
        numbers=[0],
        shares=[1.0],
    )


def in_closed_loop(engine: Engine, prompts: Lengths, outputs: Lengths, concurrency: int) -> UnderLoad:
    """The engine with a fixed number of requests in flight: each answer is followed by the next request at once.

    For lengths that vary. Where all are alike, requests can stay together in groups that depend on how they started.
    """
    tokens = outputs.mean - 1
    inside = min(concurrency, engine.seats)
    work = prompts_of(engine, prompts, prompt_room(engine, inside))
    number, step = float(inside), engine.step(float(inside))
    for _ in range(4):
        full = full_engine(engine, work, inside, step, tokens)
        number = inside - full.rate * full.filling
        step = engine.step(max(number, 1.0))
    rate = min(full.rate, _rate_by_budget(engine, prompts, work, tokens))
    saturated_by_prompts = rate < full.rate  # they fill every step, so only so many requests decode beside them
    if saturated_by_prompts:
        number = engine.budget * tokens / (tokens + prompts.mean)
        step = engine.step(max(number, 1.0))
        between = step + work.work * (engine.budget - number) / prompts.mean
    else:
        between = number / (rate * tokens)
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
    if saturated_by_prompts:
        # The queue of prompts is what decoding leaves of the requests, and varies with the number that decodes.
        beside = inside / rate - between * tokens - sum(item.share * item.time for item in own)
        varies = number / rate**2
    parts = [(item.share, item.time, item.time + beside, varies + item.variance) for item in own]
    before = mixture_mean(parts)
    between = (inside / rate - before) / tokens  # Little's law
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
        gaps = _up_to(full_step, _gaps(engine, work, seen, full.stall, rate, room, others, 1.0), between)
    else:
        gaps = _closed_gaps(work, seen, rate)
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


def _up_to(longest: Part, parts: list[Part], mean: float) -> list[Part]:
    """Times of which none is longer than the longest, with this mean."""
    _, least, most, varies = longest
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


def largest_rate(meets: Callable[[float], bool], capacity: float) -> float:
    """The largest rate at which stated limits hold; they must hold at every smaller one. 0 where they never hold.

    >>> round(largest_rate(lambda rate: rate <= 3.0, 10.0), 3)
    3.0
    """
    low, high = 0.0, capacity
    if meets(high):
        return high
    if not meets(1e-6 * capacity):
        return 0.0
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low
