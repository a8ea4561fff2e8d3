"""Records of the money side: what a rack delivers, what it costs, and what it earns."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record


@record
class Delivered:
    """What the rack delivers per time: request/s, token/s of prompts, of prompts that a cache holds, and of answers.

    prompt_share: of the chips' time that prompts take; None where that cannot be told. gpus: how many GPUs, None beside
    other chips.
    """

    requests: Quantity | None = None
    input: Quantity | None = None
    cached: Quantity | None = None
    output: Quantity | None = None
    prompt_share: Quantity | None = None
    gpus: Quantity | None = None

    @property
    def prompts(self) -> dict[str, Quantity]:
        """Tokens of prompts by name, those that a cache holds among them."""
        named = {"input": self.input, "cached": self.cached}
        return {name: rate for name, rate in named.items() if rate is not None}

    @property
    def tokens(self) -> dict[str, Quantity]:
        """Tokens of all kinds by name."""
        return self.prompts if self.output is None else {**self.prompts, "output": self.output}


@record
class CostSums:
    """Sums of what the rack costs.

    capex: USD paid at the start. opex: USD/s. resale: USD at the end. tco: USD of today over the horizon. annualised,
    per_hour: USD/s, the level income at which nothing is earned or lost; per_gpu_hour: the same for each GPU.
    per_million_*: USD/token and USD/request. Of tokens: total is all cost over all tokens; input and output split it as
    economics.token_split says, by default by the time that prompts and answers take on the chips. per_million_tokens is
    all cost over the generated tokens alone, as if prompts were free.
    """

    capex: Quantity
    opex: Quantity
    resale: Quantity
    tco: Quantity
    annualised: Quantity
    per_hour: Quantity
    per_gpu_hour: Quantity | None
    per_million_tokens: Quantity | None
    per_million_input_tokens: Quantity | None
    per_million_output_tokens: Quantity | None
    per_million_total_tokens: Quantity | None
    per_million_requests: Quantity | None


@record
class Cost(CostSums):
    """What the rack costs. Terms add up to their sums; where a term is unknown, so are the sums that it belongs to.

    lease_advantage: USD of today that renting saves over buying, when both prices are known. per_hour_terms: what
    per_hour is made of: purchases spread evenly over the horizon, the cost of the capital in them, and running costs.
    payments, depreciation: USD in each year. api: USD/s that the same tokens cost at the list prices of public APIs, by
    provider; api_ratio: per_hour over that of economics.provider, by default the cheapest. unpriced: pools without a
    price. known: the same sums over the known terms alone, so the least that the rack costs; None where all is known.
    """

    lease_advantage: Quantity | None
    capex_terms: Mapping[str, Quantity]
    opex_terms: Mapping[str, Quantity]
    per_hour_terms: Mapping[str, Quantity]
    payments: Mapping[str, Quantity]
    depreciation: Mapping[str, Quantity]
    api: Mapping[str, Quantity]
    api_ratio: Quantity | None
    unpriced: tuple[str, ...]
    known: CostSums | None


@record
class Roi:
    """What the rack earns. value: USD/s before costs; net: after running cost; npv: USD; irr: 1/s; payback: s.

    cash_flow: USD in each year, after tax; npv, irr and payback follow from it.
    """

    value: Quantity
    net: Quantity
    npv: Quantity
    irr: Quantity
    payback: Quantity
    discounted_payback: Quantity
    value_terms: Mapping[str, Quantity]
    cash_flow: Mapping[str, Quantity]


@record
class Money:
    """Cost of the rack, and its return when it earns anything."""

    cost: Cost
    roi: Roi | None
