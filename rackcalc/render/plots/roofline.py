"""Every kernel of an estimate on the roofline of its chip."""

from typing import Any

from rackcalc.quantities.problems import failure
from rackcalc.quantities.unit_text import show
from rackcalc.questions.roofline import kernels
from rackcalc.render.html.view import View
from rackcalc.render.plots.picture import COLOURS, SOFT, axes

MARKS = "osD^vP*X"


def roofline(view: View) -> Any:
    """A figure with one chart for each kind of chip."""
    found = kernels(view.report.stages)
    if not found:
        raise failure("no kernel of this rack has both arithmetic and memory traffic to put on a roofline")
    chips = sorted({kernel.bandwidth for kernel in found})
    figure, places = axes(view.report.title, len(chips), 0.6 + 4.0 * len(chips))
    for place, bandwidth in zip(places, chips, strict=True):
        here = [kernel for kernel in found if kernel.bandwidth == bandwidth]
        peaks = sorted({kernel.peak for kernel in here if kernel.peak})
        top = max(peaks, default=2 * max(kernel.rate for kernel in here))
        start = min([*(kernel.intensity for kernel in here), top / bandwidth]) / 2
        end = max([*(kernel.intensity for kernel in here), top / bandwidth]) * 3
        place.plot([start, top / bandwidth], [start * bandwidth, top], color="black", linewidth=1.2)
        for peak in peaks:
            place.plot([peak / bandwidth, end], [peak, peak], color="black", linewidth=1.2)
            place.annotate(show(peak, "FLOP/s", digits=3), (end, peak), (3, -3), textcoords="offset points", color=SOFT)
        stages = list(dict.fromkeys(kernel.stage for kernel in here))
        for number, kernel in enumerate(here):
            place.plot(
                kernel.intensity,
                kernel.rate,
                MARKS[number % len(MARKS)],
                color=COLOURS[stages.index(kernel.stage) % len(COLOURS)],
                linestyle="none",
                alpha=0.85,
                label=f"{kernel.name}, {kernel.stage}",
            )
        place.set(xscale="log", yscale="log", title=f"One chip, {show(bandwidth, 'B/s', digits=3)} of memory")
        place.set_xlabel("operations for each byte of memory traffic, FLOP/B")
        place.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        place.yaxis.set_major_formatter(lambda value, _: show(value, "FLOP/s", digits=1))
        place.grid(alpha=0.3)
        place.legend(loc="lower right", fontsize=8)
    return figure
