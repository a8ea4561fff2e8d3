"""The parser of --vary PATH=RANGE: "workload.batch=1,2,4..64", "links.gpu-lpu.part=nvlink5,pcie5". Gives axes.

RANGE is a list, separated by commas, of values and of
    400..1800 GB/s:50     from, to, and the step
    1..8                  every whole number from 1 to 8
    1,2,4..64             continues as the values before it: by doubling here, by a step of 2 in 2,4..64
or one of
    lin(0.1, 0.9, 9)      9 values, evenly spaced
    geom(1 MB, 1 GB, 31)  31 values, each the same multiple of the one before
A value without a unit has the unit of the next value that has one. Parts, formats and scenarios are lists of words.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from rackcalc.config.builder import Builder, broken_bound
from rackcalc.config.document import Node, parse
from rackcalc.config.overrides import declared_at, whole_path
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.problems import InputError, Problem, shortened, suggest
from rackcalc.spec.fields import Flag, Number, Part, Text

OPTION = "--vary"
MOST_VALUES = 1_000_000  # of one axis
_SPACED = re.compile(r"(lin|geom)\s*\(([^()]*)\)")
_BARE = re.compile(r"[+-]?[\d._]+(?:[eE][+-]?\d+)?")


class Axis(NamedTuple):
    """A path of the rack file and the values that it takes. unit: None for words (a part, a format, a scenario)."""

    path: str
    values: tuple[Any, ...]
    unit: str | None = None
    absolute: bool = False

    @property
    def scenario(self) -> bool:
        """Whether the words are names of scenarios."""
        return self.path == "scenario"

    def text(self, index: int) -> str:
        """One value as it can be written after --set PATH=."""
        value = self.values[index]
        return value if self.unit is None else f"{value!r} {'' if self.unit == '1' else self.unit}".strip()

    def shown(self, index: int) -> str:
        """One value as people write it."""
        value = self.values[index]
        return value if self.unit is None else unit_text.show(value, self.unit, absolute=self.absolute, digits=6)


class RangeError(ValueError):
    """A text that is not a range. str() says what was expected."""


def parse_axes(texts: Iterable[str], scenarios: Sequence[str], problems: list[Problem]) -> list[Axis]:
    """The axes of all texts PATH=RANGE. Mistakes are added to the problems. scenarios: those of the rack file."""
    axes: list[Axis] = []
    for text in texts:
        path, equals, written = (part.strip() for part in text.partition("="))
        if not equals or not path or not written:
            message = f'expected PATH=RANGE such as "workload.batch=1,2,4..64", got "{shortened(text)}"'
            problems.append(Problem(OPTION, 0, 0, "", message))
            continue
        if any(axis.path == path for axis in axes):
            problems.append(Problem(OPTION, 0, 0, path, "is varied twice; put all its values into one range"))
            continue
        builder = Builder()
        found = _axis(path, written, scenarios, builder)
        problems += [Problem(OPTION, 0, 0, path, problem.message) for problem in builder.problems]
        if found is not None and not builder.problems:
            axes.append(found)
    return axes


def _axis(path: str, written: str, scenarios: Sequence[str], builder: Builder) -> Axis | None:
    node = Node(written, OPTION)
    if path == "scenario":
        words = tuple(word.strip() for word in written.split(","))
        for word in words:
            if word not in scenarios:
                near = suggest(word, scenarios)
                builder.fail(node, path, f'no scenario "{shortened(word)}"{near}')
        return Axis(path, words)
    declared = declared_at(path)
    if isinstance(declared, str):
        builder.fail(node, path, declared)
        return None
    if isinstance(declared, Text | Flag | Part):
        words = tuple(_split(written))
        for word in words:
            try:
                read = parse(word, OPTION) if word[:1] in ("[", "{") else node._replace(value=word)
            except InputError as error:
                builder.problems += error.problems
            else:
                builder.value(declared, read, path)
        return Axis(path, words)
    if not isinstance(declared, Number):
        builder.fail(node, path, "is a group; vary one of its values")
        return None
    try:
        values = tuple(_values(written, declared, builder, path))
    except RangeError as error:
        builder.fail(node, path, str(error))
        return None
    _check_values(values, declared, builder, node, path)
    return Axis(whole_path(path), values, declared.unit, declared.absolute)


def _split(written: str) -> list[str]:
    """The words of a list; a comma inside {from: h100-sxm, tdp: 500 W} separates none."""
    words, depth = [""], 0
    for letter in written:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            words.append("")
        else:
            words[-1] += letter
    return [word.strip() for word in words]


def _check_values(values: Sequence[float], declared: Number, builder: Builder, node: Node, path: str) -> None:
    """Report the first value that breaks a bound of the field."""
    for value in values:
        broken = broken_bound(declared, value)
        if broken:
            shown = unit_text.show(value, declared.unit, absolute=declared.absolute)
            builder.fail(node, path, f"must be {broken}, and {node.kind} holds {shown}")
            return


def _values(written: str, declared: Number, builder: Builder, path: str) -> Iterable[float]:
    spaced = _SPACED.fullmatch(written)
    if spaced:
        return _lin_or_geom(spaced[1], spaced[2], declared, builder, path)
    values: list[float] = []
    items = _with_units(written.split(","), declared)
    for item in items:
        start, dots, rest = item.partition("..")
        if not dots and re.fullmatch(r"[^:]+:[^:]+(:[^:]+)?", item.strip()):
            raise RangeError(f'a range is FROM..TO:STEP, such as "1..8:2", got "{shortened(item.strip())}"')
        if not dots:
            values += _numbers([start], declared, builder, path)
            continue
        end, colon, step = rest.partition(":")
        ends = _numbers([start, end], declared, builder, path)
        if len(ends) < 2:
            continue
        before = [*values, ends[0]]
        values.append(ends[0])
        if colon:
            values += _by_step(ends[0], ends[1], _step(step, end, declared, builder, path))
        else:
            values += _continuing(before, ends[1], declared)
    return values


def _numbers(texts: Sequence[str], declared: Number, builder: Builder, path: str) -> list[float]:
    """The texts as canonical numbers. A text that is not a number is left out, and reported to the builder."""
    found = [builder.scalar(declared, Node(text.strip(), OPTION), path) for text in texts]
    return [value for value in found if value is not None]


def _with_units(items: Sequence[str], declared: Number) -> list[str]:
    """The items, where every bare number gets the unit of the next number that has one."""
    if declared.unit == "1" and not any("%" in item or "percent" in item for item in items):
        return list(items)
    unit, result = "", []
    for item in reversed(items):
        body, colon, step = item.partition(":")
        ends = []
        for text in reversed(body.split("..")):
            if _BARE.fullmatch(text.strip()):
                ends.append(f"{text.strip()} {unit}".strip())
            else:
                unit = _BARE.sub("", text.strip(), count=1).strip()
                ends.append(text.strip())
        result.append("..".join(reversed(ends)) + colon + step)
    return result[::-1]


def _step(text: str, end: str, declared: Number, builder: Builder, path: str) -> float:
    """A step in canonical units. Without a unit of its own it has that of the end of the range."""
    text = text.strip()
    if _BARE.fullmatch(text):
        text = f"{text} {_BARE.sub('', end.strip(), count=1).strip()}".strip()
    try:
        step = unit_text.parse(text, declared.unit, absolute=False)
    except units.UnitError as error:
        raise RangeError(f"the step: {error}") from None
    if step <= 0:
        raise RangeError(f'the step must be more than zero, got "{text}"')
    return step


def _by_step(start: float, end: float, step: float) -> list[float]:
    """The values after the start, up to the end."""
    if end < start:
        raise RangeError("the range runs backwards; write the smaller end first")
    if step > (end - start) * (1 + 1e-9) and end > start:
        raise RangeError("the step is longer than the range, which would hold its first value alone")
    count = _limited_count((end - start) / step * (1 + 1e-12) + 1e-9)
    return [start + i * step for i in range(1, count + 1)]


def _limited_count(count: float) -> int:
    """The number of values, rounded down. RangeError when one axis may not have so many."""
    if not count <= MOST_VALUES:
        raise RangeError(f"one axis takes at most {MOST_VALUES:,} values; this range has {count:.3g}")
    return math.floor(count)


def _continuing(before: Sequence[float], end: float, declared: Number) -> list[float]:
    """The values that continue a progression of steps or of factors, up to the end."""
    if len(before) == 1:
        if not declared.whole:
            raise RangeError('say the step, as in "0.1..0.9:0.1", or how many, as in "lin(0.1, 0.9, 9)"')
        return _by_step(before[0], end, 1.0)
    if end < before[-1]:
        raise RangeError("the range ends before the values that stand in front of ..")
    steps = [b - a for a, b in pairwise(before)]
    if all(math.isclose(step, steps[0], rel_tol=1e-9) for step in steps):
        if not steps[0] > 0:
            raise RangeError("the values before .. must rise")
        return _by_step(before[-1], end, steps[0])
    if min(before) > 0:
        ratios = [b / a for a, b in pairwise(before)]
        if all(math.isclose(ratio, ratios[0], rel_tol=1e-9) for ratio in ratios) and ratios[0] > 1:
            count = math.floor(math.log(end / before[-1]) / math.log(ratios[0]) + 1e-9)
            if count == 0 and end > before[-1] * (1 + 1e-9):
                raise RangeError(f"the next value would be beyond the end: {ratios[0]:g} times the one before it")
            return [_whole(before[-1] * ratios[0] ** i, declared) for i in range(1, count + 1)]
    raise RangeError("the values before .. go on neither by a step nor by a factor")


def _whole(value: float, declared: Number) -> float:
    """The value; of a field that takes whole numbers, without the rounding error of powers."""
    return float(round(value)) if declared.whole and math.isclose(value, round(value), rel_tol=1e-9) else value


def _lin_or_geom(kind: str, inside: str, declared: Number, builder: Builder, path: str) -> list[float]:
    """lin(from, to, count) and geom(from, to, count)."""
    parts = inside.split(",")
    if len(parts) != 3:
        raise RangeError(f"expected {kind}(FROM, TO, COUNT), got {len(parts)} parts")
    ends = _numbers(_with_units(parts[:2], declared), declared, builder, path)
    text = parts[2].strip()
    if not re.fullmatch(r"\d+", text) or int(text) < 1:
        raise RangeError(f'expected a number of values of 1 or more, got "{shortened(text)}"')
    if len(ends) < 2:
        return []
    (start, end), count = ends, _limited_count(int(text))
    if count == 1 and start != end:
        raise RangeError("one value does not reach from one end to the other")
    shares = [i / max(count - 1, 1) for i in range(count)]
    if kind == "lin":
        return [_whole(start + (end - start) * share, declared) for share in shares]
    if start <= 0 or end <= 0:
        raise RangeError("geom needs ends above zero")
    return [_whole(start * (end / start) ** share, declared) for share in shares[:-1]] + [end]
