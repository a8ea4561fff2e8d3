"""Measure one GPU and write what was measured in the format of rackcalc/measured/*.csv: see docs/measuring.md.

Needs torch with CUDA, which is no dependency of rackcalc. --device cpu --tiny tries the script with numpy alone.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

from measuring.points import FULL, TINY, Copy, Encode, Gemm, Grid, Point, points
from measuring.power import Meter, NoMeter, Sample, device, meter_of, smi, watched
from measuring.rows import Machine, part_of, power_rows, rows, write
from measuring.timing import Limits, Once, samples

ALL = ("encoder", "gemm", "attention", "point_to_point", "facility")
SETTLED = 0.002  # standard error of a kernel's median that is good enough
FEWEST = 10
Cells = dict[str, object]


class Backend(Protocol):
    """A machine that runs points."""

    program: str
    version: str
    launches: tuple[str, ...]
    precisions: tuple[str, ...]

    def name(self) -> str:
        """What the machine calls itself."""

    def details(self) -> tuple[str, ...]:
        """Driver, clocks and libraries."""

    def once(self, point: Point) -> Once:
        """A function that takes one sample of a point."""

    def work(self, point: Point) -> Callable[[], object]:
        """The work of a point, to repeat as a load."""


class Plan(NamedTuple):
    """How to measure, on what."""

    backend: Backend
    machine: Machine
    grid: Grid
    seconds: float
    power_seconds: float
    meter: Meter | None
    idle: tuple[Sample, ...]  # taken before the program had opened the GPU


def say(text: str) -> None:
    """Tell how far it is; standard output stays free."""
    print(text, file=sys.stderr, flush=True)


def measured(plan: Plan, kind: str) -> Iterator[Cells]:
    """The rows of a kind. A point that fails, for want of memory or of a kernel, is named and left out."""
    if kind == "facility":
        yield from power(plan)
        return
    for number, point in enumerate(points(plan.grid, kind, plan.backend), 1):
        settled = 0.0 if isinstance(point, Encode) else SETTLED  # percentiles need all samples
        try:
            found = samples(plan.backend.once(point), Limits(plan.seconds, FEWEST, settled=settled))
        except (RuntimeError, MemoryError) as error:  # what torch raises, out of memory included
            say(f"left out: {point}: {first_line(error)}")
            continue
        yield from rows(point, found, plan.machine, number)


def first_line(error: Exception) -> str:
    """What an error says, in short."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def loads(plan: Plan) -> Iterator[tuple[str, Point]]:
    """(scenario, load) for the power meter: matrix products, the model, memory."""
    grid = plan.grid
    m, (n, k) = grid.rows[-1], grid.weights[-1]
    yield f"gemm-bf16-{m}-{n}-{k}", Gemm("bf16", m, n, k)
    batch, tokens = max(grid.compiled)
    launch = "cuda_graph" if "cuda_graph" in plan.backend.launches else "eager"
    for size in (1, batch):
        name = f"{grid.model}-fp16-batch-{size}-tokens-{tokens}-{launch}"
        yield name, Encode(grid.model, "fp16", size, tokens, launch)
    yield "stream-copy", Copy(grid.copies[min(1, len(grid.copies) - 1)])


def power(plan: Plan) -> Iterator[Cells]:
    """Rows of idle and loaded power; none without a meter."""
    if plan.meter is None:
        say("left out: facility: nothing here tells the power")
        return
    if plan.idle:
        yield from power_rows("idle", plan.idle, plan.machine, 1)
    held = watched(plan.meter, None, plan.power_seconds)
    yield from power_rows("idle-with-context", held, plan.machine, 2)
    for number, (scenario, point) in enumerate(loads(plan), 3):
        try:
            found = watched(plan.meter, plan.backend.work(point), plan.power_seconds)
        except (RuntimeError, MemoryError, NoMeter) as error:
            say(f"left out: {scenario}: {first_line(error)}")
            continue
        yield from power_rows(scenario, found, plan.machine, number)


