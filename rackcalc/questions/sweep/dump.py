"""--dump FILE: every matching point of a sweep in a file.

While the sweep runs, the folder FILE.parts/ holds one complete file for every finished task, and a manifest with the
signature of the sweep. At the end the parts are joined under the final name.
"""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.catalog_files import PACKAGE
from rackcalc.quantities.csv_cells import cell
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.questions.sweep.boxes import plan_boxes
from rackcalc.questions.sweep.job import PartialResult, SweepJob, compute_boxes
from rackcalc.questions.sweep.reductions import Points
from rackcalc.questions.sweep.result import Column
from rackcalc.questions.sweep.run import split_into_tasks
from rackcalc.replay.design_space import DesignSpace
from rackcalc.version import __version__

SAMPLES = 8  # boxes that are computed first, to estimate how many points match
BYTES_PER_NUMBER = {".parquet": 9.0, ".csv": 21.0, ".jsonl": 45.0}  # about


class Dump(NamedTuple):
    """A file for the points. columns: of the file, axes first. indices: of these columns among those of the job.

    lock: descriptor of the open file that keeps another process out of the folder of the parts.
    """

    file: Path
    columns: Sequence[Column]
    indices: Sequence[int]
    signature: str
    lock: int | None = None

    @property
    def folder(self) -> Path:
        """The folder of the parts."""
        return self.file.with_name(f"{self.file.name}.parts")

    def part_file(self, task: int) -> Path:
        """The file of one task."""
        return self.folder / f"{task:08d}{self.file.suffix}"

    def is_written(self, task: int) -> bool:
        """Whether the part of a task is written."""
        return self.part_file(task).exists()

    def store(self, task: int, part: PartialResult) -> None:
        """Write the points of a task."""
        if not self.is_written(task):
            points = Points.none(len(self.indices)) if not part.dumped else _joined(part.dumped)
            data = [points.values[:, index] for index in self.indices]
            _write_whole(self.part_file(task), lambda path: WRITERS[self.file.suffix](path, self.columns, data))


def _joined(parts: Sequence[Points]) -> Points:
    return Points(np.concatenate([part.numbers for part in parts]), np.concatenate([part.values for part in parts]))


