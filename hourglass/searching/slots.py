"""A slot of a search: the process that trains a trial, and its progress."""

from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from .next_trial import Proposed
from .trial_process import TrialJob


@dataclass
class Slot:
    """A trial that is being trained by a process of ours."""

    proposed: Proposed
    job: TrialJob
    process: BaseProcess
    link: Connection
    since: float                   # time.monotonic() of its start
    epoch: int = 0
    value: float = float("nan")    # of the first objective
    deaths: int = 0                # how often its process was killed

    @property
    def number(self) -> int:
        """The number of its trial."""
        return self.job.number
