"""How bytes get from chip to chip."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Text as TextField
from rackcalc.spec.fields import listing, number, text


@record
class Link:
    """A way to move bytes between two chips. Bandwidths are per direction and per device."""

    name: str = text("full name")
    ports: tuple[str, ...] = listing(TextField("port kind"), "kinds of chip port this link can attach to")
    medium: str = text("what the signal travels on", choices=("board", "copper", "optical"))
    bandwidth: Quantity = number("B/s", "nominal bandwidth, one direction, one device", above=0, example="900 GB/s")
    bundle: Quantity | None = number(
        "1", "links of this kind that a chip bundles into its bandwidth", above=0, whole=True, default=None
    )
    domain: Quantity | None = number(
        "1", "most chips that its switches join into one domain", above=0, whole=True, default=None
    )
    efficiency: Quantity = number(
        "1", "share of nominal that large copies reach, beyond packet headers", above=0, at_most=1
    )
    latency: Quantity = number("s", "one way, first byte, software included, no switch", at_least=0, example="1.5 us")
    hop_latency: Quantity = number("s", "added by each switch", at_least=0)
    hops: Quantity = number("1", "switches on the way", at_least=0, default="0")
    packet_payload: Quantity = number("B", "largest payload of a packet", above=0)
    packet_header: Quantity = number("B", "header and framing of a packet", at_least=0)
    signalling: str = text("modulation", choices=("nrz", "pam4"))
    fec: str = text("forward error correction", choices=("none", "rs528", "rs544", "pcie6"))
    snr: Quantity = number("dB", "signal to noise ratio at the reference temperature", above=0)
    channel_loss: Quantity = number("dB", "insertion loss at the reference temperature", at_least=0)
    conductor_share: Quantity = number("1", "share of the loss that is conductor loss", at_least=0, at_most=1)
    dielectric_drift: Quantity = number("1/K", "relative rise of dielectric loss per kelvin", default="0.001 1/K")
    equaliser_residual: Quantity = number(
        "1",
        "share of added loss the equaliser does not recover: 1 frozen, 0.3 to 0.5 adaptive",
        at_least=0,
        at_most=1,
        default="0.5",
    )
    retry_time: Quantity = number("s", "time to replay after an uncorrectable error", at_least=0)
    power: Quantity | None = number("W", "power of one end", at_least=0, default=None)
    price: Quantity | None = number(
        "USD",
        "price of one port of a network of such links: its share of switches, transceivers and cables",
        at_least=0,
        default=None,
        example="1880 USD",
    )


@record
class CpuPath:
    """The detour of a message over host memory, serialisation and a network stack."""

    name: str = text("full name")
    call_time: Quantity = number("s", "one asynchronous copy call, submit to done", at_least=0, example="6 us")
    d2h_bandwidth: Quantity = number("B/s", "device to pinned host memory", above=0)
    h2d_bandwidth: Quantity = number("B/s", "pinned host memory to device", above=0)
    staging_copies: Quantity = number(
        "1", "further copies between host buffers (0: pinned buffers used directly)", at_least=0, default="0"
    )
    memcpy_bandwidth: Quantity = number("B/s", "one core copying between host buffers", above=0)
    most_chunks: Quantity = number("1", "most chunks of a pipelined copy", above=0, whole=True, default="64")
    serialisation_bandwidth: Quantity = number("B/s", "encoding, and again decoding, on one core", above=0)
    format_time: Quantity = number("s", "fixed time to frame one message", at_least=0)
    tcp_latency: Quantity = number("s", "one way through both TCP stacks", at_least=0)
    tcp_bandwidth: Quantity = number("B/s", "one TCP stream on one core", above=0)
    fence: Quantity = number("s", "memory fence after plain stores to another chip", at_least=0)
