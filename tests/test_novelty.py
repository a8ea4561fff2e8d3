"""What no measurement has: by figure, in words, as a limit; and the measured run that is most like a rack."""

import csv
import json
from dataclasses import replace

import pytest
from program import out, run

from rackcalc.config.racks import load_text
from rackcalc.estimation import nearest_run
from rackcalc.estimation.unseen import NOTHING, Unseen, doubtful, joined, unseen, unseen_by_path
from rackcalc.quantities.quantity import Quantity
from rackcalc.validation.read import bundled

NEW, KNOWN = "configs/vr-nvl72-lpx-mixture.yaml", "configs/llama70b-8xh100.yaml"


def estimated(rack: str) -> dict:
    return json.loads(out("estimate", rack, "--json"))


def test_each_figure_says_what_is_new_about_it() -> None:
    data = estimated(NEW)
    assert set(data["latency"]["tpot"]["novelty"]) == {"GPU family", "LPU"}
    assert "novelty" not in data["memory"]["lpu"]["capacity"], "that rests on no measured pass"
    tpot = data["latency"]["tpot"]
    assert tpot["high"] > 2 * tpot["value"] and tpot["reliable"] is False
    known = estimated(KNOWN)["latency"]["tpot"]
    assert "novelty" not in known and "reliable" not in known and known["high"] < 2 * known["value"]


def test_lpus_that_nobody_has_measured_are_new_in_every_split() -> None:
    """Published times of the first chip are in the measurements; of the LPX rack there are none."""
    for rack in ("vr-nvl72-lpx-attention-ffn", "vr-nvl72-lpx-prefill-decode", "vr-nvl72-lpx-mixture"):
        assert "LPU" in estimated(f"configs/{rack}.yaml")["latency"]["tpot"]["novelty"], rack
    decoder = "--set=model=llama-2-70b", "--set=workload={input: 512 token, output: 128 token, precision: int8}"
    first = "--set=accelerators={lpu: {part: groq-lpu-v1, count: 576}}", "--set=serving={split: lpu}"
    rack = "name: LPUs\naccelerators: {lpu: {part: groq-3-lpu, count: 576}}\nmodel: llama-2-70b\n" + (
        "workload: {input: 512 token, output: 128 token, precision: fp8}\nserving: {split: lpu}\n"
    )
    ours = json.loads(run("estimate", "-", "--json", stdin=rack.encode()).stdout)
    assert ours["latency"]["tpot"]["novelty"] == ["LPU"] and ours["novelty"] == ["LPU"]
    known = run("estimate", "-", "--json", *decoder, *first, stdin=rack.encode())
    assert "novelty" not in json.loads(known.stdout)["latency"]["tpot"]


def test_a_figure_has_what_is_new_about_all_below_it() -> None:
    first, second = Unseen(("GPU",), 1.5, True), Unseen(("version", "GPU"), 1.2, True)
    both = joined([first, second, NOTHING])
    assert (both.new, both.widest, both.measured, both.count) == (("GPU", "version"), 1.5, True, 2)
    assert joined([]) is NOTHING and unseen([None]) is NOTHING
    assert unseen_by_path({"plain": Quantity(1.0, "1", "x")})["plain"] is NOTHING


@pytest.mark.parametrize(
    ("found", "interval", "doubt"),
    [
        (Unseen((), 1.2, True), (0.6, 1.9), False),
        (Unseen((), 1.2, True), (0.6, 2.1), True),
        (Unseen((), 1.2, True), (0.4, 1.1), True),
        (Unseen(("GPU",), 2.2, True), None, True),
        (NOTHING, (0.1, 9.0), False),  # no measurement could tell
    ],
)
def test_what_may_be_off_by_a_factor_of_two_is_not_to_be_relied_on(
    found: Unseen, interval: tuple[float, float] | None, doubt: bool
) -> None:
    assert doubtful(Quantity(1.0, "s", "x"), found, interval) is doubt


