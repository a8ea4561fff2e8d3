"""Continuous batching: requests that decode together while others are prefilled on the same GPUs.

A closed loop of c requests per engine: each client sends its next request when the last is answered. In one cycle
every request is prefilled once, so of the others' prefills some come before one's first token and all the rest between
one's tokens. An open load is the closed loop whose request rate is the offered one.
"""

from collections.abc import Callable

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.serving_engine import MIXED, at_age, in_group
from rackcalc.formulas.transformer.counts import NONE, ONE
from rackcalc.formulas.transformer.kv_cache import kv_cache
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    TOKEN,
    Bytes,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
)
from rackcalc.spec.chips import GPU
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine

LITTLE = "J. D. C. Little, A Proof for the Queuing Formula L = lambda W, Operations Research 9 (1961) 383-387"
FITTED = "form fitted to InferenceX and NVIDIA serving runs"


@formula(cite="definition: what weights and reserve leave")
def kv_room(memory: Bytes, weights: Bytes, reserve: Bytes, share: Ratio, cache: Bytes, groups: Count) -> Count:
    """Sequences whose KV cache fits, of all groups of GPUs together; at least one.

    memory, weights, cache (of one sequence): of one GPU.

    >>> round(kv_room(memory=85.9e9, weights=35e9, reserve=4e9, share=0.8, cache=0.2e9, groups=1.0))
    188
    """
    free = share * (memory - weights - reserve)
    return xp.maximum(xp.pure(xp.divide(free, cache)) * groups, 1.0)


@formula(cite="definition: weights of the attention lie in every group, experts and feed-forward are spread over all")
def weights_held(weights: Bytes, attention: Bytes, devices: Count, groups: Count) -> Bytes:
    """Weights on one GPU. attention: the part that each group of GPUs keeps a copy of.

    >>> weights_held(weights=100e9, attention=20e9, devices=8.0, groups=8.0)
    30000000000.0
    """
    return (weights - attention + groups * attention) / devices


@formula(cite="definition: the prompt, and the reserved share of the answer")
def reserved_context(prompt: Tokens, output: Tokens, share: Ratio) -> Tokens:
    """Tokens of KV cache a running sequence is given.

    >>> reserved_context(prompt=1024.0, output=512.0, share=0.5)
    1280.0
    """
    return prompt + share * output


@formula(cite="definition: KV heads of a group's GPUs; a head is never split")
def cache_held(cache: Bytes, devices: Count, kv_heads: Count) -> Bytes:
    """KV cache of one sequence on one of the GPUs that share it. kv_heads 1 for latent attention.

    >>> cache_held(cache=8e8, devices=16.0, kv_heads=8.0)
    100000000.0
    """
    return cache / xp.minimum(devices, kv_heads)


@formula(cite="definition: those that do not fit wait")
def held(concurrency: Count, room: Count) -> Count:
    """Requests inside the engine, of all that are in flight.

    >>> held(concurrency=64.0, room=40.0)
    40.0
    """
    return xp.minimum(concurrency, room)


@formula(cite=MIXED + "; " + FITTED)
def prefills_ahead(held: Count, burst: Ratio, lockstep: Count) -> Count:
    """Other prefills that come before one's own, mean. At most half of the others: the mean place in a full wave.

    burst: share of the others that arrive at the same moment. lockstep: further ones ahead, 0 unless all requests have
    the same length and so keep finishing together; large where prefills do not share steps with decoding.

    >>> prefills_ahead(held=9.0, burst=0.25, lockstep=1.0)
    2.0
    """
    most = xp.maximum(held - 1, 0.0 * held) / 2
    return xp.minimum(most, lockstep + burst * most)


@formula(cite="L. Kleinrock, Queueing Systems I (1975), section 5.6: M/D/1, mean number waiting before an arrival")
def prefills_queued(rate: RequestsPerSecond, prefill: Seconds, held: Count) -> Count:
    """Other prefills before one's own when requests arrive at random; at most half of the others.

    >>> round(prefills_queued(rate=8.0, prefill=0.1, held=33.0), 9)
    2.0
    """
    load = xp.pure(rate * prefill / REQUEST)
    most = xp.maximum(held - 1, 0.0 * held) / 2
    return xp.minimum(most, xp.where(load < 1, xp.divide(load, 2 * (1 - load)), most))


