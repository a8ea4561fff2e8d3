"""`make accuracy`: put the errors of a fresh validation into README.md and docs/accuracy.md, draw docs/accuracy.svg.

Needs matplotlib, for the drawing only: pip install 'rackcalc[plot]'.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rackcalc.render.percentages import error_percent
from rackcalc.validation import Result, fit_engines, measured_runs, outer_folds, referee, run
from rackcalc.validation.engine_parameters import names, start
from rackcalc.validation.former import COLUMNS, Comparison, Key, Keys, read_former, recorded
from rackcalc.validation.groups import group_of
from rackcalc.validation.outer_folds import Line
from rackcalc.validation.score import Score, Summary, Tally, summaries, unanswered

ROOT = Path(__file__).parent.parent
HEADLINES = (
    *(("serving", "tpot"), ("serving", "ttft"), ("encoder", "latency"), ("mlperf", "rate")),
    *(("gemm", "latency"), ("attention", "latency"), ("collective", "latency"), ("wall_power", "power")),
)
FOLDED = (
    "gemm",
    "attention",
    "collective",
    "encoder",
    "serving",
    "step_power",
    "mlperf",
    "wall_power",
)  # something fitted
BY_MODEL = ("encoder", "serving", "step_power", "mlperf", "wall_power")  # something that a model can move
BESIDE = {  # peers' errors on the same quantity; where they are from stands in PEERS
    ("serving", "tpot"): "aiconfigurator 6.6 %; LIMINAL 7.6 %; rooflines 39 to 73 %",
    ("serving", "ttft"): "BLIS 22.8 %; aiconfigurator 34.5 %",
    ("gemm", "latency"): "LLMCompass 10.9 %, all operators",
    ("attention", "latency"): "LLMCompass 10.9 %, all operators",
}
_PLANNING = "measured on rows like those of `serving` when this project was planned; not repeated since"
PEERS = (
    ("aiconfigurator", "database of measured kernels", "TPOT 6.6 %, TTFT 34.5 %", f"{_PLANNING}; now see Referee"),
    ("rooflines", "closed form: work / peak rate", "TPOT 39 to 73 %", _PLANNING),
    ("LIMINAL", "closed form", "decoding 7.6 %", "abstract of arXiv 2507.14397"),
    ("GenZ", "closed form", "inference 5.8 % (geometric mean)", "abstract of arXiv 2406.01698"),
    ("LLMCompass", "tile by tile", "operators 10.9 %, inference 4.1 %", "abstract, ISCA 2024"),
    ("Vidur", "simulation of events", "latency < 9 %", "abstract of arXiv 2405.05465"),
    ("BLIS", "simulation of events", "end to end 11.8 %, TTFT 22.8 %", "38 runs; inference-sim/inference-sim#944"),
    ("Calculon", "closed form", "training 3.7 %", "SC 2023; quoted from memory, not re-verified"),
)
PANELS = (
    ("time", "measured, s", ("s", "s/token")),
    ("rate", "measured, 1/s", ("token/s", "request/s")),
    ("power", "measured, W", ("W",)),
)
MOST = 100  # points of one kind in one panel
RANGE = 4.0  # times too much or too little; what is beyond is drawn at the edge
COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f", "#56b4e9"),
    *("#e69f00", "#332288", "#882255", "#84b818", "#777777", "#000000"),
)


Known = dict[tuple[str, str], Summary]


class Point(NamedTuple):
    """One row that was answered."""

    kind: str
    group: str  # and metric
    unit: str
    measured: float
    predicted: float


class Points:
    """Collects what the drawing needs."""

    def __init__(self) -> None:
        self.found: list[Point] = []

    def add(self, result: Result) -> None:
        """Take one result in."""
        row, predicted = result.row, result.predicted
        if predicted is not None:
            group = f"{group_of(row)} {row.metric}"
            self.found.append(Point(row.kind, group, predicted.unit, row.value, float(predicted.value)))


class Said:
    """Collects our own predictions, as the referee takes anybody's."""

    def __init__(self) -> None:
        self.found: dict[Key, referee.Prediction] = {}
        self.keys = Keys()

    def add(self, result: Result) -> None:
        """Take one result in."""
        row = result.row
        key = self.keys.of(row.kind, row.case, row.metric)
        if result.predicted is not None:
            self.found[key] = referee.Prediction(float(result.predicted.value))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: range) -> str:
    """A markdown table. right: columns with numbers, flush right."""
    rule = ["---:" if place in right else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def errors(found: Sequence[Summary], scores: Sequence[Score]) -> str:
    """Every kind and metric."""
    head = ("kind", "metric", "rows", "groups", "error", "bias", "worst group", "inside 80 %", "peers")
    worst: dict[tuple[str, str], float] = defaultdict(float)
    for score in scores:
        worst[score.kind, score.subject] = max(worst[score.kind, score.subject], score.mape)
    return table(head, ((*line(one, worst), BESIDE.get((one.kind, one.subject), "")) for one in found), range(2, 8))


def line(one: Summary, worst: dict[tuple[str, str], float]) -> tuple[str, ...]:
    """The cells of one kind and metric, without its peers."""
    counts = one.kind, one.subject, f"{one.rows}", f"{one.groups}"
    bias = error_percent(one.bias, True).replace("-0.0", "0.0")
    return (
        *counts,
        error_percent(one.mape),
        bias,
        error_percent(worst[one.kind, one.subject]),
        error_percent(one.coverage),
    )


def headlines(found: Known, parts: Known, worst: dict[tuple[str, str], float], outer: Sequence[Line]) -> str:
    """The README's choice of lines and columns: outer folds where there are, else each GPU left out in turn."""
    head = ("kind", "metric", "rows", "left out, mean", "worst", "inside 80 %", "in sample", "peers")
    means = {key: (parts[key].mape, worst[key]) for key in HEADLINES} | outer_means(outer)
    lines = (
        (
            *(*key, f"{found[key].rows}", *map(error_percent, means[key]), error_percent(parts[key].coverage)),
            *(error_percent(found[key].mape), BESIDE.get(key, "")),
        )
        for key in HEADLINES
    )
    return table(head, lines, range(2, 7))


def folded(parts: Known, models: Known) -> str:
    """Errors on what was left out."""
    head = ("kind", "metric", "rows", "part left out", "its 80 %", "model left out", "its 80 %")
    lines = (
        (*key, f"{one.rows}", *both(one), *(both(models[key]) if key in models else ("", "")))
        for key, one in parts.items()
    )
    return table(head, lines, range(2, 7))


OUTER = {"tpot_mean": ("serving", "tpot"), "ttft_mean": ("serving", "ttft"), "tpot_p50": ("step_power", "tpot")}
FORMER = Path(__file__).parent / "former_errors.csv"  # of the release before, on the same rows
ASKED = Path(__file__).parent / "peers"  # what other tools said when they were asked; each file with its script
RECORD = Path(__file__).parent / "accuracy_record.csv"  # the error of every row as this file last said it


def outer() -> list[Line]:
    """Every outer fold of the protocol, its parameters fitted without what it leaves out."""
    predictions = fit_engines.recorded()
    whole = fit_engines.fit(predictions, start={x: float(start(x).value) for x in names()}, rounds=4)
    return outer_folds.lines(one for found, *_ in outer_folds.protocol(predictions, whole) for one in found)


def outer_table(found: Sequence[Line]) -> str:
    """Errors of serving engines on what was left out, by what that was."""
    head = ("left out", "kind", "metric", "folds", "rows", "sources", "mean", "by row", "worst", "worst fold")
    lines = (
        (
            *(one.kind, *OUTER[one.metric], f"{one.folds}", f"{one.rows}", f"{one.sources}"),
            *(error_percent(one.mean_group), error_percent(one.mean_row), error_percent(one.worst), one.worst_of),
        )
        for one in sorted(found, key=lambda one: (OUTER[one.metric], one.kind))
    )
    return table(head, lines, range(3, 9))


def outer_means(found: Sequence[Line]) -> dict[tuple[str, str], tuple[float, float]]:
    """(kind, metric) -> mean over the kinds of folds, and the worst fold of all."""
    means: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for one in found:
        means[OUTER[one.metric]].append(one)
    return {
        key: (sum(x.mean_group for x in all_of) / len(all_of), max(x.worst for x in all_of))
        for key, all_of in means.items()
    }


def against_former(now: Known) -> str:
    """The errors of the release before and of this one, on the same rows."""
    lines = []
    for text in FORMER.read_text(encoding="utf-8").splitlines()[1:]:
        kind, subject, error, row, coverage = text.split(",")
        one = now.get((kind, subject))
        if one is not None:
            before = (float(error), float(row), float(coverage))
            after = (one.mape, one.median_ape, one.coverage)
            lines.append((kind, subject, *map(error_percent, before), *map(error_percent, after)))
    head = ("kind", "metric", "former error", "by row", "its 80 %", "error", "by row", "its 80 %")
    return table(head, lines, range(2, 8))


def both(one: Summary) -> tuple[str, str]:
    """Error and coverage."""
    return error_percent(one.mape), error_percent(one.coverage)


def by_key(found: Iterable[Summary]) -> Known:
    """Summaries by kind and metric."""
    return {(one.kind, one.subject): one for one in found}


def refereed(ours: Said, parts: Said, models: Said) -> str:
    """Each peer whose predictions there are, and rackcalc on the rows that the peer answers."""
    lines = []
    for file in sorted(ASKED.glob("*.csv")):
        theirs = referee.read_predictions(str(file))
        own = [{key: said.found[key] for key in theirs if key in said.found} for said in (ours, parts, models)]
        each = [
            {(one.kind, one.subject): one for one in referee.judged(said) if one.answered} for said in (theirs, *own)
        ]
        for key, one in each[0].items():
            cells = [error for found in each for error in (found[key].by_group, found[key].by_row)]
            counts = f"{one.answered}", f"{one.groups}"
            lines.append((file.stem.replace("_", "-"), *key, *counts, *map(error_percent, cells)))
    head = ("tool", "kind", "metric", "rows", "groups", "its error", "by row", "rackcalc", "by row")
    return table((*head, "GPU left out", "by row", "model left out", "by row"), lines, range(3, 13))


def left_out(kinds: Sequence[str], by: str, sinks: Sequence[Said] = ()) -> tuple[Known, dict[tuple[str, str], float]]:
    """Every kind validated by itself, without each part or model in turn; also the error of its worst group."""
    found: Known = {}
    worst: dict[tuple[str, str], float] = defaultdict(float)
    for kind in kinds:
        tally = run.scored(run.sources((), (kind,)), (kind,), [], False, 0, sinks, by, every=False)
        scores = tally.scores()
        found |= by_key(summaries(scores))
        for score in scores:
            worst[kind, score.subject] = max(worst[kind, score.subject], min(score.mape, outer_folds.CAP))
    return found, worst


def missing(tally: Tally) -> str:
    """Rows without an answer, by kind and reason."""
    lines = ((kind, f"{count}", reason) for kind, reason, count in unanswered(tally))
    total = sum(count for *_, count in unanswered(tally))
    return f"{total} of {tally.count} rows:\n\n" + table(("kind", "rows", "reason"), lines, range(1, 2))


def replaced(text: str, name: str, content: str) -> str:
    """The text with new content between <!-- NAME: ... --> and <!-- NAME end -->."""
    pattern = rf"(<!-- {name}: [^>]*-->\n).*?(<!-- {name} end -->)"
    new, count = re.subn(pattern, lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{count} places for {name}, expected 1")
    return new


def write(document: Path, parts: dict[str, str]) -> None:
    """Put the parts into a document."""
    text = document.read_text(encoding="utf-8")
    for name, content in parts.items():
        text = replaced(text, name, content)
    document.write_text(text, encoding="utf-8")


def thinned(points: Sequence[Point]) -> list[Point]:
    """About MOST of the points, evenly over the groups as far as they go."""
    seen: Counter[str] = Counter()
    total = Counter(point.group for point in points)
    share = max(1, MOST // max(len(total), 1))
    kept = []
    for point in points:
        step = max(1, total[point.group] // share)
        if seen[point.group] % step == 0:
            kept.append(point)
        seen[point.group] += 1
    return kept


def draw(points: Sequence[Point], file: Path) -> None:
    """Predicted over measured against measured; one colour a kind, one panel a dimension."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "rackcalc", "font.size": 9, "axes.spines.top": False})
    from matplotlib import pyplot

    kinds = list(dict.fromkeys(point.kind for point in points))
    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(10, 4.4), sharey=True, width_ratios=(5, 4, 3))
    for panel, (title, label, units) in zip(axes, PANELS, strict=True):
        frame(panel, title, label)
        for kind, colour in zip(kinds, COLOURS, strict=False):
            shown = thinned([point for point in points if point.kind == kind and point.unit in units])
            scatter(panel, shown, colour)
    axes[0].set_ylabel("predicted / measured")
    handles = [pyplot.Line2D([], [], ls="", marker="o", ms=5, color=colour) for colour in COLOURS[: len(kinds)]]
    figure.legend(handles, kinds, loc="lower center", ncols=6, frameon=False, handletextpad=0.1)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(file, metadata={"Date": None})


def scatter(panel: Any, shown: Sequence[Point], colour: str) -> None:
    """The points of one kind; those out of range as triangles at the edge."""
    ratios = [point.predicted / point.measured for point in shown]
    for marker, low, high in (("o", 1 / RANGE, RANGE), ("^", RANGE, float("inf")), ("v", 0.0, 1 / RANGE)):
        inside = [(point.measured, ratio) for point, ratio in zip(shown, ratios, strict=True) if low <= ratio < high]
        if inside:
            across, up = zip(*inside, strict=True)
            edge = [min(max(ratio, 1.03 / RANGE), RANGE / 1.03) for ratio in up]
            panel.plot(across, edge, marker, color=colour, ms=3.2 if marker == "o" else 5, alpha=0.6, mew=0)


def frame(panel: Any, title: str, label: str) -> None:
    """Scales, the line of no error, and the band of 10 %."""
    panel.set(title=title, xlabel=label, xscale="log", yscale="log", ylim=(1 / RANGE, RANGE))
    panel.spines["right"].set_visible(False)
    panel.axhspan(1 / 1.1, 1.1, color="#dddddd", lw=0)
    panel.axhline(1, color="black", lw=0.7)
    ticks = (0.25, 0.5, 0.8, 1, 1.25, 2, 4)
    panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.grid(axis="y", color="#eeeeee", lw=0.6)
    panel.set_axisbelow(True)


def moved(found: Comparison) -> str:
    """What is another than in the record: groups that worsened, and how many rows of each kind moved."""
    rows = Counter(each.kind for each in found.moved)
    gone = Counter(each.kind for each in found.gone)
    lines = [(kind, f"{rows[kind]}", f"{gone[kind]}") for kind in sorted({*rows, *gone})]
    text = table(("kind", "rows that moved", "no longer answered"), lines, range(1, 3))
    worse = [
        (each.kind, each.subject, each.group.replace("|", ", "), f"{each.rows}", *map(error_percent, each[-2:]))
        for each in found.worse()
    ]
    head = ("kind", "metric", "group that worsened", "rows", "before", "now")
    return f"{text}\n\n{table(head, worse, range(3, 6))}" if worse else f"{text}\n\nNo group worsened."


def main() -> None:
    """Validate, write, draw."""
    points = Points()
    tally = Tally()
    compared, servers = Comparison(read_former(str(RECORD))), measured_runs.Servers()
    ours, without_part, without_model = Said(), Said(), Said()
    lines = [",".join(COLUMNS)]
    for result in run.validate(run.rows(run.sources((), ()), (), [])):
        for sink in (tally, points, compared, servers, ours):
            sink.add(result)
        lines.append(recorded(result.row, None if result.predicted is None else result.error))
    compared.close()
    servers.write()
    scores = tally.scores()
    found = summaries(scores)
    peers = table(("tool", "how", "error", "where from"), PEERS, range(0))
    parts, worst = left_out(FOLDED, "part", (without_part,))
    models, _ = left_out(BY_MODEL, "model", (without_model,))
    folds = outer()
    write(ROOT / "README.md", {"accuracy": headlines(by_key(found), parts, worst, folds)})
    tables = {"accuracy": errors(found, scores), "missing": missing(tally), "left-out": folded(parts, models)}
    if compared.moved or compared.gone:  # else the page keeps what the last change of a law moved
        tables |= {"moved": moved(compared)}
        RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tables |= {"outer-folds": outer_table(folds), "former": against_former(by_key(found))}
    tables |= {"peers": peers, "referee": refereed(ours, without_part, without_model)}
    write(ROOT / "docs" / "accuracy.md", tables)
    draw(points.found, ROOT / "docs" / "accuracy.svg")


if __name__ == "__main__":
    main()
