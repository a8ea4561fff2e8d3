"""All-reduce and all-to-all among the GPUs of one node."""

from rackcalc import xp
from rackcalc.formulas.combine import smallest
from rackcalc.quantity import Quantity, constant, formula
from rackcalc.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.links import Link
from rackcalc.spec.runtimes import Family, Runtime
from rackcalc.units import SECOND, Bytes, BytesPerSecond, Count, Ratio, Seconds

FITTED = "fitted to the communication tables of NVIDIA aiconfigurator 0.12.0 (n <= 64 MiB, CUDA graph)"
THAKUR = "R. Thakur et al., Optimization of Collective Communication Operations in MPICH, IJHPCA 19(1), 2005"


@formula(cite="NVIDIA TensorRT-LLM one-shot all-reduce: every GPU reads every other's tensor; " + FITTED)
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


@formula(cite=THAKUR + " (reduce-scatter, then all-gather); " + FITTED)
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


@formula(cite=THAKUR + "; protocols of NVIDIA NCCL (low latency, simple); " + FITTED)
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
    cite="B. Klenk et al., An In-Network Architecture for Accelerating Shared-Memory Collectives, ISCA 2020; " + FITTED
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


@record
class AllReduce:
    """Time [s] of one all-reduce by each algorithm that the hardware allows, and the shortest."""

    time: Quantity
    algorithms: dict[str, Quantity]


def all_reduce(size: Quantity, devices: Quantity, link: Link, gpu: GPU, family: Family, runtime: Runtime) -> AllReduce:
    """All-reduce of `size` bytes per device within one node over `link`.

    Custom kernels (one-shot, two-shot, in-switch) need NVLink; over PCIe only the general library's ring remains.
    """
    pcie = any(port.startswith("pcie") for port in link.ports)
    bandwidth = shared_rate(bandwidth=link.bandwidth, share=PCIE_SHARE) if pcie else link.bandwidth
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
    if not pcie:
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
    return AllReduce(time=smallest(**algorithms), algorithms=algorithms)
