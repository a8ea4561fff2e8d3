"""A figure of matplotlib, and the bytes of its file. The same input gives the same bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rackcalc.quantities.problems import failure, printable

ENDINGS = (".svg", ".png")
# as in the pages; the colour-blind tell them apart by lightness
ONE, TWO, THREE, FOUR, BAD, SOFT = "#2563a8", "#5f6b79", "#8a4b08", "#6b3fa0", "#b3261e", "#505862"
COLOURS = (ONE, TWO, THREE, FOUR)
SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.parse_math": False,  # a rack may be called $anything$
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "svg.fonttype": "none",  # text stays text: small files, and screen readers read it
    "svg.hashsalt": "rackcalc",
}


def ending_of(file: str) -> str:
    """The ending that names the format. InputError for any other."""
    found = next((ending for ending in ENDINGS if file.lower().endswith(ending)), None)
    if found is None:
        raise failure(f'-o: "{file}" ends in no format of pictures; expected {" or ".join(ENDINGS)}')
    return found


def require_matplotlib() -> None:
    """InputError, saying how to get it, where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise failure("plot needs matplotlib, which is not installed: pip install 'rackcalc[plot]'") from None
    import logging

    logging.getLogger(mpl.__name__).setLevel(logging.ERROR)  # it would tell of fonts and folders


@contextmanager
def drawing() -> Iterator[None]:
    """The style of all pictures."""
    import warnings

    import matplotlib as mpl

    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters that a font does not have
        yield


def axes(title: str, rows: int = 1, height: float = 4.2, width: float = 7.0) -> tuple[Any, list[Any]]:
    """A figure with a title, and its axes, one below the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(printable(title), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, list(figure.subplots(rows, 1, squeeze=False)[:, 0])


def as_bytes(figure: Any, ending: str) -> bytes:
    """The file of a figure."""
    stream = io.BytesIO()
    metadata = {"Date": None, "Creator": "rackcalc"} if ending == ".svg" else {"Software": "rackcalc"}
    figure.savefig(stream, format=ending[1:], dpi=160, metadata=metadata)
    return stream.getvalue()
