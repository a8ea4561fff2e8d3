"""Who does what: one function per split turns pools, links and a workload into a Service. SPLITS is the whole list."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from rackcalc.formulas import gpu, hybrid, lpu, lpu_decode, service
from rackcalc.formulas.combine import total
from rackcalc.formulas.hybrid import repeated
from rackcalc.formulas.link import Transfer, transfer
from rackcalc.formulas.lpu_cycles import activation_size
from rackcalc.formulas.transformer import count, kv_cache, model_size, rows, width
from rackcalc.formulas.work import ONE_TOKEN
from rackcalc.load import load_part, part_names
from rackcalc.quantity import Quantity, Source
from rackcalc.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.links import Link
from rackcalc.spec.rack import GpuPool, LinkUse, LpuPool, Rack
from rackcalc.spec.runtimes import Family, Runtime

ONE = count(1.0, "one")


@record
class Stage:
    """One part of the way of a request. terms: what its time is made of, seconds."""

    time: Quantity
    bound_by: str
    terms: dict[str, Quantity] = field(default_factory=dict)


@record
class Memory:
    """What a pool holds, bytes; of one GPU, of all LPUs. free < 0: it does not fit."""

    capacity: Quantity
    weights: Quantity | None
    kv_cache: Quantity | None
    free: Quantity
    chips_needed: Quantity | None = None
    max_batch: Quantity | None = None


@record
class Service:
    """How an idle rack serves one batch. Times in s; per token s/token.

    passage: through the empty rack. occupancy: time one batch (generation: one request) holds a server. servers: what can be
    held at once. batch: requests per held server. busy, activity: by pool, at saturation and of a busy chip.
    """

    passage: Quantity
    occupancy: Quantity
    servers: Quantity
    batch: Quantity
    stages: dict[str, Stage]
    memory: dict[str, Memory]
    transfers: dict[str, Transfer]
    busy: dict[str, Quantity]
    activity: dict[str, Quantity]
    ttft: Quantity | None = None
    tpot: Quantity | None = None
    crossing: Quantity | None = None  # bytes of one hop between the pools
    details: dict[str, Quantity] = field(default_factory=dict)


@record
class Side:
    """What the formulas of one GPU pool need."""

    gpu: GPU
    family: Family
    runtime: Runtime
    devices: Quantity
    link: Link | None
    replicas: Quantity


def kv_format(rack: Rack) -> str:
    """The KV cache's format: as stated, else 8 bit with weights of 8 bit or less, else bf16."""
    weights = rack.workload.precision
    if rack.workload.kv_precision is not None:
        return rack.workload.kv_precision
    if weights in ("int8", "fp16"):
        return weights
    return "fp8" if FORMATS[weights] <= 1 else "bf16"


def default_link(ports: Mapping[str, Quantity]) -> str | None:
    """The port of a chip that joins it to its like: NVLink before PCIe, under the name of a catalog link."""
    named = [name for name in ports if name in part_names("links") and name != "nvlink-c2c"]
    return max(named, key=lambda name: (name.startswith("nvlink"), name), default=None)


def gpu_link(rack: Rack, pool: GpuPool) -> Link:
    """The link between the GPUs: as the file says, else their own."""
    use = rack.links.get("gpu-gpu")
    if use is not None:
        return use.part
    link: Link = load_part("links", default_link(pool.part.ports) or "pcie4")
    return link


def gpu_side(rack: Rack, pool: GpuPool) -> Side:
    """The GPU pool as groups of tensor-parallel GPUs; encoders run on one GPU each unless the file says otherwise."""
    assert rack.serving.runtime is not None
    devices = rack.serving.tensor_parallel
    if devices is None:
        devices = ONE if rack.model.family == "encoder" else pool.count
    family: Family = load_part("families", pool.part.family)
    copies = service.replicas(count=pool.count, tensor_parallel=devices)
    return Side(pool.part, family, rack.serving.runtime, devices, gpu_link(rack, pool), copies)


