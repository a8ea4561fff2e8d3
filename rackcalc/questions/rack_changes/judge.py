"""Whether the racks of a change keep their gates: those of HEAD, and those of BASE that HEAD drops.

Nothing passes for lack of knowledge: a rack that cannot be read on one of its sides is a problem, and never its own
baseline.
"""

from collections.abc import Sequence
from typing import Any

from rackcalc.config.git_files import SUBMODULE, Tree
from rackcalc.config.racks import Loaded, known_scenarios
from rackcalc.config.text_files import reading_with
from rackcalc.config.trace_lines import MOST_IN_GIT, reading_traces_with
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.questions import gates
from rackcalc.questions.compare.comparison import HEADLINES
from rackcalc.questions.former_estimates import FormerEstimate
from rackcalc.questions.gate_conditions import Condition, of_rack, rack_conditions
from rackcalc.questions.rack_changes.pairs import ENDINGS, Pair
from rackcalc.questions.rack_file import load_text
from rackcalc.version import __version__

STATES = ("same", "changed", "renamed", "added", "removed")


@record
class Demands:
    """What is asked of every rack. accepted: paths of racks whose change is taken although it cannot be judged."""

    scenarios: Sequence[str] = ("",)
    sets: Sequence[str] = ()
    fail_if: Sequence[str] = ()
    warn_if: Sequence[str] = ()
    confident: bool = False
    accepted: Sequence[str] = ()


@record
class Moved:
    """A headline figure that a change moved; None on the side that has none."""

    path: str
    before: Quantity | None
    after: Quantity | None


