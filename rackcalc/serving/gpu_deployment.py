"""The GPUs of a pool with the software they run: how many copies of the model, on how many GPUs each."""

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.gpu.launches import device_time_seen, launches_seen
from rackcalc.formulas.heat.chip_power import busy_gpu_utilization
from rackcalc.formulas.serving import replicas as replicas_formulas
from rackcalc.formulas.serving.replicas import gpus_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.serving.engine_options import with_options
from rackcalc.serving.engine_versions import at_newest, at_version
from rackcalc.serving.pool_links import gpu_link
from rackcalc.serving.service_model import ONE, Stage
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.rack import GpuPool, Rack
from rackcalc.spec.runtimes import Runtime


@record
class GpuDeployment:
    """The GPUs of one pool as they run a model: chip, software, the link among them.

    devices: GPUs that share one copy of the model. replicas: copies.
    """

    gpu: GPU
    family: Family
    runtime: Runtime
    devices: Quantity
    link: Link | None
    replicas: Quantity


def gpu_deployment(rack: Rack, pool: GpuPool) -> GpuDeployment:
    """The deployment of a pool: as the file says, else one copy of an encoder per GPU, of a decoder on all GPUs."""
    assert rack.serving.runtime is not None
    devices = rack.serving.tensor_parallel
    if devices is None:
        devices = ONE if rack.model.family == "encoder" else pool.count
    elif rack.serving.data_parallel is not None:
        devices = gpus_of(groups=rack.serving.data_parallel, width=devices)
    runtime = rack.serving.runtime
    if runtime.engine is not None:  # only engines read the version
        version = rack.serving.version
        runtime = with_options(at_version(runtime, version) if version else at_newest(runtime), rack.serving, pool.part)
    family: Family = load_part("families", pool.part.family)
    copies = replicas_formulas.replicas(count=pool.count, tensor_parallel=devices)
    return GpuDeployment(pool.part, family, runtime, devices, gpu_link(rack, pool, devices), copies)


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
