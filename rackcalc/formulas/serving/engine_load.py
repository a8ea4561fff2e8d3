"""Latencies of a serving engine with continuous batching while requests arrive at random, as means and percentiles.

The law is in formulas/queues/continuous_batching.py: how many requests decode at a time follows from the times of the
steps alone, whatever the lengths; prompts take their share of the steps, chunk by chunk; those that find no seat wait.
An engine is described by the times of a step with 1, ..., `seats` decoding sequences, at STEPS numbers in between.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    TOKEN,
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
STEPS = 6  # numbers of sequences at which the time of a step is known
FORGOTTEN = 1e-12  # s; a shorter mean wait for a seat counts as none
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
TIMES = ("ttft", "tpot", "itl", "time")
MEANS = {name: place for place, name in enumerate(("capacity", "decoding", "working", "wait", *TIMES))}


@formula(cite="definition: in geometric steps from one sequence to a full engine")
def node(seats: Count, place: Count) -> Count:
    """The number of sequences at which the step of a place, 0 to STEPS - 1, is computed.

    >>> round(node(seats=32.0, place=2.0), 9)
    4.0
    """
    return xp.power(xp.maximum(xp.floor(seats), 1.0), place / (STEPS - 1))


def _between(nodes: list[float], steps: tuple[float, ...], number: float) -> float:
    """Time of a step with a number of sequences, linear between two nodes."""
    for (low, below), (high, above) in pairwise(zip(nodes, steps, strict=True)):
        if number <= high and high > low:
            return below + (above - below) * (number - low) / (high - low)
    return steps[-1]


@lru_cache(maxsize=1 << 13)
def _law(
    rate: float, seats: float, base: float, work: float, twice: float, budget: float, chunked: float, prompt: float,
    output: float, prompt_cv: float, output_cv: float, burstiness: float, *steps: float,
) -> Any:  # fmt: skip
    """The engine under this load; None where a number is missing."""
    from rackcalc.formulas.queues.continuous_batching import under_load
    from rackcalc.formulas.queues.engine_steps import Engine
    from rackcalc.formulas.queues.length_distributions import lognormal

    if not all(0 <= value < xp.inf for value in (rate, seats, base, work, twice, *steps)):
        return None
    most = max(int(seats), 1)
    nodes = [most ** (place / (STEPS - 1)) for place in range(STEPS)]
    bend = max(twice - 2 * work, 0.0) / 2  # of work = a L + b L^2, at the mean prompt and twice its length
    engine = Engine(
        step=lambda number: _between(nodes, steps, number),
        base=base,
        work=lambda tokens: (work - bend) * tokens / prompt + bend * (tokens / prompt) ** 2,
        seats=most,
        budget=budget,
        chunked=chunked > 0,
    )
    return under_load(engine, lognormal(prompt, prompt_cv), lognormal(output, output_cv), rate, burstiness**2)


@lru_cache(maxsize=1 << 16)
def _means(*point: float) -> tuple[float, ...]:
    """Capacity, sequences that decode, share of time at work, wait for a seat, and the mean times."""
    found, (rate, seats, base, work) = _law(*point), point[:4]
    if found is None:
        return (xp.nan,) * len(MEANS)
    if found.wait == xp.inf:  # more requests than can leave
        return (found.capacity, max(int(seats), 1), 1.0, *(xp.inf,) * (1 + len(TIMES)))
    idle = max(found.shares[0], 0.0)
    working = min(1 - idle + idle * min(rate * (base + work), 1.0), 1.0)
    times = [_no_second_token(name, point) or found.mean(name) for name in TIMES]
    wait = found.wait if found.wait > FORGOTTEN else 0.0
    return (found.capacity, found.decoding, working, wait, *times)


@lru_cache(maxsize=1 << 16)
def _levels(name: str, *point: float) -> tuple[float, ...]:
    """A time at LEVELS."""
    found = _law(*point)
    if found is None:
        return (xp.nan,) * len(LEVELS)
    return tuple(_no_second_token(name, point) or found.quantile(name, level) for level in LEVELS)


def _no_second_token(name: str, point: tuple[float, ...]) -> float:
    """Of requests of one token, the time of a step in place of a time between tokens; 0 for all others."""
    return point[-STEPS] if point[8] <= 1 and name in ("tpot", "itl") else 0.0


def _mean(name: str, *arguments: Any) -> Any:
    return xp.vectorized(lambda *point: _means(*point)[MEANS[name]])(*arguments)


def _within(name: str, probability: Any, *arguments: Any) -> Any:
    def one(level: float, *point: float) -> float:
        if level in LEVELS:
            return _levels(name, *point)[LEVELS.index(level)]
        found = _law(*point)
        return xp.nan if found is None else float(found.quantile(name, level))

    return xp.vectorized(one)(probability, *arguments)


def _pure(**engine: Any) -> list[Any]:
    """The arguments without units, in the order that _law takes them."""
    units = {"rate": REQUEST / SECOND, "base": SECOND, "work": SECOND, "twice": SECOND, "budget": TOKEN}
    units |= {"prompt": TOKEN, "output": TOKEN}
    return [
        xp.pure(value / (SECOND / TOKEN if name.startswith("step_") else units.get(name, 1.0)))
        for name, value in engine.items()
    ]


@formula(cite=LAW)
def engine_capacity(
    seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> RequestsPerSecond:  # fmt: skip
    """Requests per second through the engine when all seats are taken.

    In the example 64 requests take 101 steps of 10 ms, and 64 x 30 ms for their prompts.

    >>> round(engine_capacity(
    ...     seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    21.843
    """
    point = _pure(
        rate=1e-9 * REQUEST / SECOND, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked,
        prompt=prompt, output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("capacity", *point) * REQUEST / SECOND


@formula(cite=LAW)
def sequences_decoding(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Count:  # fmt: skip
    """Mean number of sequences that decode together: none in the example, with a request in a thousand million s.

    >>> round(sequences_decoding(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.0
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("decoding", *point)


@formula(cite=LAW)
def working_share(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Ratio:  # fmt: skip
    """Share of the time in which the engine has a request.

    >>> round(working_share(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.0
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("working", *point)


@formula(cite=LAW)
def seat_wait(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Seconds:  # fmt: skip
    """Mean wait for a seat, over all requests.

    >>> round(seat_wait(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.0
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("wait", *point) * SECOND


@formula(cite=LAW, error=0.18)  # 22 % on a GPU or model left out, as of closed loops
def first_token_mean(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Seconds:  # fmt: skip
    """Mean time to first token: the step under way, prompts ahead, the request's own prompt, and any wait for a seat.

    >>> round(first_token_mean(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.04
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("ttft", *point) * SECOND


@formula(cite=LAW, error=0.18)  # 22 % on a GPU or model left out, as of closed loops
def first_token_within(
    probability: Ratio,
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Seconds:  # fmt: skip
    """Time to first token that the given share of requests stays within.

    >>> round(first_token_within(
    ...     probability=0.5, rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.04
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _within("ttft", xp.pure(probability), *point) * SECOND


@formula(cite=LAW)
def token_time_mean(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> SecondsPerToken:  # fmt: skip
    """Mean time per output token after the first.

    >>> round(token_time_mean(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.01
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("tpot", *point) * SECOND / TOKEN


@formula(cite=LAW)
def token_time_within(
    probability: Ratio,
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> SecondsPerToken:  # fmt: skip
    """Time per output token, mean over a request's tokens, that the given share of requests stays within.

    >>> round(token_time_within(
    ...     probability=0.5, rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.01
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _within("tpot", xp.pure(probability), *point) * SECOND / TOKEN


@formula(cite=LAW)
def token_gap_within(
    probability: Ratio,
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> SecondsPerToken:  # fmt: skip
    """Time between two tokens that the given share of gaps stays within: steps that hold a prompt are longer.

    >>> round(token_gap_within(
    ...     probability=0.5, rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    0.01
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _within("itl", xp.pure(probability), *point) * SECOND / TOKEN


@formula(cite=LAW)
def request_time_mean(
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Seconds:  # fmt: skip
    """Mean time of a whole request. In the example 40 ms to the first token, and 100 steps of 10 ms.

    >>> round(request_time_mean(
    ...     rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    1.04
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _mean("time", *point) * SECOND


@formula(cite=LAW)
def request_time_within(
    probability: Ratio,
    rate: RequestsPerSecond, seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> Seconds:  # fmt: skip
    """Time of a whole request that the given share of requests stays within.

    >>> round(request_time_within(
    ...     probability=0.5, rate=1e-9, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0, chunked=1.0,
    ...     prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... ), 4)
    1.04
    """
    point = _pure(
        rate=rate, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked, prompt=prompt,
        output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    return _within("time", xp.pure(probability), *point) * SECOND


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


def _largest(limit: float, probability: float, before: float, *point: float) -> float:
    """The largest rate at which the given share of whole requests stays within the limit."""
    from rackcalc.formulas.queues.continuous_batching import largest_rate

    capacity = _means(1e-9, *point)[MEANS["capacity"]]

    def meets(rate: float) -> bool:
        found = _law(rate, *point)
        return found is not None and bool(found.quantile("time", probability) + before <= limit)

    return largest_rate(meets, capacity) if capacity == capacity else xp.nan


@formula(cite=LAW)
def rate_within(
    limit: Seconds, probability: Ratio, before: Seconds,
    seats: Count, base: Seconds, work: Seconds, twice: Seconds, budget: Tokens, chunked: Ratio,
    prompt: Tokens, output: Tokens, prompt_cv: Ratio, output_cv: Ratio, burstiness: Ratio, **steps: SecondsPerToken,
) -> RequestsPerSecond:  # fmt: skip
    """Largest arrival rate at which the given share of requests stays within a limit; 0 where none does.

    In the example a request alone takes longer than the limit.

    >>> rate_within(
    ...     limit=1.0, probability=0.99, before=0.0, seats=64.0, base=0.01, work=0.03, twice=0.06, budget=2048.0,
    ...     chunked=1.0, prompt=1000.0, output=101.0, prompt_cv=0.0, output_cv=0.0, burstiness=1.0,
    ...     step_0=0.01, step_1=0.01, step_2=0.01, step_3=0.01, step_4=0.01, step_5=0.01,
    ... )
    0.0
    """
    _, *point = _pure(
        rate=1e-9 * REQUEST / SECOND, seats=seats, base=base, work=work, twice=twice, budget=budget, chunked=chunked,
        prompt=prompt, output=output, prompt_cv=prompt_cv, output_cv=output_cv, burstiness=burstiness, **steps,
    )  # fmt: skip
    wanted = xp.pure(limit / SECOND), xp.pure(probability), xp.pure(before / SECOND)
    return xp.vectorized(_largest)(*wanted, *point) * REQUEST / SECOND
