"""Buy, rent, rent by the hour of use, or buy tokens from an API: what each saves, and where the better one changes."""

from collections.abc import Callable
from typing import Any

from rackcalc.config.racks import Loaded
from rackcalc.estimation.estimate import compute
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record, replace

MONTH = 730 * 3600.0  # seconds
LEAST, MOST = 0.01, 0.99  # utilization between which the better way may change
ROUNDS = 40  # of bisection at most
PRECISION = 1e-4  # of a utilization


@record
class Decision:
    """One way to pay for the rack's work beside that of the baseline, over the horizon.

    saving: USD of today that this way costs less than the baseline. month: from which on the one with the lower running
    cost has cost less in all, None where one has from the start or none has within the horizon. utilization: at which
    both cost the same, None where one is cheaper at any; above: whether this way is the cheaper above it. term: of the
    cost per time that differs most [USD/s], and by how much.
    """

    column: int
    saving: float
    month: float | None
    utilization: float | None
    above: bool
    term: str
    amount: float


def decision(column: int, base: Loaded, other: Loaded) -> Decision | None:
    """What decides between two ways to pay. None where they pay in the same way, or for other hardware or work."""
    if not _same_but_for_money(base, other) or _way(base) == _way(other):
        return None
    here, there = _cost(base), _cost(other)
    if here is None or there is None or not (here.tco.known and there.tco.known):
        return None
    term, amount = _largest(here.per_hour_terms, there.per_hour_terms)
    saving = float(here.tco.value) - float(there.tco.value)
    at, above = _break_even(base, other)
    return Decision(column, saving, _month(here, there, float(_horizon(base))), at, above, term, amount)


def _way(loaded: Loaded) -> tuple[str, ...]:
    """How the rack is paid for."""
    spec = loaded.rack.economics
    if spec.acquisition == "purchase":
        return ("purchase",)
    return (spec.acquisition, spec.rent_for, spec.rent_covers) if spec.acquisition == "rent" else ("api",)


def _same_but_for_money(base: Loaded, other: Loaded) -> bool:
    """Whether two racks do the same work with the same chips."""
    for name in ("gpu", "lpu"):
        one, two = (getattr(side.rack.accelerators, name) for side in (base, other))
        if (one is None) != (two is None):
            return False
        if one is not None and (one.part.name, float(one.count.value)) != (two.part.name, float(two.count.value)):
            return False
    return base.rack.model.name == other.rack.model.name and base.rack.serving.split == other.rack.serving.split


def _horizon(loaded: Loaded) -> float:
    spec = loaded.rack.economics
    return float((spec.prices.horizon if spec.horizon is None else spec.horizon).value)


def _cost(loaded: Loaded, utilization: float | None = None) -> Any:
    """The cost of a rack; at another utilization. None where it cannot be computed."""
    if utilization is not None:
        used = Quantity(utilization, "1", "economics.utilization", source=Source("given"))
        economics = replace(loaded.rack.economics, utilization=used)
        loaded = replace(loaded, rack=replace(loaded.rack, economics=economics))

    def require(_: Any, problems: Any) -> None:
        if problems:
            raise InputError(list(problems))

    try:
        return compute(loaded, require).cost
    except InputError:
        return None


def _break_even(base: Loaded, other: Loaded) -> tuple[float | None, bool]:
    """The utilization at which both cost the same, and whether the other one is the cheaper above it."""

    def dearer(utilization: float) -> float:
        here, there = _cost(base, utilization), _cost(other, utilization)
        if here is None or there is None:
            return float("nan")
        return float(there.tco.value) - float(here.tco.value)

    low, high = dearer(LEAST), dearer(MOST)
    if not low * high < 0:
        return None, False
    return _root(dearer, low, high), high < 0


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is nearly a straight line is zero: the Illinois method."""
    a, b, side = LEAST, MOST, 0
    for _ in range(ROUNDS):
        at = (a * high - b * low) / (high - low)
        if b - a < PRECISION:
            break
        value = function(at)
        if abs(value) <= 1e-9 * (abs(low) + abs(high)):
            return at
        if value * high > 0:
            b, high = at, value
            low = low / 2 if side < 0 else low
            side = -1
        else:
            a, low = at, value
            high = high / 2 if side > 0 else high
            side = 1
    return at


def _month(here: Any, there: Any, horizon: float) -> float | None:
    """When what was paid in all for the one overtakes what was paid for the other."""
    ahead = float(here.capex.value) - float(there.capex.value)
    later = float(there.opex.value) - float(here.opex.value)
    if not ahead * later > 0:
        return None
    time = ahead / later
    return time / MONTH if time <= horizon else None


def _largest(here: Any, there: Any) -> tuple[str, float]:
    """The term that differs most, and by how much it is higher there."""

    def value(terms: Any, name: str) -> float:
        return float(terms[name].value) if name in terms else 0.0

    moved = {name: value(there, name) - value(here, name) for name in (*here, *there)}
    name = max(moved, key=lambda one: abs(moved[one]))
    return name, moved[name]
