"""Power of a chip from its load, clock and temperature: switching power, leakage, and memory traffic."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.assumptions import VOLTAGE_FLOOR
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import BytesPerSecond, JoulesPerByte, Kelvin, PerKelvin, Ratio, Watts
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family


@formula(cite="assumption: leakage is a fixed share of TDP, and TDP is stated with it included")
def rated_leakage(tdp: Watts, share: Ratio) -> Watts:
    """Leakage at the reference temperature, already inside the TDP.

    >>> rated_leakage(tdp=1000.0, share=0.1)
    100.0
    """
    return tdp * share


@formula(cite="N. Weste, D. Harris, CMOS VLSI Design, 4th ed., ch. 5: subthreshold leakage, as an exponential")
def leakage(rated: Watts, sensitivity: PerKelvin, temperature: Kelvin, reference: Kelvin) -> Watts:
    """Leakage power of a junction at `temperature`; `rated` is its value at `reference`.

    >>> round(leakage(rated=100.0, sensitivity=0.014, temperature=357.176, reference=338.15), 2)
    130.52
    """
    return rated * xp.exp(xp.pure(sensitivity * (temperature - reference)))


@formula(cite="A. Chandrakasan et al., IEEE JSSC 27 (1992) 473-484: P = C V^2 f; assumption: voltage affine in clock")
def switching_power(
    tdp: Watts, idle_power: Watts, rated_leakage: Watts, utilization: Ratio, clock: Ratio, voltage_floor: Ratio
) -> Watts:
    """Everything but leakage: the standing part of idle power, plus switching at this load and clock.

    clock: share of full clock. voltage_floor: voltage extrapolated to zero clock, as a share of that at full clock.
    At full load and clock, switching plus rated leakage is exactly the TDP, so leakage is not counted twice.

    >>> switching_power(
    ...     tdp=1000.0, idle_power=140.0, rated_leakage=100.0, utilization=1.0, clock=1.0, voltage_floor=0.5
    ... )
    900.0
    """
    standing = xp.maximum(idle_power - rated_leakage, 0 * idle_power)
    voltage = voltage_floor + (1 - voltage_floor) * clock
    return standing + (tdp - rated_leakage - standing) * utilization * clock * voltage**2


@formula(
    cite="S. W. Keckler et al., IEEE Micro 31(5) (2011) 7-17: energy per byte moved and per operation; "
    "constants fitted to the ML.ENERGY benchmark, arXiv:2505.06371 (rackcalc/validation/measured/step_power.csv) by "
    "rackcalc/validation/fit.py"
)
def decoding_power(
    tdp: Watts,
    idle_power: Watts,
    memory_bandwidth: BytesPerSecond,
    memory_utilization: Ratio,
    compute_utilization: Ratio,
    floor: Ratio,
    memory_energy: JoulesPerByte,
    compute_power: Ratio,
    cap: Ratio,
) -> Watts:
    """Mean power of one GPU that serves a language model, from the shares of memory bandwidth and peak rate in use.

    The sum of idle power, the power of running clocks, energy per byte read, and energy per operation. A byte takes the
    same energy on H100 and B200. Operations at the peak rate take the same share of TDP (compute_power, more than the
    chip may draw), so that an operation takes less energy on a generation that raises the rate more than the power.

    >>> round(decoding_power(
    ...     tdp=700.0, idle_power=70.0, memory_bandwidth=3.35e12, memory_utilization=0.5, compute_utilization=0.05,
    ...     floor=0.25, memory_energy=95e-12, compute_power=1.5, cap=0.97
    ... ), 1)
    456.6
    """
    memory = memory_energy * memory_bandwidth * xp.clip(memory_utilization, 0.0, 1.0)
    compute = compute_power * tdp * xp.clip(compute_utilization, 0.0, 1.0)
    return xp.minimum(idle_power + floor * tdp + memory + compute, cap * tdp)


@formula(cite="definition: position between idle power and TDP")
def power_utilization(power: Watts, idle_power: Watts, tdp: Watts) -> Ratio:
    """Utilization at which a chip draws this power at full clock and reference temperature, within 0 and 1.

    >>> power_utilization(power=570.0, idle_power=140.0, tdp=1000.0)
    0.5
    """
    return xp.clip(xp.pure(xp.divide(power - idle_power, tdp - idle_power)), 0.0, 1.0)


@formula(
    cite="measurement: idle power is the least that a chip draws; it is measured with a cool chip, leakage included"
)
def at_least_idle(power: Watts, idle_power: Watts) -> Watts:
    """Power of a chip, not below its idle power.

    >>> at_least_idle(power=44.0, idle_power=71.0)
    71.0
    """
    return xp.maximum(power, idle_power)


@record
class ChipPower:
    """Power of one chip at full clock and reference temperature: switching, leakage, and their sum."""

    switching: Quantity
    leakage: Quantity
    nominal: Quantity


FULL_CLOCK = Quantity(1.0, "1", "full clock", source=Source("given", note="no throttling"))
POWER_CAP = Quantity(
    0.97, "1", "largest sustained share of TDP", low=0.95, high=1.0,
    source=Source("measured", "mlenergy", note="H100 and B200 at large batches, 0.95 to 0.99"),
)  # fmt: skip


def busy_gpu_power(gpu: GPU, family: Family, memory: Quantity, compute: Quantity) -> Quantity:
    """Mean power [W] of a GPU that serves a model, from the shares of bandwidth and peak rate in use."""
    return decoding_power(
        tdp=gpu.tdp,
        idle_power=gpu.idle_power,
        memory_bandwidth=gpu.memory_bandwidth,
        memory_utilization=memory,
        compute_utilization=compute,
        floor=family.power_floor,
        memory_energy=family.memory_energy,
        compute_power=family.compute_power,
        cap=POWER_CAP,
    )


def busy_gpu_utilization(gpu: GPU, family: Family, memory: Quantity, compute: Quantity) -> Quantity:
    """Utilization of a GPU that serves a model, for chip(), from the shares of bandwidth and peak rate in use."""
    power = busy_gpu_power(gpu, family, memory, compute)
    return power_utilization(power=power, idle_power=gpu.idle_power, tdp=gpu.tdp)


def chip(
    tdp: Quantity, idle_power: Quantity, utilization: Quantity, leakage_share: Quantity, clock: Quantity = FULL_CLOCK
) -> ChipPower:
    """Power of one chip before its temperature is known. utilization: 0 idle to 1 TDP; see power_utilization."""
    leak = rated_leakage(tdp=tdp, share=leakage_share)
    switching = switching_power(
        tdp=tdp,
        idle_power=idle_power,
        rated_leakage=leak,
        utilization=utilization,
        clock=clock,
        voltage_floor=VOLTAGE_FLOOR,
    )
    return ChipPower(switching, leak, total(switching=switching, leakage=leak))
