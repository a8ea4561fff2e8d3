"""Purchase, lease, cloud and API side by side, through the command line, against arithmetic on the printed figures."""

import json
from pathlib import Path
from typing import Any

import pytest
from program import run

RACK = """\
name: chat
accelerators: {gpu: {part: h100-sxm, count: 8, system: dgx-h100}}
model: llama-3.3-70b
workload: {input: 1024 token, output: 512 token, concurrency: 256, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 8}
site: {cooling: air}
economics: {utilization: 0.6}
scenarios:
  lease: {economics.acquisition: rent, economics.rent_per_gpu: 2.35 USD/GPU/hour}
  dear: {economics.acquisition: rent, economics.rent_per_gpu: 9 USD/GPU/hour}
  cloud: {economics.acquisition: rent, economics.rent_per_gpu: 2.95 USD/GPU/hour, economics.rent_for: hours of use}
  api: {economics.acquisition: api, economics.provider: deepinfra}
"""
YEAR = 8760 * 3600.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ways")
    (path / "rack.yaml").write_text(RACK)
    return path


def answered(folder: Path, *arguments: str) -> Any:
    done = run(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def cost(folder: Path, *arguments: str) -> Any:
    return answered(folder, "estimate", "rack.yaml", "--json", "--no-interval", *arguments)["cost"]


@pytest.fixture(scope="module")
def decisions(folder: Path) -> dict[str, Any]:
    names = ("lease", "dear", "cloud", "api")
    asked = [word for name in names for word in ("--scenario", name)]
    found = answered(folder, "compare", "rack.yaml", "--json", *asked)
    scenarios = [column["scenario"] for column in found["columns"]]
    return {scenarios[one["column"]]: one for one in found["decisions"]}


@pytest.mark.parametrize("name", ["lease", "dear", "cloud", "api"])
def test_what_is_saved_is_the_difference_of_both_costs(folder: Path, decisions: dict[str, Any], name: str) -> None:
    here, there = cost(folder), cost(folder, "--scenario", name)
    assert decisions[name]["saving"] == pytest.approx(here["tco"]["value"] - there["tco"]["value"])
    assert decisions[name]["term"] == ("api" if name == "api" else "rent_gpu")


@pytest.mark.parametrize("name", ["cloud", "api"])
def test_at_the_break_even_utilization_both_cost_the_same(folder: Path, decisions: dict[str, Any], name: str) -> None:
    used = decisions[name]["utilization"]
    if used is None:  # cheaper at any utilization: then at both ends
        ends = []
        for share in (0.01, 0.99):
            at = ("--set", f"economics.utilization={share}")
            ends.append((cost(folder, *at), cost(folder, "--scenario", name, *at)))
        assert len({a["tco"]["value"] > b["tco"]["value"] for a, b in ends}) == 1
        return
    at = ("--set", f"economics.utilization={used!r}")
    here, there = cost(folder, *at), cost(folder, "--scenario", name, *at)
    assert there["tco"]["value"] == pytest.approx(here["tco"]["value"], rel=1e-3)
    assert decisions[name]["cheaper_above"] is False, "who pays by use is the cheaper at little use"


def test_a_lease_that_is_always_paid_has_no_break_even_utilization_but_a_month(
    folder: Path, decisions: dict[str, Any]
) -> None:
    here, there = cost(folder), cost(folder, "--scenario", "lease")
    month = here["capex"]["value"] / (there["opex"]["value"] - here["opex"]["value"]) / YEAR * 12
    assert decisions["lease"]["utilization"] is None
    assert decisions["lease"]["month"] == pytest.approx(month)
    assert decisions["dear"]["month"] < decisions["lease"]["month"]


def test_the_words_say_what_decides_and_which_inputs_differ(folder: Path) -> None:
    done = run("compare", "rack.yaml", "--scenario", "cloud", "--scenario", "api", cwd=folder)
    text = done.stdout.decode()
    assert "is the cheaper above a utilization of" in text and "what decides: rent_gpu" in text
    assert "economics.acquisition" in text and "economics.rent_for" in text


def test_the_same_way_to_pay_decides_nothing(folder: Path) -> None:
    asked = ("--scenario", "lease", "--scenario", "dear", "--baseline", "lease")
    found = answered(folder, "compare", "rack.yaml", *asked, "--json")
    scenarios = [column["scenario"] for column in found["columns"]]
    assert {scenarios[one["column"]] for one in found["decisions"]} == {""}


def test_tokens_of_an_api_cost_what_its_list_says(folder: Path) -> None:
    """DeepInfra's list of November 2026: 0.10 USD a million of the prompt, 0.32 of the answer."""
    report = answered(folder, "estimate", "rack.yaml", "--scenario", "api", "--json", "--no-interval")
    sold = report["throughput"]["input_tokens"]["value"], report["throughput"]["tokens"]["value"]
    assert report["cost"]["opex"]["value"] == pytest.approx(0.6 * (sold[0] * 0.10e-6 + sold[1] * 0.32e-6))
    assert report["cost"]["capex"]["value"] == 0 and "per_gpu_hour" not in report["cost"]
    assert any("bought from an API" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["economics.acquisition=api", "model=llama-2-7b"], b"no API prices of"),
        (["economics.acquisition=api", "economics.provider=deepinfre"], b"did you mean deepinfra"),
        (["economics.rent_per_gpu=2 USD/GPU/hour", "economics.rent=1 USD/hour"], b"leave one of them out"),
        (["economics.rent_per_gpu=2 USD/hour"], b"money per GPU and time"),
        (["economics.token_price=1 USD/Mtoken"], b"write token_prices"),
        (["economics.acquisition=buy"], b"purchase, rent, api"),
    ],
)
def test_what_is_refused_says_how_to_mend_it(folder: Path, sets: list[str], said: bytes) -> None:
    done = run("estimate", "rack.yaml", *[word for one in sets for word in ("--set", one)], cwd=folder)
    assert done.returncode == 2 and said in done.stderr and b"Traceback" not in done.stderr


