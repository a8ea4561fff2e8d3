"""Time to first token in an engine under load: the rest of the step under way, prompts of others, the own prompt.

Where prompts are short beside the token budget, all that wait share the next step, so a request waits for the rest of
one step and then for the work of all that arrived during it. Where they are long, they follow one another like the
customers of an M/G/1 queue whose server goes on decoding meanwhile (H. Takagi, Queueing Analysis 1, 1991: vacations).
In between, both laws are mixed by the share of a step that a prompt fills.
"""

import math
from collections.abc import Sequence

from rackcalc.formulas.queues.engine_steps import Engine, Prompts, companions
from rackcalc.formulas.queues.gamma_mixtures import Part
from rackcalc.formulas.queues.regular_arrivals import regular_chance, regular_wait
from rackcalc.quantities.record import record

ROUNDS = 6
HALVINGS = 8
SLICES = 4


@record
class Steps:
    """The steps that arrivals meet. mean, square: of the time of the step under way, 0 where nobody decodes.

    own: mean time that a step takes beside the work of its prompts, where it carries a prompt.
    """

    mean: float
    square: float
    own: float


@record
class Own:
    """Time of the own prompt in the steps that carry it: share of requests, mean and variance."""

    share: float
    time: float
    variance: float


def own_times(engine: Engine, prompts: Prompts, steps: Steps) -> list[Own]:
    """Time of each stratum's prompt, without any queue."""
    result = []
    for part in prompts.strata:
        count = math.ceil(part.chunks - 1e-9)
        rounding = steps.own**2 / 12 if count > 1 else 0.0
        result.append(Own(part.share, count * steps.own + part.work, part.variance + rounding))
    return result


def _tied(expected: float, gap_scv: float) -> float:
    """Variance of the number of arrivals in a short time, over its mean."""
    return min(gap_scv, 1 + expected) if gap_scv > 1 else max(gap_scv, 1 - expected)


@record
class Delay:
    """Time before the own prompt's steps, and by others in them: its mean, and (share, mean, variance) of its parts.

    beside: mean number of other prompts in the step that carries one's own, as if arrivals met steps at random.
    joined: the same, where bursts meet the prompts of their own.
    """

    mean: float
    parts: list[tuple[float, float, float]]
    beside: float = 0.0
    joined: float = 0.0


def shared_step(prompts: Prompts, steps: Steps, own: Sequence[Own], rate: float, gap_scv: float) -> Delay:
    """All that wait share the next step."""
    first = sum(part.share * part.time for part in own)
    second = sum(part.share * (part.time**2 + part.variance) for part in own)
    third = sum(part.share * (part.time**3 + 3 * part.time * part.variance) for part in own)
    met, beside, busy, long = steps.mean, 0.0, 0.0, 0.0  # met: mean length of the step that an arrival meets
    scv = gap_scv
    if gap_scv < 1:  # regular arrivals lose their order where steps that vary share them out
        gap_scv = 1 - (1 - gap_scv) * (1 - rate * prompts.work)
    near = companions(rate * first, gap_scv)
    for _ in range(ROUNDS):
        beside = rate * met + 2 * companions(rate * met / 2, gap_scv)
        together = beside / -math.expm1(-beside) if beside > 1e-6 else 1.0
        busy = min(rate * (prompts.work + steps.own / together), 0.999)
        if gap_scv < 1:
            busy = regular_chance(busy, second / first**2 - 1, scv)
        long = second / first + prompts.work * beside
        met = (1 - busy) * steps.mean + busy * long
    mean = met / 2 + prompts.work * beside
    busy += (1 - busy) * max(near, 0.0) / (1 + max(near, 0.0))  # bursts meet the prompts of their own
    after_decode = rate * steps.mean + 2 * companions(rate * steps.mean / 2, gap_scv)
    after_prompt = rate * long + 2 * companions(rate * long / 2, gap_scv)
    idle = steps.mean / 2 + prompts.work * after_decode
    scale = max((mean - (1 - busy) * idle) / max(busy * (long / 2 + prompts.work * after_prompt), 1e-300), 0.05)
    load = rate * prompts.work
    varies = max(steps.square - steps.mean**2, 0.0)
    long_varies = max(third / first - (second / first) ** 2, 0.0) + beside * prompts.square * _tied(beside, gap_scv)
    long_varies /= 1 - load * load
    met = (1 - busy) * steps.mean + busy * long
    joined = rate * met + 2 * companions(rate * met / 2, gap_scv)
    parts = []
    for i in range(SLICES):
        rest = (i + 0.5) / SLICES
        slice_square = 1 / (12 * SLICES**2)
        spread = varies * (rest + load) ** 2 + steps.mean**2 * slice_square
        spread += after_decode * prompts.square * _tied(after_decode, gap_scv)
        parts.append(((1 - busy) / SLICES, rest * steps.mean + prompts.work * after_decode, spread))
        spread = long_varies * (rest + load) ** 2 + long**2 * slice_square
        spread += after_prompt * prompts.square * _tied(after_prompt, gap_scv)
        parts.append((busy / SLICES, scale * (rest * long + prompts.work * after_prompt), scale**2 * spread))
    return Delay(mean=mean, parts=parts, beside=beside, joined=joined)


