"""Copies between two chips or within one memory, and MPI messages between nodes."""

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.links.copy_benchmarks import copy_rate, copy_time, message_time, stream_rate
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.validation.kernels import gpu
from rackcalc.validation.read import Row, Unanswerable


def _fitted(value: float, unit: str, name: str, low: float, high: float, reference: str) -> Quantity:
    return Quantity(value, unit, name, source=Source("measured", reference), low=low, high=high)


# Share of the nominal rate, by action and what the path is like.
SHARES = {
    "peer_copy:nvlink": _fitted(0.87, "1", "share of NVLink rate of a copy", 0.83, 0.92, "nvbandwidth"),
    "host_to_device:pcie": _fitted(0.83, "1", "share of PCIe rate of a copy", 0.80, 0.87, "nvbandwidth"),
    "device_to_host:pcie": _fitted(0.83, "1", "share of PCIe rate of a copy", 0.80, 0.87, "nvbandwidth"),
    "peer_copy:same-numa": _fitted(0.755, "1", "share of PCIe rate, one socket", 0.7, 0.8, "nvbandwidth"),
    "peer_copy:cross-numa": _fitted(0.58, "1", "share of PCIe rate, across sockets", 0.5, 0.65, "nvbandwidth"),
    "peer_copy:host-staged": _fitted(0.58, "1", "share of PCIe rate, through host memory", 0.5, 0.65, "nvbandwidth"),
    "stream_copy:hbm": _fitted(0.83, "1", "share of memory bandwidth", 0.79, 0.92, "nvbandwidth"),
    "stream_mul:hbm": _fitted(0.83, "1", "share of memory bandwidth", 0.79, 0.92, "nvbandwidth"),
    "stream_add:hbm": _fitted(0.86, "1", "share of memory bandwidth", 0.8, 0.92, "nvbandwidth"),
    "stream_triad:hbm": _fitted(0.86, "1", "share of memory bandwidth", 0.8, 0.92, "nvbandwidth"),
    "stream_dot:hbm": _fitted(0.90, "1", "share of memory bandwidth", 0.85, 0.95, "nvbandwidth"),
    "alltoall_dispatch:nvlink": _fitted(0.81, "1", "share of NVLink rate", 0.75, 0.87, "aic-data"),
    "alltoall_combine:nvlink": _fitted(0.81, "1", "share of NVLink rate", 0.75, 0.87, "aic-data"),
}
STARTS = {
    "peer_copy:nvlink": _fitted(3.0e-6, "s", "launch of a copy over NVLink", 2.7e-6, 3.3e-6, "nvbandwidth"),
    "peer_copy:same-numa": _fitted(2.0e-6, "s", "launch of a copy over PCIe", 1.7e-6, 2.4e-6, "nvbandwidth"),
    "peer_copy:cross-numa": _fitted(2.0e-6, "s", "launch of a copy over PCIe", 1.7e-6, 2.4e-6, "nvbandwidth"),
    "peer_copy:host-staged": _fitted(16.9e-6, "s", "launch through host memory", 12e-6, 20e-6, "nvbandwidth"),
    "peer_load:nvlink": _fitted(0.83e-6, "s", "load from a peer's memory", 0.6e-6, 1.1e-6, "nvbandwidth"),
}
MPI = {
    "mpi_gpu_to_gpu": {
        "empty": _fitted(2.1e-6, "s", "message without data", 1.9e-6, 2.4e-6, "abci-mpi"),
        "start": _fitted(3.3e-6, "s", "message from GPU memory", 3.0e-6, 3.7e-6, "abci-mpi"),
        "ramp": _fitted(0.0, "s", "copies of small messages", 0.0, 0.5e-6, "abci-mpi"),
        "rendezvous": _fitted(2.6e-6, "s", "rendezvous", 2.0e-6, 3.2e-6, "abci-mpi"),
    },
    "mpi_host_to_host": {
        "empty": _fitted(1.48e-6, "s", "message without data", 1.4e-6, 1.6e-6, "abci-mpi"),
        "start": _fitted(1.48e-6, "s", "message from host memory", 1.4e-6, 1.6e-6, "abci-mpi"),
        "ramp": _fitted(1.3e-6, "s", "copies of small messages", 1.0e-6, 1.6e-6, "abci-mpi"),
        "rendezvous": _fitted(1.5e-6, "s", "rendezvous", 1.2e-6, 1.8e-6, "abci-mpi"),
    },
}
MPI_SHARE = {
    "mpi_gpu_to_gpu": _fitted(0.61, "1", "share of one adapter", 0.55, 0.7, "abci-mpi"),
    "mpi_host_to_host": _fitted(0.96, "1", "share of two adapters", 0.9, 0.98, "abci-mpi"),
}
MPI_GAP = {
    "mpi_gpu_to_gpu": _fitted(0.32e-6, "s", "gap between messages", 0.25e-6, 0.4e-6, "abci-mpi"),
    "mpi_host_to_host": _fitted(0.185e-6, "s", "gap between messages", 0.15e-6, 0.22e-6, "abci-mpi"),
}
ADAPTERS = {
    "mpi_gpu_to_gpu": constant(1.0, "1", "adapters used", "published", "abci-mpi"),
    "mpi_host_to_host": constant(2.0, "1", "adapters used", "published", "abci-mpi"),
}
RAMP_SIZE = constant(4096.0, "B", "largest message copied whole", "estimate", "abci-mpi")
EAGER_SIZE = constant(8192.0, "B", "largest message sent without rendezvous", "estimate", "abci-mpi")
ONE_WAY = constant(1.0, "1", "directions", "published", note="one way")
BOTH_WAYS = constant(2.0, "1", "directions", "published", note="both ways at once")


