"""Bit errors on a link: heat raises the loss of the channel, which lowers the signal-to-noise ratio.

Forward error correction makes the effect abrupt: latency does not change until the raw bit error rate passes about
6e-4 (RS(544,514)), and then rises within a few kelvin. Errors cost time and do not spoil results, because a CRC detects
what the code cannot correct.
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import constant, formula
from rackcalc.quantities.units import DECIBEL, Decibels, Kelvin, PerKelvin, Ratio


@formula(cite="skin effect: loss ~ sqrt(resistivity); DesignCon 2024, conductor loss versus temperature, p. 273")
def insertion_loss(
    loss: Decibels,
    temperature: Kelvin,
    reference: Kelvin,
    conductor_share: Ratio,
    resistivity_drift: PerKelvin,
    dielectric_drift: PerKelvin,
) -> Decibels:
    """Loss of a channel at a temperature, from its loss at the reference temperature.

    25 -> 55 degC raises 8 dB of conductor loss by 5.6 %:

    >>> round(insertion_loss(loss=16.0, temperature=328.15, reference=298.15, conductor_share=0.5,
    ...                      resistivity_drift=0.0039, dielectric_drift=0.0) - 16, 2)
    0.46
    """
    rise = temperature - reference
    conductor = xp.sqrt(xp.pure(1 + resistivity_drift * rise))
    return loss * (conductor_share * conductor + (1 - conductor_share) * (1 + dielectric_drift * rise))


@formula(cite="assumption: loss added by heat lowers the ratio dB for dB, times what the equaliser does not recover")
def signal_to_noise(snr: Decibels, loss: Decibels, reference_loss: Decibels, equaliser_residual: Ratio) -> Decibels:
    """Signal to noise ratio at the present loss. equaliser_residual: 1 frozen equaliser, 0.3 to 0.5 adaptive.

    >>> signal_to_noise(snr=20.0, loss=30.0, reference_loss=28.0, equaliser_residual=0.5)
    19.0
    """
    return snr - equaliser_residual * (loss - reference_loss)


@formula(cite="J. Proakis, Digital Communications, 4th ed., section 5.2.6: Gray-coded 4-PAM")
def pam4_bit_error_rate(snr: Decibels) -> Ratio:
    """Raw bit error rate of four-level signalling.

    >>> round(pam4_bit_error_rate(snr=20.0) * 1e6, 1)
    2.9
    """
    return 3 / 8 * xp.erfc(xp.sqrt(_power_ratio(snr / DECIBEL) / 10))


@formula(cite="J. Proakis, Digital Communications, 4th ed., section 5.2.1: antipodal signals")
def nrz_bit_error_rate(snr: Decibels) -> Ratio:
    """Raw bit error rate of two-level signalling.

    >>> round(nrz_bit_error_rate(snr=16.94) * 1e12, 1)
    1.0
    """
    return xp.erfc(xp.sqrt(_power_ratio(snr / DECIBEL) / 2)) / 2


def _power_ratio(decibels: float) -> float:
    """10^(x/10), the ratio of powers."""
    return xp.power(10.0, xp.pure(decibels) / 10)


BIT_ERROR_RATES = {"nrz": nrz_bit_error_rate, "pam4": pam4_bit_error_rate}
COPPER = constant(0.00386, "1/K", "copper resistivity drift", "published", "dc24", "0.00393 for annealed copper")
