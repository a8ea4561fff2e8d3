"""Which values of a figure are better: lower or higher. Unlisted figures, such as sizes, have no better side."""

from fnmatch import fnmatchcase

# The first pattern that fits decides; "" says that neither is better.
BETTER_SIDES: tuple[tuple[str, str], ...] = (
    ("latency.*", "lower"),
    ("throughput.utilization", ""),
    ("throughput.*", "higher"),
    ("stages.*.time", "lower"),
    ("link.*.size", ""),
    ("link.*.domain", "higher"),
    ("link.*.nominal", "higher"),
    ("link.*.per_link", "higher"),
    ("link.*bandwidth", "higher"),
    ("link.*efficiency", "higher"),
    ("link.*goodput", "higher"),
    ("link.*.snr", "higher"),
    ("link.*.half_size", "lower"),
    ("link.*.wire_bytes", "lower"),
    ("link.*", "lower"),  # times, temperature, loss, errors
    ("memory.*.capacity", "higher"),
    ("memory.*.free", "higher"),
    ("memory.*.chips_needed", "lower"),
    ("software.*", "lower"),
    ("sharing.income", "higher"),
    ("sharing.wait_added", "lower"),
    ("power.*", "lower"),
    ("thermal.inlet", ""),
    ("thermal.facility_supply", ""),
    ("thermal.heat_to_*", ""),
    ("thermal.headroom.*", "higher"),
    ("thermal.throttle.*", "higher"),
    ("thermal.rack_headroom", "higher"),
    ("thermal.*", "lower"),  # outlet, junctions, airflow, pumps, PUE
    ("plant.cdus", ""),
    ("plant.cdu_load", ""),
    ("plant.cdu_share", ""),
    ("plant.door_margin", "higher"),
    ("plant.free_cooling.*", "higher"),
    ("plant.supply_margin.*", "higher"),
    ("plant.*", "lower"),
    ("supply.reserved", ""),
    ("supply.margin", "higher"),
    ("supply.circuits", ""),
    ("supply.shelves", ""),
    ("supply.*", "lower"),
    ("carbon.*", "lower"),
    ("venue.published.*", ""),
    ("venue.*", "lower"),
    ("cost.resale", "higher"),
    ("cost.lease_advantage", ""),
    ("cost.depreciation.*", ""),
    ("cost.*", "lower"),
    ("value.saved", "higher"),
    ("value.value", "higher"),
    ("value.gross", "higher"),
    ("value.probability", "higher"),
    ("roi.*payback", "lower"),
    ("roi.*", "higher"),
)


def better_side(path: str) -> str:
    """The better side of a figure: "lower", "higher", or "" where neither is better.

    >>> better_side("latency.p99"), better_side("roi.payback"), better_side("link.gpu-lpu.transfer.bandwidth")
    ('lower', 'lower', 'higher')
    >>> better_side("thermal.inlet")
    ''
    """
    return next((side for pattern, side in BETTER_SIDES if fnmatchcase(path, pattern)), "")
