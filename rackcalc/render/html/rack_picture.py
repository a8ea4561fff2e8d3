"""The rack: its chips by pool, coloured by how near they are to their limit, the links between, and air and coolant."""

from collections.abc import Iterator
from math import ceil, isfinite

from rackcalc.quantities.unit_text import show
from rackcalc.render.html.markup import box, escaped, line, numbers_behind, picture, tag, words
from rackcalc.render.html.view import View

WIDTH, LEFT, RIGHT = 400, 74, 326
SIDE, GAP = 11.0, 3.0  # of one chip, where they fit
MOST = 1152  # chips drawn; more are one square for several


def rack_picture(view: View) -> str:
    """The drawing, and the table behind it."""
    pools = {pool: count for pool in view.report.thermal.junction if (count := _count(view, pool))}
    if not pools:
        return ""
    y, drawn = 40.0, list[str]()
    for place, (pool, count) in enumerate(pools.items()):
        if place:
            drawn += _links(view, y)
            y += 44
        shown, height = _pool(view, pool, count, y)
        drawn += shown
        y += height
    height = y + 34
    frame = [box(LEFT - 14, 14, RIGHT - LEFT + 28, y - 6, "frame"), *_air(view, y)]
    said = "; ".join(f"{count:,} {pool} chips, {_state(view, pool)}" for pool, count in pools.items())
    shared = {pool: each for pool, count in pools.items() if (each := ceil(count / MOST)) > 1}
    drawing = picture(view.id("rack-picture"), "The rack", f"{said}.", WIDTH, height, [*frame, *drawn])
    caption = tag(
        "figcaption",
        "Chips are coloured by their temperature at full load: blue is cool, orange is near the limit, red is at it"
        + escaped("".join(f"; {each} {pool} chips are one square" for pool, each in shared.items())),
    )
    return tag("figure", caption + drawing + _table(view, pools))


def _count(view: View, pool: str) -> int:
    found = view.leaves.get(f"accelerators.{pool}.count")
    return int(float(found.value)) if found is not None and found.known and isfinite(float(found.value)) else 0


def _state(view: View, pool: str) -> str:
    path = f"thermal.junction.{pool}"
    return f"{view.known.text(path)} inside" if view.value(path) is not None else "temperature unknown"


def _heat(view: View, pool: str) -> str:
    """The class of a chip, by what its temperature leaves to the limit."""
    room, clock = view.value(f"thermal.headroom.{pool}"), view.value(f"thermal.clock_share.{pool}")
    if room is None:
        return "heat-unknown"
    if room < 0.5 or (clock is not None and clock < 0.985):
        return "heat-5"
    return next(f"heat-{level}" for level, most in ((4, 8.0), (3, 16.0), (2, 30.0), (1, float("inf"))) if room <= most)


def _pool(view: View, pool: str, count: int, y: float) -> tuple[list[str], float]:
    """The chips of a pool as squares in rows, and how high they are."""
    each = max(1, ceil(count / MOST))
    squares = ceil(count / each)
    columns = max(8, ceil((squares * 2.5) ** 0.5)) if squares > 8 else squares
    pitch = min(SIDE + GAP, (RIGHT - LEFT) / columns) if squares > 32 else min(27.0, (RIGHT - LEFT) / columns)
    side = pitch * 0.8
    corners = [(LEFT + place % columns * pitch, y + 8 + place // columns * pitch) for place in range(squares)]
    path = "".join(f"M{left:.1f} {top:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z" for left, top in corners)
    label = f"{count:,} x {pool}"
    power = f"thermal.chip_power.{pool}"
    heat = (
        f"{view.known.text(power)} each, {_state(view, pool)}" if view.value(power) is not None else _state(view, pool)
    )
    rows = ceil(squares / columns)
    return [
        words(LEFT, y, label, class_="strong"),
        words(RIGHT, y, heat, "end"),
        tag("path", tag("title", escaped(f"{label}: {heat}")), d=path, class_=_heat(view, pool)),
    ], 8 + rows * pitch + 12


def _links(view: View, y: float) -> Iterator[str]:
    """The links between two pools, as one line with their names."""
    middle = LEFT + 24
    for place, (name, _) in enumerate(view.report.link.items()):
        if place == 0:
            yield line(middle, y - 8, middle, y + 22, "link")
        path = f"link.{name}.bandwidth"
        text = f"{name}: {view.known.text(path)}, {view.known.text(f'link.{name}.time')}"
        yield words(middle + 10, y + 4 + 13 * place, text)


def _air(view: View, y: float) -> Iterator[str]:
    """Air from left to right, coolant below it: temperatures and flows."""
    middle = max(y / 2, 52.0)
    for x, name, label in ((4, "inlet", "air in"), (RIGHT + 20, "exhaust", "air out")):
        value = view.value(f"thermal.{name}")
        if value is not None:
            yield line(x, middle, x + 44, middle, "arrow")
            yield tag("path", d=f"M{x + 44:g} {middle - 5:g}l9 5l-9 5z", class_="head")
            yield words(x, middle - 10, label)
            yield words(x, middle + 17, show(value, "K", absolute=True, digits=2))
    said = []
    if view.value("thermal.airflow"):
        said.append(f"air {view.known.text('thermal.airflow')}")
    if view.value("thermal.coolant_flow"):
        said.append(f"coolant {view.known.text('thermal.coolant_flow')}")
    if said:
        yield words((LEFT + RIGHT) / 2, y + 26, ", ".join(said), "middle")


def _table(view: View, pools: dict[str, int]) -> str:
    body = []
    for pool, count in pools.items():
        paths = (f"thermal.chip_power.{pool}", f"thermal.junction.{pool}", f"thermal.clock_share.{pool}")
        body.append((escaped(pool), f"{count:,}", *(view.why(path) for path in paths)))
    made = numbers_behind(
        "The pools of the rack", ("pool", "chips", "power of one", "temperature", "share of clock"), body
    )
    links = [
        (escaped(name), *(view.why(f"link.{name}.{part}") for part in ("bandwidth", "time", "temperature")))
        for name in view.report.link
    ]
    head = "link", "bandwidth", "time of a transfer", "temperature"
    return made + (numbers_behind("The links between the pools", head, links) if links else "")
