"""Which processes train which runs, as the system tells it."""

import os
import re
import signal
from pathlib import Path

from ..core.files import lock as lock_file
from ..core.files import open_lock

LOCKS = Path("/proc/locks")
LINE = re.compile(r"FLOCK\s+\w+\s+WRITE\s+(\d+)\s+\w+:\w+:(\d+)")


def lock_holders() -> dict[int, int] | None:
    """The process that holds each lock, by the inode number of the file; None where the system
    does not tell."""
    try:
        text = LOCKS.read_text()
    except OSError:
        return None
    return {int(inode): int(pid) for pid, inode in LINE.findall(text)}


def holder_of(path: Path, holders: dict[int, int] | None) -> int:
    """The process that trains in the run whose lock file this is: 0 if none does, -1 if its number
    is not known."""
    try:
        inode = path.stat().st_ino
    except OSError:
        return 0
    if holders is not None:
        return holders.get(inode, 0)
    try:
        with open_lock(path) as file:
            lock_file(file, "busy")
        return 0
    except (OSError, ValueError):
        return -1


def birth_of(pid: int) -> str:
    """When a process started, so that another one with its number is not taken for it; "" where it
    has ended or this is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def is_alive(pid: int, birth: str) -> bool:
    """Whether the process that started then still runs."""
    if LOCKS.exists():
        return bool(birth) and birth_of(pid) == birth
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def stop(pid: int) -> None:
    """Ask a process to stop at a safe point, as Ctrl-C does. Raises ValueError for one that is not
    of Hourglass, or of another user."""
    words = Path(f"/proc/{pid}/cmdline")
    if words.exists() and b"hourglass" not in words.read_bytes():
        raise ValueError(f"process {pid} is not a command of Hourglass, so it is left alone")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError:
        raise ValueError(f"process {pid} is of another user; stop it there") from None
