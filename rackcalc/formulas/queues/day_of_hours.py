"""An engine over a day whose hours differ in their rate of requests: one answer for all requests of the day.

A request is one of an hour with the share of the day's requests that comes in it, so the times of all are the mixture
over the hours. Numbers present are means over time, of the same hours. Each hour is taken as steady: requests stay for
seconds, rates change over hours (W. Whitt, Management Science 37 (1991) 307: the pointwise stationary approximation).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from rackcalc.formulas.queues.engine_latencies import TIMES, UnderLoad, saturated
from rackcalc.formulas.queues.mixture_parts import Parts
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record


@record
class Day:
    """hours: the engine in lanes, one hour after the other, each with the lanes of all engines. all: all requests.

    times: share of the day that each hour stands for; where they sum to less than one, nothing comes in the rest.
    """

    hours: UnderLoad
    times: Sequence[float]
    all: UnderLoad

    def mean(self, value: Any) -> Any:
        """Mean over time of a value of the hours that vanishes where nothing comes."""
        return _mean(self.times, by_hour(value, len(self.times)))


def by_hour(value: Any, hours: int) -> list[Any]:
    """The value in each hour, from lanes: a float of one engine, an array of several.

    A number, or an array of one, is the same in all hours and for all engines.
    """
    if not hasattr(value, "shape"):
        return [value] * hours
    if value.size == 1:
        return [value.item()] * hours
    return [row.item() if len(row) == 1 else row for row in value.reshape(hours, -1)]


def _mean(weights: Sequence[Any], values: Sequence[Any]) -> Any:
    return sum([weight * value for weight, value in zip(weights, values, strict=True)])


def day_of(hours: UnderLoad, times: Sequence[float]) -> Day:
    """The day of an engine in lanes, one hour after the other."""
    count = len(times)
    if hours.over is True:
        return Day(hours, times, hours)
    over: Any = False
    for one in by_hour(hours.over, count):
        over = over | one
    rates = by_hour(hours.rate, count)
    rate, capacity = _mean(times, rates), by_hour(hours.capacity, count)[0]
    if over is True:
        return Day(hours, times, saturated(rate, capacity))
    requests = [time * one / rate for time, one in zip(times, rates, strict=True)]

    def parts(time: str) -> Parts:
        from rackcalc.formulas.queues.mixture_lanes import of_rows, stacked

        return of_rows(stacked(hours.mixture(time)), requests)

    def mean(weights: Sequence[Any], value: Any) -> Any:
        return xp.where(over, xp.inf, _mean(weights, by_hour(value, count)))

    everything = UnderLoad(
        parts={time: partial(parts, time) for time in TIMES},
        rate=rate,
        decoding=mean(times, hours.decoding),
        filling=mean(times, hours.filling),
        waiting=mean(times, hours.waiting),
        waits=mean(requests, hours.waits),
        wait=mean(requests, hours.wait),
        prompt_share=mean(times, hours.prompt_share),
        capacity=capacity,
        numbers=[],
        shares=[],
        over=over,
        longest=by_hour(hours.longest, count)[0],
        merges=False,  # parts of different hours have the same means, and other variances
    )
    return Day(hours, times, everything)
