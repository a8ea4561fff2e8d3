"""Files of requests: public formats, what is counted in them, and what is wrong with them, by file and line."""

import csv
import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run, strict
from repositories import Repository

from rackcalc.config.trace_rows import Columns
from rackcalc.config.traces import MOST_BLOCKS, sums_of
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load, load_text
from rackcalc.serving.lengths import with_lengths

SAMPLES = Path(__file__).parent / "traces"
RACK = """\
name: decoder
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: llama-3.1-8b
workload: {trace: FILE, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 1}
"""
HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens\n"


def workload(file: Path | str, *sets: str) -> Any:
    return with_lengths(load_text(RACK.replace("FILE", str(file)), "rack.yaml", sets=sets).rack).workload


def columns(file: Path) -> tuple[list[int], list[int], list[float]]:
    """Prompts, answers and times of a sample as Python's own readers have them."""
    text = file.read_text()
    if file.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        prompt, answer = (
            ("input_length", "output_length") if "input_length" in rows[0] else ("prompt_len", "output_len")
        )
        times = [row.get("timestamp", 0) / 1000 for row in rows]
        return [row[prompt] for row in rows], [row[answer] for row in rows], times
    found = list(csv.DictReader(text.splitlines()))
    if "ContextTokens" in found[0]:
        times = [float(np.datetime64(row["TIMESTAMP"]).astype("datetime64[ns]").astype(float)) / 1e9 for row in found]
        return [int(r["ContextTokens"]) for r in found], [int(r["GeneratedTokens"]) for r in found], times
    kept = [row for row in found if int(row["Response tokens"])]
    times = [float(row["Timestamp"]) for row in kept]
    return [int(r["Request tokens"]) for r in kept], [int(r["Response tokens"]) for r in kept], times


@pytest.mark.parametrize("name", ["azure.csv", "mooncake.jsonl", "burstgpt.csv", "sharegpt.jsonl"])
def test_public_formats_give_what_numpy_finds_in_them(name: str) -> None:
    work, (prompts, answers, times) = workload(SAMPLES / name), columns(SAMPLES / name)
    for found, cv, data in ((work.input, work.input_cv, prompts), (work.output, work.output_cv, answers)):
        assert found.value == pytest.approx(np.mean(data), rel=1e-12)
        assert cv.value == pytest.approx(np.std(data) / np.mean(data), rel=1e-9)
        assert f"{len(data)} requests" in found.source.note and found.source.file.endswith(name)
    if name == "sharegpt.jsonl":
        assert work.arrival_rate is None and work.burstiness is None
        return
    gaps = np.diff(times)
    assert work.arrival_rate.value == pytest.approx(1 / gaps.mean(), rel=1e-6)
    assert work.burstiness.value == pytest.approx(max(gaps.std() / gaps.mean(), 1.0), rel=1e-6)


def test_lines_of_failed_requests_are_left_out_and_counted() -> None:
    note = workload(SAMPLES / "burstgpt.csv").input.source.note
    assert "38 requests" in note and "without 2 that have no prompt or no answer" in note


def test_blocks_seen_before_are_cached() -> None:
    known: set[int] = set()
    cached = total = 0.0
    for line in (SAMPLES / "mooncake.jsonl").read_text().splitlines():
        row = json.loads(line)
        hits = 0
        for block in row["hash_ids"]:
            if block not in known:
                break
            hits += 1
        known |= set(row["hash_ids"])
        cached += row["input_length"] * hits / len(row["hash_ids"])
        total += row["input_length"]
    assert 0.2 < cached / total < 0.9
    assert workload(SAMPLES / "mooncake.jsonl").cached.value == pytest.approx(cached / total)
    assert workload(SAMPLES / "mooncake.jsonl", "serving.prefix_caching=false").cached is None


def test_what_is_stated_beside_a_trace_holds() -> None:
    file = SAMPLES / "azure.csv"
    stated = ("workload.arrival_rate=9 request/s", "workload.output=64 token", "workload.burstiness=2")
    work = workload(file, *stated)
    assert (work.arrival_rate.value, work.output.value, work.output_cv, work.burstiness.value) == (9, 64, None, 2)
    assert work.input_strata is not None and work.output_strata is None


