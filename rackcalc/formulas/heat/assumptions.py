"""Assumed constants of power and heat, each with the range in which it is believed to lie."""

from rackcalc.quantities.quantity import Quantity, Source


def assumed(value: float, unit: str, name: str, low: float, high: float, note: str) -> Quantity:
    """A stated assumption with the range it is believed to lie in."""
    return Quantity(value, unit, name, source=Source("assumed", note=note), low=low, high=high)


LEAKAGE_SENSITIVITY = assumed(
    0.014,
    "1/K",
    "leakage sensitivity",
    0.010,
    0.020,
    "leakage doubles every 50 K (35 to 70 K)",
)
LEAKAGE_REFERENCE = Quantity(
    338.15, "K", "leakage reference temperature", absolute=True, low=338.15, high=358.15,
    source=Source("assumed", note="TDP is stated for a junction of about 65 to 85 degC"),
)  # fmt: skip
VOLTAGE_FLOOR = assumed(
    0.5,
    "1",
    "voltage floor",
    0.3,
    0.8,
    "core voltage extrapolated to zero clock, as a share of that at full clock",
)
HEAT_CAPACITY = assumed(1006.0, "J/kg/K", "specific heat of air", 1005.0, 1030.0, "dry air at 300 K; high: humid")
HUMIDITY = assumed(0.4, "1", "relative humidity", 0.08, 0.8, "moves air density by less than 1 %")
FAN_EXPONENT = assumed(3.0, "1", "fan power exponent", 2.5, 3.0, "affinity law; lower against a fixed head")
CONDUCTION_SHARE = assumed(0.5, "1", "flow-independent share of resistance", 0.3, 0.7, "interface, lid and spreading")
FLOW_EXPONENT = assumed(0.8, "1", "convection exponent", 0.5, 0.8, "turbulent flow between fins; 0.5 laminar")
