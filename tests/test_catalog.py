"""The catalog: every part loads, every value says where it comes from, and every part can be priced and joined."""

import math
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import pytest
import yaml

import rackcalc
from rackcalc.config.catalog_files import part_names, sources
from rackcalc.config.parts import load_part
from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.part_kinds import CATALOG

FOLDER = Path(rackcalc.__file__).parent / "catalog"
PARTS = [(kind, name) for kind in CATALOG for name in part_names(kind)]

# Nobody has published a price or a power of these, not even an estimate. Their files say so.
UNPUBLISHED = {("lpus", "groq-3-lpu"), ("systems", "lpx-rack"), ("systems", "lpx-tray")}
PRICED = [(kind, name) for kind in ("gpus", "lpus", "systems", "servers") for name in part_names(kind)]


def numbered(parts: list[tuple[str, str]]) -> Any:
    return pytest.mark.parametrize(("kind", "name"), parts, ids=["/".join(part) for part in parts])


@numbered(PARTS)
def test_part_loads_and_every_value_has_a_source(kind: str, name: str) -> None:
    for path, quantity in figures(load_part(kind, name)):
        source = quantity.source
        assert source is not None, path
        if source.kind == "assumed":
            assert source.note, f"{path}: an assumption says why"
        else:
            assert source.kind != "given", f"{path}: no kind"
            assert source.reference in sources(), f"{path}: no source {source.reference!r}"
        assert not (source.reference and source.reference not in sources()), path
        if quantity.low is not None and quantity.high is not None:
            assert quantity.low <= quantity.value <= quantity.high, path


@pytest.mark.parametrize("name", part_names("gpus"))
def test_gpu_rates_are_dense_and_per_direction(name: str) -> None:
    gpu = load_part("gpus", name)
    rates = {key: quantity.value for key, quantity in gpu.peak.items()}
    if "bf16" in rates and "fp8" in rates:  # 2:4 sparse headline rates would show as a factor of 4
        assert rates["fp8"] / rates["bf16"] < 5 and rates["fp8"] >= rates["bf16"]
    assert gpu.idle_power.value < gpu.tdp.value
    assert all(port.value <= 1800e9 for port in gpu.ports.values()), "bidirectional headline?"


def test_every_source_is_complete() -> None:
    for name, entry in sources().items():
        assert all(entry.get(key) for key in ("title", "url", "date", "read")), name
        assert entry["maker"] in ("yes", "no"), f"{name}: maker says whether it is the maker's own document"


def in_the_makers_words(reference: str) -> bool:
    """Whether a source is the maker's own document, and that document was read."""
    entry = sources()[reference]
    return entry["maker"] == "yes" and not entry["read"].startswith(("second-hand", "none"))


@numbered(PARTS)
def test_only_what_was_read_in_the_makers_document_is_of_kind_datasheet(kind: str, name: str) -> None:
    for path, quantity in figures(load_part(kind, name)):
        source = quantity.source
        if source.kind == "datasheet":
            assert in_the_makers_words(source.reference), f"{path}: {source.reference} is not the maker's: quoted"
        elif source.kind == "quoted":
            assert not in_the_makers_words(source.reference), f"{path}: {source.reference} is the maker's: datasheet"


def test_some_values_were_read_in_a_makers_document_and_most_were_not() -> None:
    kinds = [quantity.source.kind for part in PARTS for _, quantity in figures(load_part(*part))]
    assert 0 < kinds.count("datasheet") < kinds.count("quoted")


@numbered(PRICED)
def test_everything_sold_has_a_price_with_a_range_and_the_rest_says_why_not(kind: str, name: str) -> None:
    price = load_part(kind, name).price
    if (kind, name) in UNPUBLISHED:
        assert price is None
        lines = (FOLDER / kind / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        assert any(line.startswith("# price") and "no estimate found" in line for line in lines)
        return
    assert price is not None and price.low is not None and price.high is not None
    assert price.low < price.value < price.high


def rules(file: str = "price_rules.yaml") -> dict[str, dict[str, dict[str, Any]]]:
    """Kind of part -> name -> what the rule compares it with; the file says the rule."""
    found: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))
    return found


def rate(gpu: GPU) -> float:
    return float(gpu.peak["bf16" if "bf16" in gpu.peak else "fp16"].value)


def rounded(value: float) -> float:
    return float(f"{value:.2e}")


def assert_price(price: Quantity, value: float, low: float, high: float) -> None:
    assert (price.value, price.low, price.high) == (rounded(value), rounded(low), rounded(high))
    assert price.source is not None and price.source.kind == "estimate"
    assert price.source.note.startswith("price_rules")


