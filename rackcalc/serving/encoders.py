"""Encoders: on GPUs, on LPUs, and as a pipeline over both."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.gpu.compiled import engine_tails
from rackcalc.formulas.gpu.memory_fit import NO_CACHE
from rackcalc.formulas.heat.chip_utilization import busy_share
from rackcalc.formulas.lpu import encoder as encoder_on_lpus
from rackcalc.formulas.lpu.encoder import LpuPass
from rackcalc.formulas.serving import encoder_split
from rackcalc.formulas.serving.encoder_split import layers_weights, remaining_layers
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.gpu_deployment import gpu_deployment, gpu_power_utilization, gpu_stage
from rackcalc.serving.pool_links import both_pools, gpu_lpu_transfer, lpu_link
from rackcalc.serving.pool_memory import gpu_memory, hidden_state_bytes, lpu_memory, spill_terms
from rackcalc.serving.service_model import ONE, Memory, ServiceModel, Stage, batch_of
from rackcalc.spec.rack import LpuPool, Rack
from rackcalc.spec.runtimes import Runtime


def passage_tails(runtime: Runtime, gpu_time: Quantity, passage: Quantity) -> dict[str, Quantity]:
    """p95, p99 and p999 (as p99) of a passage whose part on the GPU varies as in a compiled engine; else none."""
    around = left_over(whole=passage, part=gpu_time)
    tails = engine_tails(runtime.compiled, gpu_time)
    found = {level: total(gpu=time, around=around) for level, time in tails.items()}
    return found | ({"p999": found["p99"]} if found else {})


def gpu_encoder(rack: Rack) -> ServiceModel:
    """The encoder on GPUs. Every GPU, or group of tensor-parallel GPUs, runs its own copy."""
    pool = rack.accelerators.gpu
    assert pool is not None
    deployed, work = gpu_deployment(rack, pool), rack.workload
    passed = gpu.encoder(
        deployed.gpu, deployed.family, deployed.runtime, rack.model, work.precision, batch_of(rack), work.input
    )
    request = Stage(deployed.runtime.request_host, "host")
    passage = total(gpu=passed.time, request_host=deployed.runtime.request_host)
    return ServiceModel(
        passage=passage,
        tails=passage_tails(deployed.runtime, passed.time, passage),
        occupancy=passed.time,
        servers=deployed.replicas,
        batch=batch_of(rack),
        stages={"request": request, "gpu": gpu_stage(passed)},
        memory={"gpu": gpu_memory(rack, deployed, batch_of(rack), work.input)},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": gpu_power_utilization(deployed, passed.memory_utilization, passed.utilization)},
    )


def lpu_layers(rack: Rack, pool: LpuPool, layers: Quantity) -> tuple[LpuPass, Memory, dict[str, Quantity]]:
    """Encoder layers on the pipeline of LPUs: the pass, the memory, and the time that spilling adds."""
    work, link = rack.workload, lpu_link(rack, pool)
    passed = encoder_on_lpus.encoder(
        pool.part,
        rack.model,
        pool.count,
        work.precision,
        batch_of(rack),
        work.input,
        link.latency,
        link.bandwidth,
        layers,
    )
    size = model_size(rack.model, work.precision, "bf16")
    weights = layers_weights(attention=size.attention_weights, feed_forward=size.ffn_weights, layers=layers)
    states = hidden_state_bytes(rack, batch_of(rack), work.input, work.precision)
    held, spilled = lpu_memory(pool, weights, NO_CACHE, states)
    return passed, held, spill_terms(pool, spilled)


def lpu_encoder_stage(time: Quantity, passed: LpuPass, spilled: dict[str, Quantity]) -> Stage:
    """A pass on the LPUs as a stage: its structural times, and the time that the compiler adds to them."""
    compiler = left_over(whole=passed.time, part=total(**passed.terms))
    return Stage(time, "schedule", passed.terms | {"compiler": compiler} | spilled)


def lpu_encoder(rack: Rack) -> ServiceModel:
    """The whole encoder on the LPUs, which form one pipeline."""
    pool = rack.accelerators.lpu
    assert pool is not None
    passed, held, spilled = lpu_layers(rack, pool, rack.model.layers)
    time = total(pass_=passed.time, **spilled)
    return ServiceModel(
        passage=time,
        occupancy=total(bottleneck=passed.bottleneck, **spilled),
        servers=ONE,
        batch=batch_of(rack),
        stages={"lpu": lpu_encoder_stage(time, passed, spilled)},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        details={"compiler_factor": passed.compiler_factor, "structural": passed.structural},
    )


def encoder_pipeline(rack: Rack) -> ServiceModel:
    """Embedding and first layers on GPUs, the other layers on LPUs. Hidden states are sent there, the result back."""
    gpus, lpus = both_pools(rack)
    deployed, work = gpu_deployment(rack, gpus), rack.workload
    here = count(0.0, "no layer on the GPU") if rack.serving.gpu_layers is None else rack.serving.gpu_layers
    passed = gpu.encoder(
        deployed.gpu,
        deployed.family,
        deployed.runtime,
        rack.model,
        work.precision,
        batch_of(rack),
        work.input,
        depth=here,
    )
    there, held, spilled = lpu_layers(rack, lpus, remaining_layers(layers=rack.model.layers, elsewhere=here))
    size = hidden_state_bytes(rack, batch_of(rack), work.input, work.precision)
    moved, hop = gpu_lpu_transfer(rack, size)
    pipeline = encoder_split.encoder_pipeline(passed.time, there, hop, hop)
    whole = total(lpu=there.time, **spilled)
    request = Stage(deployed.runtime.request_host, "host")
    cycle = total(bottleneck=pipeline.bottleneck, **spilled)
    passage = total(pipeline=pipeline.time, request_host=deployed.runtime.request_host, **spilled)
    return ServiceModel(
        passage=passage,
        tails=passage_tails(deployed.runtime, passed.time, passage),
        occupancy=cycle,
        servers=ONE,
        batch=batch_of(rack),
        stages={
            "request": request,
            "gpu": gpu_stage(passed),
            "forth": Stage(hop, "link"),
            "lpu": lpu_encoder_stage(whole, there, spilled),
            "back": Stage(hop, "link"),
        },
        memory={"gpu": gpu_memory(rack, deployed, batch_of(rack), work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": busy_share(time=passed.time, cycle=cycle, servers=gpus.count),
            "lpu": busy_share(time=there.bottleneck, cycle=cycle, servers=ONE),
        },
        activity={"gpu": gpu_power_utilization(deployed, passed.memory_utilization, passed.utilization), "lpu": ONE},
        crossing_size=size,
        details={"compiler_factor": there.compiler_factor, "structural": there.structural},
    )