def port(ports: Mapping[str, Quantity], use: LinkUse) -> Quantity:
    """Bandwidth of the port a link attaches to; the link's own, marked hypothetical, where the chip has no such port."""
    fitting = [quantity for name, quantity in ports.items() if name in use.part.ports]
    if fitting:
        return max(fitting, key=lambda quantity: quantity.value)
    source = Source("hypothetical", note=f"the chip has no port for {use.part.name}; computed as if it had")
    return replace(use.part.bandwidth, name="hypothetical port", source=source)


def pools(rack: Rack) -> tuple[GpuPool, LpuPool]:
    """Both pools of a hybrid."""
    gpus, lpus = rack.accelerators.gpu, rack.accelerators.lpu
    assert gpus is not None and lpus is not None
    return gpus, lpus


def cross(rack: Rack, size: Quantity, shared_load: Quantity | None = None) -> tuple[Transfer, Quantity]:
    """A transfer between the pools, and its time on the path the file names."""
    gpus, lpus = pools(rack)
    use = rack.links["gpu-lpu"]
    ports = port(gpus.part.ports, use), port(lpus.part.ports, use)
    moved = transfer(use.part, size, *ports, use.other_load, use.host)
    times = {"zero-copy": moved.zero_copy, "bounce": moved.bounce, "serialised": moved.serialised}
    return moved, times[use.path]


def chip_link(rack: Rack, pool: LpuPool) -> Link:
    """The link between LPUs: as the file says, else their own."""
    use = rack.links.get("lpu-lpu")
    if use is not None:
        return use.part
    link: Link = load_part("links", pool.part.chip_link)
    return link


def bound_by(passed: gpu.GpuPass) -> str:
    """What limits a pass: the host that launches it, memory, arithmetic, or fixed times and communication."""
    if passed.host_time.value > passed.device_time.value:
        return "host launches"
    memory, compute = float(passed.memory_utilization.value), float(passed.utilization.value)
    if max(memory, compute) < 0.3:
        return "fixed times"
    return "memory" if memory >= compute else "compute"


def gpu_stage(passed: gpu.GpuPass) -> Stage:
    """A GPU pass as a stage; a host-bound one shows the device time it hides."""
    bound = bound_by(passed)
    terms = {"host launches": passed.host_time} if bound == "host launches" else dict(passed.terms)
    return Stage(passed.time, bound, terms | {"step_host": passed.step_host})


def gpu_activity(side: Side, passed: gpu.GpuPass) -> Quantity:
    """Power utilization of a GPU while it runs the pass."""
    from rackcalc.formulas.power import decoding_utilization

    return decoding_utilization(
        tdp=side.gpu.tdp,
        idle_power=side.gpu.idle_power,
        memory_utilization=passed.memory_utilization,
        compute_utilization=passed.utilization,
        chips=side.devices,
        floor=side.family.power_floor,
        slope=side.family.power_slope,
    )


def gpu_memory(rack: Rack, side: Side, batch: Quantity, context: Quantity) -> Memory:
    """What one GPU holds."""
    formats = rack.workload.precision, kv_format(rack)
    fit = gpu.memory_fit(side.gpu, side.runtime, rack.model, *formats, batch, context, side.devices)
    most = fit.max_batch if rack.model.family == "decoder" else None
    return Memory(fit.capacity, fit.weights, fit.kv_cache, fit.free, max_batch=most)


def lpu_memory(pool: LpuPool, weights: Quantity, cache: Quantity, activations: Quantity) -> tuple[Memory, Quantity]:
    """What all LPUs hold, and what spills."""
    fit = lpu.capacity(pool.part, pool.count, weights, cache, activations)
    return Memory(fit.held, weights, cache, fit.free, chips_needed=fit.chips), fit.spilled


