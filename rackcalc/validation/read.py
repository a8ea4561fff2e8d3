"""Measurements from CSV: one row per measured number, every error with its file and line."""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from rackcalc.config.builder import word_meant
from rackcalc.config.catalog_files import part_names
from rackcalc.config.part_aliases import find_part
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.problems import Problem, suggest
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.spelling import alike, listed
from rackcalc.spec.formats import FORMATS

HERE = Path(__file__).parent
LONGEST_LINE = 1 << 16  # characters
MOST_PROBLEMS = 100  # listed per file; the others are counted

# Every metric starts with one of these words; canonical unit of what follows.
METRICS = {
    "latency": "s",
    "ttft": "s",
    "tpot": "s",
    "itl": "s",
    "bandwidth": "B/s",
    "bidirectional_bandwidth": "B/s",
    "power": "W",
    "energy_per_token": "J",
    "temperature": "K",
    "compute_rate": "FLOP/s",
    "request_rate": "request/s",
    "sample_rate": "request/s",
    "token_rate": "token/s",
    "output_token_rate": "token/s",
    "total_token_rate": "token/s",
    "request_token_rate": "token/s",
    "pue": "1",
    "chips_per_deployment": "1",
    "network_diameter": "1",
    "message_size": "B",
}

# Columns that a kind cannot do without, beyond those that every row has.
NEEDED: dict[str, tuple[str, ...]] = {
    "gemm": ("precision", "m", "n", "k"),
    "attention": (
        "precision",
        "batch",
        "input_tokens",
        "kv_tokens",
        "query_heads",
        "kv_heads",
        "head_dim",
        "operation",
    ),
    "collective": ("parts", "operation", "message_size"),
    "point_to_point": ("operation",),
    "encoder": ("model", "precision", "batch", "input_tokens"),
    "serving": ("model", "precision"),
    "throughput": ("model", "precision"),
    "step_power": ("model", "precision", "batch"),
    "mlperf": ("model", "operation", "scenario"),
    "wall_power": ("parts",),
    "lpu": ("model",),
    "facility": (),
}
MAY_BE_EMPTY = (("lpu", "model"), ("serving", "precision"))  # rows about a chip; engines whose format is not said
MAY_BE_ZERO = ("message_size", "kv_tokens")  # an empty message; a prompt without a past
ALWAYS = ("case", "kind", "part", "metric", "value", "unit")

# Names that measurements use and that are no transformers: known, and not answered.
OTHER_MODELS = {
    "3d-unet": "a convolutional network",
    "bert-large-2-4-sparse": "a network with two of four weights left out, for units that skip them",
    "dlrm": "a recommendation model",
    "dlrm-v2": "a recommendation model",
    "resnet-50": "a convolutional network",
    "retinanet": "a convolutional network",
    "rnn-t": "a recurrent network",
    "stable-diffusion-xl": "a diffusion model",
    "whisper": "a speech model",
}


class Unanswerable(Exception):  # noqa: N818
    """A row that rackcalc has no answer for. str() says why."""


class Row(NamedTuple):
    """One measured number. Columns are text as written, "" when absent; value is in the metric's canonical unit."""

    case: str
    kind: str
    part: str
    metric: str
    value: float
    unit: str
    parts: str = ""
    model: str = ""
    precision: str = ""
    runtime: str = ""
    mode: str = ""
    tensor_parallel: str = ""
    pipeline_parallel: str = ""
    data_parallel: str = ""
    expert_parallel: str = ""
    batch: str = ""
    concurrency: str = ""
    request_rate: str = ""
    input_tokens: str = ""
    output_tokens: str = ""
    kv_tokens: str = ""
    query_heads: str = ""
    kv_heads: str = ""
    head_dim: str = ""
    m: str = ""
    n: str = ""
    k: str = ""
    operation: str = ""
    launch: str = ""
    message_size: str = ""
    scenario: str = ""
    cooling: str = ""
    group: str = ""
    quality: str = ""
    source: str = ""
    file: str = ""
    line: int = 0

    def number(self, column: str, unit: str) -> Quantity:
        """A column as a given Quantity in its canonical unit. Unanswerable when the cell is empty."""
        text = getattr(self, column)
        if not text:
            raise Unanswerable(f"{column} is not stated")
        return Quantity(float(text), unit, column, source=Source("given", file=self.file, line=self.line))

    @property
    def described(self) -> "Row":
        """The row without the measured number and its origin: equal for repeated measurements of one thing."""
        return self._replace(case="", value=0.0, unit="", group="", quality="", source="", file="", line=0)


