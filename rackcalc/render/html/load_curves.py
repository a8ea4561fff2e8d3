"""Latency percentiles against the load: the recorded calculation run again with other arrival rates.

Only of racks whose requests come at a rate. The program that runs again is the one behind the intervals.
"""

from math import isfinite

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.replay.program import Run, program_of

RATE = "workload.arrival_rate"
LOADS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96)  # shares of the capacity


@record
class Curves:
    """Figures by path at several loads. rates: requests/s, with that of the estimate among them; shares of capacity."""

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
    wanted = [path for path in paths if path in table and table[path].known]
    program, slots = program_of([table[path] for path in wanted], lambda leaf: 0 if leaf is rate else None)
    moving = {path: slot for path, slot in zip(wanted, slots, strict=True) if program.axes[slot]}
    if not moving:
        return None
    rates = sorted({*(share * most for share in LOADS), now})
    run = program.start(list(moving.values()))
    found = [_at(run, each) for each in rates]
    values = {path: tuple(float(column[place]) for column in found) for place, path in enumerate(moving)}
    return Curves(tuple(rates), tuple(each / most for each in rates), now, values)


def _at(run: Run, each: float) -> list[float]:
    """The figures at one rate; nan where a formula has no answer there."""
    try:
        return [float(value) for value in run([each], [each])]
    except (ArithmeticError, ValueError):
        return [float("nan")] * len(run.targets)
