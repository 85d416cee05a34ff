"""Callbacks: functions of the caller's that look at each epoch, and may stop training."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from ..core.contracts import Progress
from .setup import Training
from .train import anyone

Callback = Callable[[int, dict[str, float]], Any]   # the epoch's number and its figures, by name


def as_callbacks(given: Callback | Iterable[Callback]) -> list[Callback]:
    """One function or several as a list; raises ValueError for what cannot be called so."""
    several = isinstance(given, Iterable) and not callable(given)
    each: list[Any] = list(given) if several else [given]  # type: ignore[arg-type]
    for callback in each:
        if not callable(callback):
            raise ValueError(
                f"a callback is a function of the epoch's number and its figures, such as "
                f"lambda epoch, row: row['val_loss'] < 0.1, and stops training where it returns "
                f"True; {type(callback).__name__} is not one. For early stopping write "
                f"stop='early(patience=10)'; the best weights are kept, and schedules are named "
                f"by schedule='one_cycle'")
    return each


def watched(
    progress: Generator[Progress], training: Training, callbacks: list[Callback]
) -> Iterator[Progress]:
    """A training's progress, with each callback called after every epoch; it ends where one of them
    returns True, in any of the processes."""
    for seen in progress:
        yield seen
        if not seen.row or not callbacks:
            continue
        stop = [bool(callback(seen.epoch, dict(seen.row))) for callback in callbacks]
        if anyone(any(stop), training.fabric):
            training.ended = "a callback stopped it"
            progress.close()
            return
