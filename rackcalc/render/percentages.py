"""Shares in percent, with the digits that each of them deserves."""

from math import isfinite


def percent(share: float) -> str:
    """A limit or a change: 0.05 as "5 %"."""
    return f"{share * 100:.4g} %"


def distance_percent(share: float) -> str:
    """A distance from a limit. The digits of a tiny distance are not shown."""
    return f"{share * 100:.3g} %" if share >= 1e-5 else "less than 0.001 %"


def odds_percent(share: float) -> str:
    """A share of draws or of a variance; "-" for none. A share below zero is noise, and shown as zero."""
    if not isfinite(share):
        return "-"
    return f"{max(share, 0.0) * 100:.{1 if 0 < share < 0.1 or 0.9 < share < 1 else 0}f} %"


def error_percent(error: float, signed: bool = False) -> str:
    """A relative error; "-" for none."""
    return "-" if not isfinite(error) else f"{100 * error:{'+' if signed else ''}.1f} %"
