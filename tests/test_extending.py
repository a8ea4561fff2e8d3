"""Extending, acted out: the blocks of docs/adding-a-part.md in a copy of the program, run from there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks

PAGE = (ROOT / "docs" / "adding-a-part.md").read_text(encoding="utf-8")


def block(place: str) -> str:
    """The block of the page that begins with a comment naming this place."""
    found = [lines for language in ("yaml", "python") for _, lines in blocks(PAGE, language)]
    (lines,) = [lines for lines in found if lines[0] == f"# {place}"]
    return "\n".join(lines[1:]) + "\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the program that may be changed."""
    for folder in ("rackcalc", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(copy: Path, *arguments: str, text: str = "") -> str:
    """The output of Python with the copy's rackcalc."""
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_chip_is_one_yaml(copy: Path) -> None:
    place = "rackcalc/catalog/gpus/x1.yaml"
    (copy / place).write_text(block(place), encoding="utf-8")
    sources = "rackcalc/catalog/sources.yaml"
    with (copy / sources).open("a", encoding="utf-8") as stream:
        stream.write(block(sources))
    assert re.search(r"^x1 +Example X1$", python(copy, "-m", "rackcalc", "parts", "gpus"), re.MULTILINE)
    part = python(copy, "-m", "rackcalc", "parts", "gpus", "x1")
    assert re.search(r"memory_bandwidth +4 TB/s +datasheet; .*x1\.yaml:\d+; Example X1 data sheet", part)
    used = "--set", "accelerators.gpu.part=x1", "--set", "accelerators.gpu.system="
    used += "--set", "workload.arrival_rate=0.3 request/s"  # eight cards that share the way through the host
    report = json.loads(python(copy, "-m", "rackcalc", "estimate", "llama70b-8xh100", "--json", *used))
    assert "Example X1" in report["subject"]
    assert report["latency"]["tpot"]["value"] > 0
    schema = json.loads(python(copy, "-m", "rackcalc", "schema"))
    assert "x1" in json.dumps(schema["$defs"]["GpuPool"]["properties"]["part"])


def test_the_page_s_chip_keeps_the_rules_of_the_catalog(copy: Path) -> None:
    """The catalog's own tests, on the copy with the new part."""
    place, sources = "rackcalc/catalog/gpus/x1.yaml", "rackcalc/catalog/sources.yaml"
    (copy / place).write_text(block(place), encoding="utf-8")
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "x1", "test_catalog.py"
    shutil.copy(ROOT / "tests" / "test_catalog.py", copy)
    with pytest.raises(AssertionError):
        python(copy, *command)  # its source has no entry yet
    with (copy / sources).open("a", encoding="utf-8") as stream:
        stream.write(block(sources))
    assert re.search(r"[1-9]\d* passed", python(copy, *command))


def test_a_new_output_format_is_one_file_and_one_line(copy: Path) -> None:
    place, table = "rackcalc/render/estimate_lines.py", "rackcalc/render/__init__.py"
    line = block(table)
    assert line.count("\n") == 1
    (copy / place).write_text(block(place), encoding="utf-8")
    before = (copy / table).read_text(encoding="utf-8")
    after = re.sub(r"(?m)^(FORMATS: .* = \{\n)", lambda match: match[0] + line, before)
    assert after != before
    (copy / table).write_text(after, encoding="utf-8")
    shown = python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "--format", "lines")
    python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "-o", "report.lines")
    assert (copy / "report.lines").read_text(encoding="utf-8") == shown
    value = python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "--get", "latency.p99")
    path, number, unit = next(line.split("\t") for line in shown.splitlines() if line.startswith("latency.p99\t"))
    assert (path, unit) == ("latency.p99", "s") and float(number) == pytest.approx(float(value), rel=1e-9)


def test_a_new_formula_is_one_function(copy: Path) -> None:
    place = "rackcalc/formulas/example.py"
    (copy / place).write_text(block(place), encoding="utf-8")
    program = """
from rackcalc.questions.explain import explain
from rackcalc.formulas.example import streaming_time
from rackcalc.config.parts import load_part
part = load_part("gpus", "b200-sxm")
print(explain({"weights": {"time": streaming_time(size=part.memory, bandwidth=part.memory_bandwidth)}}, "weights.time"))
"""
    told = python(copy, "-c", program)
    assert re.search(r"^weights.time = [\d.]+ ms   <- example.streaming_time$", told, re.MULTILINE)
    for part in ("Time to stream bytes", "size / bandwidth", "R. Hockney", "bandwidth = 7.7 TB/s", "b200-sxm.yaml:"):
        assert part in told
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", place
    assert "1 passed" in python(copy, *command)