@formula(cite=MIXED + "; every other request is prefilled once while one is served")
def prefill_stall(work: Seconds, fixed: Seconds, held: Count, ahead: Count, output: Tokens) -> SecondsPerToken:
    """Added to every output token by the prefills of others that fall between one's first and last.

    work: of one prefill, in proportion to its tokens. fixed: the rest, once for all prefills that share a step.

    >>> round(prefill_stall(work=0.08, fixed=0.02, held=33.0, ahead=0.0, output=320.0), 9)
    0.01
    """
    per_step = xp.pure(xp.maximum(held - 1 - ahead, 0.0 * held) * TOKEN / output)
    return (work * per_step + fixed * xp.minimum(per_step, 1.0)) / TOKEN


@formula(cite="definition: one server sends the tokens of all; " + FITTED)
def paced(tpot: SecondsPerToken, decoding: Count, front_end: Seconds, sharpness: Count) -> SecondsPerToken:
    """Time per token when the front end works beside the engine: the slower of the two, softly.

    front_end: its time for one token of one sequence.

    >>> round(1e3 * paced(tpot=5e-3, decoding=128.0, front_end=80e-6, sharpness=4.0), 2)
    10.38
    """
    engine, host = xp.pure(tpot * TOKEN / SECOND), xp.pure(decoding * front_end / SECOND)
    power = xp.power(engine, xp.pure(sharpness)) + xp.power(host, xp.pure(sharpness))
    return xp.power(power, 1 / xp.pure(sharpness)) * SECOND / TOKEN


@formula(cite="definition: half an interval on average, and the step under way")
def looked_at(wait: Count, interval: Count) -> Count:
    """Steps until an engine takes a request up that looks at new ones every `interval` steps.

    >>> looked_at(wait=1.0, interval=11.0)
    6.0
    """
    return wait + (interval - 1) / 2


@formula(cite="definition: the first of a held batch waits for the whole time, those that join it for half, on average")
def held_back(hold: Count, held: Count, output: Tokens) -> Count:
    """Steps a prefill waits in an engine that holds prefills back for `hold` steps to batch them.

    >>> held_back(hold=20.0, held=50.0, output=1000.0)
    15.0
    """
    joining = xp.pure(hold * held * TOKEN / output)
    return hold * xp.divide(1 + joining / 2, 1 + joining)


@formula(cite="definition: one message for several tokens")
def per_token_sent(time: Seconds, interval: Count) -> Seconds:
    """Time of the front end per token when it sends `interval` tokens at a time.

    >>> per_token_sent(time=60e-6, interval=10.0)
    6e-06
    """
    return time / interval


@formula(cite="definition: the parts of the way to the first token; " + FITTED, error=0.18)  # 22 % left out
def first_token(
    request_host: Seconds, looked: Count, back: Count, step: SecondsPerToken, prefill: Seconds, ahead: Count
) -> Seconds:
    """Time to first token of a request that finds room: host, steps under way, prefills ahead, its own.

    >>> round(first_token(request_host=0.05, looked=1.0, back=0.0, step=0.02, prefill=0.04, ahead=2.0), 9)
    0.19
    """
    return request_host + (looked + back) * step * TOKEN + prefill * (1 + ahead)


@formula(cite=LITTLE)
def decoding_now(held: Count, first: Seconds, tpot: SecondsPerToken, output: Tokens) -> Count:
    """Requests that decode, of those held: each does so for that share of its time.

    >>> decoding_now(held=10.0, first=1.0, tpot=0.01, output=400.0)
    8.0
    """
    generating = tpot * output
    return held * xp.divide(generating, generating + first)


