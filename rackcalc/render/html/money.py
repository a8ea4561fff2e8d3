"""Costs by part, and the cash of every year until it is paid back."""

from collections.abc import Iterator
from itertools import accumulate
from math import isfinite

from rackcalc.render.html.axes import Scale, round_numbers
from rackcalc.render.html.bars import bar, rows
from rackcalc.render.html.markup import box, escaped, line, numbers_behind, picture, tag, words
from rackcalc.render.html.view import View

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 240, 66, 392, 14, 202


def cost(view: View) -> str:
    """What the hardware costs, and what a year costs, by part."""
    parts = (("To buy", "cost.capex"), ("To run, per year", "cost.opex"))
    return "".join(_parts(view, title, path) for title, path in parts)


def _parts(view: View, title: str, whole: str) -> str:
    group = f"{whole}_terms."
    paths = [path for path in view.known.table if path.startswith(group)]
    values = {path: view.value(path) for path in paths}
    largest = max((abs(value) for value in values.values() if value is not None), default=0.0)
    if not paths or not (largest or None in values.values()):
        return ""
    lines = [
        (
            view.why(path, path.removeprefix(group).replace("_", " ")),
            "" if value is None or not largest else bar([(0, abs(value) / largest, "one")]),
            (escaped(view.known.text(path)),),
        )
        for path, value in values.items()
        if value != 0
    ]
    lines.append((tag("b", view.why(whole, "together")), "", (escaped(view.known.text(whole)),)))
    return rows(title, ("part", "", "cost"), lines)


def cash_flow(view: View) -> str:
    """Bars of what comes in and goes out in each year, and the line of what is left of it all."""
    paths = [path for path in view.known.table if path.startswith("roi.cash_flow.")]
    flows = [view.value(path) for path in paths]
    known = [flow for flow in flows if flow is not None]
    if len(paths) < 2 or len(known) < len(flows) or not any(known):
        return ""
    total = list(accumulate(known))
    low, high = min(0.0, *known, *total), max(0.0, *known, *total)
    room = 0.06 * (high - low)
    up = Scale(low - room, high + room, BOTTOM, TOP)
    step = (RIGHT - LEFT) / len(known)
    names = [path.rpartition(".")[2].replace("_", " ") for path in paths]
    drawn = [*_frame(up, low, high), *_bars(known, names, up, step)]
    middle = [(LEFT + (place + 0.5) * step, up(value)) for place, value in enumerate(total)]
    drawn.append(tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in middle), class_="curve two"))
    drawn += [tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, class_="dot two") for x, y in middle]
    paid = next((name for name, value in zip(names, total, strict=True) if value >= 0), "")
    when = f"above zero from {paid} on" if paid else "never above zero"
    said = f"Bars: cash of each year. Line: their sum, which is {when}."
    drawing = picture(view.id("cash"), "Cash of every year", said, WIDTH, HEIGHT, drawn)
    body = [
        (view.why(path, name), escaped(view.text(path, flow)), escaped(view.text(path, whole)))
        for path, name, flow, whole in zip(paths, names, known, total, strict=True)
    ]
    payback = view.why("roi.payback", payback_words(view)) if "roi.payback" in view.known.table else ""
    caption = tag("figcaption", f"Cash of every year: {payback}. {escaped(said)}")
    return tag("figure", caption + drawing + numbers_behind("Cash of every year", ("year", "cash", "sum"), body))


def payback_words(view: View) -> str:
    """When the outlay comes back."""
    quantity = view.known.table["roi.payback"]
    value = float(quantity.value)
    if not quantity.known:
        return view.known.text("roi.payback")
    if not isfinite(value):
        return "never paid back" if value > 0 else "no outlay to pay back"
    return f"paid back in {view.known.text('roi.payback')}" if value else "no outlay to pay back"


def _frame(up: Scale, low: float, high: float) -> Iterator[str]:
    for value in round_numbers(low, high):
        yield line(LEFT, up(value), RIGHT, up(value), "axis" if value == 0 else "grid")
        yield words(LEFT - 5, up(value) + 4, short(value), "end")
    yield words(LEFT, HEIGHT - 6, "USD")


def short(value: float) -> str:
    """An amount of money in few characters.

    >>> short(-2500000.0)
    '-2.5 M'
    """
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _bars(known: list[float], names: list[str], up: Scale, step: float) -> Iterator[str]:
    for place, (flow, name) in enumerate(zip(known, names, strict=True)):
        x = LEFT + (place + 0.2) * step
        high, low = up(max(flow, 0.0)), up(min(flow, 0.0))
        yield box(
            x, high, 0.6 * step, max(low - high, 0.5), "one" if flow >= 0 else "bad", f"{name}: {short(flow)} USD"
        )
        if len(known) <= 12 or place % 2 == 0:
            yield words(LEFT + (place + 0.5) * step, BOTTOM + 15, name.removeprefix("year "), "middle")
