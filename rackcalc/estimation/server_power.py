"""Power of servers beside their chips: by the fit to measured wall power, or as the product states it."""

from functools import cache
from typing import Any, NamedTuple

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.heat.assumptions import FAN_EXPONENT
from rackcalc.formulas.heat.chip_temperatures import ON_LIQUID
from rackcalc.formulas.heat.power import (
    beside_chips_and_fans,
    between,
    chips_at,
    idle_wall_power,
    power_of,
    share_on_boards,
    systems_needed,
    wall_power,
)
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import RANKS, Quantity, Source, constant
from rackcalc.spec.chips import GPU
from rackcalc.spec.rack import GpuPool, LpuPool
from rackcalc.spec.site import Cooling


def _fitted(value: float, unit: str, name: str, low: float, high: float, note: str) -> Quantity:
    return Quantity(value, unit, name, source=Source("measured", "mlperf-power", note=note), low=low, high=high)


HOST = _fitted(595.0, "W", "host of a busy two-socket server", 480.0, 630.0, "3 to 8 GPUs")
IDLE_HOST = _fitted(350.0, "W", "host of an idle two-socket server", 320.0, 440.0, "lowest samples")
EDGE_HOST = _fitted(190.0, "W", "host of a busy box for one small card", 140.0, 245.0, "two boxes with an A2")
IDLE_EDGE_HOST = _fitted(108.0, "W", "host of an idle box for one small card", 82.0, 135.0, "two boxes with an A2")
WORKSTATION = Quantity(
    340.0, "W", "host of a busy one-socket machine", low=240.0, high=480.0,
    source=Source("assumed", note="one or two cards: between a box for a small card and a two-socket server"),
)  # fmt: skip
IDLE_WORKSTATION = Quantity(
    195.0, "W", "host of an idle one-socket machine", low=110.0, high=280.0,
    source=Source("assumed", note="one or two cards: between a box for a small card and a two-socket server"),
)  # fmt: skip
FEW_CARDS = 2  # cards that one socket has lanes for
SMALL_CARD = 75.0  # W that a slot gives: cards that need no cable go into boxes for the edge
BUSY = _fitted(0.993, "1", "busy GPU over its TDP", 0.97, 1.02, "B200")
BOARD = _fitted(0.194, "1", "switches and fans of an 8-GPU board, over TDP", 0.18, 0.22, "HGX and DGX")
LIQUID_BOARD = _fitted(0.083, "1", "switches of a liquid-cooled 8-GPU board, over TDP", 0.07, 0.12, "one system")
NO_BOARD = _fitted(0.0, "1", "no board of switches", 0.0, 0.0, "cards, or GPUs joined without switches")
SERVER_SIZE = constant(8.0, "1", "chips per server", "assumed", note="where the file names no system")
FITTED_SIZE = 8  # the fit is to servers of 3 to 8 GPUs


class Host(NamedTuple):
    """Power [W] of a host while its chips are busy, and while they are idle."""

    busy: Quantity
    idle: Quantity


def host_of(part: GPU | None, cards: Any) -> Host:
    """The type of host that so many cards are put into, where no system is named."""
    tdp = None if part is None else part.tdp
    if part is None or part.name in board_parts() or xp.decided(cards > FEW_CARDS):
        return Host(HOST, IDLE_HOST)
    if tdp is not None and xp.decided(tdp.value <= SMALL_CARD) and xp.decided(cards <= 1):
        return Host(EDGE_HOST, IDLE_EDGE_HOST)
    return Host(WORKSTATION, IDLE_WORKSTATION)


@cache
def board_parts() -> frozenset[str]:
    """Names of the GPUs that a system of the catalog holds eight of, on a board with switches."""
    systems = [load_part("systems", name) for name in part_names("systems")]
    eights = {system.accelerator for system in systems if system.count.value == FITTED_SIZE}
    return frozenset(load_part("gpus", name).name for name in eights if name in part_names("gpus"))


def board_share(part: GPU, liquid: bool) -> Quantity:
    """Power of the board of eight such GPUs, over their TDP."""
    if part.name not in board_parts():
        return NO_BOARD
    return LIQUID_BOARD if liquid else BOARD


def stated_host_power(pool: GpuPool | LpuPool) -> Quantity | None:
    """Host power of the product, where that is better known than the fit.

    What is derived from the rating of a server of up to eight GPUs is less so: such ratings are far above what wall
    meters show.
    """
    system = pool.system
    if system is None or system.host_power is None:
        return None
    source, few = system.host_power.source, float(system.count.value) <= FITTED_SIZE
    derived = source is not None and RANKS[source.kind] >= RANKS["press"]
    return None if isinstance(pool, GpuPool) and few and derived else system.host_power


def host_power(
    pool: GpuPool | LpuPool,
    tdp: Quantity,
    idle_power: Quantity,
    utilization: Quantity,
    cooling: Cooling,
    fan_share: Quantity,
) -> Quantity:
    """Power of all but chips and fans at a utilization of the chips.

    fan_share: of the servers' power at full load, where they have fans.
    """
    systems = systems_needed(count=pool.count, per_system=SERVER_SIZE if pool.system is None else pool.system.count)
    stated = stated_host_power(pool)
    if stated is not None:
        return power_of(power=stated, count=systems)
    share = NO_BOARD
    if isinstance(pool, GpuPool):
        one = board_share(pool.part, cooling.method in ON_LIQUID)
        share = share_on_boards(share=one, chips=pool.count, per_board=SERVER_SIZE)
    common = {"chips": pool.count, "tdp": tdp, "board_share": share}
    host = host_of(pool.part if isinstance(pool, GpuPool) else None, pool.count.value)
    busy = wall_power(host_power=power_of(power=host.busy, count=systems), chip_share=BUSY, **common)
    idle = idle_wall_power(host_power=power_of(power=host.idle, count=systems), idle_power=idle_power, **common)
    return beside_chips_and_fans(
        server=between(idle=idle, busy=busy, utilization=utilization),
        busy=busy,
        chips=chips_at(count=pool.count, idle_power=idle_power, tdp=tdp, utilization=utilization),
        fan_share=fan_share,
        exponent=FAN_EXPONENT,
    )
