"""`make bench`: start-up, one estimate, sweeps, memory, scaling and other tools, in one run, into docs/performance.md.

Other tools go into environments of their own under build/peers/; one that cannot be installed or run is named with the
reason. Times are of this machine, now: only the ratios travel.
"""

import itertools
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy
import yaml

from rackcalc.config.catalog_files import part_names
from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues.mdc_curves import quantile_curve
from rackcalc.formulas.queues.mdc_waits import mdc_wait_quantile
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load
from rackcalc.questions.space_options import SpaceOptions
from rackcalc.questions.sweep.job import space_of
from rackcalc.questions.sweep.options import SweepOptions, sweep_job
from rackcalc.questions.sweep.run import run
from rackcalc.questions.sweep.workers import process_pool
from rackcalc.replay import intervals as replay_intervals

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "build" / "peers"
REPORT = ROOT / "docs" / "performance.md"
PLAIN = ROOT / "build" / "plain"
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
CORES = 2
STARTS = (  # arguments, and the own time that they may take
    (["estimate", "rack-of-god", "--json"], 0.6),
    (["estimate", "mine.yaml", "--json"], 0.6),  # as rack-of-god, a file of the user's that was read before
    (["estimate", "llama70b-8xh100", "--json"], 0.6),
    (["estimate", "rack-of-god", "--get", "latency.p99"], 0.4),
    (["check", "rack-of-god"], 0.4),
    (["estimate", "rack-of-god"], 0.9),
    (["claims", "rack-of-god"], 2),
    (["--help"], ""),
)

BANDWIDTH = "links.gpu-lpu.part.bandwidth=lin(400, 1800 GB/s, {})"
RATE = "workload.arrival_rate=lin(100, 700 request/s, {})"
PRICE = "economics.prices.electricity=lin(0.05, 0.3 USD/kWh, {})"
HOP = "links.gpu-lpu.part.latency=lin(0.5, 3 us, {})"
FRONT = "latency.p99,cost.per_hour"
THREE = SpaceOptions("rack-of-god", vary=(BANDWIDTH.format(500), RATE.format(1000), PRICE.format(1000)))
WORST = SpaceOptions("rack-of-god", vary=(BANDWIDTH.format(100), HOP.format(100), RATE.format(1000)))
SIX = SpaceOptions(
    "rack-of-god",
    scenario="gpu-only",
    vary=(
        "workload.batch=1,2,4..64",
        "workload.input=128..512 token:32",
        "accelerators.gpu.part.memory_bandwidth=lin(4, 8 TB/s, 20)",
        "workload.arrival_rate=lin(100, 5000 request/s, 40)",
        "site.inlet=lin(18, 32 degC, 20)",
        PRICE.format(40),
    ),
)
LOADED = SpaceOptions(
    "llama70b-8xh100",
    vary=(
        "workload.arrival_rate=lin(0.1, 4 request/s, 1000)",
        "workload.input=512..1504 token:32",
        "workload.output=256..504 token:8",
    ),
)
QUESTIONS = {  # name -> sweep; each of them computes feasibility, p99 and cost of every point
    "3 axes: link bandwidth, arrival rate, price of electricity; top 10 and Pareto front": SweepOptions(
        THREE, top=10, by="latency.p99", pareto=FRONT
    ),
    "the worst 3 axes, which reach everything: link bandwidth, link latency, arrival rate; top 10": SweepOptions(
        WORST, top=10, by="latency.p99"
    ),
    "6 axes with the choice of GEMM tiles: batch, length, memory bandwidth, arrival rate, inlet, price": SweepOptions(
        SIX, top=10, by="latency.p99", pareto="latency.p99,cost.tco"
    ),
    "engine under load: arrival rate, input and output; top 10": SweepOptions(LOADED, top=10, by="latency.ttft_p99"),
}
BARS = {"3 axes": "10", "6 axes": "1", "engine": "1"}
ENGINE = "llama70b-8xh100"
ENGINES = {  # under a serving engine, at a rate that each estimate has for itself -> changes of the rack
    "70B on 8 GPUs, requests all alike": (),
    "the same, lengths log-normal": (
        "workload.input={mean: 1000 token, cv: 1}",
        "workload.output={mean: 300 token, cv: 1}",
    ),
    "mixture of experts, attention by data": (
        "accelerators.gpu={part: h200-sxm, count: 8}",
        "model=deepseek-v3",
        "serving={split: gpu, runtime: sglang, data_parallel: 8, tensor_parallel: 1}",
        "workload.input={mean: 2000 token, spread: 0.5}",
        "workload.output={mean: 500 token, cv: 0.7}",
    ),
}
DAY = "workload.hours=[2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 10, 12, 10, 9, 8, 8, 7, 6, 5, 4, 3]"
LIMITS = "workload.slo={ttft_p99: 2 s, tpot_p99: 50 ms/token}"
MILLION = {  # axes of 1,000,000 points
    "arrival rate x inlet x price": (
        "workload.arrival_rate=lin(1, 600 request/s, 1000)",
        "site.inlet=lin(18, 35 degC, 40)",
        PRICE.format(25),
    ),
    "batch x layers x arrival rate": (
        "workload.batch=1..100",
        "model.layers=1..100",
        "workload.arrival_rate=lin(1, 600 request/s, 100)",
    ),
}
SIZES = ((1, 10), (1, 100), (1, 1000), (10, 1000), (100, 1000), (1000, 1000))  # times 1000: 10^4 to 10^9 points


