"""Wrong input, as a careless or hostile user writes it: every problem at once, with its place and its mend; exit 2.

In a case, § marks the place that the message must name; it is taken out before the text is read.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.text_files import read_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions.rack_file import load, load_text

HYBRID = """\
name: hybrid
accelerators:
  gpu: {part: b200-sxm, count: 8}
  lpu: {part: groq-lpu-v1, count: 4}
links:
  gpu-lpu: {part: pcie4}
model: bert-large
workload: {input: 128 token, batch: 1, arrival_rate: 200 request/s, precision: fp16}
serving: {split: encoder-pipeline, runtime: tensorrt}
site: {cooling: air-contained}
"""
DECODER = """\
name: decoder
accelerators:
  gpu: {part: h100-sxm, count: 8}
model: llama-3.1-8b
workload: {input: 512 token, output: 128 token, arrival_rate: 2 request/s, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 1}
"""
WORKLOAD = "workload: {input: 128 token, batch: 1, arrival_rate: 200 request/s, precision: fp16}\n"
RACKS = {"hybrid": HYBRID, "decoder": DECODER}


@pytest.mark.parametrize("text", RACKS.values(), ids=RACKS)
def test_the_racks_below_are_right_before_they_are_broken(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    assert float(estimate(load(str(file))).latency.p99.value) > 0


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} must occur once"
    return text.replace(old, new)


def marked(text: str) -> tuple[str, str]:
    """The text without its mark, and line:column of the mark."""
    before, mark, after = text.partition("§")
    assert mark and "§" not in after
    return before + after, f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def problems(file: Path, scenario: str = "", sets: tuple[str, ...] = ()) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        estimate(load(str(file), scenario, sets))
    found = caught.value.problems
    assert found and list(found) == sorted(found)
    for problem in found:
        assert str(problem).isprintable() and len(str(problem)) < 1000
    return found


# id, rack, edits (old text -> new text), words the message must hold
WRONG_VALUES = [
    ("wrong unit", HYBRID, {"128 token": "§128 GB"}, ["workload.input: expected a length in tokens", "128 GB"]),
    ("wrong dimension", HYBRID, {"200 request/s": "§200 W"}, ["expected a request rate", "which is a power"]),
    ("missing unit", HYBRID, {"128 token": "§128"}, ["the bare number 128", 'as in "128 token"']),
    ("no such unit", HYBRID, {"128 token": "§128 tokenz"}, ['"tokenz" is not a unit', "128 token"]),
    ("unit that would never end", HYBRID, {"200 request/s": "§200 9**9**9**9"}, ["is not a unit"]),
    ("unit that runs code", HYBRID, {"200 request/s": "§200 __import__('os')"}, ["is not a unit"]),
    (
        "endless number",
        HYBRID,
        {"128 token": "§" + "1" * 100_000},
        ["expected a length in tokens", "..."],
    ),
    ("unit on a count", HYBRID, {"count: 8": "count: §8 W"}, ["expected a number without unit", "which is a power"]),
    ("negative", HYBRID, {"count: 8": "count: §-8"}, ["must be more than 0"]),
    ("zero", HYBRID, {"count: 8": "count: §0"}, ["must be more than 0"]),
    ("not whole", HYBRID, {"count: 8": "count: §8.5"}, ["must be a whole number"]),
    ("nan", HYBRID, {"count: 8": "count: §.nan"}, ["expected a number without unit", '".nan"']),
    ("inf", HYBRID, {"200 request/s": "§.inf request/s"}, ["expected a request rate"]),
    ("nan as a word", HYBRID, {"128 token": "§nan token"}, ["expected a length in tokens"]),
    ("1e400", HYBRID, {"200 request/s": "§1e400 request/s"}, ["which is too large"]),
    ("negative time", HYBRID, {"batch: 1": "batch: 1, slo: §-2 ms"}, ["must be more than 0 s"]),
    ("share over one", HYBRID, {"{cooling: air-contained}": "{}\neconomics: {utilization: §60}"}, ["60 percent"]),
    ("below absolute zero", HYBRID, {"{cooling:": "{inlet: §-300 degC, cooling:"}, ["must be more than 0 K"]),
    ("hexadecimal", HYBRID, {"count: 8": "count: §0x10"}, ["expected a number without unit", "0x10"]),
    ("word for a number", HYBRID, {"count: 8": "count: §eight"}, ["expected a number without unit", '"eight"']),
    ("list for a number", HYBRID, {"count: 8": "count: §[8]"}, ["expected a number without unit", "got a list"]),
    ("base 60", HYBRID, {"128 token": "§12:30"}, ["base-60"]),
    ("octal", HYBRID, {"count: 8": "count: §08"}, ["leading zero"]),
    ("yes for a number", HYBRID, {"count: 8": "count: §yes"}, ["expected a number without unit", '"yes"']),
    ("on for a flag", HYBRID, {"{part: pcie4}": "{part: pcie4, hypothetical: §on}"}, ["true or false", "write true"]),
    ("yes for a flag", HYBRID, {"{part: pcie4}": "{part: pcie4, hypothetical: §Yes}"}, ["true or false", "write true"]),
    ("number for a flag", HYBRID, {"{part: pcie4}": "{part: pcie4, hypothetical: §1}"}, ["expected true or false"]),
    ("dollars", HYBRID, {"{cooling: air-contained}": "{}\neconomics: {price: {gpu: §$500}}"}, ["write USD"]),
    ("euros", HYBRID, {"{cooling: air-contained}": "{}\neconomics: {price: {gpu: §500 €}}"}, ["write USD"]),
    (
        "thousands commas",
        HYBRID,
        {"{cooling: air-contained}": '{}\neconomics: {price: {gpu: §"1,000 USD"}}'},
        ["commas"],
    ),
    ("low over value", HYBRID, {"count: 8": "count: {value: §8, low: 9}"}, ["outside its own low and high"]),
    ("high under value", HYBRID, {"count: 8": "count: {high: 7, value: §8}"}, ["outside its own low and high"]),
    ("bad kind", HYBRID, {"count: 8": "count: {value: 8, kind: §guessed}"}, ["expected one of given, measured"]),
    ("bad low", HYBRID, {"count: 8": "count: {value: 8, low: §1 W}"}, ["count.low", "which is a power"]),
    ("note that is a list", HYBRID, {"count: 8": "count: {value: 8, note: §[a]}"}, ["expected text, got a list"]),
    ("note that steers", HYBRID, {"count: 8": 'count: {value: 8, note: §"\\e[31m"}'}, ["cannot be printed"]),
    (
        "price that steers",
        HYBRID,
        {"{cooling: air-contained}": '{}\neconomics: {price: {§"\\e[31m": 5 USD}}'},
        ["choose another name"],
    ),
    ("no value", HYBRID, {"count: 8": "count: §{low: 8}"}, ["has no value"]),
    ("unknown key of a value", HYBRID, {"count: 8": "count: {value: 8, §source_: x}"}, ["did you mean source?"]),
    ("unknown word", HYBRID, {"encoder-pipeline": "§encoder-pipelin"}, ["did you mean encoder-pipeline?"]),
    ("unknown format", HYBRID, {"fp16": "§fp17"}, ["expected one of fp32", "did you mean fp16?"]),
    ("list for a word", HYBRID, {"fp16": "§[fp16]"}, ["got a list"]),
    ("empty name", HYBRID, {"name: hybrid": "name: §''"}, ["name: is empty"]),
    ("control characters", HYBRID, {"name: hybrid": 'name: §"\\e[31mred"'}, ["cannot be printed"]),
    (
        "unknown part",
        HYBRID,
        {"b200-sxm": "§b200-sxn"},
        ["no GPU is called", "did you mean b200-sxm?", "rackcalc parts gpus"],
    ),
    ("part of another kind", HYBRID, {"groq-lpu-v1": "§h100-sxm"}, ["no LPU is called", "rackcalc parts lpus"]),
    ("path for a part", HYBRID, {"b200-sxm": "§../gpus/b200-sxm"}, ["no GPU is called"]),
    ("from nothing", HYBRID, {"b200-sxm": "{from: §}"}, ["expected the name of a GPU, got nothing"]),
    ("from a list", HYBRID, {"b200-sxm": "{from: §[b200-sxm]}"}, ["expected the name of a GPU, got a list"]),
    ("list for a part", HYBRID, {"b200-sxm": "§[b200-sxm]"}, ["expected the name of a GPU", "got a list"]),
    ("wrong override", HYBRID, {"b200-sxm": "{from: b200-sxm, tdp: §1000 GB/s}"}, ["expected a power", "a bandwidth"]),
    ("unknown override", HYBRID, {"b200-sxm": "{from: b200-sxm, §tpd: 1 kW}"}, ["unknown key; did you mean tdp?"]),
    ("dotted override", HYBRID, {"b200-sxm": "{from: b200-sxm, §peak.fp16: 1 TFLOP/s}"}, ["write it nested"]),
]
WRONG_SHAPES = [
    ("unknown key", HYBRID, {"site:": "§sight:"}, ["sight: unknown key; did you mean site?"]),
    ("unknown key, nothing near", HYBRID, {"site:": "§zzz:"}, ["zzz: unknown key; known: name,"]),
    ("unknown key in a section", HYBRID, {"batch: 1": "§bach: 1"}, ["workload.bach: unknown key; did you mean batch?"]),
    ("key on a line of its own", HYBRID, {"site: {": "§sight:\n  {"}, ["sight: unknown key"]),
    ("dotted key", HYBRID, {"site: {cooling: air-contained}": "§site.cooling: air"}, ["write it nested"]),
    (
        "unknown link",
        HYBRID,
        {"  gpu-lpu:": "  gpu-lpu: {part: pcie4}\n  §gpu-cpu:"},
        ["links.gpu-cpu: unknown key; did"],
    ),
    ("duplicate key", HYBRID, {"batch: 1": "batch: 1, §batch: 2"}, ["written twice; first on line 8"]),
    ("duplicate section", HYBRID, {"site:": "§name: again\nsite:"}, ["written twice; first on line 1"]),
    ("key that is a list", HYBRID, {"site:": "? §[a, b]\n: 1\nsite:"}, ["a key must be a word, not a list"]),
    ("key that is a mapping", HYBRID, {"site: {": "site: {§{}: 1, "}, ["a key must be a word, not a mapping"]),
    ("missing section", HYBRID, {"name:": "§name:", WORKLOAD: ""}, ["workload: is missing; expected a section"]),
    (
        "missing value",
        HYBRID,
        {"workload: {input: 128 token, ": "§workload: {"},
        ["workload.input: is missing", "128 token"],
    ),
    ("missing part", HYBRID, {"gpu: {part: b200-sxm, ": "§gpu: {"}, ["gpu.part: is missing", "rackcalc parts"]),
    (
        "missing word",
        HYBRID,
        {"serving: {split: encoder-pipeline, ": "§serving: {"},
        ["serving.split: is missing", "one of"],
    ),
    (
        "section that is null",
        HYBRID,
        {"serving: {split: encoder-pipeline, runtime: tensorrt}": "§serving:"},
        ["serving.split: is"],
    ),
    (
        "null for a value",
        HYBRID,
        {"workload: {input: 128 token": "§workload: {input: ~"},
        ["workload.input: is missing"],
    ),
    (
        "list for a mapping",
        HYBRID,
        {"site: {cooling: air-contained}": "site: §[air]"},
        ["site: expected a mapping", "a list"],
    ),
    (
        "number for a mapping",
        HYBRID,
        {"site: {cooling: air-contained}": "site: §5"},
        ["site: expected a mapping", '"5"'],
    ),
    (
        "mapping for a list",
        HYBRID,
        {"site:": "gates: §{fail_if: latency.p99 > 2 ms}\nsite:"},
        ["gates: expected a list"],
    ),
    ("word for a gate", HYBRID, {"site:": "gates: [§latency.p99 > 2 ms]\nsite:"}, ["gates[0]: expected a mapping"]),
    ("tag", HYBRID, {"name: hybrid": "name: §!include other.yaml"}, ["the tag !include means nothing"]),
    (
        "python object",
        HYBRID,
        {"name: hybrid": "name: §!!python/name:os.system x"},
        ["the tag !!python/name:os.system"],
    ),
    ("alias of nothing", HYBRID, {"count: 8": "count: §*eight"}, ["no anchor &eight"]),
    (
        "alias cycle",
        HYBRID,
        {"site: {": "site: &again {inlet: §*again, "},
        ["*again refers to a value that contains it"],
    ),
    ("merge of a word", HYBRID, {"site: {": "site: {§<<: air, "}, ["merges mappings only"]),
    ("merge of a list of words", HYBRID, {"site: {": "site: {§<<: [air], "}, ["merges mappings only"]),
    ("tab", HYBRID, {"  gpu-lpu:": "§\tgpu-lpu:"}, ["a tab: YAML indents with spaces"]),
    ("unclosed bracket", HYBRID, {"{part: pcie4}": "§{part: pcie4"}, ["not closed"]),
    ("unclosed quote", HYBRID, {"name: hybrid": "name: §'hybrid"}, ["not closed"]),
    ("too many brackets", HYBRID, {"{part: pcie4}": "{part: pcie4}§}"}, ["not valid YAML"]),
    ("wrong indent", HYBRID, {"  lpu:": " §lpu:"}, ["fix the indentation"]),
    ("second colon", HYBRID, {"name: hybrid": "name: two§: colons"}, ["in quotes"]),
    ("no colon", HYBRID, {"site:": "§siteless\nsite:"}, ['without "key: value"']),
    ("percent sign first", HYBRID, {"name: hybrid": "name: §%hybrid"}, ["% cannot begin a value", "in quotes"]),
    ("at sign first", HYBRID, {"name: hybrid": "name: §@hybrid"}, ["@ cannot begin a value", "in quotes"]),
    ("two documents", HYBRID, {"site:": "§--- {}\n---\nsite:"}, ["more than one document"]),
    ("bell", HYBRID, {"model:": "§model: \x07"}, ["control character (0x07)"]),
]
WRONG_RACKS = [
    (
        "split that needs LPUs",
        DECODER,
        {"split: gpu": "split: lpu", "accelerators:": "§accelerators:"},
        ["accelerators.lpu: is missing", "split lpu needs it"],
    ),
    (
        "split that needs a link",
        HYBRID,
        {"links:\n  gpu-lpu: {part: pcie4}\n": "", "name:": "§name:"},
        ["links.gpu-lpu: is missing"],
    ),
    (
        "split without software",
        HYBRID,
        {", runtime: tensorrt": "", "serving:": "§serving:"},
        ["serving.runtime: is missing", "rackcalc parts runtimes"],
    ),
    ("no port", HYBRID, {"{part: pcie4}": "{part: §nvlink5}"}, ["Groq LPU", "no port for", "hypothetical: true"]),
    (
        "NVLink 5 on H100",
        DECODER,
        {"model:": "links:\n  gpu-gpu: {part: §nvlink5}\nmodel:"},
        ["H100", "no port for", "nvlink4"],
    ),
    ("does not fit a GPU", DECODER, {"llama-3.1-8b": "§llama-3.1-405b"}, ["does not fit", "more GPUs per copy"]),
    (
        "cache does not fit",
        DECODER,
        {"arrival_rate: 2 request/s": "batch: §4000"},
        ["does not fit", "KV cache", "a smaller batch"],
    ),
    ("does not fit SRAM", HYBRID, {"v1, count: 4": "v1, count: §2"}, ["does not fit", "chips", "spill:"]),
    ("overload", HYBRID, {"200 request/s": "§2e5 request/s"}, ["overload", "lower it or add chips"]),
    ("too many GPUs share", DECODER, {"tensor_parallel: 1": "tensor_parallel: §16"}, ["more than the 8 GPUs"]),
    ("encoder that generates", HYBRID, {"batch: 1": "output: §5 token, batch: 1"}, ["an encoder generates nothing"]),
    (
        "decoder that does not",
        DECODER,
        {"output: 128 token, ": "", "workload:": "§workload:"},
        ["workload.output: is missing"],
    ),
    (
        "decoder in a pipeline",
        HYBRID,
        {"bert-large": "llama-3.1-8b", "batch: 1": "output: 5 token, batch: 1", "split: ": "split: §"},
        ["encoder-pipeline is not for models that are decoders", "prefill-decode"],
    ),
    ("too long", HYBRID, {"128 token": "§600 token"}, ["600 token are more than BERT-Large", "512 token"]),
    (
        "precision of no GPU",
        DECODER,
        {"h100-sxm": "v100", "fp8": "§fp8"},
        ["V100", "does not compute in fp8; use fp16"],
    ),
    (
        "precision of no LPU",
        HYBRID,
        {"precision: fp16": "precision: §fp8"},
        ["does not compute in fp8; use fp16 or int8"],
    ),
    (
        "all layers on the GPU",
        HYBRID,
        {"runtime: tensorrt": "runtime: tensorrt, gpu_layers: §24"},
        ["leaves none of the 24"],
    ),
    (
        "no drafting model",
        HYBRID,
        {
            "bert-large": "llama-3.1-8b",
            "batch: 1": "output: 5 token, batch: 1",
            "serving: {split: encoder-pipeline": "§serving: {split: draft-verify",
        },
        ["serving.speculation: is missing; name the model that drafts"],
    ),
    ("system of other chips", DECODER, {"count: 8}": "count: 8, system: §dgx-b200}"}, ["holds b200-sxm, not h100-sxm"]),
    (
        "half a value of latency",
        HYBRID,
        {"site:": "§latency_value: {kind: linear, baseline: 2 ms, rate: 1 percent/ms/year}\nsite:"},
        ["latency_value.capital: is missing; kind linear"],
    ),
    (
        "half a coolant",
        HYBRID,
        {"air-contained": "{§from: direct-liquid, coolant_density: }"},
        ["coolant_density: is missing"],
    ),
    (
        "liquid servers in air",
        HYBRID,
        {
            "b200-sxm, count: 8": "gb200, count: 8, system: gb200-nvl72",
            "cooling: air-contained": "cooling: §air-contained",
        },
        ["the fans cannot move the air"],
    ),
    (
        "hot as an oven",
        HYBRID,
        {"{cooling:": "{inlet: §95 degC, cooling:"},
        ["at the temperature limit with the clock at zero", "cool better"],
    ),
    (
        "link in a furnace",
        HYBRID,
        {"{part: pcie4}": "{part: pcie4, temperature: §2000 degC}"},
        ["no packet gets through"],
    ),
    (
        "no link left",
        HYBRID,
        {"{part: pcie4}": "{part: pcie4, other_load: §0.5}\nsharing: {link_share: 0.6}"},
        ["whole link"],
    ),
    (
        "nothing to share with",
        DECODER,
        {"arrival_rate: 2 request/s, precision: fp8}": "precision: fp8}\nsharing: §{share: 0.5}"},
        ["sharing: needs workload.arrival_rate"],
    ),
    (
        "heads that do not divide",
        HYBRID,
        {"bert-large": "{from: bert-large, kv_heads: §5}"},
        ["5 does not divide the 16 heads"],
    ),
    (
        "more experts than there are",
        HYBRID,
        {"bert-large": "{from: bert-large, experts: {experts: 4, active: §8, ffn: 64, layers: 24}}"},
        ["more than the 4 experts"],
    ),
    (
        "expert layers",
        HYBRID,
        {"bert-large": "{from: bert-large, experts: {experts: 4, active: 2, ffn: 64, layers: §25}}"},
        ["more than the 24 layers"],
    ),
]


@pytest.mark.parametrize(
    ("text", "edits", "words"),
    [case[1:] for case in WRONG_VALUES + WRONG_SHAPES + WRONG_RACKS],
    ids=[case[0] for case in WRONG_VALUES + WRONG_SHAPES + WRONG_RACKS],
)
def test_one_mistake_is_one_problem_at_its_place(
    text: str, edits: dict[str, str], words: list[str], tmp_path: Path
) -> None:
    for old, new in edits.items():
        text = edited(text, old, new)
    text, place = marked(text)
    file = tmp_path / "rack.yaml"
    file.write_text(text, encoding="utf-8")
    found = problems(file)
    assert len(found) == 1, "\n".join(map(str, found))
    said = str(found[0])
    assert said.startswith(f"{file}:{place}: "), said
    for word in words:
        assert word in said


# id, bytes of the file, place ("" for none), words
WRONG_FILES = [
    ("empty", b"", "", ["is empty", "rackcalc init"]),
    ("blank", b" \n\n", "", ["is empty", "rackcalc init"]),
    ("only comments", b"# a\n# b\n", "", ["is empty", "rackcalc init"]),
    ("null", b"~\n", "1:1", ["expected a rack: a mapping", "got nothing"]),
    ("a word", b"rack\n", "1:1", ["expected a rack: a mapping", '"rack"']),
    ("a number", b"12\n", "1:1", ["expected a rack: a mapping", '"12"']),
    ("a list", b"- name: x\n", "1:1", ["expected a rack: a mapping", "got a list"]),
    ("binary", bytes(range(256)), "", ["not UTF-8"]),
    ("an ELF", b"\x7fELF\x02\x01\x01\0\0\0", "", ["is a binary file"]),
    ("NUL", HYBRID.encode().replace(b"hybrid", b"hy\0brid"), "", ["is a binary file"]),
    (
        "Latin-1",
        HYBRID.encode().replace(b"hybrid", b"caf\xe9"),
        "1:1",
        ["not UTF-8 text (byte 0xe9)", "save it as UTF-8"],
    ),
    ("UTF-16", HYBRID.encode("utf-16"), "1:1", ["not UTF-8", "save it as UTF-8"]),
    ("UTF-16 without mark", HYBRID.encode("utf-16-le"), "", ["UTF-16"]),
    ("CRLF and a tab", b"name: x\r\n\tmodel: y\r\n", "2:1", ["a tab"]),
    ("deep", b"name: " + b"[" * 100_000, "", ["nested more than 60 levels"]),
    ("deep in block form", b"".join(b" " * i + b"a:\n" for i in range(1000)), "61:61", ["nested more than 60 levels"]),
    ("million", b"name:\n" + b"- a\n" * 1_000_000, "", ["holds more than 100000 values"]),
    ("HTML", b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "1:1", ["expected a rack: a mapping"]),
    ("JSON with a comma too many", b'{"name": "x",, "model": 1}', "", ["not valid YAML"]),
    ("only an end", b"}\n", "1:1", ["not valid YAML"]),
    ("YAML of the future", b"%YAML 9.0\n---\nname: x\n", "1:1", ["incompatible YAML"]),
    ("a bomb", b"", "", ["holds more than 100000 values (each use of an alias counts)"]),
]
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("data", "place", "words"), [case[1:] for case in WRONG_FILES], ids=[c[0] for c in WRONG_FILES]
)
def test_a_file_that_is_no_rack(data: bytes, place: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_bytes(data if "alias" not in words[0] else BOMB.encode())
    said = str(problems(file)[0])
    assert said.startswith(f"{file}:{place}: " if place else f"{file}:"), said
    for word in words:
        assert word in said


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HYBRID.replace("\n", "\r\n").encode())
    plain = tmp_path / "plain.yaml"
    plain.write_text(HYBRID)
    assert estimate(load(str(file))).latency.p99.value == estimate(load(str(plain))).latency.p99.value


def test_spellings_that_only_look_like_traps(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(edited(edited(HYBRID, "name: hybrid", "name: on"), "200 request/s", "1_000 request/s"))
    rack = load(str(file)).rack
    assert (rack.name, float(rack.workload.arrival_rate.value)) == ("on", 1000.0)


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    with big.open("wb") as stream:
        stream.truncate(50_000_000)
    for name, word in (
        (str(tmp_path), "is a directory; name a YAML file in it"),
        (str(tmp_path / "none.yaml"), "no such file"),
        (str(big), "is 50 MB; a rack file has at most 4 MB"),
        ("rack-of-dog", "no such file, and no bundled rack of that name; did you mean rack-of-god?"),
        ("a\0b", "no such file"),
        ("x" * 5000, "no such file"),
        ("", "no such file"),
        ("/dev/zero", "is over 4 MB"),
    ):
        with pytest.raises(InputError) as caught:
            load(name)
        assert word in str(caught.value), name


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions of another kind")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(HYBRID)
    file.chmod(0)
    before = os.geteuid()
    try:
        if before == 0:
            os.seteuid(65534)  # root reads everything
        with pytest.raises(InputError, match="cannot be read: permission denied"):
            read_text(str(file))
    finally:
        os.seteuid(before)


# id, text of the scenarios (§ as above), scenario asked for, words
WRONG_SCENARIOS = [
    ("unknown path", "{fast: {§workload.batsch: 8}}", "", ["no \"batsch\" in 'workload.batsch'; did you mean batch?"]),
    ("below a value", "{fast: {§workload.precision.x: 8}}", "", ['nothing can be set below "precision"']),
    ("below a number", "{fast: {§workload.batch.x: 8}}", "", ["no \"x\" in 'workload.batch.x'; known: value"]),
    ("unknown link", "{fast: {§links.cpu-gpu.part: pcie5}}", "", ['no "cpu-gpu"']),
    ("not a mapping", "{fast: §[1]}", "", ["scenarios.fast: expected a mapping of paths to values, got a list"]),
    ("all no mapping", "§[fast]", "", ["scenarios: expected a mapping of names to overrides, got a list"]),
    ("unknown scenario", "{fast: {workload.batch: 8}}", "fats", ['no scenario "fats"; did you mean fast?']),
    ("wrong value", "{fast: {workload.input: §8 GB}}", "fast", ["workload.input: expected a length in tokens"]),
    ("inside a list", "{fast: {§gates.fail_if: x}}", "fast", ['nothing can be set below "gates"']),
    ("infeasible", "{fast: {workload.arrival_rate: §1e9 request/s}}", "fast", ["overload"]),
    ("takes too much away", "{fast: {links.gpu-lpu: }}", "fast", ["links.gpu-lpu: is missing"]),
]


@pytest.mark.parametrize(
    ("scenarios", "chosen", "words"), [case[1:] for case in WRONG_SCENARIOS], ids=[case[0] for case in WRONG_SCENARIOS]
)
def test_wrong_scenarios(scenarios: str, chosen: str, words: list[str], tmp_path: Path) -> None:
    text = HYBRID + f"scenarios: {scenarios}\n"
    place = ""
    if "§" in text:
        text, place = marked(text)
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    found = problems(file, chosen)
    assert len(found) == 1
    assert str(found[0]).startswith(f"{file}:{place}")
    for word in words:
        assert word in str(found[0])


def test_a_scenario_of_a_file_that_has_none(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(HYBRID)
    assert 'no scenario "fast"; known: buy, rent, api' in str(problems(file, "fast")[0])


WRONG_SETS = [
    ("no value", "workload.batch", ["--set: expected PATH=VALUE"]),
    ("no path", "=8", ["--set: expected PATH=VALUE"]),
    ("unknown path", "workload.bach=8", ['--set: workload.bach: no "bach"', "did you mean batch?"]),
    ("unknown section", "wrkload=8", ['--set: wrkload: no "wrkload" in a rack; did you mean workload?']),
    ("wrong unit", "workload.input=8 GB", ["--set: workload.input: expected a length in tokens"]),
    ("no unit", "workload.input=8", ["--set: workload.input:", "the bare number 8"]),
    ("a list", "workload.batch=[1, 2]", ["workload.batch: expected a number without unit", "got a list"]),
    ("a mapping", "workload.batch={a: 1}", ["workload.batch.a: unknown key"]),
    ("half a list", "workload.batch=[1", ["--set: workload.batch: not valid YAML"]),
    ("a word for a section", "workload=fast", ["workload: expected a mapping"]),
    ("nothing where something must be", "workload.input=", ["workload.input: is missing"]),
    ("overload", "workload.arrival_rate=1e7 request/s", ["--set: workload.arrival_rate: overload"]),
    ("bytes that are no text", "name=[\udcff]", ["--set: name: is not UTF-8"]),
    ("escapes", "name=\x1b[31mred", ["cannot be printed"]),
    ("below nothing", "workload.precision.x.y=8", ['nothing can be set below "precision"']),
]


@pytest.mark.parametrize(("set_", "words"), [case[1:] for case in WRONG_SETS], ids=[case[0] for case in WRONG_SETS])
def test_wrong_set(set_: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(HYBRID)
    said = "\n".join(map(str, problems(file, sets=(set_,))))
    for word in words:
        assert word in said


# id, gate (§ as above), words. The form of a gate is checked when the file is read, its figure when it is held.
WRONG_GATES = [
    ("no operator", " {fail_if: §latency.p99 2 ms}", ["expected PATH OP VALUE UNIT", "OP one of < <= > >= == !="]),
    ("wrong operator", " {fail_if: §latency.p99 => 2 ms}", ["expected PATH OP VALUE UNIT"]),
    ("no limit", " {fail_if: §latency.p99 >}", ["expected PATH OP VALUE UNIT"]),
    ("code", " {warn_if: §__import__('os').system('ls')}", ["expected PATH OP VALUE UNIT"]),
    ("neither", " §{why: because}", ["needs fail_if or warn_if"]),
    ("nothing", " §{fail_if: }", ["needs fail_if or warn_if"]),
    ("null", "§", ["needs fail_if or warn_if"]),
    ("unknown key", " {fail_if: latency.p99 > 2 ms, §whi: x}", ["did you mean why?"]),
    ("a list", " {fail_if: §[latency.p99 > 2 ms]}", ["gates[0].fail_if: expected condition", "got a list"]),
]


@pytest.mark.parametrize(("gate", "words"), [case[1:] for case in WRONG_GATES], ids=[case[0] for case in WRONG_GATES])
def test_wrong_gates_are_found_when_the_file_is_read(gate: str, words: list[str], tmp_path: Path) -> None:
    text, place = marked(HYBRID + f"gates:\n  -{gate}\n")
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    found = problems(file)
    assert len(found) == 1
    assert str(found[0]).startswith(f"{file}:{place}: gates[0]"), found[0]
    for word in words:
        assert word in str(found[0])


LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
# id, the config.json, words
WRONG_CONFIGS = [
    ("not JSON", "{", ["config.json:1:2: not valid JSON"]),
    ("empty", "", ["config.json:1:1: not valid JSON"]),
    ("no object", "[1]", ["model.hf_config: ", "holds an object"]),
    ("no type", "{}", ["model_type is missing"]),
    ("unknown type", '{"model_type": "resnet"}', ['model_type "resnet" is not known; known: ']),
    ("refused type", '{"model_type": "mamba"}', ["model_type mamba cannot be described: it has no attention"]),
    ("missing key", json.dumps(LLAMA | {"vocab_size": None}), ["vocab_size is missing"]),
    ("nan", json.dumps(LLAMA | {"hidden_size": float("nan")}), ["hidden_size: expected a whole number"]),
    ("inf", json.dumps(LLAMA | {"hidden_size": float("inf")}), ["hidden_size: expected a whole number"]),
    ("endless number", json.dumps(LLAMA)[:-1] + ', "x": ' + "9" * 10_000 + "}", ["numbers without end"]),
    ("deep", "[" * 100_000, ["model.hf_config: "]),
    ("not UTF-8", "\udcff", ["not UTF-8"]),
]


@pytest.mark.parametrize(("config", "words"), [c[1:] for c in WRONG_CONFIGS], ids=[c[0] for c in WRONG_CONFIGS])
def test_wrong_hugging_face_configs(config: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(config.encode(errors="surrogateescape"))
    text, place = marked(edited(DECODER, "llama-3.1-8b", "{hf_config: §config.json}"))
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    found = problems(file)
    assert len(found) == 1
    said = str(found[0])
    assert said.startswith((f"{file}:{place}: model.hf_config: ", f"{tmp_path / 'config.json'}:1:")), said
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("reference", "word"),
    [
        ("none.json", "none.json: no such file"),
        (".", "is a directory"),
        ('"a\\0b"', "cannot be read"),
        ("[x]", "the path"),
    ],
)
def test_a_hugging_face_config_that_is_not_there(reference: str, word: str, tmp_path: Path) -> None:
    text, place = marked(edited(DECODER, "llama-3.1-8b", f"{{hf_config: §{reference}}}"))
    file = tmp_path / "rack.yaml"
    file.write_text(text)
    found = problems(file)
    assert len(found) == 1
    assert str(found[0]).startswith(f"{file}:{place}: model") and word in str(found[0])


def test_a_hugging_face_config_named_like_standard_input_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rack.yaml").write_text(edited(DECODER, "llama-3.1-8b", '{hf_config: "-"}'))
    assert "./-: no such file" in str(problems(Path("rack.yaml"))[0])


MARKED = """\
name: many
§worklod: {}
accelerators:
  gpu: {part: §b2000-sxm, count: §1.5}
  lpu: {part: groq-lpu-v1, count: 4, §count: 5}
