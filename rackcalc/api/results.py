"""The estimate of a rack as Python sees it."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rackcalc.api.errors import in_python
from rackcalc.api.figures import Book, Figure
from rackcalc.api.groups import Group, Named, member
from rackcalc.api.racks import Computed, Rack, Source, rack_of
from rackcalc.api.sections import (
    Carbon,
    Cost,
    Latency,
    Link,
    Memory,
    Plant,
    Power,
    Roi,
    Sharing,
    Software,
    Stage,
    Supply,
    Thermal,
    Throughput,
    Venue,
)
from rackcalc.api.sections import Value as LatencyValue


class Result(Computed, Mapping[str, Figure]):
    """Every figure of one rack: a mapping from dotted paths to figures, which are attributes too.

    `result["latency.p99"]`, `result.latency.p99` and `result.link["gpu-lpu"].time` are Figures. Iteration gives the
    paths, in the order of the table; `len`, `in`, `get`, `keys`, `items` and `values` are those of a dict. A path that
    leads nowhere is an UnknownFigureError, which names the nearest. `print(result)` shows the table of the command
    line, and a notebook shows one as HTML.

    rack: what was computed. Groups that the rack has no use of (`software` without LPUs) do not exist.
    """

    latency: Latency
    throughput: Throughput
    stages: Named[Stage]
    details: Named[Figure]
    link: Named[Link]
    memory: Named[Memory]
    software: Software
    sharing: Sharing
    power: Power
    thermal: Thermal
    plant: Plant
    supply: Supply
    carbon: Carbon
    cost: Cost
    venue: Venue
    value: LatencyValue
    roi: Roi

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        self._estimate = rack.estimated

    def __reduce__(self) -> tuple[Any, ...]:  # another process computes it anew, from the same text
        return Result, (self.rack,)

    @cached_property
    def _book(self) -> Book:
        return Book(self._estimate)

    @property
    def name(self) -> str:
        """The name of the rack."""
        return self._estimate.name

    @property
    def scenario(self) -> str:
        """The scenario; "" for the file as it stands."""
        return self._estimate.scenario

    @property
    def subject(self) -> str:
        """Chips, model and split in a line."""
        return self._estimate.subject

    @property
    def file(self) -> str:
        """The rack file, or where else it was read from."""
        return self._estimate.file

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before quoting a figure."""
        return self._estimate.notes

    @property
    def novelty(self) -> tuple[str, ...]:
        """What about the serving engine no measurement has, in words."""
        return self._estimate.novelty

    @property
    def nearest_measured(self) -> str:
        """The measured run most like the rack, and how far off it was computed; "" without a serving engine."""
        return self._estimate.nearest_measured

    def figures(self) -> dict[str, Figure]:
        """All figures by path."""
        return {path: self._book.figure(path) for path in self._book.known}

    def __getitem__(self, path: str) -> Figure:
        return self._book.figure(path)

    if not TYPE_CHECKING:  # so that a type checker finds names that there are not

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return member(self._estimate, name, "", type(self).__annotations__.get(name, Group), self._book)

    def __iter__(self) -> Iterator[str]:
        return iter(self._book.known)

    def __len__(self) -> int:
        return len(self._book.known)

    def __contains__(self, path: object) -> bool:
        return path in self._book.known

    __eq__ = object.__eq__  # of a Mapping it would compare every figure
    __hash__ = object.__hash__

    def to_dict(self, interval: bool = True) -> dict[str, Any]:
        """What `rackcalc estimate RACK --json` prints, as plain data. interval: with low and high of every figure."""
        from rackcalc.render.estimate_json import document

        return document(self._estimate, interval)

    def to_frame(self, library: str | None = None) -> Any:
        """A data frame with a row for every figure: path, value, unit, kind, low, high, in canonical units.

        library: "pandas" or "polars"; None for the one that is installed, pandas before polars. ImportError without.
        """
        from rackcalc.api.frames import frame

        found = list(self.figures().values())
        columns: dict[str, list[Any]] = {
            name: [getattr(one, name) for one in found] for name in ("path", "value", "unit", "kind")
        }
        ends = [one.interval for one in found]
        return frame(columns | {"low": [low for low, _ in ends], "high": [high for _, high in ends]}, library)

    def __str__(self) -> str:
        from rackcalc.render.estimate_summary import render

        return render([self._estimate], colour=False).rstrip()

    def __repr__(self) -> str:
        return f"<Result of {self._estimate.title!r}: {len(self)} figures>"

    def _repr_html_(self) -> str:
        from rackcalc.api.html import table
        from rackcalc.render.figure_rows import SECTIONS, rows

        lines: list[tuple[str, ...]] = []
        section = ""
        for row in rows([self._estimate]):
            if row.section != section:
                section = row.section
                lines.append((SECTIONS[section][0],))
            lines.append((row.path, *row.cells, self[row.path].between(), row.share, row.kind))
        head = ("figure", "value", "80 % interval", "share", "basis")
        below = [self.subject, *(f"note: {said}" for said in self.notes)]
        return table(self._estimate.title, head, lines, below, left=(0, len(head) - 1))


def estimate(rack: Source) -> Result:
    """Latency, throughput, memory, power, heat, cost and return of a rack.

    rack: whatever `load` takes. A Rack is computed once, however often it is asked for.

    InputError when the rack is wrong, or cannot do what is asked of it: no room for the model, too much load, no port.

    >>> result = estimate("bert-a100")
    >>> result["latency.p99"].value == result.latency.p99.value
    True
    >>> print(result.latency.p99, result.power.it)
    1.77 ms 466 W
    """
    with in_python():
        found = rack_of(rack)
        _ = found.estimated
    return Result(found)
