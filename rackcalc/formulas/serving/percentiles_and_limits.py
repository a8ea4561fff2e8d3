"""How formulas ask the laws of engine_load.py and pool_load.py for percentiles of a time, and names of limits on it."""

from collections.abc import Callable
from typing import Any

from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.units import SECOND, TOKEN

What = Any  # a value of the law: the name of a mean; or of a time with a level, or with SHARE for a share of requests
SHARE = "share"
PER_TOKEN = ("tpot", "itl")
LIMITS = {
    f"limit_{time}_{level}": "s/token" if time in PER_TOKEN else "s"
    for time in ("time", "ttft", *PER_TOKEN)
    for level in LEVELS
}


def at_level(time: str, probability: Any, value: Callable[[What], Any]) -> Any:
    """What a share of requests stays within, which may be an array. value: of a time with one level."""
    level = xp.pure(probability)
    if not hasattr(level, "shape"):
        return value((time, float(level)))
    found: Any = xp.nan
    for one in set(level.ravel().tolist()):
        found = xp.where(level == one, value((time, one)), found)
    return found


def limit_of(name: str, most: Any, before: Any) -> tuple[What, Any, Any]:
    """What is limited, to how much, and how much of that is over before the engine takes a request up, in s."""
    _, time, level = name.split("_")
    per = SECOND / TOKEN if time in PER_TOKEN else SECOND
    return (time, float(LEVELS[level].value)), xp.pure(most / per), 0.0 if time in PER_TOKEN else xp.pure(before / per)
