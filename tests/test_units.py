"""Reading and writing of values with units."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.quantities import unit_text, units
from rackcalc.quantities.units import UnitError
from rackcalc.quantities.units_table import TABLE


def test_the_table_is_what_pint_generates() -> None:
    from pathlib import Path

    assert Path(units.__file__).with_name("units_table.py").read_text(encoding="utf-8") == units.write_table()


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("900 GB/s", "B/s", 900e9),
        ("400 Gb/s", "B/s", 50e9),  # bits; pint's own registry would read gilbert
        ("64 MiB", "B", 64 * 2**20),
        ("64MiB", "B", 64 * 2**20),
        ("27 degC", "K", 300.15),
        ("80.6 degF", "K", 300.15),
        ("0.10 USD/kWh", "USD/J", 0.1 / 3.6e6),
        ("184 USD/kW/month", "USD/J", 184 / (1000 * 730 * 3600)),
        ("10 percent/year", "1/s", 0.1 / (8760 * 3600)),
        ("0.7 percent/ms/year", "1/s^2", 0.007 / 1e-3 / (8760 * 3600)),
        ("0.60 USD/Mtok", "USD/token", 0.6e-6),
        ("1e3", "1", 1000.0),
        ("85 %", "1", 0.85),
        ("1_000 W", "W", 1000.0),
        ("1638 CFM", "m^3/s", 1638 * 0.3048**3 / 60),
        ("3 MB per minute", "B/s", 50e3),  # not in the table: pint reads it
    ],
)
def test_parse(text: str, unit: str, value: float) -> None:
    assert unit_text.parse(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("1000", "W", 'expected a power such as "1000 W", got the bare number 1000: add a unit, as in "1000 W"'),
        ("1000 GB/s", "W", 'expected a power such as "1000 W", got "1000 GB/s", which is a bandwidth'),
        ("900 GHz", "B/s", "which is a rate or frequency"),
        ("$5", "USD", "write USD"),
        ("5 €", "USD", "write USD"),
        ("08", "1", "leading zero"),
        ("12:30", "s", "base-60"),
        ("1,000 W", "W", "without commas"),
        ("nan W", "W", "expected a power"),
        ("inf s", "s", "expected a time"),
        ("1e400 s", "s", "too large"),
        ("5 furlongs", "m", '"furlongs" is not a unit'),
        ("fast", "s", "expected a time"),
        ("5 __import__('os')", "s", "is not a unit"),
    ],
)
def test_parse_refuses(text: str, unit: str, message: str) -> None:
    with pytest.raises(units.UnitError) as error:
        unit_text.parse(text, unit)
    assert message in str(error.value)


@given(st.sampled_from(sorted(TABLE)), st.floats(1e-6, 1e6))
def test_round_trip(spelling: str, number: float) -> None:
    unit, factor, offset = TABLE[spelling]
    canonical = number * factor + offset
    assert unit_text.convert(canonical, unit, spelling) == pytest.approx(number, rel=1e-6)


@given(st.sampled_from(sorted(units.DIMENSIONS)), st.floats(1e-9, 1e15))
def test_what_is_shown_can_be_read_back(unit: str, value: float) -> None:
    text = unit_text.show(value, unit).replace(",", "")
    assert unit_text.parse(text, unit) == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0018, "s", "1.8 ms"),
        (900e9, "B/s", "900 GB/s"),
        (950_000, "USD", "950,000 USD"),
        (1.2e-6, "USD/token", "1.2 USD/Mtoken"),
        (14_300, "W", "14.3 kW"),
        (0.0, "s", "0 s"),
        (math.inf, "s", "unbounded"),
        (math.nan, "s", "none"),
    ],
)
def test_show(value: float, unit: str, text: str) -> None:
    assert unit_text.show(value, unit) == text


@pytest.mark.parametrize("prefix", ["", "m", "u", "µ", "n"])
def test_a_time_per_token_may_be_given_as_a_time(prefix: str) -> None:
    assert unit_text.parse(f"40 {prefix}s", "s/token") == unit_text.parse(f"40 {prefix}s", "s")


@pytest.mark.parametrize("other", ["40 minutes", "40 W", "40 s/request", "40 ms^2"])
def test_what_is_no_time_per_token_is_refused(other: str) -> None:
    with pytest.raises(UnitError, match="time per token"):
        unit_text.parse(other, "s/token")
