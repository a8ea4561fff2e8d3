"""All-reduce and all-to-all among the GPUs of one node."""

import math

from rackcalc import xp
from rackcalc.formulas.combine import smallest
from rackcalc.quantity import Quantity, Source, constant, formula
from rackcalc.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.links import Link
from rackcalc.spec.runtimes import Family, Runtime
from rackcalc.units import SECOND, Bytes, BytesPerSecond, Count, Ratio, Seconds

FITTED = "fitted to the communication tables of NVIDIA aiconfigurator 0.12.0 (n <= 64 MiB, CUDA graph)"
COLLECTIVE_ERROR = 0.12  # 8 to 12 % fitted; 9 to 14 % where only the floors of a family are known
THAKUR = "R. Thakur et al., Optimization of Collective Communication Operations in MPICH, IJHPCA 19(1), 2005"


@formula(
    cite="NVIDIA TensorRT-LLM one-shot all-reduce: every GPU reads every other's tensor; " + FITTED,
    error=COLLECTIVE_ERROR,
)
def one_shot(
    size: Bytes, devices: Count, bandwidth: BytesPerSecond, floor: Seconds, per_peer: Seconds, share: Ratio
) -> Seconds:
    """All-reduce by everyone reading everything; 0 on one device. bandwidth: per direction and device.

    The example, 16 KiB on eight B200, takes 6.1 us measured.

    >>> round(1e6 * one_shot(size=16384.0, devices=8.0, bandwidth=900e9, floor=4.8e-6, per_peer=64e-9, share=0.54), 2)
    5.48
    """
    peers = devices - 1
    time = floor + per_peer * peers + peers * size / (share * bandwidth)
    return xp.where(devices > 1, time, 0 * time)


@formula(cite=THAKUR + " (reduce-scatter, then all-gather); " + FITTED, error=COLLECTIVE_ERROR)
def two_shot(
    size: Bytes,
    devices: Count,
    bandwidth: BytesPerSecond,
    floor: Seconds,
    per_peer: Seconds,
    cost: Seconds,
    share: Ratio,
) -> Seconds:
    """All-reduce as reduce-scatter and all-gather in one kernel; 0 on one device.

    >>> round(1e6 * two_shot(size=64e6, devices=8.0, bandwidth=900e9, floor=4.8e-6, per_peer=0.064e-6, cost=34e-6,
    ...     share=0.67), 1)
    225.0
    """
    time = floor + per_peer * (devices - 1) + cost + 2 * (devices - 1) / devices * size / (share * bandwidth)
    return xp.where(devices > 1, time, 0 * time)


@formula(cite=THAKUR + "; protocols of NVIDIA NCCL (low latency, simple); " + FITTED, error=COLLECTIVE_ERROR)
def ring(
    size: Bytes,
    devices: Count,
    bandwidth: BytesPerSecond,
    floor: Seconds,
    per_peer: Seconds,
    low_latency_share: Ratio,
    setup: Seconds,
    share: Ratio,
) -> Seconds:
    """All-reduce around a ring by a general library, with the better of its two protocols; 0 on one device.

    The example, 8 bytes on eight B200, takes 23 to 25 us measured with a process per GPU, 19 us in one process.

    >>> round(1e6 * ring(size=8.0, devices=8.0, bandwidth=900e9, floor=8.4e-6, per_peer=1.57e-6,
    ...     low_latency_share=0.225, setup=16.8e-6, share=0.65), 1)
    19.4
    """
    wire = 2 * (devices - 1) / devices * size
    core = xp.minimum(wire / (low_latency_share * bandwidth), setup + wire / (share * bandwidth))
    time = floor + per_peer * (devices - 1) + core
    return xp.where(devices > 1, time, 0 * time)


@formula(
    cite="B. Klenk et al., An In-Network Architecture for Accelerating Shared-Memory Collectives, ISCA 2020; " + FITTED,
    error=COLLECTIVE_ERROR,
)
def in_switch(
    size: Bytes,
    devices: Count,
    bandwidth: BytesPerSecond,
    floor: Seconds,
    per_peer: Seconds,
    cost: Seconds,
    share: Ratio,
) -> Seconds:
    """All-reduce that the NVLink switch adds up, so each byte crosses a link once; inf on two devices, 0 on one.

    >>> round(1e6 * in_switch(size=64e6, devices=8.0, bandwidth=900e9, floor=4.8e-6, per_peer=0.064e-6, cost=34e-6,
    ...     share=0.47), 1)
    190.5
    """
    time = floor + per_peer * (devices - 1) + cost + size / (share * bandwidth)
    return xp.where(devices > 2, time, xp.where(devices > 1, xp.inf * SECOND, 0 * time))


