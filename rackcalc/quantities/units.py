"""Units: the names that formulas use in their signatures, and what every spelling of a unit means.

Inside rackcalc all values are floats in canonical units: s, B, B/s, FLOP, FLOP/s, token, request, W, J, K, USD, m, kg,
Pa, 1 and their quotients. A dimension has one canonical text (DIMENSIONS), so comparing texts compares dimensions.
Only this module imports pint, and only for a spelling that the generated table does not hold.
"""

import os
import re
from typing import Annotated, Any

from rackcalc.quantities.units_table import TABLE

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
GPU = 1.0
DECIBEL = 1.0
VOLT_AMPERE = 1.0

Ratio = Annotated[float, "1"]  # shares, efficiencies, utilization
Count = Annotated[float, "1"]  # chips, layers, matrix dimensions
Seconds = Annotated[float, "s"]
Hertz = Annotated[float, "1/s"]
PerSecond = Annotated[float, "1/s"]
PerSecondSquared = Annotated[float, "1/s^2"]  # a yearly return per time saved
Bytes = Annotated[float, "B"]
BytesPerSecond = Annotated[float, "B/s"]
BytesPerToken = Annotated[float, "B/token"]
Flop = Annotated[float, "FLOP"]
FlopPerSecond = Annotated[float, "FLOP/s"]
FlopPerToken = Annotated[float, "FLOP/token"]
FlopPerByte = Annotated[float, "FLOP/B"]
FlopPerJoule = Annotated[float, "FLOP/J"]
Tokens = Annotated[float, "token"]
TokensPerSecond = Annotated[float, "token/s"]
SecondsPerToken = Annotated[float, "s/token"]
Requests = Annotated[float, "request"]
RequestsPerSecond = Annotated[float, "request/s"]
TokensPerRequest = Annotated[float, "token/request"]
Watts = Annotated[float, "W"]
Joules = Annotated[float, "J"]
JoulesPerByte = Annotated[float, "J/B"]
JoulesPerToken = Annotated[float, "J/token"]
JoulesPerRequest = Annotated[float, "J/request"]
Kelvin = Annotated[float, "K"]  # absolute temperatures; shown in degC
KelvinDifference = Annotated[float, "K", "difference"]  # rises and margins
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
Amperes = Annotated[float, "A"]
Volts = Annotated[float, "V"]
VoltAmperes = Annotated[float, "VA"]
KilogramsPerJoule = Annotated[float, "kg/J"]
KilogramsPerRequest = Annotated[float, "kg/request"]
KilogramsPerToken = Annotated[float, "kg/token"]
CubicMetresPerJoule = Annotated[float, "m^3/s/W"]
UsDollarsPerCubicMetre = Annotated[float, "USD/m^3"]
UsDollars = Annotated[float, "USD"]
UsDollarsPerSecond = Annotated[float, "USD/s"]
UsDollarsPerGpuSecond = Annotated[float, "USD/GPU/s"]  # a rent, or a cost, of one GPU
UsDollarsPerJoule = Annotated[float, "USD/J"]
UsDollarsPerToken = Annotated[float, "USD/token"]
UsDollarsPerRequest = Annotated[float, "USD/request"]
UsDollarsPerWatt = Annotated[float, "USD/W"]
UsDollarsPerWattSecond = Annotated[float, "USD/J"]  # rent per kW and month: the dimension of an energy price
Same = Annotated[float, "same"]  # the unit of the first input (sums, extremes)


class UnitError(ValueError):
    """A text that is not a number in a suitable unit. str() says what was expected."""


