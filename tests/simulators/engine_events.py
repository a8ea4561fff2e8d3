"""A discrete-event simulator of one serving engine with continuous batching. It imports nothing from rackcalc.

Every step decodes one token of every running sequence. Chunked prefill (default) puts prompt tokens of the admitted
requests, first come first served, into what the step's token budget leaves. Without it, whole prompts run in passes of
their own while decoding stands still. A request is admitted when a seat is free and its whole prompt fits into the KV
cache; when the cache runs out, the newest request loses its place and is computed anew later (as vLLM does).

Between events all steps are computed together, so a run is exact and quick.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# step(decoding, cached, prompt, attended): seconds of a step with so many decoding sequences, which have so many tokens
# cached (an array when several steps are computed together), and so many prompt tokens, which look at so many tokens.
Step = Callable[[int, Any, int, float], Any]
Lengths = Callable[[np.random.Generator, int], Any]


def fixed(tokens: int) -> Lengths:
    return lambda rng, size: np.full(size, tokens)


def uniform(mean: float, spread: float) -> Lengths:
    """Whole numbers, evenly between mean x (1 - spread) and mean x (1 + spread)."""
    low, high = round(mean * (1 - spread)), round(mean * (1 + spread))
    return lambda rng, size: rng.integers(max(low, 1), high + 1, size)


def lognormal(mean: float, cv: float) -> Lengths:
    sigma = math.sqrt(math.log1p(cv * cv))
    center = math.log(mean) - sigma * sigma / 2
    return lambda rng, size: np.maximum(np.rint(rng.lognormal(center, sigma, size)), 1).astype(int)


def traced(values: Sequence[int]) -> Lengths:
    return lambda rng, size: np.asarray(values)[rng.integers(0, len(values), size)]


@dataclass(frozen=True)
class Engine:
    step: Step
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048
    kv_tokens: float = math.inf
    chunked: bool = True


@dataclass
class Run:
    """What was measured, one entry per request after the warm-up, in order of arrival."""

    arrival: Any
    ttft: Any
    tpot: Any  # nan where the output is one token
    time: Any  # of the whole request
    admission: Any  # wait before its first chunk could be in a step
    prompt: Any
    output: Any
    gaps: Any  # times between tokens, and how many tokens have each
    gap_counts: Any
    decoding: Any  # share of time with n sequences decoding
    present: float  # mean number of requests between arrival and last token, over the measured time
    rate: float  # arrivals a second over the measured time
    preemptions: int
    put_back: Any  # whether it lost its place in the KV cache at least once

    def gap_quantile(self, p: float) -> float:
        order = np.argsort(self.gaps)
        sums = np.cumsum(self.gap_counts[order])
        return float(self.gaps[order][np.searchsorted(sums, p * sums[-1])])


def batched(values: Any, statistic: Callable[[Any], float], batches: int = 10) -> tuple[float, float]:
    """A statistic of all values, and its standard error from so many batches in order."""
    values = values[~np.isnan(values)]
    parts = [statistic(part) for part in np.array_split(values, batches)]
    return float(statistic(values)), float(np.std(parts, ddof=1) / math.sqrt(batches))


def simulate(
    engine: Engine,
    prompts: Lengths,
    outputs: Lengths,
    *,
    rate: float = 0.0,
    burstiness: float = 1.0,
    concurrency: int = 0,
    count: int = 10_000,
    warm: int = 1_000,
    seed: int = 0,
    pairs: Sequence[tuple[int, int]] = (),
) -> Run:
    """`count` requests after `warm` others: at `rate` with gaps of cv `burstiness`, or `concurrency` at all times.

    pairs: prompt and output lengths that belong together (a trace); they replace prompts and outputs.
    """
    rng = np.random.default_rng(seed)
    total = 2 * (count + warm) + 1000
    if pairs:
        drawn = np.asarray(pairs)[rng.integers(0, len(pairs), total)]
        prompt, output = drawn[:, 0].tolist(), drawn[:, 1].tolist()
    else:
        prompt, output = prompts(rng, total).tolist(), outputs(rng, total).tolist()
    if concurrency:
        arrival = [0.0] * concurrency + [math.inf] * (total - concurrency)
    else:
        shape = burstiness**-2
        arrival = np.cumsum(rng.gamma(shape, 1 / (rate * shape), total)).tolist()
    return Events(engine, prompt, output, arrival, bool(concurrency)).run(warm, warm + count)


class Events:
    """The state of one engine, from step to step."""

    def __init__(self, engine: Engine, prompt: list, output: list, arrival: list, closed: bool) -> None:
        self.engine, self.prompt, self.output, self.arrival, self.closed = engine, prompt, output, arrival, closed
        total = len(prompt)
        self.first, self.last, self.admitted = ([math.nan] * total for _ in range(3))
        self.now, self.next, self.count = 0.0, 0, 0  # count: decode steps so far
        self.waiting: deque[int] = deque()
        self.filling: list[list[int]] = []  # request, prompt tokens done, prompt tokens in all
        self.ends: list[tuple[int, int]] = []  # heap of (count at the last token, request)
        self.began: dict[int, tuple[int, int]] = {}  # decoding request: count and context when it began
        self.running: dict[int, None] = {}  # in order of admission
        self.again: dict[int, tuple[int, float]] = {}  # preempted: tokens made before, time of the last one
        self.cached = self.reserved = 0  # tokens of decoding sequences, and of prompts under way
        self.groups: list[list[float]] = []  # time of their last token, number of sequences
        self.gaps: list[Any] = []
        self.counts: list[Any] = []
        self.present_time = [0.0] * (engine.max_num_seqs + 2)
        self.preemptions = 0
        self.put_back = [False] * total
        self.measuring, self.done, self.spawned = False, 0, 0

    def run(self, begin: int, end: int) -> Run:
        self.begin, self.end = begin, end
        if self.closed:
            self.spawned = sum(1 for moment in self.arrival if moment == 0.0)
        while self.done < end - begin:
            self.absorb()
            if not self.running and not self.waiting:
                self.now = self.arrival[self.next]
                continue
            self.step()
        return self._result()

    def step(self) -> None:
        """The next step, or all steps until something changes."""
        preempted = self._make_room()
        chunks = self._chunks(admit=not preempted)
        if chunks:
            self._prompt_step(chunks)
        else:
            self._decode_steps()
        self._finish()

    def absorb(self) -> None:
        """Requests that arrived up to now wait."""
        while self.arrival[self.next] <= self.now:
            if self.next == self.begin:
                self.measuring = True
            self.waiting.append(self.next)
            self.next += 1

    def _make_room(self) -> bool:
        """Before a step: the newest requests give up their place until every decoding one has room for its token."""
        preempted = False
        while len(self.began) > 1 and self.cached + self.reserved + len(self.began) > self.engine.kv_tokens:
            newest = next(reversed(self.running))
            preempted = True
            self.preemptions += self.measuring
            self.put_back[newest] = True
            del self.running[newest]
            if newest in self.began:
                start, context = self.began.pop(newest)
                made = self.count - start
                self.cached -= context + made
                self.ends = [pair for pair in self.ends if pair[1] != newest]
                heapq.heapify(self.ends)
                earlier = context - self.prompt[newest]
                self.again[newest] = (earlier + made + 1, self.groups[-1][0] if self.groups else self.now)
                if self.groups:
                    self.groups[-1][1] -= 1
            else:
                self.reserved -= next(entry[2] for entry in self.filling if entry[0] == newest)
                self.filling = [entry for entry in self.filling if entry[0] != newest]
            self.waiting.appendleft(newest)
        return preempted

    def _chunks(self, admit: bool) -> list[tuple[list[int], int]]:
        """The prompt tokens of the next step: requests and how many tokens of each."""
        engine, chunks = self.engine, []
        budget = engine.max_num_batched_tokens - (len(self.began) if engine.chunked else 0)
        for entry in self.filling:
            if budget <= 0:
                break
            take = min(budget, entry[2] - entry[1])
            chunks.append((entry, take))
            budget -= take
        while admit and self.waiting and budget > 0 and len(self.running) < engine.max_num_seqs:
            number = self.waiting[0]
            tokens = self.prompt[number] + self.again.get(number, (0, 0.0))[0]
            if self.cached + self.reserved + len(self.began) + tokens > engine.kv_tokens and self.running:
                break
            if not engine.chunked and chunks and tokens > budget:
                break
            self.waiting.popleft()
            self.running[number] = None
            if math.isnan(self.admitted[number]):
                self.admitted[number] = self.now
            entry = [number, 0, tokens]
            self.filling.append(entry)
            self.reserved += tokens
            take = min(budget, tokens) if engine.chunked else tokens
            chunks.append((entry, take))
            budget -= take
        return chunks

    def _record(self, gaps: Any, count: Any) -> None:
        if self.measuring:
            self.gaps.append(gaps)
            self.counts.append(count)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        if self.measuring:
            self.present_time[len(self.began)] += seconds

    def _token(self, decoding: int) -> None:
        """All decoding sequences got a token just now."""
        for moment, number in self.groups:
            self._record([self.now - moment], [number])
        self.groups = [[self.now, decoding]] if decoding else []

    def _prompt_step(self, chunks: list[tuple[list[int], int]]) -> None:
        decoding = len(self.began) if self.engine.chunked else 0
        tokens = sum(take for _, take in chunks)
        attended = sum(take * (entry[1] + take / 2) for entry, take in chunks)
        self._pass(float(self.engine.step(decoding, self.cached if decoding else 0, tokens, attended)))
        if decoding:
            self.count += 1
            self.cached += decoding
            self._token(decoding)
        started = 0
        for entry, take in chunks:
            entry[1] += take
            if entry[1] == entry[2]:
                started += self._first_token(entry[0], entry[2])
        if started:
            if self.groups and self.groups[-1][0] == self.now:
                self.groups[-1][1] += started
            else:
                self.groups.append([self.now, started])
        self.filling = [entry for entry in self.filling if entry[1] < entry[2]]

    def _first_token(self, number: int, tokens: int) -> int:
        """A prompt is through. Whether its request goes on decoding."""
        self.reserved -= tokens
        made, moment = self.again.pop(number, (0, math.nan))
        if made:
            self._record([self.now - moment], [1])
        else:
            self.first[number] = self.now
        left = self.output[number] - made - 1
        if left <= 0:
            self.running.pop(number)
            self._last_token(number)
            return 0
        self.began[number] = (self.count, tokens)
        self.cached += tokens
        heapq.heappush(self.ends, (self.count + left, number))
        return 1

    def _decode_steps(self) -> None:
        """All steps until the next event: an end, an arrival that may be admitted, or the end of the KV room."""
        decoding, cached = len(self.began), self.cached
        steps = self.ends[0][0] - self.count
        room = self.engine.kv_tokens - cached - self.reserved
        if room < decoding * steps:
            steps = max(int(room // decoding), 1)
        first = float(self.engine.step(decoding, cached, 0, 0.0))
        soon = self.arrival[self.next] if not self.waiting else math.inf
        if soon < math.inf:
            steps = min(steps, int((soon - self.now) / first) + 2)
        if steps == 1:
            self._pass(first)
        else:
            times = np.broadcast_to(self.engine.step(decoding, cached + decoding * np.arange(steps), 0, 0.0), (steps,))
            ends = self.now + np.cumsum(times)
            steps = min(int(np.searchsorted(ends, soon)) + 1, steps)
            self._pass(first)
        self.count += 1
        self._token(decoding)
        if steps > 1:
            self._pass(float(ends[steps - 1]) - self.now)
            self._record(times[1:steps], np.full(steps - 1, decoding))
            self.count += steps - 1
            self.groups = [[self.now, decoding]]
        self.cached += decoding * steps

    def _finish(self) -> None:
        while self.ends and self.ends[0][0] <= self.count:
            _, number = heapq.heappop(self.ends)
            start, context = self.began.pop(number)
            self.cached -= context + self.count - start
            del self.running[number]
            self.groups[-1][1] -= 1
            self._last_token(number)
        self.groups = [group for group in self.groups if group[1] > 0]

    def _last_token(self, number: int) -> None:
        self.last[number] = self.now
        self.done += self.begin <= number < self.end
        if self.closed:
            self.arrival[self.spawned] = self.now
            self.spawned += 1

    def _result(self) -> Run:
        part = slice(self.begin, self.end)
        arrival, first, last, admitted = (
            np.array(values[part]) for values in (self.arrival, self.first, self.last, self.admitted)
        )
        prompt, output = np.array(self.prompt[part]), np.array(self.output[part])
        with np.errstate(all="ignore"):
            tpot = np.where(output > 1, (last - first) / (output - 1), math.nan)
        low, high = arrival[0], arrival[-1]
        comes = np.array([moment for moment in self.arrival[: self.next] if moment < math.inf])
        goes = np.array(self.last[: len(comes)])
        goes[np.isnan(goes)] = math.inf
        inside = np.clip(np.minimum(goes, high) - np.maximum(comes, low), 0, None).sum()
        shares = np.array(self.present_time)
        return Run(
            arrival, first - arrival, tpot, last - arrival, admitted - arrival, prompt, output,
            np.concatenate(self.gaps), np.concatenate(self.counts), shares / shares.sum(),
            float(inside / (high - low)), float((len(arrival) - 1) / (high - low)), self.preemptions,
            np.array(self.put_back[part]),
        )  # fmt: skip
