"""The recorded graph of figures as a list of formula calls, to be run again with other values in its leaves.

This is the only walker of recorded graphs that computes anything: design spaces, intervals, uncertainty, fits and
cross-validation all run a Program. Only what depends on a varied leaf becomes a call; everything else keeps its
recorded value. The same call on the same inputs is made once, wherever it stands in the graph.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from rackcalc.formulas.combine import off_by
from rackcalc.quantities.quantity import Formula, Quantity, renamed

Axis = int  # the number of an independent input of a program
AxisOf = Callable[[Quantity], Axis | None]


class Call(NamedTuple):
    """One step: the slot it fills, the formula, the slots it reads. names: of the inputs, in the same order.

    ordered: whether the inputs are in the order of the formula's parameters. axes: bit i is set where the result
    depends on axis i.
    """

    slot: int
    formula: Formula
    inputs: tuple[int, ...]
    names: tuple[str, ...]
    ordered: bool
    axes: int


class Program:
    """Figures as calls over slots.

    axis_of: the axis that a leaf takes its value from, None for a leaf that keeps its own. error_axis_of: the axis of
    the factor by which the result of a formula with an `error` is off; without it, errors are left out. The error of a
    formula contains the errors of the formulas below it, so those are left out.

    share_constants: whether equal numbers that do not vary are one slot, so that more calls are the same; not where it
    matters which quantity it is.

    values, axes, nodes: by slot, the recorded value, the axes it depends on, and the first quantity that has it.
    calls: by slot, None for leaves and for what does not vary. leaves: axis -> slot.
    """

    def __init__(
        self,
        axis_of: AxisOf,
        error_axis_of: Callable[[Quantity], Axis] | None = None,
        share_constants: bool = True,
    ) -> None:
        self.values: list[Any] = []
        self.axes: list[int] = []
        self.nodes: list[Quantity] = []
        self.calls: list[Call | None] = []
        self.leaves: dict[Axis, int] = {}
        self._axis_of, self._error_axis_of, self._share_constants = axis_of, error_axis_of, share_constants
        self._slots: tuple[dict[int, int], dict[int, int]] = ({}, {})  # by id: with errors of formulas, without
        self._kept: list[Quantity] = []  # an id is good only while the object lives
        self._same: dict[Hashable, int] = {}

    def add(self, target: Quantity) -> int:
        """The slot of a figure; what it needs and is not in the program yet is added, inputs first."""
        whole, bare_slots = self._slots
        if id(target) in whole:
            return whole[id(target)]
        errors = self._error_axis_of is not None
        stack = [(target, False)]
        while stack:
            node, bare = stack[-1]
            formula = node.formula
            known = bare_slots if bare else whole
            if id(node) in known:
                stack.pop()
                continue
            if formula is None:
                stack.pop()
                self._kept.append(node)
                whole[id(node)] = bare_slots[id(node)] = self._leaf(node)
                continue
            below = bare or (errors and formula.error > 0)
            slots = bare_slots if below else whole
            inputs: list[Any] = [slots.get(id(x)) for x in node.inputs.values()]
            if None in inputs:
                stack += [(x, below) for x, slot in zip(node.inputs.values(), inputs, strict=True) if slot is None]
                continue
            stack.pop()
            self._kept.append(node)
            slot = self._computed(node, formula, tuple(inputs))
            known[id(node)] = self._off(node, slot) if below and not bare else slot
        return whole[id(target)]

    def _leaf(self, node: Quantity) -> int:
        axis = self._axis_of(node)
        return self._constant(node) if axis is None else self._varied(node, axis)

    def _varied(self, node: Quantity, axis: Axis) -> int:
        if axis not in self.leaves:
            self.leaves[axis] = self._new(node, 1 << axis)
        return self.leaves[axis]

    def _constant(self, node: Quantity) -> int:
        """A slot that does not vary."""
        value = node.value
        if not self._share_constants or not isinstance(value, float) or not value:  # 0.0 equals -0.0
            return self._new(node, 0)
        if value not in self._same:
            self._same[value] = self._new(node, 0)
        return self._same[value]

    def _computed(self, node: Quantity, formula: Formula, inputs: tuple[int, ...]) -> int:
        axes = 0
        for slot in inputs:
            axes |= self.axes[slot]
        if not axes or not node.known:
            return self._constant(node)
        return self._call(node, formula, inputs, tuple(node.inputs), axes)

    def _off(self, node: Quantity, slot: int) -> int:
        """The result of a formula times the factor by which the formula is off."""
        assert self._error_axis_of is not None
        axis = self._error_axis_of(node)
        factor = self._varied(Quantity(1.0, "1"), axis)
        return self._call(node, off_by, (slot, factor), off_by.parameters, self.axes[slot] | 1 << axis)

    def _call(
        self, node: Quantity, formula: Formula, inputs: tuple[int, ...], names: tuple[str, ...], axes: int
    ) -> int:
        same = (id(formula), names, inputs)
        if same not in self._same:
            ordered = formula.positional and names == formula.parameters
            call = Call(len(self.values), formula, inputs, names, ordered, axes)
            self._same[same] = self._new(node, axes, call)
        return self._same[same]

    def _new(self, node: Quantity, axes: int, call: Call | None = None) -> int:
        self.values.append(node.value)
        self.axes.append(axes)
        self.nodes.append(node)
        self.calls.append(call)
        return len(self.values) - 1

    def needed(self, targets: Sequence[int]) -> list[Call]:
        """The calls that these slots depend on, each after the calls it reads from."""
        wanted, found = set(targets), []
        for call in reversed(self.calls):
            if call is not None and call.slot in wanted:
                wanted.update(call.inputs)
                found.append(call)
        return found[::-1]

    def start(self, targets: Sequence[int]) -> "Run":
        """A state for runs one after the other, which compute these slots."""
        return Run(self, targets, *_grouped(self, targets))


def program_of(targets: Sequence[Quantity], axis_of: AxisOf) -> tuple[Program, list[int]]:
    """A program of these figures, and their slots."""
    program = Program(axis_of)
    return program, [program.add(target) for target in targets]


Groups = Sequence[tuple[int, Sequence[Call]]]


def _grouped(program: Program, targets: Sequence[int]) -> tuple[Groups, Mapping[int, Sequence[int]]]:
    """The calls by the axes they depend on, fewest axes first: so every input comes before its use.

    Also, by the slot of a call, the slots that nothing reads after it: their arrays can be given up.
    """
    calls = program.needed(targets)
    groups: dict[int, list[Call]] = defaultdict(list)
    reader: dict[int, int] = {}  # slot -> slot of the last call of its own group that reads it; -1: others read it too
    for call in calls:
        groups[call.axes].append(call)
        for slot in call.inputs:
            alone = program.axes[slot] == call.axes and reader.get(slot) != -1
            reader[slot] = call.slot if alone else -1
    kept = {*targets, *program.leaves.values()}
    last: dict[int, list[int]] = defaultdict(list)
    for slot, by in reader.items():
        if by >= 0 and slot not in kept:
            last[by].append(slot)
    order = sorted(groups, key=lambda axes: (axes.bit_count(), axes))
    return [(axes, groups[axes]) for axes in order], last


class Run:
    """Runs of a program one after the other on numbers or arrays, each computing what changed since the last."""

    def __init__(
        self, program: Program, targets: Sequence[int], groups: Groups, last: Mapping[int, Sequence[int]]
    ) -> None:
        self.program, self.targets, self.groups = program, tuple(targets), groups
        self._last = last
        self._values = list(program.values)
        self._done: dict[int, Hashable] = {}

    def fork(self) -> "Run":
        """Another that goes on from here, and leaves this one as it is."""
        other = Run(self.program, self.targets, self.groups, self._last)
        other._values, other._done = list(self._values), dict(self._done)
        return other

    def __call__(self, inputs: Sequence[Any], keys: Sequence[Hashable]) -> list[Any]:
        """The values of the targets. inputs: the value of every axis, by number; keys: something hashable for each
        that is the same where the value is the same.

        The caller silences numpy's warnings: outside its domain a formula gives inf or nan.
        """
        values, last = self._values, self._last
        for axis, slot in self.program.leaves.items():
            values[slot] = inputs[axis]
        for axes, calls in self.groups:
            key = tuple(key for axis, key in enumerate(keys) if axes >> axis & 1)
            if self._done.get(axes) == key:
                continue
            for call in calls:
                found = [values[slot] for slot in call.inputs]
                function = call.formula.function
                values[call.slot] = (
                    function(*found) if call.ordered else function(**dict(zip(call.names, found, strict=True)))
                )
                for slot in last.get(call.slot, ()):
                    values[slot] = None
            self._done[axes] = key
        return [values[slot] for slot in self.targets]


def with_leaves(figure: Quantity, instead: Mapping[int, Quantity]) -> Quantity:
    """A computed figure with other leaves, recorded anew: itself where it rests on none of them.

    instead: id of a leaf -> the leaf in its place.
    """
    leaves: list[Quantity] = []

    def axis_of(leaf: Quantity) -> Axis | None:
        if id(leaf) not in instead:
            return None
        leaves.append(instead[id(leaf)])
        return len(leaves) - 1

    program = Program(axis_of, share_constants=False)
    target = program.add(figure)
    made = list(program.nodes)
    for axis, slot in program.leaves.items():
        made[slot] = leaves[axis]
    for call in program.needed([target]):
        found: Quantity = call.formula(**dict(zip(call.names, (made[slot] for slot in call.inputs), strict=True)))
        made[call.slot] = renamed(found, program.nodes[call.slot].name)
    return renamed(made[target], figure.name) if program.axes[target] else figure
