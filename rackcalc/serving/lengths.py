"""Lengths, arrivals and prefix-cache hits of a rack as its calculation takes them, from what its file says."""

from typing import Any

from rackcalc.formulas.combine import total
from rackcalc.formulas.serving import length_moments
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import replace
from rackcalc.spec.lengths import Lengths
from rackcalc.spec.rack import Rack, Serving, Workload

EVEN = constant(1.0, "1", "lengths are spread evenly", "given", note="1 where they are, 0 where they are log-normal")
FIRST_TOKEN = constant(1.0, "token", "workload.output", "given", note="serving.phase: prefill ends with it")


def with_lengths(rack: Rack) -> Rack:
    """The rack in which workload.input and .output are means, with all else that is said of the lengths beside them.

    What a trace or a conversation says is in its place too. A rack that says nothing of these stays as it is.
    """
    work = rack.workload
    if work.trace is not None:
        work = _from_trace(work, rack.serving)
    work = _moments(_moments(work, "input"), "output")
    if work.conversation is not None and work.output is not None:
        turns, message = work.conversation.turns, work.input
        prompt = length_moments.prompt_of_turns(message=message, answer=work.output, turns=turns)
        cached = length_moments.cached_of_turns(message=message, prompt=prompt)
        work = replace(work, input=prompt, cached=cached)
    if rack.serving.phase == "prefill" and work.output is not None:
        work = replace(work, output=FIRST_TOKEN, output_cv=None, output_even=None, output_strata=None)
    return rack if work is rack.workload else replace(rack, workload=work)


def _moments(work: Workload, name: str) -> Workload:
    """The workload with the mean of one of its lengths in place of the distribution."""
    lengths: Any = getattr(work, name)
    if not isinstance(lengths, Lengths):
        return work
    if lengths.trace is not None:
        assert lengths.read is not None
        _used(lengths.column)
        return replace(work, **_of_column(name, lengths.read))
    if lengths.p50 is not None and lengths.p99 is not None:
        ends = {"p50": lengths.p50, "p99": lengths.p99}
        mean, cv = length_moments.lognormal_mean(**ends), length_moments.lognormal_cv(**ends)
        return replace(work, **{name: mean, f"{name}_cv": cv})
    if lengths.spread is not None:
        cv = length_moments.even_cv(spread=lengths.spread)
        return replace(work, **{name: lengths.mean, f"{name}_cv": cv, f"{name}_even": EVEN})
    return replace(work, **{name: lengths.mean, f"{name}_cv": lengths.cv})


def _of_column(name: str, column: Any) -> dict[str, Any]:
    """The fields of a workload that a column of a trace gives. name: input or output."""
    return {name: column.mean, f"{name}_cv": column.cv, f"{name}_strata": column.strata}


def _from_trace(work: Workload, serving: Serving) -> Workload:
    """The workload with what its trace says, where nothing is stated beside it."""
    trace = work.trace
    assert trace is not None and trace.read is not None
    _used(trace.file)
    said = trace.read
    found: dict[str, Any] = {}
    for name, column in (("input", said.input), ("output", said.output)):
        if getattr(work, name) is None:
            _used(trace.input if name == "input" else trace.output)
            found |= _of_column(name, column)
    if said.arrival_rate is not None and work.arrival_rate is None:
        _used(trace.time, trace.time_unit)
        found["arrival_rate"] = said.arrival_rate
    if said.gap_cv is not None and work.burstiness is None:
        _used(trace.time)
        found["burstiness"] = length_moments.at_least_poisson(gap_cv=said.gap_cv)
    if said.hours and not work.hours:
        _used(trace.hours)
        found["hours"] = said.hours
    if said.cached is not None and work.cached is None and serving.prefix_caching:
        _used(trace.hashes)
        found["cached"] = said.cached
    return replace(work, **found)


def _used(*words: str | bool | None) -> None:
    """Words of the rack file that have an effect, because what they name is taken. Reading them is what counts."""


def computed_prompt(rack: Rack, tokens: Quantity | None = None) -> Quantity:
    """Tokens of a prompt that the prefill computes: all that is neither in the prefix cache nor fetched.

    tokens: of the prompt.
    """
    whole, share = rack.workload.input if tokens is None else tokens, share_not_computed(rack)
    return whole if share is None else length_moments.computed_tokens(prompt=whole, cached=share)


def share_not_computed(rack: Rack) -> Quantity | None:
    """Share of a prompt that is in the prefix cache or fetched; None where nothing is said of either."""
    plan = rack.serving.kv_offload
    known = {"cached": getattr(rack.workload, "cached", None), "fetched": None if plan is None else plan.hits}
    shares = {name: share for name, share in known.items() if share is not None}
    return total(**shares) if len(shares) > 1 else next(iter(shares.values()), None)