# canonical unit -> what people call the dimension, and an example for error messages
DIMENSIONS: dict[str, tuple[str, str]] = {
    "1": ("a number without unit", "0.8"),
    "s": ("a time", "1.5 ms"),
    "1/s": ("a rate or frequency", "10 percent/year"),
    "1/s^2": ("a relative rate per time saved", "0.7 percent/ms/year"),
    "B": ("an amount of memory", "180 GB"),
    "B/s": ("a bandwidth", "900 GB/s"),
    "B/token": ("bytes per token", "320 KiB/token"),
    "FLOP": ("an amount of arithmetic", "80 GFLOP"),
    "FLOP/s": ("an arithmetic rate", "2250 TFLOP/s"),
    "FLOP/token": ("arithmetic per token", "140 GFLOP/token"),
    "FLOP/B": ("arithmetic per byte", "300 FLOP/B"),
    "FLOP/J": ("arithmetic per energy", "0.7 TFLOP/J"),
    "token": ("a length in tokens", "128 token"),
    "token/s": ("a token rate", "5000 token/s"),
    "s/token": ("a time per token", "20 ms/token"),
    "request": ("a number of requests", "64 request"),
    "request/s": ("a request rate", "200 request/s"),
    "s/request": ("a time per request", "2 ms/request"),
    "token/request": ("tokens per request", "512 token/request"),
    "W": ("a power", "1000 W"),
    "J": ("an energy", "1 kWh"),
    "J/B": ("energy per byte", "95 pJ/B"),
    "J/token": ("energy per token", "0.5 J/token"),
    "J/request": ("energy per request", "3 J/request"),
    "K": ("a temperature", "27 degC"),
    "1/K": ("a relative change per kelvin", "1.4 percent/K"),
    "K/W": ("a thermal resistance", "0.05 K/W"),
    "W/K": ("a heat conductance", "1200 W/K"),
    "m": ("a length", "300 m"),
    "m^2": ("an area", "2 m^2"),
    "m^3/s": ("a volume flow", "1600 CFM"),
    "m^3/s/W": ("a volume flow per power", "120 CFM/kW"),
    "kg/m^3": ("a density", "1.18 kg/m^3"),
    "kg/s": ("a mass flow", "2 kg/s"),
    "J/kg/K": ("a heat capacity", "1006 J/kg/K"),
    "Pa": ("a pressure", "500 Pa"),
    "dB": ("a level", "20 dB"),
    "dB/K": ("a level per kelvin", "0.02 dB/K"),
    "A": ("a current", "60 A"),
    "V": ("a voltage", "415 V"),
    "VA": ("an apparent power", "17 kVA"),
    "kg/J": ("carbon per energy", "0.35 kg/kWh"),
    "kg/request": ("a mass per request", "0.001 kg/request"),
    "kg/token": ("a mass per token", "0.000001 kg/token"),
    "USD/m^3": ("a price of water", "2 USD/m^3"),
    "USD": ("an amount of money", "30000 USD"),
    "USD/s": ("money per time", "6.03 USD/hour"),
    "USD/GPU/s": ("money per GPU and time", "2.95 USD/GPU/hour"),
    "USD/J": ("an energy price", "0.10 USD/kWh"),
    "USD/W": ("a price per power", "300 USD/kW"),
    "USD/token": ("a price per token", "0.60 USD/Mtoken"),
    "USD/request": ("a price per request", "20 USD/Mrequest"),
}

