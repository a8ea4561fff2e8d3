"""Link reliability against the standard's figures and scipy's binomial distribution."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcinv
from scipy.stats import binom, geom

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.links import bit_errors as f
from rackcalc.formulas.links import error_correction, link_reliability, retransmission
from rackcalc.quantities.quantity import Quantity, constant

quick = settings(max_examples=40, deadline=None)
probabilities = st.floats(1e-12, 0.999)


def kelvin(celsius: float) -> Quantity:
    return constant(celsius + 273.15, "K", "temperature", "given")


def assess(name: str, celsius: float, size: float = 262144.0) -> link_reliability.LinkReliability:
    return link_reliability.link_reliability(
        load_part("links", name), constant(size, "B", "size", "given"), kelvin(celsius), kelvin(25)
    )


def chain(bit_error_rate: float, n: float, t: float) -> float:
    return error_correction.codeword_error(error_correction.symbol_error(bit_error_rate, 10.0), n, t)


@pytest.mark.parametrize(
    ("bit_error_rate", "codeword", "replay"),
    [
        (1e-4, 1.36e-18, 5.6e-16),
        (2.4e-4, 8.15e-13, 3.3e-10),
        (5e-4, 2.79e-8, 1.1e-5),
        (7e-4, 2.25e-6, 9.2e-4),
        (1e-3, 1.53e-4, 6.1e-2),
    ],
)
def test_rs544_table(bit_error_rate, codeword, replay):
    failed = chain(bit_error_rate, 544.0, 15.0)
    assert failed == pytest.approx(codeword, rel=5e-3)  # the table has three digits
    count = error_correction.codewords(262144.0, 514.0, 10.0)
    assert count == 409
    assert retransmission.replay_probability(failed, count) == pytest.approx(replay, rel=4e-2)  # this column has two


def test_rs528():
    assert chain(5.2e-5, 528.0, 7.0) == pytest.approx(5.96e-10, rel=2e-3)


@pytest.mark.parametrize("exponent", [-5, -4.5, -4, -3.6, -3, -2.5, -2, -1, -0.3])
@pytest.mark.parametrize(("n", "t"), [(544, 15), (528, 7), (86, 1), (1, 0)])
def test_binomial_tail_is_scipys(exponent, n, t):
    p = 10.0**exponent
    assert error_correction.codeword_error(p, float(n), float(t)) == pytest.approx(
        binom.sf(t, n, p), rel=1e-9, abs=1e-300
    )


@quick
@given(probabilities, st.integers(1, 600), st.integers(0, 40))
def test_binomial_tail_anywhere(p, n, t):
    ours = error_correction.codeword_error(p, float(n), float(t))
    assert math.isnan(ours) if t > n else ours == pytest.approx(binom.sf(t, n, p), rel=1e-8, abs=1e-290)


def test_binomial_tail_of_arrays_and_edges():
    import numpy

    p = numpy.array([[0.0, 1e-3, 0.03], [0.5, 1.0, -1.0]])
    ours = error_correction.codeword_error(p, 544.0, 15.0)
    assert ours[:, :2] == pytest.approx(binom.sf(15, 544, p)[:, :2], rel=1e-9)
    assert ours[0, 2] == pytest.approx(binom.sf(15, 544, 0.03), rel=1e-9)
    assert math.isnan(ours[1, 2])


@pytest.mark.parametrize(("decibels", "bit_error_rate"), [(17.66, 2.4e-4), (16.54, 1e-3), (20, 2.9e-6), (20.42, 1e-6)])
def test_pam4(decibels, bit_error_rate):
    assert f.pam4_bit_error_rate(decibels) == pytest.approx(bit_error_rate, rel=0.02)


@quick
@given(st.floats(-15, -1.5))
def test_noise_margin_inverts(exponent):
    wanted = 10.0**exponent
    pam4 = 10 * math.log10(10 * erfcinv(8 / 3 * wanted) ** 2)
    nrz = 10 * math.log10(2 * erfcinv(2 * wanted) ** 2)
    assert f.pam4_bit_error_rate(pam4) == pytest.approx(wanted, rel=1e-9)
    assert f.nrz_bit_error_rate(nrz) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("celsius", "bit_error_rate"), [(25, 2.9e-6), (85, 4.7e-5), (105, 9.5e-5)])
def test_copper_of_28_db(celsius, bit_error_rate):
    loss = f.insertion_loss(28.0, celsius + 273.15, 298.15, 0.85, 0.00393, 0.0)
    assert f.pam4_bit_error_rate(f.signal_to_noise(20.0, loss, 28.0, 0.5)) == pytest.approx(bit_error_rate, rel=0.01)


def test_copper_added_loss():
    added = f.insertion_loss(28.0, 338.15, 298.15, 0.85, 0.00393, 0.0) - 28
    assert added == pytest.approx(1.8, abs=0.01)
    cable = f.insertion_loss(16.0, 328.15, 298.15, 0.5, 0.00393, 0.0) - 16
    assert cable == pytest.approx(0.45, abs=0.02)
    assert f.insertion_loss(28.0, 298.15, 298.15, 0.85, 0.00393, 0.001) == 28.0


def test_loss_is_nan_where_copper_has_no_resistance():
    assert math.isnan(f.insertion_loss(28.0, 10.0, 298.15, 0.85, 0.00393, 0.0))


@quick
@given(probabilities, st.floats(0.01, 0.9999))
def test_delay_is_geometric(replay, quantile):
    steps = retransmission.quantile_delay(replay, 1.0, quantile)
    assert geom.cdf(steps + 1, 1 - replay) >= quantile - 1e-9
    assert steps == 0 or geom.cdf(steps, 1 - replay) < quantile + 1e-9
    assert retransmission.expected_delay(replay, 2.0) == pytest.approx(
        2 * (geom.mean(1 - replay) - 1), rel=1e-9, abs=1e-14
    )


def test_delay_at_the_ends():
    assert retransmission.quantile_delay(0.0, 1e-6, 0.99) == 0
    assert retransmission.quantile_delay(1.0, 1e-6, 0.99) == math.inf == retransmission.expected_delay(1.0, 1e-6)


@quick
@given(probabilities, st.floats(1, 1e5))
def test_goodput(error, window):
    selective, go_back = retransmission.selective_repeat_goodput(error), retransmission.go_back_n_goodput(error, window)
    assert 0 < go_back <= selective < 1
    assert retransmission.go_back_n_goodput(error, 1.0) == selective
    sent = 1 + window * error / (1 - error)  # a failure costs the window; failures per success are error/(1-error)
    assert go_back == pytest.approx(1 / sent, rel=1e-9)


@pytest.mark.parametrize("name", part_names("links"))
def test_no_link_replays_at_room_temperature_and_heat_never_helps(name):
    results = [assess(name, celsius) for celsius in (25, 55, 85, 105)]
    for field in ("loss", "bit_error_rate", "replay_probability", "expected_delay", "p99_delay"):
        values = [getattr(result, field).value for result in results]
        assert values == sorted(values)
    assert results[0].loss.value == load_part("links", name).channel_loss.value
    assert results[0].p999_delay.value == 0
    assert results[0].goodput.value > 0.999


def test_it_is_a_cliff():
    """A hot NVLink at the usual margin does not replay; one that starts at the limit of its code does."""
    from dataclasses import replace

    link = load_part("links", "nvlink5")
    size = constant(262144.0, "B", "size", "given")
    weak = replace(link, snr=constant(17.66, "dB", "snr", "given"))
    assert link_reliability.link_reliability(link, size, kelvin(105), kelvin(25)).p999_delay.value == 0
    assert link_reliability.link_reliability(weak, size, kelvin(25), kelvin(25)).p999_delay.value == 0
    assert (
        link_reliability.link_reliability(weak, size, kelvin(85), kelvin(25)).p99_delay.value >= link.retry_time.value
    )


def test_optics_do_not_drift_in_this_model():
    assert assess("infiniband-ndr", 70).bit_error_rate.value == assess("infiniband-ndr", 25).bit_error_rate.value


def test_sweep_over_temperature_equals_single_points():
    import numpy

    points = numpy.array([25.0, 60.0, 105.0])
    swept = assess("nvlink5", points)  # type: ignore[arg-type]
    for field in ("snr", "codeword_error", "go_back_n_goodput"):
        single = [getattr(assess("nvlink5", float(p)), field).value for p in points]
        assert getattr(swept, field).value == pytest.approx(single, rel=1e-12)
