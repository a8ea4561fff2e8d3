"""Power of one GPU while something runs, by NVML where its Python module is installed, else by nvidia-smi."""

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Event, Thread
from time import perf_counter, sleep
from typing import NamedTuple

QUERY = "power.draw,clocks.sm,temperature.gpu"
PERIOD = 0.1  # s between samples, where the meter is fast enough
RAMP = 0.25  # of the time: clocks and the meter's own averaging are settling


class Sample(NamedTuple):
    """One reading: W, MHz, degC."""

    power: float
    clock: float
    temperature: float


Meter = Callable[[], Sample]


class NoMeter(Exception):  # noqa: N818
    """Nothing here tells the power of a GPU. str() says why."""


def device() -> str:
    """The GPU that a program sees first, as nvidia-smi names it when CUDA_DEVICE_ORDER is PCI_BUS_ID."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"


def smi(fields: str, gpu: str) -> list[str]:
    """The values of some fields of one GPU. NoMeter when nvidia-smi is absent or refuses."""
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits", "-i", gpu]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoMeter(f"nvidia-smi: {error}") from error
    return [cell.strip() for cell in done.stdout.strip().split(",")]


def by_smi(gpu: str) -> Meter:
    """A meter by nvidia-smi. NoMeter when this GPU does not tell its power."""

    def meter() -> Sample:
        cells = smi(QUERY, gpu)
        try:
            return Sample(*map(float, cells))
        except (TypeError, ValueError) as error:
            raise NoMeter(f"nvidia-smi gives {cells} for {QUERY}") from error

    meter()
    return meter


def by_nvml(gpu: str) -> Meter:
    """A meter by pynvml. NoMeter when it is not installed or does not work here."""
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(int(gpu)) if gpu.isdigit() else nvml.nvmlDeviceGetHandleByUUID(gpu)

        def meter() -> Sample:
            clock = nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)
            heat = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            return Sample(nvml.nvmlDeviceGetPowerUsage(handle) / 1000, clock, heat)

        meter()
    except Exception as error:  # the module's errors are known only once it is there
        raise NoMeter(f"pynvml: {error}") from error
    return meter


def meter_of(gpu: str) -> Meter:
    """The best meter there is. NoMeter when there is none."""
    with suppress(NoMeter):
        return by_nvml(gpu)
    return by_smi(gpu)


def watched(meter: Meter, load: Callable[[], object] | None, seconds: float) -> list[Sample]:
    """Readings while load() is repeated, or while nothing runs; the first part is left out. At least one."""
    found: list[tuple[float, Sample]] = []
    failed: list[NoMeter] = []
    stop = Event()
    start = perf_counter()

    def watch() -> None:
        while not stop.is_set():
            try:
                found.append((perf_counter() - start, meter()))
            except NoMeter as error:
                failed.append(error)
                return
            stop.wait(PERIOD)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        while perf_counter() - start < seconds:
            if load is None:
                sleep(min(PERIOD, seconds))
            else:
                load()
    finally:
        stop.set()
        thread.join()
    if not found:
        raise failed[0] if failed else NoMeter("no reading in the time given")
    return [one for at, one in found if at >= RAMP * seconds] or [found[-1][1]]
