"""The links within and between pools, and transfers over them."""

from collections.abc import Mapping

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.links.domains import by_domain
from rackcalc.formulas.links.transfer import Transfer, transfer
from rackcalc.formulas.transformer.forward_pass import Network
from rackcalc.quantities.quantity import Quantity, Source, same_leaf
from rackcalc.quantities.record import replace
from rackcalc.spec.links import Link
from rackcalc.spec.rack import GpuPool, LinkUse, LpuPool, Rack
from rackcalc.spec.site import System

GPUS_PER_SERVER = 8.0  # where the file names no system


def default_link(ports: Mapping[str, Quantity], nvlink: bool = True) -> str | None:
    """The catalog link that joins a chip to others of its kind, by the names of its ports: NVLink before PCIe.

    nvlink: whether NVLink may be chosen. None where the catalog has no link for the ports.
    """
    named = [name for name in ports if name in part_names("links") and name != "nvlink-c2c"]
    if not nvlink:
        named = [name for name in named if not name.startswith("nvlink")]
    return max(named, key=lambda name: (name.startswith("nvlink"), name), default=None)


def is_nvlink(link: Link) -> bool:
    """Whether a link is NVLink, which joins only the GPUs of one domain."""
    return any(port.startswith("nvlink") for port in link.ports)


def nvlink_domain(pool: GpuPool) -> Quantity | None:
    """GPUs that NVLink joins: those of the system that the file names, else of the usual board or bridge."""
    if pool.system is not None and pool.system.nvlink_domain is not None:
        return pool.system.nvlink_domain
    return pool.part.nvlink_domain


def chips_of_server(pool: GpuPool | LpuPool) -> float:
    """Chips that need no network between them: those of a system of the file, else of a server or an NVLink domain."""
    if isinstance(pool, LpuPool):  # a GroqCard is a system of one chip, and a server holds as many as it holds GPUs
        return max(GPUS_PER_SERVER, 0.0 if pool.system is None else float(pool.system.count.value))
    if pool.system is not None:
        return float(pool.system.count.value)
    domain = nvlink_domain(pool)
    return GPUS_PER_SERVER if domain is None else max(GPUS_PER_SERVER, float(domain.value))


def is_bridged(pool: GpuPool) -> bool:
    """Whether a bridge joins a few cards of a server, which reach the others over PCIe."""
    domain = nvlink_domain(pool)
    return domain is not None and float(domain.value) < GPUS_PER_SERVER


def network_link(pool: GpuPool) -> str | None:
    """The network between servers of these GPUs, as in the system that the file names, else in one of the catalog."""
    if pool.system is not None:
        return next(iter(pool.system.network), None)
    for name in part_names("systems"):
        system: System = load_part("systems", name)
        if system.network and load_part("gpus", system.accelerator).name == pool.part.name:
            return next(iter(system.network))
    return None


def link_beyond_domain(pool: GpuPool) -> str | None:
    """The link to GPUs that NVLink does not reach: PCIe to cards without a bridge, the network to other servers."""
    return default_link(pool.part.ports, nvlink=False) if is_bridged(pool) else network_link(pool)


def at_port(link: Link, ports: Mapping[str, Quantity]) -> Link:
    """A link between equal chips, at no more than the rate of the port that it attaches to, where they have one.

    A PCIe link of a newer generation than the chip's port runs at the rate of the port.
    """
    fitting = {name: rate for name, rate in ports.items() if name in link.ports}
    if not fitting and any(name.startswith("pcie") for name in link.ports):
        fitting = {name: rate for name, rate in ports.items() if name.startswith("pcie")}
    if not fitting:
        return link
    return replace(link, bandwidth=smallest(link=link.bandwidth, port=largest(**fitting)))


def own_link(ports: Mapping[str, Quantity]) -> Link:
    """The link that joins GPUs with these ports where nothing else is said."""
    return at_port(load_part("links", default_link(ports) or "pcie4"), ports)