links: {gpu-lpu: {part: nvlink5, hypothetical: §on}}
model: §bert-larg
workload: {input: §128, batch: §0, precision: §fp17}
serving: {split: encoder-pipeline, runtime: tensorrt}
site: {altitude: §12:30}
gates:
  - {fail_if: §latency.p99 => 2 ms}
scenarios: {fast: {§workload.batsch: 1}}
"""
MANY = MARKED.replace("§", "")
PLACES = [
    f"{number}:{match.start() - index + 1}"
    for number, line in enumerate(MARKED.splitlines(), 1)
    for index, match in enumerate(re.finditer("§", line))
]


def test_every_problem_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(MANY)
    found = problems(file)
    assert [f"{problem.line}:{problem.column}" for problem in found] == PLACES


SNIPPETS = [*"{}[]:!|>'#%\0\x1b~0\n\t\ud800\u2028…", '"', "", ": ", "- ", "&a ", "*a", "<<: ", "? ", "--- "]
SNIPPETS += ["-1", "1e308", "1e-308", ".nan", "9**9", "gpu: ", "from: ", "hf_config: "]


@given(st.sampled_from([HYBRID, DECODER]), st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_rack_is_refused_or_answered_but_never_crashes(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 2, 5, 20])))
        text = text[:start] + data.draw(st.sampled_from(SNIPPETS)) + text[end:]
    try:
        result = estimate(load_text(text, "damaged.yaml"))
    except InputError as error:
        assert error.problems and all(str(problem).isprintable() for problem in error.problems)
    else:
        assert 0 < float(result.latency.p99.value) < float("inf")


def rackcalc(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The program as a user starts it."""
    command = [sys.executable, "-m", "rackcalc", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


# id, arguments after `rackcalc`, text of rack.yaml, standard input, words on standard error
REFUSALS = [
    ("many", ["estimate", "rack.yaml"], MANY, "", ["rack.yaml:2:1: worklod", "12 problems"]),
    ("check", ["check", "rack.yaml", "--fail-if", "latency.p99 > 1 s"], MANY, "", ["12 problems"]),
    ("explain", ["explain", "rack.yaml", "latency.p99"], MANY, "", ["12 problems"]),
    ("overload", ["estimate", "rack.yaml"], HYBRID.replace("200 r", "2e5 r"), "", ["rack.yaml:8:54:", "overload"]),
    (
        "set",
        ["estimate", "rack.yaml", "--set", "x", "--set", "y=1"],
        HYBRID,
        "",
        ["PATH=VALUE", 'no "y"', "2 problems"],
    ),
    (
        "get",
        ["estimate", "rack.yaml", "--get", "latency.p9", "--get", "cost"],
        HYBRID,
        "",
        ["did you mean", "is a group"],
    ),
    ("unit", ["estimate", "rack.yaml", "--get", "latency.p99", "--unit", "GB"], HYBRID, "", ["a time", '"GB"']),
    ("unit alone", ["estimate", "rack.yaml", "--unit", "ms"], HYBRID, "", ["--unit goes with --get"]),
    ("ending", ["estimate", "rack.yaml", "-o", "report.docx"], HYBRID, "", ["report.docx: -o: the ending", ".json"]),
    ("format", ["estimate", "rack.yaml", "--format", "jsn"], HYBRID, "", ["did you mean json"]),
    ("error format", ["estimate", "rack.yaml", "--error-format", "xml"], HYBRID, "", ["expected text, json or github"]),
    ("two stdin", ["estimate", "-", "-"], "", HYBRID, ["read once only"]),
    ("stdin", ["estimate", "-"], "", HYBRID.replace("fp16", "fp17"), ["<stdin>:8:80: workload.precision"]),
    ("no stdin", ["estimate", "-"], "", "", ["<stdin>: is empty"]),
    ("no file", ["estimate", "none.yaml"], "", "", ["none.yaml: no such file"]),
    ("two racks", ["estimate", "rack.yaml", "none.yaml"], MANY, "", ["none.yaml: no such file", "13 problems"]),
    (
        "gate",
        ["check", "rack.yaml", "--fail-if", "latency.p9 > 1 s"],
        HYBRID,
        "",
        ["--fail-if", "did you mean latency.p9"],
    ),
    ("gate unit", ["check", "rack.yaml", "--fail-if", "latency.p99 > 1 W"], HYBRID, "", ["expected a time", "a power"]),
    ("gate form", ["check", "rack.yaml", "--fail-if", "latency.p99"], HYBRID, "", ["expected PATH OP VALUE UNIT"]),
    ("no gates", ["check", "rack.yaml"], HYBRID, "", ["no gates: add"]),
    ("two unknown scenarios", ["check", "rack.yaml", "--scenario", "a", "--scenario", "b"], HYBRID, "", ["2 problems"]),
    ("no such figure", ["explain", "rack.yaml", "latency.p98"], HYBRID, "", ["did you mean latency.p9"]),
    (
        "link",
        ["link", "nvlink55", "64 W", "--other-load", "2"],
        "",
        "",
        ["LINK: no link", "SIZE", "--other-load", "3 problems"],
    ),
    ("part", ["parts", "gpus", "b2000"], "", "", ['no GPU is called "b2000"']),
    ("kind of part", ["parts", "gpu"], "", "", ["did you mean gpus?"]),
    ("init", ["init", "rack.yaml"], "precious", "", ["rack.yaml: exists already"]),
    ("init from", ["init", "new.yaml", "--from", "rack-of-cod"], "", "", ["did you mean rack-of-god?"]),
    ("no command", ["estimat", "rack.yaml"], "", "", ["estimate"]),
    ("no option", ["estimate", "rack.yaml", "--jsn"], HYBRID, "", ["--jsn"]),
    ("no rack", ["estimate"], "", "", ["RACK"]),
]


@pytest.mark.parametrize(
    ("arguments", "text", "stdin", "words"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_the_program_refuses(
    arguments: list[str], text: str, stdin: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rack.yaml").write_text(text)
    done = rackcalc(*arguments, stdin=stdin.encode())
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b""), said
    assert "Traceback" not in said
    for word in words:
        assert word in said
    assert [path.name for path in tmp_path.iterdir()] == ["rack.yaml"] and Path("rack.yaml").read_text() == text
