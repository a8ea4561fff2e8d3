"""Copies between chips that go through host memory: whole, in pipelined chunks, or serialised and sent over TCP."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.links import CpuPath


@formula(cite="definition: device to host, copies between host buffers, host to device, one after another")
def bounce_time(
    size: Bytes,
    call_time: Seconds,
    d2h_bandwidth: BytesPerSecond,
    h2d_bandwidth: BytesPerSecond,
    staging_copies: Count,
    memcpy_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of a copy that bounces off host memory.

    >>> round(bounce_time(size=262144.0, call_time=6e-6, d2h_bandwidth=55e9, h2d_bandwidth=55e9,
    ...                   staging_copies=0.0, memcpy_bandwidth=20e9) * 1e6, 2)
    21.53
    """
    copies = size / d2h_bandwidth + size / h2d_bandwidth + staging_copies * size / memcpy_bandwidth
    return 2 * call_time + copies


@formula(cite="derivation: least c of c*call + size/(c*faster), the terms of the pipelined bounce that depend on c")
def best_chunks(
    size: Bytes,
    call_time: Seconds,
    d2h_bandwidth: BytesPerSecond,
    h2d_bandwidth: BytesPerSecond,
    most: Count,
) -> Count:
    """Whole number of chunks (1 to `most`) that makes a pipelined bounce fastest: least c with c(c+1) >= x.

    >>> best_chunks(size=262144000.0, call_time=6e-6, d2h_bandwidth=55e9, h2d_bandwidth=50e9, most=64.0)
    28.0
    """
    x = xp.pure(xp.divide(size / xp.maximum(d2h_bandwidth, h2d_bandwidth), call_time))
    return xp.clip(xp.ceil((xp.sqrt(1 + 4 * x) - 1) / 2), 1.0, most)


@formula(cite="definition: linear pipeline of two stages; J. Hennessy and D. Patterson, Computer Architecture, app. C")
def pipelined_bounce_time(
    size: Bytes,
    chunks: Count,
    call_time: Seconds,
    d2h_bandwidth: BytesPerSecond,
    h2d_bandwidth: BytesPerSecond,
) -> Seconds:
    """Bounce off pinned host memory in chunks, so that both copies overlap.

    >>> round(pipelined_bounce_time(size=1.1e9, chunks=10.0, call_time=1e-5, d2h_bandwidth=55e9,
    ...                             h2d_bandwidth=55e9) * 1e3, 3)
    22.11
    """
    down = call_time + size / chunks / d2h_bandwidth
    up = call_time + size / chunks / h2d_bandwidth
    return down + up + (chunks - 1) * xp.maximum(down, up)


@formula(cite="definition: bounce, encode and decode, network stack, one after another")
def serialised_time(
    bounce: Seconds,
    size: Bytes,
    serialisation_bandwidth: BytesPerSecond,
    format_time: Seconds,
    tcp_latency: Seconds,
    tcp_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time when the message is also encoded, sent through a TCP stack and decoded.

    >>> round(serialised_time(bounce=2.153e-5, size=262144.0, serialisation_bandwidth=1.5e9, format_time=1e-6,
    ...                       tcp_latency=2e-5, tcp_bandwidth=2e9) * 1e6)
    523
    """
    coding = 2 * size / serialisation_bandwidth + format_time
    return bounce + coding + tcp_latency + size / tcp_bandwidth


# Of the nominal rate of a chip's own bus, what copies between it and pinned host memory reach.
BUS_SHARE = Quantity(
    0.85,
    "1",
    "share of the bus that host copies reach",
    source=Source(
        "press", "nvbandwidth", note="55.2 of 64 GB/s over PCIe 5; 26.3 to 27.1 of 32 over PCIe 4 in reports"
    ),
    low=0.82,
    high=0.865,
)


@formula(cite="definition: a copy is no faster than the host's memory path, nor than the bus of the chip")
def host_copy_rate(host: BytesPerSecond, bus: BytesPerSecond, share: Ratio) -> BytesPerSecond:
    """Rate of a copy between a chip and host memory. share: of the nominal rate of the bus.

    >>> host_copy_rate(host=55e9, bus=32e9, share=0.85)
    27200000000.0
    """
    return xp.minimum(host, share * bus)


def bounces(size: Quantity, path: CpuPath, bus: Quantity | None = None) -> tuple[Quantity, Quantity]:
    """Time of the copy through host memory: in one piece, and pipelined with the best number of chunks.

    bus: nominal rate of the slower chip's connection to its host [B/s]; None where it is not known to limit.
    """
    rates = {"d2h_bandwidth": path.d2h_bandwidth, "h2d_bandwidth": path.h2d_bandwidth}
    if bus is not None:
        rates = {name: host_copy_rate(host=rate, bus=bus, share=BUS_SHARE) for name, rate in rates.items()}
    rates["call_time"] = path.call_time
    whole = bounce_time(size=size, staging_copies=path.staging_copies, memcpy_bandwidth=path.memcpy_bandwidth, **rates)
    chunks = best_chunks(size=size, most=path.most_chunks, **rates)
    return whole, pipelined_bounce_time(size=size, chunks=chunks, **rates)
