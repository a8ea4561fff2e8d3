"""A Pareto front as pictures: its points by the first figure that was asked for, and each of the others."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from rackcalc.questions.sweep.result import Column, SweepResult
from rackcalc.render.html.axes import Scale, round_numbers
from rackcalc.render.html.markup import escaped, line, picture, tag, words
from rackcalc.render.sweep import shown_value

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 270, 72, 386, 30, 214
MOST_DOTS = 400


def front(result: SweepResult) -> str:
    """A picture for the first figure with each of the others; "" without a front."""
    if result.part.pareto is None or result.job.pareto is None:
        return ""
    records = next(records for name, records in result.lists() if name == "pareto")
    paths = [column.path for column in result.columns]
    wanted, signs = result.job.pareto
    places = [paths.index(result.job.paths[column]) for column in wanted]
    if any(result.columns[place].words for place in places):
        return ""
    asked = list(zip(places, signs, strict=True))
    ends = [f"{'small' if sign > 0 else 'large'} {result.columns[place].path}" for place, sign in asked]
    said = f"None beats these points in all of {', '.join(ends)}" if len(ends) > 2 else f"{' against '.join(ends)}"
    pairs = [(asked[0], other) for other in asked[1:]]
    made = [_picture(result, records, pair, number, said, len(asked) == 2) for number, pair in enumerate(pairs, 1)]
    return tag("div", "".join(made), class_="pictures") if any(made) else ""


Side = tuple[int, float]  # place of a column, and 1 where smaller is better, else -1


def _picture(
    result: SweepResult, records: Sequence[Sequence[Any]], sides: tuple[Side, Side], number: int, said: str, whole: bool
) -> str:
    """One picture. whole: it shows everything that was asked for, so that its points have a border."""
    (x_at, x_sign), (y_at, _) = sides
    known = sorted(
        (row for row in records if isfinite(row[x_at]) and isfinite(row[y_at])), key=lambda row: (row[x_at], row[y_at])
    )
    if len(known) < 2:
        return ""
    x_column, y_column = result.columns[x_at], result.columns[y_at]
    across = _scale([row[x_at] for row in known], LEFT, RIGHT)
    up = _scale([row[y_at] for row in known], BOTTOM, TOP)
    drawn = [*_frame(x_column, y_column, across, up)]
    if whole:
        drawn.append(_steps([(row[x_at], row[y_at]) for row in known], across, up, x_sign))
    for row in known[:: -(-len(known) // MOST_DOTS)]:
        hint = ", ".join(
            f"{column.path} {shown_value(column, value)}" for column, value in zip(result.columns, row, strict=True)
        )
        place = {"cx": f"{across(row[x_at]):.1f}", "cy": f"{up(row[y_at]):.1f}"}
        drawn.append(tag("circle", tag("title", escaped(hint)), **place, r=4, class_="one"))
    text = f"{said}: {len(known)} points"
    drawing = picture(
        f"front-{number}", "Pareto front", text + ". The table below has the numbers.", WIDTH, HEIGHT, drawn
    )
    return tag("figure", tag("figcaption", escaped(text)) + drawing)


def _scale(values: Sequence[float], low: float, high: float) -> Scale:
    start, end = min(values), max(values)
    room = 0.06 * (end - start) or 0.06 * abs(end) or 1.0
    return Scale(start - room, end + room, low, high)


def _steps(points: Sequence[tuple[float, float]], across: Scale, up: Scale, sign: float) -> str:
    """The border of what can be had: from each point on, its second figure holds until the next point is reached."""
    ordered = points if sign > 0 else points[::-1]
    corners = [(across(x), up(y)) for x, y in ordered]
    path = [corners[0]]
    for x, y in corners[1:]:
        path += [(x, path[-1][1]), (x, y)]
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in path), class_="curve two")


def _labels(column: Column, values: Sequence[float]) -> tuple[str, list[str]]:
    """The name of an axis with its unit, and the numbers; units stay with the numbers where they differ."""
    shown = [shown_value(column, value) for value in values]
    units = {text.partition(" ")[2] for text, value in zip(shown, values, strict=True) if value}
    if len(units) != 1 or not any(units):
        return column.path, shown
    return f"{column.path}, {units.pop()}", [text.partition(" ")[0] for text in shown]


def _frame(x_column: Column, y_column: Column, across: Scale, up: Scale) -> Iterator[str]:
    values = round_numbers(up.start, up.end)
    name, labels = _labels(y_column, values)
    yield words(2, 14, name)
    for value, label in zip(values, labels, strict=True):
        yield line(LEFT, up(value), RIGHT, up(value), "grid")
        yield words(LEFT - 5, up(value) + 4, label, "end")
    values = round_numbers(across.start, across.end, 4)
    name, labels = _labels(x_column, values)
    for value, label in zip(values, labels, strict=True):
        yield line(across(value), TOP, across(value), BOTTOM, "grid")
        yield words(across(value), BOTTOM + 15, label, "middle")
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    yield words((LEFT + RIGHT) / 2, HEIGHT - 20, name, "middle")
