"""The groups of a result, each with what it holds written out, so that editors and mypy know it.

A figure that a rack does not have (`latency.ttft` of a rack that generates nothing) is an UnknownFigureError.
"""

from rackcalc.api.figures import Figure
from rackcalc.api.groups import Group, Named


class Latency(Group):
    """Seconds of one request. service: on an idle rack; mean and p50 to p999: under the load, with the wait."""

    service: Figure
    wait: Figure
    mean: Figure
    p50: Figure
    p90: Figure
    p95: Figure
    p99: Figure
    p999: Figure
    ttft: Figure
    ttft_p50: Figure
    ttft_p90: Figure
    ttft_p95: Figure
    ttft_p99: Figure
    tpot: Figure
    tpot_p50: Figure
    tpot_p90: Figure
    tpot_p95: Figure
    tpot_p99: Figure
    itl_p50: Figure
    itl_p90: Figure
    itl_p95: Figure
    itl_p99: Figure
    end_to_end: Figure


class Throughput(Group):
    """Requests and tokens per second; the share of the capacity that is used, and the most that meets the SLO."""

    requests: Figure
    tokens: Figure
    input_tokens: Figure
    utilization: Figure
    capacity: Figure
    at_concurrency: Figure
    at_slo: Figure
    goodput: Figure
    tokens_per_gpu: Figure
    tokens_per_user: Figure


class Stage(Group):
    """Where the time of a request goes: the time of one stage, and the terms that it is the sum of."""

    time: Figure
    bound_by: str
    terms: Named[Figure]


class Transfer(Group):
    """One message over a link: its time directly, over a bounce buffer, and through a network stack."""

    time: Figure
    wire_bytes: Figure
    bandwidth: Figure
    efficiency: Figure
    half_size: Figure
    contention_wait: Figure
    zero_copy: Figure
    bounce: Figure
    pipelined_bounce: Figure
    serialised: Figure


class Reliability(Group):
    """What heat does to a link: loss, bit errors, replays, and what they cost."""

    loss: Figure
    snr: Figure
    bit_error_rate: Figure
    codeword_error: Figure
    replay_probability: Figure
    expected_delay: Figure
    p99_delay: Figure
    p999_delay: Figure
    goodput: Figure
    go_back_n_goodput: Figure


class Link(Group):
    """One crossing of a link between pools of chips."""

    time: Figure
    bandwidth: Figure
    efficiency: Figure
    size: Figure
    transfer: Transfer
    temperature: Figure
    reliability: Reliability
    nominal: Figure
    per_link: Figure
    domain: Figure


class Memory(Group):
    """Bytes of one pool of chips, and how many chips or requests they suffice for."""

    capacity: Figure
    weights: Figure
    kv_cache: Figure
    free: Figure
    chips_needed: Figure
    max_batch: Figure


class Software(Group):
    """What a second software stack adds to the time and to the cost."""

    time: Figure
    added: Figure
    added_low: Figure
    added_high: Figure
    factor: Figure
    factor_low: Figure
    factor_high: Figure
    maturity: Figure
    terms: Named[Figure]
    porting: Figure
    upkeep: Figure


class Load(Group):
    """A queue: its wait and the time in it."""

    utilization: Figure
    capacity: Figure
    wait: Figure
    wait_p50: Figure
    wait_p90: Figure
    wait_p95: Figure
    wait_p99: Figure
    wait_p999: Figure
    mean: Figure
    p50: Figure
    p90: Figure
    p95: Figure
    p99: Figure
    p999: Figure
    in_system: Figure


class Sharing(Group):
    """What other work on the same chips takes, and what it earns."""

    load: Load
    service_time: Figure
    passage_time: Figure
    wait_added: Figure
    blocked: Figure
    share: Figure
    power_utilization: Figure
    income: Figure


class PeakPower(Group):
    """Watts with every chip at full load, for which cooling and supply are built."""

    chips: Figure
    fans: Figure
    host: Figure
    it: Figure
    facility: Figure
    energy_per_request: Figure
    energy_per_token: Figure


class Power(Group):
    """Watts, the mean under the load."""

    chips: Figure
    fans: Figure
    host: Figure
    it: Figure
    facility: Figure
    energy_per_request: Figure
    energy_per_token: Figure
    peak: PeakPower
    rated: Figure


class Thermal(Group):
    """Heat at full load: temperatures, flows, how much is left to the limits, and how far the clocks are throttled."""

    inlet: Figure
    airflow: Figure
    outlet: Figure
    exhaust: Figure
    coolant_flow: Figure
    coolant_outlet: Figure
    facility_supply: Figure
    chip_power: Named[Figure]
    junction: Named[Figure]
    headroom: Named[Figure]
    clock_share: Named[Figure]
    heat_to_air: Figure
    heat_to_liquid: Figure
    pump_power: Figure
    rack_headroom: Figure
    pue: Figure


class Plant(Group):
    """Cooling equipment, of racks with site.plant: power over the year and at its peak, units, water, price."""

    cdus: Figure
    cdu_load: Figure
    cdu_approach: Figure
    door_margin: Figure
    pumps: Figure
    fans: Figure
    compressor: Figure
    power: Figure
    peak: Figure
    free_cooling: Named[Figure]
    too_warm: Named[Figure]
    supply_margin: Named[Figure]
    water: Figure
    wue: Figure
    capex_terms: Named[Figure]
    capex: Figure
    opex_terms: Named[Figure]
    room: Figure
    share_of_rack: Figure
    share_of_room: Figure
    cdu_share: Figure


class Supply(Group):
    """Electrical supply, of racks with site.supply: reserved power, breakers, shelves, losses, price."""

    reserved: Figure
    margin: Figure
    apparent: Figure
    current: Figure
    circuits: Figure
    breaker_use: Figure
    shelves: Figure
    ups: Figure
    distribution: Figure
    losses: Figure
    peak_losses: Figure
    capex: Figure


class Carbon(Group):
    """Carbon of the energy, of racks with site.region: per time, request and generated token."""

    rate: Figure
    per_request: Figure
    per_token: Figure


class Venue(Group):
    """A rack beside the exchange it trades at: times from tick to order, what the exchange publishes, and ratios."""

    tick_to_trade: Named[Figure]
    published: Named[Figure]
    times: Named[Figure]


class CostSums(Group):
    """Sums of money paid."""

    capex: Figure
    opex: Figure
    resale: Figure
    tco: Figure
    annualised: Figure
    per_hour: Figure
    per_gpu_hour: Figure
    per_million_tokens: Figure
    per_million_input_tokens: Figure
    per_million_output_tokens: Figure
    per_million_total_tokens: Figure
    per_million_requests: Figure


class Cost(CostSums):
    """Money paid. unpriced: what neither catalog nor file has a price of. known: the least that the rack costs then."""

    lease_advantage: Figure
    capex_terms: Named[Figure]
    opex_terms: Named[Figure]
    per_hour_terms: Named[Figure]
    payments: Named[Figure]
    depreciation: Named[Figure]
    api: Named[Figure]
    api_ratio: Figure
    unpriced: tuple[str, ...]
    known: CostSums


class Value(Group):
    """What a lower latency is worth."""

    gain: Figure
    gross: Figure
    saved: Figure
    outside_range: Figure
    probability: Figure
    baseline_probability: Figure
    prize_share: Figure


class Roi(Group):
    """What the rack earns on what it costs."""

    value: Figure
    net: Figure
    npv: Figure
    irr: Figure
    payback: Figure
    discounted_payback: Figure
    value_terms: Named[Figure]
    cash_flow: Named[Figure]
