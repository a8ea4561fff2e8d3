"""Queues whose arrivals come more regularly than at random: behind a router that goes round, or that looks at loads.

Source: W. Kraemer, M. Langenbach-Belz, 8th International Teletraffic Congress (1976), as in W. Whitt, The Queueing
Network Analyzer, Bell System Technical Journal 62 (1983) 2779-2815, equations 45 and 49 to 53.
"""

import math


def regular_wait(load: float, service_scv: float, gap_scv: float) -> float:
    """Mean wait in a queue with one server, over the mean service time, for gap_scv <= 1.

    >>> regular_wait(0.5, 0.0, 1.0), regular_wait(0.5, 0.0, 0.0)  # M/D/1 and D/D/1
    (0.5, 0.0)
    """
    both = gap_scv + service_scv
    if both <= 0:
        return 0.0
    later = math.exp(-2 * (1 - load) * (1 - gap_scv) ** 2 / (3 * load * both))
    return load * both / 2 / (1 - load) * later


def regular_chance(load: float, service_scv: float, gap_scv: float) -> float:
    """Chance to wait at all in a queue with one server, for gap_scv <= 1.

    >>> regular_chance(0.5, 0.0, 1.0), regular_chance(0.5, 0.0, 0.0)
    (0.5, 0.0)
    """
    over = 1 + gap_scv + load * service_scv
    under = 1 + load * (service_scv - 1) + load**2 * (4 * gap_scv + service_scv)
    return max(load + (gap_scv - 1) * load * (1 - load) * over / under, 0.0)
