"""The kinds of catalog parts, as a table: folder of the catalog -> dataclass of its parts."""

from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import CpuPath, Link
from rackcalc.spec.models import Model
from rackcalc.spec.money import Api, PriceBook
from rackcalc.spec.plant import AirHandler, Cdu, Climate, Door, HeatRejection
from rackcalc.spec.runtimes import Runtime
from rackcalc.spec.site import Cooling, Server, System
from rackcalc.spec.supply import PowerChain, Region
from rackcalc.spec.venue import Venue

CATALOG: dict[str, type] = {
    "gpus": GPU,
    "lpus": LPU,
    "links": Link,
    "hosts": CpuPath,
    "models": Model,
    "families": Family,
    "runtimes": Runtime,
    "systems": System,
    "servers": Server,
    "cooling": Cooling,
    "cdus": Cdu,
    "doors": Door,
    "air_handlers": AirHandler,
    "rejections": HeatRejection,
    "climates": Climate,
    "power_chains": PowerChain,
    "regions": Region,
    "venues": Venue,
    "prices": PriceBook,
    "apis": Api,
}

NOUNS: dict[str, str] = {  # what a part of that kind is called
    "gpus": "GPU",
    "lpus": "LPU",
    "links": "link",
    "hosts": "path through a host",
    "models": "model",
    "families": "GPU family",
    "runtimes": "runtime",
    "systems": "system",
    "servers": "server",
    "cooling": "cooling method",
    "cdus": "coolant distribution unit",
    "doors": "rear door",
    "air_handlers": "air handler",
    "rejections": "heat rejection",
    "climates": "climate",
    "power_chains": "power chain",
    "regions": "region",
    "venues": "exchange",
    "prices": "price book",
    "apis": "list of API prices",
}

# kind -> the key by which a rack file names a file that describes such a part, and what the file is
FILES: dict[str, tuple[str, str]] = {
    "models": ("hf_config", "path of a Hugging Face config.json"),
    "climates": ("weather", "path of an EPW or TMY3 file"),
}
