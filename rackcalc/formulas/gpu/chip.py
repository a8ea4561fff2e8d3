"""A GPU together with the software that runs on it."""

from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.runtimes import Family, Runtime


@record
class Chip:
    """One GPU under one runtime: what the time of a kernel depends on."""

    gpu: GPU
    family: Family
    runtime: Runtime