def point_to_point(row: Row) -> Quantity:
    """A copy, load or message. operation: ACTION:PATH, such as peer_copy:nvlink4-nvswitch."""
    action, _, path = row.operation.partition(":")
    if action in MPI:
        return message(row, action, path)
    hardware, _, way = path.partition("-")
    plain = hardware.rstrip("0123456789")
    law = f"{action}:{way if way in ('same-numa', 'cross-numa', 'host-staged') else plain}"
    if row.metric == "latency_mean" and f"{action}:{plain}" == "peer_load:nvlink":
        return STARTS["peer_load:nvlink"]
    if law not in SHARES:
        raise Unanswerable(f'no form for "{row.operation}"')
    ways = BOTH_WAYS if row.metric == "bidirectional_bandwidth" else ONE_WAY
    rate = copy_rate(bandwidth=nominal(row, hardware), share=SHARES[law], directions=ways)
    if "bandwidth" in row.metric:
        return rate
    if law not in STARTS:
        raise Unanswerable(f"{row.metric} of {row.operation}")
    return copy_time(size=row.number("message_size", "B"), start=STARTS[law], rate=rate)


def nominal(row: Row, hardware: str) -> Quantity:
    """Rate of the memory or of the port by its name."""
    part = gpu(row)
    if hardware == "hbm":
        return part.memory_bandwidth
    if hardware in part.ports:
        return part.ports[hardware]
    raise Unanswerable(f"{row.part} has no {hardware} port")


def message(row: Row, action: str, path: str) -> Quantity:
    """An MPI message. path: ib-hdr-x4."""
    name = f"infiniband-{path.split('-')[1]}" if path.startswith("ib-") else path
    if name not in part_names("links"):
        raise Unanswerable(f'no link "{name}" in the catalog')
    one = load_part("links", name).bandwidth
    rate = copy_rate(bandwidth=one, share=MPI_SHARE[action], directions=ADAPTERS[action])
    size = row.number("message_size", "B")
    if row.metric == "bandwidth":
        return stream_rate(size=size, gap=MPI_GAP[action], rate=rate)
    if row.metric != "latency_mean":
        raise Unanswerable(f"{row.metric} of messages")
    return message_time(size=size, rate=rate, ramp_size=RAMP_SIZE, eager_size=EAGER_SIZE, **MPI[action])
