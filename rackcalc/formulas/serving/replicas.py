"""Replicas of a model and their engines: how many a pool of GPUs holds, and the requests and work of each."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, RequestsPerSecond, Seconds, Tokens


@formula(cite="definition: whole groups of tensor-parallel GPUs")
def replicas(count: Count, tensor_parallel: Count) -> Count:
    """Copies of the model that a pool of GPUs can run side by side; a remainder stays idle.

    >>> replicas(count=8.0, tensor_parallel=4.0)
    2.0
    """
    return xp.floor(count / tensor_parallel)


@formula(cite="definition: one request is one sequence")
def slots(replicas: Count, batch: Count) -> Count:
    """Requests that can be in service at once.

    >>> slots(replicas=2.0, batch=32.0)
    64.0
    """
    return replicas * batch


@formula(cite="definition: each data-parallel group has a scheduler of its own")
def budget_of_groups(chunk: Tokens, groups: Count) -> Tokens:
    """Most tokens that all groups of an engine compute in one step. chunk: of one group.

    >>> budget_of_groups(chunk=8192.0, groups=8.0)
    65536.0
    """
    return chunk * groups


@formula(cite="definition: copies of the model share the load evenly")
def rate_per_copy(arrival_rate: RequestsPerSecond, copies: Count) -> RequestsPerSecond:
    """Requests per second of one of several copies of the model.

    >>> rate_per_copy(arrival_rate=18.0, copies=9.0)
    2.0
    """
    return xp.divide(arrival_rate, copies)


@formula(cite="definition: work of several users over those that do it")
def shared_time(time: Seconds, users: Count, servers: Count) -> Seconds:
    """Time that `servers` alike need for one piece of work of each user.

    >>> shared_time(time=1e-3, users=9.0, servers=18.0)
    0.0005
    """
    return xp.divide(time * users, servers)


@formula(cite="definition: engines side by side")
def one_engine(rate: RequestsPerSecond, gpus: Count, devices: Count) -> RequestsPerSecond:
    """Request rate of one engine of `devices` from that of all GPUs.

    >>> one_engine(rate=8.0, gpus=8.0, devices=2.0)
    2.0
    """
    return xp.divide(rate * devices, gpus)


@formula(cite="definition: requests over the GPUs of one engine")
def per_engine(requests: Count, engines: Count) -> Count:
    """Requests in flight at one of several engines; at least one.

    >>> per_engine(requests=64.0, engines=2.0)
    32.0
    """
    return xp.maximum(requests / engines, 1.0)


@formula(cite="definition: groups side by side")
def gpus_of(groups: Count, width: Count) -> Count:
    """GPUs of an engine.

    >>> gpus_of(groups=4.0, width=2.0)
    8.0
    """
    return groups * width


@formula(cite="definition: engines side by side")
def all_engines(rate: RequestsPerSecond, gpus: Count, devices: Count) -> RequestsPerSecond:
    """Request rate of all GPUs from that of one engine of `devices`.

    >>> all_engines(rate=2.0, gpus=8.0, devices=2.0)
    8.0
    """
    return rate * gpus / devices
