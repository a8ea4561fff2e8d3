"""A recorded calculation as a list of formula calls, to be run again with other leaves: numbers or arrays.

The recorded graph of a figure is the program that computes it. Only what depends on a varied leaf is called again, the
same call on the same inputs once; everything else keeps its value. Every varied leaf belongs to an axis, and a slot
knows on which axes it depends: a run with the same values on those axes finds it computed already.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from rackcalc.quantities.quantity import Quantity


class Call(NamedTuple):
    """One step: the slot it fills, the function, the slots it reads. names: of the inputs, () where they are in order.

    axes: bit i is set where the result depends on axis i. last: slots that nobody reads after this step.
    """

    slot: int
    function: Callable[..., Any]
    inputs: tuple[int, ...]
    names: tuple[str, ...]
    axes: int
    last: tuple[int, ...] = ()


class Program:
    """Figures as a program. targets: what is asked for. varied: the values, by axis, that were put into the leaves.

    A leaf is known by its value, the very object, for code may give it another name on the way.
    """

    def __init__(self, targets: Sequence[Quantity], varied: Sequence[Any]) -> None:
        self.values: list[Any] = []
        self.axes: list[int] = []  # by slot
        self.leaves: list[tuple[int, int]] = []  # slot, axis
        self._varied = {id(value): axis for axis, value in enumerate(varied)}
        self._slots: dict[int, int] = {}
        self._same: dict[Hashable, int] = {}
        calls: list[Call] = []
        for target in targets:
            self._flatten(target, calls)
        self.targets = tuple(self._slots[id(target)] for target in targets)
        self.groups = self._grouped(calls)

    def _flatten(self, target: Quantity, calls: list[Call]) -> None:
        stack = [target]
        while stack:
            node = stack[-1]
            waiting = [x for x in node.inputs.values() if id(x) not in self._slots]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if id(node) not in self._slots:
                self._slots[id(node)] = self._slot(node, calls)

    def _slot(self, node: Quantity, calls: list[Call]) -> int:
        inputs = tuple(self._slots[id(x)] for x in node.inputs.values())
        if node.formula is None:
            axis = self._varied.get(id(node.value))
            if axis is not None:
                self.leaves.append((len(self.values), axis))
            return self._new(node.value, 0 if axis is None else 1 << axis)
        axes = 0
        for slot in inputs:
            axes |= self.axes[slot]
        if not axes:
            return self._new(node.value, 0)
        formula, names = node.formula, tuple(node.inputs)
        same = (id(formula), names, inputs)
        if same not in self._same:
            self._same[same] = slot = self._new(node.value, axes)
            ordered = formula.positional and names == formula.parameters
            calls.append(Call(slot, formula.function, inputs, () if ordered else names, axes))
        return self._same[same]

    def _new(self, value: Any, axes: int) -> int:
        self.values.append(value)
        self.axes.append(axes)
        return len(self.values) - 1

    def _grouped(self, calls: list[Call]) -> list[tuple[int, list[Call]]]:
        """The calls by the axes they depend on, fewest axes first: so every input comes before its use."""
        groups: dict[int, list[Call]] = defaultdict(list)
        reader: dict[int, int] = {}  # slot -> the last call of its own group that reads it; -1: somebody else does
        for number, call in enumerate(calls):
            groups[call.axes].append(call)
            for slot in call.inputs:
                alone = self.axes[slot] == call.axes and reader.get(slot) != -1
                reader[slot] = number if alone else -1
        kept = {*self.targets, *(slot for slot, _ in self.leaves)}
        last: dict[int, list[int]] = defaultdict(list)
        for slot, number in reader.items():
            if number >= 0 and slot not in kept:
                last[calls[number].slot].append(slot)
        order = sorted(groups, key=lambda axes: (axes.bit_count(), axes))
        return [(axes, [call._replace(last=tuple(last[call.slot])) for call in groups[axes]]) for axes in order]

    def start(self) -> "Run":
        """A state for runs one after the other."""
        return Run(self)


class Run:
    """Runs of a program one after the other, each computing what changed since the last."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values = list(program.values)
        self._done: dict[int, Hashable] = {}

    def fork(self) -> "Run":
        """Another that goes on from here, and leaves this one as it is."""
        other = Run(self.program)
        other.values, other._done = list(self.values), dict(self._done)
        return other

    def __call__(self, inputs: Sequence[Any], keys: Sequence[Hashable]) -> list[Any]:
        """The targets. inputs: value of every axis, by number; keys: something hashable that tells values apart.

        The caller silences numpy's warnings: out of its domain a formula gives inf or nan.
        """
        values = self.values
        for slot, axis in self.program.leaves:
            values[slot] = inputs[axis]
        for axes, calls in self.program.groups:
            key = tuple(key for axis, key in enumerate(keys) if axes >> axis & 1)
            if self._done.get(axes) == key:
                continue
            for call in calls:
                found = [values[slot] for slot in call.inputs]
                if call.names:
                    values[call.slot] = call.function(**dict(zip(call.names, found, strict=True)))
                else:
                    values[call.slot] = call.function(*found)
                for slot in call.last:
                    values[slot] = None
            self._done[axes] = key
        return [values[slot] for slot in self.program.targets]
