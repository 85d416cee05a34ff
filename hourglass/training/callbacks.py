"""Callbacks: the user's functions that look at each epoch and may stop training; and loggers
by name."""

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any

from ..core.console import is_first, say
from ..core.contracts import Progress
from ..run.keywords import Callback, Callbacks
from .loggers import LOGGERS, Logger, check_logger, in_a_line, start_logger
from .setup import Training
from .train import anyone


def as_callbacks(given: Callbacks) -> list[Callback | str]:
    """Make a list of one or several functions or names of loggers. Raises ValueError for anything
    else, and for a logger whose package is not installed."""
    several = isinstance(given, Iterable) and not isinstance(given, str) and not callable(given)
    each: list[Any] = list(given) if several else [given]  # type: ignore[arg-type]
    for callback in each:
        if isinstance(callback, str) and callback in LOGGERS:
            check_logger(callback)
        elif not callable(callback):
            what = repr(callback) if isinstance(callback, str) else type(callback).__name__
            raise ValueError(
                f"a callback is a function of the epoch's number and its values, such as "
                f"lambda epoch, row: row['val_loss'] < 0.1, and stops training if it returns "
                f"True; or the name of a logger ({', '.join(LOGGERS)}); {what} is neither. For "
                "early stopping write stop='early(patience=10)'. The best weights are always "
                f"kept; for a learning-rate schedule write schedule='one_cycle'")
    return each


def watched(
    progress: Generator[Progress], training: Training, callbacks: list[Callback | str]
) -> Generator[Progress]:
    """Yield a training's progress, and call each callback after every epoch. Training ends if one
    returns True, in any process. Values that a callback adds to the row are saved in the history.
    """
    loggers: dict[str, Logger] = {
        name: start_logger(name, training.folder.path, training.settings.model_dump())
        for name in callbacks if isinstance(name, str) and is_first()}
    functions = [callback for callback in callbacks if not isinstance(callback, str)]
    try:
        for seen in progress:
            yield seen
            if not seen.row or not callbacks:
                continue
            row = dict(seen.row)
            stop = [bool(callback(seen.epoch, row)) for callback in functions]
            _keep_figures(seen.row, row)
            _log(loggers, training, seen.epoch, seen.row)
            if anyone(any(stop), training.fabric):
                training.ended = "a callback stopped it"
                return
    finally:
        progress.close()
        for name in list(loggers):
            _told(loggers, name, "the end", loggers[name].close)


def _keep_figures(row: dict[str, float], looked_at: dict[str, Any]) -> None:
    """Copy values that callbacks added to their row into the history's row."""
    for name, value in looked_at.items():
        if name in row:
            continue
        try:
            row[name] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"a callback set {name!r} in the row to something that is not a "
                             f"number: {value!r}") from None


def _log(
    loggers: dict[str, Logger], training: Training, epoch: int, row: dict[str, float]
) -> None:
    picture = training.folder.frames / f"{epoch:05}.png"   # only some epochs have one
    for name, logger in list(loggers.items()):
        _told(loggers, name, f"epoch {epoch}", partial(
            logger.log, epoch, row, picture if picture.is_file() else None))


def _told(loggers: dict[str, Logger], name: str, when: str, act: Callable[[], None]) -> None:
    """Have a logger act. One that fails gets no more epochs, and training goes on."""
    try:
        act()
    except Exception as error:   # of another package, such as a server that is gone
        del loggers[name]
        say(f"the logger {name} failed at {when} and is left out from then on: "
            f"{in_a_line(error)} history.csv has all epochs")