@formula(cite=THAKUR + " (pairwise exchange); launch fitted to published serving runs")
def all_to_all(size: Bytes, devices: Count, bandwidth: BytesPerSecond, floor: Seconds, share: Ratio) -> Seconds:
    """Dispatch or combine of expert parallelism: each device sends all but its own part. size: bytes held per device.

    >>> round(1e6 * all_to_all(size=64e6, devices=8.0, bandwidth=900e9, floor=19.3e-6, share=0.81), 1)
    96.1
    """
    time = floor + (devices - 1) / devices * size / (share * bandwidth)
    return xp.where(devices > 1, time, 0 * time)


@formula(cite="vLLM and SGLang custom all-reduce: outside a graph the tensor is copied; " + FITTED)
def eager_time(graph: Seconds, size: Bytes, memory_bandwidth: BytesPerSecond, share: Ratio, floor: Seconds) -> Seconds:
    """All-reduce launched by the host: a copy out of place more than in a graph, and never faster than the launch.

    >>> round(1e6 * eager_time(graph=100e-6, size=16e6, memory_bandwidth=2.039e12, share=0.85, floor=41.6e-6), 1)
    118.5
    """
    time = xp.maximum(floor, graph + 2 * size / (share * memory_bandwidth))
    return xp.where(graph > 0 * SECOND, time, graph)


@formula(cite="definition: an all-gather or reduce-scatter is half of an all-reduce")
def half_exchange(size: Bytes) -> Bytes:
    """Message whose all-reduce moves as many bytes as gathering this one.

    >>> half_exchange(size=1024.0)
    512.0
    """
    return size / 2


@formula(cite="fitted to NCCL all-gathers between two GPUs: " + FITTED)
def pair_share(share: Ratio, factor: Ratio, devices: Count) -> Ratio:
    """Share of the link rate of a gather; lower between two GPUs, which cannot use all channels.

    >>> round(pair_share(share=0.65, factor=0.79, devices=2.0), 4)
    0.5135
    """
    return xp.where(devices > 2, share, share * factor)


@formula(cite="tree between nodes as in NVIDIA NCCL; fitted to two nodes of ABCI 2.0 (4 x InfiniBand HDR, <= 16 MiB)")
def between_nodes(
    inside: Seconds, size: Bytes, devices: Count, nodes: Count, step: Seconds, rate: BytesPerSecond, share: Ratio
) -> Seconds:
    """All-reduce over several nodes, from that inside one. rate: all network adapters of a node, one direction.

    >>> round(1e6 * between_nodes(inside=40e-6, size=1e6, devices=16.0, nodes=2.0, step=8e-6, rate=100e9,
    ...     share=0.31), 1)
    116.5
    """
    levels = xp.log(xp.pure(nodes)) / math.log(2)
    return inside + 2 * step * levels + 2 * (devices - 1) / devices * size / (share * rate)


@formula(cite="definition: equal adapters add up")
def lanes(bandwidth: BytesPerSecond, count: Count) -> BytesPerSecond:
    """Rate of several adapters.

    >>> lanes(bandwidth=25e9, count=4.0)
    100000000000.0
    """
    return bandwidth * count


@formula(cite="definition: an even spread over nodes")
def per_node(devices: Count, nodes: Count) -> Count:
    """Devices of one node.

    >>> per_node(devices=16.0, nodes=2.0)
    8.0
    """
    return devices / nodes


@formula(cite="assumption: collectives over PCIe keep the measured cross-socket share of the link rate")
def shared_rate(bandwidth: BytesPerSecond, share: Ratio) -> BytesPerSecond:
    """Rate left for each device where copies cross sockets.

    >>> shared_rate(bandwidth=32e9, share=0.67)
    21440000000.0
    """
    return bandwidth * share


PCIE_SHARE = constant(
    0.67,
    "1",
    "share of PCIe rate left to collectives",
    "estimate",
    "aic-data",
    "cross-NUMA over NVLink copy efficiency; untested",
)