# Everyday spellings, which are in the generated table. All others work too, but loading pint takes some 300 ms.
_PREFIXED = {
    "B": ("", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti"),
    "b": ("k", "M", "G", "T"),
    "bit": ("", "k", "M", "G", "T"),
    "bps": ("", "k", "M", "G", "T"),
    "Bps": ("", "k", "M", "G", "T"),
    "BTU/h": ("", "k"),
    "s": ("", "m", "u", "µ", "n", "p"),
    "W": ("", "m", "k", "M", "G"),
    "VA": ("", "k", "M"),
    "A": ("", "k"),
    "V": ("", "k"),
    "J": ("", "m", "k", "M"),
    "Wh": ("", "k", "M", "G"),
    "Hz": ("", "k", "M", "G"),
    "FLOP": ("", "k", "M", "G", "T", "P", "E"),
    "OP": ("", "G", "T", "P"),
    "token": ("", "k", "M", "G"),
    "request": ("", "k", "M"),
}
_SUFFIXES = {
    "B": ("", "/s", "/token"),
    "b": ("", "/s"),
    "bit": ("", "/s"),
    "s": ("", "/token", "/request"),
    "FLOP": ("", "/s", "/token", "/B", "/J"),
    "OP": ("", "/s"),
    "J": ("", "/token", "/request"),
    "token": ("", "/s", "/day", "/request"),
    "request": ("", "/s", "/min", "/hour", "/day"),
}
_PLAIN = (
    "1 % percent pct ppm bp Ki Mi Gi Ti C F C/W °F degF fahrenheit qps rps QPS RPS query queries queries/s ton tons "
    "TR RT BTU Btu/h BTU/hr GPM gpm gal/min m3/h m3/s cm inch inches feet watt watts bit bits byte bytes KB KB/s "
    "TFLOPS GFLOPS PFLOPS TOPS tokens tokens/s tok tok/s requests requests/s "
    "req req/s sample samples samples/s second min minute h hour hours d day days week weeks month months "
    "yr year years K degC °C celsius degF K/W degC/W W/K 1/K %/K percent/K m ft m^2 m^3/s m^3/h CFM cfm "
    "L/min LPM lpm L/s CFM/kW kg/m^3 kg/s J/kg/K J/(kg*K) kJ/kg/K Pa kPa bar psi dB dB/K pJ/B 1/s 1/year 1/ms "
    "%/year percent/year %/month percent/month %/ms/year percent/ms/year USD kUSD MUSD GUSD USD/s "
    "USD/hour USD/h USD/day USD/month USD/year kUSD/year MUSD/year USD/J USD/kWh USD/MWh USD/W USD/kW "
    "USD/W/s USD/kW/month USD/kW/year USD/kW-month USD/token USD/Mtoken USD/Mtok USD/ktoken USD/request "
    "USD/krequest USD/Mrequest ms/token us/token 1/s^2 USD/GPU/hour USD/GPU/h USD/GPU-hour USD/GPU-h "
    "USD/GPU/month USD/GPU/year "
    "kg/J kg/kWh g/kWh g/J lb/MWh kg/h kg/hour kg/day kg/year kg/request g/request mg/request g/token mg/token "
    "ug/token kg/token L/kWh m^3/J m^3/year m^3/day L/h L/day USD/m^3 USD/L "
)


def known_spellings() -> list[str]:
    """Every spelling in the generated table, in a stable order."""
    texts = list(DIMENSIONS)
    for atom, prefixes in _PREFIXED.items():
        texts += [prefix + atom + suffix for prefix in prefixes for suffix in _SUFFIXES.get(atom, ("",))]
    return sorted(set(texts) | set(_PLAIN.split()))


def registry() -> Any:
    """The pint registry built from units.txt (cached)."""
    global _registry  # noqa: PLW0603
    if _registry is None:
        import pint

        _registry = pint.UnitRegistry(os.path.join(os.path.dirname(__file__), "units.txt"), case_sensitive=True)
    return _registry


_registry: Any = None


def resolve(text: str) -> tuple[str, float, float]:
    """Unit text -> (canonical unit, factor, offset): canonical value = number * factor + offset.

    Looks into the generated table first, and asks pint only when the text is not there. Case matters, because m is a
    thousandth and M a million; only in whole words (Token, HOURS) it does not. UnitError for a text that is no unit.
    """

    text = text.strip() or "1"
    if text in TABLE:
        return TABLE[text]
    for spelling in (_plainly(text), _words_in_lower_case(text)):
        if spelling in TABLE:
            return TABLE[spelling]
    try:
        return resolve_with_pint(text)
    except UnitError as error:
        try:
            return resolve_with_pint(_words_in_lower_case(text))
        except UnitError:
            raise error from None


# Spellings that mean something only where the field says what: (unit of the field, spelling) -> unit.
_IN_FIELDS = {
    "token/s": (r"(k?)(?:tps|TPS|t/s|toks?/s)", r"\1token/s"),
    "FLOP/s": (r"([kMGTPE]?)(?:FLOPs|Flops|flops|OPs)", r"\1FLOP/s"),
    "s/token": (r"([nuµμm]?s)", r"\1/token"),  # engines and benchmarks print the time per token in ms
}
_AMBIGUOUS = r"M+(BTU|Btu)(/h|/hr)?"


def in_field(typed: str, unit: str) -> str:
    """The unit as typed, or what it stands for in a field of that unit. UnitError for one with two meanings."""
    if unit in _IN_FIELDS:
        pattern, meaning = _IN_FIELDS[unit]
        typed = re.sub(rf"^{pattern}$", meaning, typed)
    if typed.startswith("M") and re.fullmatch(_AMBIGUOUS, typed):
        raise UnitError(f'"{typed}" is not a unit')
    return typed


# Whole words, which no prefix can be confused with.
_WORDS = (
    "second seconds sec minute minutes min hour hours hr hrs day days week weeks month months year years yr "
    "token tokens tok request requests req reqs query queries sample samples byte bytes bit bits watt watts "
    "joule joules hertz kelvin celsius fahrenheit percent pct ppm usd cfm gpm lpm qps rps btu ton tons psi bar "
    "metre metres meter meters foot feet inch inches litre litres liter liters gallon gallons"
)
WORDS = frozenset(_WORDS.split())
_UPPER = {"usd": "USD", "btu": "BTU"}  # words that are written in capitals


def _words_in_lower_case(text: str) -> str:
    """The unit with its words as units.txt writes them: Tokens/Hour -> tokens/hour.

    Only where it holds nothing but words and s, h, d: beside a symbol with a prefix, case says which one is meant.
    """
    plain = _plainly(text)
    names = re.findall(r"[^\W\d_]+", plain)
    if not all(name.lower() in WORDS or name in ("s", "h", "d") for name in names):
        return plain
    return re.sub(r"[^\W\d_]+", lambda match: _as_written(match.group()), plain)


def _as_written(word: str) -> str:
    low = word.lower()
    return _UPPER.get(low, low) if low in WORDS else word


_DEGREES = r"(?i)(?:[°º˚]|\bdeg(?:rees?)?\b\.?)\s*(celsius|fahrenheit|[CFK])\b"
_POWER = r"(?<![^\W_])((?:[kmcuµ]?m)|ft)([23])(?![\w^])"


def _plainly(text: str) -> str:
    """The unit in the letters of units.txt: °C, ℃ and deg C are degC, m³ and m3 are m^3."""
    text = text.replace("℃", "degC").replace("℉", "degF").replace("²", "2").replace("³", "3")
    text = re.sub(_DEGREES, lambda match: f"deg{match[1][0].upper()}", text)
    return re.sub(_POWER, r"\1^\2", text).replace("kW-month", "kW/month").replace("GPU-", "GPU/")


# A thousandth of a token, byte or dollar: a slip for a million of them.
_PART_OF_A_THING = (
    r"(?<![^\W_])(?:[munpµμ]|milli|micro|nano|pico)"
    r"(?:B|b|bytes?|bits?|bps|Bps|FLOPS?|FLOPs|OPS?|flops?|tok|tokens?|reqs?|requests?|samples?|qps|rps|USD|usd)(?![^\W_])"
)


# Money for a thousandth of a watt or watt-hour: a slip for a million of them.
_PRICE_OF_A_PART = r"(?i)USD\s*/\s*(?:m|milli)(?:W|J|watt|joule)"


# Names, products, quotients, and powers of one digit. Nothing else reaches pint, which would try to compute 9**9**9**9.
_UNIT = r"(?:[^\W\d]|[%°*/()\s-]|(?<![\w.])1(?![\w.])|(?:\*\*|\^)-?\d(?!\s*(?:\*\*|\^|[\d.])))+"


def resolve_with_pint(text: str) -> tuple[str, float, float]:
    """As resolve, but always through pint; the table is generated with this."""
    ureg = registry()
    if text == "1":
        return "1", 1.0, 0.0
    written = _plainly(text)
    if len(text) > 60 or not re.fullmatch(_UNIT, written):
        raise UnitError(f'"{text}" is not a unit')
    if re.search(_PART_OF_A_THING, written) or (re.search(_PRICE_OF_A_PART, written) and "/M" not in written):
        raise UnitError(f'"{text}" holds a part of something that has no parts: m is a thousandth, M a million')
    try:
        unit = ureg.parse_units(written)
        zero, one = (ureg.Quantity(x, unit).to_root_units() for x in (0.0, 1.0))
    except Exception as error:  # pint and its tokenizer raise many kinds
        raise UnitError(f'"{text}" is not a unit') from error
    dimension = zero.dimensionality
    for canonical in DIMENSIONS:
        reference = ureg.dimensionless if canonical == "1" else ureg.parse_units(canonical)
        if reference.dimensionality == dimension:
            scale = ureg.Quantity(1.0, reference).to_root_units().magnitude
            offset = zero.magnitude / scale
            return canonical, (one.magnitude - zero.magnitude) / scale, offset
    raise UnitError(f'"{text}" is a unit, but of nothing rackcalc uses')


def write_table() -> str:
    """The text of units_table.py, generated with pint; a test compares it with the file."""
    rows = "".join(f"    {text!r}: {resolve_with_pint(text)!r},\n" for text in known_spellings())
    return (
        '"""Unit spellings -> (canonical unit, factor, offset). Generated: make units"""\n\n'
        f"TABLE: dict[str, tuple[str, float, float]] = {{\n{rows}}}\n"
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(write_table())
