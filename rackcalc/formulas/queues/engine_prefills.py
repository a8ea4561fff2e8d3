"""Time until a prompt is through, in an engine that only prefills.

Where prompts are short beside the token budget, all that come during a pass share the next one: a chain of passes
(gated service; see H. Takagi, Queueing Analysis 1, 1991). The moments of a pass follow from those of the last one; how
often nobody comes, bursts, and the variances of the waits are forms of our own, judged by simulation. Where prompts are
long they follow one another, as in engine_first_token.py. In between both laws are mixed as there.
"""

import math
from typing import Any

from rackcalc.formulas.queues.engine_first_token import SLICES, Steps, moments, own_times, prompts_in_turn, tied
from rackcalc.formulas.queues.engine_steps import MIDDLE, Engine, Prompts, companions, no_arrival, prompt_room
from rackcalc.formulas.queues.mixture_parts import Part
from rackcalc.formulas.queues.regular_arrivals import regular_chance
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

ROUNDS = 8  # of the share of passes that begin with one prompt because nobody came
# Found by simulating 2 to 16 engines that prefill at 50 to 85 % load behind a router that picks the one with least:
QUEUE_EACH = 0.15  # by which each doubling of the engines lengthens the wait, over that in one queue for all of them
SHARED_PASSES = 0.15  # by which each engine more lengthens it where passes have room for many prompts


@record
class Passes:
    """Passes of prompts, each of all that came during the last one.

    busy: chance that an arrival finds one under way. met, varies: mean in s and variance of its length, which is that
    of a pass weighted by how long it is.
    """

    busy: Any
    met: Any
    varies: Any


def passes_of(base: Any, work: tuple[Any, Any, Any], rate: Any, gap_scv: Any) -> Passes:
    """The chain of passes. base: of a pass but for its prompts; work: first three moments of the time of a prompt.

    With c the last pass, the next is base + the work of a Poisson number of mean rate c, or of one prompt if none came.

    >>> alike = passes_of(1.0, (0.0, 0.0, 0.0), 1.0, 1.0)
    >>> round(alike.met, 9), round(alike.busy, 4)
    (1.0, 0.7311)
    """
    first, second, third = work
    load = xp.minimum(rate * first, 0.9999)
    nobody: Any = 0.5
    mean = square = cube = number = 0.0
    for _ in range(ROUNDS):
        mean = (base + first * nobody) / (1 - load)
        number = rate * mean + nobody
        # Of the number that comes during a pass: variance over the mean, less 1. One that begins a pass counts half.
        some = rate * mean + nobody / 2
        bursts = 2 * MIDDLE * companions(some, gap_scv)
        pairs = some * bursts
        squares = base**2 + 2 * base * first * number + number * second + pairs * first**2
        square = xp.maximum(squares / (1 - load**2), mean**2)
        pairs = pairs + rate**2 * square
        triples = 3 * some * bursts * rate * square / mean * first**3
        cubes = base**3 + 3 * base**2 * number * first + 3 * base * (number * second + pairs * first**2)
        cube = (cubes + number * third + 3 * pairs * second * first + triples) / (1 - load**3)
        spread = xp.maximum(square - mean**2, 1e-9 * mean**2)
        beyond = xp.maximum(mean - base, 1e-9 * mean)
        nobody = xp.exp(-rate * base - beyond**2 / spread * xp.log1p(rate * spread / beyond))
        if not (isinstance(gap_scv, float) and gap_scv == 1):  # as much more often as in a time of mean length
            expected = xp.minimum(rate * mean, 30.0)
            nobody = xp.clip(nobody * no_arrival(expected, gap_scv) * xp.exp(expected), 1e-12, 1.0)
    busy = rate * mean / number
    if not (isinstance(gap_scv, float) and gap_scv >= 1):  # of regular arrivals fewer find a pass under way
        busy = xp.where(gap_scv < 1, regular_chance(busy, second / xp.maximum(first**2, 1e-300) - 1, gap_scv), busy)
    near = xp.maximum(companions(rate * (base + first), gap_scv), 0.0)  # bursts meet the prompts of their own
    met = square / mean
    return Passes(busy=busy + (1 - busy) * near / (1 + near), met=met, varies=xp.maximum(cube / mean - met**2, 0.0))


@record
class PromptThrough:
    """groups: parts of the time from arrival until the prompt is through, by stratum: those of one that found nobody,
    of one that shares the next pass, and of one that waits in turn. own: time of the own prompt, by stratum. wait: mean
    time in s beyond it. over: whether more come than can be computed.
    """

    groups: list[list[Part]]
    own: list[Any]
    wait: Any
    over: Any


