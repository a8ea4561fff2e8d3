"""Electrical power of servers, pools and facility, and energy per request and per token."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    TOKEN,
    Count,
    Joules,
    JoulesPerRequest,
    JoulesPerToken,
    Ratio,
    RequestsPerSecond,
    TokensPerSecond,
    Watts,
)


@formula(
    cite="linear form fitted to wall power of GPU servers in MLPerf Inference power submissions (mlcommons.org; "
    "rackcalc/validation/measured/wall_power.csv) by rackcalc/validation/refit.py",
    error=0.055,  # 4 % fitted, 7 % on a GPU left out; the ranges of host, boards and shares explain the rest
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
)  # 12 % fitted, 15 % on a GPU left out, both including the ranges
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
    """Energy spent per generated token; unbounded when nothing is generated.

    >>> energy_per_token(power=10e3, throughput=5e3)
    2.0
    """
    return xp.divide(power, throughput)


@formula(cite="definition: average power over rate")
def energy_per_request(power: Watts, throughput: RequestsPerSecond) -> JoulesPerRequest:
    """Energy spent per request; unbounded when none is served.

    >>> energy_per_request(power=10e3, throughput=200.0)
    50.0
    """
    return xp.divide(power, throughput)


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


@formula(cite="definition: whole products")
def systems_needed(count: Count, per_system: Count) -> Count:
    """Servers or racks that hold so many accelerators.

    >>> systems_needed(count=12.0, per_system=8.0)
    2.0
    """
    return xp.ceil(count / per_system)


@formula(cite="assumption: a partly filled system draws its host power in full")
def power_of(power: Watts, count: Count) -> Watts:
    """Power of several.

    >>> power_of(power=4000.0, count=2.0)
    8000.0
    """
    return power * count


@formula(cite="definition: whole boards; chips that fill none have no switches")
def share_on_boards(share: Ratio, chips: Count, per_board: Count) -> Ratio:
    """Power of all boards over the TDP of all chips. share: of a full board.

    >>> share_on_boards(share=0.2, chips=16.0, per_board=8.0), share_on_boards(share=0.2, chips=4.0, per_board=8.0)
    (0.2, 0.0)
    """
    return share * xp.floor(chips / per_board) * per_board / chips


@formula(cite="assumption: servers go from their idle to their busy power as their chips do")
def between(idle: Watts, busy: Watts, utilization: Ratio) -> Watts:
    """Power of servers at a utilization of their chips.

    >>> between(idle=2000.0, busy=7000.0, utilization=0.5)
    4500.0
    """
    return idle + (busy - idle) * utilization


@formula(cite="definition: position between idle power and TDP")
def chips_at(count: Count, idle_power: Watts, tdp: Watts, utilization: Ratio) -> Watts:
    """Power of chips at a utilization, at the temperature at which TDP is stated.

    >>> chips_at(count=8.0, idle_power=100.0, tdp=700.0, utilization=0.5)
    3200.0
    """
    return count * (idle_power + (tdp - idle_power) * utilization)


@formula(
    cite="definition: a difference; fans by the affinity law, ANSI/AMCA 210-16, at a flow in proportion to the heat"
)
def beside_chips_and_fans(server: Watts, busy: Watts, chips: Watts, fan_share: Ratio, exponent: Ratio) -> Watts:
    """What is left of the power at the plug without chips and fans. server: at this load; busy: at full load.

    fan_share: of the power at full load.

    >>> beside_chips_and_fans(server=7000.0, busy=7000.0, chips=5600.0, fan_share=0.1, exponent=3.0)
    700.0
    """
    fans = fan_share * busy * xp.power(xp.pure(server / busy), exponent)
    return xp.maximum(server - chips - fans, 0 * server)


@formula(cite="definition: one token")
def one_token(energy: JoulesPerToken) -> Joules:
    """Energy of one token.

    >>> one_token(energy=0.5)
    0.5
    """
    return energy * TOKEN
