"""A climate in a rack file that names a weather file, EPW or TMY3: its hours, put together where they are alike."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rackcalc.config.document import Node, node_of_data
from rackcalc.config.text_files import read_text
from rackcalc.formulas.heat.wet_bulb import wet_bulb
from rackcalc.quantities.problems import InputError

ZERO = 273.15
WIDTH = 2.5  # K: hours whose dry and wet bulb lie in one square of this width are taken together
HOURS = (8760, 8784)  # of a year


class Hour(NamedTuple):
    """Outdoor air in one hour, in K."""

    dry_bulb: float
    wet_bulb: float


class _WeatherError(ValueError):
    """What is wrong with a weather file. line: 0 where no single one is meant."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def climate_node(node: Node, path: str) -> Node:
    """The node tree of a climate {weather: FILE, ...}; the other keys of the mapping override those of the file.

    FILE is relative to the rack file. InputError, at the line that names FILE, when it cannot be used.
    """
    assert isinstance(node.value, dict)
    reference = node.value["weather"]
    overrides = {key: child for key, child in node.value.items() if key != "weather"}
    if not isinstance(reference.value, str):
        raise InputError([reference.problem(path, f"expected the path of an EPW or TMY3 file, got {reference.kind}")])
    base = Path(reference.file).parent if not reference.file.startswith(("<", "-")) else Path()
    target = str(base / reference.value)
    if target == "-":
        target = "./-"  # a file of that name: standard input is for the rack
    try:
        place, hours = read_weather(read_text(target, "a weather file"))
    except InputError as error:
        raise InputError([reference.problem(f"{path}.weather", str(error))]) from None
    except _WeatherError as error:
        where = f"{target}:{error.line}" if error.line else target
        raise InputError([reference.problem(f"{path}.weather", f"{where}: {error}")]) from None
    described = node_of_data(_climate(place, hours), Node(None, target, 1, 1))
    assert isinstance(described.value, dict)
    return reference._replace(value=described.value | overrides)


def read_weather(text: str) -> tuple[str, list[Hour]]:
    """The place and the hours of an EPW file or of a TMY3 file in CSV. ValueError that says what is wrong."""
    lines = text.splitlines()
    place, rows = _epw(lines) if lines and lines[0].startswith("LOCATION,") else _tmy3(lines)
    hours = [_hour(line, values) for line, values in rows]
    if len(hours) not in HOURS:
        raise _WeatherError(f"expected the 8760 hours of a year, got {len(hours)}")
    return place, hours


def _epw(lines: Sequence[str]) -> tuple[str, Iterator[tuple[int, Sequence[str]]]]:
    """Place, and of each hour its line, dry bulb [degC], relative humidity [%] and pressure [Pa]."""
    head = next(csv.reader(lines[:1]))
    rows = ((at, row) for at, row in enumerate(csv.reader(lines), 1) if at > 8 and row)
    return ", ".join(part for part in head[1:4] if part), ((at, [*row[6:7], *row[8:10]]) for at, row in rows)


def _tmy3(lines: Sequence[str]) -> tuple[str, Iterator[tuple[int, Sequence[str]]]]:
    """As _epw. The pressure of the file is in mbar."""
    names = next(csv.reader(lines[1:2]), [])
    try:
        columns = [names.index(name) for name in ("Dry-bulb (C)", "RHum (%)", "Pressure (mbar)")]
    except ValueError:
        message = 'neither an EPW file, which begins with "LOCATION,", nor a TMY3 file, whose second line names '
        raise _WeatherError(message + '"Dry-bulb (C)", "RHum (%)" and "Pressure (mbar)"') from None
    head = next(csv.reader(lines[:1]))
    rows = ((at, row) for at, row in enumerate(csv.reader(lines), 1) if at > 2 and row)

    def values(row: Sequence[str]) -> list[str]:
        dry, humidity, pressure = (row[column] if column < len(row) else "" for column in columns)
        return [dry, humidity, f"{pressure}e2"]

    return ", ".join(part.strip() for part in head[1:3] if part.strip()), ((at, values(row)) for at, row in rows)


def _hour(line: int, values: Sequence[str]) -> Hour:
    try:
        celsius, percent, pressure = map(float, values)
    except ValueError:
        message = f"expected dry bulb, relative humidity and pressure, got {', '.join(values) or 'nothing'}"
        raise _WeatherError(message, line) from None
    if not (-90 <= celsius < 70 and 0 <= percent <= 110 and 30e3 < pressure < 120e3):
        message = f"{celsius:g} degC, {percent:g} % and {pressure:g} Pa are no weather; is a value missing?"
        raise _WeatherError(message, line)
    dry = celsius + ZERO
    return Hour(dry, wet_bulb(dry_bulb=dry, relative_humidity=min(percent / 100, 1.0), pressure=pressure))


def _climate(place: str, hours: Sequence[Hour]) -> Mapping[str, object]:
    """The fields of a climate: hours of much the same temperatures together, each with the mean of its hours."""
    alike: dict[tuple[int, int], list[Hour]] = {}
    for hour in hours:
        square = (math.floor((hour.dry_bulb - ZERO) / WIDTH), math.floor((hour.wet_bulb - ZERO) / WIDTH))
        alike.setdefault(square, []).append(hour)
    periods = {}
    for square, members in sorted(alike.items()):
        count = len(members)
        dry, wet = (sum(part) / count for part in zip(*members, strict=True))
        periods[f"dry {square[0] * WIDTH:g} wet {square[1] * WIDTH:g}"] = {
            "dry_bulb": _from_file(f"{dry!r} K"),
            "wet_bulb": _from_file(f"{wet!r} K"),
            "duration": _from_file(f"{count * 8760 / len(hours)!r} hour"),
        }
    return {
        "name": f"{place or 'weather'}, hours of a file",
        "periods": periods,
        "hottest_dry_bulb": _from_file(f"{max(hour.dry_bulb for hour in hours)!r} K"),
        "hottest_wet_bulb": _from_file(f"{max(hour.wet_bulb for hour in hours)!r} K"),
    }


def _from_file(value: str) -> Mapping[str, str]:
    return {"value": value, "kind": "given", "note": "of the weather file"}