class Peer(NamedTuple):
    """Another tool, asked for one point at a time. code: prints points a second.

    question: what both are asked. answer, ours: what an answer of the other and of rackcalc contains. space: the same
    points for rackcalc; None: the wait in a queue, by a formula alone.
    """

    name: str
    question: str
    answer: str
    ours: str
    space: SpaceOptions | None
    code: str


LOOP = """
import time
def rate(point, least=2.0):
    point(0)
    count, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < least:
        count += 1
        point(count)
    print(count / taken)
"""
WHOLE = "latency, throughput, memory, power, heat, money, each with its record"
OTHERS = (
    Peer(
        "ridgepoint",
        "Llama 3 70B on 8 H100, prompts of 1,000 to 4,999 tokens: memory and time",
        "memory and roofline",
        WHOLE,
        SpaceOptions(
            "llama70b-8xh100",
            sets=("model=llama-3-70b", "workload.arrival_rate=", "workload.batch=1", "workload.output=128 token"),
            vary=("workload.input=1000..4999 token",),
        ),
        "import ridgepoint\n"
        "rate(lambda i: ridgepoint.fit('llama-3-70b', 'h100-80gb', count=8, prompt=1000 + i % 4000, as_json=True))",
    ),
    Peer(
        "vllm-sr-sim",
        "64 servers, 40 to 59 requests a service time: the p99 wait",
        "p99 wait of M/G/c, approximated",
        "p99 wait of M/D/c, exact",
        None,
        "from fleet_sim.optimizer.analytical import p99_wait\nrate(lambda i: p99_wait(64, 40.0 + i % 20, 1.0, 1.0))",
    ),
    Peer(
        "llm-analysis",
        "BERT-Large on an accelerator, 128 tokens, batches of 1 to 1,000: latency and memory",
        "latency and memory",
        WHOLE,
        SpaceOptions("bert-a100", sets=("workload.arrival_rate=",), vary=("workload.batch=1..1000",)),
        "from llm_analysis.analysis import infer\n"
        "rate(lambda i: infer(model_name='bert-large', gpu_name='a100-sxm-80gb', batch_size_per_gpu=1 + i % 1000,\n"
        "     seq_len=128, num_tokens_to_generate=1, log_level='ERROR'))",
    ),
    Peer(
        "aiconfigurator",
        "Llama 3.1 70B on 8 H100, 16 sequences, prompts of 1,000 to 4,999 tokens: TTFT and TPOT",
        "TTFT and TPOT",
        WHOLE,
        SpaceOptions(
            "llama70b-8xh100",
            sets=("workload.arrival_rate=", "workload.concurrency=16", "workload.output=256 token"),
            vary=("workload.input=1000..4999 token",),
        ),
        "import logging; logging.disable(logging.CRITICAL)\n"
        "from aiconfigurator.cli.api import cli_estimate\n"
        "rate(lambda i: cli_estimate(model_path='meta-llama/Meta-Llama-3.1-70B', system_name='h100_sxm',\n"
        "     isl=1000 + i % 4000, osl=256, batch_size=16, ctx_tokens=2048, tp_size=8), 5.0)",
    ),
)


