"""The change of a number, without the noise of its last digits."""

from math import isfinite

NOISE = 1e-12  # of the larger number: rounding errors are smaller, and no change that means anything is


def change(now: float, before: float) -> float:
    """How much a number went up; 0 where the difference is no more than rounding leaves."""
    difference = now - before
    noise = isfinite(difference) and abs(difference) < NOISE * max(abs(now), abs(before))
    return 0.0 if noise else difference
