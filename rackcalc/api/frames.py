"""Data frames of pandas or polars, for those who have one of them."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

LIBRARIES = ("pandas", "polars")


def frame(columns: Mapping[str, Any], library: str | None) -> Any:
    """A data frame of these columns. library: "pandas", "polars", or None for the first that is installed.

    ImportError when it is not installed; ValueError for another library.
    """
    if library is not None and library not in LIBRARIES:
        raise ValueError(f'library: expected "pandas" or "polars", got {library!r}')
    for name in LIBRARIES if library is None else (library,):
        if find_spec(name) is not None:
            return import_module(name).DataFrame(dict(columns))
    raise ImportError(f"to_frame needs {library or 'pandas or polars'}: pip install pandas, or pip install polars")
