"""Reliability of a link at a temperature, from bit errors to the delay by retransmission."""

from rackcalc.formulas.links.bit_errors import BIT_ERROR_RATES, COPPER, insertion_loss, signal_to_noise
from rackcalc.formulas.links.error_correction import CODES, Code, codeword_error, codewords, symbol_error
from rackcalc.formulas.links.retransmission import (
    expected_delay,
    go_back_n_goodput,
    packets_in_flight,
    quantile_delay,
    replay_probability,
    selective_repeat_goodput,
)
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.links import Link


@record
class LinkReliability:
    """One message on a link at a temperature.

    loss, snr: dB. bit_error_rate: raw. codeword_error: uncorrectable. replay_probability: of the whole message.
    expected_delay, p99_delay, p999_delay: s, added by replays. goodput: share of bandwidth, selective repeat;
    go_back_n_goodput: the same with go-back-N.
    """

    loss: Quantity
    snr: Quantity
    bit_error_rate: Quantity
    codeword_error: Quantity
    replay_probability: Quantity
    expected_delay: Quantity
    p99_delay: Quantity
    p999_delay: Quantity
    goodput: Quantity
    go_back_n_goodput: Quantity


def link_reliability(link: Link, size: Quantity, temperature: Quantity, reference: Quantity) -> LinkReliability:
    """Effect of the temperature on one message.

    size: B. temperature: K, of the channel. reference: K, at which the link states its loss and signal-to-noise ratio.
    """
    code = CODES[link.fec]
    loss = insertion_loss(
        loss=link.channel_loss,
        temperature=temperature,
        reference=reference,
        conductor_share=link.conductor_share,
        resistivity_drift=COPPER,
        dielectric_drift=link.dielectric_drift,
    )
    snr = signal_to_noise(
        snr=link.snr, loss=loss, reference_loss=link.channel_loss, equaliser_residual=link.equaliser_residual
    )
    raw = BIT_ERROR_RATES[link.signalling](snr=snr)
    wrong = symbol_error(bit_error_rate=raw, symbol_bits=code.symbol_bits)
    failed = codeword_error(symbol_error=wrong, symbols=code.symbols, correctable=code.correctable)
    replay = _replay(failed, size, code)
    packet = _replay(failed, link.packet_payload, code)
    window = packets_in_flight(
        bandwidth=link.bandwidth, retry_time=link.retry_time, payload=link.packet_payload, header=link.packet_header
    )
    p99, p999 = (
        quantile_delay(
            replay_probability=replay,
            retry_time=link.retry_time,
            quantile=constant(q, "1", f"quantile {q}", "given", note="by definition"),
        )
        for q in (0.99, 0.999)
    )
    return LinkReliability(
        loss=loss,
        snr=snr,
        bit_error_rate=raw,
        codeword_error=failed,
        replay_probability=replay,
        expected_delay=expected_delay(replay_probability=replay, retry_time=link.retry_time),
        p99_delay=p99,
        p999_delay=p999,
        goodput=selective_repeat_goodput(packet_error=packet),
        go_back_n_goodput=go_back_n_goodput(packet_error=packet, window=window),
    )


def _replay(failed: Quantity, size: Quantity, code: Code) -> Quantity:
    """Probability that a message or packet of this size has to be sent again."""
    count = codewords(size=size, data_symbols=code.data_symbols, symbol_bits=code.symbol_bits)
    return replay_probability(codeword_error=failed, codewords=count)
