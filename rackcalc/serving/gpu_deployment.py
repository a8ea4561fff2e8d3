"""The GPUs of a pool with the software they run: how many copies of the model, on how many GPUs each."""

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.gpu.forward_pass import EVEN, ExpertPlacement
from rackcalc.formulas.gpu.launches import device_time_seen, launches_seen
from rackcalc.formulas.gpu.serving_engine import per_scheduler
from rackcalc.formulas.heat.chip_power import busy_gpu_utilization
from rackcalc.formulas.serving import replicas as replicas_formulas
from rackcalc.formulas.serving.replicas import gpus_of
from rackcalc.formulas.transformer.counts import NONE, in_group
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.serving.drafting import tokens_of_step
from rackcalc.serving.engine_options import sending_steps, with_options
from rackcalc.serving.engine_versions import at_newest, at_version
from rackcalc.serving.pool_links import gpu_link, network_between
from rackcalc.serving.service_model import ONE, Stage
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.rack import GpuPool, Rack
from rackcalc.spec.runtimes import Runtime


@record
class GpuDeployment:
    """The GPUs of one pool as they run a model: chip, software, the link among them.

    devices: GPUs that share one copy of the model, or one stage of it. replicas: copies. stages: of a pipeline, joined
    by stage_link; None without one. placement: of the experts, where data-parallel groups share them. ranks: groups of
    devices that share each prompt, joined by rank_link; None where one has it all.
    """

    gpu: GPU
    family: Family
    runtime: Runtime
    devices: Quantity
    link: Link | None
    replicas: Quantity
    stages: Quantity | None = None
    stage_link: Link | None = None
    placement: ExpertPlacement = EVEN
    ranks: Quantity | None = None
    rank_link: Link | None = None


def gpu_deployment(rack: Rack, pool: GpuPool) -> GpuDeployment:
    """The deployment of a pool: as the file says, else one copy of an encoder per GPU, of a decoder on all GPUs."""
    assert rack.serving.runtime is not None
    ranks = rack.serving.context_parallel
    devices, stages, groups = rack.serving.tensor_parallel, rack.serving.pipeline_parallel, rack.serving.data_parallel
    if devices is None:
        devices = ONE if rack.model.family == "encoder" else pool.count
        for parts in (stages, ranks):
            devices = devices if parts is None else in_group(devices=devices, groups=parts)
    elif groups is not None:
        devices = gpus_of(groups=groups, width=devices)
    runtime = rack.serving.runtime
    if runtime.engine is not None:  # only engines read the version
        version = rack.serving.version
        runtime = with_options(at_version(runtime, version) if version else at_newest(runtime), rack.serving, pool.part)
        runtime = sending_steps(runtime, tokens_of_step(rack))
        if groups is not None:
            runtime = of_groups(runtime, groups)
    family: Family = load_part("families", pool.part.family)
    of_copy = devices if stages is None else gpus_of(groups=stages, width=devices)
    copies = replicas_formulas.replicas(count=pool.count, tensor_parallel=of_copy)
    between = None if stages is None else gpu_link(rack, pool, of_copy)
    if ranks is not None:
        of_all = gpus_of(groups=ranks, width=devices)
        copies = replicas_formulas.replicas(count=pool.count, tensor_parallel=of_all)
        links = gpu_link(rack, pool, devices), gpu_link(rack, pool, of_all)
        return GpuDeployment(pool.part, family, runtime, devices, links[0], copies, ranks=ranks, rank_link=links[1])
    if groups is None and not rack.serving.expert_parallel:
        link = gpu_link(rack, pool, devices)
        return GpuDeployment(pool.part, family, runtime, devices, link, copies, stages, between)
    link = gpu_link(rack, pool, devices if groups is None else in_group(devices=devices, groups=groups))
    network = None if groups is None or rack.serving.expert_parallel is False else network_between(rack, pool, link)
    copies_of_experts = NONE if rack.serving.redundant_experts is None else rack.serving.redundant_experts
    overlap = rack.serving.two_batch_overlap
    placed = ExpertPlacement(network, copies_of_experts, rack.serving.expert_imbalance, overlap)
    return GpuDeployment(pool.part, family, runtime, devices, link, copies, stages, between, placed)


def of_groups(runtime: Runtime, groups: Quantity) -> Runtime:
    """The runtime of an engine whose data-parallel groups each have a scheduler and a front end of their own."""
    engine = runtime.engine
    assert engine is not None
    return replace(runtime, engine=replace(engine, token_time=per_scheduler(time=engine.token_time, groups=groups)))


def limiting_resource(passed: gpu.GpuPass) -> str:
    """What limits a pass: host launches, memory, compute, or fixed times (which include communication)."""
    memory, compute = passed.memory_utilization.value, passed.utilization.value
    busiest = xp.where(memory >= compute, "memory", "compute")
    device = xp.where(xp.maximum(memory, compute) < 0.3, "fixed times", busiest)
    words: str = xp.where(passed.host_time.value > passed.device_time.value, "host launches", device)
    return words


def gpu_stage(passed: gpu.GpuPass) -> Stage:
    """A GPU pass as a stage. A host-bound pass shows its launches instead of the device time that they hide."""
    sides = {"device_time": passed.device_time, "host_time": passed.host_time}
    terms = {name: device_time_seen(time=time, **sides) for name, time in passed.terms.items()}
    terms["host_launches"] = launches_seen(**sides)
    return Stage(passed.time, limiting_resource(passed), terms | {"step_host": passed.step_host})


def gpu_power_utilization(deployed: GpuDeployment, memory: Quantity, compute: Quantity) -> Quantity:
    """Power utilization of a GPU whose memory and compute are utilized this much."""

    return busy_gpu_utilization(deployed.gpu, deployed.family, memory, compute)
