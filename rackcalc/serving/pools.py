"""What every split needs: the pools, their links and memory, and what a split returns."""

from collections.abc import Mapping
from dataclasses import field, replace

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.links.transfer import Transfer, transfer
from rackcalc.formulas.lpu import forward_pass as lpu
from rackcalc.formulas.lpu.cycles import activation_size
from rackcalc.formulas.serving import service
from rackcalc.formulas.serving.concurrency import gpus_of
from rackcalc.formulas.transformer.model_size import kv_cache, model_size, rows, width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.quantities.record import record
from rackcalc.serving.versions import dated
from rackcalc.spec.chips import GPU
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.rack import GpuPool, LinkUse, LpuPool, Rack
from rackcalc.spec.runtimes import Runtime

ONE = constant(1.0, "1", "one", "given", note="one, or all of it, where the file says nothing else")


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

    passage: through the empty rack. occupancy: time one batch (generation: one request) holds a server. servers: what
    can be held at once. batch: requests per held server. busy, activity: by pool, at saturation and of a busy chip.
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
    together: dict[str, Quantity] = field(default_factory=dict)
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
    elif rack.serving.data_parallel is not None:
        devices = gpus_of(groups=rack.serving.data_parallel, width=devices)
    runtime = dated(rack.serving.runtime, rack.serving.version or "")
    family: Family = load_part("families", pool.part.family)
    copies = service.replicas(count=pool.count, tensor_parallel=devices)
    return Side(pool.part, family, runtime, devices, gpu_link(rack, pool), copies)


def port(ports: Mapping[str, Quantity], use: LinkUse) -> Quantity:
    """Bandwidth of the port a link attaches to; the link's own, marked hypothetical, where the chip lacks it."""
    fitting = [quantity for name, quantity in ports.items() if name in use.part.ports]
    if fitting:
        return fitting[0] if len(fitting) == 1 else largest(**{f"port_{i}": rate for i, rate in enumerate(fitting)})
    source = Source("hypothetical", note=f"the chip has no port for {use.part.name}; computed as if it had")
    return replace(use.part.bandwidth, name="hypothetical port", source=source)


def pools(rack: Rack) -> tuple[GpuPool, LpuPool]:
    """Both pools of a hybrid."""
    gpus, lpus = rack.accelerators.gpu, rack.accelerators.lpu
    assert gpus is not None and lpus is not None
    return gpus, lpus


def cross(rack: Rack, size: Quantity) -> tuple[Transfer, Quantity]:
    """A transfer between GPUs and LPUs, and its time."""
    return crossed(rack, "gpu-lpu", size, *pools(rack))


def crossed(
    rack: Rack, link: str, size: Quantity, sender: GpuPool | LpuPool, receiver: GpuPool | LpuPool
) -> tuple[Transfer, Quantity]:
    """A transfer between two pools, and its time on the path the file names. The GPUs' other work takes its share."""
    use = rack.links[link]
    ports = port(sender.part.ports, use), port(receiver.part.ports, use)
    taken = use.other_load if rack.sharing is None else total(link=use.other_load, sharing=rack.sharing.link_share)
    moved = transfer(use.part, size, *ports, taken, use.host)
    return moved, on_path(moved, use)


def on_path(moved: Transfer, use: LinkUse) -> Quantity:
    """Time of a transfer the way the file says bytes get across."""
    return {"zero-copy": moved.zero_copy, "bounce": moved.bounce, "serialised": moved.serialised}[use.path]


def chip_link(rack: Rack, pool: LpuPool) -> Link:
    """The link between LPUs: as the file says, else their own."""
    use = rack.links.get("lpu-lpu")
    if use is not None:
        return use.part
    link: Link = load_part("links", pool.part.chip_link)
    return link


def bound_by(passed: gpu.GpuPass) -> str:
    """What limits a pass: the host that launches it, memory, arithmetic, or fixed times and communication."""
    memory, compute = passed.memory_utilization.value, passed.utilization.value
    busiest = xp.where(memory >= compute, "memory", "compute")
    device = xp.where(xp.maximum(memory, compute) < 0.3, "fixed times", busiest)
    words: str = xp.where(passed.host_time.value > passed.device_time.value, "host launches", device)
    return words


def gpu_stage(passed: gpu.GpuPass) -> Stage:
    """A GPU pass as a stage; a host-bound one shows the launches instead of the device time that they hide."""
    sides = {"device_time": passed.device_time, "host_time": passed.host_time}
    terms = {name: service.device_time_seen(time=time, **sides) for name, time in passed.terms.items()}
    terms["host_launches"] = service.launches_seen(**sides)
    return Stage(passed.time, bound_by(passed), terms | {"step_host": passed.step_host})


def gpu_activity(side: Side, memory: Quantity, compute: Quantity) -> Quantity:
    """Power utilization of a GPU at these utilizations of memory and arithmetic."""
    from rackcalc.formulas.heat.power import busy_gpu_utilization

    return busy_gpu_utilization(side.gpu, side.family, memory, compute)


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
