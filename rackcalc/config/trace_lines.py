"""The lines of a trace file, one at a time, so that memory does not grow with the file. gzip is read as it is."""

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import IO, Any

from rackcalc.quantities.problems import failure

LONGEST_LINE = 4 * 1024 * 1024  # bytes; a million tokens in blocks of 16 are 60,000 hashes
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"

MOST_IN_GIT = 64 * 1024 * 1024  # bytes of a trace that is read from a commit, and so as a whole
Opener = Callable[[str], bytes]  # of a path, the bytes; InputError where it cannot be read
_opener: ContextVar[Opener | None] = ContextVar("opener", default=None)


@contextmanager
def reading_traces_with(opener: Opener) -> Iterator[None]:
    """Every trace that a rack names is read by the opener within this block: from a commit, say, not from disk."""
    token = _opener.set(opener)
    try:
        yield
    finally:
        _opener.reset(token)


def identity(path: str) -> tuple[Any, ...]:
    """What tells the file from a later one of its path; () where it is not from disk. InputError for no such file."""
    if _opener.get() is not None:
        return ()
    try:
        info = os.stat(path)
    except FileNotFoundError:
        raise failure("no such file", path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise failure(f"cannot be read: {_reason(error)}", path) from None
    if stat.S_ISDIR(info.st_mode):
        raise failure("is a directory; name a CSV or JSON lines file in it", path)
    if not stat.S_ISREG(info.st_mode):
        raise failure("is a pipe or a device; a trace must be a regular file", path)
    return (os.path.realpath(path), info.st_mtime_ns, info.st_size, info.st_ino)


def lines_of(path: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is not blank, without its end."""
    opener = _opener.get()
    number = 0
    try:
        with BytesIO(opener(path)) if opener is not None else open(path, "rb") as raw:
            stream = _unpacked(raw)
            while True:
                number += 1
                line = stream.readline(LONGEST_LINE + 1)
                if not line:
                    return
                if len(line) > LONGEST_LINE:
                    raise failure(
                        f"a line of more than {LONGEST_LINE >> 20} MB; write one request a line", path, number, 1
                    )
                text = _text(line.removeprefix(_BOM) if number == 1 else line, path, number)
                if text and not text.isspace():
                    yield number, text
    except EOFError:
        raise failure("the gzip file ends too early: it is truncated; copy it again", path, number, 1) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise failure(f"the gzip file is damaged ({error}); copy it again", path, number, 1) from None
    except (OSError, ValueError) as error:
        raise failure(f"cannot be read: {_reason(error)}", path) from None


def _unpacked(raw: IO[bytes]) -> Any:
    first = raw.read(2)
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if first == _GZIP else raw


def _text(line: bytes, path: str, number: int) -> str:
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte 0x{line[error.start]:02x}); save it as UTF-8"
        raise failure(message, path, number, error.start + 1) from None
    if "\0" in text:
        raise failure("is a binary file or UTF-16; write CSV or JSON lines in UTF-8", path, number, 1)
    return text


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
