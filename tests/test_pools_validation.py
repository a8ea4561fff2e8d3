"""Measured rows of separate pools: what the runtime column says, what is answered, and how far off it is."""

from pathlib import Path

import pytest
from program import out

from rackcalc.validation import serving
from rackcalc.validation.pools import Workers, workers_of
from rackcalc.validation.read import Row, Unanswerable, read

HEADER = (
    "case,kind,part,parts,model,precision,runtime,mode,tensor_parallel,data_parallel,expert_parallel,concurrency,"
    "input_tokens,output_tokens,scenario,metric,value,unit,group,quality,source"
)
# InferenceX runs in aiconfigurator-core 0.12.0, silicon_sample.csv: precision, runtime, requests in flight, prompt,
# answer, s per output token
MEASURED = [
    ("fp4", "sglang 0.5.8 prefill 4xtp1dp4ep4 decode 1xtp1dp32ep32 at-2026-02", 48, 512, 1024, 1024, 14.68e-3),
    ("fp4", "sglang 0.5.8 prefill 4xtp1dp4ep4 decode 1xtp1dp32ep32 at-2026-02", 48, 4096, 1024, 1024, 21.67e-3),
    ("fp4", "trtllm 1.2.0rc6 prefill 1xtp1dp4ep4 decode 1xtp1dp32ep32 at-2026-03", 36, 8192, 1024, 8192, 34.37e-3),
    ("fp8", "sglang 0.5.8.post1 prefill 5xtp1dp8ep8 decode 1xtp1dp32ep32 at-2026-02", 72, 6144, 8192, 1024, 20.69e-3),
    ("fp8", "sglang 0.5.8.post1 prefill 1xtp8dp1ep1 decode 1xtp8dp1ep1 at-2026-02", 16, 16, 8192, 1024, 14.30e-3),
    ("fp8", "trtllm 1.2.0rc6 prefill 1xtp1dp8ep8 decode 1xtp1dp32ep32 at-2026-02", 40, 256, 1024, 1024, 15.33e-3),
]


def row(runtime: str, **cells: str) -> Row:
    given = {"parts": "48", "model": "deepseek-r1", "precision": "fp8", "mode": "disagg", "concurrency": "512"}
    given |= {"input_tokens": "1024", "output_tokens": "1024", "scenario": "inferencex"} | cells
    return Row("c", "serving", "gb200", "tpot_mean", 0.02, "s", runtime=runtime, **given)


def csv(path: Path, metric: str = "tpot_mean") -> Path:
    lines = [HEADER]
    for number, (precision, runtime, parts, clients, prompt, answer, value) in enumerate(MEASURED):
        cells = [f"case-{number}", "serving", "gb200", parts, "deepseek-r1", precision, runtime, "disagg", "", "", ""]
        cells += [
            clients,
            prompt,
            answer,
            "inferencex",
            metric,
            value,
            "s",
            "gb200|deepseek-r1",
            "A",
            "silicon_sample.csv",
        ]
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_runtime_states_the_engines() -> None:
    first, then = workers_of(row("sglang 0.5.8 prefill 4xtp1dp4ep4 decode 1xtp1dp32ep32 at-2026-02"))
    assert (first, then) == (Workers(4, 1, 4), Workers(1, 1, 32))
    assert first.gpus + then.gpus == 48


@pytest.mark.parametrize(
    "runtime", ["sglang prefill ?xtp1dp4ep4 decode 1xtp1dp32ep32", "sglang prefill 4xtp1dp4ep4 decode ?xtp1dp32ep32"]
)
def test_a_number_of_engines_that_is_not_stated_follows_from_the_gpus(runtime: str) -> None:
    assert workers_of(row(runtime)) == (Workers(4, 1, 4), Workers(1, 1, 32))


@pytest.mark.parametrize(
    ("runtime", "parts", "words"),
    [
        ("sglang 0.5.8", "48", "are not stated"),
        ("sglang prefill ?xtp1dp4ep4 decode ?xtp1dp32ep32", "48", "number of engines"),
        ("sglang prefill 4xtp1dp4ep4 decode 1xtp1dp32ep32", "64", "not those of its pools"),
        ("sglang prefill ?xtp1dp4ep4 decode 1xtp1dp32ep32", "34", "not those of its pools"),
    ],
)
def test_rows_that_do_not_say_enough_are_not_answered(runtime: str, parts: str, words: str) -> None:
    with pytest.raises(Unanswerable, match=words):
        serving.serving(row(runtime, parts=parts))


def test_published_runs_are_met(tmp_path: Path) -> None:
    errors = []
    for each in read(str(csv(tmp_path / "pools.csv")), pytest.fail):
        errors.append(abs(float(serving.serving(each).value) / each.value - 1))
    assert len(errors) == len(MEASURED) and max(errors) < 0.3 and sorted(errors)[3] < 0.15


def test_first_tokens_are_named_as_not_computed(tmp_path: Path) -> None:
    made = out("validate", str(csv(tmp_path / "first.csv", "ttft_mean")))
    assert f"not answered: {len(MEASURED)} of {len(MEASURED)} rows" in made
    assert "waits of seconds that the row does not explain" in made


def test_more_clients_than_pools_take_wait_for_prefills() -> None:
    runtime = "sglang 0.5.8.post1 prefill 5xtp1dp8ep8 decode 1xtp1dp32ep32 at-2026-02"
    each = [
        float(serving.serving(row(runtime, parts="72", input_tokens="8192", concurrency=clients)).value)
        for clients in ("64", "512", "2048", "6144", "24576")
    ]
    assert each == sorted(each)
    assert each[3] == pytest.approx(each[2], rel=0.05), "the pool that prefills is full, and the decode batch stays"
    assert each[4] == pytest.approx(each[3], rel=0.005), "however far from it the calculation starts"
