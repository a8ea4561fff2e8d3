"""Roofline: the time of work limited by arithmetic or memory, and the shares of both peak rates that it reaches."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Ratio, Seconds


@formula(cite="S. Williams et al., Roofline, CACM 52(4), 2009")
def roofline_time(
    flops: Flop, size: Bytes, peak: FlopPerSecond, bandwidth: BytesPerSecond, compute_share: Ratio, memory_share: Ratio
) -> Seconds:
    """The longer of arithmetic and memory traffic.

    >>> round(1e6 * roofline_time(flops=77.4e9, size=604.6e6, peak=2250e12, bandwidth=7.7e12, compute_share=0.72,
    ...     memory_share=0.78), 1)
    100.7
    """
    return xp.maximum(flops / (compute_share * peak), size / (memory_share * bandwidth))


@formula(cite="definition: achieved over peak")
def utilization(flops: Flop, time: Seconds, peak: FlopPerSecond, devices: Count) -> Ratio:
    """Share of the peak arithmetic of all devices.

    >>> round(utilization(flops=77.4e9, time=0.585e-3, peak=2250e12, devices=1.0), 4)
    0.0588
    """
    return xp.divide(flops, time * peak * devices)


@formula(cite="definition: achieved over peak")
def memory_utilization(size: Bytes, time: Seconds, bandwidth: BytesPerSecond, devices: Count) -> Ratio:
    """Share of the memory bandwidth of all devices.

    >>> round(memory_utilization(size=604.6e6, time=0.585e-3, bandwidth=7.7e12, devices=1.0), 3)
    0.134
    """
    return xp.divide(size, time * bandwidth * devices)
