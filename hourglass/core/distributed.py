"""Several processes of one command, which torchrun starts and numbers."""

import datetime
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from .console import LINES, say_others

GROUPS = count()   # of this process, one after the other
START = datetime.timedelta(minutes=30)   # until all processes are there
PATIENCE = datetime.timedelta(days=7)   # how long a process waits for the others' parts
SHARES: ContextVar[bool] = ContextVar("whether a command shares its work", default=False)


def rank() -> int:
    """The number of this process among all of the command, from 0."""
    return int(os.environ.get("RANK", 0))


def local_rank() -> int:
    """The number of this process among those of this machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", 0))


def processes() -> int:
    """The number of processes of this command, on all machines."""
    return int(os.environ.get("WORLD_SIZE", 1))


def processes_here() -> int:
    """The number of processes of this command on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", processes()))


@contextmanager
def in_turn(path: str) -> Iterator[None]:
    """Let this machine's processes run one after the other: the first one downloads or prepares
    files, the others find them. Does nothing for a single process."""
    if processes() == 1:
        yield
        return
    import fcntl
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def part_ways() -> None:
    """Wait for the other processes and disconnect. A process that exits while another one is still
    connected may abort it."""
    if processes() == 1:
        return
    import torch.distributed as together
    gc.collect()   # frees what still refers to the process group
    together.barrier()
    together.destroy_process_group()


def sharers() -> int:
    """The number of processes that share the work of this command; 1 for a command that one
    process does, and for calls from Python."""
    return processes() if SHARES.get() else 1


def own_number() -> int:
    """The number of this process among those that share the work, from 0."""
    return rank() if SHARES.get() else 0


def meet() -> None:
    """Wait until all processes that share the work are here. Raises ValueError if one has ended."""
    if sharers() > 1:
        _together(lambda group: group.barrier())


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first process run a block alone, which may fit something and save it. Then the other
    processes run the block, and find the saved result."""
    if sharers() > 1:   # connected, the others learn at once if the first one ends
        _together(lambda group: None)
    if own_number():
        meet()
    yield
    if not own_number():
        meet()


def at_the_first(value: Any) -> list[Any]:
    """Collect the values of all processes, in order, at the first process, which also prints the
    messages of the others. The others end here with exit code 0, because their work is done. Raises
    ValueError if one has ended before."""
    if sharers() == 1:
        return [value]
    pairs: list[Any] | None = [None] * processes() if rank() == 0 else None

    def gather(group: Any) -> None:
        group.gather_object((value, LINES), pairs, dst=0)
        group.barrier()
        group.destroy_process_group()
    _together(gather)
    if pairs is None:
        sys.exit(0)
    SHARES.set(False)   # only the first process goes on
    say_others([line for _, lines in pairs for line in lines])
    return [own for own, _ in pairs]


def leave_to_the_first() -> bool:
    """End all processes but the first, which does the work alone. Returns whether there were
    others."""
    several = sharers() > 1
    if own_number():
        sys.exit(0)
    SHARES.set(False)
    return several


def _together(what: Any) -> None:
    import torch.distributed as group
    try:
        if not group.is_initialized():
            store, number, world = next(group.rendezvous("env://", timeout=START))
            own = group.PrefixStore(f"hourglass-{next(GROUPS)}", store)   # of no earlier group
            group.init_process_group("gloo", store=own, rank=number, world_size=world,
                                     timeout=PATIENCE)
        what(group)
    except (RuntimeError, ValueError) as error:   # of gloo: a connection was closed
        why = str(error).partition("\n")[0][:80]
        raise ValueError(f"another process of this command has ended; its own message says why "
                         f"({why})") from None
