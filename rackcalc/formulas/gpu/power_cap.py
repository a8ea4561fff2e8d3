"""Share of the peak rate that large matrix products sustain under the power limit of the GPU."""

from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import compute_format
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant, formula
from rackcalc.quantities.units import FlopPerJoule, FlopPerSecond, Ratio, Watts
from rackcalc.spec.gpu_families import Family, GemmParameters


@formula(
    cite="assumption: sustained arithmetic is energy efficiency times TDP; fitted to TensorRT BERT on "
    "A100, A30, T4 (rackcalc/validation/measured/encoder.csv) by rackcalc/validation/refit.py"
)
def sustained_share(
    compute_share: Ratio,
    per_watt: FlopPerJoule,
    format_gain: Ratio,
    tdp: Watts,
    peak: FlopPerSecond,
    process_power: Ratio,
) -> Ratio:
    """Share of peak that survives the power cap: why a 70 W T4 holds 0.41 of its peak, a 165 W A30 0.71.

    format_gain: operations per joule relative to 16 bit. process_power: power of the process of the chip over that of
    its family.

    >>> round(sustained_share(
    ...     compute_share=0.844, per_watt=0.71e12, format_gain=1.0, tdp=165.0, peak=165e12, process_power=1.0
    ... ), 3)
    0.71
    """
    return xp.minimum(compute_share, per_watt * format_gain * tdp / (process_power * peak))


@formula(
    cite="A. Chandrakasan et al., IEEE JSSC 27 (1992) 473-484: P = C V^2 f with voltage in proportion to the clock, so "
    "the clock goes as the cube root of power; kernel tables of H100 and B200 agree within 6 % at 16 bit, 3 % at 8"
)
def clocked_share(
    compute_share: Ratio, peak_per_watt: FlopPerJoule, peak: FlopPerSecond, tdp: Watts, full_clock: Ratio
) -> Ratio:
    """Share of peak that large products hold on a GPU with more or less power for its peak than the measured one.

    peak_per_watt, compute_share: of the measured GPU. peak: at 16 bit. The example is an H100 PCIe, from an H100 SXM.

    >>> round(clocked_share(compute_share=0.795, peak_per_watt=1.413e12, peak=756.5e12, tdp=350.0, full_clock=0.844), 3)
    0.69
    """
    return xp.minimum(compute_share * (peak_per_watt * tdp / peak) ** (1 / 3), full_clock)


FULL_CLOCK = Quantity(
    0.844,
    "1",
    "share of peak at full clocks",
    source=Source("measured", "aic-kernels", note="A100, whose products its power does not throttle"),
    low=0.8,
    high=0.92,
)
SAME_PROCESS = constant(
    1.0, "1", "power of the process over that of the family's", "published", note="the same process"
)
SIXTEEN = constant(1.0, "1", "operations per joule relative to 16 bit", "published", note="by definition")


def format_gain(family: Family, name: str) -> Quantity:
    """Operations per joule in a format, relative to 16 bit."""
    eight = family.eight_bit_gain
    return {"fp8": eight, "int8": eight, "tf32": family.tf32_gain, "fp32": family.fp32_gain}.get(name, SIXTEEN)


def share_under_cap(chip: Chip, parameters: GemmParameters, name: str) -> Quantity:
    """Share of the peak rate that large products reach in a format."""
    per_watt = chip.family.sustained_per_watt
    fitted = chip.family.peak_per_watt
    if fitted is not None:
        return clocked_share(
            compute_share=parameters.compute_share,
            peak_per_watt=fitted,
            peak=chip.gpu.peak[compute_format(chip, "bf16")],
            tdp=chip.gpu.tdp,
            full_clock=FULL_CLOCK,
        )
    if per_watt is None:
        return parameters.compute_share
    return sustained_share(
        compute_share=parameters.compute_share,
        per_watt=per_watt,
        format_gain=format_gain(chip.family, name),
        tdp=chip.gpu.tdp,
        peak=chip.gpu.peak[name],
        process_power=SAME_PROCESS if chip.gpu.process_power is None else chip.gpu.process_power,
    )
