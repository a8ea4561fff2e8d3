"""One rack: conservation, ordering and published systems."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.heat import chip_temperatures, rack_airflow
from rackcalc.formulas.heat.chip_temperatures import Pool
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.heat.rack_cooling import Thermal, cool
from rackcalc.quantities.quantity import Quantity, constant

CFM = 0.3048**3 / 60
LPM = 1e-3 / 60


def q(value: Any, unit: str) -> Quantity:
    return constant(value, unit, unit, "assumed")


def pool(count: float = 8, utilization: Any = 1.0, tdp: float = 1000, leakage: float = 0.1, limit: float = 89) -> Pool:
    return Pool(
        count=q(count, "1"), tdp=q(tdp, "W"), idle_power=q(0.14 * tdp, "W"), utilization=q(utilization, "1"),
        leakage_share=q(leakage, "1"), temperature_limit=q(limit + 273.15, "K"),
    )  # fmt: skip


def rack(
    name: str = "air-contained", *, host: float = 4870, fans: float = 0.1, **options: Any
) -> tuple[Power, Thermal]:
    pools = options.pop("pools", None) or {"gpu": pool(**options.pop("chips", {}))}
    return cool(pools, load_part("cooling", name), q(host, "W"), q(fans, "1"), **options)


@pytest.mark.parametrize("name", part_names("cooling"))
@settings(max_examples=5, deadline=None)
@given(utilization=st.floats(0.05, 1), altitude=st.floats(0, 2500))
def test_every_watt_in_comes_out(name: str, utilization: float, altitude: float) -> None:
    pools = {"gpu": pool(utilization=utilization), "lpu": pool(count=4, tdp=300, utilization=0.6)}
    power, heat = rack(name, pools=pools, altitude=q(altitude, "m"))
    chips = 8 * heat.chip_power["gpu"].value + 4 * heat.chip_power["lpu"].value
    assert power.chips.value == pytest.approx(chips, rel=1e-12)
    assert power.it.value == pytest.approx(chips + power.host.value + power.fans.value, rel=1e-12)
    assert heat.heat_to_air.value + heat.heat_to_liquid.value == pytest.approx(power.it.value, rel=1e-9)
    part = load_part("cooling", name)
    assert power.facility.value == pytest.approx(power.it.value * part.pue.value)
    density = rack_airflow.moist_air_density(q(altitude, "m"), part.air_supply).value
    by_air = density * 1006.0 * heat.airflow.value * (heat.exhaust.value - heat.inlet.value)
    assert by_air == pytest.approx(heat.heat_to_air.value, rel=1e-9, abs=1e-6)
    if heat.coolant_flow is not None:
        carried = part.coolant_density.value * part.coolant_heat_capacity.value * part.coolant_rise.value
        assert carried * heat.coolant_flow.value == pytest.approx(heat.heat_to_liquid.value, rel=1e-9)


def test_dgx_b200_at_full_load_draws_its_rating_and_stays_on_air() -> None:
    power, heat = rack()
    assert power.it.value == pytest.approx(14.3e3, rel=0.01)  # the published maximum; host is what it leaves
    assert power.fans.value == pytest.approx(0.1 * 14.3e3, rel=0.01)
    assert heat.airflow.value / CFM == pytest.approx(117.0 * 14.3, rel=0.03)  # the trade's 117 CFM/kW at 15 K
    assert heat.outlet.value - heat.inlet.value == pytest.approx(15, abs=0.2)
    assert heat.rack_headroom.value > 0 and heat.clock_share["gpu"].value > 0.97
    assert rack("air")[1].rack_headroom.value < 0  # perimeter cooling without containment is where air fails


def test_starved_airflow_gives_the_55_degree_outlet() -> None:
    part = replace(load_part("cooling", "air-contained"), recirculation=q(0.0, "1"))
    chips = {"gpu": pool(leakage=0.0, limit=200)}
    power, heat = cool(chips, part, q(6000.0, "W"), q(0.0, "1"), inlet=q(300.15, "K"), airflow=q(878 * CFM, "m^3/s"))
    assert power.it.value == pytest.approx(14e3)
    assert heat.outlet.value - 273.15 == pytest.approx(55, abs=1.0)  # 1.08 rule: 28 K; moist air at 27 degC: 2 % more


def test_rubin_rack_on_45_degree_water() -> None:
    # 227 kW at MaxP; the published flow at 45 degC is 320 l/min
    chips = {"gpu": pool(count=72, tdp=2300, limit=200)}
    power, heat = rack("warm-water", pools=chips, host=227e3 - 72 * 2300, fans=0.0)
    assert power.it.value == pytest.approx(227e3, rel=0.1)
    assert heat.coolant_flow is not None and heat.coolant_outlet is not None
    assert heat.coolant_flow.value / power.it.value == pytest.approx(320 * LPM / 227e3, rel=0.1)
    assert heat.coolant_outlet.value - 273.15 == pytest.approx(55)
    assert heat.facility_supply.value - 273.15 == pytest.approx(41)


@settings(max_examples=15, deadline=None)
@given(st.floats(10, 35), st.floats(0, 10), st.sampled_from(["air", "rear-door", "direct-liquid", "immersion"]))
def test_warmer_supply_never_cools_a_chip(celsius: float, more: float, name: str) -> None:
    cold, warm = (rack(name, inlet=q(t + 273.15, "K"))[1] for t in (celsius, celsius + more))
    assert warm.junction["gpu"].value >= cold.junction["gpu"].value - 1e-6
    assert warm.clock_share["gpu"].value <= cold.clock_share["gpu"].value


def test_load_altitude_and_missing_air_all_heat_the_chip() -> None:
    def hot(**options: Any) -> float:
        return float(
            rack(chips=options.pop("chips", {"limit": 300, "utilization": 0.7}), **options)[1].junction["gpu"].value
        )

    assert hot(chips={"limit": 300, "utilization": 0.8}, airflow=q(0.8, "m^3/s")) > hot(airflow=q(0.8, "m^3/s"))
    assert hot(altitude=q(2000.0, "m"), airflow=q(0.8, "m^3/s")) > hot(airflow=q(0.8, "m^3/s"))
    assert hot(airflow=q(0.4, "m^3/s")) > hot(airflow=q(0.8, "m^3/s"))


def test_a_hot_inlet_throttles_to_the_limit_and_saves_power() -> None:
    cool_power, _ = rack(chips={"limit": 75})
    hot_power, heat = rack(chips={"limit": 75}, inlet=q(313.15, "K"))
    assert 0 < heat.clock_share["gpu"].value < 1
    assert heat.headroom["gpu"].value == pytest.approx(0, abs=1e-6)
    assert hot_power.chips.value < cool_power.chips.value


def test_tdp_is_a_cap_and_a_lower_power_limit_is_kept() -> None:
    limited = replace(pool(limit=300), power_limit=q(700.0, "W"))
    assert rack(chips={"limit": 300})[1].chip_power["gpu"].value <= 1000 * (1 + 1e-9)
    heat = rack(pools={"gpu": limited})[1]
    assert heat.chip_power["gpu"].value == pytest.approx(700) and heat.clock_share["gpu"].value < 1


def test_a_liquid_rack_keeps_its_own_liquid_share_and_cannot_run_on_its_few_fans() -> None:
    chips, built = {"count": 72, "tdp": 1200}, q(0.87, "1")
    power, heat = rack("direct-liquid", chips=chips, host=31.2e3, fans=0.02, built_liquid_share=built)
    assert heat.heat_to_liquid.value == pytest.approx(0.87 * power.it.value)
    assert power.fans.value == pytest.approx(0.02 * power.it.value, rel=0.05) and heat.rack_headroom.value > 0
    assert rack(chips=chips, host=31.2e3, fans=0.02, built_liquid_share=built)[0].it.value == np.inf


def test_immersion_needs_neither_fans_nor_air() -> None:
    power, heat = rack("immersion")
    assert power.fans.value == 0 and heat.airflow.value == 0
    assert heat.outlet.value == heat.inlet.value and heat.heat_to_air.value == 0


def test_less_load_slows_the_fans_by_the_cube() -> None:
    full, half = rack(), rack(chips={"utilization": 0.3})
    ratio = half[1].airflow.value / full[1].airflow.value
    assert ratio < 0.75
    assert half[0].fans.value / full[0].fans.value == pytest.approx(ratio**3)


def test_a_sweep_is_the_same_code() -> None:
    loads = np.array([0.2, 0.6, 1.0])
    power, heat = rack(chips={"utilization": loads})
    for i, load in enumerate(loads):
        one_power, one_heat = rack(chips={"utilization": float(load)})
        assert power.facility.value[i] == pytest.approx(one_power.facility.value, rel=1e-9)
        assert heat.junction["gpu"].value[i] == pytest.approx(one_heat.junction["gpu"].value, rel=1e-9)


def test_a_chip_states_its_resistance_or_the_cooling_does() -> None:
    b200 = load_part("gpus", "b200-sxm")
    assert chip_temperatures.resistance_of(b200, load_part("cooling", "air")) is b200.thermal_resistance_air
    assert chip_temperatures.resistance_of(b200, load_part("cooling", "warm-water")) is b200.thermal_resistance_liquid
    assert chip_temperatures.resistance_of(b200, load_part("cooling", "immersion")) is None


def test_catalog_pue_and_limits_are_ordered_as_published() -> None:
    parts = [
        load_part("cooling", name) for name in ("air", "air-contained", "rear-door", "direct-liquid", "warm-water")
    ]
    pue, limit = [p.pue.value for p in parts], [p.rack_limit.value for p in parts]
    assert pue == sorted(pue, reverse=True) and limit == sorted(limit)
