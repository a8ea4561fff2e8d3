"""An analysis of uncertainty as a page: how far each doubt alone moves a figure, as bars, and the interval of each."""

from collections.abc import Mapping, Sequence
from math import isfinite

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.questions.uncertainty.analysis import Report
from rackcalc.questions.uncertainty.draws import Spread
from rackcalc.questions.uncertainty.effects import Effect
from rackcalc.render.cells import cell
from rackcalc.render.html.bars import bar, rows
from rackcalc.render.html.explanation import explanations
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page
from rackcalc.render.html.reasons import Reasons
from rackcalc.render.html.view import leaves_of
from rackcalc.render.percentages import odds_percent
from rackcalc.render.uncertainty import odds, shown

HINT = "Every underlined name leads to its explanation: formula, values and source."


def as_html(report: Report, top: int, everything: bool) -> str:
    """A page. top: doubts shown for each figure. everything: all figures."""
    counted = f"{report.samples:,} draws of {report.doubts} uncertain values, seed {report.seed}"
    reasons, leaves = Reasons(), leaves_of(found.figure for found in report.spreads.values())
    tornados = "".join(
        _tornado(path, report.spreads[path], effects[:top], len(effects), reasons, leaves)
        for path, effects in report.effects.items()
    )
    said = "".join(tag("li", escaped(text)) for text in odds(report))
    content = [
        tag("h1", escaped(report.result.title), id="top"),
        tag("p", escaped(counted), class_="subject"),
        section("odds", "Odds", tag("ul", said) if said else ""),
        section("doubts", "What moves the figures", tornados),
        section("intervals", "80 % intervals", _intervals(report, everything, reasons)),
        section("why", "Explanations", explanations(reasons), closed=True),
    ]
    return page(report.result.title, "".join(content), hint=HINT)


def _text(path: str, found: Spread, value: float) -> str:
    return escaped(cell(path, replace(found.figure, value=value), digits=3))


def _tornado(
    path: str,
    found: Spread,
    effects: Sequence[Effect],
    count: int,
    reasons: Reasons,
    leaves: Mapping[str, Quantity],
) -> str:
    """Bars from the value at the 10 % quantile of a doubt to that at its 90 % quantile; the line is the figure."""
    linked = reasons.link(path, found.figure, path) + escaped(f" = {cell(path, found.figure)}")
    caption = f"What moves {path}"
    if not effects:
        return tag("p", f"{linked}: certain")
    value = float(found.figure.value)
    ends = [end for effect in effects for end in (effect.low, effect.high) if isfinite(end)]
    low, high = min([*ends, value]), max([*ends, value])
    drawable = isfinite(value) and high > low

    def place(end: float) -> float:
        return 0.02 + 0.96 * (end - low) / (high - low)

    def drawn(effect: Effect) -> str:
        if not drawable or not (isfinite(effect.low) and isfinite(effect.high)):
            return ""
        start, end = sorted((place(effect.low), place(effect.high)))
        return bar([(start, end, "one")], place(value))

    lines = [
        (
            _doubt(effect, reasons, leaves),
            drawn(effect),
            (_text(path, found, effect.low), _text(path, found, effect.high), escaped(odds_percent(effect.total))),
        )
        for effect in effects
    ]
    rest = tag("p", f"and {count - len(effects)} more", class_="small") if count > len(effects) else ""
    head = "one value alone", "", "at its 10 %", "at its 90 %", "of the variance"
    return tag("h3", linked) + rows(caption, head, lines, long=True) + rest


def _doubt(effect: Effect, reasons: Reasons, leaves: Mapping[str, Quantity]) -> str:
    """The name of a doubt; of an input as a link to where it is from."""
    leaf = leaves.get(effect.doubt.name)
    return escaped(effect.doubt.name) if leaf is None else reasons.link(effect.doubt.name, leaf, effect.doubt.name)


def _intervals(report: Report, everything: bool, reasons: Reasons) -> str:
    body = [
        (
            reasons.link(path, found.figure, path),
            *(_text(path, found, x) for x in (float(found.figure.value), found.low, found.median, found.high)),
        )
        for path, found in report.spreads.items()
        if (everything or path in report.effects or shown(path)) and found.low != found.high
    ]
    head = "figure", "as given", "10 %", "median", "90 %"
    return scrolled(table("Figures that are uncertain", head, body, "figures")) if body else ""
