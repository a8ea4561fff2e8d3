"""A rack with some of its values varied: every point of that space has the figures that its estimate would have.

The varied numbers are arrays, each axis on its own dimension. Where the calculation has to decide by a value or a word
(a part, a split, a count that decides what is built), that axis cannot be an array: one Program is recorded for each of
its values. Which axes these are shows itself while recording, because an array has no single truth value. Where the
decision is a limit (elementwise.decided), the axis is halved until each part has one answer at both of its ends.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.racks import Check, Loaded, load_text
from rackcalc.config.vary import Axis
from rackcalc.estimation.estimate import compute
from rackcalc.feasibility.conditions import Chain, decidable
from rackcalc.feasibility.requirements import is_number
from rackcalc.formulas.queues.curves import for_points
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.replay.program import Run, program_of

Fixed = tuple[tuple[int, int, int], ...]  # dimension, first place on it, the one after the last
Box = Sequence[tuple[int, int]]  # of every dimension, the first place and the one after the last
KEPT_RUNS = 32  # whose arrays stay in memory
MOST_TRIED = 300  # ways to fix dimensions that are looked at before it is said that a figure exists nowhere


class VariedRack(NamedTuple):
    """What is asked of which rack. dimensions: the axes, those that go together in one tuple. sets: PATH=VALUE."""

    text: str
    file: str
    scenario: str
    sets: tuple[str, ...]
    dimensions: tuple[tuple[Axis, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Values of every dimension."""
        return tuple(len(axes[0].values) for axes in self.dimensions)

    @property
    def axes(self) -> list[Axis]:
        """All axes, in the order they were given."""
        return [axis for axes in self.dimensions for axis in axes]


class Recording(NamedTuple):
    """One program and what its targets are. figures: path -> target; rules: reason, test, targets.

    loads: different loads of one queue, of all points. servers: how many different numbers of servers a queue has.
    """

    run: Run | None
    figures: Mapping[str, int]
    rules: Sequence[tuple[str, Callable[..., Any], tuple[int, ...]]]
    problems: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()
    loads: int = 1
    servers: int = 1


class Block(NamedTuple):
    """A box of points. good: which can work; columns: by path; both broadcast to the box. refused: points by reason."""

    good: Any
    columns: Mapping[str, Any]
    refused: Counter[str]


class Split(NamedTuple):
    """A dimension by which the calculation decides, and the parts of it, each to be recorded for itself."""

    dimension: int
    parts: Sequence[tuple[int, int]]


class BranchError(Exception):
    """The calculation decides by the values of a dimension. limit: whether all it asks is on which side they are."""

    def __init__(self, dimension: int, limit: bool = False) -> None:
        self.dimension, self.limit = dimension, limit


