"""A router before several engines alike, each of them simulated step by step. It imports nothing from rackcalc."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.engine_events import Engine, Events, Lengths


@dataclass
class Routed:
    """What was measured, one entry per request after the warm-up, in order of arrival at the router."""

    ttft: Any
    tpot: Any  # nan where the output is one token
    time: Any  # of the whole request


class _Copy(Events):
    """One engine, whose requests are handed to it one by one."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, [], [], [math.inf], closed=False)
        self.begin = self.end = self.through = 0
        self.moments: list[float] = []  # of the last tokens that came with the last step

    def take(self, moment: float, prompt: int, output: int) -> int:
        """A request arrives. Its number here."""
        self.prompt.append(prompt)
        self.output.append(output)
        for times in (self.first, self.last, self.admitted):
            times.append(math.nan)
        self.arrival[-1:] = [moment, math.inf]
        return len(self.prompt) - 1

    def until(self, moment: float) -> None:
        """All steps that begin before this moment, as if a request came then."""
        self.arrival[-1] = moment
        while self.now < moment:
            self.absorb()
            if self.running or self.waiting:
                self.moments = []
                self.step()
            else:
                self.now = self.arrival[self.next]
        self.arrival[-1] = math.inf

    def held(self, moment: float) -> int:
        """Requests here at this moment. A request that ends with the step under way is still here."""
        return len(self.prompt) - self.through + sum(last > moment for last in self.moments)

    def _last_token(self, number: int) -> None:
        self.last[number] = self.now
        self.through += 1
        self.moments.append(self.now)


def route(
    engine: Engine,
    copies: int,
    router: str,
    prompts: Lengths,
    outputs: Lengths,
    *,
    rate: float,
    burstiness: float = 1.0,
    count: int = 10_000,
    warm: int = 1_000,
    seed: int = 0,
) -> Routed:
    """`count` requests after `warm` others, at `rate` [1/s] of all copies, with gaps of cv `burstiness`.

    router: "random", "round-robin" or "least-loaded", the copy with the fewest requests (any of them, where several
    have as few).
    """
    rng = np.random.default_rng(seed)
    total = count + 2 * warm  # the last ones keep the engines as loaded as before
    prompt, output = prompts(rng, total).tolist(), outputs(rng, total).tolist()
    shape = burstiness**-2
    arrival = np.cumsum(rng.gamma(shape, 1 / (rate * shape), total)).tolist()
    order, spread = rng.integers(0, copies, total).tolist(), rng.random((total, copies))
    engines = [_Copy(engine) for _ in range(copies)]
    placed = []
    for number, moment in enumerate(arrival):
        if router == "least-loaded":
            for one in engines:
                one.until(moment)
            held = [one.held(moment) for one in engines]
            chosen = min(range(copies), key=lambda i: (held[i], spread[number, i]))
        else:
            chosen = number % copies if router == "round-robin" else order[number]
        placed.append((chosen, engines[chosen].take(moment, prompt[number], output[number])))
    for one in engines:
        one.until(1e12)
    kept = placed[warm : warm + count]
    arrived = np.array(arrival[warm : warm + count])
    first = np.array([engines[i].first[number] for i, number in kept])
    last = np.array([engines[i].last[number] for i, number in kept])
    lengths = np.array(output[warm : warm + count])
    with np.errstate(all="ignore"):
        tpot = np.where(lengths > 1, (last - first) / (lengths - 1), math.nan)
    return Routed(first - arrived, tpot, last - arrived)