def run(plan: Plan, kinds: Sequence[str], folder: Path) -> int:
    """Measure the kinds and write a file for each as soon as it is complete; also when interrupted. The exit code."""
    written = 0
    for kind in kinds:
        found: list[Cells] = []
        stopped = False
        try:
            found.extend(measured(plan, kind))
        except KeyboardInterrupt:
            stopped = True
        if found:
            write(folder / f"{kind}.csv", kind, found)
            print(folder / f"{kind}.csv")
        written += len(found)
        say(f"{kind}: {len(found)} rows")
        if stopped:
            return 130
    return 0 if written else 1


def opened(where: str) -> Backend:
    """The machine. torch is imported here, and only where it is wanted."""
    if where == "cpu":
        from measuring import on_numpy

        return on_numpy.Backend()
    try:
        from measuring import on_torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise NoMeter("torch is not installed: install PyTorch for your CUDA, or try --device cpu --tiny") from error
    return on_torch.Backend("cpu" if where == "torch-cpu" else "cuda")


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("measured-here"), help="folder for the CSV files")
    parser.add_argument("--part", default="", help="catalog name of the GPU, where its own name does not tell")
    parser.add_argument("--device", choices=("cuda", "torch-cpu", "cpu"), default="cuda", help="cpu: numpy")
    parser.add_argument("--kind", choices=ALL, action="append", help="only this kind; may be repeated")
    parser.add_argument("--seconds", type=seconds, default=1.0, help="for each point, warm-up included")
    parser.add_argument("--power-seconds", type=seconds, default=20.0, help="for each load under the power meter")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: to try the script, not to measure")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    return parser.parse_args(words)


def seconds(text: str) -> float:
    """A time of more than nothing and at most an hour."""
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"expected more than 0 and at most 3600 seconds, got {text}")
    return value


def planned(asked: argparse.Namespace, kinds: Sequence[str]) -> Plan:
    """Open the machine and see what it is. NoMeter or ValueError when it cannot be used."""
    on_gpu = asked.device == "cuda"
    meter: Meter | None = None
    idle: tuple[Sample, ...] = ()
    if on_gpu and "facility" in kinds:
        try:
            meter = meter_of(device())
            say("idle power, before the GPU is opened")
            idle = tuple(watched(meter, None, asked.power_seconds))
        except NoMeter as error:
            say(f"left out: facility: {error}")
    backend = opened(asked.device)
    name = backend.name()
    if idle and smi("name", device()) != [name]:
        raise ValueError(f"nvidia-smi's GPU {device()} is not torch's {name}: set CUDA_VISIBLE_DEVICES to one GPU")
    part = part_of(name, asked.part) if on_gpu else ""
    if asked.part and not on_gpu:
        say("--part is left aside: a run on a CPU measures no part")
    day = date.today().isoformat()
    machine = Machine(name, part, backend.program, backend.version, backend.details(), day)
    return Plan(backend, machine, TINY if asked.tiny else FULL, asked.seconds, asked.power_seconds, meter, idle)


def main(words: Sequence[str] | None = None) -> int:
    """Measure. 0: done, 1: nothing could be measured, 2: the options or this machine do not serve."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as nvidia-smi counts
    asked = arguments(words)
    kinds = [kind for kind in ALL if not asked.kind or kind in asked.kind]
    there = [f"{kind}.csv" for kind in kinds if (asked.output / f"{kind}.csv").exists()]
    if there and not asked.force:
        say(f"{asked.output}: {', '.join(there)} would be replaced; choose another --output, or say --force")
        return 2
    if asked.device == "cpu" and not asked.tiny:
        say("--device cpu is for trying the script: add --tiny")
        return 2
    try:
        plan = planned(asked, kinds)
        asked.output.mkdir(parents=True, exist_ok=True)
        return run(plan, kinds, asked.output)
    except (NoMeter, ValueError, OSError) as error:
        say(f"{error}")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
