"""Requests in flight together in one engine (continuous batching): time to first token, time per token, request rate.

The engine is a closed loop: each client sends its next request when the last one is answered. In one cycle every
request is prefilled once. Of the prefills of other requests, some run before the first token of a request and all
others between its tokens. An open load is the closed loop that has the offered request rate.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rackcalc.formulas.combine import largest, slowed, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.novelty import as_novel
from rackcalc.formulas.gpu.serving_engine import at_age
from rackcalc.formulas.serving.front_end import FITTED, SHARPNESS, paced, paced_among_prompts, per_token_sent
from rackcalc.formulas.serving.inter_token_latency import prefill_stall
from rackcalc.formulas.serving.least_cycle import (
    filled_step,
    least_cycle_of_passes,
    least_cycle_of_steps,
    rate_of_others,
    saturation,
)
from rackcalc.formulas.serving.pipeline_stages import overlapping, shortened_time, slower_steps
from rackcalc.formulas.serving.prompt_passes import passes_at_most, passes_of_prompt, time_per_prompt, work_in_passes
from rackcalc.formulas.serving.request_time import generation_time, left_over, step_where_one_token
from rackcalc.formulas.serving.time_to_first_token import (
    LITTLE,
    handling_time,
    held_back,
    looked_at,
    prefills_ahead,
    prefills_crowded_out,
    prefills_first,
    prefills_queued,
    room_wait,
    step_under_way,
    wait_for_groups,
    with_tokenizing,
)
from rackcalc.formulas.transformer.counts import NONE, ONE
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import REQUEST, TOKEN, Count, RequestsPerSecond, Seconds, SecondsPerToken, Tokens
from rackcalc.spec.runtimes import Engine


@formula(cite="definition: those that do not fit wait")
def held(concurrency: Count, room: Count) -> Count:
    """Requests inside the engine, of all that are in flight.

    >>> held(concurrency=64.0, room=40.0)
    40.0
    """
    return xp.minimum(concurrency, room)


@formula(
    cite="the parts of the way to the first token, one after another: form of our own, " + FITTED,
    error=0.20,  # beside the novelty of the prefill: 23 % of rows on what outer folds left out
)
def first_token(
    request_host: Seconds,
    looked: Count,
    back: Count,
    step: SecondsPerToken,
    prefill: Seconds,
    others: Seconds,
) -> Seconds:
    """Time to first token of a request that finds room: host, steps under way, prefills of others ahead, its own.

    >>> round(first_token(request_host=0.05, looked=1.0, back=0.0, step=0.02, prefill=0.04, others=0.06), 9)
    0.17
    """
    return request_host + (looked + back) * step * TOKEN + prefill + others


@formula(cite="M. Reiser, S. Lavenberg, J. ACM 27 (1980) 313-322: a request sees the others; " + LITTLE)
def decoding_now(held: Count, first: Seconds, tpot: SecondsPerToken, output: Tokens) -> Count:
    """Requests in the step of a token: its own, and of the others held the share of their time in which they decode.

    >>> round(decoding_now(held=10.0, first=1.0, tpot=0.01, output=401.0), 9)
    8.2
    """
    generating = tpot * (output - TOKEN)
    return 1 + xp.maximum(held - 1, 0 * held) * xp.divide(generating, generating + first)


@formula(cite=LITTLE)
def closed_rate(concurrency: Count, time: Seconds) -> RequestsPerSecond:
    """Requests per second of a closed loop. time: of one request in flight.

    >>> closed_rate(concurrency=10.0, time=5.0)
    2.0
    """
    return xp.divide(concurrency * REQUEST, time)


@formula(
    cite="definition: a request's time as a line over the requests in flight, through two of its points; " + LITTLE
)
def balanced(rate: RequestsPerSecond, alone: Seconds, loaded: Seconds, at: Count, most: Count) -> Count:
    """Requests under way at a request rate when a request takes `alone` by itself and `loaded` among `at`.

    The result is between 1 and `most`, and is `most` where the engine cannot sustain the rate.

    >>> round(balanced(rate=2.0, alone=2.0, loaded=4.0, at=11.0, most=100.0), 9)
    6.0
    """
    slope = xp.where(at > 1, xp.divide(loaded - alone, at - 1), 0 * alone)
    spare = 1 - xp.pure(rate * slope / REQUEST)
    number = xp.divide(xp.pure(rate * (alone - slope) / REQUEST), spare)
    return xp.clip(xp.where(spare > 0, number, most), 1.0, most)


@record
class Loop:
    """One engine with its load. Times are in s or s/token, numbers are requests. time: of a whole request.

    host: before the engine. first: time to the first token once there is room. ttft: first, and the wait for room.
    step: time per token of the requests that decode, paced by the front end.
    """

    ttft: Quantity
    tpot: Quantity
    host: Quantity
    first: Quantity
    step: Quantity
    stall: Quantity
    prefill: Quantity
    room: Quantity
    held: Quantity
    ahead: Quantity
    decoding: Quantity
    time: Quantity
    rate: Quantity


@record
class Prefill:
    """Prompts that data-parallel groups compute side by side. alone: the pass of one; full: of `prompts`, one a group.

    Without such groups both are the pass of one prompt.
    """

    alone: GpuPass
    full: GpuPass
    prompts: Quantity = ONE

    def per_prompt(self, time: Quantity) -> Quantity:
        """A time of the full pass, over its prompts [s]."""
        return time if self.prompts is ONE else time_per_prompt(time=time, prompts=self.prompts)

    @property
    def each(self) -> Quantity:
        """Time of the engine for each of the prompts of a full pass [s]."""
        return self.per_prompt(self.full.time)

    @property
    def parts(self) -> tuple[Quantity, Quantity]:
        """Time [s] that a prompt adds to a decode step, and launches of the pass that it is in."""
        work, launches = parts_of(self.full)
        return self.per_prompt(work), launches

    @property
    def work(self) -> Quantity:
        """What a prompt adds to the steps that compute it [s], its share of the launches included."""
        work, launches = parts_of(self.full)
        return self.per_prompt(total(work=work, launches=launches))


def base_and_work(
    engine: Engine, prefill: Prefill, held: Quantity, prompt: Quantity, output: Quantity
) -> tuple[Quantity, Quantity]:
    """Time of a pass but for its prompts, and what each of them adds [s], as the law of the engine takes them.

    Data-parallel groups compute prompts side by side, so the first prompt of a pass adds most. Passes that hold nothing
    but prompts are therefore taken as a straight line over the number of prompts, through a pass with one prompt, and
    one with as many as share a pass where all places are taken.
    """
    steps = not isinstance(output.value, float) or output.value > 1
    if prefill.prompts is ONE or (engine.mixed and steps):
        return left_over(whole=prefill.alone.time, part=prefill.work), prefill.work
    own = passes_of_prompt(prompt=prompt, chunk=engine.chunk)
    passes = passes_at_most(held=held, output=output, own=own)
    times = {"alone": prefill.alone.time, "full": prefill.full.time, "work": prefill.work}
    work = work_in_passes(**times, groups=prefill.prompts, passes=passes, own=own)
    return left_over(whole=prefill.alone.time, part=work), work


def one_prompt(prefill: GpuPass) -> Prefill:
    """An engine all of whose GPUs compute one prompt after the other."""
    return Prefill(prefill, prefill)


ROUNDS = 3
SHARED = ("overhead", "_reading", "launches")  # how terms of a prefill end that a step needs anyway
NO_TIME = constant(0.0, "s", "no fixed time", "published", note="an engine without any")
Step = Callable[[Quantity], Quantity]


def parts_of(prefill: GpuPass) -> tuple[Quantity, Quantity]:
    """Time [s] that a prefill adds to a decode step: the part that grows with its tokens, and launches outside graphs.

    The fixed times of the layers and the reading of weights are not added, because the step needs them anyway.
    """
    work = total(**{name: time for name, time in prefill.terms.items() if not name.endswith(SHARED)})
    launches = prefill.terms.get("launches", NO_TIME)
    if prefill.novelty is None:
        return work, launches
    return as_novel(time=work, novelty=prefill.novelty), as_novel(time=launches, novelty=prefill.novelty)


def host_time(engine: Engine, request_host: Quantity, held: Quantity, prompt: Quantity) -> Quantity:
    """Host time of a request among those held [s], for a prompt of so many tokens [token], in this version."""
    time = request_host
    if engine.lone_host is not None:
        time = handling_time(alone=engine.lone_host, crowded=request_host, held=held)
    time = at_age(time=time, improvement=engine.improvement, age=engine.age)
    return with_tokenizing(host=time, each=engine.prompt_host, prompt=prompt)


def closed_loop(
    engine: Engine,
    request_host: Quantity,
    concurrency: Quantity,
    fits: Quantity,
    prefill: Prefill,
    step_at: Step,
    prompt: Quantity,
    output: Quantity,
    equal_lengths: bool = False,
    arrivals: Quantity | None = None,
    overlap: Quantity | None = None,
    ring: Mapping[str, Quantity] = MappingProxyType({}),
    fetch: Quantity | None = None,
    sent: Quantity | None = None,
) -> Loop:
    """An engine with `concurrency` requests in flight, of which `fits` find room.

    step_at: time per output token [s/token] as a function of the sequences that share a step. arrivals: request rate
    if requests arrive at random, so that prefills queue by chance and not in bursts. overlap: delay of the others by a
    prefill over its time, in a pipeline of stages. ring: chunks of a prompt and stages of such a pipeline. fetch: time
    before a prefill in which a part of it is fetched [s]. sent: tokens of a prompt where not all of them are computed.
    """
    inside = held(concurrency=concurrency, room=fits)
    full = step_at(inside)
    lengths = {"prompt": prompt, "output": output}
    free = without_limit(
        engine, request_host, inside, full, prefill, step_at, **lengths,
        equal_lengths=equal_lengths, arrivals=arrivals, overlap=overlap, fetch=fetch, sent=sent,
    )  # fmt: skip
    least = least_cycle(engine, inside, full, prefill, step_at, **lengths, overlap=overlap, ring=ring)
    factor = saturation(least=least, time=generation_time(ttft=free.first, tpot=free.step, output=output))
    first, step = slowed(time=free.first, factor=factor), slowed(time=free.step, factor=factor)
    if not (isinstance(output.value, float) and output.value > 1):
        step = step_where_one_token(per_token=step, step=free.alone, output=output)
    wait = room_wait(concurrency=concurrency, held=inside, first=first, tpot=step, output=output)
    ttft = total(first=first, room=wait)
    time = generation_time(ttft=ttft, tpot=step, output=output)
    return Loop(
        ttft=ttft,
        tpot=step,
        host=free.host,
        first=first,
        step=step,
        stall=free.stall,
        prefill=prefill.alone.time,
        room=fits,
        held=inside,
        ahead=free.ahead,
        decoding=free.decoding,
        time=time,
        rate=closed_rate(concurrency=concurrency, time=time),
    )


@record
class WithoutLimit:
    """Requests inside an engine as if it could do any number per second. alone: a step without prompts [s].

    The others are as of Loop.
    """

    first: Quantity
    step: Quantity
    alone: Quantity
    host: Quantity
    stall: Quantity
    ahead: Quantity
    decoding: Quantity


def without_limit(
    engine: Engine, request_host: Quantity, inside: Quantity, full: Quantity, prefill: Prefill, step_at: Step,
    prompt: Quantity, output: Quantity, equal_lengths: bool, arrivals: Quantity | None, overlap: Quantity | None,
    fetch: Quantity | None, sent: Quantity | None,
) -> WithoutLimit:  # fmt: skip
    """Times of the requests inside. full: step with all of them. The rest as of closed_loop()."""
    lockstep = engine.lockstep if equal_lengths else NONE
    ahead = prefills_ahead(held=inside, burst=engine.burst, lockstep=lockstep)
    if arrivals is not None:
        ahead = prefills_queued(rate=arrivals, prefill=prefill.each, held=inside)
    if engine.mixed:
        lengths = {"chunk": engine.chunk, "prompt": prompt, "output": output}
        ahead = largest(queued=ahead, crowded_out=prefills_crowded_out(held=inside, **lengths))
    work, fixed = prefill.parts
    before = ahead
    if overlap is not None:
        work, before = shortened_time(time=work, share=overlap), overlapping(ahead=ahead, share=overlap)
    stall = prefill_stall(work=work, fixed=fixed, held=inside, ahead=ahead, output=output)
    host = host_time(engine, request_host, inside, prompt if sent is None else sent)
    before_it = host if fetch is None else total(host=host, fetch=fetch)
    looked = looked_at(wait=engine.wait_steps, interval=engine.poll_steps)
    holding = {"hold": engine.hold_steps, "held": inside, "output": output}
    back = held_back(**holding) if prefill.prompts is ONE else wait_for_groups(**holding, groups=prefill.prompts)
    prompts = {"work": work_in_a_ring(prefill, overlap), "prompt": prompt, "chunk": engine.chunk}
    beside = {"work": prefill.parts[0], "prompt": prompt, "chunk": engine.chunk, "groups": prefill.prompts}
    others = prefills_first(number=before, each=prefill.each, **beside)
    front_end = per_token_sent(time=engine.token_time, interval=engine.stream_interval)
    decoding, alone = inside, full
    for done in range(ROUNDS):
        alone = step_at(decoding) if done else alone
        step = paced(tpot=total(step=alone, stall=stall), decoding=decoding, front_end=front_end, sharpness=SHARPNESS)
        under_way = step_under_way(step=step, stall=stall, **prompts)
        ways = {"looked": looked, "back": back, "step": under_way}
        first = first_token(request_host=before_it, prefill=prefill.alone.time, others=others, **ways)
        decoding = decoding_now(held=inside, first=first, tpot=step, output=output)
    return WithoutLimit(first=first, step=step, alone=alone, host=host, stall=stall, ahead=ahead, decoding=decoding)


def work_in_a_ring(prefill: Prefill, overlap: Quantity | None) -> Quantity:
    """What a prompt adds to the steps that compute it [s], of which the others in a pipeline see a share."""
    return prefill.work if overlap is None else shortened_time(time=prefill.work, share=overlap)


def least_cycle(
    engine: Engine, inside: Quantity, full: Quantity, prefill: Prefill, step_at: Step, prompt: Quantity,
    output: Quantity, overlap: Quantity | None, ring: Mapping[str, Quantity],
) -> Quantity:  # fmt: skip
    """Least time in which the engine answers each request inside once [s]: what it can do limits the loop."""
    front_end = per_token_sent(time=engine.token_time, interval=engine.stream_interval)
    ends = {"work": prefill.work, "output": output, "front_end": front_end, "sharpness": SHARPNESS}
    steps = {"full": paced_among_prompts(step=full, decoding=inside, **ends)}
    if engine.mixed:
        number = filled_step(held=inside, prompt=prompt, output=output, chunk=engine.chunk)
        steps["filled"] = paced_among_prompts(step=step_at(number), decoding=number, **ends)
    base, added = base_and_work(engine, prefill, inside, prompt, output)
    if overlap is not None:
        added = work_in_a_ring(prefill, overlap)
    more = {"work": added, "prompt": prompt, "chunk": engine.chunk}
    return least_time(steps, ring, step_at, prefill.work, held=inside, output=output, base=base, **more)


def least_time(
    steps: Mapping[str, Quantity], ring: Mapping[str, Quantity], step_at: Step, of_prompt: Quantity, **more: Quantity
) -> Quantity:
    """Least time of a cycle of all requests held. steps: with all of them, and where prompts share them, filled ones.

    of_prompt: work of a prompt in all stages of a pipeline, whose steps are slower at the rate that follows.
    """
    least = least_cycle_of_steps if "filled" in steps else least_cycle_of_passes
    busy = least(**steps, **more)
    for _ in range(ROUNDS if ring else 0):
        rate = rate_of_others(held=more["held"], time=busy)
        slower = slower_steps(rate=rate, step=step_at(ONE), work=of_prompt, **ring)
        busy = least(**{name: slowed(time=step, factor=slower) for name, step in steps.items()}, **more)
    return busy


def at_rate(loop_at: Callable[[Quantity], Loop], rate: Quantity, most: Quantity) -> Loop:
    """The loop at a request rate: its number of requests in flight follows from Little's law and is at most `most`."""
    alone = loop_at(ONE).time
    number = most
    for _ in range(ROUNDS):
        number = balanced(rate=rate, alone=alone, loaded=loop_at(number).time, at=number, most=most)
    return loop_at(number)
