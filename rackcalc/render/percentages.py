"""Shares in percent, with the digits that each of them deserves."""

from math import isfinite

from rackcalc.quantities.unit_text import rounded


def percent(share: float) -> str:
    """A limit or a change: 0.05 as "5 %"."""
    return f"{rounded(share * 100, 4)} %"


def change_percent(share: float) -> str:
    """A change with its sign, as a factor from ten times on.

    >>> change_percent(0.05), change_percent(-0.5), change_percent(51.0)
    ('+5 %', '-50 %', 'x 52')
    """
    if share >= 9:
        return f"x {rounded(1 + share, 4)}"
    return f"{'+' if share > 0 else ''}{percent(share)}"


def distance_percent(share: float) -> str:
    """A distance from a limit, in times of it where it is many. The digits of a tiny distance are not shown.

    >>> distance_percent(0.155), distance_percent(51.2), distance_percent(1e-7)
    ('15.5 %', '51.2 times', 'less than 0.001 %')
    """
    if share >= 10:
        return f"{rounded(share, 3)} times"
    return f"{share * 100:.3g} %" if share >= 1e-5 else "less than 0.001 %"


def odds_percent(share: float) -> str:
    """A share of draws or of a variance; "-" for none. A share below zero is noise, and shown as zero."""
    if not isfinite(share):
        return "-"
    return f"{max(share, 0.0) * 100:.{1 if 0 < share < 0.1 or 0.9 < share < 1 else 0}f} %"


def error_percent(error: float, signed: bool = False) -> str:
    """A relative error; "-" for none."""
    return "-" if not isfinite(error) else f"{100 * error:{'+' if signed else ''}.1f} %"
