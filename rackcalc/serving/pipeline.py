"""Pipeline parallelism on GPUs: passes through stages, and how far the prompts of an engine overlap in them."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.joined_passes import bytes_of_passes, flops_of_passes
from rackcalc.formulas.serving.pipeline_stages import (
    batches_in_flight,
    budget_of_round,
    chunks_of_prompt,
    hop_time,
    hops_of_prompt,
    hops_time,
    overlap_of_prompts,
    round_time,
    rows_of_chunk,
    share_of_own_prompt,
    shortened_time,
    slowest_stage,
    stage_message,
    utilization_of_stages,
)
from rackcalc.formulas.serving.replicas import budget_of_groups
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.serving.drafting import answer_steps
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.service_model import ONE
from rackcalc.spec.rack import Rack
from rackcalc.spec.runtimes import Engine


def stages_of(deployed: GpuDeployment) -> Quantity:
    """Stages of each copy of the model."""
    assert deployed.stages is not None
    return deployed.stages


def hop(rack: Rack, deployed: GpuDeployment, rows: Quantity) -> Quantity:
    """Time of so many rows from one stage to the next [s]."""
    link = deployed.stage_link
    assert link is not None
    size = stage_message(rows=rows, hidden=rack.model.hidden, element=width("bf16"), devices=deployed.devices)
    return hop_time(size=size, latency=link.latency, bandwidth=link.bandwidth, efficiency=link.efficiency)


def step_of_stages(rack: Rack, deployed: GpuDeployment, passed: GpuPass, batch: Quantity, rows: Quantity) -> GpuPass:
    """A step of `batch` sequences in all micro-batches: until each has its next token.

    passed: of one micro-batch, with `rows`, through all layers.
    """
    stages = stages_of(deployed)
    each, batches = hop(rack, deployed, rows), batches_in_flight(batch=batch, stages=stages)
    slowest = slowest_stage(passing=passed.time, head=passed.head, layers=rack.model.layers, stages=stages)
    whole = round_time(passing=passed.time, slowest=slowest, hop=each, batches=batches, stages=stages)
    hops = hops_time(hop=each, hops=stages)
    more = {"hops": hops, "other_batches": left_over(whole=whole, part=total(own=passed.time, hops=hops))}
    return _over_stages(passed, whole, passed.terms | more, batches, stages)


def prompt_through_stages(rack: Rack, deployed: GpuDeployment, passed: GpuPass, tokens: Quantity) -> GpuPass:
    """The prefill of a prompt whose chunks follow each other through the stages. passed: on the GPUs of one stage."""
    stages, (chunks, rows) = stages_of(deployed), _chunks(deployed, tokens)
    share = share_of_own_prompt(chunks=chunks, stages=stages)
    hops = hops_time(hop=hop(rack, deployed, rows), hops=hops_of_prompt(chunks=chunks, stages=stages))
    terms = {name: shortened_time(time=time, share=share) for name, time in passed.terms.items()}
    time = total(stages=shortened_time(time=passed.time, share=share), hops=hops)
    return _over_stages(passed, time, terms | {"hop_overhead": hops}, ONE, stages)


def overlap(rack: Rack, deployed: GpuDeployment, held: Quantity) -> Quantity | None:
    """Delay of the others by a prompt among `held` requests, over its time in the stages; None without a pipeline."""
    if deployed.stages is None:
        return None
    chunks, _ = _chunks(deployed, rack.workload.input)
    return overlap_of_prompts(held=held, steps=answer_steps(rack), chunks=chunks, stages=deployed.stages)


def engine_in_rounds(rack: Rack, deployed: GpuDeployment) -> Engine:
    """The engine, with the tokens of a whole round, of all data-parallel groups, as those of a step."""
    engine, groups = deployed.runtime.engine, rack.serving.data_parallel
    assert engine is not None
    if groups is not None:
        engine = replace(engine, chunk=budget_of_groups(chunk=engine.chunk, groups=groups))
    if deployed.stages is not None:
        engine = replace(engine, chunk=budget_of_round(chunk=engine.chunk, stages=deployed.stages))
    return engine


def chunks_of(rack: Rack, deployed: GpuDeployment) -> Quantity:
    """Chunks of a prompt."""
    return _chunks(deployed, rack.workload.input)[0]


def ring(rack: Rack, deployed: GpuDeployment) -> dict[str, Quantity]:
    """Chunks of a prompt and stages, of a pipeline."""
    return {} if deployed.stages is None else {"chunks": chunks_of(rack, deployed), "stages": deployed.stages}


def _chunks(deployed: GpuDeployment, tokens: Quantity) -> tuple[Quantity, Quantity]:
    """Chunks of a prompt, and the rows of each."""
    engine = deployed.runtime.engine
    assert engine is not None
    lengths = {"prompt": tokens, "chunk": engine.chunk}
    return chunks_of_prompt(**lengths), rows_of_chunk(**lengths)


def _over_stages(
    passed: GpuPass, time: Quantity, terms: dict[str, Quantity], batches: Quantity, stages: Quantity
) -> GpuPass:
    """A pass as all stages together make it, of so many micro-batches."""
    spread = {"passing": passed.time, "whole": time, "batches": batches, "stages": stages}
    return replace(
        passed,
        time=time,
        device_time=time,
        terms=terms,
        flops=flops_of_passes(flops=passed.flops, passes=batches),
        bytes_moved=bytes_of_passes(size=passed.bytes_moved, passes=batches),
        utilization=utilization_of_stages(utilization=passed.utilization, **spread),
        memory_utilization=utilization_of_stages(utilization=passed.memory_utilization, **spread),
    )
