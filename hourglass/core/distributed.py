"""Training with several processes, which torchrun starts and numbers."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

LOCAL_RANK = int(os.environ.get("LOCAL_RANK", 0))
PROCESSES = int(os.environ.get("WORLD_SIZE", 1))
PROCESSES_HERE = int(os.environ.get("LOCAL_WORLD_SIZE", PROCESSES))


@contextmanager
def in_turn(path: str) -> Iterator[None]:
    """Let this machine's processes run one after the other: the first one downloads or prepares
    files, the others find them. Does nothing for a single process."""
    if PROCESSES == 1:
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
    if PROCESSES == 1:
        return
    import torch.distributed as together
    gc.collect()   # frees what still refers to the process group
    together.barrier()
    together.destroy_process_group()