def left_by_full_passes(
    base: Any, work: tuple[Any, Any, Any], most: Any, rate: Any, gap_scv: Any
) -> tuple[Any, Any, Any]:  # fmt: skip
    """How full passes usually are, the chance that prompts are left for later passes, and the mean wait of those.

    most: prompts that a pass holds. Below it the number in a pass reverts to its mean; above, what is left shrinks by
    the same each time. So its law is half normal, half exponential, as that of many servers in heavy traffic (S. Halfin
    and W. Whitt, Operations Research 29 (1981) 567-588). Passes with little fixed time are usually not full: what they
    leave follows in turn. The root was found by simulation.
    """
    first, second, _ = work
    each = first + base / most  # of a full pass
    load, kept = xp.clip(rate * each, 0.0, 0.9999), xp.minimum(rate * first, 0.9999)
    full = most * each
    varies = most * load * (1 + 2 * companions(rate * full, gap_scv) + xp.maximum(second / first**2 - 1, 0.0))
    usual = rate * base / (1 - kept)
    apart = (most - usual) / xp.sqrt(varies / (1 - kept**2))
    apart = xp.maximum(apart, 1e-6)
    below = xp.erfc(-apart / math.sqrt(2)) / 2
    ratio = xp.exp(-(apart**2) / 2) / math.sqrt(2 * math.pi) / below * (1 + kept) / (2 * apart)
    fullness = xp.sqrt(xp.clip(usual / most, 0.0, 1.0)) * xp.maximum(1 - 1 / most, 0.0)
    return fullness, fullness * ratio / (1 + ratio), varies / (2 * most * (1 - load)) * each


def behind_least_loaded(load: Any, balanced: Any, sharing: Any) -> tuple[Any, Any]:
    """Factors on the chance to wait, and on the wait, where the router picks the one of `balanced` engines with least.

    One queue for all of them: the mean wait of H. Sakasegawa, Annals of the Institute of Statistical Mathematics 29
    (1977) 67-75, over that of one server; that its power of the load is all in the chance to wait is our own choice. A
    queue for each makes waits longer, and so do passes that many prompts share. sharing: of the tokens of a step, what
    one prompt leaves to others.

    >>> behind_least_loaded(0.5, 1.0, 0.9)
    (1.0, 1.0)
    """
    often = xp.power(load, xp.sqrt(2 * (balanced + 1)) - 2)
    return often, (
        1 + QUEUE_EACH * xp.log(balanced) / math.log(2) + SHARED_PASSES * sharing**2 * (balanced - 1)
    ) / balanced


def prompt_through(engine: Engine, prompts: Prompts, rate: Any, gap_scv: Any, balanced: Any = 1.0) -> PromptThrough:
    """Time until a prompt is through. Requests come at `rate`; of engines that only prefill.

    balanced: engines among which a router that looks at their load chooses; 1 behind any other router.
    """
    steps = Steps(0.0, 0.0, engine.base)
    room = prompt_room(engine, 0.0)
    work = moments([(part.share, part.work, part.variance) for part in prompts.strata])
    passes = passes_of(engine.base, work, rate, gap_scv)
    load, first, second = xp.minimum(rate * work[0], 0.9999), work[0], work[1]
    others = rate * passes.met + 2 * companions(rate * passes.met / 2, gap_scv)
    filled = xp.minimum(passes.busy * others * prompts.tokens / room, 1.0)
    fullness, left, longer = left_by_full_passes(engine.base, work, room / prompts.tokens, rate, gap_scv)
    filled = filled * filled * (1 - fullness)
    in_turn = 1 - (1 - xp.minimum(prompts.tokens / room, 1.0) ** 2) * (1 - filled)
    queue, over = prompts_in_turn(prompts, steps, room, rate, gap_scv, engine.chunked, only_prompts=True)
    *at_once, (waits, delay, spread) = queue.parts
    # Those behind one's own prompt that share its last pass: as many as came meanwhile and as there is room for.
    space = xp.maximum(room / prompts.tokens - 1, 0.0) / 2
    behind = space * -xp.expm1(-xp.divide(rate * delay, xp.maximum(space, 1e-9)))
    delay, spread = delay + behind * first, spread + behind * second
    shared = []
    for i in range(SLICES):
        rest = (i + 0.5) / SLICES
        varies = passes.varies * (rest + load) ** 2 + passes.met**2 / (12 * SLICES**2)
        varies = varies + others * second * tied(others, gap_scv)
        mean = rest * passes.met + first * others
        shared.append((passes.busy / SLICES * (1 - left), mean, varies))
        shared.append((passes.busy / SLICES * left, mean + longer, varies + longer**2))
    at_once_share = sum([share for share, _, _ in at_once])
    alone = (1 - in_turn) * (1 - passes.busy) + in_turn * at_once_share
    delays = [(alone, 0.0, 0.0), *(((1 - in_turn) * share, mean, varies) for share, mean, varies in shared)]
    delays.append((in_turn * waits, delay, spread))
    if not (isinstance(balanced, float) and balanced == 1):
        most = 1 / (work[0] + engine.base * prompts.tokens / room)
        sharing = xp.maximum(1 - prompts.tokens / room, 0.0)
        often, scale = behind_least_loaded(xp.clip(rate / most, 1e-9, 1.0), balanced, sharing)
        delays = [(share * often, mean * scale, varies * scale**2) for share, mean, varies in delays]
        delays[0] = (1 - sum([share for share, _, _ in delays[1:]]), 0.0, 0.0)
    own = own_times(engine, prompts, steps)
    groups = [
        [(part.share * share, part.time, part.time + mean, varies + part.variance) for share, mean, varies in delays]
        for part in own
    ]
    wait = sum([share * mean for share, mean, _ in delays])
    return PromptThrough(groups=groups, own=own, wait=wait, over=over)
