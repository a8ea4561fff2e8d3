"""How often an engine puts a request back because the KV cache runs out, where it asks for room for prompts only.

Such an engine admits a request when its prompt fits, hands out cache as sequences grow, and takes it from the request
that was admitted last when it runs out (W. Kwon et al., arXiv:2309.06180, section 4.5: recomputation). So a request is
put back when it and those before it outgrow the cache; those behind it lose their place first.

On the clock of tokens that the sequences grow by, the tokens of those before it rise by one and fall, once per mean
answer, by the context c of one that ends. This is a compound Poisson process without jumps upward, so the most that it
rises above its start is exponential: it exceeds x with chance exp(-theta x), where theta is the positive root of
theta L = 1 - E exp(-theta c), L the mean answer (J. Bertoin, Levy Processes, 1996, chapter VII: spectrally negative
processes). One that waited for room starts with what the request that ended left beyond its own prompt, the overshoot
of the same process over a level (chapter III), for which E exp(-theta x) = (1 - E[c exp(-theta c)] / L) L / P, with
the mean prompt P. One that did not wait starts with what the others leave of the cache: many ages, a normal sum.
"""

import math
from typing import Any

from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

STEPS = 60  # of Newton's rule, which falls on the root from above and slows down where prompts are short
SETTLED = 1e-12


@record
class Growth:
    """How far the tokens of those before a request rise, by chance.

    theta: rate of the exponential, 1/token. waited: chance to be put back of a request that waited for room. age,
    spread: mean and variance of the tokens of a sequence that decodes. prompt, varies: of one that starts.
    """

    theta: Any
    waited: Any
    age: Any
    spread: Any
    prompt: Any
    varies: Any


def growth(prompts: Lengths, outputs: Lengths) -> Growth:
    """Of independent prompts and outputs, both in tokens of the cache."""
    mean, answer = prompts.mean, xp.maximum(outputs.mean, 1.0)
    theta, found = 1 / answer, None
    for _ in range(STEPS):
        found = _departing(prompts, outputs, theta)
        step = (theta * answer - 1 + found[0]) / xp.maximum(answer - found[1], 1e-9 * answer)
        before, theta = theta, xp.maximum(theta - step, 0.0)
        if xp.every(before - theta <= SETTLED * before):
            break
    waited = xp.clip(xp.divide(answer - _departing(prompts, outputs, theta)[1], mean), 0.0, 1.0)
    square, cube = outputs.mean_square, sum(s.share * (s.mean**3 + 3 * s.mean * s.variance) for s in outputs.strata)
    lived = square / (2 * answer)
    varies = xp.maximum(prompts.mean_square - mean * mean, 0.0)
    return Growth(
        theta=theta,
        waited=waited,
        age=mean + lived,
        spread=varies + xp.maximum(cube / (3 * answer) - lived * lived, 0.0),
        prompt=mean,
        varies=varies,
    )


def _departing(prompts: Lengths, outputs: Lengths, theta: Any) -> tuple[Any, Any]:
    """E exp(-theta c) and E[c exp(-theta c)] of the context c of a request at its end."""
    (prompt, first), (output, second) = (_transform(lengths, theta) for lengths in (prompts, outputs))
    return prompt * output, first * output + prompt * second


def _transform(lengths: Lengths, theta: Any) -> tuple[Any, Any]:
    """E exp(-theta x) and E[x exp(-theta x)], with lengths within a stratum as a gamma distribution."""
    both = []
    for part in lengths.strata:
        scale = xp.divide(part.variance, part.mean)
        if xp.every(scale < 1e-9 * part.mean):
            value, slope = xp.exp(-theta * part.mean), part.mean
        else:
            scale = xp.maximum(scale, 1e-9 * part.mean)
            value = xp.exp(-part.mean / scale * xp.log1p(theta * scale))
            slope = part.mean / (1 + theta * scale)
        both.append((part.share * value, part.share * value * slope))
    return sum(value for value, _ in both), sum(slope for _, slope in both)


def put_back_among(found: Growth, room: Any, others: Any) -> Any:
    """Chance that a request is put back which finds so many others. room: tokens of the cache.

    Where its prompt has no room beside them it waits for it, as in the example.

    >>> from rackcalc.formulas.queues.length_distributions import fixed
    >>> alike = growth(fixed(1000.0), fixed(400.0))
    >>> put_back_among(alike, 1000.0, 100.0) == alike.waited
    True
    """
    free = room - found.prompt - others * found.age
    deviation = xp.sqrt(others * found.spread + found.varies) + 1e-6
    fits = _normal(free / deviation)
    shifted = found.theta * deviation
    rises = xp.exp(xp.minimum(shifted * (shifted / 2 - free / deviation), 500.0)) * _normal(free / deviation - shifted)
    return xp.minimum(rises, fits) + (1 - fits) * found.waited


def _normal(x: Any) -> Any:
    return xp.erfc(-x / math.sqrt(2)) / 2


def put_back_late(found: Growth, room: Any, seats: Any, by_room: Any) -> Any:
    """Chance to be put back, of a request that finds all seats taken.

    by_room: whether (1, else 0) seats stand for the room in the cache, so that it waits for room.
    """
    return xp.where(by_room > 0, found.waited, put_back_among(found, room, xp.maximum(seats - 1, 0.0)))


def put_back_at_once(found: Growth, room: Any, numbers: Any, shares: Any, seats: Any, late: Any) -> Any:
    """Chance to be put back, of a request that finds a free seat, among the numbers inside by their shares of time.

    late: where none does.
    """
    below = xp.each(lambda n, share: xp.where(n >= seats, 0.0, share), numbers, shares)
    time = xp.total(below)
    chances = xp.each(lambda n, share: share * put_back_among(found, room, n), numbers, below)
    return xp.where(time > 0, xp.divide(xp.total(chances), time), late)
