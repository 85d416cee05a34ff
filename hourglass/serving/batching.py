"""A single thread runs the model, and joins requests that arrive together to batches."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LAST = 5.0   # seconds
Work = Callable[[np.ndarray, list[str] | None], np.ndarray]   # x (N, ...), classes -> (N, ...)


@dataclass
class Job:
    """The part of a request that needs the model."""

    work: Callable[..., Any]
    x: np.ndarray | None                 # (n, ...), or None: it cannot be joined with others
    y: list[str] | None = None           # n classes, for conditional models
    answer: Future[Any] = field(default_factory=Future)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Key of jobs that can be joined to one batch."""
        if self.x is None:
            return (id(self),)
        return (self.work, self.x.shape[1:], self.x.dtype, self.y is None)


class Batcher:
    """Collects jobs while the model is busy, and for `linger` more seconds if it was busy before.
    Jobs of disconnected clients are dropped. A job's result does not depend on the others in its
    batch."""

    def __init__(self, most: int, linger: float):
        self.most, self.linger, self.busy = most, linger, False   # most: values per batch
        self.waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.passes = 0
        self.starting = threading.Lock()

    async def together(self, work: Work, x: np.ndarray, y: list[str] | None = None) -> np.ndarray:
        """Apply `work` to x (n, ...), perhaps in one batch with other requests."""
        output: np.ndarray = await self._put(Job(work, x, y))
        return output

    async def alone(self, work: Callable[[], Any]) -> Any:
        """Run `work` in the model's thread."""
        return await self._put(Job(work, None))

    async def _put(self, job: Job) -> Any:
        with self.starting:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="model", daemon=True)
                self.thread.start()
        self.waiting.put(job)
        return await asyncio.wrap_future(job.answer)

    def close(self) -> None:
        """Finish waiting jobs and end the thread. A batch that takes too long ends with the
        process."""
        with self.starting:
            if self.thread is not None:
                self.waiting.put(None)
                self.thread.join(LAST)
                self.thread = None

    def _run(self) -> None:
        ended = False
        while not ended:
            collected = self._collect()
            ended = None in collected
            jobs = [job for job in collected if job and job.answer.set_running_or_notify_cancel()]
            for alike in _by_kind(jobs):
                self._pass(alike)

    def _collect(self) -> list[Job | None]:
        """The next jobs, at least one; None ends the thread."""
        jobs = [self.waiting.get()]
        until = time.monotonic() + (self.linger if self.busy else 0)
        while jobs[-1] is not None and sum(_size(job) for job in jobs) < self.most:
            left = until - time.monotonic()
            try:
                jobs.append(self.waiting.get(left > 0, max(left, 0)))
            except queue.Empty:
                break
        self.busy = len(jobs) > 1
        return jobs

    def _pass(self, jobs: list[Job]) -> None:
        self.passes += 1
        try:
            answers = _answers(jobs)
        except Exception as error:   # of any kind: the client gets it
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            for job in jobs:   # one by one, as no request may suffer from another
                self._pass([job])
            return
        for job, answer in zip(jobs, answers, strict=True):
            job.answer.set_result(answer)


def _size(job: Job | None) -> int:
    return 0 if job is None or job.x is None else job.x.size


def _by_kind(jobs: Iterable[Job]) -> list[list[Job]]:
    kinds: dict[tuple[Any, ...], list[Job]] = {}
    for job in jobs:
        kinds.setdefault(job.kind, []).append(job)
    return list(kinds.values())


def _answers(jobs: list[Job]) -> list[Any]:
    first = jobs[0]
    if first.x is None:
        return [first.work()]
    y = None if first.y is None else [name for job in jobs for name in job.y or ()]
    outputs = first.work(np.concatenate([job.x for job in jobs if job.x is not None]), y)
    ends = np.cumsum([len(job.x) for job in jobs if job.x is not None])
    return np.split(outputs, ends[:-1])
