"""A rack file by year: what each year sets, what is said of it, prices that decline, and what waiting is worth."""

import json
from pathlib import Path
from typing import Any

import pytest
from program import run

from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError
from rackcalc.schemas.rack_file import rack_schema
from rackcalc.spec.years import year_number

RACK = """\
name: chat
accelerators: {gpu: {part: h100-sxm, count: 8, system: dgx-h100}}
model: llama-3.3-70b
workload: {input: 1024 token, output: 512 token, concurrency: 256, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 8}
site: {cooling: air}
economics: {price_decline: 20 percent/year, token_prices: {input: 0.5 USD/Mtoken, output: 0.5 USD/Mtoken}}
years:
  2026: {says: as today}
  mid-2025:
    set: {workload.concurrency: 128}
    vendor: [{says: GB300 NVL72, standing: shipping, source: NVIDIA}]
  2028:
    set: {economics.token_prices.output: 0.25 USD/Mtoken}
scenarios:
  small: {workload.concurrency: 8}
"""


def cost(scenario: str, *sets: str, rack: str = RACK) -> Any:
    return estimate(load_text(rack, "rack.yaml", scenario, sets))


def said(text: str, scenario: str = "") -> str:
    with pytest.raises(InputError) as caught:
        load_text(text, "rack.yaml", scenario)
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rack.yaml").write_text(RACK)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "number"),
    [("2026", 2026.0), ("early-2026", 2026.0), ("mid-2025", 2025.5), ("late-2027", 2027.75), ("soon", None)],
)
def test_labels(label: str, number: float | None) -> None:
    assert year_number(label) == number


def test_what_a_year_sets_holds_in_later_years_and_not_before() -> None:
    at = {year: load_text(RACK, "rack.yaml", f"@{year}").rack for year in ("mid-2025", "2026", "2028")}
    assert [rack.workload.concurrency.value for rack in at.values()] == [128, 128, 128]
    prices = [rack.economics.token_prices.output.value for rack in at.values()]
    assert prices == pytest.approx([0.5e-6, 0.5e-6, 0.25e-6])
    assert load_text(RACK, "rack.yaml").rack.workload.concurrency.value == 256
    assert load_text(RACK, "rack.yaml", "small@2028").rack.workload.concurrency.value == 8  # the scenario is on top
    assert at["mid-2025"].economics.year.value == 2025.5


def test_prices_of_the_catalog_decline_and_stated_ones_do_not() -> None:
    now = cost("@2026").cost.capex.value
    assert now == cost("").cost.capex.value == 350_000
    assert cost("@2028").cost.capex.value == pytest.approx(350_000 * 0.8**2)
    assert cost("@mid-2025").cost.capex.value == pytest.approx(350_000 * 0.8**-0.5)
    assert cost("@2028", "economics.price.gpu=300000 USD").cost.capex.value == 300_000
    assert cost("@2028", "economics.price_decline=").cost.capex.value == 350_000
    rented = [cost(year, "economics.acquisition=rent").cost.opex.value for year in ("@2026", "@2028")]
    assert rented[1] == pytest.approx(rented[0] * 0.8**2)


def test_parts_of_a_price_decline_with_it() -> None:
    found = cost("@2028").cost
    assert sum(float(term.value) for term in found.per_hour_terms.values()) == pytest.approx(found.per_hour.value)
    assert "gpu_chips" in found.per_hour_terms


def test_the_roadmap_stands_in_the_notes(folder: Path) -> None:
    done = run("estimate", "rack.yaml", "--year", "mid-2025", "--json", "--no-interval", cwd=folder)
    report = json.loads(done.stdout)
    assert "mid-2025, shipping: GB300 NVL72 (NVIDIA)" in report["notes"] and report["scenario"] == "@mid-2025"
    assert not any("economics.year" in note for note in report["notes"])  # nobody wrote it


