"""The figures that a person sees, as rows: which, in what order and words. Tables and Markdown are made of them."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any

from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import RANKS, Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.render.cells import cell, interval_text

# section -> title, and the figures shown unless all are asked for
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "latency": ("Latency", ("latency.*",)),
    "throughput": ("Throughput", ("throughput.*",)),
    "stages": ("Where the time goes", ("stages.*",)),
    "details": ("How the chips are used", ("details.*",)),
    "link": (
        "Links",
        (
            "link.???-???.time",
            "link.???-???.bandwidth",
            "link.*.temperature",
            "link.*.bit_error_rate",
            "link.*.replay_probability",
        ),
    ),
    "memory": ("Memory", ("memory.*",)),
    "software": ("Second software stack", ("software.factor*", "software.added", "software.porting")),
    "sharing": ("Shared with other work", ("sharing.share", "sharing.wait_added", "sharing.income")),
    "power": ("Power, mean and peak", ("power.[!p]*", "power.peak.it", "power.peak.facility")),
    "thermal": (
        "Heat at full load",
        (
            "thermal.inlet",
            "thermal.airflow",
            "thermal.outlet",
            "thermal.coolant_*",
            "thermal.junction.*",
            "thermal.headroom.*",
            "thermal.clock_share.*",
            "thermal.rack_headroom",
        ),
    ),
    "plant": (
        "Cooling equipment",
        (
            "plant.cdu*",
            "plant.door_margin",
            "plant.power",
            "plant.peak",
            "plant.free_cooling.*",
            "plant.too_warm.*",
            "plant.supply_margin.*",
            "plant.wue",
            "plant.capex",
            "plant.share_of_*",
        ),
    ),
    "supply": (
        "Electrical supply",
        (
            "supply.reserved",
            "supply.margin",
            "supply.apparent",
            "supply.circuits",
            "supply.breaker_use",
            "supply.shelves",
            "supply.losses",
            "supply.capex",
        ),
    ),
    "carbon": ("Carbon", ("carbon.*",)),
    "cost": ("Cost", ("cost.[!pd]*", "cost.per_[!h]*", "cost.per_hour")),
    "venue": (
        "Beside the exchange",
        ("venue.tick_to_trade.*", "venue.published.round_trip_*", "venue.times.round_trip_*"),
    ),
    "value": ("Value of latency", ("value.saved", "value.gain", "value.outside_range", "value.probability")),
    "roi": ("Return", ("roi.value", "roi.npv", "roi.irr", "roi.payback", "roi.discounted_payback", "roi.cash_flow.*")),
}


SMALL = 0.01  # terms with a smaller share of their sum are left out, unless all figures are asked for


@record
class Row:
    """One figure in every estimate. share: of a term in its sum, as text, else "". kind: the weakest of the cells."""

    section: str
    path: str
    cells: tuple[str, ...]
    share: str
    kind: str


def rows(reports: Sequence[Any], everything: bool = False) -> Iterator[Row]:
    """The figures of all estimates side by side, by section, in the order of the first estimate that has them."""
    tables = [dict(figures(report)) for report in reports]
    paths = list(dict.fromkeys(path for table in tables for path in table))
    for section, (_, patterns) in SECTIONS.items():
        for path in paths:
            if path.partition(".")[0] != section:
                continue
            found = [table.get(path) for table in tables]
            shares = [_share(table, path) for table in tables]
            if not everything and not (_wanted(path, patterns, tables) and _matters(path, found, shares)):
                continue
            weakest = max((quantity.kind for quantity in found if quantity is not None), key=RANKS.__getitem__)
            certain = len(reports) == 1 and shares[0] is not None and isfinite(shares[0])
            share = f"{shares[0]:.0%}" if certain else ""
            yield Row(section, path, tuple(cell(path, quantity) for quantity in found), share, weakest)


def with_intervals(lines: Sequence[Row], report: Any) -> list[Row]:
    """The rows of one estimate with a second cell, the 80 % interval."""
    from rackcalc.replay.intervals import Draws  # not needed without intervals

    draws, table = Draws(report), dict(figures(report))
    return [
        replace(row, cells=(*row.cells, interval_text(row.path, table[row.path], draws.interval(table[row.path]))))
        for row in lines
    ]


def _wanted(path: str, patterns: tuple[str, ...], tables: Sequence[Mapping[str, Quantity]]) -> bool:
    if path.startswith("latency.") and path not in ("latency.service", "latency.ttft", "latency.tpot", "latency.p99"):
        return any("latency.wait" in table for table in tables)  # without a load they are all equal
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _matters(path: str, found: Sequence[Quantity | None], shares: Sequence[float | None]) -> bool:
    """False for small terms of a sum, and for memory figures that are zero."""
    if path.startswith("memory."):
        return any(quantity is not None and float(quantity.value) != 0 for quantity in found)
    if "terms." not in path or any(share is not None and abs(share) >= SMALL for share in shares):
        return True
    if all(share is None or isfinite(share) for share in shares):
        return False
    # beside an unknown term no share is known: what is nothing is left out all the same
    return any(quantity is not None and float(quantity.value) != 0 for quantity in found)


def _share(table: Mapping[str, Quantity], path: str) -> float | None:
    """The share of a term in its sum, nan where a term is unknown; None for a figure that is no term."""
    group, dot, _ = path.rpartition("terms.")
    if not dot or path not in table:
        return None
    prefix = f"{group}terms."
    whole = sum(float(quantity.value) for name, quantity in table.items() if name.startswith(prefix))
    return float(table[path].value) / whole if whole else 0.0
