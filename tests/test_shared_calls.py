"""What is computed once: calls of formulas with the same quantities, and leaves of which the same is stated."""

from collections import Counter

import numpy as np
import pytest

from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Quantity, Source, all_behind, calls_kept, same_leaf
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