def test_years_side_by_side_and_what_waiting_is_worth(folder: Path) -> None:
    done = run("compare", "rack.yaml", "--years", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [column["scenario"] for column in found["columns"]] == ["@mid-2025", "@2026", "@2028"]
    npv = [float(cost(column["scenario"]).roi.npv.value) for column in found["columns"]]
    for one in found["waiting"]:
        later = npv[one["column"]] * 1.1 ** -one["years"]  # 10 % a year, the price book's
        assert one["worth"] == pytest.approx(later - npv[0])
    assert [one["years"] for one in found["waiting"]] == [0.5, 2.5]
    text = run("compare", "rack.yaml", "--years", cwd=folder).stdout.decode()
    assert "waiting 2.5 years, from mid-2025 to 2028, loses" in text


def test_a_year_is_a_date_and_not_a_number_in_doubt(folder: Path) -> None:
    """The year of the catalog's prices is assumed, and still certain; half a year is not rounded away."""
    done = run("estimate", "rack.yaml", "--set", "economics.year=2027.5", "--json", cwd=folder)
    capex = json.loads(done.stdout)["cost"]["capex"]
    kept = 0.8**1.5
    assert capex["low"] == pytest.approx(270000 * kept, rel=0.05) and capex["high"] == pytest.approx(
        460000 * kept, rel=0.05
    )
    text = run("explain", "rack.yaml", "cost.capex", "--scenario", "@mid-2025", cwd=folder).stdout.decode()
    assert "2025.5 - 2026)" in text
    assert "2025.5" in run("compare", "rack.yaml", "--years", cwd=folder).stdout.decode()


def test_two_years_at_once_and_free_hardware_are_refused(folder: Path) -> None:
    twice = run("estimate", "rack.yaml", "--scenario", "small@2026", "--year", "2028", cwd=folder)
    assert twice.returncode == 2 and b"write --scenario small beside --year" in twice.stderr
    free = run("estimate", "rack.yaml", "--set", "economics.price_decline=120 percent/year", cwd=folder)
    assert free.returncode == 2 and b"at most 99 %/year" in free.stderr


def test_years_can_be_swept(folder: Path) -> None:
    done = run("sweep", "rack.yaml", "--vary", "scenario=@2026,@2028", "--get", "cost.capex", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert b"350,000" in done.stdout and b"224,000" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026: {says: as today}", "soon: {says: as today}", "rack.yaml:9:3: years.soon: expected a year such as 2026"),
        ("says: as today", "say: as today", "rack.yaml:9:10: years.2026.say: unknown key; did you mean says?"),
        ("workload.concurrency: 128", "workload.concurency: 128", "rack.yaml:11:11: years.mid-2025.set.workload.concu"),
        ("standing: shipping", "standing: rumour", "rack.yaml:12:44: years.mid-2025.vendor[0].standing: expected one"),
        ("{says: as today}", "today", "rack.yaml:9:9: years.2026: expected a mapping with says, set, vendor"),
    ],
)
def test_a_mistake_in_a_year_has_its_place(old: str, new: str, message: str) -> None:
    assert message in said(RACK.replace(old, new))


def test_a_year_that_is_not_there(folder: Path) -> None:
    assert 'no year "2030"' in said(RACK, "@2030") and "known: mid-2025, 2026, 2028" in said(RACK, "@2030")
    none = run("compare", "bert-a100", "--years", cwd=folder)
    assert none.returncode == 2 and b"write what changes in which year" in none.stderr


def test_the_schema_has_years() -> None:
    assert set(rack_schema()["properties"]["years"]["additionalProperties"]["properties"]) == {"says", "set", "vendor"}


def test_the_article_has_its_years_and_the_makers_theirs() -> None:
    done = run("compare", "rack-of-god", "--years", "--json")
    found = json.loads(done.stdout)
    assert [column["scenario"] for column in found["columns"]] == ["@2024", "@mid-2025", "@2026", "@2028"]
    notes = [" ".join(column["notes"]) for column in found["columns"]]
    assert "announced: NVLink 6" in notes[1] and "shipping: Groq 3 LPX" in notes[2]


def test_a_reason_is_told_once_for_all_years_that_have_it() -> None:
    done = run("compare", "rack-of-god", "--years", "--all")
    text = done.stdout.decode()
    assert "Why cost.tco moved in 2028: as in 2026" in text and "Why latency.p99 moved in 2026: as in mid-2025" in text
    assert "2024: 2024" not in text
    assert "unknown (" not in text.partition("Changes are from")[0], "a column is as wide as its numbers"
    negative = [line for line in text.splitlines() if line.startswith("  by ") and "works against the change" in line]
    assert negative, "a rent of 143 % is explained by what it saves"


def test_a_decline_to_no_year_says_that_it_moves_nothing() -> None:
    assert any("price_decline moves them" in note for note in cost("").notes)
    assert not any("price_decline" in note for note in cost("@2028").notes)


def test_the_years_to_compare_can_be_named() -> None:
    some = json.loads(run("compare", "rack-of-god", "--years", "mid-2025,2026", "--json").stdout)
    assert [column["scenario"] for column in some["columns"]] == ["@mid-2025", "@2026"]
    wrong = run("compare", "rack-of-god", "--years", "2026,2031")
    assert wrong.returncode == 2 and b'no year "2031"; known: 2024' in wrong.stderr
    without = run("compare", "rack-of-god", "2026")
    assert without.returncode == 2 and b"2026: no such file" in without.stderr
