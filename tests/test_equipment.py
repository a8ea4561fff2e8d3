"""A rack with its cooling equipment, electrical supply and weather: sums, laws, refusals."""

import math
from pathlib import Path
from typing import Any

import psychrolib
import pytest

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.config.racks import load_text
from rackcalc.config.weather_file import read_weather
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError

psychrolib.SetUnitSystem(psychrolib.SI)
RACK = """
name: A rack with its equipment
accelerators: {gpu: {part: b200-sxm, count: 8, system: dgx-b200}}
model: bert-large
workload: {input: 128 token, batch: 1, arrival_rate: 200 request/s, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
site:
  cooling: direct-liquid
  plant: {climate: new-jersey, cdu: in-rack-80kw}
  supply: {}
  region: us-new-jersey
"""

DECODER = (  # tokens that an API sells
    "model=llama-3.3-70b",
    "workload={input: 1024 token, output: 512 token, concurrency: 16, precision: fp8}",
    "serving={split: gpu, runtime: vllm, tensor_parallel: 8}",
)


def computed(*sets: str, text: str = RACK, file: str = "rack.yaml") -> Any:
    return estimate(load_text(text, file, sets=sets))


def problems(*sets: str) -> str:
    with pytest.raises(InputError) as error:
        computed(*sets)
    return str(error.value)


def weather(celsius: Any, humidity: Any) -> str:
    """An EPW file of a year. celsius, humidity: of the hour."""
    head = ["LOCATION,Somewhere,NJ,USA,TEST,0,40.7,-74.2,-5.0,9.0", *["LINE"] * 7]
    rows = [
        f"2023,1,1,{i % 24 + 1},0,?,{celsius(i)},{celsius(i) - 5},{humidity(i)},101325" + ",0" * 25 for i in range(8760)
    ]
    return "\n".join(head + rows) + "\n"


def seasons(i: int) -> float:
    return round(12 - 13 * math.cos(2 * math.pi * i / 8760) - 5 * math.cos(2 * math.pi * (i - 3) / 24), 1)


def moist(i: int) -> int:
    return 70 + int(20 * math.cos(2 * math.pi * (i - 3) / 24))


def test_facility_power_is_what_its_parts_draw() -> None:
    found = computed()
    power, plant, supply = found.power, found.plant, found.supply
    assert power.facility.value == pytest.approx(power.it.value + plant.power.value + supply.losses.value)
    assert plant.power.value == pytest.approx(plant.pumps.value + plant.fans.value + plant.compressor.value)
    assert power.peak.facility.value > power.peak.it.value + plant.power.value
    assert found.thermal.pue.value == pytest.approx(power.facility.value / power.it.value)


def test_all_heat_leaves_the_building() -> None:
    """What the outdoor equipment takes is what the servers and the fans indoors draw."""
    found = computed("site.plant.liquid_rejection=air-cooled-chiller")
    heat = found.plant.power.inputs["fans"].inputs  # outdoor fans by loop, and the air handlers'
    assert set(heat) == {"air", "liquid", "air_handlers"}
    air = heat["air"].inputs["january"].inputs["heat"].value
    liquid = heat["liquid"].inputs["january"].inputs["heat"].value
    assert air + liquid == pytest.approx(found.power.it.value + heat["air_handlers"].value)


def test_without_the_supply_the_stated_pue_stays_and_a_note_says_so() -> None:
    found = computed("site.supply=")
    assert found.power.facility.value == pytest.approx(1.2 * found.power.it.value)
    assert any("site.supply" in note for note in found.notes)


@pytest.mark.parametrize("cooling", ["air", "rear-door", "direct-liquid", "immersion"])
def test_prices_of_equipment_replace_the_premium_and_add_up(cooling: str) -> None:
    found = computed(f"site.cooling={cooling}", "site.plant.door=passive-50kw")
    terms = found.cost.capex_terms
    assert "cooling" not in terms
    own = [price.value for name, price in terms.items() if name.startswith("cooling_")]
    assert sum(own) == pytest.approx(found.plant.capex.value)
    bare = found.plant.capex.value - found.plant.capex_terms["installation"].value
    assert found.plant.capex_terms["installation"].value == pytest.approx(0.3 * bare)
    assert found.plant.share_of_rack.value == pytest.approx(found.plant.capex.value / found.cost.capex.value)


