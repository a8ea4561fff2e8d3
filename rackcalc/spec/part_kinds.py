"""The kinds of catalog parts, as a table: folder of the catalog -> dataclass of its parts."""

from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import CpuPath, Link
from rackcalc.spec.models import Model
from rackcalc.spec.money import Api, PriceBook
from rackcalc.spec.runtimes import Runtime
from rackcalc.spec.site import Cooling, Server, System

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
    "prices": "price book",
    "apis": "list of API prices",
}
