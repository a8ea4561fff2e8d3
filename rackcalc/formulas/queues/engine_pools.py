"""Engines that prefill and engines that decode, one after the other, while requests arrive at random.

An engine that prefills answers with one token: the law of continuous_batching.py with nothing to decode. What leaves it
arrives at an engine that decodes with its KV cache, in whose steps no prompt has work. The second pool is given the
bursts of the arrivals at the first, whatever the load of the first. S. Suresh and W. Whitt (Operations Research Letters
9 (1990) 355-362) show it in the limit of a queue with little load before one with much; a request decodes for many
times as long as a prompt waits, and simulations agree (tests/test_pools_under_load.py).
The waits in both pools are taken as independent; lengths of prompts and of answers are.
"""

from typing import Any

from rackcalc.formulas.queues.continuous_batching import capacity_of
from rackcalc.formulas.queues.engine_latencies import UnderLoad
from rackcalc.formulas.queues.engine_prefills import prompt_through
from rackcalc.formulas.queues.engine_steps import Engine, prompt_room, prompts_of
from rackcalc.formulas.queues.length_distributions import Lengths, fixed
from rackcalc.formulas.queues.mixture_parts import Part
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record, replace


@record
class Sending:
    """Sending a KV cache. latency, time: of a prompt of mean length, in s. pieces: layers, each sent when computed.

    held: time in s by which a prompt of mean length holds its engine longer than it computes, as over a slow link.
    """

    latency: Any
    time: Any
    pieces: Any
    held: Any

    def exposed(self, prompt: Any, length: Any) -> Any:
        """What is left to wait for, in s. prompt: its prefill, in s; length: over the mean (see kv_transfer.py)."""
        time = self.time * length
        return self.latency + xp.maximum(time / self.pieces, time - prompt * (self.pieces - 1) / self.pieces)


@record
class Prompted:
    """Prompts that are through and sent. parts: of the time until then, in groups: those that found no queue, others.

    wait: mean time in s before the own prompt, and of others in its steps. over: whether more come than it can do.
    """

    parts: list[list[Part]]
    wait: Any
    over: Any


def prompted(
    engine: Engine, prompts: Lengths, sending: Sending, rate: Any, gap_scv: Any, balanced: Any = 1.0
) -> Prompted:
    """An engine that prefills, to which requests come at a rate. balanced: see prompt_through."""
    work = prompts_of(engine, prompts, prompt_room(engine, 0.0))
    through = prompt_through(engine, work, rate, gap_scv, balanced)
    most = capacity_of(engine, prompts, fixed(1.0))
    found: list[list[Part]] = [[], []]
    for own, part, parts in zip(through.own, work.strata, through.groups, strict=True):
        length = part.tokens / prompts.mean
        held = sending.held * length
        more = sending.exposed(own.time - held, length) - held
        sent = [(share, least + more, mean + more, variance) for share, least, mean, variance in parts]
        found[0] += sent[:-1]
        found[1] += sent[-1:]
    return Prompted(parts=found, wait=through.wait, over=through.over | (rate >= most))


def one_after_the_other(before: Prompted, decode: UnderLoad) -> UnderLoad:
    """Both pools as one: from the arrival at an engine that prefills to the last token."""
    first = [_one(group) for group in before.parts]

    def ttft() -> list[Part]:
        *at_once, waiting = decode.parts["ttft"]()  # where seats are taken; one kind of prompt, so one part
        later = [_one(at_once), waiting] if at_once else [waiting]
        return [_sum(part, more) for group in before.parts for part in group for more in later]

    def time() -> list[Part]:
        return [_sum(part, more) for part in decode.parts["time"]() for more in first]

    return replace(
        decode,
        parts=decode.parts | {"ttft": ttft, "time": time},
        wait=before.wait + decode.wait,
        over=before.over | decode.over,
        _kept={},
    )


def _sum(a: Part, b: Part) -> Part:
    """The sum of two independent parts."""
    return a[0] * b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _one(parts: list[Part]) -> Part:
    """Several parts as one, with their mean and variance."""
    share = sum([part[0] for part in parts])
    some = xp.maximum(share, 1e-300)
    mean = sum([part[0] * part[2] for part in parts]) / some
    variance = sum([part[0] * (part[3] + (part[2] - mean) ** 2) for part in parts]) / some
    least = xp.lowest([xp.where(part[0] > 0, part[1], xp.inf) for part in parts])
    return share, xp.minimum(least, mean), mean, variance
