"""Files that end in a line with their length and SHA-256, so that a changed bit is found before anything is used.

The line follows the last byte that belongs to HDF5, so any netCDF reader can open the file.
"""

import codecs
import hashlib
import io
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bayesctc.errors import StorageError

_START = "\nbayesctc fit, format {:06d}, {:020d} bytes before this line, SHA-256 "
_LENGTH = len(_START.format(0, 0)) + 64 + 1
_PATTERN = re.compile(rb"\nbayesctc fit, format (\d{6}), (\d{20}) bytes before this line, SHA-256 [0-9a-f]{64}\n")
HDF5 = b"\x89HDF\r\n\x1a\n"
_KINDS = (
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)"),
    (b"CDF", "a netCDF file of the classic kind"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG picture"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x80", "possibly a Python pickle, which is never opened"),
    (b"\0" * 8, "a file that begins with zeros: the disk may have lost what was in it"),
)


class Content(NamedTuple):
    """An HDF5 file in memory.

    Attributes
    ----------
    content : bytes
        With the line at the end.
    version : int or None
        The format that the line names; None without such a line.
    """

    content: bytes
    version: int | None


def seal(buffer: io.BytesIO, version: int) -> memoryview:
    """The bytes of a buffer and the line about them."""
    buffer.seek(0, io.SEEK_END)
    buffer.write(_line(buffer.getbuffer(), version))
    return buffer.getbuffer()


def _line(content: bytes | memoryview, version: int) -> bytes:
    """The last line of a file: what comes before the SHA-256 is under it too."""
    start = _START.format(version, len(content)).encode("ascii")
    digest = hashlib.sha256(content)
    digest.update(start)
    return start + digest.hexdigest().encode("ascii") + b"\n"


def read_sealed(path: Path) -> Content:
    """The bytes of an HDF5 file, checked if they end in a line about themselves.

    Raises
    ------
    StorageError
        It cannot be read, is not an HDF5 file, was cut short, has something appended, or is damaged.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for ever
            raise StorageError(f"a {'folder' if path.is_dir() else 'device or pipe'}, not a file")
        with open(path, "rb") as file:
            return _checked(file)
    except FileNotFoundError as error:
        raise StorageError("no such file") from error
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"it cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise StorageError(f"not the name of a file ({error})") from error


def _checked(file: BinaryIO) -> Content:
    size = os.fstat(file.fileno()).st_size
    head = file.read(512)
    if not head.startswith(HDF5):
        raise StorageError(f"not a netCDF file, as a saved fit is, but {_kind(head)}")
    file.seek(max(size - _LENGTH, 0))
    line = _PATTERN.fullmatch(file.read(_LENGTH))
    stated = int(line[2]) + _LENGTH if line else _stated_size(head)
    if stated < 0:
        raise StorageError("the file is damaged: its first bytes are HDF5's, what follows is not")
    if stated != size:  # said before a file of any size is read
        what = "was cut short" if stated > size else "has something appended, or was edited"
        raise StorageError(f"the file is damaged: it {what} ({size:,} bytes; {stated:,} according to its header)")
    file.seek(0)
    content = file.read()
    if line is None:
        return Content(content, None)
    version = int(line[1])
    if line[0] != _line(memoryview(content)[:-_LENGTH], version):
        raise StorageError("the file is damaged or was edited: its bytes do not match their SHA-256")
    return Content(content, version)


def _stated_size(head: bytes) -> int:
    """The end of the file according to HDF5; -1 if it cannot be read."""
    version = head[8] if len(head) >= 64 else -1
    at = {0: 40, 1: 44, 2: 28, 3: 28}.get(version)
    eight = head[13] if version in (0, 1) else head[9] if version in (2, 3) else 0
    return int.from_bytes(head[at : at + 8], "little") if at is not None and eight == 8 else -1


def _kind(head: bytes) -> str:
    """The likely kind of a file, by its first bytes."""
    if not head:
        return "an empty file"
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return "a file of another kind"
    return f"a text file that begins {text[:40]!r}"
