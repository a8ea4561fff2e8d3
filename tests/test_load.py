"""From YAML to a rack: scenarios, --set, parts with overrides, models from Hugging Face, defaults, and every place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.config.builder import Builder
from rackcalc.config.catalog_files import part_names
from rackcalc.config.document import Node, assign, parse
from rackcalc.config.overrides import unknown_step
from rackcalc.config.parts import load_part
from rackcalc.config.racks import Loaded, bundled_racks, scenario_names
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.rack_file import load, load_text
from rackcalc.spec.fields import REQUIRED, Flag, Number, Section, declarations
from rackcalc.spec.money import Economics
from rackcalc.spec.part_kinds import CATALOG
from rackcalc.spec.rack import Rack

RACK = """\
name: rack
accelerators:
  gpu: {part: b200-sxm, count: 8}
  lpu: {part: groq-lpu-v1, count: 4}
links:
  gpu-lpu: {part: pcie4}
model: bert-large
workload: {input: 128 token, batch: 1, arrival_rate: 200 request/s, precision: fp16}
serving: {split: encoder-pipeline, runtime: tensorrt}
scenarios:
  batch: {workload.batch: 8, workload.input: 64 token}
  gpus: {serving.split: gpu, accelerators.lpu: , links.gpu-lpu: }
  site: {site: {cooling: air, inlet: 30 degC}}
  nothing:
