"""The roofline of a chip, with every kernel of the estimate on it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rackcalc.quantities.unit_text import show
from rackcalc.questions.roofline import Kernel, kernels
from rackcalc.render.html.axes import Scale, powers
from rackcalc.render.html.markup import escaped, line, picture, scrolled, table, tag, words
from rackcalc.render.html.view import View

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 400, 290, 44, 352, 24, 244
STYLES = ("one", "three", "four", "two")


def rooflines(view: View) -> str:
    """A chart for every kind of chip; "" where no kernel has both arithmetic and traffic."""
    found = sorted(enumerate(kernels(view.report.stages)), key=lambda pair: (pair[1].bandwidth, pair[0]))
    groups = [[kernel for _, kernel in group] for _, group in groupby(found, key=lambda pair: pair[1].bandwidth)]
    return "".join(_chart(view, group, number) for number, group in enumerate(groups))


def _roof(kernel: Kernel) -> float:
    slope = kernel.intensity * kernel.bandwidth
    return min(kernel.peak, slope) if kernel.peak else slope


def _chart(view: View, shown: Sequence[Kernel], number: int) -> str:
    peaks = sorted({kernel.peak for kernel in shown if kernel.peak})
    bandwidth = shown[0].bandwidth
    corners = [peak / bandwidth for peak in peaks]
    intensities = [*(kernel.intensity for kernel in shown), *corners]
    rates = [*(kernel.rate for kernel in shown), *peaks]
    across = Scale(min(intensities) / 2, max(intensities) * 2.5, LEFT, RIGHT, log=True)
    up = Scale(min(rates) / 2, max(rates) * 2, BOTTOM, TOP, log=True)
    stages = list(dict.fromkeys(kernel.stage for kernel in shown))
    drawn = [*_frame(across, up), *_roofs(across, up, peaks, bandwidth), *_points(shown, stages, across, up)]
    said = f"Roofline of a chip: operations a second against operations for each byte, of {len(shown)} kernels."
    name = "roofline" if not number else f"roofline-{number + 1}"
    drawing = picture(view.id(name), "Roofline", said + " The table below has the numbers.", WIDTH, HEIGHT, drawn)
    rows = [_row(place, kernel) for place, kernel in enumerate(shown, 1)]
    head = "kernel", "FLOP/B", "reaches", "of its roof", "which is"
    below = scrolled(table(f"{len(shown)} kernels on one chip", head, rows, "numbers"))
    caption = tag(
        "figcaption",
        "Each kernel against what one chip can do at most: the slope is its memory, a flat line a dense peak",
    )
    return tag("figure", caption + drawing) + tag("div", below)


def _row(place: int, kernel: Kernel) -> tuple[str, ...]:
    return (
        escaped(f"{place} {kernel.name}") + tag("span", escaped(f" {kernel.stage}"), class_="small"),
        _number(kernel.intensity),
        escaped(show(kernel.rate, "FLOP/s", digits=3)),
        f"{kernel.rate / _roof(kernel):.0%}",
        "arithmetic" if _roof(kernel) == kernel.peak else "memory",
    )


def _number(value: float) -> str:
    """Three digits, without an exponent.

    >>> _number(2048.0), _number(13.87)
    ('2,050', '13.9')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


def _short(rate: float) -> str:
    """A rate in few characters.

    >>> _short(989.4e12)
    '989 T'
    """
    return show(rate, "FLOP/s", digits=3).removesuffix("FLOP/s")


def _frame(across: Scale, up: Scale) -> Iterator[str]:
    for value in powers(up.start, up.end):
        yield line(LEFT, up(value), RIGHT, up(value), "grid")
        yield words(LEFT - 5, up(value) + 4, _short(value), "end")
    for value in powers(across.start, across.end):
        yield line(across(value), TOP, across(value), BOTTOM, "grid")
        yield words(across(value), BOTTOM + 15, f"{value:,.10g}", "middle")
    yield line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    yield words(2, 13, "FLOP/s")
    yield words((LEFT + RIGHT) / 2, HEIGHT - 12, "operations for each byte of memory traffic, FLOP/B", "middle")


def _roofs(across: Scale, up: Scale, peaks: Sequence[float], bandwidth: float) -> Iterator[str]:
    """The slope of the memory up to the highest peak, and every peak from there on."""
    top = max(peaks, default=across.end * bandwidth)
    start = max(across.start, up.start / bandwidth)
    end = min(across.end, top / bandwidth)
    yield line(across(start), up(start * bandwidth), across(end), up(end * bandwidth), "roof")
    middle = (start * end) ** 0.5  # no kernel is above the slope
    yield words(across(middle) - 6, up(middle * bandwidth) - 6, show(bandwidth, "B/s", digits=3), "end")
    lowest = float("inf")
    for peak in reversed(peaks):
        yield line(across(peak / bandwidth), up(peak), RIGHT, up(peak), "roof")
        lowest = up(peak) + 4 if lowest == float("inf") else max(up(peak) + 4, lowest + 12)
        yield words(RIGHT + 4, lowest, _short(peak))


def _points(shown: Sequence[Kernel], stages: Sequence[str], across: Scale, up: Scale) -> Iterator[str]:
    """A dot for each kernel; kernels at one place share it, with all their numbers beside it."""
    places: dict[tuple[int, int], list[tuple[int, Kernel]]] = {}
    for number, kernel in enumerate(shown, 1):
        x, y = across(kernel.intensity), up(kernel.rate)
        near = next((at for at in places if abs(at[0] - x) < 8 and abs(at[1] - y) < 8), (round(x), round(y)))
        places.setdefault(near, []).append((number, kernel))
    for (x, y), here in places.items():
        style = STYLES[stages.index(here[0][1].stage) % len(STYLES)]
        hint = "; ".join(f"{number} {kernel.name}, {kernel.stage}" for number, kernel in here)
        yield tag("circle", tag("title", escaped(hint)), cx=x, cy=y, r=4.5, class_=style)
        numbers = ", ".join(str(number) for number, _ in here)
        late = x + 7 + 6 * len(numbers) > RIGHT
        yield words(x - 7 if late else x + 7, y + 12, numbers, "end" if late else "start", f"name {style}")
