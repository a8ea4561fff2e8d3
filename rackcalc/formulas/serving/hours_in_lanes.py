"""The hours of a day as lanes of one calculation, since they are the same engine at different rates."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def in_hours(point: Sequence[Any], ratios: Sequence[Any]) -> list[Any]:
    """A point, whose first value is a rate, in lanes: one hour after the other, each with the lanes of the point."""
    if not any(hasattr(value, "shape") for value in (*point, *ratios)):
        return [point[0] * np.array(ratios), *point[1:]]
    lanes = max(int(np.size(value)) for value in point)
    rates = np.concatenate([np.broadcast_to(point[0] * ratio, lanes) for ratio in ratios])
    return [rates, *(np.tile(value, len(ratios)) if hasattr(value, "shape") else value for value in point[1:])]


def one_value(find: Callable[[], Any]) -> float:
    """What is found of one engine."""
    with np.errstate(all="ignore"):
        return float(np.ravel(find())[0])
