"""scalars.py computes of plain numbers what elementwise.py does, and draws look for no arrays."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.estimation.estimate import estimate
from rackcalc.quantities import elementwise, scalars
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import FORMULAS
from rackcalc.questions.rack_file import load
from rackcalc.replay import intervals as replay

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e308, 5e-324])
# name -> the last parameter that is a condition
CONDITIONS = {"where": 0, "every": 0, "some": 0, "decided": 0, "logical_and": 1}
OF_LISTS = ("column", "dot", "each", "highest", "joined", "lowest", "over_rows", "rows", "running", "total")


def public(module: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_") and name not in ("reduce", "on_numbers")
    }


def test_both_have_the_same_functions_and_constants() -> None:
    assert public(scalars).keys() == public(elementwise).keys()
    for name, function in public(scalars).items():
        assert list(inspect.signature(function).parameters) == list(
            inspect.signature(public(elementwise)[name]).parameters
        )
    assert (scalars.inf, scalars.pi) == (elementwise.inf, elementwise.pi) and scalars.nan != scalars.nan


@pytest.mark.parametrize("name", sorted(public(scalars).keys() - {*OF_LISTS, "iterate", "vectorized"}))
@given(data=st.data())
def test_plain_numbers_have_the_same_results(name: str, data: st.DataObject) -> None:
    one, other = public(elementwise)[name], public(scalars)[name]
    places = range(len(inspect.signature(one).parameters))
    conditions = CONDITIONS.get(name, -1)
    given_ = [data.draw(st.booleans() if place <= conditions else NUMBERS) for place in places]
    assert repr(other(*given_)) == repr(one(*given_))


@given(NUMBERS, st.floats(-2, 2), st.integers(0, 40), st.sampled_from([4e-16, 1e-8, 1e-2]))
def test_iterations_end_alike(start: float, slope: float, most: int, near: float) -> None:
    def step(x: float) -> float:
        return slope * x + 1.0

    assert repr(scalars.iterate(step, start, most, near)) == repr(elementwise.iterate(step, start, most, near))


def test_a_formula_on_numbers_is_the_same_code_with_the_other_module() -> None:
    for formula in FORMULAS.values():
        made = scalars.on_numbers(formula.function)
        assert made.__code__ is formula.function.__code__ and made is scalars.on_numbers(formula.function)
        assert made.__globals__.get("xp", scalars) is scalars and formula.function.__globals__.get("xp") is not scalars


def test_intervals_make_no_call_of_the_functions_that_look_for_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    result = estimate(load("bert-a100"))
    monkeypatch.setattr(replay, "_kept", {})
    monkeypatch.setattr(elementwise, "where", None)  # a formula that still called it would fail
    found = replay.intervals(result)
    assert len(found) == len(dict(figures(result))) > 50
