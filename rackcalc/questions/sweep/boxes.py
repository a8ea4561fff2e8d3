"""Numbered boxes that cover a grid. The grid itself is never built: a box follows from its number."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

Box = tuple[tuple[int, int], ...]  # by dimension: the first index, and the one after the last


class BoxPlan(NamedTuple):
    """shape: number of values by dimension. order: dimensions, slowest first. spans: size of a box, in that order."""

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
        """By dimension: how much the number of a point grows with its index; by one on the last dimension."""
        return tuple(prod(self.shape[number + 1 :]) for number in range(len(self.shape)))

    def box(self, number: int) -> Box:
        """The box of that number."""
        ends: list[tuple[int, int]] = [(0, 0)] * len(self.shape)
        for dimension, span, count in reversed(list(zip(self.order, self.spans, self.counts, strict=True))):
            number, index = divmod(number, count)
            ends[dimension] = index * span, min((index + 1) * span, self.shape[dimension])
        return tuple(ends)

    def indices(self, point: int) -> tuple[int, ...]:
        """The index of a point on every dimension."""
        found = []
        for stride in self.strides:
            index, point = divmod(point, stride)
            found.append(index)
        return tuple(found)


def plan_boxes(shape: Sequence[int], order: Sequence[int], size: int) -> BoxPlan:
    """Boxes of at most `size` points: whole along the fastest dimensions, part of the next, one value of the others."""
    spans = []
    for dimension in reversed(order):
        span = max(1, min(shape[dimension], size))
        size = size // span if span == shape[dimension] else 1
        spans.append(span)
    return BoxPlan(tuple(shape), tuple(order), tuple(reversed(spans)))
