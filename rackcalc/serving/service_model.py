"""What every split returns: a model of the service on an idle rack, from which latency under load is computed."""

from rackcalc.formulas.links.transfer import Transfer
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import field, record
from rackcalc.spec.rack import Rack

ONE = constant(1.0, "1", "one", "given", note="one, or all of it, where the file says nothing else")


@record
class Stage:
    """One part of the way of a request. terms: what its time is made of, seconds."""

    time: Quantity
    bound_by: str
    terms: dict[str, Quantity] = field(default_factory=dict)


@record
class Memory:
    """What a pool holds, bytes; of one GPU, of all LPUs. free < 0: it does not fit."""

    capacity: Quantity
    weights: Quantity | None
    kv_cache: Quantity | None
    free: Quantity
    chips_needed: Quantity | None = None
    max_batch: Quantity | None = None


def batch_of(rack: Rack) -> Quantity:
    """Sequences processed together, of a rack that has a batch: estimation gives it one where the file states none."""
    assert rack.workload.batch is not None
    return rack.workload.batch


@record
class BusiestHour:
    """What holds in the hour of the day in which most requests come, of all copies of the model.

    times: by the name of their figure (ttft_p99, ...). busy, activity: of the GPUs, as of ServiceModel.
    """

    hour: Quantity
    rate: Quantity
    times: dict[str, Quantity]
    busy: Quantity
    activity: Quantity


@record
class EngineLoad:
    """A serving engine whose requests arrive at random at `rate`, over all copies of the model.

    wait: mean wait for a seat. mean, levels: of whole requests; ttft: of the time to first token; tpot: of the time per
    token, mean over a request; itl: of the time between two tokens. levels: by name, p50, p90, ... at_slo: the largest
    rate that meets workload.slo; goodput: requests/s that meet it now. peak: where the hours of a day differ; all else
    is then of the whole day, rates being its means.
    """

    rate: Quantity
    wait: Quantity
    mean: Quantity
    levels: dict[str, Quantity]
    ttft: Quantity
    ttft_levels: dict[str, Quantity]
    tpot: Quantity
    tpot_levels: dict[str, Quantity]
    itl_levels: dict[str, Quantity]
    at_slo: Quantity | None = None
    goodput: Quantity | None = None
    peak: BusiestHour | None = None


@record
class ClosedLoad:
    """Requests of a closed loop, beyond their means.

    levels: percentiles by the name of their figure (ttft_p99, p50, ...), but for those that cannot be told. details:
    by name, such as the share of requests that are preempted.
    at_slo: the largest rate that meets workload.slo, with as many clients as that allows. goodput: requests/s that meet
    it with those there are.
    """

    levels: dict[str, Quantity] = field(default_factory=dict)
    details: dict[str, Quantity] = field(default_factory=dict)
    at_slo: Quantity | None = None
    goodput: Quantity | None = None


@record
class ServiceModel:
    """How an idle rack serves one batch. Times in s; per token in s/token.

    passage: time through the empty rack. occupancy: time that one batch (in generation: one request) holds a server.
    servers: how many of them can be held at once. batch: requests per held server. crossing_size: bytes of one transfer
    between the pools. By pool: busy, the share of the time that it works when the rack is saturated; activity, the
    power utilization of a chip that works; slots, the requests that share one server. By level (p95, p99, ...): tails,
    of the passage, where it varies by itself; token_times, of the time between two tokens. load: of an engine to which
    requests come at random; its busy pools are busy for that share of all time. each_prompt: time of an engine for each
    prompt, where that is not the time of the stage "prefill", since it computes several side by side.
    """

    passage: Quantity
    occupancy: Quantity
    servers: Quantity
    batch: Quantity
    stages: dict[str, Stage]
    memory: dict[str, Memory]
    transfers: dict[str, Transfer]
    busy: dict[str, Quantity]
    activity: dict[str, Quantity]
    ttft: Quantity | None = None
    tpot: Quantity | None = None
    crossing_size: Quantity | None = None
    slots: dict[str, Quantity] = field(default_factory=dict)
    details: dict[str, Quantity] = field(default_factory=dict)
    tails: dict[str, Quantity] = field(default_factory=dict)
    token_times: dict[str, Quantity] = field(default_factory=dict)
    load: EngineLoad | None = None
    closed: ClosedLoad | None = None
    each_prompt: Quantity | None = None
