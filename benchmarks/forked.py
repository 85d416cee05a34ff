"""A command of Hourglass in a process forked for it, which need not import everything anew."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SAID = Path("said.txt")   # what it says, in the folder where it runs


def start(act: Callable[[], None], imported: Path) -> int:
    """Do it in a process of its own, whose number is returned. It ends with the exit code that
    `act` asks for, 0 if it returns, 70 if it fails; it writes what it `imported` into that file."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    said = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 70
    try:
        act()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    imported.write_text("\n".join(list(sys.modules)))
    os._exit(code)


def finish(process: int) -> tuple[int, str]:
    """Wait for such a process; its exit code, below 0 if it was killed, and its words."""
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code, SAID.read_text(errors="replace")