CHAT = [
    f"economics.token_prices.{kind}={usd} USD/Mtoken" for kind, usd in (("input", 1), ("cached", 0.25), ("output", 4))
]


def words(sets: list[str]) -> list[str]:
    return [word for one in sets for word in ("--set", one)]


@pytest.mark.parametrize(
    "cached",
    [
        ["workload.cached=55 %"],
        ["serving.kv_offload={bandwidth: 50 GB/s, hits: 55 %}"],
        ["workload.cached=20 %", "serving.kv_offload={bandwidth: 50 GB/s, hits: 35 %}"],
    ],
)
def test_tokens_of_a_cache_earn_and_cost_their_own_price(folder: Path, cached: list[str]) -> None:
    """55 % of the prompts' tokens at the price of cached ones, on both sides, wherever the cache is."""
    offer = "{input: 1 USD/Mtoken, cached: 0.1 USD/Mtoken, output: 4 USD/Mtoken}"
    api = f"economics.api={{name: it, date: 2026-11, offers: {{us: {offer}}}}}"
    asked = words([*CHAT, *cached, api])
    report = answered(folder, "estimate", "rack.yaml", "--json", "--no-interval", *asked)
    read, written = (0.6 * report["throughput"][name]["value"] for name in ("input_tokens", "tokens"))
    terms = {name: one["value"] for name, one in report["roi"]["value_terms"].items()}
    assert terms["cached_tokens"] == pytest.approx(0.25e-6 * 0.55 * read)
    assert terms["input_tokens"] == pytest.approx(1e-6 * 0.45 * read)
    assert terms["output_tokens"] == pytest.approx(4e-6 * written)
    there = (0.1 * 0.55 + 1 * 0.45) * 1e-6 * read + 4e-6 * written
    assert report["cost"]["api"]["us"]["value"] == pytest.approx(there)
    per = {kind: report["cost"][f"per_million_{kind}_tokens"]["value"] for kind in ("input", "output", "total")}
    whole = report["cost"]["per_hour"]["value"]
    assert per["input"] * read + per["output"] * written == pytest.approx(whole)
    assert per["total"] * (read + written) == pytest.approx(whole)
    without = answered(folder, "estimate", "rack.yaml", "--json", "--no-interval", *words(CHAT))["cost"]
    assert per["input"] < without["per_million_input_tokens"]["value"], "what is cached is not computed"


def test_the_ratio_is_over_the_provider_that_is_named(folder: Path) -> None:
    found = cost(folder, "--set", "economics.provider=together")
    assert found["api_ratio"]["value"] == pytest.approx(found["per_hour"]["value"] / found["api"]["together"]["value"])
    cheapest = min(one["value"] for one in found["api"].values())
    assert cost(folder)["api_ratio"]["value"] == pytest.approx(found["per_hour"]["value"] / cheapest)


def test_an_api_earns_nothing_by_the_latency_or_the_other_work_of_a_rack(folder: Path) -> None:
    value = "latency_value={kind: linear, rate: 0.7 percent/ms/year, capital: 1e6 USD, baseline: 12 ms}"
    done = run("estimate", "rack.yaml", "--scenario", "api", "--set", value, cwd=folder)
    assert done.returncode == 2 and b"leave latency_value out" in done.stderr


