"""Conduct a search: start trials in processes, receive their epochs, store their results."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

from ..core.files import write_whole
from ..run.folder import environment
from ..run.suited import batch_size_for
from ..training.interrupts import Interrupts
from ..training.setup import enough_epochs
from .database import close_connections
from .display import Display
from .next_trial import Proposed, Proposer
from .objectives import value_of
from .records import record_of, write_table
from .slots import Slot
from .space import at_end
from .storage import optuna, pruner_of
from .study_setup import SearchPlan
from .trial_process import TrialJob, work

DEATHS = 3         # a trial whose process is killed so often has failed
LISTENED = 0.25    # seconds between two looks at the clock
TABLE_EVERY = 5.0  # seconds between two writings of trials.csv
PATIENCE = 60.0    # seconds that a stopping trial has to write its checkpoint


@dataclass
class Conductor:
    """The processes of one searching command, and their states."""

    plan: SearchPlan
    workers: int = 1
    devices: Sequence[str] = ("auto",)
    display: Display = field(default_factory=Display)
    slots: list[Slot] = field(default_factory=list)
    stopping: bool = False
    lost: bool = False     # after an error, often of the storage
    wrote: float = 0.0

    @property
    def threads(self) -> int:
        """The threads of each trial."""
        return max(1, cores() // self.workers)

    def run(self) -> str:
        """Search until a limit is reached; why it ended, or "" where Ctrl-C stopped it."""
        minutes = self.plan.options.minutes
        deadline = time.monotonic() + 60 * minutes if minutes else None
        proposer = Proposer(self.plan, deadline, self.workers > 1)
        epochs = _epochs(self.plan)
        environment("cpu")   # its versions are read once, and the trials' processes have them
        self.plan.study.pruner = pruner_of(self.plan.options.prune, epochs)
        if self.workers > 1:
            self.display.line(f"{self.workers} trials at a time, with {self.threads} "
                              f"thread{'s' * (self.threads > 1)} each")
        self.display.begin(self.plan, epochs)
        with Interrupts() as interrupts:
            try:
                self._loop(proposer, interrupts)
            except Exception:   # a full disk, or a database that went away
                self._leave()
                raise
            finally:
                self._kill()
                self.display.end()
        write_table(self.plan.records())
        return "" if interrupts.came else proposer.ended

    def _loop(self, proposer: Proposer, interrupts: Interrupts) -> None:
        """Until nothing runs and nothing is left to do."""
        while True:
            if not self.stopping and (interrupts.came or proposer.is_over()):
                self._stop(proposer.ended)
            while not self.stopping and not interrupts.came and len(self.slots) < self.workers:
                proposed = proposer.next()
                if proposed is None:
                    break
                self._start(proposed)
            if not self.slots:
                return
            self._listen()
            self.display.show(self.slots)
            if time.monotonic() - self.wrote > TABLE_EVERY:
                write_table(self.plan.records())
                self.wrote = time.monotonic()

    def _start(self, proposed: Proposed) -> None:
        number = proposed.trial.number
        folder = self.plan.folder
        free = min({*range(self.workers)} - {slot.job.place for slot in self.slots})
        job = TrialJob(number, folder.trial(number).path, proposed.settings, self.plan.aims,
                  self.threads, self.devices[free % len(self.devices)],
                  free, folder.beside(number, "log"))
        result = folder.read_result(number)
        if result is not None:   # its parent was killed before the storage had its end
            self._tell(proposed, result)
            return
        self.slots.append(self._launched(proposed, job, 0))
        if proposed.resumed:
            self.display.line(f"trial {number} is resumed from its checkpoint")

    def _launched(self, proposed: Proposed, job: TrialJob, deaths: int) -> Slot:
        """Start the process of a trial."""
        ours, theirs = multiprocessing.Pipe()
        forks = sys.platform == "linux"   # on other systems, forks may hang
        strangers = [ours, *(thing for slot in self.slots
                             for thing in (slot.link, slot.proposed.claim))] if forks else []
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        close_connections()
        process = context.Process(target=work, args=(replace(job, strangers=strangers), theirs))
        process.start()
        theirs.close()
        return Slot(proposed, job, process, ours, time.monotonic(), deaths=deaths)

    def _listen(self) -> None:
        """Receive the messages of the trials."""
        links = {slot.link: slot for slot in self.slots}
        for link in wait(list(links), LISTENED):
            slot = links[link]  # type: ignore[index]
            try:
                kind, *words = slot.link.recv()
            except (EOFError, OSError):
                self._died(slot)
                continue
            if kind == "epoch":
                self._epoch(slot, *words)
            else:
                self._ended(slot, kind, *words)

    def _epoch(self, slot: Slot, epoch: int, row: dict[str, float], last: bool) -> None:
        """Report an epoch, and answer whether the trial is pruned: not after its last one."""
        aim = self.plan.aims[0]
        slot.epoch, slot.value = epoch, row.get(aim.name, float("nan"))
        prunes = len(self.plan.aims) == 1 and aim.is_column and self.plan.options.prune != "none"
        stop = False
        try:
            if prunes and slot.value == slot.value and not self.stopping:
                slot.proposed.trial.report(slot.value, epoch)
                stop = not last and slot.proposed.trial.should_prune()
        finally:   # it waits for an answer, also where the storage fails
            try:
                slot.link.send(stop)
            except OSError:
                self._died(slot)

    def _ended(self, slot: Slot, kind: str, *words: Any) -> None:
        self._close(slot)
        if kind == "stopped":   # the next command resumes it
            slot.proposed.claim.close()
            return
        result = words[0] if kind == "done" else {"why": words[0]}
        write_whole(self.plan.folder.beside(slot.number, "json"), _as_json(result))
        self._tell(slot.proposed, result)

    def _tell(self, proposed: Proposed, result: dict[str, Any]) -> None:
        """Write how a trial ended into the storage. If that has failed, the next command does."""
        if self.lost:
            proposed.claim.close()
            return
        study, states = self.plan.study, optuna().trial.TrialState
        try:
            values = None if "why" in result or result["pruned"] else [
                value_of(aim, {**result["row"], "seconds": result["seconds"]}, proposed.costs,
                         result["measured"]) for aim in self.plan.aims]
        except ValueError as error:
            result, values = {"why": str(error)}, None
            write_whole(self.plan.folder.beside(proposed.trial.number, "json"), _as_json(result))
        state = states.COMPLETE if values else states.FAIL if "why" in result else states.PRUNED
        finished = study.tell(proposed.trial, values, state=state, skip_if_finished=True)
        self.plan.folder.release(proposed.trial.number, proposed.claim)
        self.display.trial_ended(record_of(finished, self.plan.folder), self.plan)

    def _died(self, slot: Slot) -> None:
        """Restart a trial from its checkpoint, because its process was killed."""
        self._close(slot)
        code = slot.process.exitcode
        if self.stopping:
            slot.proposed.claim.close()
            return
        if slot.deaths + 1 >= DEATHS:
            why = f"its process was killed {DEATHS} times, the last time with exit code {code}"
            self._ended(slot, "failed", why)
            return
        self.display.line(f"the process of trial {slot.number} was killed (exit code {code}); it "
                          f"is resumed from its checkpoint")
        self.slots.append(self._launched(slot.proposed, slot.job, slot.deaths + 1))

    def _close(self, slot: Slot) -> None:
        if slot in self.slots:
            self.slots.remove(slot)
        slot.link.close()
        slot.process.join()

    def _stop(self, why: str) -> None:
        """Ask every trial to write its checkpoint and end."""
        self.stopping = True
        if self.slots:
            self.display.line(f"{why or 'interrupted'}; waiting for the checkpoints of "
                              f"{len(self.slots)} running trials ...")
        for slot in self.slots:
            if slot.process.pid:
                os.kill(slot.process.pid, signal.SIGTERM)

    def _leave(self) -> None:
        """Let the trials write their checkpoints after an error, without using the storage."""
        self.lost = True
        self._stop("the search cannot go on")
        while self.slots:
            self._listen()

    def _kill(self) -> None:
        """End what still runs: at a second Ctrl-C, or an error of ours."""
        for slot in self.slots:
            slot.process.kill()
            slot.process.join(PATIENCE)
            slot.proposed.claim.close()
        self.slots = []


def cores() -> int:
    """The processor cores that this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (
        os.cpu_count() or 1)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, int(limit)) if limit.isdigit() and int(limit) else there


def _epochs(plan: SearchPlan) -> int:
    """The most epochs that a trial may have."""
    settings = plan.space.settings(at_end(True))
    return settings.epochs or enough_epochs(len(plan.source.splits["train"]),
                                            batch_size_for(settings, plan.source))


def _as_json(result: dict[str, Any]) -> str:
    import json
    return json.dumps(result, indent=1) + "\n"
