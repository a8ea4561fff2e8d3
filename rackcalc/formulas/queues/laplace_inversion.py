"""Numerical inversion of Laplace transforms, and quantiles of the tails found with it."""

import cmath
import math
from collections.abc import Callable

_DAMPING = 18.4  # A of Abate and Whitt: the discretisation error is about exp(-A)
_TERMS, _AVERAGED = 15, 11  # n and m of Abate and Whitt
_WEIGHTS = [math.comb(_AVERAGED, k) / 2**_AVERAGED for k in range(_AVERAGED + 1)]
Transform = Callable[[complex], complex]


def invert(transform: Transform, t: float) -> float:
    """f(t) from its Laplace transform by the Euler algorithm of Abate and Whitt. Error about 1e-8 where f is smooth."""
    partial = transform(complex(_DAMPING / (2 * t), 0)).real / 2
    value = 0.0
    for k in range(1, _TERMS + _AVERAGED + 1):
        term = transform(complex(_DAMPING, 2 * k * math.pi) / (2 * t)).real
        partial += -term if k % 2 else term
        if k >= _TERMS:
            value += _WEIGHTS[k - _TERMS] * partial
    return min(max(math.exp(_DAMPING / 2) / t * value, 0.0), 1.0)


def gamma_transform(mean: float, scv: float) -> Transform:
    """Laplace transform of a gamma law, which is fixed at scv 0 and exponential at scv 1."""
    if mean * scv < 1e-300:
        return lambda s: cmath.exp(-s * mean)
    return lambda s: (1 + s * mean * scv) ** (-1 / scv)


def solve_tail(tail: Callable[[float], float], level: float, scale: float) -> float:
    """Solution t of tail(t) = level for a falling tail. scale: a first guess of t."""
    low, high = 0.0, scale
    while tail(high) > level:
        low, high = high, 2 * high
        if high > 1e12 * scale:
            return math.inf
    upper, lower = math.log(max(tail(low), 1e-300) / level), math.log(max(tail(high), 1e-300) / level)
    side = 0
    for _ in range(100):  # regula falsi on the logarithm, in the Illinois variant
        t = low + (high - low) * upper / (upper - lower) if upper > lower else low
        value = math.log(max(tail(t), 1e-300) / level)
        if abs(value) < 1e-11 or high - low < 1e-12 * high:
            return t
        if value > 0:
            low, upper, lower, side = t, value, lower / 2 if side > 0 else lower, 1
        else:
            high, lower, upper, side = t, value, upper / 2 if side < 0 else upper, -1
    return t