def test_the_cost_of_tokens_as_if_prompts_were_free(folder: Path) -> None:
    """All cost over the generated tokens alone: what the split by output says."""
    found = cost(folder, "--set", "economics.token_split=output")
    assert found["per_million_tokens"]["value"] == pytest.approx(found["per_million_output_tokens"]["value"])
    split = cost(folder)
    assert split["per_million_tokens"]["value"] == pytest.approx(found["per_million_tokens"]["value"])
    assert split["per_million_output_tokens"]["value"] < split["per_million_tokens"]["value"]


def test_a_former_name_is_answered_with_the_present_one(folder: Path) -> None:
    done = run("estimate", "rack.yaml", "--get", "roi.value_terms.tokens", cwd=folder)
    assert done.returncode == 2 and b"output_tokens" in done.stderr


@pytest.mark.parametrize("load", ["concurrency=64", "arrival_rate=2 request/s", "batch=32"])
def test_utilization_counts_in_every_kind_of_load(folder: Path, load: str) -> None:
    """Half as much use: twice the price of a token, but for the energy."""
    key = load.partition("=")[0]
    others = [f"workload.{name}=" for name in ("concurrency", "arrival_rate", "batch") if name != key]
    sets = [word for one in (f"workload.{load}", *others) for word in ("--set", one)]
    half, whole = (cost(folder, *sets, "--set", f"economics.utilization={u}") for u in (0.4, 0.8))
    energy = [one["opex_terms"]["energy"]["value"] for one in (half, whole)]
    assert energy[0] < energy[1]
    rest = [one["per_hour"]["value"] - e for one, e in zip((half, whole), energy, strict=True)]
    assert rest[0] == pytest.approx(rest[1])
    tokens = [one["per_million_total_tokens"]["value"] for one in (half, whole)]
    assert tokens[0] / half["per_hour"]["value"] == pytest.approx(2 * tokens[1] / whole["per_hour"]["value"])


def test_several_systems_have_the_network_of_the_catalog(folder: Path) -> None:
    """Two DGX H100: sixteen ports of NDR. One has none, and one's own price of a port replaces that of the catalog."""
    two, rack = words(["accelerators.gpu.count=16"]), ("estimate", "rack.yaml", "--json", "--no-interval")
    priced = answered(folder, *rack, *two)
    port = answered(folder, "parts", "links", "infiniband-ndr", "--json")["price"]["value"]
    assert priced["cost"]["capex_terms"]["network"]["value"] == pytest.approx(16 * port)
    assert not any("network between" in note for note in priced["notes"])
    bare = cost(folder, "--set", "accelerators.gpu={part: h100-sxm, count: 16}")
    assert bare["capex_terms"]["network"]["value"] == pytest.approx(16 * port), "without a system too"
    assert "network" not in cost(folder)["capex_terms"]
    own = cost(folder, *two, "--set", "economics.equipment.price_per_port=500 USD")
    assert own["capex_terms"]["network"]["value"] == pytest.approx(16 * 500)
    older = cost(folder, *two, *words(["economics.price_decline=20 percent/year", "economics.year=2027"]))
    assert older["capex_terms"]["network"]["value"] == pytest.approx(0.8 * 16 * port)


def test_a_network_that_the_catalog_does_not_know_is_unknown_too(folder: Path) -> None:
    """Cards whose servers have no network in the catalog, and LPUs, whose number of ports nobody has published."""
    cards = ("--set", "accelerators.gpu={part: l40s, count: 16}", "--set", "serving.tensor_parallel=8")
    unpriced = answered(folder, "estimate", "rack.yaml", "--json", "--no-interval", *cards)
    assert unpriced["cost"]["tco"]["value"] is None and unpriced["cost"]["known"]["tco"]["value"] > 0
    assert any("cost.known" in note and "price_per_port" in note for note in unpriced["notes"])
    stated = ("--set", "economics.equipment.price_per_port=300 USD")
    assert cost(folder, *cards, *stated)["capex_terms"]["network"]["value"] == pytest.approx(16 * 300)
    lpus = ("estimate", "groqrack-llama2-70b", "--json", "--no-interval", "--set", "economics.equipment.ports=")
    unknown = answered(folder, *lpus)["cost"]
    assert unknown["tco"]["value"] is None and unknown["known"]["opex"]["value"] > 0


