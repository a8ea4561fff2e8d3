"""A serving engine with continuous batching under load: percentiles of its latencies, without a simulation.

Sources: F. P. Kelly, Reversibility and Stochastic Networks (1979), and J. W. Cohen, Acta Informatica 12 (1979) 245-284,
for the number of requests that share a station; A. G. Hawkes, Biometrika 58 (1971) 83-90, for arrivals that bring
about others, as they do on the clock of steps; A. Agrawal et al., Sarathi-Serve,
arXiv:2403.02310, and W. Kwon et al., arXiv:2309.06180, for what engines do.
"""

import math
from functools import partial
from typing import Any

from rackcalc.formulas.queues.engine_decoding import decoding_times, left_behind, seen_by_tokens
from rackcalc.formulas.queues.engine_first_token import Steps, first_token
from rackcalc.formulas.queues.engine_latencies import UnderLoad, answer, gaps_of, saturated
from rackcalc.formulas.queues.engine_prefills import prompt_through
from rackcalc.formulas.queues.engine_steps import (
    Engine,
    Full,
    Prompts,
    full_engine,
    longest_step,
    pace,
    prompt_room,
    prompts_of,
    weighted,
)
from rackcalc.formulas.queues.gamma_mixtures import mixture_mean
from rackcalc.formulas.queues.length_distributions import Lengths, in_rows
from rackcalc.formulas.queues.sharing_station import MANY, NEAR, ROUGH, Present, nodes_of, number_present, reached_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

# Over the scv of answers, how soon bunches dissolve: at a cv of 0.1 by a factor e. Set by hand between what simulations
# of answers all alike and of log-normal ones show (tests/test_routers.py), which do not tell it more closely.
DISSOLVING = 100.0
RAREST = 1e-12  # requests/s below which an engine is idle; searches ask for none at all


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


def full_load(engine: Engine, prompts: Lengths, outputs: Lengths) -> tuple[Prompts, Full, Any]:
    """The work of prompts, the engine with all seats taken, and the most requests per second that it can do."""
    tokens = outputs.mean - 1
    work = prompts_of(engine, prompts, xp.maximum(engine.budget - engine.seats / 2, engine.budget / 4))
    full = full_engine(engine, work, engine.seats, engine.step(float_of(engine.seats)), tokens)
    return work, full, xp.minimum(full.rate, rate_by_budget(engine, prompts, work, tokens))


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
    rate = xp.maximum(rate, RAREST)
    tokens = outputs.mean - 1
    if (tokens <= 0) is True or (hasattr(tokens, "shape") and bool((tokens <= 0).all())):
        return _without_decoding(engine, prompts, rate, near, 1 / evenness)  # 1 / replicas (router_arrivals.py)
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
    work = prompts_of(engine, in_rows(prompts) if lanes else prompts, room)
    # A step that carries a prompt has all that it has where nobody decodes: more, where groups wait for one of them.
    carrying = xp.each(lambda step: xp.maximum(step, engine.base), steps)
    met = Steps(
        mean=xp.dot(station.shares[1:], steps),
        square=xp.dot(station.shares[1:], xp.each(lambda step: step * step, steps)),
        own=xp.dot(station.shares, xp.joined(engine.base, carrying)) if engine.chunked else engine.base,
    )
    echo = echo * xp.sqrt(evenness)
    first = first_token(engine, work, met, room, rate, near, _of_delays(evenness, outputs), seen.step)
    if first.over is True:
        return saturated(rate, most)
    behind = left_behind(
        engine, work, seen, stall, echo, rate, gap_scv, room, xp.maximum(engine.seats - mean, 1e-9),
        first.beside,
    )  # fmt: skip
    context = xp.maximum(prompts.mean_square - prompts.mean**2, 0.0)
    classes = decoding_times(
        engine, work, in_rows(outputs) if lanes else outputs, seen, behind, stall, echo, rate, gap_scv, context
    )
    gaps = partial(gaps_of, engine, work, seen, stall, rate, room, first.beside, gap_scv)
    waits = _arrivals_that_wait(station, outputs, rate, full.rate, gap_scv)
    return answer(
        engine, work, first, classes, gaps, station, outputs, rate, waits, carrying[-1] - met.own, most, stall,
        over=over | first.over, longest=longest_step(engine, prompts, steps[-1]),
    )  # fmt: skip