@formula(cite=LITTLE)
def room_wait(concurrency: Count, held: Count, first: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Wait for KV room: requests outside pass through at the rate of those inside.

    >>> room_wait(concurrency=15.0, held=10.0, first=1.0, tpot=0.01, output=400.0)
    2.5
    """
    return xp.divide(concurrency - held, held) * (first + tpot * output)


@formula(cite="definition: the time to the first token, and one step for each")
def request_time(ttft: Seconds, tpot: SecondsPerToken, output: Tokens) -> Seconds:
    """Time one request is in flight.

    >>> request_time(ttft=1.0, tpot=0.01, output=400.0)
    5.0
    """
    return ttft + tpot * output


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

    Between 1 and `most`, which is also the answer where the rate cannot be kept up.

    >>> round(balanced(rate=2.0, alone=2.0, loaded=4.0, at=11.0, most=100.0), 9)
    6.0
    """
    slope = xp.where(at > 1, xp.divide(loaded - alone, at - 1), 0 * alone)
    spare = 1 - xp.pure(rate * slope / REQUEST)
    number = xp.divide(xp.pure(rate * (alone - slope) / REQUEST), spare)
    return xp.clip(xp.where(spare > 0, number, most), 1.0, most)


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192, eq. 1")
def tokens_per_step(drafted: Count, acceptance: Ratio) -> Count:
    """Tokens one step yields per sequence when it verifies so many drafted ones; the first refused ends the run.

    >>> tokens_per_step(drafted=3.0, acceptance=0.5)
    1.875
    """
    return xp.divide(1 - xp.power(xp.pure(acceptance), xp.pure(drafted + 1)), 1 - acceptance)


@formula(cite="Y. Leviathan et al., Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192")
def tokens_checked(drafted: Count) -> Tokens:
    """Tokens a verifying step computes per sequence: the drafted ones and one more.

    >>> tokens_checked(drafted=3.0)
    4.0
    """
    return (drafted + 1) * TOKEN


@formula(cite="definition: a step yields several tokens per sequence")
def speculative_tpot(step: Seconds, tokens: Count) -> SecondsPerToken:
    """Time per output token.

    >>> speculative_tpot(step=0.03, tokens=1.5)
    0.02
    """
    return step / (tokens * TOKEN)


@formula(cite="definition: engines side by side")
def one_engine(rate: RequestsPerSecond, gpus: Count, devices: Count) -> RequestsPerSecond:
    """Request rate of one engine of `devices` from that of all GPUs.

    >>> one_engine(rate=8.0, gpus=8.0, devices=2.0)
    2.0
    """
    return xp.divide(rate * devices, gpus)


@formula(cite="definition: requests over the GPUs of one engine")
def per_engine(requests: Count, engines: Count) -> Count:
    """Requests in flight at one of several engines; at least one.

    >>> per_engine(requests=64.0, engines=2.0)
    32.0
    """
    return xp.maximum(requests / engines, 1.0)


@formula(cite="definition: groups side by side")
def gpus_of(groups: Count, width: Count) -> Count:
    """GPUs of an engine.

    >>> gpus_of(groups=4.0, width=2.0)
    8.0
    """
    return groups * width


@formula(cite="Y. Zhong et al., DistServe, arXiv:2401.09670: prompts on their own GPUs; queue M/D/1 (Kleinrock)")
def separate_first_token(
    request_host: Seconds, prefill: Seconds, rate: RequestsPerSecond, engines: Count, transfer: Seconds, step: Seconds
) -> Seconds:
    """Time to first token with a pool of prefill engines and another that decodes: queue, prefill, KV transfer, step.

    rate: of all requests. inf where the prefill pool cannot keep up.

    >>> round(separate_first_token(request_host=0.05, prefill=0.1, rate=5.0, engines=1.0, transfer=0.01, step=0.02), 9)
    0.23
    """
    load = xp.pure(rate * prefill / REQUEST / engines)
    wait = xp.where(load < 1, prefill * xp.divide(load, 2 * (1 - load)), xp.inf * SECOND)
    return request_host + wait + prefill + transfer + step


@record
class Loop:
    """One engine with its load. Times in s, per token s/token; counts of requests; time: one request's whole.

    first: to the first token once there is room; ttft: with the wait for room. step: of those that decode, with pacing.
    """

    ttft: Quantity
    tpot: Quantity
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


ROUNDS = 3
NO_TIME = constant(0.0, "s", "no fixed time", "published", note="an engine without any")
SHARPNESS = Quantity(
    4.0,
    "1",
    "sharpness of a change of limits",
    source=Source("assumed", note="2 soft, 8 sharp"),
    low=2.0,
    high=8.0,
)
Step = Callable[[Quantity], Quantity]


def room(
    gpu: GPU,
    engine: Engine,
    model: Model,
    size: ModelSize,
    prompt: Quantity,
    output: Quantity,
    devices: Quantity,
    groups: Quantity | None = None,
) -> Quantity:
    """Sequences [1] whose KV cache fits on `devices` GPUs in `groups` of data-parallel attention."""

    groups = ONE if groups is None else groups
    context = reserved_context(prompt=prompt, output=output, share=engine.output_reserve)
    cache = kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=model.layers,
        full_attention_layers=size.full_attention_layers,
        window=size.window,
    )
    attention = times_layers(weights=size.attention_weights, layers=model.layers)
    return kv_room(
        memory=gpu.memory,
        weights=weights_held(weights=size.weights, attention=attention, devices=devices, groups=groups),
        reserve=engine.memory_reserve,
        share=engine.memory_use,
        cache=cache_held(
            cache=cache,
            devices=in_group(devices=devices, groups=groups),
            kv_heads=ONE if model.mla is not None else model.kv_heads,
        ),
        groups=groups,
    )


