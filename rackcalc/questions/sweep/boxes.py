"""Numbered boxes that cover a grid. The grid itself is never built: a box is computed from its number."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

Box = tuple[tuple[int, int], ...]  # of every dimension, the first place and the one after the last


class Plan(NamedTuple):
    """shape: values of every dimension. order: dimensions, the slowest first. spans: of a box, in that order."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    spans: tuple[int, ...]

    @property
    def points(self) -> int:
        """Points of the grid."""
        return prod(self.shape)

    @property
    def counts(self) -> tuple[int, ...]:
        """Boxes along every dimension, in order."""
        return tuple(-(-self.shape[dimension] // span) for dimension, span in zip(self.order, self.spans, strict=True))

    @property
    def boxes(self) -> int:
        """Boxes of the grid."""
        return prod(self.counts)

    @property
    def strides(self) -> tuple[int, ...]:
        """By how much the number of a point rises with its place on every dimension; the last dimension by one."""
        return tuple(prod(self.shape[number + 1 :]) for number in range(len(self.shape)))

    def box(self, number: int) -> Box:
        """The box of that number."""
        ends: list[tuple[int, int]] = [(0, 0)] * len(self.shape)
        for dimension, span, count in reversed(list(zip(self.order, self.spans, self.counts, strict=True))):
            number, place = divmod(number, count)
            ends[dimension] = place * span, min((place + 1) * span, self.shape[dimension])
        return tuple(ends)

    def places(self, point: int) -> tuple[int, ...]:
        """The place of a point on every dimension."""
        found = []
        for stride in self.strides:
            place, point = divmod(point, stride)
            found.append(place)
        return tuple(found)


def plan(shape: Sequence[int], order: Sequence[int], size: int) -> Plan:
    """Boxes of at most so many points: whole along the fastest dimensions, a part of one, single along the others."""
    spans = []
    for dimension in reversed(order):
        span = max(1, min(shape[dimension], size))
        size = size // span if span == shape[dimension] else 1
        spans.append(span)
    return Plan(tuple(shape), tuple(order), tuple(reversed(spans)))
