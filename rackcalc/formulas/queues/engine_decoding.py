"""Time per output token of a request: the mean over its tokens, so it varies less for long outputs.

The mean is the same for all lengths (processor sharing), plus the prompts that were left behind when the own prompt was
through, which weigh on short outputs. Its variance has three sources: the number of sequences that share the steps, and
how fast that changes; the prompts of others that fall between the first and the last token; and contexts.
"""

import operator
from collections.abc import Callable
from typing import Any

from rackcalc.formulas.queues.engine_steps import Engine, Prompts, companions, none_of, weighted
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.formulas.queues.mixture_parts import Part
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record, replace

BOUND = 3.0  # standard deviations from the mean to the time with all seats taken, which nothing exceeds
FEW = 4.0  # prompts in a request's life, up to which their number is counted out


@record
class Seen:
    """What tokens see. step: mean time between tokens; alone: without prompts. slope: of the step over the number.

    spread: variance of the step by the number decoding. free: share of that number's fluctuations that seats leave.
    turnover: tokens over which the number forgets its value. full, crowded: step with all seats taken, and how often.
    """

    step: Any
    alone: Any
    least: Any
    slope: Any
    spread: Any
    number: Any
    free: Any
    turnover: Any
    full: Any
    crowded: Any


def seen_by_tokens(
    shares: Any, decoding: Any, paces: Any, steps: Any,
    peakedness: Any, renewal: Any, variance: Any, mean: Any, crowded: Any,
) -> Seen:  # fmt: skip
    """From the law of the number present at its nodes. renewal: mean age of a decoding request, in tokens."""
    tokens = xp.each(lambda share, number, one: share * number / one, shares, decoding, paces)
    step = weighted(tokens, paces)
    number = weighted(tokens, decoding)
    square = weighted(tokens, xp.each(lambda n: n * n, decoding)) - number**2
    spread = weighted(tokens, xp.each(lambda one: one * one, paces)) - step**2
    both = weighted(tokens, xp.each(operator.mul, decoding, paces)) - number * step
    return Seen(
        step=step,
        alone=weighted(tokens, steps),
        least=steps[0],
        slope=xp.where(square > 1e-9, xp.divide(both, square), 0.0),
        spread=xp.maximum(spread, 0.0),
        number=number,
        free=xp.minimum(square / xp.maximum(peakedness * number, 1e-9), 1.0),
        turnover=renewal * xp.maximum(variance / (peakedness * mean), 1.0),
        full=paces[-1],
        crowded=crowded,
    )


@record
class LeftBehind:
    """Prompts that wait when a request gets its first token.

    count: their mean number. extra: s by which they lengthen decoding beyond the usual. most: s by token at most.
    chunk: work of a step full of prompt tokens.
    """

    count: Any
    extra: Any
    most: Any
    chunk: Any


def left_behind(
    engine: Engine, prompts: Prompts, seen: Seen, stall: Any, echo: Any, rate: Any, gap_scv: Any,
    room: Any, seats_free: Any, beside: Any,
) -> LeftBehind:  # fmt: skip
    """Arrivals during the own way to the first token, less what is under way at any step. beside: see FirstToken."""
    larger = stall / prompts.work  # a pass of its own counts with its fixed time
    heavy = prompts.mean(lambda part: part.chunks * part.work) / prompts.work  # chunks of a prompt, by work
    chunk = prompts.square / prompts.work / heavy * larger
    load = xp.minimum(rate * stall, 0.999)
    residual = prompts.square / prompts.work / 2
    wait = (load * residual + stall * companions(load / (1 - load), gap_scv)) / (1 - load)
    sharing = xp.maximum(1 - prompts.tokens / room, 0.0)
    fixed = prompts.mean(lambda part: part.chunks) * seen.alone if engine.chunked else engine.base
    work = stall if engine.chunked else prompts.work
    count = rate * (fixed + work + prompts.work * beside * sharing + wait * (1 - sharing))
    count = xp.maximum(count + companions(rate * (stall + wait), gap_scv), 0.0)
    usual = 0.0
    if engine.chunked:
        usual = rate * seen.step * ((heavy + 1) / 2 + wait * (1 - sharing) / (seen.alone + chunk))
    count, usual = count / (1 + count / seats_free), usual / (1 + usual / seats_free)
    extra = stall * (count - usual) / (1 - rate * echo) * (1 - seen.crowded)
    fresh = prompts.mean(lambda part: part.work / part.chunks) * larger  # of a prompt that has not begun
    most = -xp.expm1(-count) * fresh if engine.chunked else xp.inf
    return LeftBehind(count=count, extra=extra, most=most, chunk=chunk)


@record
class Decoding:
    """Time per token of requests with about so many tokens after the first: share, tokens, variance of tokens, parts.

    parts: of a mixture, whose shares sum to 1. mean: of the time per token.
    """

    share: Any
    tokens: Any
    variance: Any
    mean: Any
    parts: list[Part]