@formula(cite="definition: a sum over layers")
def times_layers(weights: Bytes, layers: Count) -> Bytes:
    """Weights of all layers' attention.

    >>> times_layers(weights=2e8, layers=80.0)
    16000000000.0
    """
    return weights * layers


def parts_of(prefill: GpuPass) -> tuple[Quantity, Quantity]:
    """Time [s] that a prefill adds to a decode step: what grows with its tokens, and launches outside graphs.

    The step has the fixed times of the layers and the reading of weights anyway.
    """
    shared = ("overhead", "_reading", "launches")
    work = {name: time for name, time in prefill.terms.items() if not name.endswith(shared)}
    return total(**work), prefill.terms.get("launches", NO_TIME)


def closed_loop(
    engine: Engine,
    request_host: Quantity,
    concurrency: Quantity,
    fits: Quantity,
    prefill: GpuPass,
    step_at: Step,
    output: Quantity,
    equal_lengths: bool = False,
    arrivals: Quantity | None = None,
) -> Loop:
    """An engine with `concurrency` requests in flight, `fits` of which find room.

    step_at: time per output token [s/token] of a step that so many sequences share. arrivals: the requests come at
    random at this rate, so prefills queue by chance and not in bursts.
    """
    inside = held(concurrency=concurrency, room=fits)
    lockstep = engine.lockstep if equal_lengths else NONE
    ahead = prefills_ahead(held=inside, burst=engine.burst, lockstep=lockstep)
    if arrivals is not None:
        ahead = prefills_queued(rate=arrivals, prefill=prefill.time, held=inside)
    work, fixed = parts_of(prefill)
    stall = prefill_stall(work=work, fixed=fixed, held=inside, ahead=ahead, output=output)
    host = at_age(time=request_host, improvement=engine.improvement, age=engine.age)
    looked = looked_at(wait=engine.wait_steps, interval=engine.poll_steps)
    back = held_back(hold=engine.hold_steps, held=inside, output=output)
    decoding = inside
    for _ in range(ROUNDS):
        step = paced(
            tpot=total(step=step_at(decoding), stall=stall),
            decoding=decoding,
            front_end=per_token_sent(time=engine.token_time, interval=engine.stream_interval),
            sharpness=SHARPNESS,
        )
        first = first_token(request_host=host, looked=looked, back=back, step=step, prefill=prefill.time, ahead=ahead)
        decoding = decoding_now(held=inside, first=first, tpot=step, output=output)
    wait = room_wait(concurrency=concurrency, held=inside, first=first, tpot=step, output=output)
    ttft = total(first=first, room=wait)
    time = request_time(ttft=ttft, tpot=step, output=output)
    return Loop(
        ttft=ttft,
        tpot=step,
        first=first,
        step=step,
        stall=stall,
        prefill=prefill.time,
        room=fits,
        held=inside,
        ahead=ahead,
        decoding=decoding,
        time=time,
        rate=closed_rate(concurrency=concurrency, time=time),
    )


def at_rate(loop_at: Callable[[Quantity], Loop], rate: Quantity, most: Quantity) -> Loop:
    """The loop whose requests in flight are what Little's law gives at a request rate; at most `most`."""
    alone = loop_at(ONE).time
    number = most
    for _ in range(ROUNDS):
        number = balanced(rate=rate, alone=alone, loaded=loop_at(number).time, at=number, most=most)
    return loop_at(number)
