"""Claims as a page: verdict and claim first, then what is claimed and what is computed."""

from collections.abc import Sequence
from typing import Any

from rackcalc.questions.claims.judgement import HOLDS, NOT_DECIDABLE, VERDICTS, Judgement
from rackcalc.render.claims import all_notes, citations, count, figures, verdict_text
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page

STYLES = {verdict: "is-fail" for verdict in VERDICTS if verdict != NOT_DECIDABLE} | {HOLDS: "is-pass"}


def as_html(loaded: Any, judged: Sequence[Judgement]) -> str:
    """A page with a table of claims, the formulas that decide, and the notes."""
    rows = [
        (
            tag("b", escaped(verdict_text(one)), class_=STYLES.get(one.verdict)),
            escaped(one.claim.says),
            *map(escaped, cells[:3]),
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
    ]
    return page(name, "".join(content))
