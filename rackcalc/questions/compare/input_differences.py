"""The inputs that differ between two racks, value by value; of a catalog part that was exchanged only its name."""

from collections.abc import Iterator, Mapping
from typing import Any

from rackcalc.quantities.display import show_value
from rackcalc.quantities.problems import shortened
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import fields, is_record, record

IGNORED = ("name", "notes", "gates", "claims")  # they change no figure


@record
class Difference:
    """One input, as text: its old and new value; "-" where there is none."""

    path: str
    old: str
    new: str


def differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """Every input that differs between two racks, in the order of the sections."""
    found = (pair for item in fields(old) if item.name not in IGNORED for pair in _compared(old, new, item.name, ""))
    return tuple(found)


def _compared(old: Any, new: Any, name: str, parent: str) -> Iterator[Difference]:
    return _walk(getattr(old, name, None), getattr(new, name, None), f"{parent}.{name}" if parent else name)


def _walk(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk(old.get(key), new.get(key), f"{path}.{key}")
    elif is_record(old) and is_record(new) and _kind(old) == _kind(new) and not isinstance(old, Quantity):
        names = [item.name for item in fields(old)]
        if getattr(old, "name", None) != getattr(new, "name", None):
            yield Difference(path, text_of(old), text_of(new))
            return
        for name in names:
            yield from _compared(old, new, name, path)
    elif text_of(old) != text_of(new) or _value(old) != _value(new):
        yield Difference(path, text_of(old), text_of(new))


def _kind(item: Any) -> str:
    """What sort of record it is, whichever of its words the user wrote (see words_read.py)."""
    return item.__name__ if isinstance(item, type) else type(item).__name__


def _value(item: Any) -> Any:
    return float(item.value) if isinstance(item, Quantity) else None


def text_of(item: Any) -> str:
    """An input in a few words."""
    if item is None:
        return "-"
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, Quantity):
        return show_value(item)
    if isinstance(item, Mapping):
        return shortened(", ".join(f"{key}: {text_of(value)}" for key, value in item.items())) or "-"
    if isinstance(item, tuple):
        return shortened(", ".join(map(text_of, item))) or "-"
    if is_record(item):
        return _words(item)
    return shortened(str(item))


def _words(item: Any) -> str:
    part, count = getattr(item, "part", None), getattr(item, "count", None)
    if part is not None:
        return f"{float(count.value):g} x {part.name}" if count is not None else str(part.name)
    return str(getattr(item, "name", None) or getattr(item, "kind", None) or "given")