def test_a_cdu_of_its_own_costs_a_small_rack_more_than_its_part_of_a_shared_one() -> None:
    alone = computed().plant
    shared = computed("site.plant.cdu=in-row-1mw", "site.plant.other_heat=700 kW").plant
    assert alone.cdus.value == 2 and shared.cdus.value == 2
    assert shared.capex.value < alone.capex.value
    assert alone.capex_terms["cdu"].value == 2 * 24000


def test_more_spare_units_cost_more_and_cool_no_worse() -> None:
    lone, spare = computed("site.plant.spare=0").plant, computed("site.plant.spare=2").plant
    assert (lone.cdus.value, spare.cdus.value) == (1, 3)
    assert spare.capex.value > lone.capex.value and spare.cdu_approach.value == lone.cdu_approach.value


def test_products_built_for_liquid_have_their_plates_in_their_price() -> None:
    text = RACK.replace("b200-sxm, count: 8, system: dgx-b200", "gb200, count: 72, system: gb200-nvl72")
    assert computed("site.cooling.rack_limit=200 kW", text=text).plant.capex_terms["plates"].value == 0
    assert computed().plant.capex_terms["plates"].value == 8 * 400


def test_warm_water_needs_no_chiller_where_chilled_water_does() -> None:
    cold = computed("site.plant.liquid_rejection=air-cooled-chiller", "site.inlet=18 degC").plant
    warm = computed("site.plant.liquid_rejection=air-cooled-chiller", "site.inlet=45 degC").plant
    assert warm.free_cooling["liquid"].value == pytest.approx(1.0)
    assert cold.free_cooling["liquid"].value < 0.9 and cold.power.value > warm.power.value


def test_a_dry_cooler_that_is_too_warm_is_named() -> None:
    found = computed()
    assert found.plant.supply_margin["liquid"].value < 0
    assert any("liquid_rejection has no compressor" in note for note in found.notes)
    warm = computed("site.inlet=50 degC")
    assert warm.plant.too_warm["liquid"].value == 0
    assert not any("no compressor" in note for note in warm.notes)


def test_a_tower_uses_water_and_a_dry_coil_none() -> None:
    dry = computed().plant
    wet = computed("site.plant.liquid_rejection=cooling-tower").plant
    assert dry.water.value == 0 and wet.wue.value > 0
    litres_per_kwh = 3.6e9 * wet.wue.value  # all heat to liquid: 1.48 * 0.85 * 4 / 3 of the share on liquid
    assert litres_per_kwh == pytest.approx(1.486 * 0.85 * 4 / 3 * 0.8, rel=0.01)


def test_reserved_power_by_plate_by_profile_and_by_meter() -> None:
    plate = computed().supply
    profiled = computed("site.supply.provisioning=profiled").supply
    metered = computed("site.supply={provisioning: metered, metered: 9 kW}")
    assert plate.reserved.value == 14300 and profiled.reserved.value == pytest.approx(0.82 * 14300)
    assert metered.supply.reserved.value == 9000
    space = [run.cost.opex_terms["space"].value for run in (computed(), metered)]
    assert space[1] / space[0] == pytest.approx(9000 / 14300)
    low = computed("site.supply={provisioning: metered, metered: 3 kW}")
    assert low.supply.margin.value < 0 and any("site.supply reserves" in note for note in low.notes)


def test_carbon_follows_the_region_and_the_energy() -> None:
    here, there = computed(), computed("site.region=france")
    assert here.carbon.rate.value == pytest.approx(here.power.facility.value * 0.271779 / 3.6e6)
    assert here.carbon.rate.value / there.carbon.rate.value == pytest.approx(0.271779 / 0.056)
    assert here.carbon.per_request.value == pytest.approx(here.carbon.rate.value / 200)