def timed(command: Sequence[str | Path], times: int = 11) -> tuple[float, float]:
    """Median seconds of a command on the clock, and of processor time."""
    clock, processor = [], []
    for _ in range(times):
        begun = time.perf_counter()
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PLAIN, env=CLEAN)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode in (0, 3)  # 3: a gate fails
        clock.append(time.perf_counter() - begun)
        processor.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(clock), statistics.median(processor)


def instructions(command: Sequence[str | Path]) -> str:
    """Millions of instructions of a command, which do not depend on what else the machine does; "" without valgrind."""
    if shutil.which("valgrind") is None:
        return ""
    counted = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *command]
    env = CLEAN | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(counted, cwd=PLAIN, env=env, check=False, capture_output=True, text=True)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    return "" if found is None else f"{int(found[1].replace(',', '')) / 1e6:,.0f}"


def installed() -> Path:
    """The Python of a plain environment into which a wheel of this program is installed, compiled, and nothing else."""
    python = PLAIN / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--clear", PLAIN], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT], check=True)
    subprocess.run([python, "-m", "compileall", "-q", PLAIN / "lib"], check=False, env=CLEAN)
    text = bundled_racks()["rack-of-god"].read_text(encoding="utf-8")
    (PLAIN / "mine.yaml").write_text(f"{text}# mine\n", encoding="utf-8")
    return python


def start_up() -> Iterator[str]:
    """Whole processes against the packages that each of them imports, all from an installed wheel."""
    python = installed()
    bare = [python, "-c", "import typer, yaml"]
    base_clock, base = timed(bare)
    yield "| process | ms | ms of processor time | own time over `import typer, yaml` | at most | M instructions |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield f'| `python -c "import typer, yaml"` | {1e3 * base_clock:.0f} | {1e3 * base:.0f} | | | {instructions(bare)} |'
    for arguments, bar in STARTS:
        command = [python, "-m", "rackcalc", *arguments]
        clock, processor = timed(command)
        cells = f"{1e3 * clock:.0f} | {1e3 * processor:.0f} | {(processor - base) / base:.1f} | {bar}"
        yield f"| `rackcalc {' '.join(arguments)}` | {cells} | {instructions(command)} |"


