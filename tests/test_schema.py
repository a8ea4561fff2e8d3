"""The JSON Schemas of rack files and outputs, and the declarations they are made from."""

import dataclasses
import importlib
import json
import pkgutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from program import out, run, strict

import rackcalc.spec
from rackcalc.schemas import SCHEMAS, schema_of
from rackcalc.spec.fields import declarations

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
MODULES = [
    importlib.import_module(f"rackcalc.spec.{module.name}")
    for module in pkgutil.iter_modules(rackcalc.spec.__path__)
    if module.name != "fields"  # how a field is declared
]
NAMES = {module.__name__ for module in MODULES}
RECORDS = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ in NAMES
    },
    key=lambda cls: cls.__name__,
)


@pytest.fixture(scope="module")
def schema() -> Any:
    """What the command prints."""
    done = subprocess.run([sys.executable, "-m", "rackcalc", "schema"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def validator(schema: Any) -> jsonschema.Draft202012Validator:
    """The schema, ready to judge."""
    return jsonschema.Draft202012Validator(schema)


def data(text: str) -> Any:
    """A rack as an editor's YAML language server sees it."""
    return yaml.safe_load(text)


def test_schema_is_draft_2020_12(schema: Any) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(schema: Any) -> None:
    names = set(schema["$defs"])
    used = {part.partition('"')[0] for part in json.dumps(schema).split("#/$defs/")[1:]}
    assert used and used <= names and all(schema["$defs"][name] for name in names)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_bundled_rack_is_valid(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    assert not [f"{e.json_path}: {e.message}" for e in validator.iter_errors(data(path.read_text(encoding="utf-8")))]


GOOD = """
name: A
accelerators: {gpu: {part: b200-sxm, count: 8}}
links: {gpu-gpu: {part: nvlink5, hypothetical: false}}
model: bert-large
workload: {input: 128 token, batch: 1, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
site: {cooling: air, inlet: 27 degC}
economics: {price: {gpu: {value: 7 USD, low: 6 USD, high: 9 USD, kind: press}}}
gates: [{fail_if: latency.p99 > 2 ms}]
scenarios: {b: {workload.batch: 8}}
"""

WRONG = {
    "a misspelt section": ("workload:", "worklaod:"),
    "a misspelt field": ("batch: 1", "bacth: 1"),
    "no model": ("model: bert-large\n", ""),
    "a chip that is not in the catalog": ("part: b200-sxm", "part: b2000"),
    "a model that is not in the catalog": ("model: bert-large", "model: bert-huge"),
    "a format that does not exist": ("fp16", "fp17"),
    "a split that does not exist": ("split: gpu", "split: both"),
    "a pool that does not exist": ("{gpu: {part", "{tpu: {part"),
    "a link between pools that do not exist": ("gpu-gpu:", "gpu-tpu:"),
    "a bare number where a unit belongs": ("input: 128 token", "input: 128"),
    "a word where yes or no belongs": ("hypothetical: false", "hypothetical: maybe"),
    "a list where a mapping belongs": ("site: {cooling: air, inlet: 27 degC}", "site: [air]"),
    "a kind that does not exist": ("kind: press", "kind: rumour"),
    "a range without its value": ("value: 7 USD, ", ""),
    "a gate that is no mapping": ("[{fail_if: latency.p99 > 2 ms}]", "[latency.p99 > 2 ms]"),
    "a scenario that is no mapping": ("{b: {workload.batch: 8}}", "{b: fast}"),
}


def test_the_good_rack_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    assert not list(validator.iter_errors(data(GOOD)))


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG)
def test_wrong_rack_is_not_valid(old: str, new: str, validator: jsonschema.Draft202012Validator) -> None:
    assert GOOD.count(old) >= 1
    assert list(validator.iter_errors(data(GOOD.replace(old, new, 1))))


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG)
def test_the_program_refuses_what_the_schema_refuses(old: str, new: str) -> None:
    command = [sys.executable, "-m", "rackcalc", "estimate", "-", "--json"]
    done = subprocess.run(command, input=GOOD.replace(old, new, 1), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_every_field_says_what_it_is(cls: type) -> None:
    assert cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("), "dataclasses write such a text by themselves"
    declared = declarations(cls)
    derived = {item.name: item.metadata["derived"] for item in dataclasses.fields(cls) if "derived" in item.metadata}
    named = {item.name for item in dataclasses.fields(cls)}
    assert {*declared, *derived} == named, "a field without a declaration"
    assert all(text.strip() for text in [*(declared_as.doc for declared_as in declared.values()), *derived.values()])


def test_every_word_of_the_schema_is_described(schema: Any) -> None:
    objects = {"": schema, **schema["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, item in objects.items()
        for key, value in item.get("properties", {}).items()
        if not value.get("description")
    ]
    assert len(objects) > 20 and not silent


# --- outputs -----------------------------------------------------------------------------------------

OUTPUTS = [name for name in SCHEMAS if name != "rack"]


def judge(name: str) -> jsonschema.Draft202012Validator:
    """The published schema of that name, ready to judge."""
    text = (files("rackcalc.schemas") / f"{name}.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def complaints(name: str, document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in judge(name).iter_errors(document)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_that_of_today(name: str) -> None:
    assert judge(name).schema == schema_of(name) == strict(out("schema", name)), "`make schemas` brings it up to date"
    jsonschema.Draft202012Validator.check_schema(schema_of(name))


def test_schemas_are_published_and_no_others() -> None:
    published = {path.name for path in Path(str(files("rackcalc.schemas"))).glob("*.json")}
    assert published == {f"{name}.json" for name in SCHEMAS}
    refused = run("schema", "racks")
    assert refused.returncode == 2 and b"did you mean rack?" in refused.stderr


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("options", [[], ["--no-interval"], ["--get", "latency.p99"]], ids=["whole", "bare", "one"])
def test_report_is_as_its_schema_says(path: Path, options: list[str]) -> None:
    report = strict(out("estimate", str(path), "--json", *options))
    assert complaints("estimate", report) == [] and complaints("line", report) == []
    assert complaints("estimate", [report, report]) == []


def test_what_never_ends_is_as_the_schema_says() -> None:
    report = strict(out("estimate", "rack-of-god", "--json", "--set", "latency_value.baseline=1 us"))
    assert report["roi"]["payback"]["value"] is None and complaints("estimate", report) == []
    del report["roi"]["payback"]["reason"]
    assert complaints("estimate", report)


def test_lines_and_problems_are_as_their_schemas_say() -> None:
    done = run("estimate", "-", "--format", "jsonl", "--error-format", "json", stdin=b"nowhere\nbert-a100\n{}\n")
    lines = [strict(line) for line in done.stdout.decode().splitlines()]
    assert len(lines) == 3 and [complaints("line", line) for line in lines] == [[], [], []]
    assert complaints("estimate", lines[0]) and complaints("problems", strict(done.stderr.decode())) == []


REPORTS = {
    "check": [["rack-of-god-corrected"], ["bert-8xb200", "air-limit", "--fail-if", "latency.p99 > 2 ms"]],
    "compare": [["rack-of-god", "--scenario", "gpu-only", "--path", "latency.service"], ["bert-a100", "bert-8xb200"]],
    "claims": [["rack-of-god"], ["vendor-quote"]],
}


@pytest.mark.parametrize(("name", "arguments"), [(name, one) for name, all_ in REPORTS.items() for one in all_])
def test_reports_of_gates_comparisons_and_claims_are_as_their_schemas_say(name: str, arguments: list[str]) -> None:
    report = strict(run(name, *arguments, "--json").stdout.decode())
    assert complaints(name, report) == []
    one = report[0] if isinstance(report, list) else report
    for key in list(one):
        assert complaints(name, {other: value for other, value in one.items() if other != key}), key
    assert complaints(name, one | {"more": 1}) and complaints(name, one | {"schema": "rackcalc.other/1"})


SPOILT: dict[str, Any] = {
    "another version": lambda report: report.update(schema="rackcalc.estimate/2"),
    "no version": lambda report: report.pop("schema"),
    "a section that does not exist": lambda report: report.update(latncy=report["latency"]),
    "a figure that does not exist": lambda report: report["latency"].update(p42=report["latency"]["p99"]),
    "a bare number": lambda report: report["latency"].update(p99=1.0),
    "a number as text": lambda report: report["latency"]["p99"].update(value="1.0"),
    "no unit": lambda report: report["latency"]["p99"].pop("unit"),
    "a kind that does not exist": lambda report: report["latency"]["p99"].update(kind="rumour"),
    "half an interval": lambda report: report["latency"]["p99"].pop("low"),
    "notes that are no list": lambda report: report.update(notes="none"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_report_is_not_as_its_schema_says(spoil: Any) -> None:
    report = strict(out("estimate", "bert-a100", "--json"))
    assert complaints("estimate", report) == []
    spoil(report)
    assert complaints("estimate", report)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_reference_of_an_output_leads_somewhere(name: str) -> None:
    schema = schema_of(name)
    used = {part.partition('"')[0] for part in json.dumps(schema).split("#/$defs/")[1:]}
    assert used == set(schema.get("$defs", {}))


AXIS = ("--vary", "accelerators.lpu.count=1..8")
LINK = ("--vary", "links.gpu-lpu.part=nvlink5,nvlink6")
PLANS = {
    "every point": ("sweep", "rack-of-god", *AXIS, *LINK),
    "the best": (
        "sweep",
        "rack-of-god",
        *AXIS,
        "--top",
        "2",
        "--by",
        "latency.p99",
        "--pareto",
        "cost.tco,power.it",
        "--stats",
    ),
    "what has no end": ("sweep", "rack-of-god", *AXIS, "--stats", "--get", "roi.payback", "--get", "roi.irr"),
    "an answer": ("solve", "rack-of-god", *AXIS, "--so-that", "latency.p99 < 2 ms", "--get", "roi.payback"),
    "no answer": ("solve", "rack-of-god", *AXIS, *LINK, "--so-that", "latency.p99 < 1 us"),
    "gates and claims": ("uncertainty", "rack-of-god", "--samples", "16"),
    "no doubt": ("uncertainty", "bert-a100", "memory.gpu.weights", "--samples", "2"),
}


@pytest.mark.parametrize("command", PLANS.values(), ids=PLANS)
def test_plans_are_as_their_schemas_say(command: tuple[str, ...]) -> None:
    done = run(*command, "--json")
    found = strict(done.stdout.decode())
    assert complaints(command[0], found) == [], done.stderr
    for name in found:
        spoilt = {key: value for key, value in found.items() if key != name}
        assert complaints(command[0], spoilt) or name in ("all", "top", "pareto", "stats")
    assert complaints(command[0], found | {"more": 1})


ANSWERS = {
    "a figure": ("explain", "rack-of-god", "cost.tco"),
    "one without an end": ("explain", "rack-of-god", "memory.lpu.free", "--set", "accelerators.lpu.count=16"),
    "a transfer": ("link", "nvlink5", "64 MiB"),
    "errors": ("validate", "--kind", "facility", "--kind", "lpu", "--worst", "3"),
    "errors left out": ("validate", "--kind", "gemm", "--leave-out", "part"),
}


@pytest.mark.parametrize("command", ANSWERS.values(), ids=ANSWERS)
def test_answers_are_as_their_schemas_say(command: tuple[str, ...]) -> None:
    found = strict(run(*command, "--json").stdout.decode())
    assert complaints(command[0], found) == []
    assert complaints(command[0], found | {"more": 1})
    name = next(iter(found))
    spoilt = {key: value for key, value in found.items() if key != name}
    assert complaints(command[0], spoilt) or command[0] == "link"
