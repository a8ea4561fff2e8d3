"""Engines that prefill and engines that decode as the numbers that the law of pool_load.py takes: written down once.

They are described as one engine is (engine_point.py): its prompts, and the steps that hold them, are those of the
engines that prefill; its seats, its steps without prompts and its answers those of the engines that decode.
"""

from typing import Annotated, Any

from rackcalc.formulas.serving import engine_point
from rackcalc.formulas.serving.engine_point import PLACES as ENGINE
from rackcalc.quantities import elementwise as xp

# Of what describes an engine, the rate is that of all engines; gap_scv, evenness: at one that decodes. Beside it:
# prefill_engines, decode_engines: how many there are; prefill_gap_scv: at one that prefills; prefill_balanced: among
# how many of those a router that looks at their load chooses (1: it does not look). held: time for which a prompt of
# mean length holds an engine beyond its work. latency, sending: of the KV cache of a prompt of mean length; pieces: in
# which it is sent while the prompt is computed (1: afterwards).
_BESIDE = {
    "prefill_engines": "1", "decode_engines": "1", "prefill_gap_scv": "1",
    "prefill_balanced": "1", "held": "s", "latency": "s", "sending": "s", "pieces": "1",
}  # fmt: skip
UNITS = {name: unit for name, unit in engine_point.UNITS.items() if not name.startswith("hour_")} | _BESIDE
Pooled = Annotated[Any, UNITS]
PLACES = {name: place for place, name in enumerate(UNITS)}

# The engines of the examples: two like that of engine_point.py, and caches that are there at once.
ALONE = engine_point.ALONE | {
    "prefill_engines": 1.0, "decode_engines": 1.0, "prefill_gap_scv": 1.0,
    "prefill_balanced": 1.0, "held": 0.0, "latency": 0.0, "sending": 0.0, "pieces": 1.0,
}  # fmt: skip
# A request that comes with its KV cache needs no more of a step than a token does: of its work next to nothing.
NO_PROMPT = {"work": 1e-9, "twice": 2e-9, "prompt": 1.0, "budget": 1e6, "chunked": 1.0}


def point_of(pools: dict[str, Any]) -> list[Any]:
    """The pools without units, in the order of a point."""
    return engine_point.point_of(pools, UNITS)


def _engine(point: Any, changed: dict[str, Any]) -> list[Any]:
    """A point of one engine, with what is changed of the numbers that it shares with this point."""
    found = [point[PLACES[name]] if name in PLACES else xp.nan for name in ENGINE]
    for name, value in changed.items():
        found[ENGINE[name]] = value
    return found


def that_prefills(point: Any) -> list[Any]:
    """The point of an engine that prefills, whose answers have one token; each prompt's work as long as it is held."""
    held = point[PLACES["held"]]
    longer = {"work": point[PLACES["work"]] + held, "twice": point[PLACES["twice"]] + 2 * held}
    rate = xp.divide(point[PLACES["rate"]], point[PLACES["prefill_engines"]])
    lengths = {f"output_{how}": xp.nan for how in ("cv", "even", *range(engine_point.STRATA))}
    gap_scv = point[PLACES["prefill_gap_scv"]]
    return _engine(point, lengths | longer | {"rate": rate, "output": 1.0, "chunked": 1.0, "gap_scv": gap_scv})


def that_decodes(point: Any) -> list[Any]:
    """The point of an engine that decodes, whose requests come with their KV cache: they need no more than a token."""
    rate = xp.divide(point[PLACES["rate"]], point[PLACES["decode_engines"]])
    lengths = {f"prompt_{how}": xp.nan for how in ("cv", "even", *range(engine_point.STRATA))}
    return _engine(point, lengths | NO_PROMPT | {"rate": rate, "base": point[PLACES["step_0"]]})


def kind_of(point: Any) -> Any:
    """Lanes of the same kind are computed together; -1 where a number is missing."""
    kinds = engine_point.kind_of(that_prefills(point)), engine_point.kind_of(that_decodes(point))
    valid = (kinds[0] >= 0) & (kinds[1] >= 0)
    return xp.where(valid, kinds[0] * 64 + kinds[1], -1.0)
