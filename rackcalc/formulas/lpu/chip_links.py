"""Communication between tensor-streaming chips: hops to the next chip, and all-reduce within a group."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import SECOND, Bytes, BytesPerSecond, Count, Ratio, Seconds

ISCA22 = "D. Abts et al., A Software-defined Tensor Streaming Multiprocessor, ISCA 2022"


@formula(cite=ISCA22 + "; reduce-scatter and all-gather, each a direct exchange between all chips of a group")
def all_reduce_time(
    latency: Seconds, chips: Count, group: Count, size: Bytes, bandwidth: BytesPerSecond, port: BytesPerSecond
) -> Seconds:
    """All-reduce inside one tightly coupled group. bandwidth: of one link, port: of all links of a chip, one direction.

    No time for one chip, inf for more chips than the group has. Eight chips, the activations of one 8192-wide token:

    >>> round(all_reduce_time(latency=2.1e-6, chips=8.0, group=8.0, size=16384.0, bandwidth=14e9, port=224e9) * 1e6, 3)
    2.393
    """
    peers = chips - 1
    exchange = latency + xp.divide(2 * peers * size, chips * xp.minimum(peers * bandwidth, port))
    return xp.where(chips > group, xp.inf * SECOND, xp.where(chips > 1, exchange, 0 * latency))


@formula(cite=ISCA22 + "; sending overlaps with computing as far as cut-through allows")
def chip_hop(latency: Seconds, size: Bytes, bandwidth: BytesPerSecond, links: Count, cut_through: Ratio) -> Seconds:
    """Time to hand activations from one stage to the next over `links` parallel links.

    >>> round(chip_hop(latency=722e-9, size=262144.0, bandwidth=12.2e9, links=1.0, cut_through=0.0) * 1e6, 1)
    22.2
    """
    return latency + (1 - cut_through) * xp.divide(size, links * bandwidth)


@formula(cite="definition: bytes of the hidden states")
def activation_size(rows: Count, hidden: Count, width: Bytes) -> Bytes:
    """Bytes of the hidden states of some rows.

    >>> activation_size(rows=128.0, hidden=1024.0, width=2.0)
    262144.0
    """
    return rows * hidden * width
