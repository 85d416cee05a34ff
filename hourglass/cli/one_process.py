"""Which commands share their work among the processes of torchrun, and which one process does."""

import os
import sys

from ..core.console import say
from ..core.distributed import processes

TRAINED = ("train", "search")   # these have their own way with several processes
SHARED = ("embed", "score", "reconstruct", "restore", "generate", "compress")
OF_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def share_work(words: list[str]) -> None:
    """Prepare the command that these words begin with for several processes. A command that cannot
    share its work goes on in the first process, and the others end."""
    name = next((word for word in words if not word.startswith("-")), "")
    if processes() == 1 or name in TRAINED or not name:
        return
    if name in SHARED:
        from ..core.distributed import SHARES
        SHARES.set(True)
        return
    if os.environ.get("RANK", "0") != "0":
        sys.exit(0)
    say(f"{name} does not share its work: the first process does it, and the others have ended")
    for variable in OF_TORCHRUN:   # or a model trained in the course of it waits for the others
        os.environ.pop(variable, None)


def one_process_of(what: str) -> None:
    """Go on in the first process alone, with a line that says so. The others end."""
    from ..core.distributed import leave_to_the_first
    if leave_to_the_first():
        say(f"{what} does not share its work: the first process does it, and the others have ended")
