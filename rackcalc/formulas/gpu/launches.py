"""Kernel launches: their fixed time on the device and on the host."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import SECOND, Count, Ratio, Seconds


@formula(cite="NVIDIA CUDA programming guide: programmatic dependent launch overlaps a kernel's prologue")
def kernel_launch(launch: Seconds, saving: Seconds) -> Seconds:
    """Fixed time left of a kernel once its prologue overlaps with the kernel before it.

    >>> kernel_launch(launch=3.0, saving=1.0)
    2.0
    """
    return xp.maximum(launch - saving, 0 * launch)


@formula(cite="measured: eager operations at 10 to 45 us of host time each (facebookresearch/sam2 issue 768)")
def dispatch_time(layers: Count, operations: Count, dispatch: Seconds) -> Seconds:
    """Host time to launch a model operation by operation.

    >>> round(dispatch_time(layers=24.0, operations=29.0, dispatch=17e-6), 6)
    0.011832
    """
    return layers * operations * dispatch


@formula(cite="definition: a framework launches more operations than a compiler leaves kernels")
def operations(launches: Count, each: Ratio) -> Count:
    """Operations that the host launches in place of some fused kernels.

    >>> operations(launches=10.0, each=2.6)
    26.0
    """
    return launches * each


@formula(
    cite="PyTorch documentation, CUDA semantics: kernels run asynchronously, the slower of host and GPU sets the pace"
)
def launches_exposed(captured: Seconds, launches: Count, launch: Seconds, share: Ratio, kernels: Seconds) -> Seconds:
    """What the host adds to a part of a layer when it launches its kernels one by one. captured: the part's fixed time
    inside a captured step; launch: host time of each launch; share: of the launches that are not captured.

    >>> round(1e6 * launches_exposed(captured=40e-6, launches=10.0, launch=40e-6, share=1.0, kernels=150e-6))
    210
    """
    return xp.maximum(launches * launch * share - captured - kernels, 0 * kernels)


@formula(cite="definition: what is seen of a pass whose launches run beside it is the longer side")
def device_time_seen(time: Seconds, device_time: Seconds, host_time: Seconds) -> Seconds:
    """A part of the device time; 0 where the launches take longer than the whole of it.

    >>> device_time_seen(time=1.0, device_time=3.0, host_time=2.0)
    1.0
    """
    return xp.where(host_time > device_time, 0.0 * SECOND, time)


@formula(cite="definition: what is seen of a pass whose launches run beside it is the longer side")
def launches_seen(device_time: Seconds, host_time: Seconds) -> Seconds:
    """The launches of a pass; 0 where the device takes longer.

    >>> launches_seen(device_time=1.0, host_time=2.0)
    2.0
    """
    return xp.where(host_time > device_time, host_time, 0.0 * SECOND)
