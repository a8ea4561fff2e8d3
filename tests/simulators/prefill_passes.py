"""An engine that prefills, event by event: a pass takes the prompts that wait, as many as fit."""

import random
from collections.abc import Callable


def times_to_end_of_pass(
    rate: float, time_of: Callable[[int], float], most: int, requests: int = 60_000, seed: int = 1
) -> list[float]:
    """Times from arrival to the end of the pass, sorted. Poisson arrivals; time_of: a pass with so many prompts."""
    draw = random.Random(seed)
    arrivals, clock = [], 0.0
    for _ in range(requests):
        clock += draw.expovariate(rate)
        arrivals.append(clock)
    first, clock, times = 0, 0.0, []
    while first < requests:
        clock = max(clock, arrivals[first])
        last = first
        while last < requests and last - first < most and arrivals[last] <= clock:
            last += 1
        clock += time_of(last - first)
        times += [clock - arrival for arrival in arrivals[first:last]]
        first = last
    return sorted(times[requests // 10 :])
