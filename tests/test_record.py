"""Records are dataclasses for everyone who asks, without the module dataclasses."""

import dataclasses
import subprocess
import sys

import pytest

from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import field, fields, is_record, record, replace


@record
class Base:
    first: int
    second: str = "two"


@record
class Derived(Base):
    second: str = "other"
    third: dict[str, int] = field(default_factory=dict)
    fourth: float = field(kw_only=True, metadata={"unit": "s"}, repr=False)


def test_a_record_is_a_dataclass_for_all_who_ask() -> None:
    one = Derived(1, fourth=4.0)
    assert dataclasses.is_dataclass(one) and dataclasses.is_dataclass(Derived) and is_record(one)
    assert [item.name for item in dataclasses.fields(one)] == ["first", "second", "third", "fourth"]
    assert [item.name for item in fields(one)] == ["first", "second", "third", "fourth"]
    assert [item.type for item in dataclasses.fields(Derived)] == [int, str, dict[str, int], float]
    assert dataclasses.fields(Derived)[3].metadata == {"unit": "s"}
    assert dataclasses.asdict(one) == {"first": 1, "second": "other", "third": {}, "fourth": 4.0}
    assert dataclasses.replace(one, first=2).first == replace(one, first=2).first == 2


def test_a_record_keeps_what_it_is_made_of() -> None:
    one, other = Derived(1, fourth=4.0), Derived(1, fourth=4.0)
    assert one != other and one.third is not other.third
    assert repr(one) == "Derived(first=1, second='other', third={})"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.first = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.first
    with pytest.raises(TypeError, match="fourth"):
        Derived(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="fifth"):
        Derived(1, fourth=4.0, fifth=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="5"):
        Derived(1, "", {}, 5, fourth=4.0)  # type: ignore[misc]
    with pytest.raises(TypeError, match="fifth"):
        replace(one, fifth=5)


def test_a_copy_of_a_quantity_has_the_kind_of_its_new_source() -> None:
    given = Quantity(1.0, "s", source=Source("given"))
    assert replace(given, source=Source("assumed")).kind == "assumed"
    assert replace(given, value=2.0).kind == "given"


def test_records_need_no_dataclasses() -> None:
    code = "import sys, rackcalc.estimation.estimate; print(*({'dataclasses', 'inspect'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
