"""Claims as a page: verdict and claim first, then what is claimed and what is computed."""

from collections.abc import Sequence
from typing import Any

from rackcalc.quantities.display import shown_scenario
from rackcalc.questions.claims.judgement import HOLDS, NOT_DECIDABLE, VERDICTS, Judgement
from rackcalc.render.claims import all_notes, citations, count, figures, verdict_text
from rackcalc.render.html.explanation import explanations
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page
from rackcalc.render.html.reasons import Reasons

HINT = "Every underlined number leads to its explanation: formula, values and source."
STYLES = {verdict: "is-fail" for verdict in VERDICTS if verdict != NOT_DECIDABLE} | {HOLDS: "is-pass"}


def as_html(loaded: Any, judged: Sequence[Judgement]) -> str:
    """A page with a table of claims, the formulas that decide, and the notes."""
    reasons = Reasons()
    rows = [
        (
            tag("b", escaped(verdict_text(one)), class_=STYLES.get(one.verdict)),
            escaped(one.claim.says),
            escaped(cells[0]),
            _computed(one, reasons, cells[1]),
            escaped(cells[2]),
            escaped(cells[3]) + tag("div", tag("code", escaped(cells[4])), class_="small"),
        )
        for one in judged
        for cells in ([*figures(one), "", ""],)
    ]
    head = "verdict", "claim", "claimed", "computed", "80 % interval", "figure, and what decides it"
    name = loaded.rack.name
    sources = "".join(tag("li", escaped(text)) for text in citations(judged))
    notes = "".join(tag("li", escaped(text)) for text in all_notes(judged))
    content = [
        tag("h1", escaped(name), id="top"),
        tag("p", escaped(count(judged))),
        scrolled(table("Claims, held against what the rack computes to", head, rows, "claims")),
        section("sources", "Formulas that decide", tag("ul", sources) if sources else ""),
        section("notes", "Notes", tag("ul", notes) if notes else ""),
        section("why", "Explanations", explanations(reasons), closed=True),
    ]
    return page(name, "".join(content), hint=HINT)


def _computed(one: Judgement, reasons: Reasons, text: str) -> str:
    """What is computed, as a link to its explanation; of a change, links to what it was before and is now."""
    if one.expectation is None or one.figure is None:
        return escaped(text)
    path, now = one.expectation.path, shown_scenario(one.claim.scenario or "")
    if not one.expectation.delta:
        return reasons.link(path, one.figure, text, now)
    said = escaped(text)
    if one.before is not None:
        then = shown_scenario(one.claim.against or "") or "the rack as described"
        links = reasons.link(path, one.before, "before", then), reasons.link(path, one.figure, "after", now)
        said += tag("div", ", ".join(links), class_="small screen")
    return said