@pytest.mark.parametrize("system", [", system: dgx-b300", ""])
def test_a_network_without_a_price_makes_the_cost_unknown_and_no_gate_passes(folder: Path, system: str) -> None:
    """Sixteen B300 in two servers are joined by a network that nobody has priced. Two servers are never one."""
    gpus = ("--set", f"accelerators.gpu={{part: b300, count: 16{system}}}")
    unpriced = answered(folder, "estimate", "rack.yaml", "--json", "--no-interval", *gpus)["cost"]
    assert unpriced["capex"]["value"] is None and unpriced["per_hour"]["value"] is None
    assert run("check", "rack.yaml", *gpus, "--fail-if", "cost.tco > 1e12 USD", cwd=folder).returncode == 3
    stated = (*gpus, "--set", "economics.equipment.price_per_port=4000 USD")
    assert cost(folder, *stated)["capex_terms"]["network"]["value"] == pytest.approx(16 * 4000)


def test_street_and_list_prices_are_told_apart_and_both_said(folder: Path) -> None:
    found = {}
    for basis in ("street", "list"):
        report = answered(
            folder, "estimate", "rack.yaml", "--json", "--no-interval", "--set", f"economics.priced_at={basis}"
        )
        found[basis] = report["cost"]["capex_terms"]["gpu"]["value"]
        (note,) = [note for note in report["notes"] if "economics.priced_at" in note]
        assert "350,000 USD on the street" in note and "375,000 USD in a list" in note and basis in note
    assert found == {"street": 350000, "list": 375000}
    alone = ("--set", "accelerators.gpu={part: b200-sxm, count: 8, system: dgx-b200}")
    assert cost(folder, *alone, "--set", "economics.priced_at=list") == cost(folder, *alone), "it has one price"


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["economics.price.gpus=5000 USD"], b"write gpu for their price"),
        (["economics.price.GPU=5000 USD"], b"write gpu for their price"),
        (["economics.price.lpu=5000 USD"], b"the rack has no LPUs"),
        (["economics.prices={from: us-industrial-2026, purchase: {gpus: 5 USD}}"], b"did you mean gpu"),
        (["economics.prices={from: us-industrial-2026, rent: {racks: 5 USD/hour}}"], b"did you mean rack"),
    ],
)
def test_a_price_under_another_name_is_no_further_item(folder: Path, sets: list[str], said: bytes) -> None:
    """It was added to the price of the GPUs in silence."""
    done = run("estimate", "rack.yaml", *words(sets), cwd=folder)
    assert done.returncode == 2 and said in done.stderr and b"Traceback" not in done.stderr
    other = cost(folder, "--set", "economics.price.switches=5000 USD")["capex_terms"]
    assert other["switches"]["value"] == 5000, "further items have names of their own"


def test_shares_of_a_change_that_all_but_cancels_are_not_shown(folder: Path) -> None:
    """Rents that save what the purchase costs, to a thousandth: a share of what is left is no share."""
    here, there = cost(folder), cost(folder, "--scenario", "cloud")
    rent = here["tco"]["value"] / there["tco"]["value"] * 2.95 * 1.0001
    asked = ("--scenario", "cloud", "--set", f"economics.rent_per_gpu={rent} USD/GPU/hour")
    text = run("compare", "rack.yaml", *asked, cwd=folder).stdout.decode()
    rows = [line for line in text.splitlines() if line.startswith("  cost.tco") and "rent_gpu" in line]
    assert rows and not any("%" in row for row in rows)


def test_every_rack_can_be_bought_rented_or_replaced_by_an_api(folder: Path) -> None:
    """The scenarios buy, rent and api need no line in the file; one of that name in the file is the file's own."""
    plain = (folder / "rack.yaml").read_text().partition("scenarios:")[0]
    (folder / "plain.yaml").write_text(plain)
    (folder / "own.yaml").write_text(plain + "scenarios:\n  rent: {economics.utilization: 0.5}\n")
    named = words(["economics.acquisition=rent"])
    for rack, arguments in (("plain.yaml", ("--scenario", "rent")), ("plain.yaml", named)):
        rented = answered(folder, "estimate", rack, "--json", "--no-interval", *arguments)["cost"]
        assert rented["capex"]["value"] == 0 and "rent_gpu" in rented["opex_terms"]
    assert answered(folder, "estimate", "own.yaml", "--scenario", "rent", "--json")["cost"]["capex"]["value"] > 0
    gate = ("--scenario", "api", "--fail-if", "cost.capex > 0 USD")
    assert run("check", "plain.yaml", *gate, cwd=folder).returncode == 0
    asked = ("solve", "plain.yaml", "--vary", "economics.price.gpu=100000..900000 USD:100000")
    dearest = ("--so-that", "cost.tco < cost.tco in rent", "--maximise", "economics.price.gpu")
    assert run(*asked, *dearest, cwd=folder).returncode == 0
    unknown = run("estimate", "plain.yaml", "--scenario", "rents", cwd=folder)
    assert unknown.returncode == 2 and b"did you mean rent" in unknown.stderr
