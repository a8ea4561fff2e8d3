"""Heat exchangers: rear doors and coolant distribution units."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Kelvin, KelvinDifference, Ratio, Watts, WattsPerKelvin


@formula(cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., table 2-2: counterflow")
def effectiveness(transfer_units: Ratio, capacity_ratio: Ratio) -> Ratio:
    """Effectiveness of a counterflow exchanger (rear door, CDU). capacity_ratio: smaller over larger m c_p, 0 to 1.

    >>> round(effectiveness(transfer_units=2.0, capacity_ratio=1.0), 6), round(effectiveness(2.0, 0.5), 4)
    (0.666667, 0.7746)
    """
    spread = transfer_units * (1 - capacity_ratio)
    unequal = xp.divide(-xp.expm1(-spread), 1 - capacity_ratio * xp.exp(-spread))
    equal = transfer_units / (1 + transfer_units)
    return xp.where(abs(1 - capacity_ratio) < 1e-9, equal, unequal)


@formula(cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., eq. 2-8: Q = eps C_min (T_hot - T_cold)")
def exchanged_heat(effectiveness: Ratio, capacity_rate: WattsPerKelvin, hot: Kelvin, cold: Kelvin) -> Watts:
    """Heat an exchanger moves. capacity_rate: the smaller m c_p; hot, cold: the two inlets.

    >>> exchanged_heat(effectiveness=0.8, capacity_rate=500.0, hot=320.0, cold=295.0)
    10000.0
    """
    return effectiveness * capacity_rate * (hot - cold)


@formula(cite="definition: heat-exchanger approach")
def facility_supply(supply: Kelvin, approach: KelvinDifference) -> Kelvin:
    """Warmest facility water that still gives this supply temperature across the exchanger.

    >>> facility_supply(supply=318.15, approach=4.0)
    314.15
    """
    return supply - approach