def insert(file: Path, after: str, text: str) -> None:
    """Put a text behind the only place where another one stands."""
    before = file.read_text(encoding="utf-8")
    assert before.count(after) == 1
    file.write_text(before.replace(after, after + text), encoding="utf-8")


def test_a_new_way_to_cool_is_one_yaml(copy: Path) -> None:
    place = "rackcalc/catalog/cooling/chilled-air.yaml"
    (copy / place).write_text(block(place), encoding="utf-8")
    reports = {}
    for name in ("chilled-air", "air-contained"):
        options = "--json", "--set", f"site.cooling={name}", "--set", "site.inlet="
        reports[name] = json.loads(python(copy, "-m", "rackcalc", "estimate", "bert-a100", *options))["thermal"]
    assert reports["chilled-air"]["inlet"]["value"] == pytest.approx(293.15)
    rises = [report["outlet"]["value"] - report["inlet"]["value"] for report in reports.values()]
    assert rises[0] > 0 and reports["chilled-air"]["pue"]["value"] == 1.35
    assert reports["chilled-air"]["junction"]["gpu"]["value"] < reports["air-contained"]["junction"]["gpu"]["value"]


def test_a_new_figure_is_a_field_and_a_formula(copy: Path) -> None:
    formula = "rackcalc/formulas/serving/copy_rate.py"
    (copy / formula).write_text(block(formula), encoding="utf-8")
    insert(
        copy / "rackcalc/estimation/result.py",
        "    tokens_per_user: Quantity | None = None\n",
        block("rackcalc/estimation/result.py"),
    )
    file = copy / "rackcalc/estimation/estimate.py"
    before = file.read_text(encoding="utf-8")
    figures = "requests, tokens, prompts, used, by_rate, by_clients, at_slo, goodput, per_gpu, per_user"
    line = f"    return Throughput({figures})\n"
    assert before.count(line) == 1
    file.write_text(before.replace(line, block("rackcalc/estimation/estimate.py")), encoding="utf-8")
    insert(
        file,
        "from rackcalc.formulas.combine import largest, smallest, total\n",
        "from rackcalc.formulas.serving.copy_rate import rate_per_copy\n",
    )
    run = "-m", "rackcalc"
    report = json.loads(python(copy, *run, "estimate", "bert-8xb200", "--json"))["throughput"]
    assert report["per_copy"]["value"] == pytest.approx(report["capacity"]["value"] / 8)
    assert report["per_copy"]["low"] < report["per_copy"]["value"] < report["per_copy"]["high"]
    assert "copies" in python(copy, *run, "explain", "bert-8xb200", "throughput.per_copy")
    assert "throughput.per_copy" in python(copy, *run, "estimate", "bert-8xb200", "--all")
    assert "PASS" in python(copy, *run, "check", "bert-8xb200", "--fail-if", "throughput.per_copy < 1 request/s")


def test_a_new_split_is_a_function_and_two_lines(copy: Path) -> None:
    place = "rackcalc/serving/checked_encoder.py"
    (copy / place).write_text(block(place), encoding="utf-8")
    insert(copy / "rackcalc/serving/splits.py", "FUNCTIONS = {\n", block("rackcalc/serving/splits.py"))
    head = "SPLITS: dict[str, tuple[str, ...]] = {  # name -> the pools that it needs\n"
    insert(copy / "rackcalc/spec/rack.py", head, block("rackcalc/spec/rack.py"))
    rates = [
        float(python(copy, "-m", "rackcalc", "estimate", "bert-8xb200", "--get", "throughput.capacity", *options))
        for options in ((), ("--set", "serving.split=checked"))
    ]
    assert rates[1] == pytest.approx(rates[0] / 2)
    refused = [sys.executable, "-m", "rackcalc", "estimate", "llama70b-8xh100", "--set", "serving.split=checked"]
    done = subprocess.run(refused, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "checked is not for models that are decoders" in done.stderr


MAP = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


PLACES = re.findall(r"`((?:rackcalc|tests|docs|configs|benchmarks)/[^`]*)`", MAP)


@pytest.mark.parametrize("place", sorted(set(PLACES)))
def test_places_of_the_map_exist(place: str) -> None:
    path, _, name = place.partition("::")
    assert (ROOT / path).exists(), place
    assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_room_is_on_the_map() -> None:
    for folder in (ROOT / "rackcalc").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"`rackcalc/{folder.name}/" in MAP, folder.name
