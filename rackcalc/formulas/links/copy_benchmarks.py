"""Copies between chips as benchmarks measure them: the rate of large copies and the fixed time of a start."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import BYTE, Bytes, BytesPerSecond, Count, Ratio, Seconds

FITTED = (
    "fitted to published copy benchmarks (nvbandwidth, CUDA samples, BabelStream, OSU over InfiniBand HDR; "
    "rackcalc/validation/measured/point_to_point.csv)"
)


@formula(cite=FITTED)
def copy_rate(bandwidth: BytesPerSecond, share: Ratio, directions: Count) -> BytesPerSecond:
    """Rate of a large copy, summed over the directions.

    >>> round(copy_rate(bandwidth=450e9, share=0.87, directions=2.0) / 1e9)
    783
    """
    return bandwidth * share * directions


@formula(cite=FITTED)
def copy_time(size: Bytes, start: Seconds, rate: BytesPerSecond) -> Seconds:
    """Time of a copy, its launch included.

    >>> round(1e6 * copy_time(size=16.0, start=3e-6, rate=391e9), 2)
    3.0
    """
    return start + size / rate


@formula(cite=FITTED + "; rendezvous protocol of MPI above a threshold")
def message_time(
    size: Bytes,
    empty: Seconds,
    start: Seconds,
    rate: BytesPerSecond,
    ramp: Seconds,
    ramp_size: Bytes,
    rendezvous: Seconds,
    eager_size: Bytes,
) -> Seconds:
    """One-way time of an MPI message. empty: of a message without data; ramp: copies up to ramp_size cost so much.

    >>> round(1e6 * message_time(size=16384.0, empty=1.48e-6, start=1.48e-6, rate=48e9, ramp=1.3e-6, ramp_size=4096.0,
    ...     rendezvous=1.5e-6, eager_size=8192.0), 2)
    4.62
    """
    copied = ramp * xp.minimum(size / ramp_size, 1.0)
    agreed = xp.where(size > eager_size, rendezvous, 0 * rendezvous)
    return xp.where(size > 0 * BYTE, start + size / rate + copied + agreed, empty)


@formula(cite=FITTED)
def stream_rate(size: Bytes, gap: Seconds, rate: BytesPerSecond) -> BytesPerSecond:
    """Rate of messages sent one after another without waiting for answers.

    >>> round(stream_rate(size=8192.0, gap=0.32e-6, rate=15.25e9) / 1e9, 2)
    9.56
    """
    return xp.divide(size, gap + size / rate)