NUMBERS = frozenset(
    (
        *("parts", "tensor_parallel", "pipeline_parallel", "data_parallel", "expert_parallel"),
        *("batch", "concurrency", "request_rate", "input_tokens", "output_tokens", "kv_tokens"),
        *("query_heads", "kv_heads", "head_dim", "m", "n", "k", "message_size"),
    )
)
TEXTS = tuple(name for name in Row._fields if name not in ("value", "file", "line"))
Report = Callable[[Problem], None]


def unit_of(metric: str) -> str:
    """Canonical unit of a metric. KeyError when no metric starts like that."""
    fitting = [name for name in METRICS if metric == name or metric.startswith(f"{name}_")]
    return METRICS[max(fitting, key=len)] if fitting else METRICS[metric]


def bundled() -> Mapping[str, str]:
    """Kind -> file of the measurements that come with rackcalc."""
    return {path.stem: str(path) for path in sorted((HERE / "measured").glob("*.csv"))}


def read(file: str, report: Report) -> Iterator[Row]:
    """The good rows of a CSV file ("-": standard input), as they are read. report: called with every problem."""
    shown = "<stdin>" if file == "-" else file.removeprefix(f"{HERE}/")
    try:
        stream = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115
        with stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield from _rows(text, shown, _limited(shown, report))
    except UnicodeDecodeError:
        report(Problem(shown, 0, 0, "", "is not UTF-8 text; expected CSV"))
    except OSError as error:
        report(Problem(shown, 0, 0, "", (error.strerror or str(error)).lower()))


def _limited(file: str, report: Report) -> Report:
    """As report, but only for the first problems of a file."""
    count = 0

    def limited(problem: Problem) -> None:
        nonlocal count
        count += 1
        if count <= MOST_PROBLEMS:
            report(problem)
        elif count == MOST_PROBLEMS + 1:
            report(Problem(file, problem.line, problem.column, "", "and more; only the first 100 are listed"))

    return limited


