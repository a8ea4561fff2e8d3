"""Time per output token of a request: the mean over its tokens, so it varies less for long outputs.

The mean is the same for all lengths (processor sharing), plus the prompts that were left behind when the own prompt was
through, which weigh on short outputs. Its variance has three sources: the number of sequences that share the steps, and
how fast that changes; the prompts of others that fall between the first and the last token; and contexts.
"""

import math
from collections.abc import Sequence

from rackcalc.formulas.queues.engine_steps import Engine, Prompts, companions, weighted
from rackcalc.formulas.queues.gamma_mixtures import Part
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.quantities.record import record

BOUND = 3.0  # standard deviations from the mean to the time with all seats taken, which nothing exceeds
FEW = 4.0  # prompts in a request's life, up to which their number is counted out


@record
class Seen:
    """What tokens see. step: mean time between tokens; alone: without prompts. slope: of the step over the number.

    spread: variance of the step by the number decoding. free: share of that number's fluctuations that seats leave.
    turnover: tokens over which the number forgets its value. full, crowded: step with all seats taken, and how often.
    """

    step: float
    alone: float
    least: float
    slope: float
    spread: float
    number: float
    free: float
    turnover: float
    full: float
    crowded: float


def seen_by_tokens(
    shares: Sequence[float], decoding: Sequence[float], paces: Sequence[float], steps: Sequence[float],
    peakedness: float, renewal: float, variance: float, mean: float, crowded: float,
) -> Seen:  # fmt: skip
    """From the law of the number present at its nodes. renewal: mean age of a decoding request, in tokens."""
    tokens = [share * number / one for share, number, one in zip(shares, decoding, paces, strict=True)]
    step = weighted(tokens, paces)
    number = weighted(tokens, decoding)
    square = weighted(tokens, [n * n for n in decoding]) - number**2
    spread = weighted(tokens, [one * one for one in paces]) - step**2
    both = weighted(tokens, [n * one for n, one in zip(decoding, paces, strict=True)]) - number * step
    return Seen(
        step=step,
        alone=weighted(tokens, steps),
        least=steps[0],
        slope=both / square if square > 1e-9 else 0.0,
        spread=max(spread, 0.0),
        number=number,
        free=min(1.0, square / max(peakedness * number, 1e-9)),
        turnover=renewal * max(variance / (peakedness * mean), 1.0),
        full=paces[-1],
        crowded=crowded,
    )


@record
class LeftBehind:
    """Prompts that wait when a request gets its first token.

    count: their mean number. extra: s by which they lengthen decoding beyond the usual. most: s by token at most.
    chunk: work of a step full of prompt tokens.
    """

    count: float
    extra: float
    most: float
    chunk: float


def left_behind(
    engine: Engine, prompts: Prompts, seen: Seen, stall: float, echo: float, rate: float, gap_scv: float,
    room: float, seats_free: float, beside: float,
) -> LeftBehind:  # fmt: skip
    """Arrivals during the own way to the first token, less what is under way at any step. beside: see FirstToken."""
    larger = stall / prompts.work  # a pass of its own counts with its fixed time
    heavy = prompts.mean(lambda part: part.chunks * part.work) / prompts.work  # chunks of a prompt, by work
    chunk = prompts.square / prompts.work / heavy * larger
    load = min(rate * stall, 0.999)
    residual = prompts.square / prompts.work / 2
    wait = (load * residual + stall * companions(load / (1 - load), gap_scv)) / (1 - load)
    sharing = max(0.0, 1 - prompts.tokens / room)
    fixed = prompts.mean(lambda part: part.chunks) * seen.alone if engine.chunked else engine.base
    work = stall if engine.chunked else prompts.work
    count = rate * (fixed + work + prompts.work * beside * sharing + wait * (1 - sharing))
    count += companions(rate * (stall + wait), gap_scv)
    usual = 0.0
    if engine.chunked:
        usual = rate * seen.step * ((heavy + 1) / 2 + wait * (1 - sharing) / (seen.alone + chunk))
    count, usual = max(count, 0.0) / (1 + max(count, 0.0) / seats_free), usual / (1 + usual / seats_free)
    extra = stall * (count - usual) / (1 - rate * echo) * (1 - seen.crowded)
    fresh = prompts.mean(lambda part: part.work / part.chunks) * larger  # of a prompt that has not begun
    most = -math.expm1(-count) * fresh if engine.chunked else math.inf
    return LeftBehind(count=count, extra=extra, most=most, chunk=chunk)


