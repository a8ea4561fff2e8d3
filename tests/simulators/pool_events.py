"""Two pools of engines, event by event: some prefill, the others decode what they are sent. No import of rackcalc.

An engine that prefills computes prompts first come first served, a token budget at a time. When the last token of a
prompt is through, its KV cache is sent; an engine that decodes takes it up at the next step with a free seat, and the
end of that step is the first token. Both pools are behind a router that picks engines at random.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.engine_events import Engine, Events, Lengths


@dataclass
class Pooled:
    """What was measured, one entry per request after the warm-up, in order of arrival. ready: prompt through."""

    ready: Any
    ttft: Any
    tpot: Any
    time: Any
    output: Any


class _Decoder(Events):
    """An engine whose requests come with their KV cache: they need a seat, and no more of a step than a token."""

    def _chunks(self, admit: bool) -> list[tuple[list[int], int]]:
        chunks = []
        while admit and self.waiting and len(self.running) < self.engine.max_num_seqs:
            number = self.waiting.popleft()
            self.running[number] = None
            self.admitted[number] = self.now
            entry = [number, self.prompt[number] - 1, self.prompt[number]]
            self.filling.append(entry)
            self.reserved += self.prompt[number]
            chunks.append((entry, 1))
        return chunks


def _through(
    kind: type[Events], engine: Engine, copies: int, arrival: Any, chosen: Any, prompt: Any, output: Any
) -> Any:
    """Times of the first and the last token of every request, of which each goes to the engine chosen for it."""
    first, last = np.empty(len(arrival)), np.empty(len(arrival))
    for copy in range(copies):
        mine = np.flatnonzero(chosen == copy)
        mine = mine[np.argsort(arrival[mine], kind="stable")]
        moments = [*arrival[mine].tolist(), math.inf]
        one = kind(engine, prompt[mine].tolist(), output[mine].tolist(), moments, closed=False)
        one.begin, one.end = -1, len(mine)  # gaps between tokens are not recorded
        while one.done < len(mine):
            one.absorb()
            if one.running or one.waiting:
                one.step()
            else:
                one.now = one.arrival[one.next]
        first[mine], last[mine] = one.first[: len(mine)], one.last[: len(mine)]
    return first, last


def pools(
    prefills: Engine,
    decodes: Engine,
    copies: tuple[int, int],
    prompts: Lengths,
    outputs: Lengths,
    *,
    rate: float,
    latency: float = 0.0,
    per_token: float = 0.0,
    burstiness: float = 1.0,
    count: int = 10_000,
    warm: int = 1_000,
    seed: int = 0,
) -> Pooled:
    """`count` requests after `warm` others, at `rate` [1/s] of all engines, with gaps of cv `burstiness`.

    copies: engines that prefill, and that decode. latency, per_token: of sending a KV cache, in s and s per token.
    """
    rng = np.random.default_rng(seed)
    total = count + 2 * warm  # the last ones keep the engines as loaded as before
    prompt, output = prompts(rng, total), outputs(rng, total)
    shape = burstiness**-2
    arrival = np.cumsum(rng.gamma(shape, 1 / (rate * shape), total))
    to_prefill, to_decode = rng.integers(0, copies[0], total), rng.integers(0, copies[1], total)
    ready, _ = _through(Events, prefills, copies[0], arrival, to_prefill, prompt, np.ones(total, dtype=int))
    sent = ready + latency + per_token * prompt
    first, last = _through(_Decoder, decodes, copies[1], sent, to_decode, prompt, output)
    kept = slice(warm, warm + count)
    with np.errstate(all="ignore"):
        tpot = np.where(output > 1, (last - first) / (output - 1), math.nan)
    return Pooled(*(one[kept] for one in (ready - arrival, first - arrival, tpot, last - arrival, output)))
