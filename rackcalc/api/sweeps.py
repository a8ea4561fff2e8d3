"""Design spaces from Python: what to vary, and the points as columns."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rackcalc.api.errors import in_python, unknown
from rackcalc.api.racks import Rack, Source, rack_of, texts, value_text
from rackcalc.quantities import unit_text
from rackcalc.quantities.problems import InputError, failure
from rackcalc.quantities.units import UnitError
from rackcalc.questions.space_options import SpaceOptions
from rackcalc.questions.sweep.job import PartialResult
from rackcalc.questions.sweep.notes import notes_of
from rackcalc.questions.sweep.options import SweepOptions, sweep_job_of_text
from rackcalc.questions.sweep.result import Column, SweepResult
from rackcalc.questions.sweep.run import PointsInMemory, run, why_no_points

MOST = 4_000_000  # points held in memory
SHOWN = 50  # of them in text and in HTML

Vary = Mapping[str, Any]


class Table:
    """The points of a sweep, a column for every axis and figure: `table["latency.p99"]` is a numpy array.

    Numbers are float64 in canonical units (`table.units`), words are text; all columns have `len(table)` values and
    cannot be written to. The axes come first.

    points: how many there were; matches: how many could be computed and meet `where`; outside: how many could be
    computed but do not; refused: how many could not, by reason.
    """

    def __init__(self, answer: SweepResult) -> None:
        part = answer.part
        reduced = part.top or part.pareto
        chosen = answer.listed if reduced is None else reduced.points
        assert chosen is not None
        points = answer.completed(chosen)
        self._answer = answer
        self._known: dict[str, Column] = {column.path: column for column in answer.columns}
        self._columns: dict[str, Any] = {}
        for place, column in enumerate(answer.columns):
            values = points.values[:, place].copy()
            if column.words:
                values = np.array(column.words)[values.astype(int)]
            values.flags.writeable = False
            self._columns[column.path] = values
        self._count = len(points.numbers)
        self.points, self.matches, self.outside = part.points, part.matches, part.outside
        self.refused: dict[str, int] = dict(part.refused.most_common())

    @property
    def columns(self) -> tuple[str, ...]:
        """The paths of the columns."""
        return tuple(self._columns)

    @property
    def units(self) -> dict[str, str]:
        """The canonical unit of every column of numbers."""
        return {path: column.unit for path, column in self._known.items() if not column.words}

    def __getitem__(self, path: str) -> Any:
        """The column at a path, an array of shape (len(table),). UnknownFigureError when there is none."""
        if path not in self._columns:
            raise unknown(path, self._columns, "column")
        return self._columns[path]

    def to(self, path: str, unit: str) -> Any:
        """The column at a path in another unit of the same dimension, such as "ms" or "degC". InputError for others."""
        values, column = self[path], self._known[path]
        try:
            return unit_text.convert(values, column.unit, unit, absolute=column.absolute)
        except UnitError as error:
            raise failure(str(error), "unit", path=path) from None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, path: object) -> bool:
        return path in self._columns

    def to_dict(self) -> dict[str, Any]:
        """The table as plain data, a dict for every point, in the form of `rackcalc sweep --json`."""
        from rackcalc.render.sweep import as_data

        return as_data(self._answer)

    def to_frame(self, library: str | None = None) -> Any:
        """A data frame with the same columns. library: "pandas" or "polars"; None for the one that is installed."""
        from rackcalc.api.frames import frame

        return frame(self._columns, library)

    def __str__(self) -> str:
        from rackcalc.render.sweep import as_text

        answer, listed = self._answer, self._answer.listed
        if listed is not None and len(self) > SHOWN:
            answer = answer._replace(listed=listed.at(np.arange(SHOWN)))
            return f"the first {SHOWN} of {len(self):,} points\n{as_text(answer)}".rstrip()
        return as_text(answer).rstrip()

    def __repr__(self) -> str:
        return f"<Table of {len(self):,} points: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        from rackcalc.api.html import table
        from rackcalc.render.sweep import count_lines

        few = {path: values[:SHOWN].tolist() for path, values in self._columns.items()}
        rows = [list(map(self._cell, few, row)) for row in zip(*few.values(), strict=True)]
        below = [f"the first {SHOWN} of {len(self):,}"] if len(self) > SHOWN else []
        return table("", list(few), rows, [*below, *count_lines(self._answer)])

    def _cell(self, path: str, value: float | str) -> str:
        column = self._known[path]
        return value if isinstance(value, str) else unit_text.show(value, column.unit, absolute=column.absolute)


def sweep(
    rack: Source,
    vary: Vary,
    *,
    get: str | Iterable[str] = (),
    where: str | Iterable[str] = (),
    zipped: bool = False,
    top: int | None = None,
    by: str = "",
    pareto: str | Iterable[str] = (),
) -> Table:
    """Every point of a design space, or the best of them.

    rack: whatever `load` takes. vary: by path of the rack file, the values: a list, an array, or a range as text, such
    as "1, 2, 4..64" or "15..30 degC:5". A value that has a unit is text with its unit. Parts, precisions and the path
    "scenario" take words. get: the figures to compute; without, four headlines. where: conditions such as "latency.p99
    < 2 ms", of which all must hold. zipped: the values side by side instead of every combination.

    by: the figure by which the points are put in order, smallest first; with a minus before it, largest first. top: how
    many of them, 10 when only `by` is given. pareto: two figures or more, for the points that none beats in all of
    them. Without these three the table has all points, at most 4 million, in the order of the grid.

    InputError when a value or a path is wrong, or when no point is left.

    >>> table = sweep("bert-a100", {"workload.batch": [1, 8]}, get="stages.gpu.time")
    >>> table["workload.batch"].tolist(), table.to("stages.gpu.time", "ms").round(2).tolist()
    ([1.0, 8.0], [1.49, 4.23])
    """
    with in_python():
        found = rack_of(rack)
        front = pareto if isinstance(pareto, str) else ",".join(texts(pareto, "pareto"))
        if front and (top is not None or by):
            raise failure("and by or top give two tables; ask for one after the other", "pareto")
        options = SweepOptions(
            SpaceOptions(found.argument, found.scenario, found.sets, ranges(vary), zipped),
            where=texts(where, "where"),
            top=top,
            by=by,
            pareto=front,
            get=texts(get, "get"),
            dump=not (front or by or top is not None),
        )
        return Table(_answered(options, found))


def _answered(options: SweepOptions, rack: Rack) -> SweepResult:
    job, columns = sweep_job_of_text(options, rack.text, rack.file)
    kept, count = PointsInMemory(), 0

    def store(task: int, part: PartialResult) -> None:
        nonlocal count
        count += part.matches
        if job.dump and count > MOST:
            mend = "ask for the best with by= and top=, or for a front with pareto="
            raise failure(f"more than {MOST:,} points to keep; {mend}", "vary")
        kept.store(task, part)

    part = run(job, store=store)
    if not part.matches:
        raise InputError(why_no_points(job, columns, part))
    return SweepResult(job, columns, part, kept.points(job) if job.dump else None, notes_of(job.question))


def ranges(vary: Vary) -> tuple[str, ...]:
    """PATH=RANGE texts. InputError for a list that mixes numbers with text: a unit would hold for both."""
    if not isinstance(vary, Mapping):
        raise TypeError(f'vary: expected a dict such as {{"workload.batch": [1, 2, 4]}}, got {vary!r}')
    return tuple(f"{path}={_range(path, given)}" for path, given in vary.items())


def _range(path: str, given: Any) -> str:
    if isinstance(given, str):
        return given
    values = list(given) if isinstance(given, Iterable) else [given]
    if len({isinstance(value, str) for value in values}) > 1:
        raise failure("mixes numbers and text; write every value with its unit", "vary", path=path)
    return ",".join(value_text(value, "vary") for value in values)
