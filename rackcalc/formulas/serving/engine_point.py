"""A serving engine and its load as the numbers that the law of engine_load.py takes: written down once, for all.

The law is in formulas/queues; here names become places in a point, and a point an engine, its prompts and its outputs.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any

from rackcalc.formulas.serving.day_profile import HOURS
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, TOKEN, Count

STEPS = 6  # numbers of sequences at which the time of a step is known
STRATA = 12  # of the lengths in a trace (length_distributions.EDGES)

# rate: requests that arrive per second, in the busiest hour where hours differ. seats: sequences that decode together
# at most. base: a step without decoding sequences, but for the work of its prompts. work, twice: what a prompt of mean
# length adds, and one twice as long. budget: tokens in a step at most. chunked: 1 where prompts share the steps, else
# 0. prompt, output: mean lengths. gap_scv: squared coefficient of variation of the gaps between arrivals. evenness: see
# router_arrivals.py.
# step_0, ...: time of a step with so many sequences (see node()) and no prompt.
_NEEDED = {
    "rate": "request/s", "seats": "1", "base": "s", "work": "s", "twice": "s", "budget": "token", "chunked": "1",
    "prompt": "token", "output": "token", "gap_scv": "1", "evenness": "1",
    **{f"step_{place}": "s/token" for place in range(STEPS)},
}  # fmt: skip
# Lengths are log-normal with these coefficients of variation (0: all alike); where even is 1, evenly spread. Of a trace
# prompt_0, ..., output_0, ... are the mean lengths in its strata over the mean of all.
_LENGTHS = {f"{what}_{how}": "1" for what in ("prompt", "output") for how in ("cv", "even", *range(STRATA))}
# Of a day whose hours differ: the rate in each over that in the busiest one.
_HOURS = {f"hour_{hour}": "1" for hour in range(HOURS)}
UNITS = _NEEDED | _LENGTHS | _HOURS
Loaded = Annotated[Any, UNITS]
ARRIVALS = ("gap_scv", "evenness", *_HOURS)

# A point: the values of _NEEDED, then those of _LENGTHS and _HOURS, nan for what is not stated.
PLACES = {name: place for place, name in enumerate(UNITS)}

# The engine of the examples: 64 seats, steps of 10 ms, prompts of 30 ms, and a request in a thousand million seconds.
ALONE = {
    "rate": 1e-9, "seats": 64.0, "base": 0.01, "work": 0.03, "twice": 0.06, "budget": 2048.0, "chunked": 1.0,
    "prompt": 1000.0, "output": 101.0, "gap_scv": 1.0, "evenness": 1.0,
    **dict.fromkeys((f"step_{place}" for place in range(STEPS)), 0.01),
}  # fmt: skip


@formula(cite="definition: in geometric steps from one sequence to a full engine")
def node(seats: Count, place: Count) -> Count:
    """The number of sequences at which the step of a place, 0 to STEPS - 1, is computed.

    >>> round(node(seats=32.0, place=2.0), 9)
    4.0
    """
    return xp.power(xp.maximum(xp.floor(seats), 1.0), place / (STEPS - 1))


def point_of(engine: dict[str, Any], units: Mapping[str, str] = UNITS) -> list[Any]:
    """The engine without units, in the order of a point. units: of all that a point may have, in its order."""
    one = {"s": SECOND, "token": TOKEN, "s/token": SECOND / TOKEN, "request/s": REQUEST / SECOND, "1": 1.0}
    return [xp.pure(engine[name] / one[unit]) if name in engine else xp.nan for name, unit in units.items()]


def _step(nodes: list[Any], steps: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Time of a step as a function of the number of sequences, linear between two nodes."""
    if any(hasattr(value, "shape") for value in (*nodes, *steps)):
        return lambda number: _between(nodes, steps, number)
    known = [(low, below, (above - below) / (high - low) if high > low else 0.0)
             for (low, below), (high, above) in pairwise(zip(nodes, steps, strict=True))]  # fmt: skip

    def step(number: Any) -> Any:
        if hasattr(number, "shape"):
            return _between(nodes, steps, number)
        place = bisect_left(nodes, number, 1)
        if place >= STEPS:
            return steps[-1]
        low, below, slope = known[place - 1]
        return below + slope * (number - low)

    return step