@record
class Decoding:
    """Time per token of requests with about so many tokens after the first: share, tokens, variance of tokens, parts.

    parts: of a mixture, whose shares sum to 1. mean: of the time per token.
    """

    share: float
    tokens: float
    variance: float
    mean: float
    parts: list[Part]


def decoding_times(
    engine: Engine, prompts: Prompts, outputs: Lengths, seen: Seen, behind: LeftBehind, stall: float, echo: float,
    rate: float, gap_scv: float, context_variance: float, closed: bool = False,
) -> list[Decoding]:  # fmt: skip
    """Time per token for each stratum of the outputs that has a second token."""
    tokens_mean = outputs.mean - 1
    output_scv = max(outputs.mean_square - 2 * outputs.mean + 1, 0.0) / tokens_mean**2 - 1
    slack = 1 - (0.0 if closed else rate * echo)
    free = 0.0 if closed else seen.free
    arrivals = rate * seen.step  # requests per step
    regular = output_scv * stall**2 + prompts.variance  # of prompts, where a seat takes the next when it is free
    noise = free * gap_scv * stall**2 / slack**2 + (1 - free) * output_scv * stall**2
    noise += prompts.variance / (1.0 if closed else slack**2)
    clusters = max(gap_scv * free / slack**2, 1.0)
    left_variance = behind.count * prompts.variance + (behind.count + behind.count**2) * stall**2
    left_variance *= (1 - seen.crowded) / slack**2
    result = []
    for stratum in outputs.strata:
        tokens = stratum.mean - 1
        if tokens <= 0:
            continue
        ratio = seen.turnover / tokens
        memory = 2 * ratio * (1 - ratio * -math.expm1(-1 / ratio))
        mean = seen.step + min(behind.extra / tokens, behind.most)
        bounded = ((seen.full - seen.step) / BOUND) ** 2
        context = (engine.per_cached / slack) ** 2 * context_variance * (seen.number * memory + 1)
        shared = min(seen.spread * memory, bounded) + context
        started = left_variance / tokens**2
        if behind.most < behind.chunk:
            started = min(started, behind.most * (behind.chunk - behind.most))
        # Prompts in the request's life: long ones may overlap only in part.
        amount, square = _stalls(prompts, stall, tokens)
        number = max((mean - seen.alone) * tokens / amount, 1e-9)
        limited = closed or number > (engine.seats - 1) * max(tokens / tokens_mean, 1.0) / 4
        least = min(seen.least, seen.alone)
        if limited or number > FEW * clusters:
            whole = shared + arrivals * noise / tokens + started
            whole += free * seen.slope * stall * arrivals * memory / slack**2
            if limited:
                whole = min(whole, bounded + arrivals * regular / tokens + context)
            parts = [(1.0, least, mean, whole)]
        else:
            parts = _counted(
                number, clusters + started * tokens**2 / square / number, least, seen.alone,
                shared * (seen.alone / seen.step) ** 2, amount / tokens,
                max(square - amount**2, 0.0) / tokens**2,
            )  # fmt: skip
        result.append(Decoding(stratum.share, tokens, stratum.variance, mean, parts))
    total = sum(part.share for part in result)
    return [Decoding(part.share / total, part.tokens, part.variance, part.mean, part.parts) for part in result]


def _stalls(prompts: Prompts, stall: float, tokens: float) -> tuple[float, float]:
    """Mean and mean square of the time that a prompt adds to a life of so many tokens that it meets.

    A prompt of several chunks meets more lives, and only in part where a life is short.
    """
    larger = (stall / prompts.work) ** 2
    events = square = 0.0
    for part in prompts.strata:
        meets = tokens + part.chunks - 1
        events += part.share * meets
        square += part.share * (larger * part.work**2 + part.variance) * tokens**2 / meets
    return stall * tokens / events, square / events


def _counted(
    number: float, clusters: float, least: float, alone: float, shared: float, amount: float, amount_variance: float
) -> list[Part]:
    """No prompt, one, or more between the first and the last token. clusters: variance of their number over its mean.

    The number is negative binomial (Poisson where clusters is 1).
    """
    none = math.exp(-number) if clusters < 1.001 else clusters ** (-number / (clusters - 1))
    one = number * none / clusters
    more = 1 - none - one
    parts = [(none, least, alone, shared), (one, least, alone + amount, shared + amount_variance)]
    if more > 1e-9:
        mean = (number - one) / more
        square = (number * clusters + number**2 - one) / more
        spread = amount_variance * mean + max(square - mean**2, 0.0) * amount**2
        parts.append((more, least, alone + mean * amount, shared + spread))
    return parts