@pytest.mark.parametrize("name", rules()["gpus"])
def test_price_of_a_gpu_by_rule(name: str) -> None:
    rule, gpu = rules()["gpus"][name], load_part("gpus", name)
    like = [load_part("gpus", other) for other in rule["like"]]
    assert {other.family for other in like} == {gpu.family}
    by_memory = gpu.memory.value * geometric_mean(other.price.value / other.memory.value for other in like)
    by_rate = rate(gpu) * geometric_mean(other.price.value / rate(other) for other in like)
    value = math.sqrt(by_memory * by_rate)
    assert rule["factor"] >= 1.5
    assert_price(gpu.price, value, value / rule["factor"], value * rule["factor"])


@pytest.mark.parametrize("name", rules()["systems"])
def test_price_of_a_system_by_rule(name: str) -> None:
    system = load_part("systems", name)
    gpu, server = load_part("gpus", system.accelerator), load_part("servers", rules()["systems"][name]["server"])
    servers = math.ceil(system.count.value / server.gpus.value)
    value, low, high = (
        system.count.value * getattr(gpu.price, end) + servers * getattr(server.price, end)
        for end in ("value", "low", "high")
    )
    assert_price(system.price, value, low, high)


def test_no_other_price_claims_a_rule() -> None:
    by_rule = {(kind, name) for kind, found in rules().items() for name in found}
    prices = {part: load_part(*part).price for part in PRICED if part not in UNPUBLISHED}
    assert by_rule == {part for part, price in prices.items() if "price_rules" in price.source.note}


@pytest.mark.parametrize("name", part_names("systems"))
def test_a_system_costs_more_than_its_bare_accelerators(name: str) -> None:
    system = load_part("systems", name)
    kind = "gpus" if system.accelerator in part_names("gpus") else "lpus"
    chip = load_part(kind, system.accelerator)
    if system.price is None:
        assert chip.price is None
    elif system.count.value == 1:  # a card is what a chip is sold as
        assert system.price.value == chip.price.value
    else:
        for end in ("low", "value", "high"):
            assert getattr(system.price, end) > system.count.value * getattr(chip.price, end)


def test_a_rack_of_nodes_costs_its_nodes() -> None:
    rack, node = load_part("systems", "groq-rack").price, load_part("systems", "groq-node").price
    assert (rack.value, rack.low, rack.high) == (9 * node.value, 9 * node.low, 9 * node.high)


@numbered([("gpus", name) for name in part_names("gpus")] + [("lpus", name) for name in part_names("lpus")])
def test_every_chip_has_an_idle_power_with_a_range(kind: str, name: str) -> None:
    chip = load_part(kind, name)
    idle = chip.idle_power
    if (kind, name) in UNPUBLISHED:
        assert idle is None and chip.tdp is None
        return
    assert 0 < idle.low <= idle.value <= idle.high < chip.tdp.value and idle.low < idle.high
    if kind == "gpus":  # read, or by rule
        assert idle.source.kind in ("measured", "estimate")
        assert (name in rules("idle_power_rules.yaml")["gpus"]) == (idle.source.kind == "estimate")
    else:  # no reading of any LPU has been published
        assert idle.source.note.startswith("30 % of")
        assert idle.value == pytest.approx(0.3 * chip.tdp.value, rel=0.03)


@pytest.mark.parametrize("name", rules("idle_power_rules.yaml")["gpus"])
def test_idle_power_of_a_gpu_by_rule(name: str) -> None:
    rule, gpu = rules("idle_power_rules.yaml")["gpus"][name], load_part("gpus", name)
    like = [load_part("gpus", other) for other in rule["like"]]
    assert all(other.idle_power.source.kind == "measured" for other in like)
    value = gpu.tdp.value * geometric_mean(other.idle_power.value / other.tdp.value for other in like)
    expected = (value, value / rule["factor"], value * rule["factor"])
    idle = gpu.idle_power
    assert (idle.value, idle.low, idle.high) == tuple(float(f"{power:.1e}") for power in expected)
    assert idle.source.note.startswith("idle_power_rules")


def estimated(rack: str) -> Estimate:
    return estimate(load_text(rack, "alone.yaml"))


BERT_ON_GPUS = """
name: one part alone
accelerators: {{gpu: {pool}}}
model: bert-base
workload: {{input: 64 token, batch: 1, precision: fp16}}
serving: {{split: gpu, runtime: tensorrt, tensor_parallel: {width}}}
{more}
"""
BERT_ON_LPUS = """
name: one part alone
accelerators: {{lpu: {pool}}}
model: bert-base
workload: {{input: 64 token, batch: 1, precision: {precision}}}
serving: {{split: lpu}}
{more}
"""
LIQUID = "site: {cooling: {from: warm-water, rack_limit: 300 kW}}"  # carries the heat of any system