def spill(pool: LpuPool, spilled: Quantity) -> dict[str, Quantity]:
    """Time to stream in what does not fit, once a pass, where the file allows it."""
    return {} if pool.spill is None else {"spill": lpu.spill_time(spilled=spilled, bandwidth=pool.spill)}


def context_of(rack: Rack) -> tuple[Quantity, Quantity]:
    """Tokens a sequence holds: mean while generating, and at its end."""
    work = rack.workload
    assert work.output is not None
    lengths = {"prompt": work.input, "output": work.output}
    return service.mean_context(**lengths), service.longest_context(**lengths)


def hidden_states(rack: Rack, batch: Quantity, tokens: Quantity, format_: str) -> Quantity:
    """Bytes of the activations between two layers."""
    return activation_size(rows=rows(batch=batch, tokens=tokens), hidden=rack.model.hidden, width=width(format_))


def cache_of(rack: Rack, batch: Quantity, context: Quantity) -> Quantity:
    """KV cache of a batch, bytes."""
    size = model_size(rack.model, rack.workload.precision, kv_format(rack))
    one = kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=rack.model.layers,
        full_attention_layers=size.full_attention_layers,
        window=size.window,
    )
    return service.cache_of_batch(kv_cache=one, batch=batch)


# --- encoders --------------------------------------------------------------------------------------------------------


def gpu_encoder(rack: Rack) -> Service:
    """Every GPU runs its own copy."""
    pool = rack.accelerators.gpu
    assert pool is not None
    side, work = gpu_side(rack, pool), rack.workload
    passed = gpu.encoder(side.gpu, side.family, side.runtime, rack.model, work.precision, work.batch, work.input)
    request = Stage(side.runtime.request_host, "host")
    return Service(
        passage=total(gpu=passed.time, request_host=side.runtime.request_host),
        occupancy=passed.time,
        servers=side.replicas,
        batch=work.batch,
        stages={"request": request, "gpu": gpu_stage(passed)},
        memory={"gpu": gpu_memory(rack, side, work.batch, work.input)},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": gpu_activity(side, passed)},
    )


def lpu_layers(rack: Rack, pool: LpuPool, layers: Quantity) -> tuple[lpu.LpuPass, Memory, dict[str, Quantity]]:
    """Encoder layers on the pipeline of LPUs: the pass, the memory, what spilling adds."""
    work, link = rack.workload, chip_link(rack, pool)
    passed = lpu.encoder(
        pool.part, rack.model, pool.count, work.precision, work.batch, work.input, link.latency, link.bandwidth, layers
    )
    size = model_size(rack.model, work.precision, "bf16")
    weights = service.layers_weights(attention=size.attention_weights, feed_forward=size.ffn_weights, layers=layers)
    states = hidden_states(rack, work.batch, work.input, work.precision)
    held, spilled = lpu_memory(pool, weights, gpu.NO_CACHE, states)
    return passed, held, spill(pool, spilled)


def lpu_encoder(rack: Rack) -> Service:
    """The whole encoder on the LPUs, one pipeline."""
    pool, work = rack.accelerators.lpu, rack.workload
    assert pool is not None
    passed, held, spilled = lpu_layers(rack, pool, rack.model.layers)
    time = total(pass_=passed.time, **spilled)
    return Service(
        passage=time,
        occupancy=total(bottleneck=passed.bottleneck, **spilled),
        servers=ONE,
        batch=work.batch,
        stages={"lpu": Stage(time, "schedule", passed.terms | spilled)},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        details={"compiler_factor": passed.compiler_factor, "structural": passed.structural},
    )


