"""Latency percentiles against the load: the recorded calculation run again with other arrival rates.

Only of racks whose requests come at a rate. The program that runs again is the one behind the intervals.
"""

from math import isfinite

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.replay.program import Run, program_of

RATE = "workload.arrival_rate"
USED = "throughput.utilization"
NEARLY, STEPS = 0.97, 20  # share of the rack in use at the highest load that is shown, and halvings to find it
LOADS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 1.0)  # shares of the largest


@record
class Curves:
    """Figures by path at several loads.

    rates: requests/s, with that of the estimate, now, among them. shares: of the capacity that is in use at each.
    """

    rates: tuple[float, ...]
    shares: tuple[float, ...]
    now: float
    values: dict[str, tuple[float, ...]]


def curves(table: dict[str, Quantity], rate: Quantity | None, paths: list[str]) -> Curves | None:
    """The figures at these paths against the arrival rate; None where there is no rate, or none of them rests on it."""
    capacity = table.get("throughput.capacity")
    if rate is None or capacity is None or not capacity.known:
        return None
    now, most = float(rate.value), float(capacity.value)
    if not (isfinite(most) and most > 0 and now > 0):
        return None
    wanted = [path for path in [USED, *paths] if path in table and table[path].known]
    program, slots = program_of([table[path] for path in wanted], lambda leaf: 0 if leaf is rate else None)
    moving = {path: slot for path, slot in zip(wanted, slots, strict=True) if program.axes[slot]}
    if USED not in moving or len(moving) < 2:
        return None
    top = _largest(program.start([moving[USED]]), now, most)
    run = program.start(list(moving.values()))
    found = [(each, _at(run, each)) for each in sorted({*(share * top for share in LOADS), now})]
    kept = [(each, column) for each, column in found if column[0] < 1]
    if now not in [each for each, _ in kept]:
        return None
    values = {path: tuple(column[place] for _, column in kept) for place, path in enumerate(moving)}
    return Curves(tuple(each for each, _ in kept), values.pop(USED), now, values)


def _largest(run: Run, now: float, most: float) -> float:
    """The rate that nearly takes the whole rack. It is less than `most` where the rack throttles under that load."""
    low, high = 0.0, max(most, now)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at(run, middle)[0] < NEARLY else (low, middle)
    return low


def _at(run: Run, each: float) -> list[float]:
    """The figures at one rate; nan where a formula has no answer there."""
    try:
        return [float(value) for value in run([each], [each])]
    except (ArithmeticError, ValueError):
        return [float("nan")] * len(run.targets)
