"""Names and units as people type them."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import CLEAN, run

from rackcalc.config.builder import Builder
from rackcalc.config.catalog_files import PACKAGE, part_names
from rackcalc.config.document import Node, parse
from rackcalc.config.part_aliases import aliases, find_part, no_part
from rackcalc.quantities import spelling, unit_text, units
from rackcalc.quantities.csv_cells import cell
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.units_table import TABLE
from rackcalc.questions.rack_file import load
from rackcalc.spec.fields import Text
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.part_kinds import CATALOG

PARTS = [(kind, name) for kind in CATALOG for name in part_names(kind)]
ALIASES = [(kind, alias, name) for kind in CATALOG for alias, name in aliases(kind).items()]
RACK = """\
name: everyday
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: llama-3.1-70b
workload: {input: 1024 token, output: 512 token, batch: 32, precision: fp8}
serving: {split: gpu, runtime: vllm}
"""
CONFIG = (
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 2048, "intermediate_size": 8192, '
    '"num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "head_dim": 64, '
    '"vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": true}'
)
WEIGHTS = 2 * (128256 * 2048 + 16 * (2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192))  # bytes in bf16, by hand


# Names of parts


def mixed(name: str, bits: int) -> str:
    return "".join(letter.upper() if bits >> i & 1 else letter.lower() for i, letter in enumerate(name))


@given(st.sampled_from(PARTS), st.integers(0, 2**40))
def test_every_name_in_any_case(part: tuple[str, str], bits: int) -> None:
    kind, name = part
    assert find_part(kind, mixed(name, bits)) == name
    assert find_part(kind, mixed(name.replace("-", " "), bits)) == name
    assert find_part(kind, mixed(name.replace("-", "_"), bits)) == name


def test_every_alias_means_one_part() -> None:
    for kind, alias, name in ALIASES:
        assert find_part(kind, alias) == name and find_part(kind, alias.upper()) == name, alias


def test_no_alias_is_written_twice_or_for_nothing() -> None:
    root = parse(Path(PACKAGE, "catalog", "aliases.yaml").read_text(encoding="utf-8"), "aliases.yaml").value
    assert isinstance(root, dict) and set(root) <= set(CATALOG)
    for kind, table in root.items():
        assert isinstance(table.value, dict) and set(table.value) <= set(part_names(kind))
        written = [str(node.value) for listed in table.value.values() for node in listed.value or ()]
        assert len(written) == len(set(map(spelling.folded, written)))
        assert set(written) <= set(aliases(kind)), "a name of several parts is nobody's alias"
        for node in (node for listed in table.value.values() for node in listed.value or ()):
            folded = spelling.folded(str(node.value))
            assert folded not in map(spelling.folded, part_names(kind)) or find_part(kind, str(node.value)), node


def test_every_part_has_names_that_no_other_part_of_its_kind_has() -> None:
    for kind in CATALOG:
        folded = [spelling.folded(name) for name in part_names(kind)]
        assert len(set(folded)) == len(folded)
        for alias, name in aliases(kind).items():
            if spelling.folded(alias) in folded:
                assert spelling.folded(alias) == spelling.folded(name), f"{alias} is another part's name"


@pytest.mark.parametrize(
    ("kind", "typed", "name"),
    [
        ("models", "meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("models", "Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("models", "deepseek-ai/DeepSeek-R1-0528", "deepseek-r1"),
        ("gpus", "NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("gpus", "H100 SXM5", "h100-sxm"),
        ("gpus", "NVIDIA H100 NVL", "h100-nvl"),
        ("gpus", "NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"),
        ("gpus", "NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("gpus", "Tesla V100-SXM2-32GB", "v100"),
        ("gpus", "L40S", "l40s"),
        ("gpus", "GeForce RTX 4090", "rtx-4090"),
        ("links", "PCIe Gen5 x16", "pcie5"),
        ("links", "NVLink 5", "nvlink5"),
        ("runtimes", "TRT-LLM", "tensorrt-llm"),
        ("systems", "GB200 NVL72", "gb200-nvl72"),
    ],
)
def test_names_of_products(kind: str, typed: str, name: str) -> None:
    assert find_part(kind, typed) == name


@pytest.mark.parametrize(
    ("kind", "typed", "choices"),
    [
        ("gpus", "h100", ["h100-nvl", "h100-pcie", "h100-sxm"]),
        ("gpus", "NVIDIA H100", ["h100-nvl", "h100-pcie", "h100-sxm"]),
        ("gpus", "A100 80GB", ["a100-pcie-80gb", "a100-sxm-80gb"]),
        ("gpus", "h20", ["h200-nvl", "h200-sxm", "gh200", "gh200-144gb"]),
        ("gpus", "h100-sxm5-80gbx", ["h100-sxm"]),
        ("models", "llama-3.1", ["llama-3.1-405b", "llama-3.1-70b", "llama-3.1-8b"]),
        ("models", "mistralai/Mistral-7B-Instruct-v0.3", ["mistral-7b"]),
        ("links", "pcie", ["pcie3", "pcie4", "pcie5", "pcie6"]),
    ],
)
def test_a_name_of_several_parts_is_answered_with_the_choices(kind: str, typed: str, choices: list[str]) -> None:
    assert find_part(kind, typed) is None
    assert f"did you mean {spelling.listed(choices)}?" in no_part(kind, typed)


def test_another_make_is_not_answered_with_a_gpu_that_looks_alike() -> None:
    assert "did you mean" not in no_part("gpus", "mi300x")


def test_what_begins_with_what_was_typed_comes_first() -> None:
    for kind, name in PARTS:
        for typed in (name[:length] for length in range(1, len(name))):
            if find_part(kind, typed) is None:
                said = no_part(kind, typed).partition("did you mean ")[2].rstrip("?").replace(" or ", ", ").split(", ")
                begin = [spelling.folded(choice).startswith(spelling.folded(typed)) for choice in said]
                assert name in said and begin[0], (typed, said)


def test_words_and_formats_in_any_case() -> None:
    assert Builder().value(Text("x", choices=("zero-copy", "bounce")), Node("Zero-Copy"), "x") == "zero-copy"
    formats = Text("x", choices=tuple(FORMATS))
    for typed, name in {"FP8": "fp8", "BF16": "bf16", "bfloat16": "bf16", "NVFP4": "fp4", "fp8_e4m3": "fp8"}.items():
        assert Builder().value(formats, Node(typed), "x") == name
    assert Builder().value(Text("x", choices=("bulk",)), Node("half"), "x") is None


# Units

CONFUSED = ("mW", "MW"), ("ms", "Ms"), ("Gb", "GB"), ("Mb/s", "MB/s"), ("Gbps", "GBps"), ("mJ", "MJ"), ("PB", "pB")


@pytest.mark.parametrize(("one", "other"), CONFUSED)
def test_prefixes_keep_their_case(one: str, other: str) -> None:
    values = []
    for text in (one, other):
        try:
            values.append(units.resolve(text))
        except units.UnitError:
            values.append(("refused", 0.0, 0.0))
    assert values[0] != values[1]


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title, str.swapcase])
def test_another_case_means_the_same_or_is_a_unit_of_its_own_or_none(change: object) -> None:
    for text in TABLE:
        other = change(text)  # type: ignore[operator]
        try:
            found = units.resolve(other)
        except units.UnitError:
            continue
        if found != TABLE[text]:
            assert units.resolve_with_pint(other) == found, f"{other} was read as another unit than it is"


@given(st.sampled_from(sorted(units.WORDS - {"usd", "btu"})), st.integers(0, 2**12))
def test_whole_words_in_any_case(word: str, bits: int) -> None:
    suffix = "/h" if word.startswith(("gal", "lit")) else ""  # a volume alone is of no use to rackcalc
    assert units.resolve(mixed(word, bits) + suffix) == units.resolve_with_pint(word + suffix)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("400Gbps", "B/s", 50e9),
        ("400 Gbit/s", "B/s", 50e9),
        ("900 GBps", "B/s", 900e9),
        ("10 qps", "request/s", 10),
        ("10 QPS", "request/s", 10),
        ("3 req/s", "request/s", 3),
        ("2 krps", "request/s", 2000),
        ("27C", "K", 300.15),
        ("27 °C", "K", 300.15),
        ("27 deg C", "K", 300.15),
        ("80.6 F", "K", 300.15),
        ("80.6℉", "K", 300.15),
        ("1 BTU/h", "W", 1055.05585262 / 3600),
        ("1 ton", "W", 3516.85284),  # NIST SP 811: 3.516 853 E+03 W
        ("3600 m3/h", "m^3/s", 1),
        ("3600 m³/h", "m^3/s", 1),
        ("1 gpm", "m^3/s", 6.30902e-5),  # NIST SP 811
        ("80Gi", "B", 80 * 2**30),
        ("80 GiB", "B", 80 * 2**30),
        ("50 tok/s", "token/s", 50),
        ("50 tps", "token/s", 50),
        ("989 TFLOPs", "FLOP/s", 989e12),
        ("989 TFLOPs", "FLOP", 989e12),
        ("2 Hours", "s", 7200),
        ("3 usd/hour", "USD/s", 3 / 3600),
    ],
)
def test_units_that_people_write(text: str, unit: str, value: float) -> None:
    assert unit_text.parse(text, unit) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("80000 bps", "1", "write bp for a basis point"),
        ("400gbps", "B/s", "write Gbit/s or GB/s"),
        ("70B", "1", "for billions write 70e9"),
        ("8k", "token", "write 8192 token"),
        ("80G", "B", "only a prefix"),
        ("100 kVA", "W", "write kW"),
        ("1 MBTU/h", "W", "write kBTU/h"),
        ("10 kw", "W", "write kW"),
        ("5 mw", "W", "write MW or mW"),
        ("80 gb", "B", "write GB or Gb"),
        ("10 tps", "request/s", "write token/s or request/s"),
        ("100 mtoken", "token", "write Mtoken"),
        ("1 USD/mtoken", "USD/token", "m is a thousandth, M a million"),
        ("5 EUR", "USD", "convert it"),
        ("240k USD", "USD", "write kUSD"),
        ("240 000 W", "W", "without spaces"),
        ("27 C", "W", "which is a temperature"),
        ("3 mm3/s", "W", "which is a volume flow"),
    ],
)
def test_units_that_are_answered(text: str, unit: str, message: str) -> None:
    with pytest.raises(units.UnitError) as error:
        unit_text.parse(text, unit)
    assert message in str(error.value)


def test_a_cubic_millimetre_is_no_thousandth_of_a_cubic_metre() -> None:
    assert units.resolve("mm3/s")[1] == pytest.approx(1e-9) and units.resolve("m3/s")[1] == 1


# The command line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rack.yaml").write_text(RACK)
    (tmp_path / "config.json").write_text(CONFIG)
    return tmp_path


def test_the_same_rack_in_other_words(folder: Path) -> None:
    words = {
        "accelerators.gpu.part": "NVIDIA H100 80GB HBM3",
        "serving.runtime": "vLLM",
        "serving.split": "GPU",
        "workload.precision": "FP8",
        "model": "meta-llama/Llama-3.1-70B-Instruct",
        "site.inlet": "27C",
    }
    sets = [text for path, word in words.items() for text in ("--set", f"{path}={word}")]
    plain = run("estimate", "rack.yaml", "--set", "site.inlet=27 degC", "--json", "--no-interval", cwd=folder)
    other = run("estimate", "rack.yaml", *sets, "--json", "--no-interval", cwd=folder)
    assert other.returncode == 0 and other.stdout == plain.stdout, other.stderr


def test_gates_claims_and_ranges_read_the_same_units(folder: Path) -> None:
    gates = ["--fail-if", "power.it > 1 ton", "--fail-if", "throughput.capacity < 1 qps"]
    assert run("check", "rack.yaml", *gates, cwd=folder).returncode in (0, 3)
    refused = run("check", "rack.yaml", "--fail-if", "power.it > 100 kVA", cwd=folder)
    assert refused.returncode == 2 and b"write kW" in refused.stderr
    swept = run("sweep", "rack.yaml", "--vary", "site.inlet=20..24 C:2", "--get", "latency.tpot", cwd=folder)
    assert swept.returncode == 0 and b"22 degC" in swept.stdout


def weights(folder: Path, *sets: str) -> float:
    options = [text for one in sets for text in ("--set", one)]
    done = run("estimate", "rack.yaml", "--get", "memory.gpu.weights", "--set", "serving.tensor_parallel=1", *options,
               "--set", "workload.precision=bf16", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return float(done.stdout)


def test_a_model_file_by_set(folder: Path) -> None:
    assert weights(folder, "model.hf_config=config.json") == pytest.approx(WEIGHTS, rel=0.01)
    halved = weights(folder, "model.hf_config=config.json", "model.layers=8")
    assert halved < 0.8 * WEIGHTS and halved == weights(folder, "model={hf_config: config.json, layers: 8}")
    assert weights(folder, "model.hf_config=config.json", "model.from=llama-3.1-8b") > 10 * WEIGHTS / 2.5
    written_out = "model={name: x, family: decoder}"
    assert weights(folder, written_out, "model.hf_config=config.json") == pytest.approx(WEIGHTS, rel=0.01)
    missing = run("estimate", "rack.yaml", "--set", "model.hf_config=none.json", cwd=folder)
    assert missing.returncode == 2 and b"none.json: no such file" in missing.stderr


def test_model_files_in_a_sweep(folder: Path) -> None:
    for vary in ("model=llama-3.1-8b,{hf_config: config.json, layers: 8}", "model.hf_config=config.json"):
        done = run("sweep", "rack.yaml", "--vary", vary, "--get", "memory.gpu.weights", cwd=folder)
        assert done.returncode == 0 and b"config.json" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("workload.batch=1..2:5", "the step is longer than the range"),
        ("site.inlet=20C..22C:5", "the step is longer than the range"),
        ("workload.batch=1,2,4..5", "the next value would be beyond the end"),
        ("workload.batch=1,2,4..3", "the range ends before"),
        ("workload.batch=1:2:5", "a range is FROM..TO:STEP"),
    ],
)
@pytest.mark.parametrize("command", [["sweep"], ["solve", "--maximise", "throughput.tokens"]])
def test_ranges_that_hold_nothing_more(folder: Path, command: list[str], written: str, message: str) -> None:
    done = run(*command, "rack.yaml", "--vary", written, cwd=folder)
    assert done.returncode == 2 and message in done.stderr.decode()


def test_resume_with_nothing_to_resume_starts(folder: Path) -> None:
    vary = ["--vary", "workload.batch=1,2,4"]
    done = run("sweep", "rack.yaml", *vary, "--dump", "all.csv", "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len((folder / "all.csv").read_text().splitlines()) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_an_output_in_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "
        "from rackcalc.cli.main import main; main(['estimate', 'bert-a100', '-o', 'x.json'])"
    )
    here = os.pathsep.join([str(Path(PACKAGE).parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, env=CLEAN | {"PYTHONPATH": here}, check=False
    )
    said = done.stderr.decode()
    assert done.returncode == 1 and "x.json" in said and "Traceback" not in said, said


# CSV


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
def test_a_formula_in_a_name_is_text_in_csv(folder: Path, name: str) -> None:
    assert cell(name) == f"'{name}"
    if name.isprintable():
        done = run("estimate", "rack.yaml", "--set", f"name={name}", "--format", "csv", cwd=folder)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        assert rows and {row["rack"] for row in rows} == {f"'{name}"}
        assert all(float(row["value"]) == float(row["value"]) or row["value"] == "nan" for row in rows)


@given(st.floats(allow_nan=False) | st.integers())
def test_numbers_in_csv_stay_as_they_are(value: float) -> None:
    assert cell(value) == value and not isinstance(cell(value), str)


def test_suggestions_are_listed_as_people_do() -> None:
    lists = ([], ["a"], ["a", "b"], ["a", "b", "c"])
    assert [spelling.listed(words) for words in lists] == ["", "a", "a or b", "a, b or c"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("serving.max_running_requests=64", "write serving.max_num_seqs"),
        ("serving.enforce-eager=true", "write serving.cuda_graphs: false"),
        ("serving.mem_fraction_static=0.9", "write serving.gpu_memory_utilization"),
        ("serving.pipeline_parallel_size=2", "write serving.pipeline_parallel"),
        ("serving.enable_lora=true", "write serving.lora"),
        ("serving.enable_chunked_prefill=true", "serving.max_num_batched_tokens"),
        ("serving.block-size=16", "leave it out"),
        ("workload.request_rate=3", "write workload.arrival_rate"),
        ("workload.max_num_seqs=64", "write serving.max_num_seqs"),
    ],
)
def test_options_of_engines_are_answered_with_their_name_here(setting: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load("llama70b-8xh100", "", [setting])
    assert words in str(caught.value)
