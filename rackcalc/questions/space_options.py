"""The options that describe a design space, which sweep and solve share: a rack, and what is varied."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from rackcalc.config.vary import Axis
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import Problem
from rackcalc.replay.design_space import DesignSpace

Dimensions = tuple[tuple[Axis, ...], ...]  # the axes of every dimension: one, or several that are varied together


class SpaceOptions(NamedTuple):
    """The options as given. sets: PATH=VALUE. vary: PATH=RANGE. zipped: all axes vary together, value by value."""

    rack: str
    scenario: str = ""
    sets: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    zipped: bool = False


def dimensions_of(axes: Sequence[Axis], zipped: bool) -> Dimensions:
    """The dimensions of the space: one for every axis, or, zipped, one for all of them."""
    return (tuple(axes),) if zipped and axes else tuple((axis,) for axis in axes)


def unequal_lengths(axes: Sequence[Axis], zipped: bool, what: str) -> list[Problem]:
    """The problem of zipped axes with different numbers of values, if there is one. what: the word for them."""
    if not zipped or len({len(axis.values) for axis in axes}) < 2:
        return []
    sizes = ", ".join(f"{axis.path} has {len(axis.values)} values" for axis in axes)
    return [Problem("--zip", 0, 0, "", f"all {what} need the same number of values: {sizes}")]


def unit_of_path(space: DesignSpace, path: str) -> tuple[str, bool] | None:
    """Canonical unit of an axis or figure, and whether it is a temperature; None for an unknown path."""
    for axis in space.question.axes:
        if axis.path == path and axis.unit is not None:
            return axis.unit, axis.absolute
    return space.known.get(path)


def present_names_of(unknown: Iterable[Problem], space: DesignSpace) -> dict[str, str]:
    """Of figures that no point has under the name typed, the names under which the points have them."""
    found = {problem.path: name_in(space.known, problem.path) for problem in unknown if problem.path}
    return {typed: now for typed, now in found.items() if now != typed}


def with_names(texts: Sequence[str], instead: Mapping[str, str]) -> tuple[str, ...]:
    """The texts with other names of figures."""
    return tuple(reduce(lambda said, pair: said.replace(*pair), instead.items(), text) for text in texts)
