"""What is computed once: calls of formulas with the same quantities, and leaves of which the same is stated."""

from collections import Counter

import numpy as np
import pytest

from rackcalc.estimation import unseen
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.quantities.figures import figures
from rackcalc.quantities.kept_results import once, results_kept
from rackcalc.quantities.quantity import Formula, Quantity, Source, all_behind, calls_kept, leaves_behind, same_leaf
from rackcalc.questions.rack_file import load

A, B = (Quantity(value, "s", "x", source=Source("given")) for value in (1.0, 2.0))


def test_a_call_with_the_same_quantities_is_made_once() -> None:
    with calls_kept():
        once = total(a=A, b=B)
        with calls_kept():
            assert total(a=A, b=B) is once
        assert total(a=A, b=B) is once
        others = [total(b=A, a=B), total(b=B, a=A), total(a=A, c=B), total(a=A), total(a=A, b=Quantity(2.0, "s"))]
        assert len({id(one) for one in (once, *others)}) == 6
    assert total(a=A, b=B) is not once


def test_what_a_call_refuses_is_refused_again() -> None:
    with calls_kept():
        for _ in range(2):
            with pytest.raises(TypeError, match="bare number"):
                total(a=A, b=2.0)  # type: ignore[call-overload]
            with pytest.raises(TypeError, match="expected"):
                repeated(time=A, copies=B)  # copies are no seconds


@pytest.mark.parametrize("rack", ["rack-of-god", "llama70b-8xh100", "vr-nvl72-lpx-mixture"])
def test_an_estimate_computes_nothing_twice(rack: str) -> None:
    found = [quantity for _, quantity in figures(estimate(load(rack)))]
    calls = Counter(
        (one.formula, one.name, tuple(one.inputs), tuple(map(id, one.inputs.values())))
        for one in all_behind(found)
        if one.formula is not None
    )
    assert len(calls) > 300 and max(calls.values()) == 1


def test_scenarios_share_the_leaves_that_they_do_not_change() -> None:
    first, second = (load("rack-of-god", scenario).rack for scenario in ("", "nvlink6"))
    assert first.workload.input is second.workload.input and first.site.altitude is second.site.altitude
    assert first.workload.input is not load("rack-of-god", "", ["workload.input=129 token"]).rack.workload.input


def test_defaults_of_different_parts_stay_apart() -> None:
    stated = 1.0, "1", "share", Source("assumed", note="default: x")
    assert same_leaf(*stated, where="a") is same_leaf(*stated, where="a")
    assert same_leaf(*stated, where="a") is not same_leaf(*stated, where="b")


def test_arrays_are_leaves_of_their_own() -> None:
    source = Source("given")
    one, other = (same_leaf(np.array([1.0, 2.0]), "s", "x", source) for _ in range(2))
    assert one is not other and one.value.tolist() == [1.0, 2.0]
    assert same_leaf(0.0, "s", "x", source) is not same_leaf(0, "s", "x", source)
    assert str(same_leaf(-0.0, "s", "x", source).value) == "-0.0"


def test_a_result_is_computed_once_within_a_calculation_and_anew_in_the_next() -> None:
    asked: list[tuple[Quantity, str]] = []

    @once
    def double(of: Quantity, word: str = "") -> list[Quantity]:
        asked.append((of, word))
        return [of, of]

    with results_kept():
        assert double(A) is double(A) and double(A, word="x") is not double(A) and len(asked) == 2
        assert double(B) is not double(A)
    with results_kept():
        double(A)
    assert len(asked) == 4 and double(A) is not double(A)


def test_leaves_are_those_of_the_whole_graph() -> None:
    found = [quantity for _, quantity in figures(estimate(load("llama70b-8xh100")))]
    assert leaves_behind(found) == {one for one in all_behind(found) if one.formula is None}


@pytest.mark.parametrize(("rack", "at_most"), [("llama70b-8xh100", 1.9), ("llama70b-16xh100-disaggregated", 1.8)])
def test_an_estimate_asks_for_few_calls_that_it_made_before(
    rack: str, at_most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of formulas, over those that figures rest on: 2.9 before sizes and steps were kept."""
    loaded, called, plain = load(rack), Counter[str](), Formula.__call__

    def counted(self: Formula, *args: object, **inputs: object) -> object:
        called[self.label] += 1
        return plain(self, *args, **inputs)  # type: ignore[call-overload]

    monkeypatch.setattr(Formula, "__call__", counted)
    result = estimate(loaded)
    monkeypatch.undo()
    made = sum(one.formula is not None for one in all_behind([quantity for _, quantity in figures(result)]))
    assert sum(called.values()) < at_most * made, called.most_common(10)


def test_racks_without_a_serving_engine_have_no_graph_searched_for_what_is_new() -> None:
    known = dict(figures(estimate(load("bert-a100"))))
    assert set(unseen.unseen_by_path(known).values()) == {unseen.NOTHING}