def _write_whole(target: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name, then rename it, so that there is never half a file."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def start_dump(file: str, job: SweepJob, columns: Sequence[Column], resume: bool) -> Dump:
    """Start a dump, or resume one.

    InputError for an unknown ending, a missing package or folder, a full disk, or the parts of another sweep.
    """
    path = Path(file)
    if path.suffix not in WRITERS:
        raise failure(f"--dump: the ending names the format: {', '.join(WRITERS)}", file)
    if path.suffix == ".parquet":
        _arrow()
    if path.is_symlink():
        path = path.resolve()
    if path.is_dir():
        raise failure("--dump: is a folder; name a file", file)
    if not path.parent.is_dir():
        raise failure("--dump: no such folder", str(path.parent))
    found = Dump(path, columns, [job.paths.index(column.path) for column in columns], signature_of(job))
    manifest = found.folder / "manifest.json"
    earlier = manifest.exists()
    if earlier and not resume:
        raise failure(f"--dump: {found.folder} holds parts of an earlier sweep; add --resume, or remove it", file)
    if earlier and _signature_in(manifest, file) != found.signature:
        message = f"--resume: {found.folder} belongs to another sweep, rack, catalog or version of rackcalc"
        raise failure(f"{message}; ask the same, or remove it", file)
    if not earlier:
        _check_room(found, job)
    found.folder.mkdir(exist_ok=True)  # without a manifest it holds no parts: the sweep was stopped before the first
    found = found._replace(lock=_locked(found.folder / "lock", file))
    if earlier:
        return found
    count = sum(1 for _ in split_into_tasks(job))
    _write_whole(
        manifest, lambda target: target.write_text(json.dumps({"signature": found.signature, "tasks": count}) + "\n")
    )
    return found


def signature_of(job: SweepJob) -> str:
    """What a resumed sweep must share with the one that it goes on with, as a digest.

    The question, the values of the rack with all that it refers to, the catalog, and the version of the program.
    """
    rack = DesignSpace(job.question, ()).loaded({}).rack
    digest = sha256(repr((job, rack, __version__)).encode())
    for file in sorted((Path(PACKAGE) / "catalog").rglob("*.yaml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _signature_in(manifest: Path, file: str) -> str:
    """The signature of the sweep that the parts are of. InputError where the manifest is damaged."""
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["signature"])
    except (ValueError, TypeError, LookupError):
        message = f"--resume: {manifest} is damaged; remove {manifest.parent} and start again"
        raise failure(message, file) from None


def _locked(path: Path, file: str) -> int | None:
    """An open file that no other process has; None where the system has no such locks. InputError when one has it."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of the process: it ends with it, however that ends
    except OSError:
        os.close(descriptor)
        raise failure(f"--dump: another process is writing {path.parent}; wait until it ends", file) from None
    return descriptor


def _check_room(dump: Dump, job: SweepJob) -> None:
    """InputError when the disk has no room for the parts and the whole file."""
    needed = 2 * expected_points(job) * BYTES_PER_NUMBER[dump.file.suffix] * len(dump.columns)
    free = shutil.disk_usage(dump.file.parent).free
    if needed > free:
        sizes = f"about {needed / 2e9:,.1f} GB, twice while it is written"
        message = f"--dump: {sizes}, do not fit: {free / 1e9:,.1f} GB are free"
        fix = "narrow it with --where, or keep less with --top, --pareto or --stats"
        raise InputError([Problem(str(dump.file), 0, 0, "", f"{message}; {fix}")])


def expected_points(job: SweepJob) -> float:
    """The number of matching points to expect, estimated from a few boxes that are spread over the grid."""
    if not job.filters:
        return float(job.plan.points)
    small = job._replace(
        plan=plan_boxes(job.plan.shape, job.plan.order, 1 << 12), top=None, pareto=None, stats=False, dump=False
    )
    step = max(1, small.plan.boxes // SAMPLES)
    parts = [compute_boxes(small, number, number + 1) for number in range(0, small.plan.boxes, step)]
    return job.plan.points * sum(part.matches for part in parts) / sum(part.points for part in parts)


def finish_dump(dump: Dump) -> None:
    """Join all parts under the final name, and remove their folder."""
    _join(dump, dump.file)
    _remove_parts(dump)


def save_partial_dump(dump: Dump) -> Path | None:
    """Join the parts that are written in FILE.partial; None where there are none. They are kept for --resume."""
    if not any(dump.folder.glob(f"[0-9]*{dump.file.suffix}")):
        return None
    partial = dump.file.with_name(f"{dump.file.stem}.partial{dump.file.suffix}")
    _join(dump, partial)
    return partial


def discard_dump(dump: Dump) -> None:
    """Remove all parts."""
    _remove_parts(dump)


def _remove_parts(dump: Dump) -> None:
    shutil.rmtree(dump.folder, ignore_errors=True)
    if dump.lock is not None:
        os.close(dump.lock)


def _join(dump: Dump, target: Path) -> None:
    parts = sorted(dump.folder.glob(f"[0-9]*{dump.file.suffix}"))
    _write_whole(target, lambda path: JOINERS[dump.file.suffix](path, parts))


def _values(columns: Sequence[Column], data: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    lists = [
        [column.words[int(value)] for value in values] if column.words else values.tolist()
        for column, values in zip(columns, data, strict=True)
    ]
    return zip(*lists, strict=True)


def _write_csv(path: Path, columns: Sequence[Column], data: Sequence[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.heading for column in columns])
        safe = [column._replace(words=tuple(map(cell, column.words))) for column in columns]
        writer.writerows(_values(safe, data))


def _write_jsonl(path: Path, columns: Sequence[Column], data: Sequence[Any]) -> None:
    names = [column.path for column in columns]
    with path.open("w", encoding="utf-8") as stream:
        for row in _values(columns, data):
            known = [value if isinstance(value, str) or value - value == 0 else None for value in row]
            stream.write(json.dumps(dict(zip(names, known, strict=True))) + "\n")


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise failure("--dump FILE.parquet needs pyarrow: pip install 'rackcalc[parquet]'; or name a .csv") from None
    return pyarrow


def _write_parquet(path: Path, columns: Sequence[Column], data: Sequence[Any]) -> None:
    arrow = _arrow()
    arrays, fields = [], []
    for column, values in zip(columns, data, strict=True):
        array = arrow.array(values)
        if column.words:
            array = arrow.DictionaryArray.from_arrays(arrow.array(values.astype("int32")), arrow.array(column.words))
        arrays.append(array)
        fields.append(arrow.field(column.path, array.type, metadata={"unit": column.unit}))
    arrow.parquet.write_table(arrow.Table.from_arrays(arrays, schema=arrow.schema(fields)), path)


def _join_csv(path: Path, parts: Sequence[Path]) -> None:
    """Join CSV files, of which only the first keeps its heading."""
    _join_lines(path, parts, headings=1)


def _join_lines(path: Path, parts: Sequence[Path], headings: int = 0) -> None:
    """Join text files. headings: lines at the beginning of each that only the first keeps."""
    with path.open("wb") as stream:
        for number, part in enumerate(parts):
            with part.open("rb") as source:
                for _ in range(headings if number else 0):
                    source.readline()
                shutil.copyfileobj(source, stream, 1 << 20)


def _join_parquet(path: Path, parts: Sequence[Path]) -> None:
    arrow = _arrow()
    with arrow.parquet.ParquetWriter(path, arrow.parquet.read_schema(parts[0])) as writer:
        for part in parts:
            writer.write_table(arrow.parquet.read_table(part))


WRITERS: dict[str, Callable[[Path, Sequence[Column], Sequence[Any]], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
JOINERS: dict[str, Callable[[Path, Sequence[Path]], None]] = {
    ".parquet": _join_parquet,
    ".csv": _join_csv,
    ".jsonl": _join_lines,
}
