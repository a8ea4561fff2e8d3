"""The steps of one serving engine with continuous batching, and how prompts lengthen them.

Every step gives each decoding sequence one token. On the clock of steps a request stays for as many steps as it has
tokens, whatever the load, so decoding is an infinite server whose arrivals come faster while steps are long. A prompt
puts its work into the steps (chunked prefill), or stops decoding for a pass of its own.

Every number is a float or an array with one value for each of many engines, its lanes. A column has a value for each
node of the number present: a list of floats, or an array whose first axis runs over the nodes.
"""

from collections.abc import Callable
from typing import Any

from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

ROUNDS = 6
MIDDLE = 0.75  # mean of companions in a time, over those at its end: between 1/1.43 (short) and 1 (long)


@record
class Engine:
    """Times in s, of one engine (all GPUs that compute one step together).

    step: time of a step with so many decoding sequences, of mean context, and no prompt. base: time of a step without
    any decoding sequence and without the work of its prompt tokens. work: what a prompt of so many tokens adds, in all
    its chunks together. seats: most sequences that decode together: max_num_seqs, or what the KV cache holds.
    budget: most tokens in a step. per_cached: time that one more cached token adds to a step.
    """

    step: Callable[[Any], Any]
    base: Any
    work: Callable[[Any], Any]
    seats: Any
    budget: Any
    chunked: bool = True
    per_cached: Any = 0.0


@record
class Prompt:
    """Some of the prompts: their share, tokens, work in s and its variance, and the steps that they take (chunks).

    Of lanes, all of the prompts, with their strata on the first axis (length_distributions.in_rows).
    """

    share: Any
    tokens: Any
    work: Any
    variance: Any
    chunks: Any


@record
class Prompts:
    """All prompts: mean work, mean of its square, and strata."""

    strata: list[Prompt]
    tokens: Any
    work: Any
    square: Any

    @property
    def variance(self) -> Any:
        """Variance of the work of a prompt."""
        return xp.maximum(self.square - self.work * self.work, 0.0)

    def mean(self, value: Callable[[Prompt], Any]) -> Any:
        """Mean over prompts."""
        return xp.over_rows([part.share * value(part) for part in self.strata])

    def each(self, value: Callable[[Prompt], Any]) -> list[Any]:
        """A value of every stratum."""
        found, share = [value(part) for part in self.strata], self.strata[0].share
        if getattr(share, "ndim", 0) < 2:  # not in rows
            return found
        return list(found[0]) if getattr(found[0], "ndim", 0) > 1 else found * len(share)


def prompts_of(engine: Engine, lengths: Lengths, room: Any) -> Prompts:
    """Work of prompts of these lengths. room: prompt tokens that fit into one step."""
    strata = []
    for part in lengths.strata:
        spread = xp.sqrt(part.variance)
        high, low = engine.work(part.mean + spread), engine.work(xp.maximum(part.mean - spread, 0.0))
        chunks = xp.maximum(part.mean / room, 1.0) if engine.chunked else 1.0
        middle, variance = (high + low) / 2, ((high - low) / 2) ** 2
        strata.append(Prompt(part.share, part.mean, middle, variance, chunks))
    work = xp.over_rows([part.share * part.work for part in strata])
    square = xp.over_rows([part.share * (part.work**2 + part.variance) for part in strata])
    return Prompts(strata=strata, tokens=lengths.mean, work=work, square=square)


def prompt_room(engine: Engine, decoding: Any) -> Any:
    """Prompt tokens that fit into a step beside so many decoding sequences."""
    return xp.maximum(engine.budget - decoding, engine.budget / 4) if engine.chunked else engine.budget


