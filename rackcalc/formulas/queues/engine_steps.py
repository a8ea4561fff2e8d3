"""The steps of one serving engine with continuous batching, and how prompts lengthen them.

Every step gives each decoding sequence one token. On the clock of steps a request stays for as many steps as it has
tokens, whatever the load, so decoding is an infinite server whose arrivals come faster while steps are long. A prompt
puts its work into the steps (chunked prefill), or stops decoding for a pass of its own.
"""

import math
from collections.abc import Callable, Sequence

from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.quantities.record import record

ROUNDS = 4
MIDDLE = 0.75  # mean of companions in a time, over those at its end: between 1/1.43 (short) and 1 (long)


@record
class Engine:
    """Times in s, of one engine (all GPUs that compute one step together).

    step: time of a step with so many decoding sequences, of mean context, and no prompt. base: time of a step without
    any decoding sequence and without the work of its prompt tokens. work: what a prompt of so many tokens adds, in all
    its chunks together. seats: most sequences that decode together: max_num_seqs, or what the KV cache holds.
    budget: most tokens in a step. per_cached: time that one more cached token adds to a step.
    """

    step: Callable[[float], float]
    base: float
    work: Callable[[float], float]
    seats: int
    budget: float
    chunked: bool = True
    per_cached: float = 0.0


@record
class Prompt:
    """Some of the prompts: their share, tokens, work in s and its variance, and the steps that they take (chunks)."""

    share: float
    tokens: float
    work: float
    variance: float
    chunks: float


@record
class Prompts:
    """All prompts: mean work, mean of its square, and strata."""

    strata: list[Prompt]
    tokens: float
    work: float
    square: float

    @property
    def variance(self) -> float:
        """Variance of the work of a prompt."""
        return max(self.square - self.work * self.work, 0.0)

    def mean(self, value: Callable[[Prompt], float]) -> float:
        """Mean over prompts."""
        return sum(part.share * value(part) for part in self.strata)


def prompts_of(engine: Engine, lengths: Lengths, room: float) -> Prompts:
    """Work of prompts of these lengths. room: prompt tokens that fit into one step."""
    strata = []
    for part in lengths.strata:
        spread = math.sqrt(part.variance)
        high, low = engine.work(part.mean + spread), engine.work(max(part.mean - spread, 0.0))
        chunks = max(part.mean / room, 1.0) if engine.chunked else 1.0
        strata.append(Prompt(part.share, part.mean, (high + low) / 2, ((high - low) / 2) ** 2, chunks))
    work = sum(part.share * part.work for part in strata)
    square = sum(part.share * (part.work**2 + part.variance) for part in strata)
    return Prompts(strata=strata, tokens=lengths.mean, work=work, square=square)


def prompt_room(engine: Engine, decoding: float) -> float:
    """Prompt tokens that fit into a step beside so many decoding sequences."""
    return max(engine.budget - decoding, engine.budget / 4) if engine.chunked else engine.budget


def companions(expected: float, gap_scv: float) -> float:
    """Arrivals in a time after an arrival, beyond the `expected` number at any time.

    The renewal function of gamma gaps: it tends to (scv - 1) / 2 (D. R. Cox, Renewal Theory, 1962); the way there is a
    curve within a tenth of that limit for scv 2 to 9. Regular arrivals have none at once, so the curve starts with all
    that are expected: exact for Erlang-2, within 0.06 of those of gamma gaps down to scv 1/8.

    >>> round(companions(1e3, 4.0), 3), companions(1.0, 1.0)
    (1.5, 0.0)
    """
    if gap_scv == 1:
        return 0.0
    if gap_scv < 1:
        reach = 2 * expected / (1 - gap_scv)
        reach *= 1 + 1.2 * max(1 - 2 * gap_scv, 0.0) * reach
        return max((gap_scv - 1) / 2 * -math.expm1(-reach), -expected)
    return (gap_scv - 1) / 2 * -math.expm1(-1.45 * expected**0.43)


def no_arrival(expected: float, gap_scv: float) -> float:
    """Chance that no request arrives in a time in which `expected` do on average; bursts leave it free more often.

    Their number is taken as negative binomial, with the variance that the companions give it.

    >>> round(no_arrival(1.0, 1.0), 4)
    0.3679
    """
    clusters = 1 + 2 * MIDDLE * companions(expected, gap_scv)
    if clusters < 1.001:
        return math.exp(-expected)
    return clusters ** (-expected / (clusters - 1))


@record
class Pace:
    """The pace of decoding with n sequences. step: s between two tokens, with prompts. stall: s by each prompt in all.

    echo: s by one more prompt, which is less where it shares a pass with others.
    """

    step: float
    stall: float
    echo: float


def pace(engine: Engine, prompts: Prompts, rate: float, step: float, gap_scv: float) -> Pace:
    """Pace of decoding when a step alone takes `step` and requests arrive at `rate`."""
    free = 1 - rate * prompts.work
    if engine.chunked:
        return Pace(step=step / free, stall=prompts.work, echo=prompts.work)
    # Passes follow one another while requests arrived during the last one; all that wait share a pass.
    base = engine.base
    arrived, length, passes = rate * step / free, base + prompts.work, 0.0
    for _ in range(ROUNDS):
        again = max(no_arrival(rate * length, gap_scv), 1e-3)
        passes = min(
            max((1 - no_arrival(rate * step, gap_scv)) / again, arrived * prompts.tokens / engine.budget), arrived
        )
        arrived = rate * (step + passes * base) / free
        length = base + prompts.work * arrived / passes
    nobody = no_arrival(rate * step, gap_scv), no_arrival(rate * length, gap_scv)
    alone = rate * (step * nobody[0] + passes * length * nobody[1]) / arrived
    each = passes / arrived
    return Pace(
        step=(step + passes * base) / free,
        stall=prompts.work + base * each,
        echo=prompts.work + base * min(alone, each),
    )


@record
class Full:
    """An engine with all seats taken. rate: requests per second through it. stall: s by each prompt.

    filling: time of a seat's request before its first token.
    """

    rate: float
    stall: float
    filling: float


def full_engine(engine: Engine, prompts: Prompts, seats: float, step: float, tokens: float) -> Full:
    """Closed loop of `seats` requests, each of `tokens` steps after its first token. Exact for means (Little's law)."""
    if engine.chunked:
        chunks = prompts.mean(lambda part: part.chunks)
        rate = seats / (step * (tokens + chunks) + seats * prompts.work)
        return Full(rate=rate, stall=prompts.work, filling=chunks * seats / (rate * (tokens + chunks)))
    together = seats / tokens
    stall = prompts.work - engine.base * math.expm1(-together) / together
    return Full(rate=seats / (step * tokens + seats * stall), stall=stall, filling=stall)


def weighted(shares: Sequence[float], values: Sequence[float]) -> float:
    """Mean of the values with these shares, which need not sum to 1."""
    return sum(a * b for a, b in zip(shares, values, strict=True)) / max(sum(shares), 1e-300)
