"""Text from files and from standard input: UTF-8, of limited size, or an InputError that says what is wrong."""

import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rackcalc.quantities.problems import failure

RACK = "a rack file"
MAX_BYTES = 4 * 1024 * 1024  # a rack file has a few kB; anything larger than this is the wrong file


Reader = Callable[[str], str]  # of a path, the text; InputError where it is not readable text
_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


@contextmanager
def reading_with(reader: Reader) -> Iterator[None]:
    """Every file that a rack names is read by the reader within this block: from a commit, say, and not from disk."""
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


def read_text(path: str, what: str = RACK) -> str:
    """Read a file, or standard input for "-". InputError for anything that is not readable text.

    what: the kind of file, for messages. Racks may come through a pipe; a model file must be a regular file.
    """
    reader = _reader.get()
    return read_from_disk(path, what=what) if reader is None else reader(path)


def beside(file: str, name: str) -> str:
    """The path of a file that a rack file names: relative to it, or to the current folder where that has no place."""
    from pathlib import Path

    base = Path(file).parent if not file.startswith(("<", "-")) else Path()
    target = str(base / name)
    return "./-" if target == "-" else target  # a file of that name: standard input is for the rack


def read_from_disk(path: str, shown: str = "", what: str = RACK) -> str:
    """As read_text, whatever the reader of a block is. shown: the name in messages, if it is another."""
    name = _shown_name(path, shown)
    return decode(bytes_from_disk(path, name, what), name)


def _shown_name(path: str, shown: str) -> str:
    return shown or ("<stdin>" if path == "-" else path)


def bytes_from_disk(path: str, shown: str = "", what: str = RACK, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file or of standard input, not more than a few above `most`. shown, what: as above."""
    name = _shown_name(path, shown)
    try:
        if path == "-":
            data = b"" if sys.stdin is None else sys.stdin.buffer.read(most + 1)
        else:
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                raise failure(f"is a directory; name {'a YAML file' if what == RACK else what} in it", name)
            if what != RACK and not stat.S_ISREG(info.st_mode):
                raise failure(f"is a pipe or a device; {what} must be a regular file", name)
            if stat.S_ISREG(info.st_mode) and info.st_size > most:
                raise failure(f"is {info.st_size / 1e6:.0f} MB; {what} has at most {most / 1e6:.0f} MB", name)
            if stat.S_ISFIFO(info.st_mode):
                data = _read_pipe(path)
            else:
                with open(path, "rb") as stream:
                    data = stream.read(most + 1)
    except FileNotFoundError:
        raise failure("no such file", name or '""') from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise failure(f"cannot be read: {reason.lower()}", name) from None
    return data


def _read_pipe(path: str) -> bytes:
    """What a process writes to a named pipe. OSError where none does: reading would wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    data = b""
    try:
        while len(data) <= MAX_BYTES:
            try:
                piece = os.read(descriptor, 1 << 16)
            except BlockingIOError:  # a process has it open, and has written nothing yet
                select.select([descriptor], [], [])
                continue
            if not piece:
                break
            data += piece
    finally:
        os.close(descriptor)
    if not data:
        raise OSError("a pipe to which no process writes")
    return data


def decode(data: bytes, name: str, line_offset: int = 0) -> str:
    """Decode bytes as UTF-8. InputError where they are no text. line_offset: lines of the file before the bytes."""
    if len(data) > MAX_BYTES:
        raise failure(
            f"is over {MAX_BYTES / 1e6:.0f} MB; a rack file is a few kB", name, line_offset and line_offset + 1, 1
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = line_offset + data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte 0x{data[error.start]:02x}); save it as UTF-8"
        raise failure(message, name, line, 1) from None
    if "\0" in text:
        raise failure("is a binary file or UTF-16, not YAML in UTF-8", name, line_offset and line_offset + 1, 1)
    return text
