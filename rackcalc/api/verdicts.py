"""Gates and claims from Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rackcalc.api.answers import Answer
from rackcalc.api.errors import in_python
from rackcalc.api.formers import Baseline, formers_of
from rackcalc.api.racks import Source, rack_of, texts
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import failure
from rackcalc.quantities.record import replace
from rackcalc.questions import former_estimates, gate_conditions, gates
from rackcalc.questions.claims.judgement import failing_word, fails, judge_claims
from rackcalc.questions.rack_file import CHECKS
from rackcalc.render import check as checks
from rackcalc.render import claims as shown


@dataclass(frozen=True)
class Gate:
    """One gate and what became of it. Numbers are in `unit`, which is canonical; None where there is no number.

    gate: as written. level: error or warn. status: pass, warn or fail. path: the figure. compared: "figure", or of
    delta(...) "change" or "share", of which actual, low, high and limit are then. actual: what is compared; low, high:
    its 80 % interval. difference: by how much it is over the limit; margin: the same as a share of the limit.
    straddles: whether the limit lies inside the interval. figure, baseline: the figure now and before. kind: the
    weakest source behind it. why, file, line: from the rack file.
    """

    gate: str
    level: str
    status: str
    path: str
    compared: str
    actual: float | None
    low: float | None
    high: float | None
    limit: float
    unit: str
    difference: float | None
    margin: float | None
    straddles: bool
    figure: float | None
    baseline: float | None
    kind: str
    why: str
    file: str
    line: int


@dataclass(frozen=True, eq=False, repr=False)
class Check(Answer):
    """The gates of a rack. passed: whether none failed; `if check:` asks the same. notes: what to know about the
    baseline, such as that it is of another rack."""

    passed: bool
    gates: tuple[Gate, ...]
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.passed

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.status == "fail")

    def __repr__(self) -> str:
        return f"<Check: {str(self).splitlines()[-1]}>"


def check(
    rack: Source,
    *,
    fail_if: str | Iterable[str] = (),
    warn_if: str | Iterable[str] = (),
    baseline: Baseline | None = None,
    confident: bool = False,
) -> Check:
    """A rack held against gates: those of its file, and further ones.

    rack: whatever `load` takes. fail_if, warn_if: what must not happen, such as "latency.p99 > 2 ms" or
    "delta(cost.tco) > 5 %". baseline: what delta(...) starts from: a Result, what its `to_dict` gave, or the file of a
    former `rackcalc estimate --json`. confident: a limit inside the 80 % interval counts as broken.

    InputError for an unknown figure, a wrong unit, a change without a baseline, or when there are no gates at all.

    >>> found = check("bert-a100", fail_if="latency.p99 > 1 ms")
    >>> found.passed, found.gates[0].status, found.gates[0].limit
    (False, 'fail', 0.001)
    """
    with in_python():
        held = rack_of(rack)
        conditions = gate_conditions.rack_conditions(held.loaded, texts(fail_if, "fail_if"), texts(warn_if, "warn_if"))
        if not conditions:
            raise failure("no gates: add a gates section to the file, or fail_if", held.file)
        report, former = held.estimated, None
        if baseline is not None:
            former = former_estimates.choose_by_scenario(formers_of(baseline), report.scenario)
        verdicts = gates.evaluate(conditions, report, former, confident)
        notes = () if former is None else tuple(former_estimates.remarks(former, report.title))
        report = replace(
            report, notes=(*report.notes, *gates.remarks_on((c.path for c in conditions), dict(figures(report))))
        )
        data = checks.report_data(report, verdicts)
        found = tuple(Gate(**gate) for gate in data["gates"])
        return Check(data, checks.as_text(report, verdicts), data["passed"], found, notes)


@dataclass(frozen=True)
class Claim:
    """One claim and what became of it. Numbers are in `unit`, which is canonical; None where there is none.

    says: in the words of who claims it. verdict: holds, claimed too high, claimed too low, does not hold,
    impossible or not decidable.
    rack_is: "worse" or "better" than claimed; None where the claim holds or neither side is better. factor: claimed
    over computed value; None where that says nothing. expect, scenario, against, source, note, file, line: from the
    rack file. path: the figure. actual: what it comes to, or its change for delta(...); low, high: the 80 % interval.
    expected, tolerance: what was claimed, and how far off that may be. kind: the weakest source behind it. formula,
    cite: what decides. reason: why the claim is impossible or not decidable.
    """

    says: str
    verdict: str
    rack_is: str | None
    factor: float | None
    expect: str | None
    scenario: str | None
    against: str | None
    path: str | None
    actual: float | None
    low: float | None
    high: float | None
    expected: float | None
    tolerance: float | None
    unit: str | None
    kind: str | None
    formula: str | None
    cite: str | None
    reason: str
    source: str | None
    note: str | None
    file: str
    line: int


@dataclass(frozen=True, eq=False, repr=False)
class Claims(Answer):
    """The claims of a rack, in the order of the file. counts: how many there are of each verdict. passed: whether none
    has a verdict that was asked about; `if claims:` asks the same."""

    passed: bool
    claims: tuple[Claim, ...]
    counts: Mapping[str, int]

    def __bool__(self) -> bool:
        return self.passed

    def of(self, verdict: str) -> tuple[Claim, ...]:
        """The claims with a verdict."""
        return tuple(claim for claim in self.claims if claim.verdict == verdict)

    def __repr__(self) -> str:
        return f"<Claims: {str(self).splitlines()[-1]}>"


def claims(rack: Source, *, fail_if: str | Iterable[str] = ()) -> Claims:
    """Every claim of a rack file, judged by the figure that it is about.

    rack: whatever `load` takes, without a scenario: each claim names its own. fail_if: verdicts that count as a
    failure, such as "claimed too high", or "worse" for all claims of which the rack falls short.

    InputError when the file has no claims, or when one of them names what is not.

    >>> claims("rack-of-god", fail_if="worse").passed
    False
    """
    with in_python():
        held, words = rack_of(rack), [failing_word(word, "fail_if") for word in texts(fail_if, "fail_if")]
        if held.scenario:
            raise failure(f'each claim names its scenario; load the rack without "{held.scenario}"', held.file)
        loaded, judged = judge_claims(held.text, held.file, held.sets, CHECKS)
        if not judged:
            raise failure("no claims: add a claims section to the file", held.file)
        data = shown.document(loaded, judged)
        found = tuple(Claim(**claim) for claim in data["claims"])
        passed = not any(fails(one, words) for one in judged)
        return Claims(data, shown.as_lines(loaded, judged), passed, found, dict(data["counts"]))
