"""Time of a number of cycles: as scheduled ideally, and as compiled."""

from rackcalc.formulas.gpu.novelty import novelty
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import Count, Hertz, Ratio, Seconds
from rackcalc.spec.chips import LPU


@formula(cite="assumption: attention and feed-forward share the fill of a layer equally")
def block_fill(fill_cycles: Count) -> Count:
    """Fill and drain cycles of one of a layer's two blocks.

    >>> block_fill(fill_cycles=5000.0)
    2500.0
    """
    return fill_cycles / 2


@formula(cite="definition: cycles over frequency")
def cycle_time(cycles: Count, clock: Hertz) -> Seconds:
    """Time of some cycles; twice the clock is half the time.

    >>> cycle_time(cycles=900.0, clock=900e6)
    1e-06
    """
    return xp.divide(cycles, clock)


@formula(cite="definition: cycles of all layers over frequency")
def layers_time(cycles: Count, layers: Count, clock: Hertz) -> Seconds:
    """Time of some cycles in each of the layers.

    >>> layers_time(cycles=900.0, layers=24.0, clock=900e6)
    2.4e-05
    """
    return xp.divide(cycles * layers, clock)


PIPELINE = "definition: stages in sequence, each at its structural time times what the compiler reaches"


@formula(cite=PIPELINE)
def compiled_time(structural: Seconds, compiler_factor: Ratio) -> Seconds:
    """What the compiler reaches of a structural time.

    >>> round(compiled_time(structural=1.89e-3, compiler_factor=1.9) * 1e3, 2)
    3.59
    """
    return structural * compiler_factor


@formula(
    cite="assumption: doubt of chips that nobody has measured is that of GPUs of a family that nobody has measured"
)
def doubted(compiler_factor: Ratio, novelty: Ratio) -> Ratio:
    """What a compiler reaches, with the doubt about chips whose times were never measured.

    >>> doubted(compiler_factor=1.3, novelty=1.0)
    1.3
    """
    return compiler_factor * novelty


def reached(lpu: LPU, compiler_factor: Quantity, phase: str) -> Quantity:
    """Achieved over structural time [1]. phase: decode or prefill."""
    if lpu.measured:
        return compiler_factor
    return doubted(compiler_factor=compiler_factor, novelty=novelty(phase, ("LPU",)))