def _rows(text: io.TextIOWrapper, file: str, report: Report) -> Iterator[Row]:
    reader = csv.reader(_bounded_lines(text), strict=True)
    header = None
    seen = Contradictions(report)
    try:
        for cells in reader:
            line = reader.line_num
            if header is None:
                if any("\0" in cell for cell in cells):
                    report(Problem(file, 0, 0, "", "is binary; expected CSV"))
                    return
                header = _header(cells, file, report)
                if header is None:
                    return
            elif cells:
                row = _row(header, cells, file, line, report)
                if row is not None and seen.consistent(row):
                    yield row
    except csv.Error as error:
        report(Problem(file, reader.line_num, 1, "", f"is not CSV: {error}"))
        return
    if header is None:
        report(Problem(file, 0, 0, "", f"is empty; expected a header line with {', '.join(ALWAYS)}, ..."))
    elif reader.line_num <= 1:
        report(Problem(file, 1, 1, "", "has a header and no rows"))


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file. csv.Error for one that no table has."""
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise csv.Error(f"a line of more than {LONGEST_LINE:,} characters")
        yield line


def _header(cells: list[str], file: str, report: Report) -> list[str] | None:
    """The column names, or None when rows cannot be read under them."""
    names = [cell.strip() for cell in cells]
    problems = []
    for position, name in enumerate(names):
        if name in names[:position] and name:
            problems.append(Problem(file, 1, position + 1, name, "appears twice"))
        elif name not in TEXTS and name != "value" and alike(name, TEXTS):
            message = f"unknown column; did you mean {listed(alike(name, TEXTS))}?"
            problems.append(Problem(file, 1, position + 1, name, message))
    problems += [Problem(file, 1, 1, name, "the column is missing") for name in ALWAYS if name not in names]
    for problem in problems:
        report(problem)
    return None if problems else names


def _row(header: list[str], cells: list[str], file: str, line: int, report: Report) -> Row | None:
    """One row, or None when something is wrong with it. column in a problem: the number of the cell."""
    if len(cells) != len(header):
        report(Problem(file, line, 1, "", f"has {len(cells)} cells under a header of {len(header)}"))
        return None
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if name in Row._fields}
    values |= {name: _meant(name, text) for name, text in values.items() if name in ("part", "model", "precision")}
    wrong = list(_mistakes(values))
    for name, message in wrong:
        report(Problem(file, line, header.index(name) + 1 if name in header else 1, name, message))
    if wrong:
        return None
    value = _value(values.pop("value"), values["unit"], unit_of(values["metric"]))
    return Row(**values, value=value, file=file, line=line)


@cache
def _meant(name: str, text: str) -> str:
    """The name of a part, model or format as the catalog writes it; an unknown one as it is."""
    if name == "precision":
        return word_meant(text, tuple(FORMATS)) or text
    if known_part(text) or known_model(text):
        return text
    return (find_part("gpus", text) or find_part("lpus", text) if name == "part" else find_part("models", text)) or text


def _mistakes(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(column, what is wrong with it), for every cell."""
    kind, part, model = values["kind"], values["part"], values.get("model", "")
    if kind not in NEEDED:
        yield "kind", f'no kind "{kind}"{suggest(kind, NEEDED)}'
    for name in NEEDED.get(kind, ()):
        if name not in values:
            yield name, f"the column is missing; {kind} rows need it"
        elif not values[name] and (kind, name) not in MAY_BE_EMPTY:
            yield name, f"is empty; {kind} rows need it"
    if values.get("precision") and values["precision"] not in FORMATS:
        yield "precision", f'no format "{values["precision"]}"{suggest(values["precision"], FORMATS)}'
    if part and not known_part(part):
        yield "part", f'no GPU or LPU "{part}"{suggest(part, part_names("gpus") + part_names("lpus"))}'
    if model and not known_model(model):
        yield "model", f'no model "{model}"{suggest(model, part_names("models"))}'
    for name in NUMBERS & values.keys():
        if values[name] and not _is_number(values[name], infinite=name == "request_rate", zero=name in MAY_BE_ZERO):
            yield name, f'expected a number of more than 0, got "{values[name]}"'
    try:
        unit = unit_of(values["metric"])
    except KeyError:
        yield "metric", f'no metric "{values["metric"]}"{suggest(values["metric"], METRICS)}'
        return
    try:
        value = _value(values["value"], values["unit"], unit)
        if not (isfinite(value) and value > 0):
            yield "value", f"must be more than 0, got {values['value']}"
    except units.UnitError as error:
        yield "unit", f"does not fit {values['metric']}: {error}"
    except ValueError:
        yield "value", f'expected a number, got "{values["value"]}"'


def _is_number(text: str, infinite: bool, zero: bool) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return (value > 0 or (zero and value == 0)) and (isfinite(value) or infinite)


@cache
def known_part(name: str) -> bool:
    """Whether the catalog has this accelerator."""
    return name in part_names("gpus") or name in part_names("lpus")


@cache
def known_model(name: str) -> bool:
    """Whether the catalog has this model, or it is known to be none of rackcalc's business."""
    return name in part_names("models") or name in OTHER_MODELS


@cache
def _scale(unit: str, canonical: str) -> tuple[float, float]:
    """(factor, offset) to the canonical unit. UnitError when the unit measures something else."""
    unit_text.parse(f"1 {unit}", canonical)
    _, factor, offset = units.resolve(unit)
    return factor, offset


def _value(text: str, unit: str, canonical: str) -> float:
    factor, offset = _scale(unit, canonical)
    return float(text) * factor + offset


class Contradictions:
    """Remembers what the rows said, to find two that measure the same thing of the same case differently."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.said: dict[int, tuple[float, int]] = {}
        self.cases: dict[int, tuple[int, int]] = {}

    def consistent(self, row: Row) -> bool:
        """False, and a problem reported, when the row contradicts an earlier one of its file."""
        about = hash((row.part, row.parts, row.model))
        first, line = self.cases.setdefault(hash(row.case), (about, row.line))
        if row.case and first != about:
            self.fail(row, "case", f"{row.case} is about another part, parts or model on line {line}")
            return False
        key = hash((row.case, row.described))
        value, line = self.said.setdefault(key, (row.value, row.line))
        if row.case and value != row.value:
            self.fail(row, "value", f"contradicts line {line}, which gives {value:g} for the same measurement")
            return False
        return True

    def fail(self, row: Row, column: str, message: str) -> None:
        """Report a problem with a row."""
        self.report(Problem(row.file, row.line, 1, column, message))
