"""Two passes that belong to one step: what a model computes, and what its drafter computes beside it."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import replace
from rackcalc.quantities.units import Bytes, Count, Flop, Ratio, Seconds

NO_WORK = constant(0.0, "1", "no work", "published", note="a GPU that waits")


@formula(cite="definition: mean over the time")
def mean_over(first: Ratio, first_time: Seconds, second: Ratio, second_time: Seconds, whole: Seconds) -> Ratio:
    """Utilization over the whole time, in which two passes work.

    >>> mean_over(first=0.5, first_time=2.0, second=0.25, second_time=1.0, whole=5.0)
    0.25
    """
    return xp.pure(xp.divide(first * first_time + second * second_time, whole))


@formula(cite="definition: a sum over equal passes")
def flops_of_passes(flops: Flop, passes: Count) -> Flop:
    """Arithmetic of several passes.

    >>> flops_of_passes(flops=2e9, passes=3.0)
    6000000000.0
    """
    return flops * passes


@formula(cite="definition: a sum over equal passes")
def bytes_of_passes(size: Bytes, passes: Count) -> Bytes:
    """Memory traffic of several passes.

    >>> bytes_of_passes(size=2e9, passes=3.0)
    6000000000.0
    """
    return size * passes


@formula(cite="definition: a sum over equal passes")
def time_of_passes(time: Seconds, passes: Count) -> Seconds:
    """Time of several passes.

    >>> time_of_passes(time=0.5, passes=3.0)
    1.5
    """
    return time * passes


def with_more(main: GpuPass, more: GpuPass, passes: Quantity, added: dict[str, Quantity]) -> GpuPass:
    """A pass, and after it so many of another, which add these terms [s] to its time."""
    time = total(main=main.time, **added)
    times = {"first_time": main.time, "second_time": time_of_passes(time=more.time, passes=passes), "whole": time}
    terms = {
        name: total(main=main.terms[name], more=term) if name in main.terms else term for name, term in added.items()
    }
    return replace(
        main,
        time=time,
        device_time=total(main=main.device_time, **added),
        terms=main.terms | terms,
        flops=total(main=main.flops, more=flops_of_passes(flops=more.flops, passes=passes)),
        bytes_moved=total(main=main.bytes_moved, more=bytes_of_passes(size=more.bytes_moved, passes=passes)),
        utilization=mean_over(first=main.utilization, second=more.utilization, **times),
        memory_utilization=mean_over(first=main.memory_utilization, second=more.memory_utilization, **times),
    )


def with_time(main: GpuPass, name: str, more: Quantity) -> GpuPass:
    """A pass, and a time in which the GPU waits [s]."""
    longer = stretched(main, name, more)
    times = {"first_time": main.time, "second": NO_WORK, "second_time": more, "whole": longer.time}
    return replace(
        longer,
        utilization=mean_over(first=main.utilization, **times),
        memory_utilization=mean_over(first=main.memory_utilization, **times),
    )


def stretched(main: GpuPass, name: str, more: Quantity) -> GpuPass:
    """A pass that takes more time [s], in which the GPU works as it does in the rest."""
    return replace(
        main,
        time=total(main=main.time, **{name: more}),
        device_time=total(main=main.device_time, **{name: more}),
        terms=main.terms | {name: more},
    )