def longest_step(engine: Engine, lengths: Lengths, full: Any) -> Any:
    """A step with as many prompt tokens as it may have, of the prompts whose tokens take longest, the last of them.

    full: time of a step with all seats taken and no prompt. Where prompts do not share the steps it has no bound.
    """
    if not engine.chunked:
        return xp.inf
    most: Any = 0.0
    for part in lengths.strata:
        tokens = part.mean + 2 * xp.sqrt(part.variance)
        piece = xp.minimum(tokens, engine.budget)
        work = engine.work(tokens) - engine.work(tokens - piece)
        most = xp.maximum(most, work * engine.budget / piece)
    return full + most


def companions(expected: Any, gap_scv: Any) -> Any:
    """Arrivals in a time after an arrival, beyond the `expected` number at any time.

    The renewal function of gamma gaps: it tends to (scv - 1) / 2 (D. R. Cox, Renewal Theory, 1962); the way there is a
    curve within a tenth of that limit for scv 2 to 9. Regular arrivals have none at once, so the curve starts with all
    that are expected: exact for Erlang-2, within 0.06 of those of gamma gaps down to scv 1/8.

    >>> round(companions(1e3, 4.0), 3), companions(1.0, 1.0)
    (1.5, 0.0)
    """
    if isinstance(gap_scv, float) and gap_scv == 1:
        return 0.0
    bursts = (gap_scv - 1) / 2 * -xp.expm1(-1.45 * xp.power(expected, 0.43))
    if isinstance(gap_scv, float) and gap_scv > 1:
        return bursts
    regular = xp.minimum(gap_scv, 1 - 1e-9)
    reach = 2 * expected / (1 - regular)
    reach = reach * (1 + 1.2 * xp.maximum(1 - 2 * regular, 0.0) * reach)
    few = xp.maximum((regular - 1) / 2 * -xp.expm1(-reach), -expected)
    return xp.where(gap_scv > 1, bursts, few)


def no_arrival(expected: Any, gap_scv: Any) -> Any:
    """Chance that no request arrives in a time in which `expected` do on average; bursts leave it free more often.

    Their number is taken as negative binomial, with the variance that the companions give it.

    >>> round(no_arrival(1.0, 1.0), 4)
    0.3679
    """
    clusters = 1 + 2 * MIDDLE * companions(expected, gap_scv)
    if isinstance(clusters, float) and clusters < 1.001:
        return xp.exp(-expected)
    return none_of(expected, clusters)


def none_of(expected: Any, clusters: Any) -> Any:
    """Chance that a negative binomial number is 0. clusters: its variance over its mean; Poisson where it is 1.

    >>> round(none_of(2.0, 1.0), 4), none_of(2.0, 2.0)
    (0.1353, 0.25)
    """
    few = clusters < 1.001
    return xp.where(few, xp.exp(-expected), xp.power(clusters, -expected / (xp.where(few, 2.0, clusters) - 1)))


@record
class Pace:
    """The pace of decoding with n sequences, in columns. step: s between two tokens, with prompts. stall: s by each
    prompt in all. echo: s by one more prompt, which is less where it shares a pass with others.
    """

    step: Any
    stall: Any
    echo: Any


def pace(engine: Engine, prompts: Prompts, rate: Any, steps: Any, gap_scv: Any) -> Pace:
    """Pace of decoding when the steps alone take `steps`, a column, and requests arrive at `rate`."""
    free = 1 - rate * prompts.work
    if engine.chunked:
        work = xp.each(lambda step: prompts.work + 0.0 * step, steps)
        return Pace(step=xp.each(lambda step: step / free, steps), stall=work, echo=work)
    alone = _alone(rate * prompts.work, rate * engine.base)
    found = xp.each(lambda step: _passes(engine, prompts, rate, free, step, gap_scv, alone), steps)
    step, stall, echo = map(list, zip(*found, strict=True)) if isinstance(found, list) else found
    return Pace(step=step, stall=stall, echo=echo)