def encoder_pipeline(rack: Rack) -> Service:
    """Embedding and the first layers on GPUs, the other layers on LPUs; hidden states cross, and the result back."""
    gpus, lpus = pools(rack)
    side, work = gpu_side(rack, gpus), rack.workload
    here = count(0.0, "no layer on the GPU") if rack.serving.gpu_layers is None else rack.serving.gpu_layers
    passed = gpu.encoder(
        side.gpu, side.family, side.runtime, rack.model, work.precision, work.batch, work.input, depth=here
    )
    there, held, spilled = lpu_layers(rack, lpus, service.remaining_layers(layers=rack.model.layers, elsewhere=here))
    size = hidden_states(rack, work.batch, work.input, work.precision)
    moved, hop = cross(rack, size)
    pipeline = hybrid.encoder_pipeline(passed.time, there, hop, hop)
    whole = total(lpu=there.time, **spilled)
    request = Stage(side.runtime.request_host, "host")
    cycle = total(bottleneck=pipeline.bottleneck, **spilled)
    return Service(
        passage=total(pipeline=pipeline.time, request_host=side.runtime.request_host, **spilled),
        occupancy=cycle,
        servers=ONE,
        batch=work.batch,
        stages={
            "request": request,
            "gpu": gpu_stage(passed),
            "forth": Stage(hop, "link"),
            "lpu": Stage(whole, "schedule", there.terms | spilled),
            "back": Stage(hop, "link"),
        },
        memory={"gpu": gpu_memory(rack, side, work.batch, work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": service.busy_share(time=passed.time, cycle=cycle, servers=gpus.count),
            "lpu": service.busy_share(time=there.bottleneck, cycle=cycle, servers=ONE),
        },
        activity={"gpu": gpu_activity(side, passed), "lpu": ONE},
        crossing=size,
        details={"compiler_factor": there.compiler_factor, "structural": there.structural},
    )


# --- decoders --------------------------------------------------------------------------------------------------------


def generation(rack: Rack, servers: Quantity, ttft: Quantity, tpot: Quantity, **parts: Any) -> Service:
    """A Service of requests that generate; servers are the sequences that can be in flight."""
    end_to_end = service.generation_time(ttft=ttft, tpot=tpot, output=output_of(rack))
    return Service(passage=end_to_end, occupancy=end_to_end, servers=servers, batch=ONE, ttft=ttft, tpot=tpot, **parts)


def loaded_tpot(rack: Rack, tpot: Quantity, prefill: Quantity) -> Quantity:
    """Time per output token with the other requests' prefills on the same GPUs in between."""
    stall = service.prefill_interference(prefill=prefill, batch=rack.workload.batch, output=output_of(rack))
    return total(step=tpot, prefill_interference=stall)


def output_of(rack: Rack) -> Quantity:
    """Tokens generated per request."""
    assert rack.workload.output is not None
    return rack.workload.output


def gpu_passes(rack: Rack, side: Side) -> tuple[gpu.GpuPass, gpu.GpuPass]:
    """One prompt's prefill, and a decode step of the whole batch."""
    work, kv = rack.workload, kv_format(rack)
    mean, _ = context_of(rack)
    group = {"devices": side.devices, "link": side.link, "expert_parallel": rack.model.experts is not None}
    common = side.gpu, side.family, side.runtime, rack.model, work.precision, kv
    first = gpu.prefill(*common, ONE, work.input, **group)  # type: ignore[arg-type]
    return first, gpu.decode(*common, work.batch, mean, **group)  # type: ignore[arg-type]


def gpu_decoder(rack: Rack) -> Service:
    """Continuous batching on groups of GPUs: prefills of other requests stall the steps of this one."""
    pool, work = rack.accelerators.gpu, rack.workload
    assert pool is not None
    side = gpu_side(rack, pool)
    first, step = gpu_passes(rack, side)
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, service.step_per_token(step=step.time), first.time),
        stages={"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1])},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": gpu_activity(side, step)},
    )


def lpu_step(rack: Rack, pool: LpuPool) -> lpu_decode.LpuDecode:
    """A decode step of the whole batch on all LPUs."""
    work, link = rack.workload, chip_link(rack, pool)
    formats = work.precision, kv_format(rack)
    mean, _ = context_of(rack)
    return lpu_decode.decode(
        pool.part, rack.model, pool.count, *formats, work.batch, mean, link.latency, link.bandwidth
    )


