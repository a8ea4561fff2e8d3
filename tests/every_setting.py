"""Every key that a rack file may hold, with other valid values for it, taken from the declarations of the spec."""

from collections.abc import Iterator, Mapping
from typing import Any

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.fields import Declared, Flag, Listing, Number, Part, Section, Table, Text, declarations
from rackcalc.spec.part_kinds import CATALOG
from rackcalc.spec.rack import Rack

FACTORS = (2.0, 0.5, 1.1, 10.0, 0.1, 3.0)  # of a value, tried in this order
APART = ("name", "notes", "gates", "claims")  # they describe the rack and its limits; no figure can follow from them
Setting = tuple[str, list[str]]  # a dotted path, and texts for its value


def settings(rack: Any) -> Iterator[Setting]:
    """Every key of a loaded rack with other values, those it does not use too."""
    for name, declared in declarations(Rack).items():
        if name not in APART:
            yield from _settings(declared, getattr(rack, name), name)


def _settings(declared: Declared, value: Any, path: str) -> Iterator[Setting]:
    match declared:
        case Number():
            yield path, _numbers(declared, value)
        case Text():
            yield path, _words(declared, value)
        case Flag():
            yield path, ["false" if value else "true"]
        case Section():
            yield from _fields(declared.type, value, path)
        case Part():
            yield (
                path,
                [name for name in part_names(declared.kind) if load_part(declared.kind, name).name != _name(value)][:4],
            )
            if value is not None:
                yield from _fields(CATALOG[declared.kind], value, path)
        case Table():
            yield from _table(declared, value, path)
        case Listing():
            return


def _fields(cls: type, value: Any, path: str) -> Iterator[Setting]:
    for name, declared in declarations(cls).items():
        yield from _settings(declared, getattr(value, name, None), f"{path}.{name}")


def _table(declared: Table, value: Any, path: str) -> Iterator[Setting]:
    known: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    for key in dict.fromkeys([*known, *declared.choices]):
        if isinstance(declared.of, type):
            if key in known:
                yield from _fields(declared.of, known[key], f"{path}.{key}")
        else:
            yield from _settings(declared.of, known.get(key), f"{path}.{key}")


def _name(part: Any) -> str:
    return str(getattr(part, "name", ""))


def _words(declared: Text, value: Any) -> list[str]:
    words = declared.choices or (part_names(declared.catalog) if declared.catalog else ("other",))
    return [word for word in words if word != value]


def _numbers(declared: Number, value: Quantity | None) -> list[str]:
    """Texts of numbers that keep the bounds of the field and differ from the present value."""
    now = None if value is None else float(value.value)
    start = now or _least(declared) or 1.0
    found = []
    for factor in FACTORS:
        number = start * factor
        if declared.whole:
            number = float(round(number)) if round(number) != now else (now or 0.0) + 1
        if declared.unit == "1" and declared.at_most is not None and number > declared.at_most:
            number = declared.at_most - (declared.at_most - start) / factor if factor > 1 else start * factor
        if number != now and _within(declared, number):
            found.append(f"{number!r} {declared.unit}" if declared.unit != "1" else repr(number))
    return list(dict.fromkeys(found))


def _least(declared: Number) -> float:
    bounds = [bound for bound in (declared.above, declared.at_least) if bound is not None]
    return max([*bounds, 0.0])


def _within(declared: Number, number: float) -> bool:
    return (
        (declared.above is None or number > declared.above)
        and (declared.at_least is None or number >= declared.at_least)
        and (declared.at_most is None or number <= declared.at_most)
    )