def fastest(compute: Callable[[], object], times: int = 15) -> float:
    """Processor seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        compute()
        found.append(time.process_time() - begun)
    return min(found)


def one_estimate() -> Iterator[str]:
    """An estimate in process, with the record of every formula."""
    yield "| rack | ms of an estimate | at most | ms of its intervals | at most |\n| --- | --- | --- | --- | --- |"
    for rack in bundled_racks():
        loaded = load(rack)
        try:
            result = estimate(loaded)
        except InputError:
            yield f"| `{rack}` | refused | | | |"
            continue
        alone = 1e3 * fastest(lambda loaded=loaded: estimate(loaded))
        drawn = 1e3 * fastest(lambda result=result: unshared_intervals(result), 5)
        yield f"| `{rack}` | {alone:.1f} | 5 | {drawn:.1f} | 15 |"


def under_load() -> Iterator[str]:
    """Estimates of serving engines to which requests come at random, with limits and with hours that differ."""
    yield "| engine | ms of an estimate | with limits | with hours | with both |\n| --- | --- | --- | --- | --- |"
    rates = itertools.count(2000)  # in requests per 1,000 s: what is known of one is of no use to another
    for name, sets in ENGINES.items():
        times = []
        for more in ((), (LIMITS,), (DAY,), (LIMITS, DAY)):
            changed = ([f"workload.arrival_rate={next(rates) / 1e3} request/s", *sets, *more] for _ in range(8))
            racks = iter([load(ENGINE, sets=changes) for changes in changed])
            times.append(1e3 * fastest(lambda racks=racks: estimate(next(racks)), 8))
        yield f"| {name} | " + " | ".join(f"{time:.1f}" for time in times) + " |"


def unshared_intervals(result: object) -> None:
    """The intervals of a result, without what was drawn before."""
    replay_intervals._kept = {}
    replay_intervals.intervals(result)


def rates() -> Iterator[str]:
    """Points a second on CORES processes, with their start."""
    yield f"| question | points | M points/s, {CORES} processes | at least |\n| --- | --- | --- | --- |"
    for name, options in QUESTIONS.items():
        job, _ = sweep_job(options)
        begun = time.perf_counter()
        with process_pool(CORES) as executor:
            points = run(job, executor).points
        taken, bar = time.perf_counter() - begun, BARS.get(name[:6], "")
        yield f"| {name} | {points:,} | {points / taken / 1e6:.1f} | {bar} |"


def scaling() -> Iterator[str]:
    """Time and memory of whole commands, one process each."""
    yield "| points | s of processor time | ns a point | MB resident at most |\n| --- | --- | --- | --- |"
    for first, second in SIZES:
        vary = [BANDWIDTH.format(first), RATE.format(second), PRICE.format(1000)]
        if first == 1:
            vary[0] = "links.gpu-lpu.part.bandwidth=900 GB/s"
        options = [word for axis in vary for word in ("--vary", axis)]
        command = [sys.executable, "-m", "rackcalc", "sweep", "rack-of-god", *options, "--top", "10"]
        running = subprocess.Popen([*command, "--by", "latency.p99", "--pareto", FRONT], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0
        points, spent = 1000 * first * second, usage.ru_utime + usage.ru_stime
        yield f"| {points:,} | {spent:.2f} | {1e9 * spent / points:,.1f} | {usage.ru_maxrss / 1024:.0f} |"


def every_rack() -> Iterator[str]:
    """Processor time of whole commands to a million points, easy axes and hard ones, of every bundled rack."""
    yield "| rack | " + " | ".join(f"{name}, s" for name in MILLION) + " |\n| --- |" + " --- |" * len(MILLION)
    for rack in bundled_racks():
        cells = []
        for axes in MILLION.values():
            words = [word for axis in axes for word in ("--vary", axis)]
            command = [sys.executable, "-m", "rackcalc", "sweep", rack, *words, "--top", "3", "--by", "latency.p99"]
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            cells.append("refused" if running.returncode else f"{usage.ru_utime + usage.ru_stime:.2f}")
        yield f"| `{rack}` | {' | '.join(cells)} |"


def growth() -> Iterator[str]:
    """Processor time from small to large, and the exponent of the growth between two sizes."""
    yield "| of what | how many | s of processor time | exponent |\n| --- | --- | --- | --- |"
    with tempfile.TemporaryDirectory() as folder:
        for what, sizes, taken in (
            ("servers of a queue: a curve of the p99 wait", (4, 8, 16, 32, 64, 128, 256, 512), curve_of_servers),
            ("layers of a model: an estimate", (8, 32, 128, 512), estimate_with("llama70b-8xh100", "model.layers")),
            ("GPUs of a rack: an estimate", (8, 32, 128, 512), estimate_with("rack-of-god", "accelerators.gpu.count")),
            ("layers as an axis: a sweep", (10, 100, 1000, 10000), sweep_over("vr-nvl72-lpx-mixture", "model.layers")),
            ("GPUs as an axis: a sweep", (10, 100, 1000), sweep_over("rack-of-god", "accelerators.gpu.count")),
            ("GPUs of the catalog as an axis: a sweep", (4, 8, 16, 28), sweep_over_parts),
            ("racks on standard input, without intervals", (16, 64, 256, 1024), partial(stream_of_racks, folder)),
            ("claims of one rack file, all in one scenario", (34, 136, 544, 2176), partial(rack_of_claims, folder)),
        ):
            before: tuple[int, float] | None = None
            for size in sizes:
                now = size, taken(size)
                grown = "" if before is None else f"{math.log(now[1] / before[1]) / math.log(size / before[0]):.1f}"
                yield f"| {what} | {size} | {now[1]:.3f} | {grown} |"
                before = now


def curve_of_servers(servers: int) -> float:
    """Seconds of a curve of the p99 wait over the load."""
    loads = numpy.linspace(0.001, 0.9999, 3000)
    begun = time.process_time()
    quantile_curve(0.99, float(servers))(loads)
    return time.process_time() - begun


def estimate_with(rack: str, path: str) -> Callable[[int], float]:
    """Seconds of an estimate with another number in the rack file."""

    def taken(count: int) -> float:
        loaded = load(rack, sets=[f"{path}={count}"])
        return fastest(lambda: estimate(loaded), 5)

    return taken


def sweep_over(rack: str, path: str) -> Callable[[int], float]:
    """Seconds of a sweep over so many numbers of an axis."""
    return lambda count: sweep_time(SpaceOptions(rack, vary=(f"{path}=1..{count}", PRICE.format(10))))


def sweep_over_parts(count: int) -> float:
    """Seconds of a sweep over so many GPUs of the catalog."""
    names = ",".join(part_names("gpus")[:count])
    return sweep_time(SpaceOptions("bert-a100", vary=(f"accelerators.gpu.part={names}",)))


def sweep_time(space: SpaceOptions) -> float:
    """Seconds of a sweep of which nothing is known yet but waits in queues."""

    def sweep() -> None:
        space_of.cache_clear()
        run(sweep_job(SweepOptions(space, top=3, by="latency.p99"))[0])

    return fastest(sweep, 3)


def whole_command(arguments: Sequence[str], stdin: str | None = None) -> float:
    """Seconds of processor time of a command."""
    with open(os.devnull if stdin is None else stdin, "rb") as source:
        command = [sys.executable, "-m", "rackcalc", *arguments]
        running = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, arguments
    return usage.ru_utime + usage.ru_stime


def stream_of_racks(folder: str, racks: int) -> float:
    """Seconds of a stream of racks, each with another arrival rate."""
    whole = yaml.safe_load(bundled_racks()["rack-of-god"].read_text(encoding="utf-8"))
    rack = {key: value for key, value in whole.items() if key not in ("claims", "gates", "scenarios")}
    file = Path(folder) / "racks.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for number in range(racks):
            work = rack["workload"] | {"arrival_rate": f"{100 + 500 * number / racks} request/s"}
            stream.write(json.dumps(rack | {"name": f"rack {number}", "workload": work}) + "\n")
    return whole_command(["estimate", "-", "--format", "jsonl", "--no-interval"], str(file))


def rack_of_claims(folder: str, claims: int) -> float:
    """Seconds of a rack with so many claims on its figures."""
    whole = yaml.safe_load(bundled_racks()["rack-of-god"].read_text(encoding="utf-8"))
    known = [path for path, figure in figures(estimate(load("rack-of-god"))) if figure.unit == "s"]
    rack = {key: value for key, value in whole.items() if key not in ("claims", "gates", "scenarios")}
    rack["claims"] = [
        {"says": f"claim {number}", "expect": f"{known[number % len(known)]} < {1 + number} ms"}
        for number in range(claims)
    ]
    file = Path(folder) / "claims.yaml"
    file.write_text(json.dumps(rack), encoding="utf-8")
    return whole_command(["claims", str(file)])


def peer_rate(peer: Peer) -> float | str:
    """Points a second of another tool, or why there are none."""
    home = PEERS / peer.name
    python = home / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--pre", peer.name]
        subprocess.run(install, check=True, capture_output=True, timeout=900)
        done = subprocess.run([python, "-c", LOOP + peer.code], check=True, capture_output=True, text=True, timeout=300)
        return float(done.stdout.split()[-1])
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        return f"not run: {type(error).__name__}"


def one_at_a_time(ask: Callable[[int], object], least: float = 2.0) -> float:
    """Points a second, as LOOP counts those of others."""
    ask(0)
    count, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < least:
        count += 1
        ask(count)
    return count / taken


def own_rates(space: SpaceOptions | None) -> tuple[float, float]:
    """Points a second of rackcalc: asked as the other tool is, and as one grid of the same points."""
    if space is None:
        queue = {"probability": 0.99, "service_time": 1.0, "servers": 64.0}
        alone = one_at_a_time(lambda i: mdc_wait_quantile(**queue, arrival_rate=40.0 + i % 20))
        rates = numpy.linspace(40.0, 59.0, 1_000_000)
        begun = time.perf_counter()
        mdc_wait_quantile(**queue, arrival_rate=rates)
        return alone, len(rates) / (time.perf_counter() - begun)
    path, _, values = space.vary[0].partition("=")
    first, last = (int(x) for x in values.partition(" ")[0].split(".."))
    unit = values.partition(" ")[2]

    def ask(number: int) -> object:
        value = f"{path}={first + number % (last - first + 1)} {unit}".strip()
        return estimate(load(space.rack, "", (*space.sets, value)))

    alone = one_at_a_time(ask)
    job, _ = sweep_job(SweepOptions(space, top=1, by="latency.mean"))
    begun = time.perf_counter()
    points = run(job).points
    return alone, points / (time.perf_counter() - begun)


def peers() -> Iterator[str]:
    """Each tool beside rackcalc, on the same points: one at a time in one process, and rackcalc's grid of them too."""
    yield "| question | tool | asked | an answer contains | points/s |\n| --- | --- | --- | --- | --- |"
    for peer in OTHERS:
        found = peer_rate(peer)
        shown = found if isinstance(found, str) else f"{found:,.1f}"
        yield f"| {peer.question} | {peer.name} | one at a time | {peer.answer} | {shown} |"
        alone, grid = own_rates(peer.space)
        yield f"| | rackcalc | one at a time | {peer.ours} | {alone:,.1f} |"
        yield f"| | rackcalc | as one grid | {peer.ours} | {grid:,.0f} |"


