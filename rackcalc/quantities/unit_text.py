"""Numbers with a unit as text: "900 GB/s" read into the canonical unit, and a canonical value shown to people."""

import math
import re
from functools import lru_cache
from typing import Any

from rackcalc.quantities.units import DIMENSIONS, UnitError, in_field, resolve


def expected(unit: str, example: str = "") -> str:
    """The words for 'expected ...' in an error message."""
    noun, standard = DIMENSIONS.get(unit, (f"a value in {unit}", f"1 {unit}"))
    return f'{noun} such as "{example or standard}"'


_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?")


@lru_cache(maxsize=4096)  # the same parts and scenarios are read again and again
def parse(text: str, unit: str, *, example: str = "", absolute: bool = True) -> float:
    """Read text such as "900 GB/s" as a float in the canonical unit.

    absolute: for temperatures, whether degC is a point on the scale (27 degC = 300.15 K) or a difference.
    UnitError, which says how to fix it, when the number, the unit or the dimension does not fit.
    """
    text = text.strip()
    wanted = expected(unit, example)
    if "$" in text or "€" in text:
        raise UnitError(f'expected {wanted}, got "{text}": write USD, not a currency sign')
    match = _NUMBER.match(text)
    if match is None:
        raise UnitError(f'expected {wanted}, got "{text}"')
    number, rest = match.group().replace("_", ""), text[match.end() :].strip()
    if "0" in number[:2] and re.match(r"[+-]?0\d", number):
        raise UnitError(f'expected {wanted}, got "{text}": write it without the leading zero (YAML 1.1 reads octal)')
    if rest.startswith(":") and re.match(r":\d", rest):
        raise UnitError(f'expected {wanted}, got "{text}": YAML 1.1 reads this as a base-60 number')
    if rest.startswith(","):
        raise UnitError(f'expected {wanted}, got "{text}": write the number without commas')
    if not rest and unit != "1":
        fix = f'add a unit, as in "{text} {_example_unit(unit, example)}"'
        raise UnitError(f"expected {wanted}, got the bare number {text}: {fix}")
    try:
        canonical, factor, offset = resolve(in_field(rest, unit))
    except UnitError as error:
        raise UnitError(f'expected {wanted}, got "{text}": {error}{_instead(rest, unit, example)}') from None
    if canonical != unit:
        got = DIMENSIONS.get(canonical, (canonical, ""))[0]
        raise UnitError(f'expected {wanted}, got "{text}", which is {got}{_instead(rest, unit, example)}')
    value = float(number) * factor
    if offset and absolute:
        value = round(value + offset, 9)  # 27 degC and 80.6 degF are one temperature, to the last digit
    if not math.isfinite(value):
        raise UnitError(f'expected {wanted}, got "{text}", which is too large')
    return value


def _instead(typed: str, unit: str, example: str) -> str:
    """What to write instead of a unit that was not read."""
    from rackcalc.quantities.unit_hints import hint  # only a mistake needs it

    return hint(typed, unit, example or DIMENSIONS.get(unit, ("", f"1 {unit}"))[1])


def _example_unit(unit: str, example: str) -> str:
    """The unit of the example that an error message shows."""
    sample = example or DIMENSIONS.get(unit, ("", f"1 {unit}"))[1]
    match = _NUMBER.match(sample)
    return sample[match.end() :].strip() if match else unit


def convert(value: Any, unit: str, to: str, *, absolute: bool = True) -> Any:
    """Convert a canonical value to the unit `to`; absolute as in parse. UnitError when the dimensions differ."""
    try:
        canonical, factor, offset = resolve(in_field(to.strip(), unit))
    except UnitError as error:
        raise UnitError(f"{error}{_instead(to.strip(), unit, '')}") from None
    if canonical != unit:
        noun = DIMENSIONS.get(unit, (unit, ""))[0]
        raise UnitError(f'cannot show {noun} ({unit}) in "{to}"{_instead(to.strip(), unit, "")}')
    return (value - (offset if absolute else 0.0)) / factor


# canonical unit -> spellings from small to large; the largest that leaves a number >= 1 is shown
_SCALES: dict[str, tuple[str, ...]] = {
    "s": ("ns", "us", "ms", "s", "min", "h", "day", "year"),
    "B": ("B", "kB", "MB", "GB", "TB", "PB"),
    "B/s": ("B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"),
    "B/token": ("B/token", "kB/token", "MB/token"),
    "FLOP": ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"),
    "FLOP/s": ("FLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s"),
    "FLOP/J": ("GFLOP/J", "TFLOP/J"),
    "FLOP/token": ("FLOP/token", "MFLOP/token", "GFLOP/token", "TFLOP/token"),
    "s/token": ("ns/token", "us/token", "ms/token", "s/token"),
    "s/request": ("ns/request", "us/request", "ms/request", "s/request"),
    "W": ("mW", "W", "kW", "MW", "GW"),
    "J": ("mJ", "J", "kJ", "MJ"),
    "J/B": ("pJ/B",),
    "1/s": ("percent/year", "Hz", "kHz", "MHz", "GHz"),
    "1/s^2": ("percent/ms/year",),
    "J/token": ("mJ/token", "J/token", "kJ/token"),
    "J/request": ("mJ/request", "J/request", "kJ/request"),
    "USD/J": ("USD/kWh",),
    "USD/s": ("USD/year",),
    "USD/GPU/s": ("USD/GPU/hour",),
    "USD/token": ("USD/Mtoken",),
    "USD/request": ("USD/Mrequest",),
    "USD/W": ("USD/kW",),
    "m^3/s": ("m^3/s",),
    "VA": ("VA", "kVA", "MVA"),
    "kg/s": ("kg/year",),
    "kg/J": ("g/kWh",),
    "kg/request": ("mg/request", "g/request", "kg/request"),
    "kg/token": ("ug/token", "mg/token", "g/token"),
}


NOTHING = 1e-15  # smaller values, in canonical units, are told apart from zero but not from one another


def show(value: float, unit: str, *, absolute: bool = False, digits: int = 4) -> str:
    """Write a canonical value as people do: 0.0018, "s" -> "1.8 ms".

    absolute: a point on a scale, of temperature in degC, of dates as a plain year.
    """
    if not math.isfinite(value):
        return rounded(value, digits)
    if unit == "K" and absolute:
        return f"{rounded(value - 273.15, digits)} degC"
    if unit == "1" and absolute:
        return f"{value:.{max(digits, 6)}g}"
    if 0 < abs(value) < NOTHING:
        return f"none (below {NOTHING:.0e}{'' if unit == '1' else f' {unit}'})"
    scales = _SCALES.get(unit, (unit,))
    chosen = scales[0]
    for spelling in scales[1:]:
        if abs(value) >= resolve(spelling)[1] * (1 - 1e-9):
            chosen = spelling
    if value == 0 and unit in _SCALES:
        return f"0 {'USD/year' if unit == 'USD/s' else unit}"
    number = rounded(convert(value, unit, chosen), digits)
    return number if chosen == "1" else f"{number} {chosen.replace('percent', '%')}"


def rounded(value: float, digits: int) -> str:
    """Write a number with that many significant digits, thousands separated, without a needless exponent.

    >>> rounded(1234.567, 3), rounded(float("inf"), 3), rounded(float("nan"), 3)
    ('1,230', 'unbounded', 'none')
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "none" if math.isnan(value) else "unbounded" if value > 0 else "unbounded below"
    if not 1e-4 <= abs(value) < 1e12:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):,.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
