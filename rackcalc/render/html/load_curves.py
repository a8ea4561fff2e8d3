"""Latency against the load: the recorded calculation run again with other arrival rates, or numbers of clients.

Only of racks whose requests come at a rate, or from clients that wait for their answers. The program that runs again is
the one behind the intervals.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor, isfinite, log2

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.replay.program import Run, program_of

RATE, CLIENTS = "workload.arrival_rate", "workload.concurrency"
USED, SERVED = "throughput.utilization", "throughput.at_concurrency"
NEARLY, STEPS = 0.97, 20  # share of the rack in use at the highest load that is shown, and halvings to find it
LOADS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 1.0)  # shares of the largest
BEYOND, LEAST = 4, 16  # times the stated number of clients, and clients at least, that are shown
MEANS = {"": ("latency.mean", "latency.service"), "ttft_": ("latency.ttft",), "tpot_": ("latency.tpot",)}


@record
class Curves:
    """Figures by path at several loads.

    loads: requests/s, or clients; that of the estimate, now, is among them. rates: requests/s at each load. places: of
    the loads on their axis: the share of the capacity that is in use, or the power of two of the number of clients.
    """

    loads: tuple[float, ...]
    rates: tuple[float, ...]
    places: tuple[float, ...]
    now: float
    values: Mapping[str, tuple[float, ...]]
    closed: bool

    @property
    def at_now(self) -> int:
        """Which of the loads is that of the estimate."""
        return self.loads.index(self.now)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the axis of loads."""
        return (self.places[0], self.places[-1]) if self.closed else (0.0, 1.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places on the axis of loads that have a label."""
        if not self.closed:
            return [(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        low, high = ceil(self.ends[0]), floor(self.ends[1])
        step = max(1, ceil((high - low) / 7))
        return [(float(power), f"{2**power:,}") for power in range(low, high + 1, step)]

    @property
    def axis(self) -> str:
        """What the axis of loads is."""
        return "clients, each waiting for its answer" if self.closed else "share of capacity in use"

    @property
    def against(self) -> str:
        """What the latency is drawn against, in short."""
        return "number of clients" if self.closed else "load"

    def label(self, place: int) -> str:
        """A load as text."""
        return f"{self.loads[place]:,.6g}" if self.closed else f"{self.places[place]:.0%}"

    def of(self, group: str, levels: Sequence[str]) -> dict[str, str]:
        """The path of every curve of a group by its label: the percentiles, or the mean where they are not told."""
        told = {level: f"latency.{group}{level}" for level in levels if f"latency.{group}{level}" in self.values}
        if len({self.values[path] for path in told.values()}) > 1:
            return told
        means = [path for path in MEANS[group] if path in self.values]
        return {"mean": means[0]} if means else told


def curves(table: Mapping[str, Quantity], leaves: Mapping[str, Quantity], paths: Sequence[str]) -> Curves | None:
    """The figures at these paths against the load; None where there is no load, or none of them rests on it."""
    wanted = [path for path in dict.fromkeys([*paths, *sum(MEANS.values(), ())]) if _known(table, path)]
    if CLIENTS in leaves:
        return _of_clients(table, leaves[CLIENTS], wanted)
    return _of_rates(table, leaves[RATE], wanted) if RATE in leaves else None


def _known(table: Mapping[str, Quantity], path: str) -> bool:
    return path in table and table[path].known


def _of_clients(table: Mapping[str, Quantity], clients: Quantity, wanted: Sequence[str]) -> Curves | None:
    now = float(clients.value)
    if not (isfinite(now) and now >= 1 and _known(table, SERVED)):
        return None
    moving, run = _program(table, clients, [SERVED, *wanted])
    if SERVED not in moving or len(moving) < 2:
        return None
    most = max(BEYOND * now, LEAST)
    powers = [2**power for power in range(floor(log2(most)) + 1)]
    between = [3 * power // 2 for power in powers[1:-1]]
    loads = sorted({*map(float, (*powers, *between)), now})
    columns = zip(*(_at(run, each) for each in loads), strict=True)
    values = {path: column for path, column in zip(moving, columns, strict=True) if all(map(isfinite, column))}
    if SERVED not in values or len(values) < 2:
        return None
    return Curves(tuple(loads), values.pop(SERVED), tuple(map(log2, loads)), now, values, closed=True)


def _of_rates(table: Mapping[str, Quantity], rate: Quantity, wanted: Sequence[str]) -> Curves | None:
    if not (_known(table, "throughput.capacity") and _known(table, USED)):
        return None
    now, most = float(rate.value), float(table["throughput.capacity"].value)
    if not (isfinite(most) and most > 0 and now > 0):
        return None
    moving, run = _program(table, rate, [USED, *wanted])
    if USED not in moving or len(moving) < 2:
        return None
    top = _largest(_program(table, rate, [USED])[1], now, most)
    found = [(each, _at(run, each)) for each in sorted({*(share * top for share in LOADS), now})]
    kept = [(each, column) for each, column in found if column[0] < 1]
    if now not in [each for each, _ in kept]:
        return None
    values = {path: tuple(column[place] for _, column in kept) for place, path in enumerate(moving)}
    loads = tuple(each for each, _ in kept)
    return Curves(loads, loads, values.pop(USED), now, values, closed=False)


def _program(table: Mapping[str, Quantity], leaf: Quantity, paths: Sequence[str]) -> tuple[list[str], Run]:
    """Those of the figures that rest on a leaf, and a run that computes them for its value."""
    program, slots = program_of([table[path] for path in paths], lambda one: 0 if one is leaf else None)
    moving = {path: slot for path, slot in zip(paths, slots, strict=True) if program.axes[slot]}
    return list(moving), program.start(list(moving.values()))


def _largest(run: Run, now: float, most: float) -> float:
    """The rate that nearly takes the whole rack. It is less than `most` where the rack throttles under that load."""
    low, high = 0.0, max(most, now)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at(run, middle)[0] < NEARLY else (low, middle)
    return low


def _at(run: Run, each: float) -> list[float]:
    """The figures at one load; nan where a formula has no answer there."""
    try:
        return [float(value) for value in run([each], [each])]
    except (ArithmeticError, ValueError):
        return [float("nan")] * len(run.targets)
