"""The program of a recorded graph: whatever runs it, the figures are those of the formulas called anew."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.quantities.quantity import FORMULAS, Quantity, Source, formula
from rackcalc.replay.intervals import Draws
from rackcalc.replay.latin_hypercube import LEVELS
from rackcalc.replay.program import Program, program_of, with_leaves
from rackcalc.replay.random_variables import RandomVariables

BEFORE = dict(FORMULAS)


@formula(cite="test")
def ratio(over: Any, under: Any) -> Any:
    """One over the other."""
    return over / under


@formula(cite="test", error=0.1)
def rough(x: Any) -> Any:
    """Known to 10 %."""
    return 2 * x


FORMULAS.clear()
FORMULAS.update(BEFORE)
Built = tuple[Quantity, Callable[[Mapping[int, Any]], Any]]  # a recorded figure, and the same from values of its leaves
PAIRS = {total: lambda a, b: a + b, largest: np.maximum, smallest: np.minimum}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Built, list[Quantity]]:
    """A random graph over a few leaves, of which some are shared and some are equal in value."""
    values = draw(st.lists(st.sampled_from([0.5, 1.0, 1.0, 2.0, 3.0]), min_size=2, max_size=5))
    leaves = [
        Quantity(value, "s", f"x{i}", source=Source("press", file="f", path=f"x{i}"), low=value / 2, high=2 * value)
        for i, value in enumerate(values)
    ]
    known: list[Built] = [(leaf, lambda at, leaf=leaf: at[id(leaf)]) for leaf in leaves]
    for _ in range(draw(st.integers(1, 12))):
        (a, of_a), (b, of_b) = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        kind = draw(st.sampled_from([ratio, *PAIRS]))
        if kind is ratio:
            known.append((ratio(over=a, under=b), lambda at, f=of_a, g=of_b: f(at) / g(at)))
        else:
            known.append((kind(a=a, b=b), lambda at, f=of_a, g=of_b, k=PAIRS[kind]: k(f(at), g(at))))
    return known[-1], leaves


@given(graphs(), st.integers(0, 2**32 - 1))
def test_a_run_on_arrays_is_the_formulas_called_on_arrays(graph: tuple[Built, list[Quantity]], seed: int) -> None:
    (figure, again), leaves = graph
    axes = {id(leaf): axis for axis, leaf in enumerate(leaves)}
    program, slots = program_of([figure], lambda leaf: axes.get(id(leaf)))
    run, random = program.start(slots), np.random.default_rng(seed)
    values = [random.uniform(0.1, 5, 7) for _ in leaves]
    for turn in range(3):  # each run changes one axis, and computes only what depends on it
        changed = turn % len(leaves)
        values[changed] = random.uniform(0.1, 5, 7)
        keys = [turn if axis <= changed else 0 for axis in range(len(leaves))]
        (found,) = run(values, [*keys[:changed], ("new", turn), *keys[changed + 1 :]])
        direct = again({id(leaf): value for leaf, value in zip(leaves, values, strict=True)})
        np.testing.assert_allclose(found, np.broadcast_to(direct, np.shape(found)), rtol=1e-12)


@given(graphs())
def test_draws_are_a_run_on_the_same_levels(graph: tuple[Built, list[Quantity]]) -> None:
    (figure, again), leaves = graph
    draws = Draws()
    columns = {id(leaf): draws.column(leaf) for leaf in leaves}
    found = draws.column(figure)
    direct = again({key: np.array(column) for key, column in columns.items()})
    np.testing.assert_allclose(np.broadcast_to(found, len(LEVELS)), np.broadcast_to(direct, len(LEVELS)), rtol=1e-12)


@given(graphs(), st.floats(0.1, 9.0))
def test_other_leaves_give_the_figure_that_they_would_have_given(
    graph: tuple[Built, list[Quantity]], value: float
) -> None:
    (figure, again), leaves = graph
    other = replace(leaves[0], value=value, low=value, high=value, source=Source("given"))
    found = with_leaves(figure, {id(leaves[0]): other})
    at = {id(leaf): leaf.value for leaf in leaves}
    assert found.value == pytest.approx(again(at | {id(leaves[0]): value}), rel=1e-12)
    used = any(leaf is leaves[0] for leaf in figure.leaves)
    assert (found is not figure) == used
    assert any(leaf is other for leaf in found.leaves) == used
    kept = {id(leaf) for leaf in figure.leaves} - {id(leaves[0])}
    assert {id(leaf) for leaf in found.leaves} - {id(other)} == kept, "every other leaf keeps its source and range"


def test_equal_constants_are_one_slot_only_where_it_does_not_matter_which() -> None:
    x = Quantity(3.0, "s", "x", source=Source("given"), low=1.0, high=4.0)
    one, same = (
        Quantity(2.0, "s", name, source=Source(kind)) for name, kind in (("a", "given"), ("b", "hypothetical"))
    )
    figure = total(p=ratio(over=x, under=one), q=ratio(over=x, under=same))
    program, _ = program_of([figure], lambda leaf: 0 if leaf is x else None)
    assert sum(call is not None for call in program.calls) == 2, "one ratio and the sum"
    moved = with_leaves(figure, {id(x): replace(x, value=6.0)})
    assert moved.value == 6.0 and moved.kind == "hypothetical"
    assert [q.name for q in moved.leaves] == ["x", "a", "b"]


def test_an_error_multiplies_and_contains_those_below() -> None:
    x = Quantity(3.0, "s", "x", source=Source("given"))
    variables = RandomVariables()
    program = Program(variables.axis_of, variables.error_axis_of)
    both = [program.add(rough(x=x)), program.add(rough(x=rough(x=x)))]
    assert [variable.name for variable in variables.variables] == ["test_program.rough, error"]
    assert program.start(both)([1.5], [0]) == [9.0, 18.0], "of the second, only the outer error counts"


def test_a_fork_leaves_the_first_run_as_it_is() -> None:
    x, y = (Quantity(value, "s", name, source=Source("given")) for value, name in ((1.0, "x"), (2.0, "y")))
    program, slots = program_of([total(a=ratio(over=x, under=y), b=y)], lambda leaf: 0 if leaf is x else 1)
    first = program.start(slots)
    assert first([3.0, 2.0], ["a", "b"]) == [3.5]
    assert first.fork()([8.0, 4.0], ["c", "d"]) == [6.0]
    assert first([3.0, 2.0], ["a", "b"]) == [3.5]
