"""All-reduce by the fastest of the algorithms that the runtime and the general library (NCCL) have."""

import math

from rackcalc.formulas.combine import smallest
from rackcalc.formulas.links.collective import (
    between_two,
    copy_rate,
    eager_time,
    in_switch,
    library_in_switch,
    one_shot,
    pair_share,
    per_node,
    ring,
    shared_rate,
    slower_host,
    two_shot,
    up_to,
)
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.runtimes import Runtime

PCIE_SHARE = Quantity(
    0.68,
    "1",
    "share of PCIe rate left to collectives",
    source=Source("measured", "aic-data", note="L40S; more than two cards share it"),
    low=0.55,
    high=0.85,
)
GRACE_FACTOR = Quantity(
    2.3,
    "1",
    "time of a launch on a Grace CPU over that on x86",
    source=Source("measured", "aic-data", note="eager all-reduces, GB200 against B200: 2.2 to 2.5"),
    low=2.0,
    high=2.6,
)
ON_GRACE = "nvlink-c2c"  # the port to such a host
COPY_SHARE = constant(0.85, "1", "share of memory bandwidth of a copy", "measured", "aic-data", "0.79 to 0.95")
NO_FLOOR = constant(0.0, "s", "host launch of an all-reduce", "assumed", note="hidden behind other work")
NEVER = constant(math.inf, "s", "all-reduce by a kernel that does not exist", "published", note="definition")
ONCE = constant(1.0, "1", "rounds of a gather or reduce-scatter", "published", note="definition")
TWICE = constant(2.0, "1", "rounds of an all-reduce", "published", note="reduce-scatter, then gather")
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

    Custom kernels (one-shot, two-shot, in-switch) need NVLink and a runtime that has them; otherwise only the general
    library is available. launch: "graph" or "eager", if it differs from the launch mode of the runtime.
    """
    algorithms = _library(TWICE, size, devices, link, gpu, family, family.ring.share)
    pcie = _over_pcie(link)
    if not runtime.library_all_reduce:
        own = _own_kernels(size, devices, link, gpu, family, runtime)
        if pcie:
            own = {name: between_two(time=time, devices=devices) for name, time in own.items() if name != "in_switch"}
        algorithms |= own
    best = smallest(**algorithms)
    if (launch or runtime.launch) == "eager":
        floor = runtime.eager_floors.get(gpu.family, NO_FLOOR if runtime.eager_floor is None else runtime.eager_floor)
        if ON_GRACE in gpu.ports:
            floor = slower_host(floor=floor, factor=GRACE_FACTOR)
        best = eager_time(
            graph=best,
            library=smallest(**{name: time for name, time in algorithms.items() if name.startswith("library")}),
            switch=algorithms.get("in_switch", NEVER),
            size=size,
            memory_bandwidth=gpu.memory_bandwidth,
            share=COPY_SHARE,
            floor=floor,
            switch_launch=runtime.eager_switch_launch,
        )
    return AllReduce(time=best, algorithms=algorithms)


def _own_kernels(
    size: Quantity, devices: Quantity, link: Link, gpu: GPU, family: Family, runtime: Runtime
) -> dict[str, Quantity]:
    """Times of the kernels of the runtime, each up to the largest message that the runtime sends with it."""
    common = {
        "size": size,
        "devices": devices,
        "bandwidth": link.bandwidth,
        "floor": runtime.all_reduce_floor.get(gpu.family, family.all_reduce_floor),
        "per_peer": runtime.all_reduce_per_peer,
    }
    cost, share = runtime.all_reduce_two_shot_cost, runtime.all_reduce_in_switch_share
    times = {
        "one_shot": one_shot(**common, share=runtime.all_reduce_one_shot_share),
        "two_shot": two_shot(**common, cost=cost, share=runtime.all_reduce_two_shot_share),
    }
    largest = runtime.all_reduce_largest.get(gpu.family)
    if largest is not None:
        times = {name: up_to(time=time, size=size, largest=largest) for name, time in times.items()}
    if family.in_switch_reduction and share is not None:
        times["in_switch"] = in_switch(**common, cost=cost, share=share)
        largest = runtime.all_reduce_in_switch_largest.get(gpu.family)
        if largest is not None:
            times["in_switch"] = up_to(time=times["in_switch"], size=size, largest=largest)
    return times


def _over_pcie(link: Link) -> bool:
    """Whether a link is PCIe."""
    return any(port.startswith("pcie") for port in link.ports)


def _rate(link: Link, devices: Quantity) -> Quantity:
    """The rate at which collectives can use a link."""
    if not _over_pcie(link):
        return link.bandwidth
    adapters = not all(port.startswith("pcie") for port in link.ports)  # each GPU has one of its own
    return shared_rate(bandwidth=link.bandwidth, share=PCIE_SHARE, devices=ONCE if adapters else devices)


def _library(
    rounds: Quantity, size: Quantity, devices: Quantity, link: Link, gpu: GPU, family: Family, share: Quantity
) -> dict[str, Quantity]:
    """Times of the general library (NCCL) with a ring and, for an all-reduce, in the switch."""
    law, pcie, bandwidth = family.ring, _over_pcie(link), _rate(link, devices)
    rate = copy_rate(per_cycle=law.copy_per_cycle, sms=gpu.sms, clock=gpu.clock)
    common = {"size": size, "devices": devices, "bandwidth": bandwidth, "rounds": rounds, "floor": law.floor}
    common |= {"step": law.step, "setup": law.setup, "copy_rate": rate}
    times = {"library_ring": ring(**common, low_latency_share=law.low_latency_share, share=share)}
    if rounds is TWICE and family.in_switch_reduction and not pcie:
        times["library_in_switch"] = library_in_switch(**common, share=law.in_switch_share)
    return times


def library_collective(
    operation: str,
    size: Quantity,
    devices: Quantity,
    link: Link,
    gpu: GPU,
    family: Family,
    nodes: Quantity | None = None,
) -> Quantity:
    """Time of a collective of the general library (NCCL). operation: all_reduce, all_gather, reduce_scatter.

    size: bytes of the whole tensor after it is reduced or gathered. nodes: number of nodes over which the devices are
    spread; the result is the time within one node, and between_nodes adds the rest.
    """
    near = devices if nodes is None else per_node(devices=devices, nodes=nodes)
    if operation == "all_reduce":
        return smallest(**_library(TWICE, size, near, link, gpu, family, family.ring.share))
    share = family.ring.share  # two cards over PCIe use what there is; over NVLink they cannot use all channels
    if not _over_pcie(link):
        share = pair_share(share=share, factor=family.ring.pair_factor, devices=near)
    return smallest(**_library(ONCE, size, near, link, gpu, family, share))
