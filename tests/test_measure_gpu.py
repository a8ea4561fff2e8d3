"""benchmarks/measure_gpu.py without a GPU: its clockwork, its names, and that rackcalc reads what it writes."""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from rackcalc.config.catalog_files import part_names
from rackcalc.validation import validate
from rackcalc.validation.read import Row, bundled, read

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import measure_gpu  # noqa: E402
import measuring  # noqa: E402
from measuring import power, rows, timing  # noqa: E402
from measuring.on_numpy import attended  # noqa: E402
from measuring.points import FULL, TINY, Attend, Copy, Encode, Gemm, Launch, Point, points, size_of  # noqa: E402

H100 = "NVIDIA H100 80GB HBM3"
MACHINE = rows.Machine(H100, "h100-sxm", "torch", "2.9.1", ("driver 580.1", "CUDA 13.0"), "2026-11-03")
SMI = """#!/bin/sh
case "$1" in
  *name*) echo "NVIDIA H100 80GB HBM3" ;;
  *power.draw*) echo "{power}, 1755, 61" ;;
  *) echo "580.1, 1980, 2619, 700.00" ;;
esac
"""


class Fake:
    """A GPU that takes 2 ms for everything. fails: at which point, counted from 1, to raise what."""

    program, version = "torch", "2.9.1"
    launches: tuple[str, ...] = ("eager", "compile", "cuda_graph")
    precisions: tuple[str, ...] = ("fp16", "bf16")

    def __init__(self, called: str = H100, fails: dict[int, BaseException] | None = None) -> None:
        self.called, self.fails, self.asked = called, fails or {}, count(1)

    def name(self) -> str:
        return self.called

    def details(self) -> tuple[str, ...]:
        return ("driver 580.1", "CUDA 13.0")

    def once(self, point: Point) -> Callable[[], float]:
        error = self.fails.get(next(self.asked))
        if error is not None:
            raise error
        return lambda: 0.002

    work = once


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    """Puts a GPU into this machine: torch's, and an nvidia-smi that shows it."""

    def put(watts: str = "312.50", **kind: object) -> Fake:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "nvidia-smi").write_text(SMI.format(power=watts))
        (folder / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        monkeypatch.setitem(sys.modules, "pynvml", None)
        fake = Fake(**kind)  # type: ignore[arg-type]
        monkeypatch.setattr(measure_gpu, "opened", lambda where: fake)
        return fake

    return put


def script(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "measure_gpu.py"), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


def good(folder: Path) -> dict[str, list[Row]]:
    """The rows of every file there, all of which rackcalc must read, under the header of the bundled file."""
    found = {}
    for file in sorted(folder.glob("*.csv")):
        problems: list[object] = []
        found[file.stem] = list(read(str(file), problems.append))
        assert not problems
        with open(file, newline="") as ours, open(bundled()[file.stem], newline="") as theirs:
            assert next(csv.reader(ours)) == next(csv.reader(theirs))
    assert found and all(row.kind == kind for kind, those in found.items() for row in those)
    return found


QUICK = ("--tiny", "--seconds", "0.005", "--power-seconds", "0.05")


# On a CPU


def test_a_cpu_can_try_the_whole_script(tmp_path: Path) -> None:
    done = script("--device", "cpu", *QUICK, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = good(tmp_path / "out")
    assert list(found) == ["attention", "encoder", "gemm", "point_to_point"]
    assert done.stdout.split() == [str(tmp_path / "out" / f"{kind}.csv") for kind in measure_gpu.ALL[:4]]
    assert "left out: facility" in done.stderr
    every = [row for those in found.values() for row in those]
    assert all(row.part == "" and row.quality == "C" for row in every), "a CPU's time must not count as a GPU's"
    assert {row.batch for row in found["encoder"]} == {"1", "2"}
    assert {row.operation for row in found["attention"]} == {"context", "generation"}


def test_torch_on_a_cpu(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    assert measure_gpu.main(["--device", "torch-cpu", *QUICK, "-o", str(tmp_path)]) == 0
    assert len(good(tmp_path)["gemm"]) == 2
    from measuring.on_torch import Bert

    with torch.device("meta"):
        own = sum(one.numel() for one in Bert(size_of("bert-large")).parameters())
    pooler = 1024 * 1024 + 1024
    assert own + pooler == 335_141_888  # google-research/bert, BERT-Large uncased


def test_the_cpu_needs_tiny_sizes_and_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "gemm.csv").write_text("mine")
    for words, said in (((), "add --tiny"), (QUICK, "gemm.csv would be replaced"), (("--seconds", "0"), "0 and at m")):
        folder = tmp_path if words == QUICK else tmp_path / "new"
        done = script("--device", "cpu", "-o", str(folder), *words)
        assert done.returncode == 2 and said in done.stderr and not done.stdout
    assert (tmp_path / "gemm.csv").read_text() == "mine" and not (tmp_path / "new").exists()
    done = script("--device", "cpu", *QUICK, "-o", str(tmp_path), "--force", "--kind", "gemm")
    assert done.returncode == 0 and list(good(tmp_path)) == ["gemm"]


def test_without_torch_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "measuring.on_torch", raising=False)
    monkeypatch.delattr(measuring, "on_torch", raising=False)
    assert measure_gpu.main(["--kind", "gemm", "-o", str(tmp_path)]) == 2
    assert "torch is not installed" in capsys.readouterr().err


def test_numpy_attention_is_attention() -> None:
    import numpy as np

    q, k, v = np.random.default_rng(1).normal(size=(3, 1, 1, 3, 2)).astype(np.float32)
    got = attended(q, k, v, causal=True)[0, 0]
    assert got[0] == pytest.approx(v[0, 0, 0])  # the first token sees only itself
    scores = [np.exp(q[0, 0, 1] @ k[0, 0, at] / 2**0.5) for at in (0, 1)]
    assert got[1] == pytest.approx((scores[0] * v[0, 0, 0] + scores[1] * v[0, 0, 1]) / sum(scores), rel=1e-5)


# As on a GPU


def test_rows_of_a_gpu(gpu: Callable[..., Fake], tmp_path: Path) -> None:
    gpu()
    assert measure_gpu.main([*QUICK, "-o", str(tmp_path / "out")]) == 0
    found = good(tmp_path / "out")
    assert set(found) == set(measure_gpu.ALL)
    every = [row for those in found.values() for row in those]
    assert {(row.part, row.parts, row.quality) for row in every} == {("h100-sxm", "1", "A")}
    for word in ("measured by us", "measure_gpu.py", H100, "driver 580.1", "CUDA 13.0", "torch 2.9.1"):
        assert all(word in row.source for row in every), word
    of_a_case = Counter((row.case, row.metric) for row in every)
    assert set(of_a_case.values()) == {1}, "cases must not share a name"
    kernels = [row for row in every if row.kind in ("gemm", "attention", "encoder")]
    assert {row.value for row in kernels} == {0.002}
    copy = next(row for row in every if row.operation == "stream_copy:hbm")
    assert copy.value == 2 * 4096 / 0.002 and copy.message_size == "4096"


def test_rackcalc_answers_those_that_it_has_a_form_for(gpu: Callable[..., Fake], tmp_path: Path) -> None:
    gpu()
    kinds = [word for kind in measure_gpu.ALL[:4] for word in ("--kind", kind)]
    measure_gpu.main([*QUICK, *kinds, "-o", str(tmp_path / "out")])
    every = [row for those in good(tmp_path / "out").values() for row in those if row.metric != "latency_p50"]
    missing = [result.row for result in validate(every, 0) if result.predicted is None]
    unanswered = {row.runtime + row.operation for row in missing}
    ways = [f"{what}_launch:{way}" for what in ("empty", "elementwise") for way in ("eager", "cuda_graph")]
    assert unanswered == {"torch-compile 2.9.1"} | {f"torch 2.9.1{way}" for way in ways}


def test_power(gpu: Callable[..., Fake], tmp_path: Path) -> None:
    gpu()
    assert measure_gpu.main(["--kind", "facility", *QUICK, "-o", str(tmp_path / "out")]) == 0
    found = good(tmp_path / "out")["facility"]
    assert {row.value for row in found if row.metric.startswith("power")} == {312.5}
    assert {round(row.value, 6) for row in found if row.metric == "temperature_max"} == {334.15}
    names = [row.scenario for row in found if row.metric == "power_mean"]
    assert names[:2] == ["idle", "idle-with-context"] and len(names) == 6
    assert all("SM clock 1755 MHz" in row.source for row in found)


def test_a_gpu_that_hides_its_power(
    gpu: Callable[..., Fake], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu(watts="[N/A]")
    assert measure_gpu.main(["--kind", "facility", *QUICK, "-o", str(tmp_path / "out")]) == 1
    assert "[N/A]" in capsys.readouterr().err and not list((tmp_path / "out").glob("*.csv"))


def test_another_gpu_under_the_meter(
    gpu: Callable[..., Fake], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu(called="NVIDIA L4")
    assert measure_gpu.main([*QUICK, "-o", str(tmp_path / "out")]) == 2
    assert "CUDA_VISIBLE_DEVICES" in capsys.readouterr().err


def test_nvml_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetClockInfo=lambda handle, what: {"sm": 1410}[what],
        nvmlDeviceGetTemperature=lambda handle, what: {"gpu": 40}[what],
        nvmlDeviceGetPowerUsage=lambda handle: {3: 71_000, "GPU-1": 72_000}[handle],
        NVML_CLOCK_SM="sm",
        NVML_TEMPERATURE_GPU="gpu",
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert power.meter_of("3")() == (71.0, 1410, 40)
    assert power.meter_of("GPU-1")().power == 72.0


def test_the_ramp_is_left_out() -> None:
    readings = iter([power.Sample(70.0, 210, 30)])  # the first, idle; then the load
    found = power.watched(lambda: next(readings, power.Sample(700.0, 1700, 60)), lambda: None, 0.4)
    assert {one.power for one in found} == {700.0}


# What goes wrong


def test_a_point_that_fails_is_named_and_left_out(
    gpu: Callable[..., Fake], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu(fails={1: RuntimeError("CUDA out of memory\nlong story")})
    assert measure_gpu.main(["--kind", "gemm", *QUICK, "-o", str(tmp_path / "out")]) == 0
    assert [row.m for row in good(tmp_path / "out")["gemm"]] == ["16"]
    said = capsys.readouterr().err
    assert "left out: Gemm(precision='bf16', m=1, n=32, k=16): CUDA out of memory\n" in said and "story" not in said


def test_ctrl_c_keeps_what_was_measured(gpu: Callable[..., Fake], tmp_path: Path) -> None:
    gpu(fails={2: KeyboardInterrupt()})
    words = ["--kind", "gemm", "--kind", "attention", *QUICK, "-o", str(tmp_path / "out")]
    assert measure_gpu.main(words) == 130
    assert [row.m for row in good(tmp_path / "out")["gemm"]] == ["1"]


@pytest.mark.parametrize("change", [{"colour": "red"}, {"value": "0"}, {"unit": "W"}, {"part": "h100-smx"}, {"m": "x"}])
def test_a_broken_row_is_never_written(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "gemm.csv"
    path.write_text("old")
    row = next(rows.rows(Gemm("bf16", 8, 8, 8), [1e-5], MACHINE, 1))
    with pytest.raises(ValueError):
        rows.write(path, "gemm", [row | change])
    assert [one.name for one in tmp_path.iterdir()] == ["gemm.csv"] and path.read_text() == "old"
    rows.write(path, "gemm", [row])
    assert len(good(tmp_path)["gemm"]) == 1


# Names


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (H100, "h100-sxm"),
        *(("NVIDIA H100 PCIe", "h100-pcie"), ("NVIDIA H100 NVL", "h100-nvl"), ("NVIDIA H200", "h200-sxm")),
        *(("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"), ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb")),
        *(("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"), ("NVIDIA A10", "a10"), ("NVIDIA L40S", "l40s")),
        *(("Tesla T4", "t4"), ("Tesla V100-SXM2-32GB", "v100"), ("NVIDIA GeForce RTX 4090", "rtx-4090")),
        *(("NVIDIA GH200 480GB", "gh200"), ("NVIDIA B200", "b200-sxm"), ("NVIDIA GB200", "gb200")),
    ],
)
def test_a_gpu_by_its_name(name: str, part: str) -> None:
    assert rows.part_of(name) == part and part in part_names("gpus")


@pytest.mark.parametrize(
    "name", ["NVIDIA A10G", "NVIDIA GeForce RTX 4090 D", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA L400", "CPU", ""]
)
def test_an_unknown_gpu_wants_its_part(name: str) -> None:
    with pytest.raises(ValueError, match="--part NAME"):
        rows.part_of(name)
    assert rows.part_of(name, "l4") == "l4"
    with pytest.raises(ValueError, match="did you mean l4"):
        rows.part_of(name, "l4O")


def test_every_part_in_the_table_is_in_the_catalog() -> None:
    plain = {part for part in rows.PARTS.values() if "\\" not in part}
    assert len(plain) > 10 and plain <= set(part_names("gpus"))


@pytest.mark.parametrize(
    ("point", "kind", "columns"),
    [
        (Encode("bert-large", "fp16", 8, 384, "eager"), "encoder", {"batch": 8, "input_tokens": 384, "mode": "static"}),
        (Encode("bert-large", "fp16", 8, 384, "cuda_graph"), "encoder", {"runtime": "cuda-graph torch-2.9.1"}),
        (Gemm("fp8", 1, 2, 3), "gemm", {"m": 1, "n": 2, "k": 3, "precision": "fp8", "group": "h100-sxm|fp8"}),
        (Attend("context", "bf16", 2, 64, 8, 1, 128), "attention", {"input_tokens": 64, "kv_tokens": 64}),
        (Attend("generation", "bf16", 2, 64, 8, 1, 128), "attention", {"input_tokens": 1, "kv_tokens": 64}),
        (Launch("empty", "eager"), "point_to_point", {"operation": "empty_launch:eager"}),
    ],
)
def test_columns_of_a_point(point: Point, kind: str, columns: dict[str, object]) -> None:
    row = next(rows.rows(point, [0.5], MACHINE, 7))
    assert row["kind"] == kind and set(row) <= set(rows.columns(kind))
    assert columns.items() <= row.items()
    assert (row["value"], row["unit"], row["case"]) == ("0.5", "s", f"{kind}-h100-sxm-20261103-0007")


def test_percentiles_only_of_enough_samples() -> None:
    point = Encode("bert-large", "fp16", 1, 128, "eager")
    found = [float(at) for at in range(1, 101)]
    assert list(rows.values(point, found[:2])) == [("latency_mean", 1.5, "s")]
    assert [name for name, *_ in rows.values(point, found[:20])] == ["latency_mean", "latency_p50", "latency_p95"]
    assert [value for _, value, _ in rows.values(point, found)] == [50.5, 50, 95, 99]
    assert list(rows.values(Gemm("bf16", 1, 1, 1), [1, 1, 7])) == [("latency_mean", 1, "s")]  # one slow loop is noise
    assert list(rows.values(Copy(10), [4.0])) == [("bandwidth", 5.0, "B/s")]


def test_the_full_grid_has_no_point_twice() -> None:
    able = Fake()
    for kind in ("encoder", "gemm", "attention", "point_to_point"):
        every = list(points(FULL, kind, able))
        assert len(every) == len(set(every)) > 6
    passes = [point for point in points(FULL, "encoder", able) if isinstance(point, Encode)]
    assert {point.launch for point in passes} == set(able.launches)
    assert max(point.tokens for point in passes) <= size_of(FULL.model).positions
    assert size_of(FULL.model)[:4] == (24, 1024, 16, 4096)
    assert TINY.model != FULL.model


# When to stop


class Clock:
    """A clock that only the samples move."""

    def __init__(self, *each: float) -> None:
        self.now, self.each, self.taken = 0.0, self.cycle(each), 0

    @staticmethod
    def cycle(each: tuple[float, ...]) -> Iterator[float]:
        while True:
            yield from each

    def once(self) -> float:
        self.taken += 1
        lasted = next(self.each)
        self.now += lasted
        return lasted

    def __call__(self) -> float:
        return self.now


def test_time_bounds_a_point() -> None:
    clock = Clock(0.01)
    found = timing.samples(clock.once, timing.Limits(1.0), clock)
    assert clock.now == pytest.approx(1.0, abs=0.011)
    assert clock.taken - len(found) == pytest.approx(25, abs=1), "a quarter of the time is warm-up"
    slow = Clock(60.0)
    assert timing.samples(slow.once, timing.Limits(1.0), slow) == [60.0]
    assert slow.taken == 2


def test_the_first_runs_are_warm_up() -> None:
    clock = Clock(9.0, *[1.0] * 1000)
    assert 9.0 not in timing.samples(clock.once, timing.Limits(40.0), clock)


def test_samples_end_when_they_are_enough_or_agree() -> None:
    clock = Clock(0.001)
    assert len(timing.samples(clock.once, timing.Limits(9.0, most=50), clock)) == 50
    clock = Clock(0.001)
    assert len(timing.samples(clock.once, timing.Limits(9.0, least=10, settled=0.01), clock)) == 10
    noisy = Clock(0.001, 0.0011, 0.0012)
    found = timing.samples(noisy.once, timing.Limits(9.0, least=10, settled=0.01), noisy)
    assert len(found) > 100 and timing.spread(found) < 0.01


def test_percentile() -> None:
    assert [timing.percentile([3, 1, 2, 4], share) for share in (0.01, 0.5, 0.75, 0.76, 1.0)] == [1, 2, 3, 4, 4]