def lpu_stage(step: lpu_decode.LpuDecode, layers: Quantity, spilled: dict[str, Quantity]) -> Stage:
    """A decode step on LPUs as a stage."""
    terms = {
        "attention": repeated(time=step.attention, times=layers),
        "feed_forward": repeated(time=step.feed_forward, times=layers),
        "head": step.head,
        "hops": step.hops,
    }
    return Stage(total(step=step.time, **spilled), "schedule", terms | spilled)


def lpu_holds(
    rack: Rack, pool: LpuPool, weights: Quantity, sequences: Quantity | None
) -> tuple[Memory, dict[str, Quantity]]:
    """Memory of LPUs that generate, and the spill term. sequences: whose KV cache they hold; None: none (it stays)."""
    cached = gpu.NO_CACHE if sequences is None else cache_of(rack, sequences, context_of(rack)[1])
    rows_held = rack.workload.batch if sequences is None else sequences
    held, spilled = lpu_memory(pool, weights, cached, hidden_states(rack, rows_held, ONE_TOKEN, "bf16"))
    return held, spill(pool, spilled)


def lpu_details(step: lpu_decode.LpuDecode) -> dict[str, Quantity]:
    """How the LPUs are divided."""
    return {
        "compiler_factor": step.compiler_factor,
        "chips_per_layer": step.group,
        "pipeline_stages": step.stages,
    }


def lpu_decoder(rack: Rack) -> Service:
    """Prompt and generation on the LPUs; every pipeline stage holds another batch."""
    pool, work = rack.accelerators.lpu, rack.workload
    assert pool is not None
    step, link = lpu_step(rack, pool), chip_link(rack, pool)
    formats = work.precision, kv_format(rack)
    first = lpu_decode.prefill(
        pool.part, rack.model, pool.count, *formats, ONE, work.input, link.latency, link.bandwidth
    )
    in_flight = service.slots(replicas=step.stages, batch=work.batch)
    held, extra = lpu_holds(rack, pool, model_size(rack.model, *formats).weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    return generation(
        rack,
        in_flight,
        total(prefill=first, host_io=pool.part.host_io),
        service.step_per_token(step=decode.time),
        stages={"prefill": Stage(first, "schedule"), "decode": decode},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        details=lpu_details(step),
    )


def prefill_decode(rack: Rack) -> Service:
    """Prompts on GPUs, their KV cache over the link, generation on LPUs."""
    gpus, lpus = pools(rack)
    side, work = gpu_side(rack, gpus), rack.workload
    first, _ = gpu_passes(rack, side)
    step = lpu_step(rack, lpus)
    cache = cache_of(rack, ONE, work.input)
    moved, _ = cross(rack, cache)
    in_flight = service.slots(replicas=step.stages, batch=work.batch)
    size = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, size.weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    split = hybrid.prefill_decode(
        first.time,
        cache,
        rack.model.layers,
        rack.links["gpu-lpu"].part.latency,
        moved.bandwidth,
        decode.time,
        service.step_per_token(step=decode.time),
        rack.serving.kv_transfer,
    )
    built = generation(
        rack,
        in_flight,
        total(split=split.ttft, request_host=side.runtime.request_host),
        split.tpot,
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(split.exposed, "link"), "decode": decode},
        memory={"gpu": gpu_memory(rack, side, ONE, work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={},
        activity={"gpu": gpu_activity(side, first), "lpu": ONE},
        crossing=cache,
        details=lpu_details(step),
    )
    one = service.busy_share(time=first.time, cycle=built.passage, servers=side.replicas)
    return replace(built, busy={"gpu": service.filled(share=one, requests=in_flight), "lpu": ONE})


def attention_ffn(rack: Rack) -> Service:
    """Attention and KV cache on GPUs, feed-forward weights in the SRAM of LPUs; two crossings per layer and token."""
    gpus, lpus = pools(rack)
    side, work, microbatches = gpu_side(rack, gpus), rack.workload, rack.serving.microbatches
    first, whole = gpu_passes(rack, side)
    micro = service.microbatch(batch=work.batch, microbatches=microbatches)
    _, piece = gpu_passes(replace(rack, workload=replace(work, batch=micro)), side)
    link, layers = chip_link(rack, lpus), rack.model.layers
    feed = lpu_decode.feed_forward(lpus.part, rack.model, lpus.count, work.precision, micro, link.bandwidth)
    size = hidden_states(rack, micro, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    rest = total(head=piece.head, step_host=piece.step_host)
    split = hybrid.attention_ffn(piece.attention, feed.time, hop, hop, layers, microbatches, rest)
    size_of = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, lpu.feed_forward_memory(rack.model, size_of), None)
    step = total(layers=split.step, rest=rest, **extra)
    busy = {
        name: service.busy_share(
            time=repeated(time=repeated(time=time, times=layers), times=microbatches), cycle=step, servers=ONE
        )
        for name, time in (("gpu", piece.attention), ("lpu", feed.time))
    }
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, service.step_per_token(step=step), first.time),
        stages={
            "prefill": gpu_stage(first),
            "decode": Stage(step, "exchange between the pools", split.terms | extra),
        },
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy=busy,
        activity={"gpu": gpu_activity(side, piece), "lpu": ONE},
        crossing=size,
        details={
            "hops_hidden": split.hidden,
            "microbatches_needed": split.needed,
            "gpu_only_step": whole.time,
            "break_even_hop": hybrid.break_even_hop(feed_forward_here=piece.ffn, feed_forward_there=feed.time),
            "chips_per_layer": feed.group,
        },
    )