@record
class RackChange:
    """One rack in one scenario. unjudged: changes of figures that have no baseline. problems: why there is no verdict.

    file: at HEAD; at BASE where it is removed. before: at BASE; "" where it is added.
    """

    file: str
    before: str
    state: str
    name: str = ""
    scenario: str = ""
    verdicts: tuple[gates.Verdict, ...] = ()
    unjudged: tuple[Condition, ...] = ()
    moved: tuple[Moved, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def has_gates(self) -> bool:
        """Whether anything is asked of it."""
        return bool(self.verdicts or self.unjudged)


@record
class Side:
    """A rack as one side has it. texts: of all files that were read for it, by path; traces: digests of those."""

    loaded: Loaded
    report: Any
    texts: dict[str, str]
    traces: dict[str, bytes]


def read_side(tree: Tree, path: str, scenario: str, sets: Sequence[str]) -> Side:
    """A rack estimated with the files of its own side. InputError with the problems as that side names them."""
    texts: dict[str, str] = {}
    traces: dict[str, bytes] = {}

    def read(file: str) -> str:
        texts[file] = tree.read(file)
        return texts[file]

    def read_trace(file: str) -> bytes:
        data = trace_in(tree, file)
        traces[file] = digest(data)
        return data

    with reading_with(read), reading_traces_with(read_trace):
        loaded = load_text(read(path), path, scenario, sets)
        return Side(loaded, estimate(loaded), texts, traces)


def trace_in(tree: Tree, file: str) -> bytes:
    """A trace as it is in a tree."""
    return tree.read_bytes(file, "a trace that diff reads", MOST_IN_GIT)


def digest(data: bytes) -> bytes:
    """What tells the contents of a file from others."""
    from hashlib import blake2b  # seldom needed

    return blake2b(data).digest()


def judge_pairs(before: Tree, after: Tree, pairs: Sequence[Pair], demands: Demands) -> list[RackChange]:
    """Every rack in every scenario. No problem of one keeps the others from being judged."""
    found = []
    for pair in pairs:
        if pair.after:
            found += [judge_pair(before, after, pair, scenario, demands) for scenario in demands.scenarios]
        else:
            found.append(judge_removal(after, pair, demands.accepted))
    return found


def judge_removal(after: Tree, pair: Pair, accepted: Sequence[str]) -> RackChange:
    """A rack that is gone, and nothing that is there now may be it."""
    places = [path for path in pair.rivals if path not in accepted]
    problems = [
        Problem(pair.before, 0, 0, "", f"is gone, and {where_it_may_be(after, path)}; --accept {path} lets it go")
        for path in places
    ]
    return RackChange(pair.before, pair.before, "removed", problems=tuple(problems))


def where_it_may_be(after: Tree, path: str) -> str:
    """Why a rack that is gone may still be there, and what to do about it."""
    if after.files.get(path) == SUBMODULE:
        return f"{path} is a submodule now; run rackcalc diff in it"
    if path.lower().endswith(ENDINGS):
        return f"{path}, which may be what became of it, cannot be read; fix it"
    return f"{path} holds its text but is no rack; name it {ENDINGS[0]}"


def judge_pair(before: Tree, after: Tree, pair: Pair, scenario: str, demands: Demands) -> RackChange:
    """One rack in one scenario."""
    accepted = pair.after in demands.accepted
    change = RackChange(pair.after, pair.before, state_of(pair), scenario=scenario)
    problems: list[Problem] = []
    new = old = None
    try:
        new = read_side(after, pair.after, scenario, demands.sets)
        change = replace(change, name=new.loaded.rack.name, notes=new.report.notes)
    except InputError as error:
        problems += error.problems
    if accepted and pair.rivals:
        words = f"may be what became of {', '.join(pair.rivals)}, and is taken as new"
        change = replace(change, notes=(*change.notes, words))
        pair = Pair("", pair.after)
    elif pair.rivals:
        problems.append(Problem(pair.after, 0, 0, "", in_doubt(before, pair)))
        return replace(change, problems=tuple(problems))
    if accepted and pair.before not in ("", pair.after):
        change = replace(change, notes=(*change.notes, f"was {pair.before}, and is taken as new"))
        pair = Pair("", pair.after)
    try:
        old = new if new and unchanged(before, pair, new) else base_side(before, pair, scenario, demands.sets)
    except InputError as error:
        if accepted:
            change = replace(change, notes=(*change.notes, f"cannot be read at {before.name}, and is taken as new"))
        else:
            problems += at_base(before, pair, error.problems)
    if new and not problems:
        if old is None:
            change = replace(change, state="added", before="")
        elif old is new:
            change = replace(change, state="same")
        try:
            change = judged(change, before, new, old, demands)
        except InputError as error:
            problems += [of_rack(problem, pair.after) for problem in error.problems]
    return replace(change, problems=tuple(dict.fromkeys(problems)))


def state_of(pair: Pair) -> str:
    """What a change did with the file of a rack."""
    return "added" if not pair.before else "changed" if pair.before == pair.after else "renamed"


def unchanged(before: Tree, pair: Pair, new: Side) -> bool:
    """Whether every file that the rack was read from is the same at BASE, so that it need not be computed again."""
    try:
        if pair.before != pair.after or any(before.read(file) != text for file, text in new.texts.items()):
            return False
        return all(digest(trace_in(before, file)) == known for file, known in new.traces.items())
    except InputError:
        return False


def base_side(before: Tree, pair: Pair, scenario: str, sets: Sequence[str]) -> Side | None:
    """The rack at BASE; None where it is new, or the scenario is."""
    if not pair.before:
        return None
    if scenario and scenario not in known_scenarios(before.read(pair.before), pair.before):
        return None
    return read_side(before, pair.before, scenario, sets)


def in_doubt(before: Tree, pair: Pair) -> str:
    """Why nobody knows whether a rack is new, and what to do about it."""
    gone = ", ".join(pair.rivals)
    words = f"is new, and gone since {before.name}: {gone}. Whether it is what became of one of them is not clear"
    return f"{words}: if it replaces one, or is meant to be new, --accept {pair.after} takes it as new"


def at_base(before: Tree, pair: Pair, problems: Sequence[Problem]) -> list[Problem]:
    """The problems of BASE by its own names, after one that says what to do about them."""
    words = f"its base cannot be read, so its change is not known; fix {before.name}"
    first = Problem(pair.after, 0, 0, "", f"{words}, or take the rack as new with --accept {pair.after}")
    return [first, *(replace_file(problem, before.label(problem.file)) for problem in problems)]


def replace_file(problem: Problem, file: str) -> Problem:
    """The problem in a file of another name."""
    return Problem(file, problem.line, problem.column, problem.path, problem.message)


def judged(change: RackChange, before: Tree, new: Side, old: Side | None, demands: Demands) -> RackChange:
    """The change with its verdicts. InputError for a gate that the rack has no figure for."""
    accepted = change.file in demands.accepted
    conditions = rack_conditions(new.loaded, demands.fail_if, demands.warn_if)
    former = None
    if old is not None:
        former = former_of(before.label(old.loaded.file), old.report)
        if not accepted:
            conditions += dropped_gates(conditions, old, before, change.file)
    unjudged = [condition for condition in conditions if not has_baseline(condition, former, accepted)]
    verdicts = gates.evaluate(
        [condition for condition in conditions if condition not in unjudged], new.report, former, demands.confident
    )
    moves = () if old is None or old is new else moves_between(old.report, new.report)
    notes = (*change.notes, *gates.remarks_on((condition.path for condition in conditions), dict(figures(new.report))))
    return replace(change, verdicts=tuple(verdicts), unjudged=tuple(unjudged), moved=moves, notes=notes)


def former_of(file: str, report: Any) -> FormerEstimate:
    """An estimate as the baseline of changes."""
    return FormerEstimate(file, report.name, report.scenario, __version__, dict(figures(report)), report.notes)


def dropped_gates(kept: Sequence[Condition], old: Side, before: Tree, file: str) -> list[Condition]:
    """The gates of BASE that HEAD no longer has: a change cannot loosen the limit that it breaks."""
    known = {key_of(condition) for condition in kept}
    words = f"a gate of {before.name} that is gone or changed; --accept {file} drops it"
    return [
        replace(
            condition,
            why=f"{condition.why} ({words})" if condition.why else words,
            file=before.label(condition.file),
        )
        for condition in rack_conditions(old.loaded, (), ())
        if key_of(condition) not in known
    ]


def key_of(condition: Condition) -> tuple[object, ...]:
    """What makes two gates the same, however they are spaced."""
    return condition.delta, condition.path, condition.operator, condition.limit.replace(" ", ""), condition.level


def has_baseline(condition: Condition, former: FormerEstimate | None, accepted: bool) -> bool:
    """Whether a gate can be judged. Of an accepted rack, a figure that BASE does not know has no baseline."""
    if not condition.delta:
        return True
    if former is None:
        return False
    figure = former.figures.get(condition.path)
    return not accepted or (figure is not None and figure.known)


def moves_between(old: Any, new: Any) -> tuple[Moved, ...]:
    """The headline figures that differ in four digits."""
    before, after = dict(figures(old)), dict(figures(new))
    return tuple(
        Moved(path, before.get(path), after.get(path))
        for path in HEADLINES
        if not same(before.get(path), after.get(path))
    )


def same(old: Quantity | None, new: Quantity | None) -> bool:
    """Whether a figure is the same in four digits, or missing or unknown on both sides."""
    if old is None or new is None or not (old.known and new.known):
        return (old is not None and old.known) == (new is not None and new.known)
    return f"{float(old.value):.4g}" == f"{float(new.value):.4g}" and old.unit == new.unit
