"""Times of collectives among the GPUs of one node, one formula for each algorithm."""

import math

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import SECOND, Bytes, BytesPerSecond, Count, Hertz, Ratio, Seconds

FITTED = (
    "fitted to the communication tables of NVIDIA aiconfigurator 0.12.0 with CUDA graphs "
    "(rackcalc/validation/measured/collective.csv) by rackcalc/validation/refit.py"
)
# Errors that the ranges of the parameters do not explain: 6 % for the kernels of the runtimes, 8 to 12 % for a library
# that chooses algorithm, protocol and chunk size by itself.
OWN_ERROR, LIBRARY_ERROR = 0.04, 0.08
KLENK = "B. Klenk et al., An In-Network Architecture for Accelerating Shared-Memory Collectives, ISCA 2020"
THAKUR = "R. Thakur et al., Optimization of Collective Communication Operations in MPICH, IJHPCA 19(1), 2005"


@formula(
    cite="NVIDIA TensorRT-LLM one-shot all-reduce: every GPU reads every other's tensor; " + FITTED,
    error=OWN_ERROR,
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


@formula(cite=THAKUR + " (reduce-scatter, then all-gather); " + FITTED, error=OWN_ERROR)
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


@formula(cite=THAKUR + "; protocols of NVIDIA NCCL (low latency, simple); " + FITTED, error=LIBRARY_ERROR)
def ring(
    size: Bytes,
    devices: Count,
    bandwidth: BytesPerSecond,
    rounds: Count,
    floor: Seconds,
    step: Seconds,
    low_latency_share: Ratio,
    setup: Seconds,
    share: Ratio,
    copy_rate: BytesPerSecond,
) -> Seconds:
    """A general library's ring with the better of its two protocols; 0 on one device.

    rounds: 1 for a gather or reduce-scatter, 2 for an all-reduce; each takes a step and a part of the tensor per peer.
    In the bandwidth protocol, multiprocessors move the data in chunks. With the best chunk size, filling the pipeline
    at a fixed cost `setup` adds twice the geometric mean of both. The example takes 25 us measured.

    >>> round(1e6 * ring(size=512.0, devices=8.0, bandwidth=900e9, rounds=2.0, floor=8.0e-6, step=1.3e-6,
    ...     low_latency_share=0.224, setup=3.25e-6, share=0.89, copy_rate=2.9e12), 1)
    26.2
    """
    hops = rounds * (devices - 1)
    wire = hops / devices * size
    whole = xp.sqrt(setup) + xp.sqrt(wire / (share * bandwidth) + wire / copy_rate)
    core = xp.minimum(wire / (low_latency_share * bandwidth), whole * whole)
    return xp.where(devices > 1, floor + step * hops + core, 0 * floor)


@formula(cite=KLENK + "; " + FITTED, error=LIBRARY_ERROR)
def library_in_switch(
    size: Bytes,
    devices: Count,
    bandwidth: BytesPerSecond,
    rounds: Count,
    floor: Seconds,
    step: Seconds,
    setup: Seconds,
    share: Ratio,
    copy_rate: BytesPerSecond,
) -> Seconds:
    """A general library's all-reduce in the NVLink switch; unbounded on two devices, 0 on one.

    Multiprocessors copy the tensor into a buffer that the switch can read, and back, which moves twice its size. The
    example takes 4.0 ms measured.

    >>> round(1e6 * library_in_switch(size=2.0**30, devices=8.0, bandwidth=450e9, rounds=2.0, floor=4.9e-6,
    ...     step=0.82e-6, setup=3.25e-6, share=0.70, copy_rate=2.6e12), 0)
    4489.0
    """
    whole = xp.sqrt(setup) + xp.sqrt(size / (share * bandwidth) + 2 * size / copy_rate)
    time = floor + step * rounds * (devices - 1) + whole * whole
    return xp.where(devices > 2, time, xp.where(devices > 1, xp.inf * SECOND, 0 * time))


@formula(cite="definition: what all multiprocessors copy together")
def copy_rate(per_cycle: Bytes, sms: Count, clock: Hertz) -> BytesPerSecond:
    """Rate at which kernels of a general library move data.

    >>> copy_rate(per_cycle=10.0, sms=132.0, clock=1.98e9)
    2613600000000.0
    """
    return per_cycle * sms * clock


@formula(cite="dispatch by message size in vLLM, SGLang and TensorRT-LLM")
def up_to(time: Seconds, size: Bytes, largest: Bytes) -> Seconds:
    """Time of a kernel that takes messages up to a size only, else unbounded; 0 stays 0.

    >>> up_to(time=1e-5, size=1e6, largest=8e6), up_to(time=1e-5, size=9e6, largest=8e6)
    (1e-05, inf)
    """
    return xp.where(size <= largest, time, xp.where(time > 0 * SECOND, xp.inf * SECOND, time))


@formula(
    cite=KLENK + "; " + FITTED,
    error=OWN_ERROR,
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
    """All-reduce that the NVLink switch adds up, so each byte crosses a link once; unbounded on two devices, 0 on one.

    >>> round(1e6 * in_switch(size=64e6, devices=8.0, bandwidth=900e9, floor=4.8e-6, per_peer=0.064e-6, cost=34e-6,
    ...     share=0.47), 1)
    190.5
    """
    time = floor + per_peer * (devices - 1) + cost + size / (share * bandwidth)
    return xp.where(devices > 2, time, xp.where(devices > 1, xp.inf * SECOND, 0 * time))


@formula(
    cite=THAKUR + " (pairwise exchange); launch fitted to published "
    "serving runs (rackcalc/validation/measured/serving.csv) by rackcalc/validation/fit.py"
)
def all_to_all(size: Bytes, devices: Count, bandwidth: BytesPerSecond, floor: Seconds, share: Ratio) -> Seconds:
    """Dispatch or combine of expert parallelism: each device sends all but its own part. size: bytes held per device.

    >>> round(1e6 * all_to_all(size=64e6, devices=8.0, bandwidth=900e9, floor=19.3e-6, share=0.81), 1)
    96.1
    """
    time = floor + (devices - 1) / devices * size / (share * bandwidth)
    return xp.where(devices > 1, time, 0 * time)


@formula(cite="vLLM and SGLang custom all-reduce: outside a graph the tensor is copied; " + FITTED)
def eager_time(
    graph: Seconds,
    library: Seconds,
    switch: Seconds,
    size: Bytes,
    memory_bandwidth: BytesPerSecond,
    share: Ratio,
    floor: Seconds,
    switch_launch: Seconds,
) -> Seconds:
    """All-reduce launched by the host: copies out of place more than in a graph, and never faster than the launches.

    graph: the fastest time in a graph; library, switch: the times of the general library and of the switch. The kernels
    of the runtime copy into a shared buffer and out of it, the general library only out of it. Reduction in the switch
    needs more launches.

    >>> round(1e6 * eager_time(graph=100e-6, library=100e-6, switch=1.0, size=16e6, memory_bandwidth=2.039e12,
    ...     share=0.85, floor=41.6e-6, switch_launch=0.0), 1)
    118.5
    """
    copies = xp.where(graph < library, 2.0, 1.0)
    least = xp.where(graph < switch, floor, floor + switch_launch)
    time = xp.maximum(least, graph + 2 * copies * size / (share * memory_bandwidth))
    return xp.where(graph > 0 * SECOND, time, graph)


@formula(cite="all-gathers of NCCL between two GPUs: " + FITTED)
def pair_share(share: Ratio, factor: Ratio, devices: Count) -> Ratio:
    """Share of the link rate of a gather; lower between two GPUs, which cannot use all channels.

    >>> round(pair_share(share=0.65, factor=0.79, devices=2.0), 4)
    0.5135
    """
    return xp.where(devices > 2, share, share * factor)


@formula(
    cite="tree between nodes as in NVIDIA NCCL; fitted to two nodes of ABCI 2.0 "
    "(4 x InfiniBand HDR, <= 16 MiB; rackcalc/validation/measured/collective.csv)"
)
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


@formula(cite="measured: collectives of 2, 4 and 8 L40S (rackcalc/validation/measured/collective.csv)")
def shared_rate(bandwidth: BytesPerSecond, share: Ratio, devices: Count) -> BytesPerSecond:
    """Rate left for each device over PCIe. Two cards copy to each other; more of them share the way through the host.

    >>> shared_rate(bandwidth=32e9, share=0.7, devices=2.0), shared_rate(bandwidth=32e9, share=0.7, devices=8.0)
    (22400000000.0, 2800000000.0)
    """
    return bandwidth * share / xp.where(devices > 2, devices, 1.0)


@formula(cite="vLLM and SGLang: custom all-reduce between two cards over PCIe, between more over NVLink only")
def between_two(time: Seconds, devices: Count) -> Seconds:
    """Time of a kernel that two GPUs at most can run, else unbounded.

    >>> between_two(time=1e-5, devices=2.0), between_two(time=1e-5, devices=4.0)
    (1e-05, inf)
    """
    return xp.where(devices <= 2, time, xp.inf * SECOND)


@formula(
    cite="measured: eager all-reduces of two and four GB200 against B200 (rackcalc/validation/measured/collective.csv)"
)
def slower_host(floor: Seconds, factor: Ratio) -> Seconds:
    """Host time of a launch on a processor that is slower with one thread.

    >>> round(1e6 * slower_host(floor=28.9e-6, factor=2.3), 1)
    66.5
    """
    return floor * factor