def test_one_column_of_a_trace_is_a_length(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,words\n1,10\n2,30\n")
    text = RACK.replace(
        "trace: FILE", "input: {trace: a.csv, column: words}, output: 64 token, arrival_rate: 5 request/s"
    )
    (tmp_path / "rack.yaml").write_text(text)
    work = with_lengths(load(str(tmp_path / "rack.yaml")).rack).workload
    assert (work.input.value, work.input_cv.value) == (20, 0.5)
    sections = {"trace: FILE": "trace: {file: b.csv, input: q, output: a, time: at, time_unit: ms}"}
    (tmp_path / "b.csv").write_text("at,q,a\n0,10,5\n500,30,7\n1000,20,6\n")
    (tmp_path / "rack.yaml").write_text(RACK.replace(*sections.popitem()))
    assert with_lengths(load(str(tmp_path / "rack.yaml")).rack).workload.arrival_rate.value == pytest.approx(2)


def test_a_trace_of_equal_lengths_is_one_length(tmp_path: Path) -> None:
    rows = "".join(f"{i},512,128\n" for i in range(50))
    (tmp_path / "a.csv").write_text("time,prompt_len,output_len\n" + rows)
    alike = ("workload.arrival_rate=20 request/s", "workload.burstiness=1")
    traced = estimate(load_text(RACK.replace("FILE", str(tmp_path / "a.csv")), "r.yaml", sets=alike))
    stated = RACK.replace("trace: FILE", "input: 512 token, output: 128 token")
    plain = dict(figures(estimate(load_text(stated, "r.yaml", sets=alike))))
    for path, quantity in figures(traced):
        assert float(quantity.value) == pytest.approx(float(plain[path].value), rel=1e-3, nan_ok=True), path


def test_a_trace_of_a_log_normal_answers_as_the_log_normal(tmp_path: Path) -> None:
    draws = np.random.default_rng(3).lognormal(np.log(600), 0.8, (60_000, 2)).round().clip(1)
    rows = "".join(f"{int(a)},{int(b) // 4 + 1}\n" for a, b in draws)
    (tmp_path / "a.csv").write_text("prompt_len,output_len\n" + rows)
    rate = ("workload.arrival_rate=60 request/s",)
    traced = dict(figures(estimate(load_text(RACK.replace("FILE", str(tmp_path / "a.csv")), "r.yaml", sets=rate))))
    prompt, cv = float(draws[:, 0].mean()), float(draws[:, 0].std() / draws[:, 0].mean())
    answers = draws[:, 1] // 4 + 1
    output = f"{{mean: {answers.mean()} token, cv: {answers.std() / answers.mean()}}}"
    text = RACK.replace("trace: FILE", f"input: {{mean: {prompt} token, cv: {cv}}}, output: {output}")
    drawn = dict(figures(estimate(load_text(text, "r.yaml", sets=rate))))
    for name in ("mean", "p50", "p95", "p99", "ttft", "ttft_p99", "tpot"):
        path = f"latency.{name}"
        assert float(traced[path].value) == pytest.approx(float(drawn[path].value), rel=0.04), path


def test_bursts_below_poisson_are_noted_and_above_the_tested_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,prompt_len,output_len\n" + "".join(f"{i},5,6\n" for i in range(9)))
    notes = estimate(load_text(RACK.replace("FILE", str(file)), "r.yaml")).notes
    assert any("computed as Poisson" in note for note in notes)
    file.write_text("time,prompt_len,output_len\n" + "".join(f"{i + 999 * (i > 90)},5,6\n" for i in range(100)))
    with pytest.raises(InputError, match=r"tested up to 4; state workload\.burstiness"):
        estimate(load_text(RACK.replace("FILE", str(file)), "r.yaml"))
    assert workload(file, "workload.burstiness=4").burstiness.value == 4


# --- what is wrong ----------------------------------------------------------------------------------------

GOOD = HEADER + b"".join(b"%d,%d,%d\n" % (i, 300 + i % 90, 20 + i % 7) for i in range(20_000))
PACKED = gzip.compress(GOOD)
WRONG: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "", "is empty; expected one request a line"),
    "blank": (b"\n\n  \n", "", "is empty; expected one request a line"),
    "header alone": (HEADER, "", "holds no request: it has a header, and no line"),
    "failed requests alone": (HEADER + b"1,5,0\n", "", "every line has a prompt or an answer of 0 tokens"),
    "unsorted": (HEADER + b"2023-11-16 18:15:46,3,4\n2023-11-16 18:15:45,3,4\n", ":3:1", "sort the trace by time"),
    "negative": (HEADER + b"1,3,4\n2,-3,4\n", ":3:1", "ContextTokens: a length of -3 tokens"),
    "broken": (HEADER + b"1,3.5,4\n", ":2:1", "expected a whole number of tokens, got 3.5"),
    "not a number": (HEADER + b"1,nan,4\n", ":2:1", 'expected a number of tokens, got "nan"'),
    "infinite": (HEADER + b"1,4,inf\n", ":2:1", 'GeneratedTokens: expected a number of tokens, got "inf"'),
    "a word": (HEADER + b"1,many,4\n", ":2:1", 'got "many"'),
    "an empty cell": (HEADER + b"1,,4\n", ":2:1", "is empty; expected a number of tokens"),
    "far too long": (HEADER + b"1,99999999999999999999,4\n", ":2:1", "at most 100,000,000"),
    "a bad time": (HEADER + b"yesterday,3,4\n", ":2:1", "expected a time such as 12.5 or 2023-11-16"),
    "other columns": (b"a,b\n1,2\n", ":1:1", "its columns are a, b: name one of them with input: NAME"),
    "no header": (b"1,2,3\n4,5,6\n", ":1:1", "not the names of columns; write a header"),
    "a column twice": (b"prompt_len,prompt_len,output_len\n1,2,3\n", ":1:1", 'has two columns "prompt_len"'),
    "too few values": (HEADER + b"1,2\n", ":2:1", "has 2 values, and the header names 3 columns"),
    "an open quote": (HEADER + b'"1,2,3\n', ":2:1", "a quote that is not closed on its line"),
    "a line without end": (HEADER + b"1" * 5_000_000, ":2:1", "a line of more than 4 MB"),
    "latin": (HEADER + b"1,2,\xe9\n", ":2:5", "is not UTF-8 text (byte 0xe9)"),
    "UTF-16": (HEADER.decode().encode("utf-16"), ":1:1", "is not UTF-8 text"),
    "binary": (HEADER + b"1,2\0,3\n", ":2:1", "is a binary file"),
    "truncated gzip": (PACKED[: len(PACKED) // 2], ":", "the gzip file ends too early: it is truncated"),
    "damaged gzip": (PACKED[:600] + b"xxxxxxxx" + PACKED[608:], ":", "the gzip file is damaged"),
    "a JSON list": (b'[{"input_length": 1}]', ":1:1", "expected one object a line"),
    "no JSON": (b'{"input_length": 1, "output_length": 2}\n{"input_length":\n', ":2:17", "not valid JSON"),
    "no object": (b'{"input_length": 1, "output_length": 2}\n[1]\n', ":2:1", "expected an object"),
    "NaN in JSON": (b'{"input_length": NaN, "output_length": 2}\n', ":1:1", 'got "nan"'),
    "a flag": (b'{"input_length": true, "output_length": 2}\n', ":1:1", 'got "True"'),
    "a key that ends": (b'{"input_length": 1, "output_length": 2}\n{"input_length": 1}\n', ":2:1", "is empty"),
    "deep": (b'{"input_length": ' + b"[" * 99_999 + b"\n", ":1:1", "nested too deeply"),
    "no hashes": (b'{"input_length": 3, "output_length": 2, "hash_ids": 5}\n', ":1:1", "expected a list of numbers"),
}


@pytest.mark.parametrize(("data", "place", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_trace_is_refused_at_its_line(data: bytes, place: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    file = tmp_path / "rack.yaml"
    file.write_text(RACK.replace("FILE", "a.csv"))
    with pytest.raises(InputError) as caught:
        load(str(file))
    (problem,) = caught.value.problems
    assert words in str(problem)
    where = f"{tmp_path / 'a.csv'}{place}" if place else f"{file}:4:19: workload.trace: {tmp_path / 'a.csv'}: "
    assert str(problem).startswith(where)


@pytest.mark.parametrize(
    ("name", "words"), [("none.csv", "no such file"), (".", "is a directory"), ("pipe", "is a pipe or a device")]
)
def test_what_is_no_file_is_refused_where_it_is_named(name: str, words: str, tmp_path: Path) -> None:
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    (tmp_path / "rack.yaml").write_text(RACK.replace("FILE", name))
    done = run("estimate", "rack.yaml", cwd=tmp_path)
    said = done.stderr.decode()
    assert done.returncode == 2 and said.startswith("rack.yaml:4:19: workload.trace: ") and words in said


@pytest.mark.parametrize("name", ["truncated gzip", "unsorted", "no JSON", "latin"])
def test_the_program_ends_with_two_and_without_a_traceback(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(WRONG[name][0])
    (tmp_path / "rack.yaml").write_text(RACK.replace("FILE", "a.csv"))
    done = run("estimate", "rack.yaml", cwd=tmp_path)
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"") and "Traceback" not in said and said.startswith("a.csv:")


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_whatever_is_in_a_file_is_counted_or_refused(tmp_path_factory: Any, data: bytes, how: int) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    start = (b"", HEADER, b'{"input_length": 3, "output_length": 2}\n', gzip.compress(GOOD)[:200])[how]
    file.write_bytes(start + data)
    try:
        assert sums_of(str(file), Columns()).requests > 0
    except InputError as error:
        assert all(problem.message for problem in error.problems)


# --- large files, and files elsewhere --------------------------------------------------------------------

READ = """
import resource, sys
from rackcalc.config.trace_rows import Columns
from rackcalc.config.traces import sums_of
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = sums_of(sys.argv[1], Columns())
print(found.requests, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    draw, grown = random.Random(1), {}
    for count in (20_000, 200_000):
        rows = (f"{i / 7},{int(draw.lognormvariate(7, 2)) + 1},{i % 900 + 1}\n" for i in range(count))
        with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
            file.write(HEADER.decode() + "".join(rows))
        done = subprocess.run([sys.executable, "-c", READ, tmp_path / "a.csv.gz"], capture_output=True, check=True)
        requests, kilobytes = map(int, done.stdout.split())
        assert requests == count
        grown[count] = kilobytes
    assert grown[200_000] - grown[20_000] < 3_000, grown


def test_old_blocks_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of blocks that come around after 40 others none is found by a cache of 10 to 20; of one block at once, all."""
    monkeypatch.setattr("rackcalc.config.traces.MOST_BLOCKS", 10)
    rows = [{"input_length": 512, "output_length": 1, "hash_ids": [i % 40]} for i in range(80)]
    rows += [{"input_length": 512, "output_length": 1, "hash_ids": [39]} for _ in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = sums_of(str(tmp_path / "a.jsonl"), Columns())
    assert found.full and found.hits == 20 * 512 and MOST_BLOCKS > 10


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    for tokens in (10, 2000):
        file.write_text(f"prompt_len,output_len\n{tokens},5\n")
        assert workload(file).input.value == tokens


def test_racks_from_a_pipe_name_traces_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(PACKED)
    done = run("estimate", "-", "--json", stdin=RACK.replace("FILE", "a.csv.gz").encode(), cwd=tmp_path)
    assert strict(done.stdout.decode())["throughput"]["requests"]["value"] == pytest.approx(1.0)


def test_diff_reads_the_trace_of_each_commit(tmp_path: Path) -> None:
    gate = "gates: [{fail_if: delta(latency.ttft) > 5 %}]\n"
    rows = "prompt_len,output_len\n{},50\n{},60\n"
    rack = RACK.replace("FILE", "../traces/a.csv").replace("precision", "arrival_rate: 5 request/s, precision") + gate
    repository = Repository(tmp_path)
    repository.git("checkout", "-q", "main")
    repository.commit({"traces/a.csv": rows.format(400, 600), "racks/llm.yaml": rack})
    repository.git("checkout", "-q", "-b", "other")
    repository.commit({"traces/a.csv": rows.format(4000, 6000)})
    code, said, _ = repository.diff("main..other")
    assert code == 3 and "racks/llm.yaml: delta(latency.ttft)" in said
    repository.commit({"traces/a.csv": rows.format(400, 600), "traces/b.csv": "c\n1\n"})
    assert repository.diff("main..other")[0] == 0
