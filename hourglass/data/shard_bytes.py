"""Bytes of shards, from files or from addresses: sizes, and ranges that are read on demand."""

import os
import time
from typing import Any, NamedTuple

from ..core.console import say
from .shard_names import is_address

TRIES = 6
WAIT = 0.2        # seconds before the second try; each further wait is twice as long
PIECE = 2**22     # bytes that are read together while an index is made
BROKEN: set[str] = set()   # shards whose connection broke, which is said once
MISSING = (FileNotFoundError, PermissionError, IsADirectoryError)


class ShardSize(NamedTuple):
    """The size of a shard in bytes, and what changes with its content."""

    size: int
    mark: str


def size_of(place: str) -> ShardSize:
    """The size of a shard. Raises ValueError if it is missing."""
    if not is_address(place):
        try:
            status = os.stat(place)
        except OSError as error:
            raise ValueError(f"the shard {place} cannot be read ({error.strerror})") from None
        if not os.path.isfile(place):
            raise ValueError(f"the shard {place} is not a regular file")
        return ShardSize(status.st_size, str(status.st_mtime_ns))
    info = _patiently(place, lambda system, path: system.info(path))
    if not info.get("size"):
        raise ValueError(f"the server does not tell the size of the shard {place}; download it, or "
                         f"use another server")
    return ShardSize(int(info["size"]), str(info.get("ETag") or info.get("LastModified") or ""))


def read_range(place: str, start: int, end: int) -> bytes:
    """The bytes of a shard from `start` up to `end`. A broken connection is tried again. Raises
    ValueError if the shard is missing, ends before, or cannot be read in parts."""
    if not is_address(place):
        try:
            with open(place, "rb") as file:
                content = os.pread(file.fileno(), end - start, start)
        except OSError as error:
            raise ValueError(f"the shard {place} cannot be read ({error.strerror})") from None
        if len(content) < end - start:
            raise ValueError(f"the shard {place} ends before byte {end:,}; it was cut short")
        return content

    def read(system: Any, path: str) -> bytes:
        content: bytes = system.cat_file(path, start, end)
        if len(content) > end - start:
            raise ValueError(f"the server of {place} ignores ranges, so that each image would cost "
                             f"the whole shard; use a server with ranges, or download the shards")
        if len(content) < end - start:
            raise ConnectionError(f"{len(content):,} of {end - start:,} bytes came")
        return content
    received: bytes = _patiently(place, read)
    return received


def _patiently(place: str, use: Any) -> Any:
    """The result of `use` for a remote file, tried again if the connection breaks."""
    wait, reason = WAIT, ""
    for number in range(TRIES):
        try:
            return use(*_system_of(place))
        except ValueError:
            raise
        except MISSING:
            raise ValueError(f"there is no shard {place}, or it may not be read; check the "
                             f"address") from None
        except Exception as error:   # each kind of storage has its own
            reason = str(error).partition("\n")[0] or type(error).__name__
            if getattr(error, "status", 0) in (401, 403, 404, 410):
                break
        if number + 1 < TRIES:
            if place not in BROKEN:
                BROKEN.add(place)
                say(f"the connection to {place} broke ({reason[:80]}); trying again")
            time.sleep(wait)
            wait *= 2
    raise ValueError(f"the shard {place} cannot be read ({reason[:120]}); check the connection, "
                     f"then give the command again. A training continues with --resume")


def _system_of(place: str) -> tuple[Any, str]:
    """The file system of an address, by fsspec, and the path in it."""
    import fsspec
    try:
        system_and_path: tuple[Any, str] = fsspec.core.url_to_fs(place)
    except ImportError as error:
        extra = "pip install 'hourglass[s3]'" if place.startswith("s3:") else str(error)[:80]
        raise ValueError(f"{place}: this kind of storage needs another package: {extra}") from None
    return system_and_path


class RemoteFile:
    """A remote file for reading from its start to its end, some pieces at a time."""

    def __init__(self, place: str, size: int):
        self.place, self.size, self.position = place, size, 0
        self.start, self.held = 0, b""

    def tell(self) -> int:
        """The position in the file."""
        return self.position

    def seek(self, position: int, whence: int = 0) -> int:
        """Move to a position."""
        self.position = position + (0, self.position, self.size)[whence]
        return self.position

    def read(self, count: int = -1) -> bytes:
        """Read `count` bytes, or all if fewer are left or `count` is negative."""
        end = self.size if count < 0 else min(self.position + count, self.size)
        if self.position >= end:
            return b""
        inside = self.start <= self.position and end <= self.start + len(self.held)
        if not inside:
            last = min(self.size, max(end, self.position + PIECE))
            self.start, self.held = self.position, read_range(self.place, self.position, last)
        first = self.position - self.start
        self.position = end
        return self.held[first:end - self.start]