def widest_format(lpu: LPU) -> str:
    return next(name for name in ("fp16", "fp8") if name in lpu.peak)


@pytest.mark.parametrize("name", part_names("gpus"))
def test_every_gpu_can_be_estimated_alone_and_its_price_holds_a_server(name: str) -> None:
    done = estimated(BERT_ON_GPUS.format(pool=f"{{part: {name}, count: 1}}", width=1, more=""))
    gpu, server = load_part("gpus", name), load_part("servers", "gpu-server")
    assert done.latency.p50.value > 0
    assert done.power.chips.value >= gpu.idle_power.value
    price = gpu.price.value + server.price.value / server.gpus.value
    assert done.cost.capex_terms["gpu"].value == pytest.approx(price)


@pytest.mark.parametrize("name", part_names("systems"))
def test_every_system_can_be_estimated_alone(name: str) -> None:
    system = load_part("systems", name)
    pool = f"{{part: {system.accelerator}, count: {system.count.value:g}, system: {name}}}"
    if system.accelerator in part_names("gpus"):
        done = estimated(BERT_ON_GPUS.format(pool=pool, width=1, more=LIQUID))
        assert done.cost.capex_terms["gpu"].value == system.price.value
    else:
        precision = widest_format(load_part("lpus", system.accelerator))
        done = estimated(BERT_ON_LPUS.format(pool=pool, precision=precision, more=LIQUID))
    assert done.power.it.value > 0 or (("systems", name) in UNPUBLISHED and not done.power.it.known)


@pytest.mark.parametrize("name", part_names("lpus"))
def test_every_lpu_can_be_estimated_alone(name: str) -> None:
    precision = widest_format(load_part("lpus", name))
    done = estimated(BERT_ON_LPUS.format(pool=f"{{part: {name}, count: 8}}", precision=precision, more=""))
    assert done.latency.p50.value > 0


@pytest.mark.parametrize("name", part_names("links"))
def test_every_link_can_join_two_gpus(name: str) -> None:
    links = f"links: {{gpu-gpu: {{part: {name}, hypothetical: true}}}}"
    done = estimated(BERT_ON_GPUS.format(pool="{part: h100-sxm, count: 2}", width=2, more=links))
    assert done.latency.p50.value > 0


@pytest.mark.parametrize("name", part_names("cooling"))
def test_every_cooling_can_be_estimated_alone(name: str) -> None:
    done = estimated(BERT_ON_GPUS.format(pool="{part: l4, count: 1}", width=1, more=f"site: {{cooling: {name}}}"))
    assert done.thermal.outlet.value > 0


@pytest.mark.parametrize("name", part_names("prices"))
def test_every_price_book_can_be_estimated_alone(name: str) -> None:
    book = f"economics: {{prices: {name}}}"
    assert estimated(BERT_ON_GPUS.format(pool="{part: l4, count: 1}", width=1, more=book)).cost.opex.value > 0


@pytest.mark.parametrize("name", part_names("gpus"))
def test_every_port_of_a_gpu_has_a_link(name: str) -> None:
    for port in load_part("gpus", name).ports:
        assert port in part_names("links") and port in load_part("links", port).ports


@pytest.mark.parametrize("name", part_names("lpus"))
def test_every_port_of_an_lpu_has_a_link(name: str) -> None:
    joined = {port for link in part_names("links") for port in load_part("links", link).ports}
    assert set(load_part("lpus", name).ports) <= joined


@pytest.mark.parametrize("name", part_names("gpus"))
def test_a_gpu_with_nvlink_says_how_many_it_joins(name: str) -> None:
    gpu = load_part("gpus", name)
    has_nvlink = any(port.startswith("nvlink") and port != "nvlink-c2c" for port in gpu.ports)
    assert (gpu.nvlink_domain is not None) == has_nvlink


@pytest.mark.parametrize("name", part_names("systems"))
def test_a_system_of_gpus_says_its_domain_and_its_network(name: str) -> None:
    system = load_part("systems", name)
    if system.accelerator not in part_names("gpus"):
        assert system.nvlink_domain is None
        return
    assert system.nvlink_domain.value == system.count.value
    assert system.nvlink_domain.value == load_part("gpus", system.accelerator).nvlink_domain.value
    assert len(system.network) == 1
    for link, bandwidth in system.network.items():
        assert bandwidth.value % load_part("links", link).bandwidth.value == 0  # whole ports