COPY_SHARE = constant(0.85, "1", "share of memory bandwidth of a copy", "measured", "aic-data", "0.79 to 0.95")
NO_FLOOR = constant(0.0, "s", "host launch of an all-reduce", "assumed", note="hidden behind other work")

NET_STEP = Quantity(8e-6, "s", "tree step between nodes", source=Source("measured", "abci-mpi"), low=4e-6, high=12e-6)
NET_SHARE = Quantity(
    0.31,
    "1",
    "share of the adapters' rate",
    source=Source("measured", "abci-mpi", note="two nodes only; MPI from hosts reaches 0.95"),
    low=0.3,
    high=0.95,
)


@record
class AllReduce:
    """Time [s] of one all-reduce by each algorithm that the hardware allows, and the shortest."""

    time: Quantity
    algorithms: dict[str, Quantity]


def all_reduce(
    size: Quantity,
    devices: Quantity,
    link: Link,
    gpu: GPU,
    family: Family,
    runtime: Runtime,
    launch: str | None = None,
) -> AllReduce:
    """All-reduce of `size` bytes per device within one node over `link`.

    Custom kernels (one-shot, two-shot, in-switch) need NVLink and a runtime that has them; else only the general
    library's ring remains. launch: "graph" or "eager", where it is not the runtime's own.
    """
    pcie, bandwidth = _rate(link)
    common = {"size": size, "devices": devices, "bandwidth": bandwidth}
    algorithms = {
        "ring": ring(
            **common,
            floor=family.ring.floor,
            per_peer=family.ring.per_peer,
            low_latency_share=family.ring.low_latency_share,
            setup=family.ring.setup,
            share=family.ring.share,
        )
    }
    if not pcie and not runtime.library_all_reduce:
        start = {
            "floor": runtime.all_reduce_floor.get(gpu.family, family.all_reduce_floor),
            "per_peer": runtime.all_reduce_per_peer,
        }
        cost = runtime.all_reduce_two_shot_cost
        algorithms["one_shot"] = one_shot(**common, **start, share=runtime.all_reduce_one_shot_share)
        algorithms["two_shot"] = two_shot(**common, **start, cost=cost, share=runtime.all_reduce_two_shot_share)
        if family.in_switch_reduction:
            share = runtime.all_reduce_in_switch_share
            algorithms["in_switch"] = in_switch(**common, **start, cost=cost, share=share)
    best = smallest(**algorithms)
    if (launch or runtime.launch) == "eager":
        floor = runtime.eager_floors.get(gpu.family, NO_FLOOR if runtime.eager_floor is None else runtime.eager_floor)
        best = eager_time(graph=best, size=size, memory_bandwidth=gpu.memory_bandwidth, share=COPY_SHARE, floor=floor)
    return AllReduce(time=best, algorithms=algorithms)


def _rate(link: Link) -> tuple[bool, Quantity]:
    """Whether the link is PCIe, and the rate it leaves to collectives."""
    pcie = any(port.startswith("pcie") for port in link.ports)
    return pcie, shared_rate(bandwidth=link.bandwidth, share=PCIE_SHARE) if pcie else link.bandwidth


def library_collective(
    operation: str, size: Quantity, devices: Quantity, link: Link, family: Family, nodes: Quantity | None = None
) -> Quantity:
    """A collective of the general library (NCCL) by itself. operation: all_reduce, all_gather, reduce_scatter.

    size: bytes of the reduced or of the gathered whole. nodes: devices are spread over so many; the time is that of
    one node, to which between_nodes adds.
    """
    law, (pcie, bandwidth) = family.ring, _rate(link)
    near = devices if nodes is None else per_node(devices=devices, nodes=nodes)
    share = law.share
    if operation != "all_reduce":
        size, share = half_exchange(size=size), pair_share(share=law.share, factor=law.pair_factor, devices=near)
    common = {"size": size, "devices": near, "bandwidth": bandwidth, "floor": law.floor, "per_peer": law.per_peer}
    best = ring(**common, low_latency_share=law.low_latency_share, setup=law.setup, share=share)
    if operation == "all_reduce" and family.in_switch_reduction and not pcie:
        best = smallest(ring=best, in_switch=in_switch(**common, cost=law.setup, share=law.in_switch_share))
    return best
