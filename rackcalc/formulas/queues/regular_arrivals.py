"""Queues whose arrivals come more regularly than at random: behind a router that goes round, or that looks at loads.

Source: W. Kraemer, M. Langenbach-Belz, 8th International Teletraffic Congress (1976), as in W. Whitt, The Queueing
Network Analyzer, Bell System Technical Journal 62 (1983) 2779-2815, equations 45 and 49 to 53.
"""

from typing import Any

from rackcalc.quantities import elementwise as xp


def regular_wait(load: Any, service_scv: Any, gap_scv: Any) -> Any:
    """Mean wait in a queue with one server, over the mean service time, for gap_scv <= 1.

    >>> regular_wait(0.5, 0.0, 1.0), regular_wait(0.5, 0.0, 0.0)  # M/D/1 and D/D/1
    (0.5, 0.0)
    """
    both = xp.maximum(gap_scv + service_scv, 1e-12)
    later = xp.exp(-2 * (1 - load) * (1 - gap_scv) ** 2 / (3 * load * both))
    return load * both / 2 / (1 - load) * later


def regular_chance(load: Any, service_scv: Any, gap_scv: Any) -> Any:
    """Chance to wait at all in a queue with one server, for gap_scv <= 1.

    >>> regular_chance(0.5, 0.0, 1.0), regular_chance(0.5, 0.0, 0.0)
    (0.5, 0.0)
    """
    over = 1 + gap_scv + load * service_scv
    under = 1 + load * (service_scv - 1) + load**2 * (4 * gap_scv + service_scv)
    return xp.maximum(load + (gap_scv - 1) * load * (1 - load) * over / under, 0.0)