def rate_by_budget(engine: Engine, prompts: Lengths, work: Prompts, tokens: Any) -> Any:
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
    rough = _settled(engine, work, outputs, few, steps, full, rate, gap_scv, evenness, ROUGH)
    return numbers if rough is None else nodes_of(engine.seats, lanes, reached_of(rough.station, engine.seats))


def _settled(
    engine: Engine, work: Prompts, outputs: Lengths, numbers: Any, steps: Any, full: Full, rate: Any, gap_scv: Any,
    evenness: Any, near: float = NEAR,
) -> Settled | None:  # fmt: skip
    """The number present, with the clusters that prompts make of arrivals on the clock of steps (A. G. Hawkes).

    near: see number_present().
    """
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
    for _ in range(1 if engine.chunked or near > NEAR else 2):
        slack = 1 - rate * echo * xp.sqrt(evenness)  # a router sends no more to an engine whose steps are long
        clusters = (gap_scv + rate**2 * work.variance) / slack**2
        peakedness = xp.maximum((1 + (clusters - 1) * outputs.concentration) * evenness, 0.05)
        variability = xp.maximum((1 + (gap_scv - 1) / slack + varied) / 2, 0.1)
        start = None if settled is None else settled.station.shift
        station = number_present(numbers, leaving, rate, peakedness, variability, start, near)
        if station is None:
            return None
        stall, echo = weighted(station.shares[1:], stalls), weighted(station.shares[1:], paces.echo)
        settled = Settled(station=station, peakedness=peakedness, stall=stall, echo=echo, leaving=leaving)
    return settled


def _of_delays(evenness: Any, outputs: Lengths) -> Any:
    """The evenness of delays by prompts behind a router that counts requests.

    Of answers alike, those that began together end together, and so do those that take their places: such bunches last.
    They dissolve the sooner, the more answers differ.
    """
    if isinstance(evenness, float) and evenness == 1:
        return 1.0
    return evenness + (1 - evenness) * xp.exp(-DISSOLVING * outputs.scv)


def _arrivals_that_wait(station: Present, outputs: Lengths, rate: Any, capacity: Any, gap_scv: Any) -> Any:
    """Chance that an arrival finds all seats taken. Bursts find them taken more often than others do."""
    burst = xp.maximum(1 + (gap_scv - 1) * outputs.concentration, 1.0)
    return xp.minimum(station.crowded * (1 / burst + (1 - 1 / burst) * capacity / rate), 1.0)


def _rate_of_prompts(engine: Engine, prompts: Lengths) -> Any:
    """Requests per second where all are of one output token."""
    room = prompt_room(engine, 0.0)
    return 1 / (prompts_of(engine, prompts, room).work + engine.base * (prompts.mean / room))


def _without_decoding(engine: Engine, prompts: Lengths, rate: Any, gap_scv: Any, balanced: Any) -> UnderLoad:
    """Requests of one output token: only prompts. balanced: see prompt_through."""
    room = prompt_room(engine, 0.0)
    work = prompts_of(engine, prompts, room)
    first = prompt_through(engine, work, rate, gap_scv, balanced)
    parts = [part for group in first.groups for part in group]
    most = _rate_of_prompts(engine, prompts)
    if first.over is True:
        return saturated(rate, most)
    return UnderLoad(
        parts={
            "ttft": lambda: parts,
            "tpot": lambda: [(1.0, math.nan, math.nan, math.nan)],
            "itl": lambda: [(1.0, math.nan, math.nan, math.nan)],
            "time": lambda: parts,
        },
        rate=rate,
        decoding=0.0,
        filling=rate * mixture_mean(parts),
        waiting=0.0,
        waits=0.0,
        wait=0.0,
        prompt_share=0.0,
        capacity=most,
        numbers=[0],
        shares=[1.0],
        over=first.over,
    )
