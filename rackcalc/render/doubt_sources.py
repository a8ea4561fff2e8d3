"""`rackcalc explain --sources`: the sources that a figure's doubt comes from, each with its share."""

from collections.abc import Iterator

from rackcalc.quantities.display import show_value
from rackcalc.quantities.record import replace
from rackcalc.questions.explain import provenance
from rackcalc.questions.uncertainty.doubt_sources import DoubtSource, DoubtSources
from rackcalc.render.cells import cell, interval_text
from rackcalc.render.percentages import odds_percent


def as_text(path: str, about: DoubtSources, top: int) -> str:
    """The largest sources, each with its share, what it does alone, and where it is from."""
    value = cell(path, about.figure)
    if not about.found:
        return f"{path} is {value}; no source of it is in doubt\n"
    known = interval_text(path, about.figure, about.interval)
    lines = [
        f"{path} is {value}, with 80 % confidence {known}. The doubt comes from:" if known else f"{path} is {value}"
    ]
    for one in about.found[:top]:
        lines += _source(path, about, one)
    left = len(about.found) - top
    if left > 0:
        most = odds_percent(about.found[top].effect.total)
        lines.append(f"{left} more, each {most} or less: --top {len(about.found)}")
    lines.append("A share is that of the variance which would remain if all else were known.")
    return "".join(f"{line}\n" for line in lines)


def _source(path: str, about: DoubtSources, one: DoubtSource) -> Iterator[str]:
    """Two lines. The range is that of the figure while this source alone goes from its 10 % to its 90 % quantile."""
    effect, formula = one.effect, one.origin.formula
    low, high = sorted((effect.low, effect.high))
    ends = [cell(path, replace(about.figure, value=end), digits=3) for end in (low, high)]
    alone = f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else ends[0]
    if formula is None:
        what, where = f"{effect.doubt.name} = {show_value(one.origin)}", provenance(one.origin)
    else:
        what = f"formula {formula.label}, off by {formula.error:.0%} on average where it was measured"
        where = f"source: {formula.cite}"
    yield f"  {odds_percent(effect.total):>5}  {what}; alone it gives {alone}"
    yield f"         {where}"
