"""Time to move a message between two chips over a link: latency, packets, switches and other traffic."""

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.links.host_bounce import bounces, serialised_time
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.links import CpuPath, Link


@formula(cite="R. Hockney, Parallel Computing 20 (1994) 389-398, eq. 1")
def transfer_time(latency: Seconds, size: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time to move one message over an idle link (the alpha-beta model). size: bytes on the wire.

    >>> transfer_time(latency=2e-6, size=64e3, bandwidth=64e9)
    3e-06
    """
    return latency + size / bandwidth


@formula(cite="LLMCompass (Zhang et al., ISCA 2024, arXiv:2312.03134), communication_primitives.py")
def wire_bytes(size: Bytes, payload: Bytes, header: Bytes) -> Bytes:
    """Bytes on the wire: one header per packet and one for the request.

    >>> wire_bytes(size=1048576.0, payload=256.0, header=16.0)
    1114128.0
    """
    return size + header * (xp.ceil(xp.pure(size / payload)) + 1)


@formula(cite="definition: switches add their port-to-port latency one after another")
def path_latency(latency: Seconds, hop_latency: Seconds, hops: Count) -> Seconds:
    """Time until the first byte arrives, through all switches.

    >>> round(path_latency(latency=1.4e-6, hop_latency=1e-7, hops=2.0) * 1e6, 3)
    1.6
    """
    return latency + hop_latency * hops


@formula(cite="definition: a chip's bandwidth is the sum of its links")
def bandwidth_per_link(bandwidth: BytesPerSecond, bundle: Count) -> BytesPerSecond:
    """Nominal rate of one of the links that a chip bundles, in one direction.

    >>> bandwidth_per_link(bandwidth=900e9, bundle=18.0)
    50000000000.0
    """
    return bandwidth / bundle


@formula(cite="definition: sustained rate of large copies, times the share left by other traffic")
def usable_bandwidth(bandwidth: BytesPerSecond, efficiency: Ratio, share: Ratio) -> BytesPerSecond:
    """Rate at which wire bytes of one flow move.

    >>> usable_bandwidth(bandwidth=900e9, efficiency=0.92, share=0.5)
    414000000000.0
    """
    return bandwidth * efficiency * share


@formula(cite="D. Bertsekas and R. Gallager, Data Networks, 2nd ed. (1992), section 6.5.2: max-min fairness")
def fair_share(other_load: Ratio, other_flows: Count) -> Ratio:
    """Max-min fair share of a link for one greedy flow beside equal flows that together want `other_load`.

    Flows that ask for little keep what they ask for, and the rest is left; no flow gets less than an equal share.

    >>> fair_share(other_load=0.3, other_flows=1.0)
    0.7
    >>> fair_share(other_load=0.9, other_flows=1.0)
    0.5
    """
    return xp.maximum(1 - other_load, 1 / (other_flows + 1))


@formula(cite="definition: one full packet at the rate of the link")
def packet_time(payload: Bytes, header: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time a full packet occupies the wire.

    >>> packet_time(payload=4066.0, header=30.0, bandwidth=4096e6)
    1e-06
    """
    return (payload + header) / bandwidth


@formula(cite="F. Pollaczek (1930), A. Khinchin (1932): mean wait of M/D/1")
def contention_wait(other_load: Ratio, packet_time: Seconds) -> Seconds:
    """Mean wait of a packet at a port behind packets of other traffic; unbounded at load 1 and above.

    >>> contention_wait(other_load=0.5, packet_time=2e-9)
    1e-09
    """
    wait = xp.divide(other_load, 2 * (1 - other_load)) * packet_time
    return xp.where(other_load < 1, wait, xp.inf * packet_time)


@formula(cite="R. Hockney, Parallel Computing 20 (1994) 389-398: n-half, with packet headers")
def half_size(latency: Seconds, bandwidth: BytesPerSecond, payload: Bytes, header: Bytes) -> Bytes:
    """Message size that reaches half of the link's payload rate.

    >>> half_size(latency=1.5e-6, bandwidth=850e9, payload=256.0, header=16.0)
    1200000.0
    """
    return latency * bandwidth * (payload / (payload + header))


@formula(cite="R. Hockney, Parallel Computing 20 (1994) 389-398")
def size_efficiency(size: Bytes, half_size: Bytes) -> Ratio:
    """Share of the link's payload rate that a message of this size reaches.

    >>> size_efficiency(size=3e6, half_size=1e6)
    0.75
    """
    return size / (size + half_size)


@formula(cite="definition: message size over the time it takes")
def achieved_bandwidth(size: Bytes, time: Seconds) -> BytesPerSecond:
    """Payload rate of a whole message.

    >>> achieved_bandwidth(size=64e3, time=4e-6)
    16000000000.0
    """
    return xp.divide(size, time)


@formula(cite="definition: achieved over nominal")
def bandwidth_efficiency(achieved: BytesPerSecond, nominal: BytesPerSecond) -> Ratio:
    """Share of the nominal rate that a message reaches, everything included.

    >>> bandwidth_efficiency(achieved=16e9, nominal=64e9)
    0.25
    """
    return achieved / nominal


@formula(cite="J. Little, Operations Research 9 (1961) 383-387: bytes in flight = rate x round trip")
def load_store_bandwidth(bandwidth: BytesPerSecond, lines: Count, line: Bytes, round_trip: Seconds) -> BytesPerSecond:
    """Rate of plain loads over a link with a limited number of outstanding cache lines.

    >>> load_store_bandwidth(bandwidth=450e9, lines=1000.0, line=128.0, round_trip=1e-6)
    128000000000.0
    """
    return xp.minimum(bandwidth, lines * line / round_trip)


@record
class Transfer:
    """One message over a link, and the same message over slower paths of the same machine.

    time: over the link itself, completion flag included in the link's latency. zero_copy: as `time` with an explicit
    memory fence for plain stores. bounce, pipelined_bounce: over host memory. serialised: bounce, encoding and TCP.
    bandwidth: payload rate achieved; efficiency: its share of the nominal rate; half_size: size that reaches half of
    the large-copy rate; contention_wait: queueing of the first packet behind other traffic.
    """

    time: Quantity
    wire_bytes: Quantity
    bandwidth: Quantity
    efficiency: Quantity
    half_size: Quantity
    contention_wait: Quantity
    zero_copy: Quantity
    bounce: Quantity
    pipelined_bounce: Quantity
    serialised: Quantity


def transfer(
    link: Link,
    size: Quantity,
    port_a: Quantity,
    port_b: Quantity,
    other_load: Quantity,
    cpu_path: CpuPath,
    bus: Quantity | None = None,
) -> Transfer:
    """Time to move `size` (B) from one chip to another.

    port_a, port_b: bandwidth (B/s, one direction) of the ports at both ends; the slowest of link and ports limits the
    rate. other_load: share of the link that other traffic asks for (1). Other traffic takes bandwidth (max-min fair)
    and makes the first packet wait (inf at 1). bus: rate of the chips' connection to their hosts, which a copy through
    host memory crosses (B/s); None where it is not known to limit.
    """
    nominal = smallest(link=link.bandwidth, port_a=port_a, port_b=port_b)
    alone = constant(1.0, "1", "idle link", "given", note="nobody else on the link")
    idle = usable_bandwidth(bandwidth=nominal, efficiency=link.efficiency, share=alone)
    others = constant(1.0, "1", "other flows", "assumed", note="other traffic is one aggregate flow")
    share = fair_share(other_load=other_load, other_flows=others)
    rate = usable_bandwidth(bandwidth=nominal, efficiency=link.efficiency, share=share)
    wire = wire_bytes(size=size, payload=link.packet_payload, header=link.packet_header)
    latency = path_latency(latency=link.latency, hop_latency=link.hop_latency, hops=link.hops)
    packet = packet_time(payload=link.packet_payload, header=link.packet_header, bandwidth=idle)
    wait = contention_wait(other_load=other_load, packet_time=packet)
    time = total(transfer=transfer_time(latency=latency, size=wire, bandwidth=rate), contention_wait=wait)
    achieved = achieved_bandwidth(size=size, time=time)
    bounce, pipelined = bounces(size, cpu_path, bus)
    return Transfer(
        time=time,
        wire_bytes=wire,
        bandwidth=achieved,
        efficiency=bandwidth_efficiency(achieved=achieved, nominal=nominal),
        half_size=half_size(latency=latency, bandwidth=rate, payload=link.packet_payload, header=link.packet_header),
        contention_wait=wait,
        zero_copy=total(transfer=time, fence=cpu_path.fence),
        bounce=bounce,
        pipelined_bounce=pipelined,
        serialised=serialised_time(
            bounce=bounce,
            size=size,
            serialisation_bandwidth=cpu_path.serialisation_bandwidth,
            format_time=cpu_path.format_time,
            tcp_latency=cpu_path.tcp_latency,
            tcp_bandwidth=cpu_path.tcp_bandwidth,
        ),
    )
