"""Fitted values written into the YAML files of the catalog."""

import re
from collections.abc import Mapping
from functools import partial

from rackcalc.quantities.units import resolve

LEAST = 0.05  # of a value: a parameter is not known better than this


TOGETHER = 0.5  # of the spread over fits: they trade one parameter for another, and a range stands for it alone


def written(
    text: str, best: Mapping[str, float], program: str, ranges: Mapping[str, tuple[float, float]] | None = None
) -> str:
    """The catalog file of a program with the fitted values in it, in the units it uses.

    ranges: what other fits gave; without them the ranges stay, and are widened where needed.
    """
    for name, value in best.items():
        owner, _, field = name.rpartition(":")
        if owner in ("", program) and not (field == "lockstep" and program == "sglang"):
            section, _, key = field.rpartition(".")
            within = rf"(?:^  {section}:\n(?:    .*\n)*?)" if section else "^"  # a table is indented below its name
            line = (
                rf"(?m)({within}\s*{re.escape(key)}: {{value: )([\d.e+-]+)( ?[^,]*), low: ([\d.e+-]+)[^,]*, "
                r"high: ([\d.e+-]+)[^,}]*"
            )
            text = re.sub(line, partial(_numbers, value=value, ends=(ranges or {}).get(name)), text)
    return text


def _numbers(found: "re.Match[str]", value: float, ends: tuple[float, float] | None) -> str:
    head, _, unit, low, high = found.groups()
    scale = resolve(unit)[1]
    shown = value / scale
    known = (float(low), float(high))
    if ends is not None:
        known = (shown + TOGETHER * (ends[0] / scale - shown), shown + TOGETHER * (ends[1] / scale - shown))
    least, most = min(known[0], (1 - LEAST) * shown), max(known[1], (1 + LEAST) * shown)
    if unit == "":
        most = min(most, max(1.0, shown)) if shown <= 1 and float(high) <= 1 else most
    return f"{head}{shown:.3g}{unit}, low: {least:.3g}{unit}, high: {most:.3g}{unit}"