def draft_verify(rack: Rack) -> Service:
    """A small model on LPUs drafts, the large one on GPUs verifies several tokens in one pass."""
    gpus, lpus = pools(rack)
    side, work, plan = gpu_side(rack, gpus), rack.workload, rack.serving.speculation
    assert plan is not None
    first, _ = gpu_passes(rack, side)
    checked = service.verified_rows(batch=work.batch, drafted=plan.tokens)
    _, verify = gpu_passes(replace(rack, workload=replace(work, batch=checked)), side)
    drafting = replace(rack, model=plan.model)
    step = lpu_step(drafting, lpus)
    small = model_size(plan.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(drafting, lpus, small.weights, work.batch)
    size = hidden_states(rack, checked, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    draft = total(step=step.time, **extra)
    split = hybrid.draft_verify(draft, verify.time, plan.acceptance, plan.tokens, hop, hop)
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, split.tpot, first.time),
        stages={"prefill": gpu_stage(first), "round": Stage(split.step, "draft and verify in turn", split.terms)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": service.busy_share(time=verify.time, cycle=split.step, servers=ONE),
            "lpu": service.busy_share(time=split.terms["draft"], cycle=split.step, servers=ONE),
        },
        activity={"gpu": gpu_activity(side, verify), "lpu": ONE},
        crossing=size,
        details={"tokens_per_round": split.tokens},
    )


SPLITS: dict[str, dict[str, Callable[[Rack], Service]]] = {
    "gpu": {"encoder": gpu_encoder, "decoder": gpu_decoder},
    "lpu": {"encoder": lpu_encoder, "decoder": lpu_decoder},
    "encoder-pipeline": {"encoder": encoder_pipeline},
    "prefill-decode": {"decoder": prefill_decode},
    "attention-ffn": {"decoder": attention_ffn},
    "draft-verify": {"decoder": draft_verify},
}


def serve(rack: Rack) -> Service:
    """The Service of a rack whose structure has been checked."""
    return SPLITS[rack.serving.split][rack.model.family](rack)