def machine() -> str:
    """What it ran on, without a name."""
    cpu = "unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    version = f"Python {platform.python_version()}, NumPy {numpy.__version__}"
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, {version}; load {os.getloadavg()[0]:.1f} at the start."


PARTS = (
    ("Start-up", start_up),
    ("One estimate, in process, with its full record", one_estimate),
    ("An engine under load, in process: at most 15 ms each", under_load),
    ("Sweeps", rates),
    ("Scaling and memory: three axes, `--top 10`, `--pareto`, one process", scaling),
    ("A million points on every bundled rack, one process, whole commands", every_rack),
    ("Growth: processor time from small to large", growth),
    ("Other tools", peers),
)
HEAD = """# Performance

`make bench` wrote this page, all in one run. Times depend on the machine and on
what else it does; the ratios are what counts.

{machine}
"""
FOOT = """
Why it is fast: the formulas recorded by one estimate are the program of a sweep. Only
what depends on an axis is computed again, with arrays, each axis on a dimension of
its own: what depends on one axis costs as many operations as that axis has values.
The exact M/D/c quantiles are piecewise series through the exact algorithm, within
1e-12 of it. A point has the figures that `rackcalc estimate --set ...` gives it.

Why it starts fast: plain command lines are read without typer, from the declarations that
typer's options are made of; records need no module dataclasses; the catalog is compiled
when the program is built, and rack files that were read before are kept as they were read.
Within an estimate a formula is called once for the same quantities, the size of a model and
a step are computed once, and all claims on a rack share what their scenarios have in common.
Draws compute each formula's own code with functions that look for no arrays.
"""


def main() -> None:
    """Run everything and write the report."""
    pieces = [HEAD.format(machine=machine())]
    for title, part in PARTS:
        print(title, flush=True)
        lines = []
        for line in part():
            print(line, flush=True)
            lines.append(line)
        pieces.append(f"\n## {title}\n\n" + "\n".join(lines) + "\n")
    REPORT.write_text("".join(pieces) + FOOT, encoding="utf-8")


if __name__ == "__main__":
    main()