def test_a_year_of_weather_from_a_file_agrees_with_every_hour_of_it(tmp_path: Path) -> None:
    (tmp_path / "year.epw").write_text(weather(seasons, moist))
    file = str(tmp_path / "rack.yaml")
    own = computed("site.cooling=air", "site.plant.climate={weather: %s}" % (tmp_path / "year.epw"), file=file)
    heat = own.power.it.value * 1.06  # all of it goes to the room's air, as do the fans of the air handlers
    total = free = 0.0
    supply = 22 - 7  # degC: air supply of the cooling, less the approach of the air handler
    for i in range(8760):
        outdoor = seasons(i)
        free_share = min(max((supply + 6 - outdoor - 6) / 6, 0.0), 1.0)
        lift = max(outdoor + 12 - supply, 10)
        total += heat * (1 - free_share) * lift / (0.45 * (supply + 273.15)) / 8760
        free += free_share / 8760
    assert own.plant.compressor.value == pytest.approx(total, rel=0.01)
    assert own.plant.free_cooling["air"].value == pytest.approx(free, abs=0.005)


def test_a_tower_meets_the_wet_bulb_that_psychrolib_computes(tmp_path: Path) -> None:
    place, hours = read_weather(weather(seasons, moist))
    assert place == "Somewhere, NJ, USA" and len(hours) == 8760
    for i in range(0, 8760, 97):
        wanted = psychrolib.GetTWetBulbFromRelHum(seasons(i), moist(i) / 100, 101325.0)
        assert hours[i].dry_bulb == pytest.approx(seasons(i) + 273.15)
        assert hours[i].wet_bulb - 273.15 == pytest.approx(wanted, abs=0.35)


def test_tmy3_and_epw_of_the_same_hours_are_the_same() -> None:
    rows = [f"01/01/1990,{i % 24 + 1}:00,{seasons(i)},{moist(i)},1013.25" for i in range(8760)]
    text = "\n".join(["725020,NEWARK,NJ,-5.0,40.7,-74.2,9", "Date,Time,Dry-bulb (C),RHum (%),Pressure (mbar)", *rows])
    place, hours = read_weather(text)
    assert place == "NEWARK, NJ" and hours == read_weather(weather(seasons, moist))[1]


def test_twelve_months_may_stand_in_the_rack_file() -> None:
    months = ", ".join(f"m{i}: {{dry_bulb: {10 + i} degC, swing: 8 K}}" for i in range(12))
    climate = f"{{name: ours, hottest_dry_bulb: 33 degC, periods: {{{months}}}}}"
    assert computed(f"site.plant.climate={climate}").plant.power.value > 0


def test_climates_of_the_catalog_are_possible_weather() -> None:
    """A wet bulb is never above the dry bulb and swings by less; hours make a year; the hottest hour is the hottest."""
    assert len(part_names("climates")) >= 6
    for name in part_names("climates"):
        climate = load_part("climates", name)
        hours = sum(period.duration.value for period in climate.periods.values()) / 3600
        assert hours == pytest.approx(8760), name
        for period in climate.periods.values():
            assert period.wet_bulb.value <= period.dry_bulb.value and period.wet_swing.value <= period.swing.value
            assert period.dry_bulb.value + period.swing.value / 2 < climate.hottest_dry_bulb.value
            assert period.wet_bulb.value + period.wet_swing.value / 2 < climate.hottest_wet_bulb.value


def test_warmer_places_cool_themselves_less() -> None:
    chiller = ("site.plant.air_rejection=air-cooled-chiller", "site.plant.liquid_rejection=air-cooled-chiller")
    by_warmth = ("london", "northern-virginia", "phoenix", "miami")
    found = [computed(f"site.plant.climate={name}", *chiller).plant for name in by_warmth]
    free = [plant.free_cooling["air"].value for plant in found]
    assert free == sorted(free, reverse=True) and free[0] > 0.7 and free[-1] < 0.1