class DesignSpace:
    """The points of a question. paths: figures and axes that are asked for; where one has none it is refused.

    shown: more of them, nan where there is none. checks: of the rack file, beside its own (racks.load_text).
    """

    def __init__(
        self, question: VariedRack, paths: Sequence[str], shown: Sequence[str] = (), checks: Sequence[Check] = ()
    ) -> None:
        self.question = question
        self.checks = checks
        self.needed = tuple(dict.fromkeys(paths))
        self.paths = tuple(dict.fromkeys([*paths, *shown]))
        self.known: dict[str, tuple[str, bool]] = {}  # figures of what was recorded: unit, whether a temperature
        self.unknown: dict[str, str] = {}  # figures that are unknown in some recording: why
        self.weights = [0] * len(question.dimensions)  # formula calls that depend on a dimension, as recorded first
        self._recordings: dict[Fixed, Recording | Split] = {}
        self._values: list[list[Any]] = [
            [None if axis.unit is None else np.array(axis.values, dtype=float) for axis in axes]
            for axes in question.dimensions
        ]

    def recording(self, fixed: Fixed = ()) -> Recording | Split:
        """The recording with these dimensions inside these parts, or what must be split next."""
        if fixed not in self._recordings:
            if len(self._recordings) >= 4 * KEPT_RUNS:
                for key in [key for key, kept in self._recordings.items() if isinstance(kept, Recording)][:KEPT_RUNS]:
                    del self._recordings[key]
            ends = {dimension: (first, stop) for dimension, first, stop in fixed}
            try:
                self._recordings[fixed] = self._recorded(ends)
            except BranchError as branch:
                self._recordings[fixed] = self._split(branch, ends)
        return self._recordings[fixed]

    def _split(self, branch: BranchError, ends: Mapping[int, tuple[int, int]]) -> Split:
        """Halves of a dimension that goes up or down, where a limit decides; else every value for itself."""
        dimension, axes = branch.dimension, self.question.dimensions[branch.dimension]
        first, stop = ends.get(dimension, (0, self.question.shape[dimension]))
        values = axes[0].values[first:stop]
        if branch.limit and len(axes) == 1 and list(values) in (sorted(values), sorted(values, reverse=True)):
            middle = (first + stop) // 2
            return Split(dimension, ((first, middle), (middle, stop)))
        return Split(dimension, [(place, place + 1) for place in range(first, stop)])

    def _recorded(self, ends: Mapping[int, tuple[int, int]]) -> Recording:
        sizes = {dimension: stop - first for dimension, (first, stop) in ends.items()}
        free = [number for number in range(len(self.question.dimensions)) if sizes.get(number) != 1]
        for number in free:
            if any(axis.unit is None for axis in self.question.dimensions[number]):
                raise BranchError(number)
        try:
            values, found, chains = self._computed(
                self.loaded({n: first for n, (first, _) in ends.items()}), free, ends
            )
        except InputError as error:
            return Recording(None, {}, (), error.problems)
        return self._programmed(values, found, chains)

    def loaded(self, places: Mapping[int, int]) -> Loaded:
        """The rack at these places of the dimensions; at the first of all others."""
        question = self.question
        scenario, sets = question.scenario, list(question.sets)
        varied = [(axis, places.get(n, 0)) for n, axes in enumerate(question.dimensions) for axis in axes]
        for axis, place in sorted(varied, key=lambda entry: entry[0].path.count(".")):
            if axis.scenario:
                scenario = axis.text(place)
            else:
                sets.append(f"{axis.path}={axis.text(place)}")
        return load_text(question.text, question.file, scenario, sets, checks=self.checks)

    def _computed(
        self, loaded: Loaded, arrays: Sequence[int], parts: Mapping[int, tuple[int, int]]
    ) -> tuple[list[Any], dict[str, Quantity], list[Chain]]:
        """What was put into the leaves, by axis, with figures and conditions. arrays: dimensions put in as arrays.

        parts: of dimensions of which not all values are meant.
        """
        values: list[Any] = []
        rack = loaded.rack
        for dimension, axes in enumerate(self.question.dimensions):
            first, stop = parts.get(dimension, (0, self.question.shape[dimension]))
            for axis in axes:
                values.append(None if axis.unit is None else np.array([axis.values[first], axis.values[stop - 1]]))
                if dimension in arrays:
                    rack = with_value(rack, axis.path, values[-1])
        chains: list[Chain] = []

        def collect(found: Sequence[Chain], problems: Sequence[Any]) -> None:
            chains.extend(decidable(found))
            if problems:
                raise InputError(list(problems))

        try:
            with np.errstate(all="ignore"):
                result = compute(replace(loaded, rack=rack), collect)
        except (TypeError, ValueError) as error:
            if not arrays:
                raise
            raise self._decides(loaded, arrays, parts, isinstance(error, xp.DecisionError)) from None
        return values, dict(figures(result)), chains

    def _decides(
        self, loaded: Loaded, arrays: Sequence[int], parts: Mapping[int, tuple[int, int]], limit: bool
    ) -> BranchError:
        """The first dimension by whose values alone the calculation decides; else the first of all."""
        if len(arrays) > 1:
            for dimension in arrays:
                try:
                    self._computed(loaded, [dimension], parts)
                except BranchError as branch:
                    return branch
        return BranchError(arrays[0], limit and len(arrays) == 1)

    def _programmed(self, values: list[Any], found: Mapping[str, Quantity], chains: Sequence[Chain]) -> Recording:
        wanted = {path: found[path] for path in self.paths if path in found}
        for path, quantity in found.items():
            if path not in self.known:
                self.known[path] = quantity.unit, is_temperature(quantity)
            if not quantity.known and path not in self.unknown:
                self.unknown[path] = "; ".join(quantity.unknowns)
        targets = list(wanted.values())
        rules: list[tuple[str, Callable[..., Any], tuple[int, ...]]] = []
        for chain in chains:
            for condition in chain:
                places = tuple(range(len(targets), len(targets) + len(condition.quantities)))
                targets += condition.quantities
                rules.append((condition.reason, condition.holds, places))
        for place, (path, quantity) in enumerate(wanted.items()):
            if quantity.known:
                rules.append((f"{path} is no number", lambda value, path=path: is_number(path, value), (place,)))
        axes = {axis.path for axis in self.question.axes}
        missing = tuple(path for path in self.paths if path not in wanted and path not in axes)
        for path in self.needed:
            if path in missing:
                return Recording(None, {}, (), (Problem("", 0, 0, path, "is no figure of these"),), missing)
        numbers = {id(value): axis for axis, value in enumerate(values)}
        program, slots = program_of(targets, lambda leaf: numbers.get(id(leaf.value)))
        run = program.start(slots)
        if not any(self.weights):
            self._weigh(run)
        paths = {path: place for place, path in enumerate(wanted)}
        return Recording(run, paths, rules, (), missing, *self._different_loads(run))

    def _different_loads(self, run: Run) -> tuple[int, int]:
        """The most different loads that a queue with given servers, or a given engine, has over all points.

        Also the most different servers.
        """
        dimension_of = [number for number, axes in enumerate(self.question.dimensions) for _ in axes]

        def points(axes: int) -> int:
            dimensions = {number for axis, number in enumerate(dimension_of) if axes >> axis & 1}
            return prod(self.question.shape[number] for number in dimensions)

        most, most_servers = 1, 1
        for _, calls in run.groups:
            for call in calls:
                slots = dict(zip(call.names, call.inputs, strict=True))
                if call.formula.label.startswith("queues.mdc_waits."):
                    of_servers = run.program.axes[slots["servers"]]
                    varied = call.axes & ~of_servers
                    most_servers = max(most_servers, points(of_servers))
                elif call.formula.label.startswith("serving.engine_load.") and "rate" in slots:
                    # rates that one engine has: those of dimensions that nothing else of it depends on
                    varied = run.program.axes[slots["rate"]]
                    for name, slot in slots.items():
                        varied &= ~(run.program.axes[slot] if name != "rate" else 0)
                else:
                    continue
                most = max(most, points(varied))
        return most, most_servers

    def _weigh(self, run: Run) -> None:
        axis = 0
        for number, axes in enumerate(self.question.dimensions):
            mask = sum(1 << i for i in range(axis, axis + len(axes)))
            self.weights[number] = sum(len(calls) for depends, calls in run.groups if depends & mask)
            axis += len(axes)

    def order(self) -> tuple[int, ...]:
        """The dimensions from the slowest to the fastest: what is recorded value by value, then by how much depends."""
        fixed: Fixed = ()
        first: list[int] = []
        while not isinstance(found := self.recording(fixed), Recording):
            fixed = _inside(fixed, found, found.parts[0])
            if found.dimension not in first:
                first.append(found.dimension)
        free = [number for number in range(len(self.weights)) if number not in first]
        return (*first, *sorted(free, key=lambda number: -self.weights[number]))

    def check(self) -> list[Problem]:
        """What is wrong with every point: paths that are no figure anywhere, or that nothing can be computed."""
        problems: tuple[Problem, ...] = ()
        missing: set[str] | None = None
        for fixed in islice(self._fixings(()), MOST_TRIED):
            recording = self.recording(fixed)
            assert isinstance(recording, Recording)
            if recording.run is None and not recording.missing:
                problems = problems or recording.problems
                continue
            missing = set(recording.missing) if missing is None else missing & set(recording.missing)
            if not missing:
                return []
        if missing is None:
            return list(problems)
        return [
            Problem("", 0, 0, path, f"no such figure{suggest(path, self.known)}")
            for path in self.paths
            if path in missing
        ]

    def _fixings(self, fixed: Fixed) -> Any:
        """All ways to fix the dimensions that must be fixed."""
        found = self.recording(fixed)
        if isinstance(found, Recording):
            yield fixed
            return
        for part in found.parts:
            yield from self._fixings(_inside(fixed, found, part))

    def block(self, box: Box, fixed: Fixed = ()) -> Block:
        """All points of a box."""
        found = self.recording(fixed)
        if isinstance(found, Recording):
            return self._evaluated(found, box)
        start, stop = box[found.dimension]
        blocks = []
        for first, end in found.parts:
            here = max(first, start), min(end, stop)
            if here[0] < here[1]:
                inner = [here if number == found.dimension else ends for number, ends in enumerate(box)]
                blocks.append((self.block(inner, _inside(fixed, found, (first, end))), inner))
        return blocks[0][0] if len(blocks) == 1 else self._joined(blocks, found.dimension)

    def _joined(self, blocks: Sequence[tuple[Block, Box]], dimension: int) -> Block:
        shapes = [[stop - start for start, stop in inner] for _, inner in blocks]

        def join(arrays: Sequence[Any]) -> Any:
            full = [np.broadcast_to(array, shape) for array, shape in zip(arrays, shapes, strict=True)]
            return np.concatenate(full, axis=dimension)

        columns = {path: join([block.columns[path] for block, _ in blocks]) for path in self.paths}
        return Block(
            join([block.good for block, _ in blocks]),
            columns,
            sum((block.refused for block, _ in blocks), Counter()),
        )

    def _evaluated(self, recording: Recording, box: Box) -> Block:
        shape = tuple(stop - start for start, stop in box)
        inputs, keys = self._inputs(box)
        by_path = {axis.path: value for axis, value in zip(self.question.axes, inputs, strict=True)}
        size = int(np.prod(shape))
        if recording.run is None:
            columns = dict.fromkeys(self.paths, np.nan)
            return Block(np.zeros([1] * len(shape), dtype=bool), columns, Counter({recording.problems[0].text: size}))
        with np.errstate(all="ignore"), for_points(recording.loads, recording.servers):
            targets = recording.run(inputs, keys)
            good: Any = np.ones([1] * len(shape), dtype=bool)
            refused: Counter[str] = Counter()
            for reason, holds, places in recording.rules:
                held = np.asarray(holds(*[targets[place] for place in places]))
                if not held.all():
                    failed = good & ~held
                    refused[reason] += int(np.count_nonzero(failed)) * (size // failed.size)
                    good = good & held
        columns = {
            path: targets[recording.figures[path]] if path in recording.figures else by_path.get(path, np.nan)
            for path in self.paths
        }
        return Block(good, columns, +refused)

    def columns_at(self, points: Sequence[Sequence[int]]) -> dict[str, Any]:
        """The columns at some points, as arrays in their order. points: the place on every dimension."""
        found = {path: np.full(len(points), np.nan) for path in self.paths}
        places = np.array(points, dtype=np.int64).reshape(len(points), len(self.question.dimensions))

        def fill(rows: Any, fixed: Fixed) -> None:
            recording = self.recording(fixed)
            if not isinstance(recording, Recording):
                mine = places[rows, recording.dimension]
                for first, stop in recording.parts:
                    inside = (mine >= first) & (mine < stop)
                    if inside.any():
                        fill(rows[inside], _inside(fixed, recording, (first, stop)))
                return
            inputs = [
                places[rows, number].astype(float) if values is None else values[places[rows, number]]
                for number, axes in enumerate(self._values)
                for values in axes
            ]
            by_path = {axis.path: value for axis, value in zip(self.question.axes, inputs, strict=True)}
            targets: list[Any] = []
            if recording.run is not None:
                with np.errstate(all="ignore"), for_points(recording.loads, recording.servers):
                    targets = recording.run.fork()(inputs, [object() for _ in inputs])
            for path in self.paths:
                if path in by_path:
                    found[path][rows] = by_path[path]
                elif path in recording.figures:
                    found[path][rows] = targets[recording.figures[path]]

        fill(np.arange(len(points)), ())
        return found

    def _inputs(self, box: Box) -> tuple[list[Any], list[Hashable]]:
        """Values of every axis in a box, each on its own dimension, and what tells them from those of other boxes."""
        inputs: list[Any] = []
        keys: list[Hashable] = []
        for number, (start, stop) in enumerate(box):
            for values in self._values[number]:
                part = np.arange(start, stop, dtype=float) if values is None else values[start:stop]
                inputs.append(part.reshape([-1 if i == number else 1 for i in range(len(box))]))
                keys.append((start, stop))
        return inputs, keys


def _inside(fixed: Fixed, split: Split, part: tuple[int, int]) -> Fixed:
    """These parts with one more, instead of the one that it lies in."""
    return (*(one for one in fixed if one[0] != split.dimension), (split.dimension, *part))


def with_value(obj: Any, path: str, value: Any) -> Any:
    """A record with another value in the Quantity at a dotted path."""
    if isinstance(obj, Quantity):
        return replace(obj, value=value)
    name, _, rest = path.partition(".")
    if isinstance(obj, Mapping):
        return {**obj, name: with_value(obj[name], rest, value)}
    return replace(obj, **{name: with_value(getattr(obj, name), rest, value)})
