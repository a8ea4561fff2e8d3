"""Mixture-of-experts routing: how many experts, devices and nodes a batch of tokens reaches."""

import math

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import Bytes, Count, Ratio

SPREAD = Quantity(
    0.2, "1", "coefficient of variation of the experts' load",
    source=Source(
        "estimate", "sglang-large-ep",
        note="32 GPUs with 9 experts each were 59,337 / 50,302 = 1.18 slower than with even routing, which balanced "
        "placement had left; high: without it, another 1.49",
    ),
    low=0.0, high=0.8,
)  # fmt: skip

SPREAD_CHOICES = Quantity(
    0.66,
    "1",
    "tokens that choose their experts by themselves",
    source=Source("measured", "serving-runs", note="fitted to decode steps: trained routers are not uniform"),
    low=0.6,
    high=1.0,
)


@formula(
    cite="routers prefer some experts, and tokens of one text are alike: form of our own, "
    "fitted to decode steps (rackcalc/validation/measured/step_power.csv) by rackcalc/validation/fit.py"
)
def independent_rows(rows: Count, spread: Ratio) -> Count:
    """Tokens that, choosing their experts uniformly, would reach as many as `rows` tokens of real text do.

    >>> independent_rows(rows=11.0, spread=0.8)
    9.0
    """
    return 1 + spread * xp.maximum(rows - 1, 0 * rows)


@formula(cite="definition: expected coverage of independent draws; NVIDIA aiconfigurator 0.12.0 uses the same")
def experts_hit(experts: Count, active: Count, rows: Count) -> Count:
    """Experts that at least one of `rows` tokens chooses, uniform routing. Skewed routing touches fewer.

    >>> round(experts_hit(experts=256.0, active=8.0, rows=32.0), 1)
    163.3
    """
    return experts * (1 - xp.power(xp.pure(1 - active / experts), xp.pure(rows)))


def _expected_maximum(trials: float, chance: float, copies: float) -> float:
    """Mean of the largest of `copies` independent binomial counts."""
    n, p = round(trials), min(max(chance, 0.0), 1.0)
    if n < 1 or p <= 0 or p >= 1:
        return trials * p
    below, mean = 0.0, 0.0
    for x in range(n):
        ways = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
        below += math.exp(ways + x * math.log(p) + (n - x) * math.log1p(-p))
        mean += 1 - min(below, 1.0) ** copies
    return mean


@formula(cite="H. David and H. Nagaraja, Order Statistics (2003), section 3.1: mean of the largest of N counts")
def busiest_experts(hit: Count, experts: Count, devices: Count) -> Count:
    """Experts hit on the busiest of `devices` that share them evenly, mean: everyone waits for that one.

    The counts of the devices are taken as independent. The result is 3 % below a simulation of 8 to 128 of 256 experts
    spread over eight devices.

    >>> round(busiest_experts(hit=8.0, experts=256.0, devices=8.0), 1)
    2.5
    """
    held, chance = xp.pure(experts / devices), xp.pure(hit / experts)
    return xp.vectorized(_expected_maximum)(held, chance, xp.pure(devices))


def _coverage(experts: float, active: float, nodes: float) -> float:
    """Chance that at least one of the chosen experts is on a given node, drawn without replacement."""
    missed = 1.0
    for i in range(int(active)):
        missed *= max(experts - experts / nodes - i, 0.0) / (experts - i)
    return 1 - missed


@formula(cite="definition: 1 - C(E - E/N, k) / C(E, k), the hypergeometric chance of no hit")
def node_coverage(experts: Count, active: Count, nodes: Count) -> Ratio:
    """Chance that a token needs an expert of a given node, experts spread evenly over nodes.

    >>> round(node_coverage(experts=256.0, active=8.0, nodes=8.0), 4)
    0.6618
    """
    return xp.vectorized(_coverage)(xp.pure(experts), xp.pure(active), xp.pure(nodes))


@formula(cite="definition: copies of the busiest experts beside all experts, spread evenly")
def experts_held(experts: Count, redundant: Count, devices: Count) -> Count:
    """Experts on one of `devices` GPUs, copies included.

    >>> experts_held(experts=256.0, redundant=32.0, devices=72.0)
    4.0
    """
    return (experts + redundant) / devices


@formula(cite="definition: copies are read like the experts that they copy")
def with_copies(size: Bytes, experts: Count, redundant: Count) -> Bytes:
    """Weights of the experts that a step reads, with those of their copies.

    >>> with_copies(size=256e6, experts=256.0, redundant=32.0)
    288000000.0
    """
    return size * (1 + redundant / experts)


@formula(cite="H. Cramer, Mathematical Methods of Statistics (1946), 28.6: largest of N normal values, for large N")
def expert_imbalance(spread: Ratio, held: Count, devices: Count) -> Ratio:
    """Work of the busiest of `devices` GPUs over the mean, where each holds several experts of unequal load.

    spread: coefficient of variation of the load of one expert; a GPU's sum over `held` of them varies less.

    >>> round(expert_imbalance(spread=0.2, held=4.0, devices=72.0), 2)
    1.29
    """
    return 1 + spread * xp.sqrt(xp.pure(2 * xp.log(xp.pure(devices)) / xp.pure(held)))
