"""Scales of charts: round numbers on an axis, and places within a picture."""

from math import ceil, floor, log10

from rackcalc.quantities.record import record


@record
class Scale:
    """From numbers to places in a picture. start, end: numbers; low, high: their places. log: by powers of ten."""

    start: float
    end: float
    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        start, end = (log10(self.start), log10(self.end)) if self.log else (self.start, self.end)
        place = log10(value) if self.log else value
        return self.low + (place - start) / (end - start) * (self.high - self.low)


def round_numbers(start: float, end: float, most: int = 5) -> list[float]:
    """Up to about `most` round numbers from start to end.

    >>> round_numbers(0.0, 9.3)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    if not end > start:
        return [start]
    raw = (end - start) / most
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return [round(place * step, 12) for place in range(ceil(start / step - 1e-9), floor(end / step + 1e-9) + 1)]


def powers(start: float, end: float) -> list[float]:
    """The powers of ten from start to end.

    >>> powers(0.5, 200.0)
    [1.0, 10.0, 100.0]
    """
    return [10.0**power for power in range(ceil(log10(start) - 1e-9), floor(log10(end) + 1e-9) + 1)]
