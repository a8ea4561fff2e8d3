"""Time to first token in an engine under load: the rest of the step under way, prompts of others, the own prompt.

Where prompts are short beside the token budget, all that wait share the next step, so a request waits for the rest of
one step and then for the work of all that arrived during it. Where they are long, they follow one another like the
customers of an M/G/1 queue whose server goes on decoding meanwhile (H. Takagi, Queueing Analysis 1, 1991: vacations).
In between, both laws are mixed by the share of a step that a prompt fills.
"""

from collections.abc import Sequence
from typing import Any

from rackcalc.formulas.queues.engine_steps import Engine, Prompts, companions
from rackcalc.formulas.queues.mixture_parts import Part
from rackcalc.formulas.queues.regular_arrivals import regular_chance, regular_wait
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

ROUNDS = 6
HALVINGS = 8
SLICES = 4


@record
class Steps:
    """The steps that arrivals meet. mean, square: of the time of the step under way, 0 where nobody decodes.

    own: mean time that a step takes beside the work of its prompts, where it carries a prompt.
    """

    mean: Any
    square: Any
    own: Any


@record
class Own:
    """Time of the own prompt in the steps that carry it: share of requests, mean and variance."""

    share: Any
    time: Any
    variance: Any


def own_times(engine: Engine, prompts: Prompts, steps: Steps) -> list[Own]:
    """Time of each stratum's prompt, without any queue."""
    result = []
    for part in prompts.strata:
        count = xp.ceil(part.chunks - 1e-9)
        rounding = xp.where(count > 1, steps.own**2 / 12, 0.0)
        result.append(Own(part.share, count * steps.own + part.work, part.variance + rounding))
    return result


def tied(expected: Any, gap_scv: Any) -> Any:
    """Variance of the number of arrivals in a short time, over its mean."""
    return xp.where(gap_scv > 1, xp.minimum(gap_scv, 1 + expected), xp.maximum(gap_scv, 1 - expected))


def at_least_one(expected: Any) -> Any:
    """Mean of a Poisson number that is not 0.

    >>> at_least_one(0.0), round(at_least_one(1.0), 4)
    (1.0, 1.582)
    """
    return xp.where(expected > 1e-6, xp.divide(expected, -xp.expm1(-expected)), 1.0)


@record
class Delay:
    """Time before the own prompt's steps, and by others in them: its mean, and (share, mean, variance) of its parts.

    beside: mean number of other prompts in the step that carries one's own, as if arrivals met steps at random.
    joined: the same, where bursts meet the prompts of their own.
    """

    mean: Any
    parts: list[tuple[Any, Any, Any]]
    beside: Any = 0.0
    joined: Any = 0.0


def shared_step(prompts: Prompts, steps: Steps, own: Sequence[Own], rate: Any, gap_scv: Any) -> Delay:
    """All that wait share the next step."""
    first, second, third = moments([(part.share, part.time, part.variance) for part in own])
    met, beside, busy, long = steps.mean, 0.0, 0.0, 0.0  # met: mean length of the step that an arrival meets
    scv, at_random = gap_scv, isinstance(gap_scv, float) and gap_scv >= 1
    if not at_random:  # regular arrivals lose their order where steps that vary share them out
        gap_scv = xp.where(scv < 1, 1 - (1 - scv) * (1 - rate * prompts.work), scv)
    for _ in range(ROUNDS):
        beside = rate * met + 2 * companions(rate * met / 2, gap_scv)
        busy = xp.minimum(rate * (prompts.work + steps.own / at_least_one(beside)), 0.999)
        if not at_random:
            busy = xp.where(scv < 1, regular_chance(busy, second / first**2 - 1, scv), busy)
        long = second / first + prompts.work * beside
        met = (1 - busy) * steps.mean + busy * long
    mean = met / 2 + prompts.work * beside
    near = xp.maximum(companions(rate * first, gap_scv), 0.0)
    busy = busy + (1 - busy) * near / (1 + near)  # bursts meet the prompts of their own
    after_decode = rate * steps.mean + 2 * companions(rate * steps.mean / 2, gap_scv)
    after_prompt = rate * long + 2 * companions(rate * long / 2, gap_scv)
    idle = steps.mean / 2 + prompts.work * after_decode
    delayed = xp.maximum(busy * (long / 2 + prompts.work * after_prompt), 1e-300)
    scale = xp.maximum((mean - (1 - busy) * idle) / delayed, 0.05)
    load = rate * prompts.work
    varies = xp.maximum(steps.square - steps.mean**2, 0.0)
    others = beside * prompts.square * tied(beside, gap_scv)
    long_varies = (xp.maximum(third / first - (second / first) ** 2, 0.0) + others) / (1 - load * load)
    met = (1 - busy) * steps.mean + busy * long
    joined = rate * met + 2 * companions(rate * met / 2, gap_scv)
    parts = []
    slice_square = 1 / (12 * SLICES**2)
    decode_square = steps.mean**2 * slice_square + after_decode * prompts.square * tied(after_decode, gap_scv)
    prompt_square = long**2 * slice_square + after_prompt * prompts.square * tied(after_prompt, gap_scv)
    for i in range(SLICES):
        rest = (i + 0.5) / SLICES
        part = (rest + load) ** 2
        spread = varies * part + decode_square
        parts.append(((1 - busy) / SLICES, rest * steps.mean + prompts.work * after_decode, spread))
        spread = scale**2 * (long_varies * part + prompt_square)
        parts.append((busy / SLICES, scale * (rest * long + prompts.work * after_prompt), spread))
    return Delay(mean=mean, parts=parts, beside=beside, joined=joined)


