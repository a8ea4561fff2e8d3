"""Tokens sent to the GPUs of their experts and back: all-to-all inside a link's domain, and over a network beyond it.

GPUs of one domain (NVLink) exchange over its link. Where the experts are spread over several domains, copies for
the others go over the network: while decoding one for each expert, in a prefill one for each domain, which passes it
on. Both ways are busy at the same time, so the slower of the two counts.
"""

from rackcalc.formulas.combine import largest
from rackcalc.formulas.links.domains import by_domain
from rackcalc.formulas.transformer.expert_routing import node_coverage
from rackcalc.formulas.transformer.forward_pass import Network
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.links import Link

DEEPEP = "DeepSeek DeepEP (github.com/deepseek-ai/DeepEP), README.md and docs/legacy.md: kernels and their rates"

BOTH_WAYS_BYTES = constant(3.0, "B", "bytes per element both ways", "published", note="8 bit out, 16 bit back")
OUT_SHARE = constant(1 / 3, "1", "bytes sent out over those both ways", "published", note="8 bit out, 16 bit back")
BACK_SHARE = constant(2 / 3, "1", "bytes sent back over those both ways", "published", note="8 bit out, 16 bit back")
NVLINK_SHARE = Quantity(
    0.81, "1", "share of the link's rate of an exchange",
    source=Source("measured", "deepep", note="726 of 900 GB/s to dispatch and 740 to combine among eight GPUs"),
    low=0.71, high=0.95,
)  # fmt: skip
NETWORK_SHARE = Quantity(
    0.9, "1", "share of the adapter's rate of an exchange",
    source=Source("measured", "deepep", note="39 to 48 of 50 GB/s: the slope from dispatch to combine, 16 to 256 GPUs"),
    low=0.78, high=0.95,
)  # fmt: skip
NETWORK_START = Quantity(
    31e-6, "s", "fixed time of one exchange over a network",
    source=Source("measured", "deepep", note="dispatch and combine, drawn back to no bytes; 16 to 256 GPUs"),
    low=15e-6, high=41e-6,
)  # fmt: skip


@formula(cite="definition: experts spread evenly over the GPUs; a GPU sends nothing to itself")
def copies_inside(active: Count, devices: Count, domain: Count) -> Count:
    """Copies of a token that go to other GPUs of its own domain while decoding, mean. domain: GPUs that a link joins.

    >>> copies_inside(active=8.0, devices=64.0, domain=8.0)
    0.875
    """
    return active * (xp.minimum(domain, devices) - 1) / devices


@formula(cite="definition: experts spread evenly over the GPUs. " + DEEPEP + ": one copy for each expert")
def copies_beyond(active: Count, devices: Count, domain: Count) -> Count:
    """Copies of a token that go to GPUs of other domains while decoding, mean.

    >>> copies_beyond(active=8.0, devices=64.0, domain=8.0)
    7.0
    """
    return active * (1 - xp.minimum(domain, devices) / devices)


@formula(cite="definition: experts spread evenly over the GPUs. " + DEEPEP + ": passed on within a domain")
def copies_passed_on(active: Count, devices: Count, domain: Count) -> Count:
    """Copies of a token that GPUs of one domain pass to one another in a prefill, mean.

    >>> copies_passed_on(active=8.0, devices=32.0, domain=8.0)
    7.0
    """
    return active * (1 - 1 / xp.minimum(domain, devices))


@formula(cite="definition: domains that hold the experts")
def domains_of(devices: Count, domain: Count) -> Count:
    """Domains over which GPUs are spread, at least one.

    >>> domains_of(devices=32.0, domain=8.0)
    4.0
    """
    return xp.maximum(devices / domain, 1.0)


@formula(cite="definition: every domain but its own. " + DEEPEP + ": one copy for each domain")
def copies_to_domains(domains: Count, coverage: Ratio) -> Count:
    """Copies of a token that leave its domain in a prefill, mean. coverage: chance that it needs a given domain.

    >>> copies_to_domains(domains=4.0, coverage=0.9)
    2.7
    """
    return (domains - 1) * coverage


