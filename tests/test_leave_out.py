"""Leaving a part or a model out: the rules of inheritance, refits, and the errors on what was left out.

Everything, which takes some minutes: `rackcalc validate --leave-out part` and `--leave-out model`.
"""

import json
import subprocess
import sys
from math import isnan
from typing import Any

import numpy as np
import pytest

from rackcalc.config.parts import load_part, with_parts
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.replay.program import with_leaves
from rackcalc.validation import folds, kernels, refit, run
from rackcalc.validation.folds import MEASURED_ON
from rackcalc.validation.leave_out import Measured, inherited, mean
from rackcalc.validation.parameter_swaps import moved, swapped
from rackcalc.validation.read import Row, bundled, read
from rackcalc.validation.recorded_prediction import RecordedPrediction
from rackcalc.validation.score import Tally, summaries


def rackcalc(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    code = f"import sys; {before}; sys.argv[0] = 'rackcalc'; from rackcalc.cli.main import main; main()"
    command = [sys.executable, "-c", code, "validate", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def leaf(value: float, low: float | None = None, high: float | None = None) -> Quantity:
    return Quantity(value, "s", "x", source=Source("measured"), low=low, high=high)


def measured() -> dict[str, Measured]:
    parts = {name: (load_part("families", name), load_part("gpus", gpu)) for name, gpu in MEASURED_ON.items()}
    return {name: Measured(family, gpu.clock.value) for name, (family, gpu) in parts.items()}


def test_mean_by_hand() -> None:
    found = mean([leaf(2.0), leaf(8.0)])
    assert (found.value, found.low, found.high) == pytest.approx((4.0, 2.0, 8.0))
    in_cycles = mean([leaf(2.0), leaf(8.0)], [2.0, 0.5], 4.0)  # 4 and 4 cycles, on a clock of 4
    # that they agree does not make the result certain
    assert (in_cycles.value, in_cycles.low, in_cycles.high) == pytest.approx((1.0, 1 / 1.15, 1.15))
    assert mean([leaf(0.0), leaf(3.0)]).value == 1.5, "no geometric mean with a zero"
    assert found.source is not None and found.source.kind == "estimate"


# The catalog's files of families without measurements, with the clock they name, and where they leave the rules:
UNMEASURED = [
    ("rubin", 2.0e9, set()),
    ("blackwell-workstation", 2.6e9, set()),
    ("volta", 1.53e9, {"gemm.fp16.launch", "gemm.fp16.compute_share"}),  # fitted to BERT on a V100
    ("turing", 1.59e9, set()),
]


@pytest.mark.parametrize(("name", "clock", "known"), UNMEASURED)
def test_the_catalog_follows_the_rules(name: str, clock: float, known: set[str]) -> None:
    own = load_part("families", name)
    new = inherited(name, own, clock, measured())
    other, count = set(), 0
    for table in ("gemm", "attention_decode", "attention_prefill"):
        for key, parameters in getattr(own, table).items():
            for field, value in vars(parameters).items():
                rule = getattr(getattr(new, table)[key], field)
                count += value is not None
                if isinstance(value, Quantity) and rule.value != pytest.approx(value.value, rel=3e-3):
                    other.add(f"{table}.{key}.{field}")
    assert other == known and count >= 14


# Power at the same speed over that of 16FF+, as TSMC states: 12FFC 25 % less, 7FF 60 % less, N5P 0.7 x 0.85 of 7FF.
PROCESS_POWER = {"volta": 0.75, "turing": 0.75, "ampere": 0.40} | dict.fromkeys(
    ("ada", "hopper", "blackwell-workstation"), 0.40 * 0.7 * 0.85
)


def test_power_caps_go_by_process() -> None:
    found = {name: load_part("families", name).sustained_per_watt.value * x for name, x in PROCESS_POWER.items()}
    assert found.pop("ada") == pytest.approx(found["ampere"], rel=0.07)  # fitted to a card of 72 W
    assert list(found.values()) == pytest.approx([found["ampere"]] * len(found), rel=0.01)


def test_a_card_left_out_gets_the_power_cap_of_the_others() -> None:
    task = next(task for task in refit.TASKS if task.kind == "encoder")
    caps = {name: load_part("families", name).sustained_per_watt for name in ("ampere", "turing")}
    swaps = refit.without(task, "part", "t4")
    new = {name: swaps[id(leaf)].value for name, leaf in caps.items()}
    assert new["turing"] / new["ampere"] == pytest.approx(caps["turing"].value / caps["ampere"].value)
    assert new["turing"] != pytest.approx(caps["turing"].value, rel=1e-3), "A100 and A30 alone say something else"


def test_what_nothing_left_determines_stays() -> None:
    """FP32 is under the power cap on T4 only."""
    task = next(task for task in refit.TASKS if task.kind == "encoder")
    leaf = load_part("families", "turing").fp32_gain
    assert refit.without(task, "part", "t4")[id(leaf)].value == leaf.value
    assert refit.without(task, "part", "a30")[id(leaf)].value != leaf.value


def test_swaps_in_records_and_in_predictions_agree() -> None:
    row = Row("c", "collective", "h100-sxm", "latency_mean", 1.0, "s", parts="8", runtime="vllm 0.1",
              operation="all_reduce", launch="cuda_graph", message_size="1048576")  # fmt: skip
    plain = kernels.collective(row)
    vllm = load_part("runtimes", "vllm")
    swaps = {id(vllm.all_reduce_one_shot_share): moved(vllm.all_reduce_one_shot_share, 0.3),
             id(vllm.all_reduce_two_shot_cost): moved(vllm.all_reduce_two_shot_cost, 40e-6)}  # fmt: skip
    again = with_leaves(plain, swaps)
    known = folds.Fold({("runtimes", "vllm"): swapped(vllm, swaps)}, {})
    with folds.inside(known):
        inside = kernels.collective(row)
    assert again.value == pytest.approx(inside.value) and again.value > 1.02 * plain.value
    assert kernels.collective(row).value == plain.value, "nothing of a fold is remembered"
    assert with_leaves(plain, {}) is plain and swapped(vllm, {}) is vllm


def test_parts_are_replaced_only_inside() -> None:
    with with_parts({("families", "ampere"): "other"}):
        assert load_part("families", "ampere") == "other" and load_part("families", "hopper").name
    assert load_part("families", "ampere").name.startswith("NVIDIA Ampere")


def test_a_left_out_family_does_not_know_its_own_tables() -> None:
    """The rule's result depends on the other families only (and on formats, tiles and the kind of matrix unit)."""
    known, hopper = measured(), load_part("families", "hopper")
    wrong = {id(table.launch): moved(table.launch, 1.0) for table in hopper.gemm.values()}
    found = [inherited("hopper", family, 1.98e9, known) for family in (hopper, swapped(hopper, wrong))]
    assert [f.gemm["bf16"].launch.value for f in found] == [found[0].gemm["bf16"].launch.value] * 2
    assert found[0].gemm["bf16"].launch.value != pytest.approx(hopper.gemm["bf16"].launch.value, rel=0.01)


def known_families(**changes: float) -> dict[str, Measured]:
    """The measured families, with another share of peak of bf16 products."""
    known = measured()
    for name, share in changes.items():
        leaf = known[name].family.gemm["bf16"].compute_share
        known[name] = Measured(swapped(known[name].family, {id(leaf): moved(leaf, share)}), known[name].clock)
    return known


def test_share_of_peak_goes_by_the_cube_root_of_power() -> None:
    hopper = load_part("families", "hopper")
    found = inherited("hopper", hopper, 1.98e9, known_families(blackwell=0.6)).gemm["bf16"].compute_share
    assert found.value == pytest.approx(0.6 * (2.25 / 1.413) ** (1 / 3), rel=1e-3)
    most = inherited("hopper", hopper, 1.98e9, known_families(blackwell=0.8)).gemm["bf16"].compute_share
    assert most.value == pytest.approx(load_part("families", "ampere").gemm["bf16"].compute_share.value)


def test_fixed_times_come_from_the_same_kind_of_matrix_unit() -> None:
    known = measured()
    launch = {name: other.family.gemm["bf16"].launch.value * other.clock for name, other in known.items()}
    hopper, ada = load_part("families", "hopper"), load_part("families", "ada")
    assert inherited("hopper", hopper, 2e9, known).gemm["bf16"].launch.value == pytest.approx(launch["blackwell"] / 2e9)
    assert inherited("ada", ada, 2e9, known).gemm["bf16"].launch.value == pytest.approx(launch["ampere"] / 2e9)


def test_loads_per_cycle_never_saw_a_kernel_table_s_part() -> None:
    """Why a fold need not refit them: TensorRT's rows are on other GPUs than those of the kernel tables."""
    rows = [row for row in read(bundled()["encoder"], print) if row.runtime.startswith("tensorrt")]
    assert rows and not {row.part for row in rows} & set(MEASURED_ON.values())


def test_refit_finds_what_the_rows_say() -> None:
    """Rows made with another host and share of TDP, so the fit must return these, not the catalog's."""
    task = next(task for task in refit.TASKS if task.kind == "wall_power")
    leaves = {name: found for name, found in task.leaves().items() if name in ("HOST", "EFFICIENT")}
    truth = {"HOST": 480.0, "EFFICIENT": 0.7}
    now = {name: float(found[0].value) for name, found in leaves.items()}
    made = [
        RecordedPrediction(
            one.part, one.model, one.group, one.metric, one.quantity, np.array([one(now | truth)]), one.leaves
        )
        for one in refit.recorded(task)
        if set(one.parameters) == {"HOST", "EFFICIENT"}
    ]
    found = refit.fitted(made, leaves)
    assert len(made) > 5 and found == pytest.approx(truth, rel=0.02)


@pytest.fixture(scope="module")
def tally() -> Tally:
    problems: list[Any] = []
    kinds = ["gemm", "attention", "collective", "encoder"]
    found = run.scored(run.sources([], kinds), kinds, problems, False, 0, (), "part")
    assert not problems
    return found


# Median over groups of the mean error on parts left out, as measured in November 2026; a tenth of room.
@pytest.mark.parametrize(
    ("kind", "word", "reached"),
    [
        ("gemm", "latency", 0.106),
        ("attention", "latency", 0.128),
        ("collective", "latency", 0.082),
        ("collective", "eager_latency", 0.080),
        ("collective", "nccl_latency", 0.105),
        ("encoder", "latency", 0.070),
    ],
)
def test_errors_on_parts_left_out(tally: Tally, kind: str, word: str, reached: float) -> None:
    (found,) = [s for s in summaries(tally.scores()) if (s.kind, s.subject) == (kind, word)]
    assert reached / 2 < found.mape < 1.1 * reached
    assert not isnan(found.coverage) and found.coverage > 0.65


def test_command(tmp_path: Any) -> None:
    done = rackcalc("--kind", "gemm", "--leave-out", "part", "--json", "--fail-if", "gemm.latency.mape > 5 %")
    data = json.loads(done.stdout)
    assert done.returncode == 3 and "FAIL" in done.stderr
    assert data["left_out"] == "part" and set(data["refitted"]) == {"gemm"}
    plain = json.loads(rackcalc("--kind", "gemm", "--json").stdout)
    assert "left_out" not in plain and plain["answered"] == data["answered"]
    assert data["kinds"][0]["mape"] > plain["kinds"][0]["mape"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--leave-out", "chip"), "expected part or model"),
        (("--leave-out", "part", "--explain", "x"), "--explain"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], said: str) -> None:
    done = rackcalc(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_without_scipy() -> None:
    missing = "sys.modules['scipy'] = None"
    done = rackcalc("--kind", "serving", "--leave-out", "part", before=missing)
    assert done.returncode == 2 and "rackcalc[test]" in done.stderr and "Traceback" not in done.stderr
    kernels_only = rackcalc("--kind", "gemm", "--leave-out", "model", before=missing)
    assert kernels_only.returncode == 0 and "nothing refitted" in kernels_only.stdout


def test_engines_on_other_cards_of_the_family_keep_their_fixed_time() -> None:
    """Without the A100 that has kernel tables, A30 and A100 40 GB still show how long a kernel takes."""
    kept, changed = (folds.fold(["gemm"], by, "a100-sxm-80gb").changed for by in ("model", "part"))
    launches = [folds.launch_of(parts["families", "ampere"]) for parts in (kept, changed)]
    floors = [parts["runtimes", "tensorrt"].compiled.kernel_floor.value for parts in (kept, changed)]
    assert launches[1] < 0.8 * launches[0]
    assert launches[0] * floors[0] == pytest.approx(launches[1] * floors[1])