"""
CONFIGS = json.loads((Path(__file__).parent / "huggingface_configs.json").read_text())


def rack(*sets: str, scenario: str = "", text: str = RACK) -> Any:
    return load_text(text, "rack.yaml", scenario, sets).rack


def leaves(loaded: Loaded) -> dict[str, Quantity]:
    return dict(figures(loaded.rack))


# --- scenarios ------------------------------------------------------------------------------------


def test_a_scenario_changes_what_it_names_and_nothing_else() -> None:
    base, changed = leaves(load_text(RACK, "rack.yaml")), leaves(load_text(RACK, "rack.yaml", "batch"))
    assert base.keys() == changed.keys()
    different = {path for path in base if base[path].value != changed[path].value}
    assert different == {"workload.batch", "workload.input"}
    assert (changed["workload.batch"].value, changed["workload.input"].value) == (8.0, 64.0)


def test_an_empty_value_takes_something_away() -> None:
    changed = rack(scenario="gpus")
    assert changed.accelerators.lpu is None and changed.links == {} and changed.serving.split == "gpu"


def test_a_section_is_replaced_whole() -> None:
    changed = rack(scenario="site")
    assert changed.site.cooling.method == "air" and changed.site.inlet.value == pytest.approx(303.15)


def test_an_empty_scenario_is_the_rack_itself() -> None:
    base, same = leaves(load_text(RACK, "r")), leaves(load_text(RACK, "r", "nothing"))
    assert {path: leaf.value for path, leaf in base.items()} == {path: leaf.value for path, leaf in same.items()}


def test_names_of_scenarios() -> None:
    assert scenario_names(RACK, "rack.yaml") == ("batch", "gpus", "site", "nothing")
    assert scenario_names("name: x\n", "rack.yaml") == ()


@pytest.mark.parametrize("name", bundled_racks())
def test_every_scenario_of_the_bundled_racks_loads(name: str) -> None:
    for scenario in scenario_names(bundled_racks()[name].read_text(encoding="utf-8"), name):
        assert load(name, scenario).scenario == scenario


# --- --set ----------------------------------------------------------------------------------------


def test_set_is_typed_by_the_field_it_is_for() -> None:
    changed = rack(
        "name=1e3",
        "workload.batch=1e1",
        "workload.input=0.1 ktoken",
        "links.gpu-lpu.hypothetical=true",
        "serving.gpu_layers=0",
        "site.inlet=30 degC",
        "economics.price={gpu: 5 kUSD, power supply: 1 USD}",
        "gates=[{warn_if: latency.p99 > 1 ms}]",
    )
    assert changed.name == "1e3"
    assert changed.workload.batch.value == 10.0 and changed.workload.input.value == 100.0
    assert changed.links["gpu-lpu"].hypothetical is True
    assert changed.serving.gpu_layers.value == 0.0
    assert changed.site.inlet.value == pytest.approx(303.15)
    assert {name: price.value for name, price in changed.economics.price.items()} == {
        "gpu": 5000.0,
        "power supply": 1.0,
    }
    assert changed.gates[0].warn_if == "latency.p99 > 1 ms"


def test_set_comes_after_the_scenario_and_the_last_one_counts() -> None:
    assert rack("workload.batch=3", scenario="batch").workload.batch.value == 3.0
    assert rack("workload.batch=3", "workload.batch=4").workload.batch.value == 4.0


def test_set_reaches_into_a_part_that_the_file_only_names() -> None:
    changed = rack("accelerators.gpu.part.tdp=700 W", "model.layers=12", "links.gpu-lpu.part.hops=2")
    assert changed.accelerators.gpu.part.tdp.value == 700.0
    assert changed.accelerators.gpu.part.memory.value == load_part("gpus", "b200-sxm").memory.value
    assert changed.model.layers.value == 12.0 and changed.model.hidden.value == 1024.0
    assert changed.links["gpu-lpu"].part.hops.value == 2.0


def test_set_one_format_of_a_part_keeps_the_others() -> None:
    peak = rack("accelerators.gpu.part.peak.fp16=1 PFLOP/s").accelerators.gpu.part.peak
    assert peak["fp16"].value == 1e15
    assert {name: rate.value for name, rate in peak.items() if name != "fp16"} == {
        name: rate.value for name, rate in load_part("gpus", "b200-sxm").peak.items() if name != "fp16"
    }


def test_set_another_part_and_then_its_value() -> None:
    changed = rack("accelerators.gpu.part=h100-sxm", "accelerators.gpu.part.tdp=650 W")
    assert (changed.accelerators.gpu.part.name, changed.accelerators.gpu.part.tdp.value) == (
        load_part("gpus", "h100-sxm").name,
        650.0,
    )


def test_set_nothing_means_the_default() -> None:
    assert rack("workload.arrival_rate=").workload.arrival_rate is None
    assert rack("workload.batch=").workload.batch is None
    text = RACK.replace("batch: 1, ", "")
    alone, stated = (estimate(load_text(one, "rack.yaml")).latency.p99 for one in (text, RACK))
    assert alone.value == stated.value


def test_a_value_that_was_set_says_so() -> None:
    source = rack("workload.batch=3").workload.batch.source
    assert (source.kind, source.file, source.line) == ("given", "--set", 0)


# --- parts ----------------------------------------------------------------------------------------


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    text = RACK.replace("part: b200-sxm", "part: {from: b200-sxm, tdp: 900 W, peak: {fp16: 2 PFLOP/s}}")
    part, base = rack(text=text).accelerators.gpu.part, load_part("gpus", "b200-sxm")
    mine, theirs = dict(figures(part)), dict(figures(base))
    assert mine.keys() == theirs.keys()
    assert {path for path in mine if mine[path].value != theirs[path].value} == {"tdp", "peak.fp16"}
    assert part.name == base.name
    assert (part.tdp.kind, part.tdp.source.file, part.tdp.source.line) == ("given", "rack.yaml", 3)
    assert part.memory.source.file == "catalog/gpus/b200-sxm.yaml"


PLACES_OF_PARTS = {
    "gpus": "accelerators.gpu.part",
    "lpus": "accelerators.lpu.part",
    "links": "links.gpu-lpu.part",
    "hosts": "links.gpu-lpu.host",
    "models": "model",
    "runtimes": "serving.runtime",
    "systems": "accelerators.gpu.system",
    "cooling": "site.cooling",
    "prices": "economics.prices",
}


def test_every_kind_of_part_has_a_place_in_a_rack_or_in_another_part() -> None:
    equipment = {"cdus", "doors", "air_handlers", "rejections", "climates", "power_chains", "regions", "venues"}
    assert set(CATALOG) - set(PLACES_OF_PARTS) == {"families", "servers", "apis"} | equipment


@pytest.mark.parametrize("kind", PLACES_OF_PARTS)
def test_a_whole_part_can_be_written_in_place(kind: str) -> None:
    name = part_names(kind)[0]
    file = Path(__file__).parent.parent / "rackcalc" / "catalog" / kind / f"{name}.yaml"
    root = assign(parse(RACK, "rack.yaml"), PLACES_OF_PARTS[kind], parse(file.read_text(encoding="utf-8"), "here.yaml"))
    loaded = load_text(as_yaml(root), "rack.yaml").rack
    for step in PLACES_OF_PARTS[kind].split("."):
        loaded = loaded[step] if isinstance(loaded, dict) else getattr(loaded, step)
    assert {path: leaf.value for path, leaf in figures(loaded)} == {
        path: leaf.value for path, leaf in figures(load_part(kind, name))
    }


def as_yaml(node: Node) -> str:
    """A node tree as JSON, which is YAML."""

    def plain(node: Node) -> Any:
        if isinstance(node.value, dict):
            return {name: plain(child) for name, child in node.value.items()}
        return [plain(child) for child in node.value] if isinstance(node.value, tuple) else node.value

    return json.dumps(plain(node))


# --- Hugging Face ---------------------------------------------------------------------------------


def write_config(directory: Path, name: str) -> None:
    (directory / "models").mkdir()
    (directory / "models" / "config.json").write_text(json.dumps(CONFIGS[name]))


def test_a_config_is_found_beside_the_rack_file_not_beside_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, "bert-large")
    file = tmp_path / "rack.yaml"
    file.write_text(RACK.replace("model: bert-large", "model: {hf_config: models/config.json}"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in (str(file), "../rack.yaml"):
        model = load(name).rack.model
        assert (model.layers.value, model.hidden.value, model.family) == (24.0, 1024.0, "encoder")


def test_a_config_set_by_option_is_found_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, "llama-3.1-70b")
    monkeypatch.chdir(tmp_path)
    model = rack("model={hf_config: models/config.json}").model
    assert (model.layers.value, model.kv_heads.value, model.family) == (80.0, 8.0, "decoder")
    assert (
        load_text(RACK.replace("bert-large", "{hf_config: models/config.json}"), "<stdin>").rack.model.layers.value
        == 80
    )


def test_keys_beside_a_config_come_on_top(tmp_path: Path) -> None:
    write_config(tmp_path, "bert-large")
    file = tmp_path / "rack.yaml"
    file.write_text(RACK.replace("model: bert-large", "model: {hf_config: models/config.json, name: Mine, layers: 12}"))
    model = load(str(file)).rack.model
    assert (model.name, model.layers.value, model.hidden.value) == ("Mine", 12.0, 1024.0)
    assert model.layers.source.file == str(file)
    assert model.hidden.source.file == str(tmp_path / "models" / "config.json")


# --- defaults and places --------------------------------------------------------------------------


def test_what_the_file_does_not_say_is_marked_as_assumed() -> None:
    loaded = load_text(RACK, "rack.yaml")
    for path in ("serving.microbatches", "links.gpu-lpu.other_load", "site.altitude", "economics.tax_rate"):
        leaf = leaves(loaded)[path]
        assert leaf.kind == "assumed" and leaf.source is not None and leaf.source.note.startswith("default: "), path


def test_what_the_file_says_is_given_unless_it_says_otherwise() -> None:
    text = RACK.replace("batch: 1", "batch: {value: 2, low: 1, high: 4, kind: estimate, source: me, note: a guess}")
    batch = rack(text=text).workload.batch
    assert (batch.value, batch.low, batch.high, batch.kind) == (2.0, 1.0, 4.0, "estimate")
    assert (batch.source.reference, batch.source.note) == ("me", "a guess")
    assert rack().workload.batch.kind == "given"


def test_every_number_has_a_source() -> None:
    for name in bundled_racks():
        for path, leaf in leaves(load(name)).items():
            assert leaf.source is not None, f"{name}: {path}"
            assert leaf.source.line or leaf.source.note, f"{name}: {path}"


MARKED = """\
name: rack
accelerators:
  gpu: {part: b200-sxm, count: §1§ 8}
  lpu:
    part:
      from: groq-lpu-v1
      tdp: §2§ 300 W
    count: {value: §3§ 4, low: 2}