def _queue(load: float, first: float, second: float, third: float, gap_scv: float) -> tuple[float, float, float]:
    """Mean wait in turn, chance to wait at all, mean square of the wait. first, second, third: moments of a time."""
    rate = load / first
    if gap_scv < 1:  # those that wait at all have waits that vary as with arrivals at random (W. Whitt 1983)
        at_random, always, spread = _queue(load, first, second, third, 1.0)
        scv = second / first**2 - 1
        wait, delayed = first * regular_wait(load, scv, gap_scv), regular_chance(load, scv, gap_scv)
        return wait, delayed, spread * (wait / at_random) ** 2 * always / max(delayed, 1e-9)
    near = companions(load / (1 - load), gap_scv)
    wait = (rate * second / 2 + near * first) / (1 - load)
    square = 2 * wait**2 + rate * third / (3 * (1 - load)) + near * second / (1 - load)
    return wait, load + (1 - load) * near / (1 + near), square


def prompts_in_turn(
    prompts: Prompts, steps: Steps, room: float, rate: float, gap_scv: float, chunked: bool
) -> Delay | None:
    """Prompts follow one another; None where they arrive faster than their steps can take them."""
    rest = steps.mean / 2
    sharing = max(0.0, 1 - prompts.tokens / room)

    def moments(beside: float) -> tuple[float, float, float]:
        """Of the time by which a prompt delays those behind it, when so many others share its last step."""
        first = second = third = 0.0
        for part in prompts.strata:
            exact = part.tokens / room if chunked else 0.0
            time = part.work + steps.own * (exact + (math.ceil(part.chunks - 1e-9) - exact) / (1 + beside))
            first += part.share * time
            second += part.share * (time**2 + part.variance)
            third += part.share * (time**3 + 3 * time * part.variance)
        return first, second, third

    if rate * moments(math.inf)[0] >= 1:
        return None
    beside = 0.0
    for _ in range(HALVINGS):  # the number beside falls as it is assumed larger: go halfway each time
        first, second, third = moments(beside)
        load = min(rate * first, 0.9999)
        wait, delayed, square = _queue(load, first, second, third, gap_scv)
        beside = (beside + rate * (wait + rest) * sharing) / 2
    later = wait / max(delayed, 1e-9)
    varies = max(steps.square - steps.mean**2, 0.0)
    parts = [
        ((1 - delayed) / SLICES, u * steps.mean, varies * u * u + steps.mean**2 / (12 * SLICES**2))
        for u in ((i + 0.5) / SLICES for i in range(SLICES))
    ]
    rest_varies = max(steps.square / 3 - rest**2, 0.0)
    parts.append((delayed, rest + later, rest_varies + max(square / max(delayed, 1e-9) - later**2, 0.1 * later**2)))
    return Delay(mean=wait + rest, parts=parts)


@record
class FirstToken:
    """mean: of requests that found a seat. parts: of the mixture, before any wait for a seat.

    beside: mean number of other prompts in the step that carries one's own.
    """

    mean: float
    parts: list[Part]
    own: list[Own]
    beside: float


def kept_even(
    engine: Engine, prompts: Prompts, steps: Steps, step: float, room: float, rate: float, gap_scv: float
) -> Delay:
    """The delay where a router sends a request for each one that leaves: as many per step, however long the step is.

    step: mean time between two tokens. As in a closed loop, only prompts that fill steps make a queue.
    """
    others = rate * step + 2 * companions(rate * step / 2, gap_scv)
    queue = 0.0
    if engine.chunked:
        load = min(rate * step * prompts.tokens / room, 0.9)
        chunks = prompts.mean(lambda part: part.chunks**2) / prompts.mean(lambda part: part.chunks)
        whole = steps.mean + prompts.work * room / prompts.tokens
        queue = min(prompts.tokens / room, 1.0) ** 2 * load * chunks / 2 / (1 - load) * whole
    varies = max(steps.square - steps.mean**2, 0.0) + others * prompts.square
    spread = step**2 / 12 + varies / 3 + others * prompts.square * _tied(others, gap_scv) + queue**2
    mean = step / 2 + others * prompts.work + queue
    return Delay(mean=mean, parts=[(1.0, mean, spread)], beside=others, joined=others)


def first_token(
    engine: Engine, prompts: Prompts, steps: Steps, room: float, rate: float, gap_scv: float, evenness: float = 1.0,
    step: float = 0.0,
) -> FirstToken | None:  # fmt: skip
    """Time to first token of requests that find a seat; None where prompts arrive faster than they can be taken.

    evenness: of a router that looks at the load, the share of an engine's own delays that it does not even out (see
    router_arrivals.py). step: mean time between two tokens, for such a router.
    """
    own = own_times(engine, prompts, steps)
    shared = shared_step(prompts, steps, own, rate, gap_scv)
    filled = min(shared.beside * prompts.tokens / room, 1.0)
    in_turn = 1 - (1 - min(prompts.tokens / room, 1.0) ** 2) * (1 - filled**2)
    queue = prompts_in_turn(prompts, steps, room, rate, gap_scv, engine.chunked)
    if queue is None:
        return None
    delays = [((1 - in_turn) * share, *rest) for share, *rest in shared.parts]
    delays += [(in_turn * share, *rest) for share, *rest in queue.parts]
    delay, beside = (1 - in_turn) * shared.mean + in_turn * queue.mean, shared.joined
    if evenness < 1:
        even = kept_even(engine, prompts, steps, step, room, rate, gap_scv)
        evenness = math.sqrt(evenness)  # found by simulation: between steps the router evens out less
        delays = [(evenness * share, *rest) for share, *rest in delays]
        delays += [((1 - evenness) * share, *rest) for share, *rest in even.parts]
        delay, beside = (
            evenness * one + (1 - evenness) * two for one, two in ((delay, even.mean), (beside, even.joined))
        )
    parts = [
        (part.share * share, part.time, part.time + mean, variance + part.variance)
        for part in own
        for share, mean, variance in delays
        if share > 1e-7
    ]
    mean = sum(part.share * part.time for part in own) + delay
    return FirstToken(mean=mean, parts=parts, own=own, beside=beside)
