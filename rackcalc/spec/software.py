"""A second software stack to port a model to, and other work on the same GPUs."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import number, text


@record
class Software:
    """A second software stack: what it costs to run a model on chips its framework was not written for."""

    operator_coverage: Quantity = number(
        "1", "share of the graph's operators the stack can run on the chip", at_least=0, at_most=1, default="95 percent"
    )
    operators_per_layer: Quantity = number("1", "operators of one layer in the exported graph", above=0, default="12")
    fallback_round_trip: Quantity = number(
        "s", "way to the host and back for an operator that is not covered", at_least=0, default="20 us"
    )
    fallback_host: Quantity = number("s", "host time to run such an operator", at_least=0, default="10 us")
    cuts: Quantity = number("1", "cuts of the graph between the two stacks", at_least=0, default="1")
    layout_bandwidth: Quantity = number(
        "B/s", "rate at which activations are converted to the other stack's layout", above=0, default="1 TB/s"
    )
    maturity_start: Quantity = number(
        "1",
        "time of the first release over that of a mature one, beyond the chip's own compiler factor",
        at_least=1,
        default="2.0",
    )
    maturity_time: Quantity = number("s", "time in which that excess falls to 37 %", above=0, default="9 months")
    age: Quantity = number("s", "time since the first release", at_least=0, default="12 months")
    spread: Quantity = number("1", "factor by which the added time may be smaller or larger", at_least=1, default="2")
    porting_effort: Quantity = number(
        "s",
        "working time to port and validate the model, per stack",
        at_least=0,
        default="6 months",
        example="6 months",
    )
    engineer_cost: Quantity = number(
        "USD/s", "cost of one engineer", at_least=0, default="20000 USD/month", example="20000 USD/month"
    )
    upkeep: Quantity = number(
        "1/s", "share of the porting effort needed again every year", at_least=0, default="20 percent/year"
    )
    stacks: Quantity = number(
        "1", "software stacks to port to and keep besides the first", at_least=0, whole=True, default="1"
    )


@record
class Sharing:
    """The GPUs' other work: training, fine-tuning, other tenants."""

    policy: str = text(
        "finish: it fills idle time and a running slice is finished first; preempt: it stops when a request arrives; "
        "reserved: it keeps its share of the time whatever arrives",
        default="finish",
        choices=("finish", "preempt", "reserved"),
    )
    share: Quantity = number(
        "1",
        "share of the GPUs' time it takes (finish and preempt: at most what requests leave)",
        at_least=0,
        at_most=1,
        default="0",
    )
    slice: Quantity = number(
        "s",
        "longest piece that is not interrupted; preempt: time to stop it and save its state",
        at_least=0,
        default="0 s",
        example="5 ms",
    )
    link_share: Quantity = number("1", "share of link bandwidth it uses", at_least=0, at_most=1, default="0")
    utilization: Quantity = number(
        "1", "power it draws while running, as a share of what requests draw", at_least=0, default="1"
    )
    earns: Quantity = number(
        "USD/s", "what one GPU earns while it runs this work", at_least=0, default="0 USD/hour", example="2 USD/hour"
    )
