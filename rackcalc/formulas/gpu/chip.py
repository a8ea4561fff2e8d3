"""A GPU together with the software that runs on it."""

from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.runtimes import Runtime


@record
class Chip:
    """One GPU with its family and runtime, on which the time of a kernel depends."""

    gpu: GPU
    family: Family
    runtime: Runtime
