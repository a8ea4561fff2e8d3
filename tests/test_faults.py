"""Kinds of faults that people found by trying to break the program: each of these once passed in silence or crashed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.hugging_face import ConfigError, model_from_config
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.unit_text import parse
from rackcalc.questions.explain import explain
from rackcalc.questions.rack_file import load_text
from rackcalc.validation import validate
from rackcalc.validation.read import NUMBERS, Row, bundled, read

CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
RACK = """\
name: a rack
accelerators: {gpu: {part: h100-sxm, count: 1}}
model: {hf_config: config.json}
workload: {input: 512 token, output: 64 token, batch: 1, precision: bf16}
serving: {split: gpu, runtime: vllm}
"""
VARY = ("--vary", "workload.input=16..1024 token:16", "--vary", "workload.output=16..512 token:16")


def command(*arguments: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "rackcalc", *arguments]
    return subprocess.run(whole, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, **more)


def rackcalc_says(*arguments: str) -> subprocess.CompletedProcess[str]:
    return command(*arguments, cwd=Path(__file__).parent.parent)


@pytest.fixture
def rack(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "rack.yaml").write_text(RACK)
    return tmp_path


def interrupted(folder: Path, name: str) -> None:
    """Start a dump and stop it as soon as there is a manifest."""
    whole = [sys.executable, "-m", "rackcalc", "sweep", "rack.yaml", *LONG, "--dump", name]
    process = subprocess.Popen(whole, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    manifest = folder / f"{name}.parts" / "manifest.json"
    for _ in range(1200):
        if manifest.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said, said


LONG = ("--vary", "workload.input=1..2000 token", "--vary", "workload.output=1..900 token")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_dump_that_is_stopped_at_once_says_how_to_go_on(rack: Path, ending: str) -> None:
    pytest.importorskip("pyarrow")
    whole = [sys.executable, "-m", "rackcalc", "sweep", "rack.yaml", *LONG, "--dump", f"all.{ending}"]
    process = subprocess.Popen(whole, cwd=rack, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    manifest = rack / f"all.{ending}.parts" / "manifest.json"
    for _ in range(1200):
        if manifest.exists():
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume" in said and "Traceback" not in said, said


def test_a_resumed_dump_is_of_the_same_values(rack: Path) -> None:
    """A file that the rack refers to has changed in between: the text of the rack has not."""
    interrupted(rack, "all.csv")
    (rack / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": 8}))
    done = command("sweep", "rack.yaml", *LONG, "--dump", "all.csv", "--resume", cwd=rack)
    assert done.returncode == 2 and "belongs to another sweep, rack, catalog or version" in done.stderr


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "null", '{"signature": 1}'])
def test_a_damaged_manifest_is_said(rack: Path, manifest: str) -> None:
    folder = rack / "all.csv.parts"
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest)
    done = command("sweep", "rack.yaml", *VARY, "--dump", "all.csv", "--resume", cwd=rack)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "damaged" in done.stderr or "belongs to another" in done.stderr


def test_a_folder_without_a_manifest_is_no_obstacle(rack: Path) -> None:
    (rack / "all.csv.parts").mkdir()
    done = command("sweep", "rack.yaml", *VARY, "--dump", "all.csv", cwd=rack)
    assert done.returncode == 0 and not (rack / "all.csv.parts").exists(), done.stderr
    with (rack / "all.csv").open() as stream:
        assert len(list(csv.reader(stream))) == 1 + 64 * 32


def test_a_dump_to_a_folder_is_refused_before_it_is_computed(rack: Path) -> None:
    (rack / "all.csv").mkdir()
    done = command("sweep", "rack.yaml", *VARY, "--dump", "all.csv", cwd=rack)
    assert done.returncode == 2 and "is a folder" in done.stderr and list(rack.glob("*.parts")) == []


@pytest.mark.parametrize("name", ["x.csv.jsonl", "x.jsonl.csv", "a.csv.b.csv"])
def test_parts_are_joined_by_their_format(rack: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rackcalc.questions.space_options import SpaceOptions
    from rackcalc.questions.sweep import dump, options
    from rackcalc.questions.sweep import run as sweeps

    monkeypatch.setattr(sweeps, "POINTS_OF_A_DUMP_TASK", 500)
    monkeypatch.setattr(options, "POINTS_OF_A_BOX", 500)
    space = SpaceOptions(str(rack / "rack.yaml"), vary=VARY[1::2])
    job, columns = options.sweep_job(options.SweepOptions(space, get=("latency.p99",), dump=True))
    target = dump.start_dump(str(rack / name), job, columns, resume=False)
    sweeps.run(job, store=target.store)
    dump.finish_dump(target)
    lines = (rack / name).read_text().splitlines()
    assert len(lines) == 64 * 32 + name.endswith(".csv")


@pytest.mark.skipif(os.name != "posix", reason="processes end differently")
def test_workers_end_with_their_parent(rack: Path) -> None:
    whole = [sys.executable, "-m", "rackcalc", "sweep", "rack.yaml", *LONG, "--by", "latency.p99", "--workers", "2"]
    process = subprocess.Popen(whole, cwd=rack, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def children() -> list[int]:
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == str(process.pid) and fields[0] != "Z":
                found.append(int(status.parent.name))
        return found

    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc")
    workers: list[int] = []
    for _ in range(400):
        workers = children()
        if len(workers) >= 2 or process.poll() is not None:
            break
        time.sleep(0.05)
    if len(workers) < 2:
        pytest.skip("it was done before its workers were seen")
    time.sleep(0.5)
    process.kill()
    process.wait()
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            return
        time.sleep(0.05)
    pytest.fail(f"workers live on: {workers}")


NEVER = ("sweep", "rack-of-god-corrected", "--vary", "workload.batch=1,2")


@pytest.mark.parametrize(
    "options",
    [("--by", "roi.irr"), ("--by", "-roi.irr"), ("--pareto", "roi.irr,cost.tco"), ("--stats", "--get", "roi.irr")],
)
def test_what_is_no_number_is_named_in_sweeps(options: tuple[str, ...]) -> None:
    done = rackcalc_says(*NEVER, *options)
    assert done.returncode == 0 and "2 without a number for roi.irr" in done.stdout, done.stderr
    assert "inf" not in done.stdout.replace("info", "")
    data = json.loads(rackcalc_says(*NEVER, *options, "--json").stdout)
    assert data["no_number"] == {"roi.irr": 2}


def test_what_is_no_number_passes_no_filter() -> None:
    for operator in ("<", ">", "!=", "<=", ">="):
        done = rackcalc_says(*NEVER, "--where", f"roi.irr {operator} 0.5 1/s")
        assert done.returncode == 2 and "no point has a number for roi.irr" in done.stderr


def test_an_unknown_figure_comes_last_and_is_counted() -> None:
    vary = ("--vary", "accelerators.lpu.part.price=,1000 USD")
    done = rackcalc_says("sweep", "vr-nvl72-lpx-prefill-decode", "--vary", "workload.batch=1,2", "--by", "cost.tco")
    assert done.returncode == 0 and "unknown" in done.stdout and "(no price for lpu; no TDP for lpu)" in done.stdout, (
        done,
        vary,
    )
    assert "note: no price for lpu" in done.stdout


def test_a_bare_number_that_is_unknown_says_why() -> None:
    done = rackcalc_says("estimate", "vr-nvl72-lpx-prefill-decode", "--get", "cost.tco", "--get", "latency.tpot")
    assert done.stdout.splitlines()[0] == "nan" and float(done.stdout.splitlines()[1]) > 0
    assert done.stderr == "note: cost.tco is unknown (no price for lpu; no TDP for lpu)\n"


def test_a_sweep_has_no_baseline_and_words_have_no_order() -> None:
    done = rackcalc_says(*NEVER, "--where", "delta(latency.p99) < 5 %")
    assert done.returncode == 2 and "baseline" in done.stderr
    done = rackcalc_says(
        "sweep", "rack-of-god", "--vary", "links.gpu-lpu.part=pcie5,pcie4", "--by", "links.gpu-lpu.part"
    )
    assert done.returncode == 2 and "have no order" in done.stderr


def test_a_gate_of_uncertainty_fails_as_elsewhere() -> None:
    about = ("uncertainty", "rack-of-god-corrected", "latency.p99", "--samples", "64")
    assert rackcalc_says(*about, "--fail-if", "latency.p99 > 1 ms").returncode == 3
    assert rackcalc_says(*about, "--fail-if", "latency.p99 > 1 s").returncode == 0


def test_a_claim_on_what_is_no_number_fails(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    text = RACK.replace("{hf_config: config.json}", "llama-3.1-8b")
    file.write_text(text + "claims: [{says: it pays, expect: roi.irr >= 10 percent/year}]\n")
    income = ("--set", "economics.token_prices.output=0.00001 USD/Mtoken", "--set", "economics.price={gpu: 1e9 USD}")
    done = command("claims", "rack.yaml", *income, "--fail-if", "worse", cwd=tmp_path)
    assert done.returncode in (0, 3) and ("not decidable" not in done.stdout or done.returncode == 3), done.stdout


def test_points_that_are_listed_are_those_of_the_sweep() -> None:
    """Figures that were not needed to choose the points are computed for all of them at once."""
    vary = ("--vary", "workload.arrival_rate=100..1000 request/s:300", "--vary", "links.gpu-lpu.part=pcie5,nvlink5")
    found = json.loads(rackcalc_says("sweep", "rack-of-god", *vary, "--by", "cost.tco", "--top", "8", "--json").stdout)[
        "top"
    ]
    assert len(found) == 8
    for row in found[:3]:
        sets = ("--set", f"workload.arrival_rate={row['workload.arrival_rate']} request/s")
        sets += ("--set", f"links.gpu-lpu.part={row['links.gpu-lpu.part']}")
        for path in ("latency.p99", "power.facility", "cost.tco"):
            value = float(rackcalc_says("estimate", "rack-of-god", *sets, "--get", path).stdout)
            assert row[path] == pytest.approx(value, rel=1e-9), path


@pytest.mark.parametrize("axis", ["27,27 degC", "lin(27 degC, 27 degC, 3)", "27 degC"])
def test_solve_on_an_axis_of_equal_values(axis: str) -> None:
    done = rackcalc_says("solve", "rack-of-god", "--vary", f"site.inlet={axis}", "--so-that", "latency.p99 < 1 s")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.tied_embeddings", "1000000"),
        ("site.inlet", "1.797e308 degC"),
        ("name", "::error::pwned"),
        ("serving.data_parallel", "2"),
        ("serving.data_parallel", "1e15"),
    ],
)
def test_values_out_of_proportion_are_refused(key: str, value: str) -> None:
    done = rackcalc_says("estimate", "vendor-quote", "--set", f"{key}={value}")
    assert done.returncode == 2 and key in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_experts"])
def test_sizes_in_foreign_files_are_bounded(key: str) -> None:
    start = time.monotonic()
    large = CONFIG | {"num_hidden_layers": 10**12, "num_experts": 8, "num_experts_per_tok": 2, key: 10**12}
    with pytest.raises(ConfigError, match="at most 10,000"):
        model_from_config(large | {"model_type": "qwen3_moe", "moe_intermediate_size": 768})
    assert time.monotonic() - start < 5


@settings(max_examples=200, deadline=None)
@given(st.integers(-2000, 20000))
def test_one_temperature_is_one_number(hundredths: int) -> None:
    celsius = hundredths / 100
    fahrenheit = (hundredths * 9 + 16000) / 500
    assert parse(f"{celsius!r} degC", "K") == parse(f"{fahrenheit!r} degF", "K")


def test_explanations_show_the_helpers_of_a_formula() -> None:
    """Nobody can compute _affinity(...) again who does not see what it is."""
    import re

    result = estimate(load_text(RACK.replace("{hf_config: config.json}", "llama-3.1-8b"), "rack.yaml"))
    told = explain(result, "thermal.outlet") + explain(result, "cost.tco")
    called = set(re.findall(r"\b(_[a-z]\w*)\(", told))
    assert called
    for name in called:
        assert f"where {name}(" in told, name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_without_a_writer_is_refused(rack: Path) -> None:
    os.mkfifo(rack / "pipe.yaml")
    done = command("estimate", "pipe.yaml", cwd=rack)
    assert done.returncode == 2 and "no process writes" in done.stderr
    (rack / "config.json").unlink()
    os.mkfifo(rack / "config.json")
    done = command("estimate", "rack.yaml", cwd=rack)
    assert done.returncode == 2 and "must be a regular file" in done.stderr
    shell = f"{sys.executable} -m rackcalc estimate <(sleep 0.3; cat good.yaml) --get latency.p99"
    (rack / "good.yaml").write_text(RACK.replace("{hf_config: config.json}", "llama-3.1-8b"))
    done = subprocess.run(["bash", "-c", shell], cwd=rack, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and float(done.stdout) > 0, done.stderr


def rows_of(kind: str) -> list[Row]:
    return list(read(bundled()[kind], lambda problem: pytest.fail(str(problem))))[:40]


@pytest.mark.parametrize("kind", ["gemm", "attention", "collective", "encoder", "serving", "throughput", "step_power"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_spoilt_cell_is_a_problem_or_a_row_without_an_answer(kind: str, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(rows_of(kind)))
    column = data.draw(st.sampled_from([*sorted(NUMBERS), "precision", "runtime", "model", "operation", "mode"]))
    value = data.draw(st.sampled_from(["", "0", "1", "-1", "3", "1e9", "nan", "inf", "fp8", "fp4", "x", "vllm"]))
    cells = {name: getattr(row, name) for name in Row._fields if name not in ("file", "line")}
    cells |= {"value": f"{row.value!r}", column: value}
    import io

    from rackcalc.validation import read as reading

    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerows([list(cells), [str(cell) for cell in cells.values()]])
    problems: list[Problem] = []
    wrapper = io.TextIOWrapper(io.BytesIO(stream.getvalue().encode()), encoding="utf-8", newline="")
    found = list(reading._rows(wrapper, "spoilt.csv", problems.append))
    assert problems or found
    for result in validate(found, 0):
        assert result.reason or result.predicted is not None


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("case,kind," + "x" * 300_000)
    done = command("validate", "long.csv", cwd=tmp_path)
    assert done.returncode == 2 and "a line of more than" in done.stderr


def test_the_name_of_a_rack_is_one_line() -> None:
    with pytest.raises(InputError, match="one line"):
        load_text(RACK.replace("name: a rack", 'name: "a\\nb"').replace("{hf_config: config.json}", "gpt2"), "r.yaml")
