"""Every point in a file: parts beside it as they come, put together under the final name when all are there.

FILE.parts/ holds one complete file for every task that is done, and a manifest that says which sweep they belong to.
"""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.questions.sweep.answer import Column
from rackcalc.questions.sweep.boxes import plan
from rackcalc.questions.sweep.job import Job, Part
from rackcalc.questions.sweep.reductions import Rows
from rackcalc.questions.sweep.run import tasks

SAMPLES = 8  # boxes that show how many points count, before anything is written
BYTES = {".parquet": 9.0, ".csv": 21.0, ".jsonl": 45.0}  # of one number, about


class Dump(NamedTuple):
    """Where the points go. columns: the axes first; places: of each among the columns of the job."""

    file: Path
    columns: Sequence[Column]
    places: Sequence[int]
    signature: str

    @property
    def folder(self) -> Path:
        """The folder of the parts."""
        return self.file.with_name(f"{self.file.name}.parts")

    def part(self, number: int) -> Path:
        """The file of one task."""
        return self.folder / f"{number:08d}{self.file.suffix}"

    def done(self, number: int) -> bool:
        """Whether a task is written."""
        return self.part(number).exists()

    def keep(self, number: int, part: Part) -> None:
        """Write what a task has found."""
        if not self.done(number):
            rows = Rows.none(len(self.places)) if not part.dumped else _joined(part.dumped)
            data = [rows.values[:, place] for place in self.places]
            _replaced(self.part(number), lambda path: WRITERS[self.file.suffix](path, self.columns, data))


def _joined(rows: Sequence[Rows]) -> Rows:
    import numpy as np

    return Rows(np.concatenate([part.index for part in rows]), np.concatenate([part.values for part in rows]))


def _replaced(target: Path, write: Callable[[Path], Any]) -> None:
    """A whole file or none."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def started(file: str, job: Job, columns: Sequence[Column], resume: bool) -> Dump:
    """A dump that can be written: the right ending, the packages, a place with room, nobody else's parts."""
    path = Path(file)
    if path.suffix not in WRITERS:
        raise failure(f"--dump: the ending names the format: {', '.join(WRITERS)}", file)
    if path.suffix == ".parquet":
        _arrow()
    if not path.parent.is_dir():
        raise failure("--dump: no such folder", str(path.parent))
    signature = sha256(repr(job).encode()).hexdigest()
    found = Dump(path, columns, [job.paths.index(column.path) for column in columns], signature)
    manifest = found.folder / "manifest.json"
    if found.folder.exists() and not resume:
        raise failure(f"--dump: {found.folder} holds parts of an earlier sweep; add --resume, or remove it", file)
    if resume:
        if not manifest.exists():
            raise failure(f"--resume: there is no {manifest}; start without --resume", file)
        if json.loads(manifest.read_text())["signature"] != signature:
            raise failure(f"--resume: {found.folder} belongs to another sweep; ask the same, or remove it", file)
        return found
    _check_room(found, job)
    found.folder.mkdir()
    count = sum(1 for _ in tasks(job))
    _replaced(manifest, lambda target: target.write_text(json.dumps({"signature": signature, "tasks": count}) + "\n"))
    return found


def _check_room(dump: Dump, job: Job) -> None:
    """InputError when the disk has not the room, parts and whole."""
    needed = 2 * expected_rows(job) * BYTES[dump.file.suffix] * len(dump.columns)
    free = shutil.disk_usage(dump.file.parent).free
    if needed > free:
        sizes = f"about {needed / 2e9:,.1f} GB, twice while it is written"
        message = f"--dump: {sizes}, do not fit: {free / 1e9:,.1f} GB are free"
        mend = "narrow it with --where, or keep less with --top, --pareto or --stats"
        raise InputError([Problem(str(dump.file), 0, 0, "", f"{message}; {mend}")])


def expected_rows(job: Job) -> float:
    """Points that will count, from a few boxes all over the grid."""
    from rackcalc.questions.sweep.job import work

    if not job.where:
        return float(job.plan.points)
    small = job._replace(
        plan=plan(job.plan.shape, job.plan.order, 1 << 12), top=None, pareto=None, stats=False, dump=False
    )
    step = max(1, small.plan.boxes // SAMPLES)
    parts = [work(small, number, number + 1) for number in range(0, small.plan.boxes, step)]
    return job.plan.points * sum(part.matches for part in parts) / sum(part.points for part in parts)


def finished(dump: Dump) -> None:
    """All parts under the final name."""
    _assembled(dump, dump.file)
    shutil.rmtree(dump.folder)


def interrupted(dump: Dump) -> Path:
    """What there is, complete as far as it goes, under a name of its own; the parts stay for --resume."""
    partial = dump.file.with_name(f"{dump.file.stem}.partial{dump.file.suffix}")
    _assembled(dump, partial)
    return partial


def dropped(dump: Dump) -> None:
    """Nothing of it stays."""
    shutil.rmtree(dump.folder, ignore_errors=True)


def _assembled(dump: Dump, target: Path) -> None:
    parts = sorted(dump.folder.glob(f"[0-9]*{dump.file.suffix}"))
    _replaced(target, lambda path: JOINERS[dump.file.suffix](path, parts))


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
        writer.writerows(_values(columns, data))


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


def _join_text(path: Path, parts: Sequence[Path]) -> None:
    """Parts one after the other; of headings only the first."""
    with path.open("wb") as stream:
        for number, part in enumerate(parts):
            with part.open("rb") as source:
                if number and path.name.partition(".csv")[1]:
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
    ".csv": _join_text,
    ".jsonl": _join_text,
}