@formula(cite="R. Thakur et al., IJHPCA 19(1), 2005 (pairwise exchange): bytes over the rate")
def sending_time(
    rows: Count, copies: Count, hidden: Count, element: Bytes, imbalance: Ratio, share: Ratio, bandwidth: BytesPerSecond
) -> Seconds:
    """Time to send copies of `rows` tokens to their experts and the results back, at the busiest GPU.

    element: bytes of a number, both ways together. imbalance: the busiest GPU over the mean. The example is the EP 64
    row of DeepEP, 128 tokens: 487 us measured, of which 62 us are fixed.

    >>> round(1e6 * sending_time(rows=128.0, copies=7.0, hidden=7168.0, element=3.0, imbalance=1.0, share=0.9,
    ...                          bandwidth=50e9))
    428
    """
    return rows * copies * hidden * element * imbalance / (share * bandwidth)


@formula(cite="definition: to dispatch and to combine, each with its fixed time")
def exchange_time(fixed: Seconds, sending: Seconds) -> Seconds:
    """Time of one layer's exchange with the experts.

    >>> round(exchange_time(fixed=31e-6, sending=428e-6), 9)
    0.00049
    """
    return 2 * fixed + sending


@formula(cite="definition: to dispatch, or to combine, with its fixed time")
def one_way(fixed: Seconds, sending: Seconds, share: Ratio) -> Seconds:
    """Time of one of the two halves of an exchange. share: its bytes over those both ways.

    >>> round(one_way(fixed=31e-6, sending=429e-6, share=1 / 3), 9)
    0.000174
    """
    return fixed + sending * share


@record
class Exchange:
    """Dispatch and combine of one layer. fixed [s]: of each of the two. sending [s]: of both together."""

    fixed: Quantity
    sending: Quantity

    @property
    def time(self) -> Quantity:
        """Time of both, one after the other [s]."""
        return exchange_time(fixed=self.fixed, sending=self.sending)

    @property
    def dispatch(self) -> Quantity:
        """Time to send tokens to their experts [s]."""
        return one_way(fixed=self.fixed, sending=self.sending, share=OUT_SHARE)

    @property
    def combine(self) -> Quantity:
        """Time to send results back [s]."""
        return one_way(fixed=self.fixed, sending=self.sending, share=BACK_SHARE)


def expert_exchange(
    rows: Quantity,
    experts: Quantity,
    active: Quantity,
    hidden: Quantity,
    imbalance: Quantity,
    devices: Quantity,
    link: Link,
    network: Network | None,
    fixed: Quantity,
    decoding: bool,
) -> Exchange:
    """Dispatch and combine in one layer.

    rows [1]: tokens of the fullest GPU. fixed [s]: of each of the two, within a domain.
    """
    sent = {"rows": rows, "hidden": hidden, "element": BOTH_WAYS_BYTES, "imbalance": imbalance}
    spread = {"devices": devices, "domain": devices if network is None else network.domain}
    near = copies_inside if decoding or network is None else copies_passed_on
    inside = sending_time(**sent, copies=near(active=active, **spread), share=NVLINK_SHARE, bandwidth=link.bandwidth)
    if network is None:
        return Exchange(fixed, inside)
    if decoding:
        away = copies_beyond(active=active, **spread)
    else:
        domains = domains_of(**spread)
        away = copies_to_domains(domains=domains, coverage=node_coverage(experts=experts, active=active, nodes=domains))
    beyond = sending_time(**sent, copies=away, share=NETWORK_SHARE, bandwidth=network.link.bandwidth)
    start = by_domain(inside=fixed, beyond=NETWORK_START, **spread)
    return Exchange(start, largest(inside=inside, beyond=beyond))
