"""Kernels in a loop over the same data: what the last-level cache holds of it is not read from memory again."""

from rackcalc.formulas.gpu.chip import Chip
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Hertz, Ratio

HELD = Quantity(
    0.19, "1", "share of the cache that holds data of the loop", low=0.15, high=0.4,
    source=Source("measured", "aic-kernels", note="fitted to the tables of an L40S"),
)  # fmt: skip
PER_CYCLE = Quantity(
    9.0, "B", "bytes an SM reads from the cache per cycle", low=7.0, high=11.0,
    source=Source("measured", "aic-kernels", note="fitted to the tables of an L40S"),
)  # fmt: skip


@formula(
    cite="definition: bytes in the cache at its rate, the others at that of memory; HBM is no slower than its cache"
)
def looped_bandwidth(
    size: Bytes,
    bandwidth: BytesPerSecond,
    share: Ratio,
    cache: Bytes,
    held: Ratio,
    sms: Count,
    clock: Hertz,
    per_cycle: Bytes,
) -> BytesPerSecond:
    """Bandwidth of a memory that would be as fast as memory and cache together. share: of memory bandwidth reached.

    >>> round(looped_bandwidth(size=1e6, bandwidth=1e12, share=0.8, cache=4e6, held=0.5, sms=100.0, clock=2e9,
    ...     per_cycle=8.0))
    2000000000000
    """
    slow = share * bandwidth
    fast = xp.maximum(sms * clock * per_cycle, slow)
    inside = xp.minimum(size, held * cache)
    return size / (inside / fast + (size - inside) / slow) / share


def in_loop(chip: Chip, size: Quantity, share: Quantity) -> Quantity:
    """Memory bandwidth of a kernel that reads `size` [B] again and again."""
    gpu = chip.gpu
    if gpu.l2 is None:
        return gpu.memory_bandwidth
    return looped_bandwidth(
        size=size,
        bandwidth=gpu.memory_bandwidth,
        share=share,
        cache=gpu.l2,
        held=HELD,
        sms=gpu.sms,
        clock=gpu.clock,
        per_cycle=PER_CYCLE,
    )
