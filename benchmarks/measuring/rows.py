"""From samples to rows in the format of rackcalc/measured/*.csv, and those to files."""

import csv
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from measuring.points import KINDS, STREAM, Attend, Copy, Encode, Gemm, Launch, Point
from measuring.power import Sample
from measuring.timing import percentile
from rackcalc.config.catalog_files import part_names
from rackcalc.quantities.problems import suggest
from rackcalc.validation.read import bundled, read

SCRIPT = "benchmarks/measure_gpu.py"

# The device name that the driver gives -> name in the catalog. Variants that are not listed (A10G, H800 PCIe,
# RTX 4090 D, laptops, MIG slices) are other chips or other limits, hence the whole name must match.
PARTS = {
    r"A100-SXM4-40GB": "a100-sxm-40gb",
    r"A100-SXM4-80GB": "a100-sxm-80gb",
    r"A100[ -](80GB PCIe|PCIE-80GB)": "a100-pcie-80gb",
    r"A(2|10|30|40)": r"a\1",
    r"L(4|40)": r"l\1",
    r"L40S": "l40s",
    r"T4": "t4",
    r"V100-SXM2-32GB": "v100",
    r"H100 80GB HBM3": "h100-sxm",
    r"H100 PCIe": "h100-pcie",
    r"H100 NVL": "h100-nvl",
    r"H200": "h200-sxm",
    r"H200 NVL": "h200-nvl",
    r"H800": "h800",
    r"(GH200 480GB|GH200 120GB)": "gh200",  # the name tells the memory of its CPU
    r"GH200 144G HBM3e": "gh200-144gb",
    r"B200": "b200-sxm",
    r"B300( SXM6.*)?": "b300",
    r"GB(200|300)": r"gb\1",
    r"RTX 4090": "rtx-4090",
    r"RTX PRO 6000 Blackwell Server Edition": "rtx-pro-6000",
    r"RTX PRO 4500 Blackwell": "rtx-pro-4500",
}
MAKER = re.compile(r"^(NVIDIA |Tesla |GeForce )+")


class Machine(NamedTuple):
    """What the rows are measured on. part "": no part of the catalog, so no measurement of one."""

    name: str
    part: str
    program: str  # such as torch
    version: str
    details: tuple[str, ...]  # driver, clocks, libraries
    date: str

    @property
    def source(self) -> str:
        """The cell that says where a row is from."""
        versions = ", ".join((*self.details, f"{self.program} {self.version}", self.date))
        return f"measured by us: {SCRIPT} {self.name}, {versions}"

    @property
    def quality(self) -> str:
        """A; C, neither fit nor scored, for a run on something else than a part."""
        return "A" if self.part else "C"


def part_of(name: str, stated: str = "") -> str:
    """The catalog's name of a GPU. ValueError, with what to do, when it is not known."""
    if stated:
        if stated not in part_names("gpus"):
            raise ValueError(f'--part: no GPU "{stated}" in the catalog{suggest(stated, part_names("gpus"))}')
        return stated
    bare = MAKER.sub("", name.strip())
    for pattern, part in PARTS.items():
        found = re.fullmatch(pattern, bare)
        if found is not None:
            return found.expand(part)
    raise ValueError(f'no part is known for "{name}": say --part NAME (`rackcalc parts gpus` lists the names)')


def runtime(point: Point, machine: Machine) -> str:
    """Program and version, in the words that rackcalc has runtimes for.

    A compiled module has none: its rows are reported as not answered instead of being taken for eager ones.
    """
    torch = f"{machine.program}-{machine.version}"
    match point:
        case Encode(launch="cuda_graph"):
            return f"cuda-graph {torch}"
        case Encode(launch="compile"):
            return f"{machine.program}-compile {machine.version}"
        case Gemm():  # operands already are in their format: nothing but the library's kernel
            return f"cublaslt {torch}" if machine.program == "torch" else f"{machine.program} {machine.version}"
    return f"{machine.program} {machine.version}"


def cells(point: Point) -> dict[str, object]:
    """The columns that describe a point."""
    match point:
        case Encode():
            shape = {"batch": point.batch, "input_tokens": point.tokens}
            return {"model": point.model, "precision": point.precision, "mode": "static", **shape}
        case Gemm():
            return point._asdict()
        case Attend():
            queries = 1 if point.phase == "generation" else point.tokens
            names = {"query_heads": point.heads, "kv_heads": point.kv_heads, "head_dim": point.head_dim}
            lengths = {"batch": point.batch, "input_tokens": queries, "kv_tokens": point.tokens}
            return {"precision": point.precision, "operation": point.phase, **lengths, **names}
        case Launch():
            return {"operation": f"{point.what}_launch:{point.launch}"}
        case Copy():
            return {"operation": STREAM, "message_size": point.size}


def values(point: Point, found: Sequence[float]) -> Iterator[tuple[str, float, str]]:
    """(metric, value, unit). A sample of a kernel is the mean of a loop, so its mean is robustly their median."""
    if isinstance(point, Copy):
        yield "bandwidth", 2 * point.size / median(found), "B/s"  # read and written, as BabelStream counts
    elif isinstance(point, Encode):
        yield "latency_mean", fmean(found), "s"
        for name, share, least in (("p50", 0.5, 3), ("p95", 0.95, 20), ("p99", 0.99, 100)):
            if len(found) >= least:
                yield f"latency_{name}", percentile(found, share), "s"
    else:
        yield "latency_mean", median(found), "s"


def rows(point: Point, found: Sequence[float], machine: Machine, number: int) -> Iterator[dict[str, object]]:
    """The rows of one point."""
    kind, about = KINDS[type(point)], cells(point)
    about["runtime"] = runtime(point, machine)
    told = {"encoder": "model", "gemm": "precision"}.get(kind, "operation")
    yield from _rows(kind, f"{about[told]}", about, values(point, found), machine, number)


def power_rows(scenario: str, found: Sequence[Sample], machine: Machine, number: int) -> Iterator[dict[str, object]]:
    """The rows of one load under the meter."""
    watts = [one.power for one in found]
    clock = median(one.clock for one in found)
    noted = machine._replace(details=(*machine.details, f"SM clock {clock:g} MHz median in this run"))
    measured = [("power_mean", fmean(watts), "W"), ("power_max", max(watts), "W")]
    measured.append(("temperature_max", max(one.temperature for one in found), "degC"))
    yield from _rows("facility", "gpu", {"operation": "gpu", "scenario": scenario}, measured, noted, number)


def _rows(
    kind: str,
    group: str,
    about: dict[str, object],
    measured: Iterable[tuple[str, float, str]],
    machine: Machine,
    number: int,
) -> Iterator[dict[str, object]]:
    what = machine.part or "no-part"
    case = f"{kind}-{what}-{machine.date.replace('-', '')}-{number:04}"
    same = {"case": case, "kind": kind, "part": machine.part, "parts": 1, **about}
    scoring = {"group": f"{what}|{group}", "quality": machine.quality, "source": machine.source}
    for metric, value, unit in measured:
        yield {**same, "metric": metric, "value": f"{value:.6g}", "unit": unit, **scoring}


def columns(kind: str) -> list[str]:
    """The header of the bundled file of a kind."""
    with open(bundled()[kind], encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def write(path: Path, kind: str, found: Iterable[dict[str, object]]) -> None:
    """A whole file or none. ValueError where a row has what the format has not, or rackcalc refuses the file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns(kind), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        refused: list[object] = []
        for _ in read(name, refused.append):
            pass
        if refused:
            raise ValueError(f"rackcalc cannot read its own rows: {refused[0]}")
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
