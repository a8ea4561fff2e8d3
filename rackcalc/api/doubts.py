"""How sure the figures of a rack are, from Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rackcalc.api.answers import Answer
from rackcalc.api.errors import in_python, unknown
from rackcalc.api.racks import Source, rack_of, texts
from rackcalc.questions.claims.judgement import judge_claims
from rackcalc.questions.rack_file import CHECKS
from rackcalc.questions.uncertainty.analysis import judged_gates, uncertain_rack
from rackcalc.questions.uncertainty.analysis import uncertainty as found_out
from rackcalc.render import uncertainty as shown

_TOP, _WIDE = 8, 10_000  # doubts of each figure in the text, and characters of its lines


@dataclass(frozen=True)
class Spread:
    """A figure over the draws, in the canonical `unit`; None where there is no number.

    value: as given. p10, p50, p90: quantiles. no_number: the share of the draws in which it is none.
    """

    value: float | None
    unit: str
    p10: float | None
    p50: float | None
    p90: float | None
    no_number: float


@dataclass(frozen=True)
class Effect:
    """What one doubt does to a figure.

    doubt: its name. place: where the value stands, as FILE:PATH; "" for the error of a formula. at_p10, at_p90: the
    figure with this doubt alone at its 10 % and its 90 % quantile. first_order, total: its shares of the variance,
    alone and with others.
    """

    doubt: str
    place: str
    at_p10: float | None
    at_p90: float | None
    first_order: float | None
    total: float | None


@dataclass(frozen=True)
class GateOdds:
    """A gate, its verdict as it stands (status), and the share of the draws in which it holds."""

    gate: str
    level: str
    status: str
    holds: float


@dataclass(frozen=True)
class ClaimOdds:
    """A claim, its verdict as it stands, and the share of the draws in which it holds."""

    says: str
    expect: str | None
    scenario: str
    verdict: str
    holds: float


@dataclass(frozen=True, eq=False, repr=False)
class Uncertainty(Answer):
    """What the draws say; `uncertainty["latency.p99"]` is the Spread of a figure.

    samples, seed: as asked. doubts: how many things are in doubt. figures: their spreads, by path. gates, claims: the
    odds of each. cannot_work: the share of the draws in which the rack cannot work, by reason. effects: by figure, what
    its doubts do to it, the largest first.
    """

    samples: int
    seed: int
    doubts: int
    figures: Mapping[str, Spread]
    gates: tuple[GateOdds, ...]
    claims: tuple[ClaimOdds, ...]
    cannot_work: Mapping[str, float]
    effects: Mapping[str, tuple[Effect, ...]]

    def __getitem__(self, path: str) -> Spread:
        if path not in self.figures:
            raise unknown(path, self.figures)
        return self.figures[path]

    def __repr__(self) -> str:
        return f"<Uncertainty of {len(self.figures)} figures: {self.samples} draws of {self.doubts} doubts>"


def uncertainty(
    rack: Source,
    paths: str | Iterable[str] = (),
    *,
    samples: int = 1024,
    seed: int = 1,
    fail_if: str | Iterable[str] = (),
) -> Uncertainty:
    """How sure the figures of a rack are, how likely its gates and claims hold, and which doubt matters most.

    rack: whatever `load` takes. paths: the figures to take apart; without, all have a spread, and four headlines their
    effects. samples: draws, a power of two up to 65536. seed: the same seed gives the same draws. fail_if: further
    gates, as for `check`.

    InputError when the rack cannot be computed as it stands, or when a path, a gate or a number is wrong.

    >>> found = uncertainty("bert-a100", "latency.p99", samples=256)
    >>> spread = found["latency.p99"]
    >>> spread.p10 < spread.value < spread.p90, len(found.effects["latency.p99"]) > 3
    (True, True)
    """
    with in_python():
        held, wanted = rack_of(rack), texts(paths, "paths")
        about = uncertain_rack(held.loaded)
        verdicts = judged_gates(about, wanted, samples, seed, texts(fail_if, "fail_if"))
        claims = judge_claims(held.text, held.file, held.sets, CHECKS)[1] if about.loaded.rack.claims else []
        report = found_out(about, wanted, samples, seed, verdicts, claims)
    data = shown.document(report)
    return Uncertainty(
        data,
        shown.as_text(report, _TOP, False, _WIDE),
        samples,
        seed,
        report.doubts,
        {path: Spread(**item) for path, item in data["figures"].items()},
        tuple(GateOdds(**item) for item in data["gates"]),
        tuple(ClaimOdds(**item) for item in data["claims"]),
        dict(data["cannot_work"]),
        {path: _effects(some) for path, some in data["effects"].items()},
    )


def _effects(some: Iterable[Mapping[str, Any]]) -> tuple[Effect, ...]:
    return tuple(Effect(**item) for item in some)
