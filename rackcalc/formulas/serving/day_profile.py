"""Rates of requests over a day, from 24 numbers in proportion to which requests arrive in its hours."""

from functools import reduce
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Ratio, RequestsPerSecond

HOURS = 24
MEAN = "definition: the mean over all hours of the day is the arrival rate"
NIGHT_AND_DAY = {f"hour_{hour}": 1.0 if hour < 12 else 3.0 for hour in range(HOURS)}  # of the examples


def _most(hours: dict[str, Any]) -> Any:
    return reduce(xp.maximum, hours.values())


@formula(cite=MEAN)
def busiest_rate(rate: RequestsPerSecond, **hours: Ratio) -> RequestsPerSecond:
    """Rate in the busiest hour. rate: mean over the day.

    >>> busiest_rate(rate=2.0, **NIGHT_AND_DAY)
    3.0
    """
    return rate * (len(hours) * _most(hours) / sum(hours.values()))


@formula(cite=MEAN)
def mean_rate(busiest: RequestsPerSecond, **hours: Ratio) -> RequestsPerSecond:
    """Mean rate over the day, from that in the busiest hour.

    >>> mean_rate(busiest=3.0, **NIGHT_AND_DAY)
    2.0
    """
    return busiest * (sum(hours.values()) / (len(hours) * _most(hours)))


@formula(cite="definition")
def over_busiest(hour: Ratio, **hours: Ratio) -> Ratio:
    """Rate in an hour over that in the busiest hour.

    >>> round(over_busiest(hour=1.0, **NIGHT_AND_DAY), 3)
    0.333
    """
    return hour / _most(hours)


@formula(cite="definition: the first of those that are equally busy; 0 is the hour from midnight")
def busiest_hour(**hours: Ratio) -> Count:
    """The hour of the day with the most requests, 0 to 23.

    >>> busiest_hour(**NIGHT_AND_DAY)
    12.0
    """
    most, found = _most(hours), 0.0
    for number, value in reversed(list(enumerate(hours.values()))):
        found = xp.where(value >= most, float(number), found)
    return found