def moments(parts: Sequence[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """Mean, mean square and mean cube of a mixture of parts: share, mean, variance.

    >>> moments([(0.5, 1.0, 0.0), (0.5, 3.0, 0.0)])
    (2.0, 5.0, 14.0)
    """
    first = [share * mean for share, mean, _ in parts]
    second = [share * (mean**2 + variance) for share, mean, variance in parts]
    third = [share * (mean**3 + 3 * mean * variance) for share, mean, variance in parts]
    return xp.over_rows(first), xp.over_rows(second), xp.over_rows(third)


def waits_in_turn(load: Any, first: Any, second: Any, third: Any, gap_scv: Any) -> tuple[Any, Any, Any]:
    """Mean wait in turn, chance to wait at all, mean square of the wait. first, second, third: moments of a time."""
    near = xp.maximum(companions(load / (1 - load), gap_scv), 0.0)
    wait = (load * second / first / 2 + near * first) / (1 - load)
    square = 2 * wait**2 + (load * third / first / 3 + near * second) / (1 - load)
    delayed = load + (1 - load) * near / (1 + near)
    if isinstance(gap_scv, float) and gap_scv >= 1:
        return wait, delayed, square
    # of regular arrivals those that wait at all have waits that vary as with arrivals at random (W. Whitt 1983)
    scv, regular = second / first**2 - 1, gap_scv < 1
    rarely = regular_chance(load, scv, gap_scv)
    briefly = first * regular_wait(load, scv, gap_scv)
    less = square * (briefly / wait) ** 2 * load / xp.maximum(rarely, 1e-9)
    pairs = ((briefly, wait), (rarely, delayed), (less, square))
    mean, chance, second_moment = (xp.where(regular, one, other) for one, other in pairs)
    return mean, chance, second_moment


def prompts_in_turn(
    prompts: Prompts, steps: Steps, room: Any, rate: Any, gap_scv: Any, chunked: bool, only_prompts: bool = False
) -> tuple[Delay, Any]:
    """Prompts follow one another. Also, whether they arrive faster than their steps can take them.

    only_prompts: nothing decodes beside them, so a last step that is full costs each its share and no more.
    """
    rest = steps.mean / 2
    sharing = xp.maximum(1 - prompts.tokens / room, 0.0)
    exact = [part.tokens / room if chunked else xp.minimum(part.tokens / room, 1.0) for part in prompts.strata]
    filled = [1 - (xp.ceil(part.chunks - 1e-9) - own) for part, own in zip(prompts.strata, exact, strict=True)]
    alone = [part.work + steps.own * own for part, own in zip(prompts.strata, exact, strict=True)]
    last = [steps.own * (xp.ceil(part.chunks - 1e-9) - own) for part, own in zip(prompts.strata, exact, strict=True)]
    beside = 0.0
    for _ in range(HALVINGS):  # the number beside falls as it is assumed larger: go halfway each time
        # of the time by which a prompt delays those behind it, when so many others share its last step
        first, second, third = moments(
            [
                (part.share, time + more * _of_the_last(beside, held if only_prompts else 0.0), part.variance)
                for part, time, more, held in zip(prompts.strata, alone, last, filled, strict=True)
            ]
        )
        load = xp.minimum(rate * first, 0.9999)
        wait, delayed, square = waits_in_turn(load, first, second, third, gap_scv)
        beside = (beside + rate * (wait + rest) * sharing) / 2
    delayed = xp.maximum(delayed, 1e-9)
    later = wait / delayed
    varies = xp.maximum(steps.square - steps.mean**2, 0.0)
    parts = [
        ((1 - delayed) / SLICES, u * steps.mean, varies * u * u + steps.mean**2 / (12 * SLICES**2))
        for u in ((i + 0.5) / SLICES for i in range(SLICES))
    ]
    rest_varies = xp.maximum(steps.square / 3 - rest**2, 0.0)
    parts.append((delayed, rest + later, rest_varies + xp.maximum(square / delayed - later**2, 0.1 * later**2)))
    over = rate * xp.over_rows([part.share * time for part, time in zip(prompts.strata, alone, strict=True)]) >= 1
    return Delay(mean=wait + rest, parts=parts), over


def _of_the_last(beside: Any, filled: Any) -> Any:
    """Share of the rest of a last step that a prompt pays for, with so many others in it. filled: by the prompt itself.

    >>> _of_the_last(1.0, 0.0), _of_the_last(1.0, 0.5), _of_the_last(0.0, 0.5)
    (0.5, 0.0, 1.0)
    """
    return xp.maximum(1 / (1 + beside) - filled, 0.0) / xp.maximum(1 - filled, 1e-9)


@record
class FirstToken:
    """mean: of requests that found a seat. parts: of the mixture, before any wait for a seat.

    beside: mean number of other prompts in the step that carries one's own. over: whether prompts arrive faster than
    they can be taken.
    """

    mean: Any
    parts: list[Part]
    own: list[Own]
    beside: Any
    over: Any = False


def kept_even(engine: Engine, prompts: Prompts, steps: Steps, step: Any, room: Any, rate: Any, gap_scv: Any) -> Delay:
    """The delay where a router sends a request for each one that leaves: as many per step, however long the step is.

    step: mean time between two tokens. As in a closed loop, only prompts that fill steps make a queue.
    """
    others = rate * step + 2 * companions(rate * step / 2, gap_scv)
    queue: Any = 0.0
    if engine.chunked:
        load = xp.minimum(rate * step * prompts.tokens / room, 0.9)
        chunks = prompts.mean(lambda part: part.chunks**2) / prompts.mean(lambda part: part.chunks)
        whole = steps.mean + prompts.work * room / prompts.tokens
        queue = xp.minimum(prompts.tokens / room, 1.0) ** 2 * load * chunks / 2 / (1 - load) * whole
    varies = xp.maximum(steps.square - steps.mean**2, 0.0) + others * prompts.square
    spread = step**2 / 12 + varies / 3 + others * prompts.square * tied(others, gap_scv) + queue**2
    mean = step / 2 + others * prompts.work + queue
    return Delay(mean=mean, parts=[(1.0, mean, spread)], beside=others, joined=others)


def first_token(
    engine: Engine, prompts: Prompts, steps: Steps, room: Any, rate: Any, gap_scv: Any, evenness: Any = 1.0,
    step: Any = 0.0,
) -> FirstToken:  # fmt: skip
    """Time to first token of requests that find a seat.

    evenness: of a router that looks at the load, the share of an engine's own delays that it does not even out (see
    router_arrivals.py). step: mean time between two tokens, for such a router.
    """
    own = own_times(engine, prompts, steps)
    shared = shared_step(prompts, steps, own, rate, gap_scv)
    filled = xp.minimum(shared.beside * prompts.tokens / room, 1.0)
    in_turn = 1 - (1 - xp.minimum(prompts.tokens / room, 1.0) ** 2) * (1 - filled**2)
    queue, over = prompts_in_turn(prompts, steps, room, rate, gap_scv, engine.chunked)
    delays = [((1 - in_turn) * share, *rest) for share, *rest in shared.parts]
    delays += [(in_turn * share, *rest) for share, *rest in queue.parts]
    delay, beside = (1 - in_turn) * shared.mean + in_turn * queue.mean, shared.joined
    if not (isinstance(evenness, float) and evenness == 1):
        even = kept_even(engine, prompts, steps, step, room, rate, gap_scv)
        # Both powers were found by simulating 2 to 16 engines (tests/test_routers.py): within a step a router evens out
        # less than it does over the life of a request.
        kept = xp.sqrt(evenness)
        shorter = (1 - kept) * even.mean
        spread = (1 - kept) * even.parts[0][2]
        delays = [
            (share, kept * mean + shorter, xp.power(kept, 1.5) * variance + spread) for share, mean, variance in delays
        ]
        delay, beside = kept * delay + (1 - kept) * even.mean, kept * beside + (1 - kept) * even.joined
    delays = [(xp.where(share > 1e-7, share, 0.0), mean, variance) for share, mean, variance in delays]
    delays = [one for one in delays if hasattr(one[0], "shape") or one[0] > 0]
    parts = [
        (part.share * share, part.time, part.time + mean, variance + part.variance)
        for part in own
        for share, mean, variance in delays
    ]
    mean = xp.over_rows([part.share * part.time for part in own]) + delay
    return FirstToken(mean=mean, parts=parts, own=own, beside=beside, over=over)
