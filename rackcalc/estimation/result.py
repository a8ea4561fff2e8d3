"""The records of an estimate. Their field names are the dotted paths that gates, JSON and explain use."""

from collections.abc import Mapping

from rackcalc.estimation.facility import Carbon, CoolingPlant, PowerSupply, VenueReport
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.formulas.links.link_reliability import LinkReliability
from rackcalc.formulas.links.transfer import Transfer
from rackcalc.formulas.money.accounts import Cost, Roi
from rackcalc.formulas.money.latency_value import LatencyGain
from rackcalc.formulas.queues.gpu_sharing import Shared
from rackcalc.formulas.serving.software_penalty import SoftwarePenalty
from rackcalc.quantities.display import shown_scenario
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.serving.service_model import Memory, Stage


@record
class Latency:
    """Seconds of one request (of one batch, when clients send batches). service: idle rack; p50 to p999: under load.

    ttft, tpot, end_to_end: generation; ttft includes the mean wait, ttft_p99 the p99 wait. tpot_p50 to tpot_p99: of the
    mean time per token of a request. itl_p50 to itl_p99: of the time between two tokens, which is longer where a step
    also computes prompts. What cannot be told is absent.
    """

    service: Quantity
    wait: Quantity | None
    mean: Quantity
    p50: Quantity
    p90: Quantity
    p95: Quantity
    p99: Quantity
    p999: Quantity
    ttft: Quantity | None = None
    ttft_p50: Quantity | None = None
    ttft_p90: Quantity | None = None
    ttft_p95: Quantity | None = None
    ttft_p99: Quantity | None = None
    tpot: Quantity | None = None
    tpot_p50: Quantity | None = None
    tpot_p90: Quantity | None = None
    tpot_p95: Quantity | None = None
    tpot_p99: Quantity | None = None
    itl_p50: Quantity | None = None
    itl_p90: Quantity | None = None
    itl_p95: Quantity | None = None
    itl_p99: Quantity | None = None
    end_to_end: Quantity | None = None


@record
class Throughput:
    """capacity: of the saturated rack, where requests come at a rate; at_concurrency: the rate that
    `workload.concurrency` clients bring about. at_slo: largest rate that meets workload.slo. requests, tokens: priced;
    tokens are those that are generated, input_tokens those of prompts.

    goodput: requests that meet workload.slo at the load, where it limits what engines do. tokens_per_gpu: of the priced
    tokens, on racks without LPUs; tokens_per_user: what one user sees, after the first token.
    """

    requests: Quantity
    tokens: Quantity | None
    input_tokens: Quantity
    utilization: Quantity
    capacity: Quantity | None
    at_concurrency: Quantity | None = None
    at_slo: Quantity | None = None
    goodput: Quantity | None = None
    tokens_per_gpu: Quantity | None = None
    tokens_per_user: Quantity | None = None

    @property
    def most(self) -> Quantity:
        """The rate that `utilization` is a share of."""
        found = self.capacity if self.at_concurrency is None else self.at_concurrency
        assert found is not None, "every rack has one of the two"
        return found


@record
class LinkReport:
    """One crossing of a link: the four ways to make it, and what heat does to its errors.

    nominal: the data sheet's rate in one direction, of the chip; per_link: of one of the links it bundles. domain: most
    chips that its switches join.
    """

    time: Quantity
    bandwidth: Quantity
    efficiency: Quantity
    size: Quantity | None
    transfer: Transfer
    temperature: Quantity
    reliability: LinkReliability
    nominal: Quantity
    per_link: Quantity | None = None
    domain: Quantity | None = None


@record
class PowerReport:
    """W, mean under the load; peak: every chip at full load, which is what the cooling is built for.

    rated: the sum of what the data sheets of all systems allow them at most, far above any load of servers.
    """

    chips: Quantity
    fans: Quantity
    host: Quantity
    it: Quantity
    facility: Quantity
    energy_per_request: Quantity | None
    energy_per_token: Quantity | None
    peak: Power
    rated: Quantity | None = None


@record
class Estimate:
    """Everything about one rack. notes: what a reader must know before quoting a figure. file: where it stands.

    novelty: what about its serving engine no measurement has, in words. nearest_measured: the run most like it, and how
    far off that was computed; "" without a serving engine.
    """

    name: str
    scenario: str
    subject: str
    latency: Latency
    throughput: Throughput
    stages: Mapping[str, Stage]
    details: Mapping[str, Quantity]
    link: Mapping[str, LinkReport]
    memory: Mapping[str, Memory]
    software: SoftwarePenalty | None
    sharing: Shared | None
    power: PowerReport
    thermal: Thermal
    plant: CoolingPlant | None
    supply: PowerSupply | None
    carbon: Carbon | None
    cost: Cost
    venue: VenueReport | None
    value: LatencyGain | None
    roi: Roi | None
    notes: tuple[str, ...]
    novelty: tuple[str, ...] = ()
    nearest_measured: str = ""
    file: str = ""

    @property
    def title(self) -> str:
        """Name and scenario, for headings."""
        return f"{self.name} [{shown_scenario(self.scenario)}]" if self.scenario else self.name
