"""The catalog from Python."""

from typing import Any, overload

from rackcalc.api.errors import in_python


@overload
def parts() -> dict[str, list[str]]: ...


@overload
def parts(kind: str) -> dict[str, str]: ...


@overload
def parts(kind: str, name: str) -> dict[str, Any]: ...


def parts(kind: str | None = None, name: str | None = None) -> dict[str, Any]:
    """The catalog: the names of the parts of every kind; the full names of one kind; or one part with its values.

    kind: such as "gpus" or "links". name: of a part of that kind; its values are dicts of value, unit, kind, low, high,
    source and note, in canonical units. InputError for a kind or part that there is not.

    >>> parts("gpus")["h100-sxm"]
    'NVIDIA H100 SXM5 80 GB'
    >>> parts("gpus", "h100-sxm")["tdp"]["value"]
    700.0
    """
    from rackcalc.render.parts import as_data

    with in_python():
        found: dict[str, Any] = as_data(kind, name)
    return found
