"""Efficiency of matrices and reads that do not fill whole tiles or memory lines."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio


@formula(cite="definition: padding to whole tiles")
def alignment_efficiency(size: Count, granule: Count) -> Ratio:
    """Useful share of a dimension padded to a multiple of the granule (320 on a TSP, 64 or 128 on GPU matrix units).

    >>> alignment_efficiency(size=1024.0, granule=320.0)
    0.8
    """
    return xp.divide(size, xp.ceil(xp.divide(size, granule)) * granule)


@formula(cite="definition: padding to whole tiles in both dimensions")
def matrix_alignment(inner: Count, columns: Count, granule: Count) -> Ratio:
    """Useful share of a weight matrix padded in both dimensions.

    >>> round(matrix_alignment(inner=1024.0, columns=1024.0, granule=320.0), 2)
    0.64
    """
    padded = xp.ceil(xp.divide(inner, granule)) * xp.ceil(xp.divide(columns, granule)) * granule * granule
    return xp.divide(inner * columns, padded)


@formula(cite="definition: whole lines are moved")
def misaligned_bandwidth(bandwidth: BytesPerSecond, useful: Bytes, offset: Bytes, line: Bytes) -> BytesPerSecond:
    """Useful bandwidth of reads that start `offset` bytes into a line.

    >>> misaligned_bandwidth(bandwidth=8e12, useful=128.0, offset=64.0, line=128.0) / 1e12
    4.0
    """
    return bandwidth * xp.divide(useful, xp.ceil(xp.divide(offset + useful, line)) * line)
