"""Which values of a figure are better: lower or higher. Unlisted figures, such as sizes, have no better side."""

from functools import cache

from rackcalc.estimation.figure_meanings import meaning_of


@cache
def better_side(path: str) -> str:
    """The better side of a figure: "lower", "higher", or "" where neither is better.

    >>> better_side("latency.p99"), better_side("roi.payback"), better_side("link.gpu-lpu.transfer.bandwidth")
    ('lower', 'lower', 'higher')
    >>> better_side("thermal.inlet")
    ''
    """
    known = meaning_of(path)
    return "" if known is None else known.better
