"""rackcalc sweep: reducers against brute force, one answer whoever computes it, files that are whole or not there."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figure
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load
from rackcalc.questions.space_options import SpaceOptions
from rackcalc.questions.sweep import dump, run, workers
from rackcalc.questions.sweep import options as sweep_options
from rackcalc.questions.sweep.boxes import plan_boxes
from rackcalc.questions.sweep.job import SweepJob, compute_boxes
from rackcalc.questions.sweep.options import SweepOptions, sweep_job
from rackcalc.questions.sweep.reductions import BoxPoints, Pareto, Stats, Top
from rackcalc.questions.sweep.result import SweepResult

RATES = "workload.arrival_rate=lin(100, 900 request/s, 60)"
LINKS = "links.gpu-lpu.part.bandwidth=lin(10, 1800 GB/s, 50)"
MONEY = "economics.prices.electricity=0.05,0.1,0.2 USD/kWh"
PARETO = "latency.p99,-throughput.capacity"


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    full = [sys.executable, "-m", "rackcalc", "sweep", *arguments]
    return subprocess.run(full, capture_output=True, text=True, check=False, **options)


@st.composite
def plans(draw: Any) -> Any:
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    return plan_boxes(shape, draw(st.permutations(range(len(shape)))), draw(st.integers(1, 60)))


@given(plans())
def test_boxes_cover_the_grid_once(made: Any) -> None:
    seen = np.zeros(made.shape, dtype=int)
    for number in range(made.boxes):
        seen[tuple(slice(*ends) for ends in made.box(number))] += 1
    assert (seen == 1).all()
    for index, places in enumerate(product(*map(range, made.shape))):
        assert made.indices(index) == places


@settings(deadline=None)
@given(plans(), st.integers(1, 7), st.sampled_from([1.0, -1.0]), st.integers(0, 2**32 - 1))
def test_reducers_find_what_brute_force_finds(made: Any, count: int, sign: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b, c = random.integers(0, 5, (3, *made.shape)).astype(float)  # few values, many ties
    good = random.random(made.shape) < 0.8
    top, stats = Top(3, count, 0, sign), Stats(3)
    fronts = [Pareto(3, (0, 1), (1.0, sign)), Pareto(3, (0, 1, 2), (1.0, sign, -1.0))]
    halves: list[list[Any]] = [[top, stats, *fronts], [Top(3, count, 0, sign), Stats(3)]]
    halves[1] += [Pareto(3, (0, 1), (1.0, sign)), Pareto(3, (0, 1, 2), (1.0, sign, -1.0))]
    for number in random.permutation(made.boxes):
        box = made.box(int(number))
        where = tuple(slice(*ends) for ends in box)
        for reducer in halves[number % 2]:
            reducer.add(BoxPoints(box, made.strides, good[where], [a[where], b[where], c[where]]))
    for mine, more in zip(*halves, strict=True):
        mine.merge(more)
    points = [(sign * a.flat[i], i) for i in range(a.size) if good.flat[i]]
    assert top.points.numbers.tolist() == [i for _, i in sorted(points)[:count]]
    for front, columns in zip(fronts, ((a, sign * b), (a, sign * b, -c)), strict=True):
        scores = {i: tuple(column.flat[i] for column in columns) for _, i in points}
        assert set(front.points.numbers.tolist()) == undominated(scores)
    assert (stats.counts == len(points)).all()
    if points:
        kept = a[good]
        found = stats.figures(0)
        assert found["mean"] == pytest.approx(kept.mean()) and found["max"] == kept.max()
        wanted = np.quantile(kept, 0.5, method="inverted_cdf")
        assert found["p50"] == pytest.approx(wanted, rel=1e-3, abs=1e-300)


def undominated(scores: dict[int, tuple[float, ...]]) -> set[int]:
    """By definition: nobody is at least as good everywhere and better somewhere; of equals the first."""
    kept = set()
    for i, mine in scores.items():
        beaten = any(
            all(x <= y for x, y in zip(other, mine, strict=True)) and other != mine for other in scores.values()
        )
        if not beaten and not any(other == mine and j < i for j, other in scores.items()):
            kept.add(i)
    return kept


def lists_of(job: SweepJob, columns: Any, executor: Any = workers.in_this_process) -> list[Any]:
    return list(SweepResult(job, columns, run.run(job, executor)).lists())


def test_the_answer_depends_neither_on_boxes_nor_on_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    options = SweepOptions(
        SpaceOptions("rack-of-god", vary=(RATES, LINKS, MONEY)), top=7, by="cost.per_hour", pareto=PARETO
    )
    job, columns = sweep_job(options)
    wanted = lists_of(job, columns)
    assert len(wanted[0][1]) == 7
    for size in (50, 999, 1 << 20):
        other = job._replace(plan=plan_boxes(job.plan.shape, job.plan.order[::-1], size))
        assert lists_of(other, columns) == wanted
    monkeypatch.setattr(run, "POINTS_OF_A_TASK", 1500)
    with workers.process_pool(2) as two:
        assert lists_of(job, columns, two) == wanted


def test_threads_of_one_process_do_not_disturb_each_other() -> None:
    job, columns = sweep_job(
        SweepOptions(SpaceOptions("rack-of-god", vary=(RATES, LINKS, MONEY)), top=7, by="cost.per_hour")
    )
    job = job._replace(plan=plan_boxes(job.plan.shape, job.plan.order, 100))

    def threads(job: SweepJob, tasks: Any) -> Iterator[Any]:
        pieces = [(number, number + 1) for first, stop in tasks for number in range(first, stop)]
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda ends: compute_boxes(job, *ends), pieces))
        whole = parts[0]
        for part in parts[1:]:
            whole.merge(part)
        yield (0, job.plan.boxes), whole

    assert lists_of(job, columns, threads) == lists_of(job, columns)


def test_the_best_point_is_the_best_estimate() -> None:
    done = command("rack-of-god", "--vary", RATES, "--vary", LINKS, "--top", "1", "--by", "latency.p99", "--json")
    assert done.returncode == 0, done.stderr
    (best,) = json.loads(done.stdout)["top"]
    sets = [f"workload.arrival_rate={best['workload.arrival_rate']} request/s"]
    sets.append(f"links.gpu-lpu.part.bandwidth={best['links.gpu-lpu.part.bandwidth']} B/s")
    report = estimate(load("rack-of-god", "", sets))
    for path in ("latency.p99", "power.facility", "cost.tco"):
        assert best[path] == pytest.approx(float(figure(report, path).value), rel=1e-12)


def test_points_that_cannot_work_are_counted_with_their_reason() -> None:
    vary = ("workload.arrival_rate=1000..5000 request/s:1000", "scenario=eager,gpu-only,nvlink6")
    job, _ = sweep_job(SweepOptions(SpaceOptions("rack-of-god", vary=vary), by="latency.p99"))
    part = run.run(job)
    refused = 0
    for rate, scenario in product(range(1000, 6000, 1000), ("eager", "gpu-only", "nvlink6")):
        try:
            estimate(load("rack-of-god", scenario, [f"workload.arrival_rate={rate} request/s"]))
        except InputError:
            refused += 1
    assert part.refused == {"overload": refused} and part.matches == 15 - refused and 0 < refused < 15


def test_few_points_are_all_shown_and_many_are_ranked() -> None:
    few = command("rack-of-god", "--vary", MONEY)
    lines = [line for line in few.stdout.splitlines() if not line.startswith("note: ")]
    assert few.returncode == 0 and len(lines) == 6, few.stdout
    many = command("rack-of-god", "--vary", RATES)
    assert many.stdout.startswith("smallest latency.p99\n") and "60 points" in many.stdout


def test_zipped_axes_go_together() -> None:
    vary = ("--vary", "workload.arrival_rate=100,200,300 request/s", "--vary", "workload.batch=1,2,4")
    found = json.loads(command("rack-of-god", *vary, "--zip", "--json").stdout)
    assert [(row["workload.arrival_rate"], row["workload.batch"]) for row in found["all"]] == [
        (100, 1),
        (200, 2),
        (300, 4),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary", "workload.batch=1 GB", "--by", "latency.p98"], ["amount of memory", "latency.p98: no such figure"]),
        (["--vary", RATES, "--where", "latency.p99 < 1 GB"], ["which is an amount of memory"]),
        (["--vary", RATES, "--where", "latency.p99 1 ms"], ["expected PATH OP VALUE"]),
        (
            ["--vary", RATES, "--where", "latency.p99 < 1 us"],
            ["no point is left; the smallest latency.p99 is 1.58", "100 request/s"],
        ),
        (["--vary", "workload.arrival_rate=9000,9999 request/s"], ["none of 2 points can be computed: 2 overload"]),
        (["--vary", RATES, "--set", "model=bart"], ["--set: model: no model is called"]),
        (["--vary", RATES, "--pareto", "latency.p99"], ["two figures or more"]),
        (["--vary", RATES, "--top", "0"], ["--top: expected 1 or more"]),
        (["--vary", RATES, "--vary", MONEY, "--zip"], ["same number of values"]),
        (["--vary", RATES, "--dump", "x.xls"], ["the ending names the format"]),
        (["--vary", RATES, "--dump", "nowhere/x.csv"], ["no such folder"]),
        (["--vary", RATES, "--dask", "tcp://127.0.0.1:9"], ["no Dask scheduler answers"]),
        (["--vary", RATES, "--workers", "0"], ["--workers: expected 1 or more"]),
        (["--vary", "links.gpu-lpu.part=nvlink9"], ['no link is called "nvlink9"']),
        (["--vary", "workload.batch=geom(1, 1e17, 1000000)", *["--vary", RATES]], ["a whole number"]),
        ([], ["say what to vary"]),
    ],
)
def test_bad_input(arguments: list[str], said: list[str], tmp_path: Path) -> None:
    if "--dask" in arguments:
        pytest.importorskip("distributed")
    done = command("rack-of-god", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "", done.stderr
    assert all(text in done.stderr for text in said), done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_too_many_points_and_a_dump_without_room_are_refused_before_they_start(tmp_path: Path) -> None:
    axes = [f"{path}=lin(0.1, 0.9, 110000)" for path in ("economics.utilization", "links.gpu-lpu.other_load")]
    axes.append("economics.prices.electricity=lin(0.05, 0.3 USD/kWh, 110000)")
    vary = [word for axis in axes for word in ("--vary", axis)]
    done = command("rack-of-god", *vary, cwd=tmp_path)
    assert done.returncode == 2 and "would take years" in done.stderr
    done = command("rack-of-god", *vary[:4], "--dump", "all.csv", cwd=tmp_path)
    assert done.returncode == 2 and "GB are free" in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_dump_holds_every_point_that_counts(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    vary = ["--vary", RATES, "--vary", "links.gpu-lpu.part=nvlink5,pcie4", "--where", "latency.p99 < 1.6 ms"]
    done = command("rack-of-god", *vary, "--dump", f"all.{ending}", "--get", "latency.p99", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = read(tmp_path / f"all.{ending}")
    assert f"{len(rows)} match" in done.stdout and 0 < len(rows) < 120
    assert [path.name for path in tmp_path.iterdir()] == [f"all.{ending}"]
    for row in rows[:3]:
        sets = [f"links.gpu-lpu.part={row['links.gpu-lpu.part']}"]
        sets.append(f"workload.arrival_rate={float(row['workload.arrival_rate'])} request/s")
        report = estimate(load("rack-of-god", "", sets))
        assert float(row["latency.p99"]) == pytest.approx(float(figure(report, "latency.p99").value), rel=1e-12)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a dump, whatever its format."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open() as stream:
        return [{name.partition(" [")[0]: value for name, value in row.items()} for row in csv.DictReader(stream)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_interrupted_dump_is_whole_as_far_as_it_goes_and_goes_on(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr(run, "POINTS_OF_A_DUMP_TASK", 500)
    monkeypatch.setattr(sweep_options, "POINTS_OF_A_BOX", 500)
    job, columns = sweep_job(
        SweepOptions(SpaceOptions("rack-of-god", vary=(RATES, LINKS)), get=("latency.p99",), dump=True)
    )

    def stops(job: SweepJob, tasks: Any) -> Iterator[Any]:
        for number, done in enumerate(workers.in_this_process(job, tasks)):
            if number == 3:
                raise KeyboardInterrupt
            yield done

    target = dump.start_dump(str(tmp_path / f"all.{ending}"), job, columns, resume=False)
    with pytest.raises(KeyboardInterrupt):
        run.run(job, stops, store=target.store)
    saved = dump.save_partial_dump(target)
    assert saved is not None
    partial = read(saved)
    assert len(partial) == 3 * 500
    assert not (tmp_path / f"all.{ending}").exists()
    with pytest.raises(InputError, match="parts of an earlier sweep"):
        dump.start_dump(str(tmp_path / f"all.{ending}"), job, columns, resume=False)
    other = job._replace(stats=True)
    with pytest.raises(InputError, match="belongs to another sweep"):
        dump.start_dump(str(tmp_path / f"all.{ending}"), other, columns, resume=True)
    again = dump.start_dump(str(tmp_path / f"all.{ending}"), job, columns, resume=True)
    before = {path: path.stat().st_mtime_ns for path in again.folder.iterdir()}
    run.run(job, store=again.store)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items()), "what was done is not written again"
    dump.finish_dump(again)
    whole = read(tmp_path / f"all.{ending}")
    assert len(whole) == 3000 and whole[:1500] == partial and not again.folder.exists()


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    import signal

    vary = ["--vary", "links.gpu-lpu.part.bandwidth=lin(10, 1800 GB/s, 1000)", "--vary", RATES]
    vary += ["--vary", "links.gpu-lpu.part.latency=lin(0.5, 3 us, 200)"]
    full = [
        sys.executable,
        "-m",
        "rackcalc",
        "sweep",
        "rack-of-god",
        *vary,
        "--dump",
        "all.csv",
        "--get",
        "latency.p99",
    ]
    running = subprocess.Popen(full, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    waited = time.monotonic()
    while not list(tmp_path.glob("all.csv.parts/0*.csv")) and time.monotonic() - waited < 60:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "--resume goes on" in said and "Traceback" not in said, said
    assert (tmp_path / "all.partial.csv").exists() and not (tmp_path / "all.csv").exists()


def test_a_dask_worker_that_dies_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(run, "POINTS_OF_A_TASK", 600)
    job, columns = sweep_job(
        SweepOptions(SpaceOptions("rack-of-god", vary=(RATES, LINKS, MONEY)), top=5, by="latency.p99", pareto=PARETO)
    )
    job = job._replace(plan=plan_boxes(job.plan.shape, job.plan.order, 300))
    wanted = lists_of(job, columns)
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, workers.dask_cluster(cluster.scheduler_address) as executor:
        killed = []

        def watched(job: SweepJob, tasks: Any) -> Iterator[Any]:
            for number, done in enumerate(executor(job, tasks)):
                if number == 2:
                    victim = next(iter(cluster.workers.values()))
                    killed.append(victim.process.pid)
                    os.kill(victim.process.pid, 9)
                yield done

        assert lists_of(job, columns, watched) == wanted
        assert killed


def test_a_table_gives_a_figure_the_unit_of_its_name() -> None:
    done = command(
        "llama70b-8xh100", "--vary", "economics.year=2026,2027.5", "--get", "cost.per_hour", "--get", "roi.irr"
    )
    assert done.returncode == 0, done.stderr
    assert "USD/hour" in done.stdout and "USD/year" not in done.stdout
    assert "2027.5" in done.stdout, "a date, not rounded to four digits"
