"""Training by several processes at once, as torchrun starts and numbers them."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

LOCAL_RANK = int(os.environ.get("LOCAL_RANK", 0))
PROCESSES = int(os.environ.get("WORLD_SIZE", 1))
PROCESSES_HERE = int(os.environ.get("LOCAL_WORLD_SIZE", PROCESSES))


@contextmanager
def in_turn(path: str) -> Iterator[None]:
    """Let the processes of this machine through one after the other: what the first one downloads
    or prepares, the others find. Where there is but one, nothing."""
    if PROCESSES == 1:
        yield
        return
    import fcntl
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def part_ways() -> None:
    """Wait for the others and take leave of them, after the last thing done together: a process
    that just ends while another is still connected may abort it."""
    if PROCESSES == 1:
        return
    import torch.distributed as together
    gc.collect()   # what still holds on to the others
    together.barrier()
    together.destroy_process_group()