def test_a_tower_meets_the_swing_of_the_wet_bulb() -> None:
    """With no swing of the wet bulb there is one temperature all day; a dry coil does not see it."""

    def years(wet: str, rejection: str) -> Any:
        period = f"{{dry_bulb: 30 degC, wet_bulb: 20 degC, swing: 12 K, wet_swing: {wet}, duration: 8760 hour}}"
        climate = f"{{name: x, hottest_dry_bulb: 40 degC, hottest_wet_bulb: 28 degC, periods: {{all: {period}}}}}"
        return computed(
            f"site.plant.climate={climate}", f"site.plant.liquid_rejection={rejection}", "site.inlet=22 degC"
        ).plant

    assert years("0 K", "dry-cooler").too_warm["liquid"].value == years("12 K", "dry-cooler").too_warm["liquid"].value
    still, wild = years("0 K", "cooling-tower"), years("16 K", "cooling-tower")
    assert still.fans.value != wild.fans.value


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("site.plant.cdu=",), "site.plant.cdu: is missing; cooling direct-liquid needs it"),
        (("site.cooling=rear-door",), "site.plant.door: is missing; cooling rear-door needs it"),
        (("site.supply.provisioning=metered",), "site.supply.metered: is missing; provisioning metered needs it"),
        (("site.plant.climate={weather: none.epw}",), "none.epw: no such file"),
        (("site.plant={cdu: in-rack-80kw}",), "site.plant.climate: is missing"),
        (
            ("site.plant.climate={name: x, hottest_dry_bulb: 30 degC, periods: {all: {dry_bulb: 10 degC}}}",),
            "the periods make 730 hours and a year has 8760",
        ),
        (
            (
                "site.plant.climate={name: x, hottest_dry_bulb: 30 degC, "
                "periods: {all: {dry_bulb: 10 degC, duration: 8760 hour}}}",
                "site.plant.liquid_rejection=cooling-tower",
            ),
            "periods.all.wet_bulb: is missing; a cooling tower meets the wet bulb",
        ),
    ],
)
def test_what_is_missing_is_named(sets: tuple[str, ...], words: str) -> None:
    assert words in problems(*sets)


PAID = ("cooling_", "electrical_supply")  # how terms of the equipment's cost begin


@pytest.mark.parametrize(
    ("sets", "pays"),
    [
        ((), True),
        (("economics.acquisition=rent", "economics.rent_covers=hardware"), True),
        (("economics.acquisition=rent", "economics.rent_covers=everything"), False),
        (("economics.acquisition=api", *DECODER), False),
    ],
)
def test_who_does_not_own_the_place_buys_no_equipment_for_it(sets: tuple[str, ...], pays: bool) -> None:
    cost = computed(*sets).cost
    for terms in (cost.capex_terms, cost.opex_terms):
        assert any(name.startswith(PAID) for name in terms) is pays, sets
    assert (cost.capex.value > 0) is pays
    shares = computed(*sets).plant.share_of_rack
    assert (shares is None) is bool(sets), "a share of the price of a rack that is bought"


@pytest.mark.parametrize("cooling", ["air", "direct-liquid"])
def test_hours_without_load_are_on_the_same_equipment(cooling: str) -> None:
    """A load that hardly ever runs costs the energy, water and carbon of a rack at rest, by its equipment."""
    sets = (f"site.cooling={cooling}", "site.plant.air_rejection=cooling-tower", "workload.arrival_rate=4000 request/s")
    never = computed(*sets, "economics.utilization=1e-9")
    rest = computed(*sets[:2], "workload.arrival_rate=1e-6 request/s")
    terms = [one.cost.opex_terms for one in (never, rest)]
    for name in ("energy", "cooling_water"):
        assert terms[0][name].value == pytest.approx(terms[1][name].value, rel=1e-3), name
    assert never.carbon.rate.value == pytest.approx(rest.carbon.rate.value, rel=1e-3)
    half, always = computed(*sets, "economics.utilization=0.5"), computed(*sets)
    for figure in ("energy", "cooling_water"):
        whole, idle = always.cost.opex_terms[figure].value, terms[0][figure].value
        assert half.cost.opex_terms[figure].value == pytest.approx((whole + idle) / 2)
    assert half.carbon.per_request.value * 2000 == pytest.approx(half.carbon.rate.value)


