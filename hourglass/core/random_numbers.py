"""Noise from torch's generators, which a process shares: seeded, and given back as they were."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
GENERATORS = threading.RLock()   # held by the one thread that draws from torch's own generators


@contextmanager
def seeded(seed: int | None, device: torch.device | None = None) -> Iterator[None]:
    """Draw as the seed says, on the CPU and that device; the generators are then as before. Other
    threads wait. None goes on from where the generators are."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with GENERATORS, torch.random.fork_rng(devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield


class Stream:
    """A stream of noise of its own: within `with stream:` torch's generators go on from where the
    stream was left; outside, they are as the rest of the program has them."""

    def __init__(self) -> None:
        self.own: list[Tensor] = []
        self.others: list[Tensor] = []
        self.depth = 0

    def __enter__(self) -> "Stream":
        GENERATORS.acquire()
        if self.depth == 0:
            self.others = _states()
            _restore(self.own)
        self.depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.own = _states()
            _restore(self.others)
        GENERATORS.release()

    def within(self, items: Generator[Item]) -> Generator[Item]:
        """The items, each of them made in this stream; closing this closes them."""
        try:
            while True:
                with self:
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item
        finally:
            with self:
                items.close()


def _states() -> list[Tensor]:
    """The random states of the CPU and of all GPUs that are in use."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def _restore(states: list[Tensor]) -> None:
    if states:
        torch.set_rng_state(states[0])
    if states[1:]:
        gpus: Any = states[1:]
        torch.cuda.set_rng_state_all(gpus)
