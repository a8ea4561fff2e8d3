"""Electrical power: what a chip draws at a load, clock and temperature, and what server and facility make of it."""

from rackcalc.formulas.combine import total
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    BytesPerSecond,
    Count,
    JoulesPerByte,
    JoulesPerRequest,
    JoulesPerToken,
    Kelvin,
    PerKelvin,
    Ratio,
    RequestsPerSecond,
    TokensPerSecond,
    Watts,
)
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
    "constants fitted to the ML.ENERGY benchmark (arXiv:2505.06371)"
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

    Idle power, what the clocks take once they are up, energy per byte read, and energy per operation. A byte costs the
    same on H100 and B200; operations at the peak rate take the same share of TDP (compute_power, beyond what the chip
    may draw), so an operation gets cheaper as a generation raises the rate more than the power.

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
    cite="linear fit to measured wall power of GPU servers in MLPerf Inference power submissions (mlcommons.org)",
    error=0.04,  # 4 % fitted, 7 % on a GPU left out; the rest is in the ranges of host, boards and shares
)
def wall_power(host_power: Watts, chips: Count, tdp: Watts, chip_share: Ratio, board_share: Ratio) -> Watts:
    """Power at the plug of a busy GPU server, per TDP of its GPUs.

    chip_share: 0.993 at full power, 0.643 in the vendor's efficiency mode. board_share: switches and fans of an 8-GPU
    SXM board, 0.194 (0 without such a board). The fit's host, a two-socket server, takes 595 W.

    >>> round(wall_power(host_power=595.0, chips=8.0, tdp=700.0, chip_share=0.993, board_share=0.194), 1)
    7242.2
    """
    return host_power + chips * tdp * (chip_share + board_share)


@formula(
    cite="as wall_power, with idle chips; mlcommons.org power submissions", error=0.07
)  # 12 % fitted, 15 % left out, ranges and all
def idle_wall_power(host_power: Watts, chips: Count, idle_power: Watts, tdp: Watts, board_share: Ratio) -> Watts:
    """Power at the plug of an idle GPU server; the switches and fans of its board keep running.

    >>> round(idle_wall_power(host_power=350.0, chips=8.0, idle_power=45.0, tdp=400.0, board_share=0.194), 1)
    1330.8
    """
    return host_power + chips * (idle_power + tdp * board_share)


@formula(cite="definition: a multiple of a power")
def share_of_power(power: Watts, share: Ratio) -> Watts:
    """A power times a ratio.

    >>> share_of_power(power=1000.0, share=1.5)
    1500.0
    """
    return power * share


@formula(cite="definition: equal chips add up", error=0.08)  # GPU power 6 %, wall power 7 to 19 % (part left out)
def pool_power(count: Count, power: Watts) -> Watts:
    """Power of `count` chips that draw the same.

    >>> pool_power(count=8.0, power=1000.0)
    8000.0
    """
    return count * power


@formula(cite="The Green Grid, WP49 (2012), PUE: a comprehensive examination of the metric")
def pue(it: Watts, cooling: Watts, losses: Watts) -> Ratio:
    """Power usage effectiveness. Server fans are inside `it`; room fans, pumps and chillers are `cooling`.

    >>> pue(it=100e3, cooling=20e3, losses=10e3)
    1.3
    """
    return xp.divide(it + cooling + losses, it)


@formula(cite="The Green Grid, WP49 (2012): PUE multiplies IT power, not chip power")
def facility_power(it: Watts, pue: Ratio) -> Watts:
    """Power the site draws for this IT load.

    >>> facility_power(it=10e3, pue=1.5)
    15000.0
    """
    return it * pue


@formula(cite="definition: average power over rate")
def energy_per_token(power: Watts, throughput: TokensPerSecond) -> JoulesPerToken:
    """Energy spent per generated token; inf when nothing is generated.

    >>> energy_per_token(power=10e3, throughput=5e3)
    2.0
    """
    return xp.divide(power, throughput)


@formula(cite="definition: average power over rate")
def energy_per_request(power: Watts, throughput: RequestsPerSecond) -> JoulesPerRequest:
    """Energy spent per request; inf when none is served.

    >>> energy_per_request(power=10e3, throughput=200.0)
    50.0
    """
    return xp.divide(power, throughput)


@record
class ChipPower:
    """One chip at full clock and reference temperature: leakage apart, leakage, and both."""

    switching: Quantity
    leakage: Quantity
    nominal: Quantity


@record
class Power:
    """Average power. it holds chips, host and the servers' own fans; facility adds everything PUE stands for."""

    chips: Quantity
    fans: Quantity
    host: Quantity
    it: Quantity
    facility: Quantity
    energy_per_request: Quantity | None = None
    energy_per_token: Quantity | None = None


def assumed(value: float, unit: str, name: str, low: float, high: float, note: str) -> Quantity:
    """A stated assumption with the range it is believed to lie in."""
    return Quantity(value, unit, name, source=Source("assumed", note=note), low=low, high=high)


LEAKAGE_SENSITIVITY = assumed(
    0.014,
    "1/K",
    "leakage sensitivity",
    0.010,
    0.020,
    "leakage doubles every 50 K (35 to 70 K)",
)
LEAKAGE_REFERENCE = Quantity(
    338.15, "K", "leakage reference temperature", absolute=True, low=338.15, high=358.15,
    source=Source("assumed", note="TDP is stated for a junction of about 65 to 85 degC"),
)  # fmt: skip
VOLTAGE_FLOOR = assumed(
    0.5,
    "1",
    "voltage floor",
    0.3,
    0.8,
    "core voltage extrapolated to zero clock, as a share of that at full clock",
)
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
    """Utilization to give chip() for a GPU that serves a model, from the shares of bandwidth and peak rate in use."""
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
