"""Names that figures and keys had once. Who types one is told the present name, and never gets another number."""

import warnings
from collections.abc import Container

EQUIPMENT = {
    "leak detection": "leak_detection",
    "air handlers": "air_handlers",
    "outdoors of air": "outdoors_air",
    "outdoors of liquid": "outdoors_liquid",
}
COOLING = ("cdu", "doors", "plates", "manifolds", "installation", "treatment", "water")

# Figures whose former name is still read, with a warning. A group's name stands for all that is in the group.
RENAMED: dict[str, str] = {
    "thermal.throttle": "thermal.clock_share",
    "value.value": "value.gain",
    "value.excess": "value.outside_range",
    **{f"cost.opex_terms.rent of {pool}": f"cost.opex_terms.rent_{pool}" for pool in ("gpu", "lpu", "rack")},
    **{f"plant.capex_terms.{then}": f"plant.capex_terms.{now}" for then, now in EQUIPMENT.items()},
    **{
        f"cost.{terms}.cooling, {then}": f"cost.{terms}.cooling_{now}"
        for terms in ("capex_terms", "per_hour_terms")
        for then, now in EQUIPMENT.items()
    },
    **{
        f"cost.{terms}.cooling, {name}": f"cost.{terms}.cooling_{name}"
        for terms in ("capex_terms", "opex_terms", "per_hour_terms")
        for name in COOLING
    },
    "cost.capex_terms.electrical supply": "cost.capex_terms.electrical_supply",
    "cost.per_hour_terms.electrical supply": "cost.per_hour_terms.electrical_supply",
}

# Figures whose former name another figure answers where there is none of that name: of one kind of rack it is the same
# quantity. Each with when that is, and with figures beside which it is not.
SAME_QUANTITY: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "throughput.capacity": ("throughput.at_concurrency", "where workload.concurrency is stated", ()),
    "roi.value_terms.tokens": (
        "roi.value_terms.output_tokens",
        "where only tokens of answers have a price",
        ("roi.value_terms.input_tokens", "roi.value_terms.cached_tokens"),
    ),
}

# Names that no single name has replaced, and what to write. They are refused where there is nothing of that name.
FORMER: dict[str, str] = {
    # figures
    "throughput.capacity": "with workload.concurrency the rate of those clients is throughput.at_concurrency",
    "roi.value_terms.tokens": "it was what all tokens earn; "
    "write roi.value_terms.output_tokens, input_tokens or cached_tokens, which are told apart now",
    # keys of a rack file
    "token_price": "write token_prices: {input: ..., output: ...}; token_price was the price of output tokens",
}


class FormerNameWarning(FutureWarning):
    """A figure was asked for by a name that it no longer has."""


def renamed(path: str) -> str:
    """The present name of a figure.

    >>> renamed("thermal.throttle.gpu"), renamed("latency.p99")
    ('thermal.clock_share.gpu', 'latency.p99')
    """
    for former, now in RENAMED.items():
        if path == former or path.startswith(f"{former}."):
            return now + path.removeprefix(former)
    return path


def present_name(path: str, stacklevel: int = 3) -> str:
    """The present name of a figure that somebody typed. FormerNameWarning when it is another than the one typed."""
    now = renamed(path)
    if now != path:
        warnings.warn(f"{path} is called {now} now", FormerNameWarning, stacklevel=stacklevel)
    return now


def name_in(known: Container[str], typed: str) -> str:
    """The name under which a figure that somebody typed is among those of a result; FormerNameWarning for another one.

    >>> name_in({"latency.p99"}, "latency.p99")
    'latency.p99'
    """
    path = present_name(typed, stacklevel=4)
    now, when, beside = SAME_QUANTITY.get(path, ("", "", ()))
    if path in known or now not in known or any(other in known for other in beside):
        return path
    warnings.warn(f"{path} is called {now} {when}", FormerNameWarning, stacklevel=3)
    return now


def called_now(typed: str) -> str:
    """'; write ...' for a former name; "" for all others.

    >>> called_now("throughput.capacity")
    '; with workload.concurrency the rate of those clients is throughput.at_concurrency'
    """
    return f"; {FORMER[typed]}" if typed in FORMER else ""
