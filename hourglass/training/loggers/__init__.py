"""Loggers by name: each writes every epoch's figures, and pictures, to another tool.

A logger is made by `start(folder, name, settings)`, and has `log(epoch, row, picture)` and
`close()`. `picture` is the path of a PNG with reconstructions, or None.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ...core.console import say

LOGGERS = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb",
           "trackio": "trackio"}   # by name, the module each needs
LONGEST = 300                      # characters of an error that is shown
EXTRAS = {"tensorboard": "log"}    # the extra that installs it, if it has another name


class Logger(Protocol):
    """A receiver of the figures of a training."""

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        """Write an epoch's figures."""
        ...

    def close(self) -> None:
        """Write the remaining entries. No call follows."""
        ...


def start_logger(kind: str, folder: Path, settings: dict[str, Any]) -> Logger:
    """The logger of that name for the run in a folder. Raises ValueError if its package is not
    installed, or if the logger cannot start."""
    check_logger(kind)
    module = import_module(f".{kind}", __name__)
    name = f"{folder.parent.name}/{folder.name}".strip("/")
    try:
        logger: Logger = module.start(folder, name, settings)
    except Exception as error:   # of another package, such as a server that does not answer
        raise ValueError(f"the logger {kind} cannot start: {in_a_line(error)} Train without it, "
                         f"or set up {kind} first") from error
    return logger


def start_loggers(
    kinds: Iterable[str], folder: Path, settings: dict[str, Any]
) -> dict[str, Logger]:
    """The loggers of these names. If one cannot start, those that have started are closed, and
    ValueError is raised."""
    started: dict[str, Logger] = {}
    for kind in kinds:
        try:
            started[kind] = start_logger(kind, folder, settings)
        except ValueError:
            for logger in started.values():
                with suppress(Exception):   # of another package; the first error is what counts
                    logger.close()
            raise
    return started


def log_epoch(
    loggers: dict[str, Logger], epoch: int, row: dict[str, float], picture: Path
) -> None:
    """Give all loggers an epoch's figures, and the picture if there is one. A logger that fails is
    removed, with a message."""
    for name, logger in list(loggers.items()):
        _told(loggers, name, f"epoch {epoch}", partial(   # only some epochs have a picture
            logger.log, epoch, row, picture if picture.is_file() else None))


def close_loggers(loggers: dict[str, Logger]) -> None:
    """Let all loggers write their remaining entries."""
    for name in list(loggers):
        _told(loggers, name, "the end", loggers[name].close)


def _told(loggers: dict[str, Logger], name: str, when: str, act: Callable[[], None]) -> None:
    """Call a logger. One that fails gets no more epochs, and training continues."""
    try:
        act()
    except Exception as error:   # of another package, such as a server that is gone
        del loggers[name]
        say(f"the logger {name} failed at {when} and is left out from then on: "
            f"{in_a_line(error)} history.csv has all epochs")


def in_a_line(error: Exception) -> str:
    """The first sentences of an error of another package."""
    text = " ".join(str(error).split()) or "it gives no reason"
    return f"{type(error).__name__}: {text[:LONGEST].rstrip('.')}."


def check_logger(kind: str) -> None:
    """Raises ValueError where the logger's package is not installed."""
    try:
        import_module(LOGGERS[kind])
    except ImportError:
        raise ValueError(f"{kind} needs an extra: pip install "
                         f"'hourglass[{EXTRAS.get(kind, kind)}]'") from None
