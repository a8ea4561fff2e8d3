"""The figures of a result by dotted path: a walk over nested records and dicts. Every output is made by this walk."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import fields, is_record


def figures(result: Any, path: str = "") -> Iterator[tuple[str, Quantity]]:
    """Every Quantity of a result with its dotted path, in order of definition."""
    found: list[tuple[str, Quantity]] = []
    _collect(result, path, found)
    return iter(found)


def _collect(result: Any, path: str, found: list[tuple[str, Quantity]]) -> None:
    if isinstance(result, Quantity):
        found.append((path, result))
        return
    if is_record(result):
        items: Any = [(item.name, getattr(result, item.name)) for item in fields(result)]
    elif isinstance(result, Mapping):
        items = result.items()
    else:
        return
    start = f"{path}." if path else ""
    for name, value in items:
        if isinstance(value, Quantity):
            found.append((f"{start}{name}", value))
        elif value is not None:
            _collect(value, f"{start}{name}", found)


def figure(result: Any, path: str) -> Quantity:
    """The Quantity at a dotted path. InputError, naming similar paths, when there is none."""
    return named_figure(result, path)[1]


def named_figure(result: Any, path: str) -> tuple[str, Quantity]:
    """The present name of a figure, and the figure."""
    known = dict(figures(result))
    path = name_in(known, path)
    if path in known:
        return path, known[path]
    below = [name for name in known if name.startswith(path + ".")]
    if below:
        raise failure(f"is a group; choose one of {', '.join(below[:12])}", path=path)

    near = suggest(path, known)
    raise failure(f"no such figure{near or '; `rackcalc estimate RACK --json` lists them all'}", path=path)


def selected(result: Any, paths: Sequence[str]) -> dict[str, Quantity]:
    """The figures at the paths; all figures for no paths. InputError naming every unknown path."""
    if not paths:
        return dict(figures(result))
    found: dict[str, Quantity] = {}
    problems: list[Problem] = []
    for path in paths:
        try:
            name, quantity = named_figure(result, path)
            found[name] = quantity
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def nested(result: Any) -> Any:
    """The result as nested dicts whose leaves are Quantities; empty groups are left out."""
    if isinstance(result, Quantity | str | bool):
        return result
    if is_record(result):
        items = {item.name: nested(getattr(result, item.name)) for item in fields(result)}
    elif isinstance(result, Mapping):
        items = {str(name): nested(value) for name, value in result.items()}
    else:
        return None
    return {name: value for name, value in items.items() if value is not None and value != {}}
