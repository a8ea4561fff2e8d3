"""Request rates: capacity, rates of batches and sequences, and rates at a planned utilization."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, Count, Ratio, RequestsPerSecond, Seconds


@formula(cite="definition: servers over the time each is held")
def capacity(servers: Count, batch: Count, time: Seconds) -> RequestsPerSecond:
    """Requests per second of the saturated rack. time: between two batches of one server.

    >>> capacity(servers=8.0, batch=4.0, time=0.016)
    2000.0
    """
    return xp.divide(servers * batch * REQUEST, time)


@formula(cite="definition: batches arrive whole")
def batch_rate(arrival_rate: RequestsPerSecond, batch: Count) -> RequestsPerSecond:
    """Rate at which batches arrive when clients send `batch` sequences at a time.

    >>> batch_rate(arrival_rate=800.0, batch=8.0)
    100.0
    """
    return arrival_rate / batch


@formula(cite="definition: sequences arrive in batches")
def sequence_rate(batches: RequestsPerSecond, batch: Count) -> RequestsPerSecond:
    """Sequences per second of a rate of batches.

    >>> sequence_rate(batches=100.0, batch=8.0)
    800.0
    """
    return batches * batch


@formula(cite="definition")
def sustained_rate(capacity: RequestsPerSecond, utilization: Ratio) -> RequestsPerSecond:
    """Rate at which the capacity is used at a planned utilization.

    >>> sustained_rate(capacity=800.0, utilization=0.5)
    400.0
    """
    return capacity * utilization


@formula(
    cite="definition: a benchmark ends with the answer to its last request",
    error=0.03,  # holds four fifths of 138 rates of TensorRT-LLM 0.14; how long such runs were is not stated
)
def rate_of_run(rate: RequestsPerSecond, time: Seconds, requests: Count) -> RequestsPerSecond:
    """Requests over the length of a run that offers them at `rate`. time: of one request.

    >>> rate_of_run(rate=10.0, time=5.0, requests=200.0)
    8.0
    """
    return xp.divide(requests * REQUEST, requests * REQUEST / rate + time)


@formula(cite="definition: as many requests per time as seats become free")
def seat_time(seats: Count, capacity: RequestsPerSecond) -> Seconds:
    """How long a request holds its seat in an engine whose seats are all taken.

    >>> seat_time(seats=64.0, capacity=16.0)
    4.0
    """
    return xp.divide(seats * REQUEST, capacity)


@formula(cite="definition: copies of the model side by side")
def of_all_copies(rate: RequestsPerSecond, copies: Count) -> RequestsPerSecond:
    """Requests per second of all copies of the model.

    >>> of_all_copies(rate=2.0, copies=9.0)
    18.0
    """
    return rate * copies


@formula(cite="definition: arrival rate over capacity (L. Kleinrock, Queueing Systems I, 1975)")
def share_of_capacity(arrival_rate: RequestsPerSecond, capacity: RequestsPerSecond) -> Ratio:
    """Utilization; 1 and more is overload.

    >>> share_of_capacity(arrival_rate=400.0, capacity=500.0)
    0.8
    """
    return xp.pure(xp.divide(arrival_rate, capacity))


@formula(cite="definition: an engine that is never quite full")
def kept_rate(rate: RequestsPerSecond, spare: Ratio) -> RequestsPerSecond:
    """Request rate of an engine that keeps a share of its capacity free.

    >>> kept_rate(rate=100.0, spare=0.25)
    75.0
    """
    return rate * (1 - spare)


@formula(cite="assumption: the times that are limited are independent, which counts a little too few requests")
def goodput(rate: RequestsPerSecond, **shares: Ratio) -> RequestsPerSecond:
    """Requests per second that meet every limit. shares: of the requests that meet each.

    >>> goodput(rate=10.0, ttft=0.9, tpot=0.5)
    4.5
    """
    result = rate
    for share in shares.values():
        result = result * share
    return result
