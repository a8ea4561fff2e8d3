"""Where the time goes: the stages of a request, and the terms of each, one after the other."""

from collections.abc import Iterator
from math import isfinite

from rackcalc.render.html.bars import bar, rows
from rackcalc.render.html.markup import escaped, tag
from rackcalc.render.html.view import View

SMALL = 0.005  # share of a stage below which its terms are summed up


def waterfall(view: View) -> str:
    """A table of bars for every stage. Each bar starts where the one above it ends."""
    stages = view.report.stages
    return _request(view) + _passage(view) + "".join(_stage(view, name) for name in stages)


def _passage(view: View) -> str:
    """The stages that a request passes, on one scale. Where it decodes, a stage is one of many steps: then nothing."""
    times = {name: time for name in view.report.stages if (time := view.value(f"stages.{name}.time")) is not None}
    whole = sum(times.values())
    if "decode" in times or not whole:
        return ""
    lines, at = [], 0.0
    for name, time in times.items():
        path = f"stages.{name}.time"
        numbers = escaped(view.known.text(path)), escaped(view.report.stages[name].bound_by)
        lines.append((view.why(path, name), bar([(at / whole, (at + time) / whole, "one")]), numbers))
        at += time
    return rows("The stages of a request on an idle rack", ("stage", "", "time", "bound by"), lines)


def _request(view: View) -> str:
    """The whole request: the wait, the first token and the further ones."""
    first, whole = view.value("latency.ttft"), view.value("latency.end_to_end")
    if first is None or whole is None or not 0 < first <= whole:
        return ""
    lines = [
        (view.why("latency.ttft", "first token"), bar([(0, first / whole, "one")]), (view.known.text("latency.ttft"),)),
        (
            view.why("latency.tpot", "further tokens") if view.known.has("latency.tpot") else "further tokens",
            bar([(first / whole, 1, "two")]),
            (escaped(view.text("latency.end_to_end", whole - first)),),
        ),
        (view.why("latency.end_to_end", "request"), bar([(0, 1, "sum")]), (view.known.text("latency.end_to_end"),)),
    ]
    return rows("A request, from its arrival to its last token (mean)", ("part", "", "time"), lines)


def _stage(view: View, name: str) -> str:
    path = f"stages.{name}.time"
    whole = view.value(path)
    if not whole or sum(time.value != 0 for time in view.report.stages[name].terms.values()) < 2:
        return ""
    stage = view.report.stages[name]
    caption = f"{'One decode step' if name == 'decode' else f'Stage {name}'}: bound by {stage.bound_by}"
    return rows(caption, ("term", "", "time", "share"), _terms(view, name, whole))


def _terms(view: View, name: str, whole: float) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The terms in order. Together they can be more than the stage where some of them run at the same time."""
    stage = view.report.stages[name]
    path = f"stages.{name}.time"
    found = {term: float(time.value) for term, time in stage.terms.items() if time.known}
    scale = max(whole, sum(time for time in found.values() if isfinite(time)))
    at, small = 0.0, 0.0
    for term, time in found.items():
        if abs(time) < SMALL * whole or not isfinite(time):
            small += time if isfinite(time) else 0.0
            continue
        place = f"{path.rpartition('.')[0]}.terms.{term}"
        label = view.why(place, term.replace("_", " "))
        yield (
            label,
            bar([(at / scale, (at + time) / scale, "one")]),
            (escaped(view.known.text(place)), f"{time / whole:.0%}"),
        )
        at += time
    if small > 0:
        yield (
            "other terms",
            bar([(at / scale, (at + small) / scale, "two")]),
            (escaped(view.text(path, small)), f"{small / whole:.0%}"),
        )
    yield (
        tag("b", view.why(path, "together")),
        bar([(0, whole / scale, "sum")]),
        (escaped(view.known.text(path)), "100%"),
    )