links:
  gpu-lpu: {part: pcie4, other_load: §4§ 10 percent}
model: bert-large
workload: {input: §5§ 128 token, precision: fp16}
serving: {split: encoder-pipeline, runtime: tensorrt}
"""


def test_places() -> None:
    """§n§ stands before the value whose place is asked for; the marks are taken out from the left."""
    text, places = MARKED, []
    for number in "12345":
        before, _, after = text.partition(f"§{number}§ ")
        places.append((before.count("\n") + 1, len(before) - before.rfind("\n")))
        text = before + after
    found = leaves(load_text(text, "rack.yaml"))
    paths = ["gpu.count", "lpu.part.tdp", "lpu.count"]
    for path, place in zip(
        [*(f"accelerators.{path}" for path in paths), "links.gpu-lpu.other_load", "workload.input"], places, strict=True
    ):
        source = found[path].source
        assert source is not None
        assert (source.file, source.line, source.column) == ("rack.yaml", *place), path


def test_an_alias_stands_where_its_anchor_does() -> None:
    text = RACK.replace("count: 8", "count: &n 8").replace("count: 4", "count: *n")
    found = leaves(load_text(text, "rack.yaml"))
    gpu, lpu = found["accelerators.gpu.count"].source, found["accelerators.lpu.count"].source
    assert gpu is not None and lpu is not None and (gpu.line, gpu.column) == (lpu.line, lpu.column)
    assert found["accelerators.lpu.count"].value == 8.0


def test_merge_keys() -> None:
    text = RACK.replace("  gpu: {part", "  gpu: &pool {part").replace(
        "lpu: {part: groq-lpu-v1, count: 4}", "lpu: {<<: *pool, part: groq-lpu-v1}"
    )
    assert rack(text=text).accelerators.lpu.count.value == 8.0
    first = parse("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\n", "f").value
    assert isinstance(first, dict) and isinstance(first["c"].value, dict)
    assert {name: node.value for name, node in first["c"].value.items()} == {"x": "1", "z": "2", "y": "3"}


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("name", True),
        ("workload.batch", True),
        ("workload.batch.low", True),
        ("accelerators.gpu.part", True),
        ("accelerators.gpu.part.from", True),
        ("accelerators.gpu.part.peak.fp8", True),
        ("links.gpu-lpu.part.latency", True),
        ("economics.price.anything at all", True),
        ("economics.price.gpu.note", True),
        ("gates", True),
        ("", False),
        (".", False),
        ("workload.", False),
        ("workload..batch", False),
        ("workload.batch.batch", False),
        ("accelerators.gpu.part.from.from", False),
        ("accelerators.gpu.part.peak.fp9", False),
        ("links.gpu-gpu-gpu", False),
        ("gates[0]", False),
        ("gates.0", False),
        ("name.first", False),
        ("scenarios.batch", False),
    ],
)
def test_paths_are_known_or_explained(path: str, known: bool) -> None:
    reason = unknown_step(path)
    assert (reason == "") == known, reason


@given(st.lists(st.sampled_from(["workload", "batch", "part", "gpu", "from", "links", "gpu-lpu", "", "x", "peak"])))
def test_any_path_is_set_or_refused(steps: list[str]) -> None:
    path = ".".join(steps)
    try:
        load_text(RACK, "rack.yaml", "", [f"{path}=7"])
    except InputError as error:
        assert error.problems
    else:
        assert unknown_step(path) == ""


# --- what every declared field answers ------------------------------------------------------------------------------


def sections(cls: type, seen: set[type]) -> Iterator[type]:
    """The dataclass and all that its fields are made of."""
    if cls in seen:
        return
    seen.add(cls)
    yield cls
    for declared in declarations(cls).values():
        inner = declared.type if isinstance(declared, Section) else getattr(declared, "of", None)
        if isinstance(inner, type):
            yield from sections(inner, seen)


SEEN: set[type] = set()
SECTIONS = [found for cls in (Rack, *CATALOG.values()) for found in sections(cls, SEEN)]


def is_required(declared: Any) -> bool:
    return getattr(declared, "default", None) == REQUIRED or getattr(declared, "required", False)


def built(cls: type, text: str) -> list[str]:
    """The problems of a section, each as "path: message"."""
    builder = Builder()
    builder.build(cls, parse(text, "file.yaml"), "here")
    return [f"{problem.path}: {problem.message}" for problem in builder.problems]


@pytest.mark.parametrize("cls", SECTIONS, ids=lambda cls: cls.__name__)
def test_every_key_that_is_required_is_said_to_be_missing(cls: type) -> None:
    required = {f"here.{name}" for name, declared in declarations(cls).items() if is_required(declared)}
    said = {line.split(": ")[0] for line in built(cls, "{}") if "is missing" in line}
    assert required <= said


@pytest.mark.parametrize("cls", SECTIONS, ids=lambda cls: cls.__name__)
def test_every_flag_takes_true_and_false_alone(cls: type) -> None:
    for name, declared in declarations(cls).items():
        if isinstance(declared, Flag):
            assert f'here.{name}: expected true or false, got "yes": write true' in built(cls, f"{name}: yes")
            assert not [line for line in built(cls, f"{name}: false") if line.startswith(f"here.{name}:")]
        else:
            assert any(line.startswith(f"here.{name}x: unknown key") for line in built(cls, f"{name}x: 1"))


def test_a_share_above_one_is_asked_whether_it_is_meant_in_percent() -> None:
    for name, declared in declarations(Economics).items():
        if isinstance(declared, Number) and declared.unit == "1" and declared.at_most == 1:
            assert f'here.{name}: must be at most 1, got "40"; in percent: 40 percent' in built(
                Economics, f"{name}: 40"
            )
            assert f'here.{name}: must be at most 1, got "140"' in built(Economics, f"{name}: 140")


def test_a_word_is_suggested_where_two_letters_in_three_agree() -> None:
    """difflib: 2 x matching letters over all; "abcdxx" and "abcdyy" have 8 of 12, "abcxx" and "abcyy" 6 of 10."""
    assert suggest("abcdxx", ["abcdyy", "zzzzz"]) == "; did you mean abcdyy?"
    assert suggest("abcxx", ["abcyy"]) == "; known: abcyy"
