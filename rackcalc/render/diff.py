"""`rackcalc diff`: what a change does to racks, as lines, as one comment in Markdown, as JSON, and as JUnit XML."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rackcalc.config.git_files import Tree
from rackcalc.quantities.problems import Problem, printable
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.gates import Verdict
from rackcalc.questions.rack_changes.judge import STATES, Moved, RackChange
from rackcalc.render import check as checks
from rackcalc.render.cells import cell
from rackcalc.render.json_data import json_number, json_text
from rackcalc.render.markdown_text import escape, table_row
from rackcalc.render.percentages import change_percent
from rackcalc.render.problems import as_data as problem_data
from rackcalc.version import __version__

SCHEMA = "rackcalc.diff/1"
MARKER = "<!-- rackcalc diff -->"  # by which a bot finds the comment that it wrote before
GONE = "removed"
Sides = tuple[Tree, Tree]


def title(sides: Sides) -> str:
    """What is compared, with the commits."""
    return " .. ".join(f"{tree.name} ({tree.id[:12]})" if tree.id else tree.name for tree in sides)


def remarks(sides: Sides, changes: Sequence[RackChange]) -> list[str]:
    """What a reader must know about the comparison as a whole."""
    found = []
    if sides[0].id == sides[1].id:
        found.append(f"{sides[0].name} and {sides[1].name} are the same commit, so nothing can have changed")
    return found


def summary(changes: Sequence[RackChange]) -> str:
    """The counts of racks and gates."""
    counts = {state: sum(change.state == state for change in changes) for state in STATES}
    racks = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    verdicts = [verdict for change in changes for verdict in change.verdicts]
    broken = sum(bool(change.problems) for change in changes)
    without = f"; {broken} cannot be judged" if broken else ""
    return f"racks: {racks}; {checks.count(verdicts)}{without}"


def where(change: RackChange) -> str:
    """The file of a rack, with the scenario."""
    return f"{change.file} [{change.scenario}]" if change.scenario else change.file


def story(change: RackChange) -> str:
    """What happened to the file of a rack, where that is more than a word."""
    if change.problems:
        return "cannot be judged"
    if change.state == GONE:
        return "is gone"
    words = [f"was {change.before}"] if change.state == "renamed" else []
    if change.state == "added":
        words.append("has no baseline")
    words += [f"not judged: {condition.text}" for condition in change.unjudged]
    words.append(checks.count(change.verdicts) if change.verdicts else "" if change.unjudged else "no gates")
    return "; ".join(word for word in words if word)


def as_text(sides: Sides, changes: Sequence[RackChange]) -> str:
    """Lines that each begin with a word and the file: of the rack, its gates, its figures that moved, its notes."""
    rows = [row for change in changes for row in rows_of(change)]
    width = max((len(word) for word, _, _ in rows), default=0)
    lines = [f"{word.ljust(width)} {file}: {said}" for word, file, said in rows]
    notes = [f"note: {said}" for said in remarks(sides, changes)]
    return "".join(f"{printable(line)}\n" for line in (title(sides), *lines, *notes, summary(changes)))


def rows_of(change: RackChange) -> Iterator[tuple[str, str, str]]:
    """The lines of one rack as word, file and text. Of an unchanged rack only what does not pass."""
    file = where(change)
    yield change.state, file, story(change)
    for problem in change.problems:
        yield "ERROR", file, problem.text if problem.file == change.file and not problem.line else str(problem)
    for verdict in shown_verdicts(change):
        yield verdict.status.upper(), file, checks.line(verdict)
    for moved in change.moved:
        yield "moved", file, move_text(moved)
    if change.state != "same":
        for note in change.notes:
            yield "note", file, note


def shown_verdicts(change: RackChange) -> list[Verdict]:
    """The verdicts worth a line: of an unchanged rack those that do not pass."""
    return [verdict for verdict in change.verdicts if change.state != "same" or verdict.status != "pass"]


def move_text(moved: Moved) -> str:
    """A figure before and after, and its change."""
    before, after, change = move_cells(moved)
    return f"{moved.path} {before} -> {after}" + (f" ({change})" if change else "")


def move_cells(moved: Moved) -> tuple[str, str, str]:
    """A figure before, after, and its change as a share."""
    share = share_of(moved)
    words = "" if share is None else change_percent(share)
    return _cell(moved.path, moved.before), _cell(moved.path, moved.after), words


def _cell(path: str, quantity: Quantity | None) -> str:
    return cell(path, quantity)


def share_of(moved: Moved) -> float | None:
    """The change of a figure as a share of what it was; None where that is not known."""
    if moved.before is None or moved.after is None:
        return None
    before, after = float(moved.before.value), float(moved.after.value)
    return json_number((after - before) / abs(before)) if before else None


def as_markdown(sides: Sides, changes: Sequence[RackChange]) -> str:
    """One comment for a pull request, and the summary of a job."""
    lines = [MARKER, f"### rackcalc diff: {escape(printable(title(sides)))}", "", escape(summary(changes)), ""]
    for note in remarks(sides, changes):
        lines += [escape(printable(note)), ""]
    for heading, rows in sections(changes):
        if rows:
            cells = [table_row(heading), table_row(["---"] * len(heading))]
            lines += [*cells, *(table_row(escape(printable(word)) for word in row) for row in rows), ""]
    notes = [f"- {escape(printable(f'{where(change)}: {said}'))}" for change in changes for said in notes_of(change)]
    if notes:
        lines += ["<details><summary>Notes</summary>", "", *notes, "", "</details>", ""]
    return "\n".join(lines)


def notes_of(change: RackChange) -> Sequence[str]:
    """The notes worth a line."""
    return () if change.state == "same" else change.notes


def sections(changes: Sequence[RackChange]) -> list[tuple[list[str], list[list[str]]]]:
    """The tables of the comment: heading and rows."""
    errors = [[where(change), str(problem)] for change in changes for problem in change.problems]
    gates, moves = [], []
    for change in changes:
        for verdict in shown_verdicts(change):
            condition = verdict.condition
            place = f"{condition.file}:{condition.line}" if condition.line else ""
            why = "  ".join(word for word in (condition.why, place) if word)
            words = [checks.actual(verdict), checks.limit(verdict), checks.margin(verdict), checks.interval(verdict)]
            gates.append([verdict.status.upper(), where(change), condition.text, *words, why])
        moves += [[where(change), moved.path, *move_cells(moved)] for moved in change.moved]
    gates.sort(key=lambda row: checks.STATUSES[::-1].index(row[0].lower()))
    racks = [[change.state, where(change), story(change)] for change in changes]
    return [
        (["rack", "cannot be judged"], errors),
        (["", "rack", "gate", "actual", "limit", "margin", "80 % interval", "why"], gates),
        (["rack", "figure", "before", "after", "change"], moves),
        (["", "rack", ""], racks),
    ]


def as_json(sides: Sides, changes: Sequence[RackChange]) -> str:
    """Everything as plain data. passed: no gate failed and every rack could be judged."""
    before, after = ({"name": tree.name, "commit": tree.id or None} for tree in sides)
    passed = not any(change.problems or failed(change) for change in changes)
    head = {"schema": SCHEMA, "rackcalc": __version__, "base": before, "head": after, "passed": passed}
    return json_text(head | {"racks": list(map(as_data, changes)), "notes": remarks(sides, changes)})


def failed(change: RackChange) -> bool:
    """Whether a gate failed."""
    return any(verdict.status == "fail" for verdict in change.verdicts)


def as_data(change: RackChange) -> dict[str, Any]:
    """One rack as plain data, in canonical units."""
    return {
        "file": change.file,
        "before": change.before or None,
        "state": change.state,
        "name": change.name,
        "scenario": change.scenario,
        "gates": list(map(checks.as_data, change.verdicts)),
        "unjudged": [condition.text for condition in change.unjudged],
        "moved": list(map(_move_data, change.moved)),
        "notes": [*change.notes],
        "problems": list(map(problem_data, change.problems)),
    }


def _move_data(moved: Moved) -> dict[str, Any]:
    sides = {"before": moved.before, "after": moved.after}
    unit = next(side.unit for side in sides.values() if side is not None)
    values = {name: None if side is None else json_number(float(side.value)) for name, side in sides.items()}
    return {"path": moved.path, "unit": unit, **values, "share": share_of(moved)}


def annotations(changes: Sequence[RackChange]) -> list[tuple[str, Problem]]:
    """The verdicts that fail or warn, for a code host, each in the file of its rack."""
    found = []
    for change in changes:
        for level, problem in checks.annotations(change.verdicts):
            at = problem if problem.file == change.file else Problem(change.file, 0, 0, "", problem.message)
            found.append((level, at))
    return found


def as_junit(sides: Sides, changes: Sequence[RackChange]) -> str:
    """One suite for every rack; what cannot be judged is an error."""
    from rackcalc.render import junit  # xml takes long to import

    suites = []
    for change in changes:
        file = where(change)
        cases = [
            (
                verdict.condition.text,
                verdict.condition.path,
                verdict.status,
                printable(f"{file}: {checks.line(verdict)}"),
            )
            for verdict in change.verdicts
        ]
        cases += [
            (condition.text, condition.path, "skip", printable(f"{file}: no baseline")) for condition in change.unjudged
        ]
        if change.problems:
            said = "\n".join(map(str, change.problems))
            cases.append(("can be judged", "rack", "error", f"{printable(file)}: {said}"))
        suites.append((file, cases, (f"{change.state}: {story(change)}", *notes_of(change))))
    return junit.as_junit(suites)


# name -> (renderer, file endings that select it)
FORMATS: dict[str, tuple[Callable[[Sides, Sequence[RackChange]], str], tuple[str, ...]]] = {
    "table": (as_text, (".txt",)),
    "json": (as_json, (".json",)),
    "markdown": (as_markdown, (".md", ".markdown")),
    "junit": (as_junit, (".xml",)),
}
