"""Loggers by name: each writes every epoch's figures, and pictures, to another tool.

A logger is made by `start(folder, name, settings)`, and has `log(epoch, row, picture)` and
`close()`. `picture` is the path of a PNG with reconstructions, or None.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

LOGGERS = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb",
           "trackio": "trackio"}   # by name, the module each needs
EXTRAS = {"tensorboard": "log"}    # the extra that installs it, if it has another name


class Logger(Protocol):
    """Where the figures of a training go."""

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        """Write an epoch's figures."""
        ...

    def close(self) -> None:
        """Write what is left; nothing follows."""
        ...


def start_logger(kind: str, folder: Path, settings: dict[str, Any]) -> Logger:
    """The logger of that name for the run in a folder. Raises ValueError where its package is not
    installed."""
    check_logger(kind)
    module = import_module(f".{kind}", __name__)
    logger: Logger = module.start(folder, f"{folder.parent.name}/{folder.name}".strip("/"),
                                  settings)
    return logger


def check_logger(kind: str) -> None:
    """Raises ValueError where the logger's package is not installed."""
    try:
        import_module(LOGGERS[kind])
    except ImportError:
        raise ValueError(f"{kind} needs an extra: pip install "
                         f"'hourglass[{EXTRAS.get(kind, kind)}]'") from None
