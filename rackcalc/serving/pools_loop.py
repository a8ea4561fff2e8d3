"""Engines that prefill and engines that decode as a closed network: each client's next request starts at the former.

A pass of an engine that prefills holds the prompts that wait, as many as fit. Decode steps hold no prompts; the number
of sequences in them follows from the request rate (Little's law).
"""

from collections.abc import Callable

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.concurrency import balanced
from rackcalc.formulas.serving.disaggregated_prefill import (
    before_generation,
    cycle_time,
    extrapolated,
    generation_rate,
    number_generating,
    prompts_at_engine,
    prompts_with_it,
    rate_elsewhere,
    until_next_pass,
)
from rackcalc.formulas.serving.replicas import per_engine, rate_per_copy
from rackcalc.formulas.serving.request_time import left_over, request_time
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record

ROUNDS = 2  # of two steps and an extrapolation each: where prefills are slower, the number falls by a few % a step
Pass = Callable[[Quantity], GpuPass]


@record
class Prefills:
    """Engines [1] that prefill. pass_of: the pass of so many prompts; alone, full: of one, and of the most that fit.

    turn: time of one engine for one prompt when all passes are full, or for sending its KV cache, the longer [s].
    """

    engines: Quantity
    pass_of: Pass
    alone: GpuPass
    full: GpuPass
    most: Quantity
    turn: Quantity

    def pace(self, rate: Quantity) -> dict[str, Quantity]:
        """The passes at a request rate of all engines: their time and prompts, mean over passes."""
        each = rate_per_copy(arrival_rate=rate, copies=self.engines)
        number = balanced(rate=each, alone=self.alone.time, loaded=self.full.time, at=self.most, most=self.most)
        time = self.pass_of(number).time
        return {"time": time, "rate": rate, "engines": self.engines, "prompts": number, "most": self.most}

    def at(self, rate: Quantity) -> tuple[GpuPass, Quantity]:
        """The pass of a request at a request rate of all engines, and the time of a prompt beyond its turn [s].

        That is the wait for the pass under way, and the other prompts of its own pass.
        """
        pace = self.pace(rate)
        passed = self.pass_of(prompts_with_it(**pace))
        return passed, total(wait=until_next_pass(**pace), others=left_over(whole=passed.time, part=self.turn))


@record
class Decoders:
    """Engines [1] that decode, each with room [1] for so many sequences. tpot_at: time per token among so many."""

    engines: Quantity
    room: Quantity
    tpot_at: Callable[[Quantity], Quantity]
    output: Quantity

    def rate(self, number: Quantity) -> Quantity:
        """Requests per second that all engines finish, each with so many sequences."""
        return generation_rate(engines=self.engines, number=number, tpot=self.tpot_at(number), output=self.output)


@record
class PoolsLoop:
    """Requests kept in flight at both pools. number [1]: that generate in one engine. decoded: rate of the decoding
    engines if all requests were theirs. passed: the pass of the engines that prefill.
    """

    rate: Quantity
    cycle: Quantity
    ttft: Quantity
    tpot: Quantity
    number: Quantity
    decoded: Quantity
    passed: GpuPass


def pools_loop(
    requests: Quantity, prefills: Prefills, decoders: Decoders, before: Callable[[GpuPass, Quantity], Quantity]
) -> PoolsLoop:
    """The loop of `requests` in flight.

    before: time to first token but for the prefill [s], from its pass and the sequences of a decode step.
    """
    output = decoders.output
    most = decoders.rate(decoders.room)
    line = {"requests": requests, "engines": prefills.engines}
    number = smallest(asked=per_engine(requests=requests, engines=decoders.engines), room=decoders.room)
    decoded = decoders.rate(number)
    passed = prefills.alone
    beyond = left_over(whole=passed.time, part=prefills.turn)
    sequence = [number]
    for _ in range(2 * ROUNDS + 1):
        tpot = decoders.tpot_at(number)
        elsewhere = request_time(ttft=total(passes=beyond, rest=before(passed, number)), tpot=tpot, output=output)
        queued = prompts_at_engine(**line, prefill=prefills.turn, elsewhere=elsewhere)
        rate = smallest(cycle=rate_elsewhere(**line, queued=queued, elsewhere=elsewhere), room=most)
        number = number_generating(rate=rate, engines=decoders.engines, tpot=tpot, output=output)
        sequence.append(number)
        if len(sequence) == 3:
            number = extrapolated(first=sequence[0], second=sequence[1], third=sequence[2])
            sequence = [number]
        passed, beyond = prefills.at(rate)
    cycle = cycle_time(requests=requests, rate=rate)
    ttft = before_generation(cycle=cycle, tpot=tpot, output=output)
    return PoolsLoop(rate, cycle, ttft, tpot, number, decoded, passed)