@pytest.mark.parametrize("running", ["1", "0.3"])
def test_carbon_is_of_the_energy_that_is_paid(running: str) -> None:
    found = computed(f"economics.utilization={running}", "economics.electricity=0.1 USD/kWh")
    energy = found.cost.opex_terms["energy"].value / (0.1 / 3.6e6)  # W
    region = found.carbon.rate.inputs["carbon"].value
    assert found.carbon.rate.value == pytest.approx(energy * region)


def test_equipment_that_is_priced_twice_is_refused_or_said() -> None:
    assert "beside site.plant" in problems("economics.equipment.cooling=1000 USD")
    both, bare = computed(), computed("economics.space=50 USD/kW/month")
    assert any("colocation" in note for note in both.notes)
    assert not any("colocation" in note for note in bare.notes)


def test_terms_have_names_that_a_gate_can_say() -> None:
    found = computed("site.plant.air_rejection=cooling-tower")
    for terms in (found.cost.capex_terms, found.cost.opex_terms, found.plant.capex_terms, found.cost.per_hour_terms):
        assert all(" " not in name and "," not in name for name in terms), list(terms)


def test_a_supply_below_the_mean_draw_is_refused() -> None:
    words = problems("site.supply={provisioning: metered, metered: 1 kW}")
    assert "site.supply.metered" in words and "reserve more" in words


@pytest.mark.parametrize(
    ("climate", "words"),
    [
        (
            "hottest_dry_bulb: 1 degC, periods: {all: {dry_bulb: 30 degC, duration: 8760 hour}}",
            "above hottest_dry_bulb",
        ),
        (
            "hottest_dry_bulb: 35 degC, periods: {all: {dry_bulb: 12 degC, wet_bulb: 20 degC, duration: 8760 hour}}",
            "no air is more than saturated",
        ),
        (
            "hottest_dry_bulb: 35 degC, hottest_wet_bulb: 40 degC, "
            "periods: {all: {dry_bulb: 12 degC, duration: 8760 hour}}",
            "no air is more than saturated",
        ),
    ],
)
def test_impossible_weather_is_refused(climate: str, words: str) -> None:
    assert words in problems(f"site.plant.climate={{name: x, {climate}}}")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: "no weather\n", "neither an EPW file"),
        (lambda text: "\n".join(text.splitlines()[:100]), "expected the 8760 hours of a year, got 92"),
        (lambda text: text.replace(",101325,", ",999999,", 1), "are no weather; is a value missing?"),
        (lambda text: text.replace(",?,", ",?,cold,", 1), "expected dry bulb, relative humidity and pressure"),
    ],
)
def test_a_broken_weather_file_is_refused_at_its_line(tmp_path: Path, spoil: Any, words: str) -> None:
    path = tmp_path / "year.epw"
    path.write_text(spoil(weather(seasons, moist)))
    said = problems(f"site.plant.climate={{weather: {path}}}")
    assert words in said and str(path) in said


def test_a_part_that_the_user_did_not_name_is_not_said_to_have_no_effect() -> None:
    """Where heat goes to the air of the room, the outdoor equipment for liquid, a default, has none."""
    to_air = computed("site.plant.cdu=sidecar-70kw-to-air")
    assert not any("liquid_rejection" in note for note in to_air.notes)
    named = computed("site.plant.cdu=sidecar-70kw-to-air", "site.plant.liquid_rejection=dry-cooler")
    assert any("no figure depends on site.plant.liquid_rejection" in note for note in named.notes)