def test_the_summary_names_what_is_new_and_the_nearest_run() -> None:
    new, known = (" ".join(out("estimate", rack).split()) for rack in (NEW, KNOWN))
    assert "novelty 2: GPU family, LPU not in the measurements nearest run: 8 x B200" in new
    assert ", not to be relied on" in new and "not to be relied on" not in known
    assert "nearest run 8 x H100 SXM5 80 GB, Llama 3.1 70B fp8, vLLM" in known
    assert "nearest run" not in out("estimate", "configs/bert-a100.yaml"), "no serving engine"


def test_the_nearest_run_is_the_first_of_the_nearest_of_all() -> None:
    runs = nearest_run.measured_runs()
    others = [run._replace(years=run.years + 0.1, gpus=3.0, prompt=777.0) for run in runs[::7]]
    strange = [run._replace(model="none", runtime="none", gpu="none") for run in runs[::11]]
    for asked in (*runs[::13], *others, *strange):
        assert nearest_run.nearest(asked) is min(runs, key=lambda run: nearest_run.distance(asked, run))


def test_the_nearest_run_is_the_rack_itself_where_it_was_measured() -> None:
    for line in nearest_run.measured_runs()[::40]:
        assert (
            nearest_run.distance(line, min(nearest_run.measured_runs(), key=lambda x: nearest_run.distance(line, x)))
            == 0
        )
    with open(KNOWN, encoding="utf-8") as stream:
        base = load_text(stream.read(), KNOWN, "", (), 0).rack
    near = nearest_run.nearest_run(base)
    assert near is not None and (near.model, near.gpus) == ("Llama 3.1 70B", 8)
    other = nearest_run.nearest_run(replace(base, workload=replace(base.workload, precision="bf16")))
    assert other is not None and other.precision in ("bf16", "fp16")


def test_the_runs_are_those_of_the_bundle() -> None:
    """The file is made by make accuracy: no server that is not measured, few left out."""
    with open(bundled()["serving"], encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["metric"] == "tpot_mean" and row["mode"] == "agg"]
    counted = sum(line.rows for line in nearest_run.measured_runs())
    assert 0.85 * len(rows) < counted <= len(rows)
    assert {line.precision for line in nearest_run.measured_runs()} <= {row["precision"] for row in rows}


def test_a_limit_on_novelty() -> None:
    broken, kept = run("check", NEW, "--max-novelty", "0"), run("check", NEW, "--max-novelty", "2")
    assert broken.returncode == 3 and b"FAIL novelty of latency.tpot = 2, limit 0" in broken.stdout
    assert kept.returncode == 0 and b"PASS novelty of latency.tpot = 2, limit 2" in kept.stdout
    gated = json.loads(out("check", KNOWN, "--max-novelty", "0", "--json"))
    assert "novelty of cost.per_million_output_tokens" in [gate["path"] for gate in gated["gates"]]


def test_an_estimate_beyond_the_limit_is_refused() -> None:
    done = run("estimate", NEW, "--max-novelty", "0", "--get", "latency.tpot")
    assert done.returncode == 2 and done.stdout == b""
    assert b"--max-novelty: novelty of latency.tpot is 2, not in the measurements: LPU, GPU family" in done.stderr
    assert run("estimate", NEW, "--max-novelty", "0", "--get", "memory.lpu.capacity").returncode == 0


@pytest.mark.parametrize("rack", ["groqrack-llama2-70b", "bert-8xb200", "rack-of-god"])
def test_a_time_without_a_measured_engine_has_no_novelty_of_0(rack: str) -> None:
    gated, refused = run("check", rack, "--max-novelty", "9"), run("estimate", rack, "--max-novelty", "9")
    assert gated.returncode == 3 and b" = unknown (no measured serving engine to compare with), limit 9" in gated.stdout
    assert refused.returncode == 2 and b"is unknown: no measured serving engine to compare with" in refused.stderr


def test_what_is_no_time_of_an_engine_gets_no_verdict_on_novelty() -> None:
    gated = json.loads(out("check", KNOWN, "--max-novelty", "0", "--json"))
    assert "novelty of memory.gpu.free" not in [gate["path"] for gate in gated["gates"]]
