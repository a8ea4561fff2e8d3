"""Units: the names formulas use, parsing and showing. The only module that imports pint, and only on a miss.

Values are floats in canonical units everywhere inside: s, B, B/s, FLOP, FLOP/s, token, request, W, J, K, USD, m, kg, Pa,
1 and their quotients. A dimension has exactly one canonical text (CANONICAL); comparing texts compares dimensions.
"""

from typing import Annotated

# Factors of one canonical unit. A formula that turns a count into FLOP, or a length in tokens into a count, says so
# with one of these; the dimensional test replaces them by pint units and so checks every body.
SECOND = 1.0
BYTE = 1.0
FLOP = 1.0
TOKEN = 1.0
REQUEST = 1.0
WATT = 1.0
KELVIN = 1.0
METRE = 1.0
PASCAL = 1.0
USD = 1.0
DECIBEL = 1.0

Ratio = Annotated[float, "1"]  # shares, efficiencies, utilization
Count = Annotated[float, "1"]  # chips, layers, matrix dimensions
Seconds = Annotated[float, "s"]
Hertz = Annotated[float, "1/s"]
PerSecond = Annotated[float, "1/s"]
Bytes = Annotated[float, "B"]
BytesPerSecond = Annotated[float, "B/s"]
BytesPerToken = Annotated[float, "B/token"]
Flop = Annotated[float, "FLOP"]
FlopPerSecond = Annotated[float, "FLOP/s"]
FlopPerToken = Annotated[float, "FLOP/token"]
FlopPerByte = Annotated[float, "FLOP/B"]
Tokens = Annotated[float, "token"]
TokensPerSecond = Annotated[float, "token/s"]
SecondsPerToken = Annotated[float, "s/token"]
Requests = Annotated[float, "request"]
RequestsPerSecond = Annotated[float, "request/s"]
TokensPerRequest = Annotated[float, "token/request"]
Watts = Annotated[float, "W"]
Joules = Annotated[float, "J"]
JoulesPerToken = Annotated[float, "J/token"]
JoulesPerRequest = Annotated[float, "J/request"]
Kelvin = Annotated[float, "K"]  # absolute temperatures; shown in degC
KelvinDifference = Annotated[float, "K"]  # rises and margins
PerKelvin = Annotated[float, "1/K"]
KelvinPerWatt = Annotated[float, "K/W"]
WattsPerKelvin = Annotated[float, "W/K"]
Metres = Annotated[float, "m"]
CubicMetresPerSecond = Annotated[float, "m^3/s"]
KilogramsPerCubicMetre = Annotated[float, "kg/m^3"]
KilogramsPerSecond = Annotated[float, "kg/s"]
JoulesPerKilogramKelvin = Annotated[float, "J/kg/K"]
Pascals = Annotated[float, "Pa"]
Decibels = Annotated[float, "dB"]
UsDollars = Annotated[float, "USD"]
UsDollarsPerSecond = Annotated[float, "USD/s"]
UsDollarsPerJoule = Annotated[float, "USD/J"]
UsDollarsPerToken = Annotated[float, "USD/token"]
UsDollarsPerRequest = Annotated[float, "USD/request"]
UsDollarsPerWatt = Annotated[float, "USD/W"]
UsDollarsPerWattSecond = Annotated[float, "USD/W/s"]  # rent per kW and month
Same = Annotated[float, "same"]  # the unit of the first input (sums, extremes)
