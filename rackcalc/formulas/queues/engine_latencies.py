"""Latencies of an engine under load, as mixtures of simple laws that tell means, percentiles and shares.

What an engine does follows in continuous_batching.py (requests that come at random) and engine_closed_loop.py.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from rackcalc.formulas.queues.engine_decoding import Decoding, Seen
from rackcalc.formulas.queues.engine_first_token import FirstToken, at_least_one
from rackcalc.formulas.queues.engine_steps import Engine, Prompts, no_arrival
from rackcalc.formulas.queues.gamma_mixtures import (
    Tail,
    first_guess,
    merged,
    mixture_mean,
    mixture_quantile,
    mixture_tail,
    mixture_variance,
    tail_of,
    tidied,
)
from rackcalc.formulas.queues.length_distributions import Lengths
from rackcalc.formulas.queues.mixture_parts import Part, Parts, Stack
from rackcalc.formulas.queues.sharing_station import Present
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import field, record

ROUNDING = 1e-12
TIMES = ("ttft", "tpot", "itl", "time")
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)


@record
class UnderLoad:
    """Latencies of an engine under load, in s; floats, or arrays with a value for each of many engines.

    ttft, tpot, itl, time: to the first token (with every wait), mean time between tokens of a request, time between any
    two tokens, whole request: each a mixture of which `mean` and `quantile` tell percentiles. rate: requests/s.
    decoding, filling, waiting: mean numbers that decode, that have a seat but no token yet, and that wait for a seat.
    waits: chance that a request must wait for a seat. wait: its mean wait for one, over all requests.
    prompt_share: share of time by which prompts lengthen decoding. capacity: requests/s with all seats taken.
    numbers, shares: share of time with so many seats taken, at some numbers between none and all (the others lie
    between, and count to the nearest). over: whether more requests arrive than can leave. longest: a step with as many
    tokens as it may have, beyond which no time between two tokens lies.
    parts: of each mixture, made when they are asked for. merges: whether parts that are near each other become one.
    """

    parts: dict[str, Callable[[], Parts]]
    rate: Any
    decoding: Any
    filling: Any
    waiting: Any
    waits: Any
    wait: Any
    prompt_share: Any
    capacity: Any
    numbers: Any
    shares: Any
    over: Any = False
    merges: bool = True
    longest: Any = math.inf
    _kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def present(self) -> Any:
        """Mean number of requests between arrival and last token."""
        return self.decoding + self.filling + self.waiting

    def mixture(self, time: str) -> Parts:
        """The parts of "ttft", "tpot", "itl" or "time"."""
        if time not in self._kept:
            self._kept[time] = merged(self._all_parts(time)) if self.merges else self._all_parts(time)
        return self._kept[time]

    def _all_parts(self, time: str) -> Parts:
        if (time, "parts") not in self._kept:
            self._kept[time, "parts"] = tidied(self.parts[time]())
        return self._kept[time, "parts"]

    def _tail(self, time: str) -> Tail:
        if (time, "tail") not in self._kept:
            self._kept[time, "tail"] = tail_of(self.mixture(time))
        return self._kept[time, "tail"]

    def _all(self, time: str) -> dict[float, Any]:
        """Of one engine in lanes, the usual percentiles together; else none."""
        parts = self.mixture(time)
        if (time, "all") not in self._kept and isinstance(parts, Stack) and parts.share.shape[1] == 1:
            from rackcalc.formulas.queues.mixture_lanes import quantiles

            starts = [first_guess(level, parts) for level in LEVELS]
            self._kept[time, "all"] = dict(zip(LEVELS, quantiles(LEVELS, parts, starts), strict=True))
        found: dict[float, Any] = self._kept.get((time, "all"), {})
        return found

    def mean(self, time: str) -> Any:
        """Mean of "ttft", "tpot", "itl" or "time"."""
        return xp.where(self.over, xp.inf, mixture_mean(self._all_parts(time)))

    def quantile(self, time: str, probability: float, near: Any = None) -> Any:
        """What the given share of requests (of gaps, for "itl") stays within. near: about what that is, if known."""
        if self.over is True:
            return xp.inf
        found = self._all(time).get(probability) if near is None else None
        if found is None:
            found = mixture_quantile(probability, self.mixture(time), self._tail(time), near)
        if time in ("tpot", "itl"):
            found = xp.minimum(found, self.longest)
        return xp.where(self.over, xp.inf, found)

    def share_within(self, time: str, limit: Any) -> Any:
        """Share of requests (of gaps, for "itl") that stay within a limit in s."""
        if self.over is True:
            return 0.0
        found = 1 - mixture_tail(limit, self.mixture(time), self._tail(time))
        if time in ("tpot", "itl"):
            found = xp.where(limit >= self.longest, 1.0, found)
        return xp.where(self.over, 0.0, xp.where(found > ROUNDING, found, 0.0))


def saturated(rate: float, capacity: float) -> UnderLoad:
    """The answer where more requests arrive than can leave: everything grows without limit."""
    return UnderLoad(
        parts=dict.fromkeys(TIMES, lambda: [(1.0, 0.0, math.inf, 0.0)]),
        rate=rate,
        decoding=math.nan,
        filling=math.nan,
        waiting=math.inf,
        waits=1.0,
        wait=math.inf,
        prompt_share=math.nan,
        capacity=capacity,
        numbers=[],
        shares=[],
        over=True,
    )


def answer(
    engine: Engine, work: Prompts, first: FirstToken, classes: list[Decoding], gaps: Callable[[], list[Part]],
    station: Present, outputs: Lengths, rate: Any, waits: Any, slower: Any, capacity: Any, stall: Any,
    wait_scv: Any = 1.0, over: Any = False, longest: Any = math.inf,
) -> UnderLoad:  # fmt: skip
    wait = station.waiting / rate
    later = xp.where(waits > 0, xp.divide(wait, waits), 0.0)
    before = mixture_mean(first.parts)

    def ttft() -> list[Part]:
        parts = [((1 - waits) * share, least, mean, varies) for share, least, mean, varies in first.parts]
        for own, part in zip(first.own, work.strata, strict=True):
            prompt = own.time + (xp.ceil(part.chunks - 1e-9) * slower if engine.chunked else 0.0)
            parts.append((own.share * waits, prompt, prompt + later, wait_scv * later**2 + own.variance))
        return parts

    def tpot() -> list[Part]:
        return [(item.share * share, *rest) for item in classes for share, *rest in item.parts]

    def time() -> list[Part]:
        varies = mixture_variance(first.parts)
        delayed = [(1 - waits, before, varies), (waits, before + later, varies + wait_scv * later**2)]
        parts: list[Part] = []
        for item in classes:
            for share, least, mean, variance in item.parts:
                shortest, decoding = least * item.tokens * 0.5, mean * item.tokens
                spread = variance * item.tokens**2 + item.variance * mean**2
                for weight, delay, other in delayed:
                    parts.append((item.share * share * weight, shortest, delay + decoding, spread + other))
        return parts

    decoded = outputs.mean - 1
    in_decoding = xp.over_rows([item.share * item.tokens * item.mean for item in classes])
    in_decoding = in_decoding / xp.over_rows([item.share * item.tokens for item in classes])
    return UnderLoad(
        parts={"ttft": ttft, "tpot": tpot, "itl": gaps, "time": time},
        rate=rate,
        decoding=rate * decoded * in_decoding,
        filling=rate * before,
        waiting=station.waiting,
        waits=waits,
        wait=wait,
        prompt_share=rate * stall,
        capacity=capacity,
        numbers=station.numbers,
        shares=station.shares,
        over=over,
        longest=longest,
    )


def gaps_of(
    engine: Engine, work: Prompts, seen: Seen, stall: Any, rate: Any, room: Any, beside: Any, gap_scv: Any
) -> list[Part]:
    """Time between two tokens: steps without and with prompt tokens. beside: other prompts in a step with one."""
    arrivals = rate * seen.step  # per step
    spread = seen.spread * (seen.alone / seen.step) ** 2
    if not engine.chunked:
        some = 1 - no_arrival(rate * seen.alone, gap_scv)
        together = xp.maximum(arrivals / some, 1.0)
        mean = xp.maximum(seen.step - seen.alone, 1e-12) / some
        varies = together * work.variance + together * (together - 1) * work.work**2
        return [
            (1 - some, seen.least, seen.alone, spread),
            (some, seen.least, seen.alone + mean, spread + varies),
        ]
    pieces = _pieces(work, arrivals, room)
    number = xp.over_rows([often for often, _, _ in pieces])
    first = xp.over_rows([often * size for often, size, _ in pieces]) / number
    second = xp.over_rows([often * (size * size + variance) for often, size, variance in pieces]) / number
    beside = beside * xp.maximum(1 - work.tokens / room, 0.0)
    together = xp.maximum(at_least_one(beside), number)
    some = number / together
    # of a step with n prompts, each of the n counts once: given a piece, the others are fewer than for a random one
    more = together - 1
    more_variance = more * second + xp.where(gap_scv > 1, more * more * first * first, 0.0)
    # The step that is seen differs a little from steps and pieces, as where seats are taken: all gaps differ by it.
    scale = seen.step / (seen.alone + some * first * together)
    parts = [(1 - some, seen.least, seen.alone * scale, spread * scale**2)]
    for often, size, variance in pieces:
        mean = seen.alone + size + more * first
        parts.append((some * often / number, seen.least, mean * scale, (spread + variance + more_variance) * scale**2))
    return parts


def _pieces(work: Prompts, arrivals: Any, room: Any) -> Sequence[tuple[Any, Any, Any]]:
    """What steps hold of prompts: how often a step has such a piece, its work, and the variance of that."""
    pieces = []
    for part in work.strata:
        whole = xp.floor(part.tokens / room)
        rest = xp.maximum(part.tokens - whole * room, 0.0)
        if hasattr(whole, "shape") or whole:
            pieces.append((arrivals * part.share * whole, part.work * room / part.tokens, 0.0))
        if hasattr(rest, "shape") or rest > 0:
            often = arrivals * part.share * xp.where(rest > 0, 1.0, 0.0)
            pieces.append((often, part.work * rest / part.tokens, part.variance * rest / part.tokens))
    return pieces