def decoding_times(
    engine: Engine, prompts: Prompts, outputs: Lengths, seen: Seen, behind: LeftBehind, stall: Any, echo: Any,
    rate: Any, gap_scv: Any, context_variance: Any, closed: bool = False,
) -> list[Decoding]:  # fmt: skip
    """Time per token for each stratum of the outputs that has a second token."""
    tokens_mean = outputs.mean - 1
    output_scv = xp.maximum(outputs.mean_square - 2 * outputs.mean + 1, 0.0) / tokens_mean**2 - 1
    slack = 1 - (0.0 if closed else rate * echo)
    free = 0.0 if closed else seen.free
    arrivals = rate * seen.step  # requests per step
    regular = output_scv * stall**2 + prompts.variance  # of prompts, where a seat takes the next when it is free
    noise = free * gap_scv * stall**2 / slack**2 + (1 - free) * output_scv * stall**2
    noise = noise + prompts.variance / (1.0 if closed else slack**2)
    clusters = xp.maximum(gap_scv * free / slack**2, 1.0)
    left_variance = behind.count * prompts.variance + (behind.count + behind.count**2) * stall**2
    left_variance = left_variance * ((1 - seen.crowded) / slack**2)
    bounded = ((seen.full - seen.step) / BOUND) ** 2
    wide = (engine.per_cached / slack) ** 2 * context_variance
    least = xp.minimum(seen.least, seen.alone)
    narrow = (seen.alone / seen.step) ** 2
    stalls = _stalls(prompts, stall)
    result = []
    for stratum in outputs.strata:
        # Of requests without a second token the share is none, and the time that of one more.
        some = stratum.mean > 1
        if some is False:
            continue
        tokens = xp.where(some, stratum.mean - 1, 1.0)
        ratio = seen.turnover / tokens
        memory = 2 * ratio * (1 - ratio * -xp.expm1(-1 / ratio))
        mean = xp.maximum(seen.step + xp.minimum(_extra(engine, behind, rate * echo, tokens), behind.most), seen.alone)
        context = wide * (seen.number * memory + 1)
        shared = xp.minimum(seen.spread * memory, bounded) + context
        started = left_variance / tokens**2
        started = xp.where(
            behind.most < behind.chunk, xp.minimum(started, behind.most * (behind.chunk - behind.most)), started
        )
        # Prompts in the request's life: long ones may overlap only in part.
        amount, square = stalls(tokens)
        number = xp.maximum((mean - seen.alone) * tokens / amount, 1e-9)
        limited = closed | (number > (engine.seats - 1) * xp.maximum(tokens / tokens_mean, 1.0) / 4)
        whole = shared + arrivals * noise / tokens + started
        whole = whole + free * seen.slope * stall * arrivals * memory / slack**2
        whole = xp.where(limited, xp.minimum(whole, bounded + arrivals * regular / tokens + context), whole)
        together = limited | (number > FEW * clusters)
        parts = [(1.0, least, mean, whole)]
        if together is not True and (together is False or not together.all()):
            counted = _counted(
                number, clusters + started * tokens**2 / square / number, least, seen.alone, shared * narrow,
                amount / tokens, xp.maximum(square - amount**2, 0.0) / tokens**2,
            )  # fmt: skip
            if together is False:
                parts = counted
            else:
                parts = [(xp.where(together, 1.0, 0.0), *parts[0][1:])]
                parts += [(xp.where(together, 0.0, share), *rest) for share, *rest in counted]
        result.append(Decoding(xp.where(some, stratum.share, 0.0), tokens, stratum.variance, mean, parts))
    total = xp.over_rows([part.share for part in result])
    return [replace(part, share=part.share / total) for part in result]


def _extra(engine: Engine, behind: LeftBehind, follow: Any, tokens: Any) -> Any:
    """Time per token by which the prompts left behind lengthen a life of so many tokens.

    follow: prompts that arrive in the time that one adds. Where prompts share the steps, those come a step later: a
    life of few tokens ends before the last of them.
    """
    met = 1 - xp.power(xp.clip(follow, 0.0, 1.0), tokens) if engine.chunked else 1.0
    return behind.extra * met / tokens


def _stalls(prompts: Prompts, stall: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Mean and mean square of the time that a prompt adds to a life of so many tokens that it meets.

    A prompt of several chunks meets more lives, and only in part where a life is short.
    """
    larger = (stall / prompts.work) ** 2
    squares = prompts.each(lambda part: part.share * (larger * part.work**2 + part.variance))
    further = prompts.each(lambda part: part.chunks - 1)
    beside = prompts.mean(lambda part: part.chunks - 1)

    def of_life(tokens: Any) -> tuple[Any, Any]:
        meets = tokens + beside
        square = sum([one * tokens**2 / (tokens + more) for one, more in zip(squares, further, strict=True)])
        return stall * tokens / meets, square / meets

    return of_life


def _counted(
    number: Any, clusters: Any, least: Any, alone: Any, shared: Any, amount: Any, amount_variance: Any
) -> list[Part]:
    """No prompt, one, or more between the first and the last token. clusters: variance of their number over its mean.

    The number is negative binomial (Poisson where clusters is 1).
    """
    none = none_of(number, clusters)
    one = number * none / clusters
    more = xp.maximum(1 - none - one, 0.0)
    some = more > 1e-9
    rest = xp.where(some, more, 1.0)
    mean = (number - one) / rest
    square = (number * clusters + number**2 - one) / rest
    spread = amount_variance * mean + xp.maximum(square - mean**2, 0.0) * amount**2
    return [
        (none, least, alone, shared),
        (one, least, alone + amount, shared + amount_variance),
        (xp.where(some, more, 0.0), least, alone + mean * amount, shared + spread),
    ]