def _alone(load: Any, base: Any) -> Callable[[Any], Any]:
    """Chance that nobody arrives during a pass, from the mean number of prompts in it, for Poisson arrivals.

    load: arrivals in the time of a prompt's work, below 1; base: in a pass but for its prompts. The number in a pass
    is Poisson given the last pass, which varies too, so its variance is 1 / (1 - load^2) of its mean; it is taken as
    negative binomial, but for none. Within 1 % of the chain of passes, in which a long pass is followed by a long one;
    with passes of mean length they are up to twice as many (tests/test_passes_of_prompts.py).
    """
    more = 1 / xp.maximum(1 - load * load, 1e-6) - 1 + 1e-6
    none = xp.log1p(more) / more
    mixed = xp.log1p(more * -xp.expm1(-load)) / more / none

    def chance(number: Any) -> Any:
        mean = none * number
        root = xp.maximum(xp.minimum(2 * mean - 2, mean), 1e-6)
        for _ in range(2):  # Newton's method: root / (1 - exp(-root)) = mean
            late = xp.exp(-root)
            root = xp.maximum(root - (root - mean * (1 - late)) / xp.maximum(1 - mean * late, 1e-6), 1e-6)
        late = xp.exp(-root)
        return xp.exp(-base) * (xp.exp(-root * mixed) - late) / (1 - late)

    return chance


def _passes(
    engine: Engine, prompts: Prompts, rate: Any, free: Any, step: Any, gap_scv: Any, alone_after: Callable[[Any], Any]
) -> tuple[Any, Any, Any]:
    """Time between two tokens, stall and echo. Passes follow one another while requests arrived during the last one;
    all that wait share a pass. alone_after: chance that nobody came, from the prompts in the last one.
    """
    base, work = engine.base, xp.maximum(prompts.work, 1e-12)
    arrived, length, passes = rate * step / free, base + prompts.work, 0.0
    nobody = no_arrival(rate * step, gap_scv)
    some = 1 - nobody
    for _ in range(ROUNDS):
        again = alone_after(xp.maximum((length - base) / work, 1.0))
        if not (isinstance(gap_scv, float) and gap_scv == 1):  # as much more often as after a time of mean length
            expected = xp.minimum(rate * length, 30.0)
            again = again * no_arrival(expected, gap_scv) * xp.exp(expected)
        again = xp.clip(again, 1e-3, 1.0)
        passes = xp.minimum(xp.maximum(some / again, arrived * prompts.tokens / engine.budget), arrived)
        arrived = rate * (step + passes * base) / free
        length = base + prompts.work * arrived / passes
    alone = rate * (step * nobody + passes * length * no_arrival(rate * length, gap_scv)) / arrived
    each = passes / arrived
    return (
        (step + passes * base) / free,
        prompts.work + base * each,
        prompts.work + base * xp.minimum(alone, each),
    )


@record
class Full:
    """An engine with all seats taken. rate: requests per second through it. stall: s by each prompt.

    filling: time of a seat's request before its first token.
    """

    rate: Any
    stall: Any
    filling: Any


def full_engine(engine: Engine, prompts: Prompts, seats: Any, step: Any, tokens: Any) -> Full:
    """Closed loop of `seats` requests, each of `tokens` steps after its first token. Exact for means (Little's law)."""
    if engine.chunked:
        chunks = prompts.mean(lambda part: part.chunks)
        rate = seats / (step * (tokens + chunks) + seats * prompts.work)
        return Full(rate=rate, stall=prompts.work, filling=chunks * seats / (rate * (tokens + chunks)))
    together = seats / tokens
    passes = xp.maximum(-xp.expm1(-together) / together, xp.minimum(prompts.tokens / engine.budget, 1.0))
    stall = prompts.work + engine.base * passes
    return Full(rate=seats / (step * tokens + seats * stall), stall=stall, filling=stall)


def weighted(shares: Any, values: Any) -> Any:
    """Mean of a column with these shares, which need not sum to 1."""
    return xp.dot(shares, values) / xp.maximum(xp.total(shares), 1e-300)
