"""A job of a cluster: it runs one worker of a study, as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

LOOK = 0.1        # seconds between two looks at the worker
PATIENCE = 60.0   # seconds in which a worker's trials write their checkpoints
# a cluster signals all processes of a job before its time is over; the worker gets one from us
IGNORING = ["sh", "-c", "trap '' USR2; exec \"$@\"", "sh"]
RUNNING: list["subprocess.Popen[bytes]"] = []   # the worker of this process


@dataclass(frozen=True)
class ClusterWorker:
    """A job: `hourglass search STUDY`. submitit calls it, and calls `checkpoint` before the job's
    time is over."""

    words: tuple[str, ...]   # after `hourglass search`

    def __call__(self) -> int:
        """Search until the worker ends; its exit code."""
        worker = subprocess.Popen(
            [*IGNORING, sys.executable, "-u", "-m", "hourglass", "search", *self.words],
            stdin=subprocess.DEVNULL, start_new_session=True)   # Ctrl-C reaches only this process
        RUNNING[:] = [worker]
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            while (code := _code_of(worker)) is None:
                time.sleep(LOOK)
            return code
        except KeyboardInterrupt:
            return _ended(worker)
        finally:
            signal.signal(signal.SIGINT, before)

    def checkpoint(self) -> Any:
        """End the worker, and have the same job run again after a restart."""
        import submitit
        for worker in RUNNING:
            _ended(worker)
        return submitit.helpers.DelayedSubmission(self)


def _ended(worker: "subprocess.Popen[bytes]") -> int:
    """Ask a worker to end, and wait until its trials have written their checkpoints."""
    if _code_of(worker) is None:
        os.kill(worker.pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while (code := _code_of(worker)) is None:
        if time.monotonic() > until:
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(LOOK)
    return code


def _code_of(worker: "subprocess.Popen[bytes]") -> int | None:
    """The exit code of a worker; None while it runs. Its own methods take a lock, and a signal's
    handler could wait for that lock for ever."""
    try:
        process, status = os.waitpid(worker.pid, os.WNOHANG)
    except ChildProcessError:   # whom the signal interrupted has it
        return worker.returncode or 0
    if process:
        worker.returncode = os.waitstatus_to_exitcode(status)
    return worker.returncode