def _between(nodes: list[Any], steps: tuple[Any, ...], number: Any) -> Any:
    """Time of a step, in lanes."""
    found = steps[-1]
    for (low, below), (high, above) in reversed(list(pairwise(zip(nodes, steps, strict=True)))):
        slope = xp.where(high > low, xp.divide(above - below, high - low), 0.0)
        found = xp.where((number <= high) & (high > low), below + slope * (number - low), found)
    return found


def _kind_of_lengths(what: str, point: Any) -> Any:
    """0: all alike, 1: log-normal, 2: even, 3: of a trace."""
    cv, even, first = (point[PLACES[f"{what}_{how}"]] for how in ("cv", "even", 0))
    return xp.where(first == first, 3.0, xp.where(cv > 0, xp.where(even > 0, 2.0, 1.0), 0.0))


def kind_of(point: Any) -> Any:
    """Lanes of the same kind are computed together; -1 where a number is missing."""
    valid: Any = True
    for name in ("rate", "seats", "base", "work", "twice", *(f"step_{place}" for place in range(STEPS))):
        value = point[PLACES[name]]
        valid = valid & (value >= 0) & (value < xp.inf)
    chunked, output = point[PLACES["chunked"]], point[PLACES["output"]]
    kind = _kind_of_lengths("prompt", point) * 4 + _kind_of_lengths("output", point)
    kind = kind * 4 + xp.where(chunked > 0, 2.0, 0.0) + xp.where(output <= 1, 1.0, 0.0)
    return xp.where(valid, kind, -1.0)


def _lengths(what: str, point: Any) -> Any:
    """The distribution of the prompts or outputs, of points of one kind."""
    from rackcalc.formulas.queues.length_distributions import fixed, lognormal, of_strata, spread

    mean, cv = (point[PLACES[name]] for name in (what, f"{what}_cv"))
    first = PLACES[f"{what}_0"]
    kind = _kind_of_lengths(what, [x if isinstance(x, float) else float(x[0]) for x in point])
    if kind == 3:
        return of_strata(mean, cv, point[first : first + STRATA])
    if kind == 0:
        return fixed(mean)
    return spread(mean, cv * 3**0.5) if kind == 2 else lognormal(mean, cv)


def engine_of(point: Any) -> Any:
    """The engine, its prompts and its outputs."""
    from rackcalc.formulas.queues.engine_steps import Engine

    _, seats, base, work, twice, budget, chunked, prompt, _, _, _, *steps = point[: len(_NEEDED)]
    most = xp.maximum(xp.floor(seats), 1.0)
    nodes = [xp.power(most, place / (STEPS - 1)) for place in range(STEPS)]
    bend = xp.maximum(twice - 2 * work, 0.0) / 2  # of work = a L + b L^2, at the mean prompt and twice its length
    engine = Engine(
        step=_step(nodes, tuple(steps)),
        base=base,
        work=lambda tokens: (work - bend) * tokens / prompt + bend * (tokens / prompt) ** 2,
        seats=most,
        budget=budget,
        chunked=bool((chunked if isinstance(chunked, float) else float(chunked[0])) > 0),
    )
    return engine, _lengths("prompt", point), _lengths("output", point)


QUIET = 1e-9  # of the rate in the busiest hour; in an hour with less nothing comes (of arrays, as much)


def hours_of(point: Any) -> list[tuple[Any, float]]:
    """The different rates of a day over that of its busiest hour, with their shares of the day; [] where all are alike.

    Hours in which nothing comes are left out.
    """
    first = PLACES["hour_0"]
    ratios = point[first : first + HOURS]
    if any(hasattr(ratio, "shape") for ratio in ratios):
        return [(xp.maximum(ratio, QUIET), 1 / HOURS) for ratio in ratios]
    return [] if ratios[0] != ratios[0] else _different(tuple(ratios))


@lru_cache(maxsize=64)
def _different(ratios: tuple[float, ...]) -> list[tuple[float, float]]:
    different = sorted(set(ratios))
    return [] if different == [1.0] else [(one, ratios.count(one) / HOURS) for one in different if one > QUIET]


def in_hours_of(point: Any, hours: list[tuple[Any, float]]) -> list[Any]:
    from rackcalc.formulas.serving.hours_in_lanes import in_hours

    return in_hours(point, [ratio for ratio, _ in hours])