def gpu_link(rack: Rack, pool: GpuPool, devices: Quantity) -> Link:
    """The link between the GPUs that share a copy: the one in the file, else NVLink within its domain.

    It is never faster than their port. devices: GPUs that share a copy [1]; an array of them gives a link whose values
    are arrays.
    """
    use = rack.links.get("gpu-gpu")
    if use is not None:
        return at_port(use.part, pool.part.ports)
    link = own_link(pool.part.ports)
    domain = nvlink_domain(pool)
    if domain is None or not is_nvlink(link):
        return link
    if isinstance(devices.value, float) and devices.value <= float(domain.value):
        return link
    slower = link_beyond_domain(pool)
    if slower is None:
        return link
    beyond = at_port(load_part("links", slower), pool.part.ports)
    if isinstance(devices.value, float):
        return beyond
    values = {
        name: by_domain(inside=value, beyond=getattr(beyond, name), devices=devices, domain=domain)
        for name, value in link.__dict__.items()
        if isinstance(value, Quantity) and isinstance(getattr(beyond, name), Quantity)
    }
    return replace(link, **values)


def network_between(rack: Rack, pool: GpuPool, link: Link) -> Network | None:
    """What joins GPUs that `link` does not, over which data-parallel groups exchange; None where it joins all.

    A link that the file names joins all of them.
    """
    domain, slower = nvlink_domain(pool), link_beyond_domain(pool)
    if "gpu-gpu" in rack.links or domain is None or slower is None or not is_nvlink(link):
        return None
    return Network(at_port(load_part("links", slower), pool.part.ports), domain)


def port_bandwidth(ports: Mapping[str, Quantity], use: LinkUse) -> Quantity:
    """Bandwidth of the port that a link attaches to; the link's own, marked hypothetical, where the chip has none."""
    fitting = [quantity for name, quantity in ports.items() if name in use.part.ports]
    if fitting:
        return fitting[0] if len(fitting) == 1 else largest(**{f"port_{i}": rate for i, rate in enumerate(fitting)})
    source = Source("hypothetical", note=f"the chip has no port for {use.part.name}; computed as if it had")
    rate = replace(use.part.bandwidth, name="hypothetical port", source=source)
    in_doubt = rate.low is not None or rate.high is not None  # by itself, at each end of the link
    return rate if in_doubt else same_leaf(rate.value, rate.unit, rate.name, source, exact=rate.exact)


def both_pools(rack: Rack) -> tuple[GpuPool, LpuPool]:
    """The GPU pool and the LPU pool of a rack that has both."""
    gpus, lpus = rack.accelerators.gpu, rack.accelerators.lpu
    assert gpus is not None and lpus is not None
    return gpus, lpus


def gpu_lpu_transfer(rack: Rack, size: Quantity) -> tuple[Transfer, Quantity]:
    """A transfer between GPUs and LPUs, and its time."""
    return pool_transfer(rack, "gpu-lpu", size, *both_pools(rack))


def pool_transfer(
    rack: Rack, link: str, size: Quantity, sender: GpuPool | LpuPool, receiver: GpuPool | LpuPool
) -> tuple[Transfer, Quantity]:
    """A transfer between two pools, and its time on the path in the file. Other work takes its share of the link."""
    use = rack.links[link]
    ports = port_bandwidth(sender.part.ports, use), port_bandwidth(receiver.part.ports, use)
    taken = use.other_load if rack.sharing is None else total(link=use.other_load, sharing=rack.sharing.link_share)
    moved = transfer(use.part, size, *ports, taken, use.host, host_bus(sender, receiver))
    return moved, time_on_path(moved, use)


def host_bus(*pools: GpuPool | LpuPool) -> Quantity | None:
    """Rate of the slowest connection of these chips to their hosts, which is PCIe; None for chips without it."""
    rates = {
        f"{i}_{name}": rate
        for i, pool in enumerate(pools)
        for name, rate in pool.part.ports.items()
        if name.startswith("pcie")
    }
    return smallest(**rates) if rates else None


def time_on_path(moved: Transfer, use: LinkUse) -> Quantity:
    """Time of a transfer on the path in the file: zero-copy, over a bounce buffer, or serialised."""
    return {"zero-copy": moved.zero_copy, "bounce": moved.bounce, "serialised": moved.serialised}[use.path]


def lpu_link(rack: Rack, pool: LpuPool) -> Link:
    """The link between the LPUs: the one in the file, else their own."""
    use = rack.links.get("lpu-lpu")
    if use is not None:
        return use.part
    link: Link = load_part("links", pool.part.chip_link)
    return link
