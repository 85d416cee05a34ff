"""Options of a training from Python besides its settings: messages, progress, callbacks, output."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ..core.hints import did_you_mean
from ..run.keywords import Callbacks

PROGRESS = ("auto", "bar", "lines", "none")
WORDS = {   # a line each, as help(hg.train) shows them
    "data": "a source's name, a path, or samples in memory",
    "y": "labels (N,) of data in memory: numbers or texts; None or NaN is a label not known",
    "kind": '"series" cuts a file, a data frame or an array (T, C) into windows over time',
    "out": "folder for the run; default: the next number under runs/",
    "recipe": "settings from a recipe, by name or from a TOML file",
    "quiet": "say warnings alone, and show nothing",
    "report": 'draw the report after training; "lazy": when model.report() asks for it',
    "callbacks": 'functions of epoch (from 1) and row (the columns of model.history), called after '
                 'each epoch; True stops training. And loggers by name: "tensorboard", "mlflow", '
                 '"wandb", "trackio"',
    "progress": "auto (a bar in terminals and notebooks, otherwise lines), bar, lines or none",
    "keep_memory": "keep freed memory for the next training, which is faster; False gives it back",
    "encoder": "a torch module of your own, x (B, *shape) -> h (B, ...)",
    "decoder": "another backbone whose decoder is used, or a torch module of your own, h (B, ...) "
               "-> the parameters of the likelihood, (B, *shape)",
    "parts": "files or modules that register parts of your own, such as parts.py",
    "overwrite": "replace the run in `out`, so that a cell can run again",
}


@dataclass(frozen=True)
class How:
    """How a training is done; `WORDS` says what each is."""

    quiet: bool = False
    report: bool | Literal["lazy"] = True
    callbacks: Callbacks = ()
    progress: bool | Literal["auto", "bar", "lines", "none"] = "auto"
    keep_memory: bool = True
    encoder: nn.Module | None = None
    decoder: nn.Module | None = None
    parts: str | Path | Iterable[str | Path] = ()
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.report not in (True, False, "lazy"):
            raise ValueError(f'report must be True, False or "lazy", not {self.report!r}')
        if not isinstance(self.progress, bool) and self.progress not in PROGRESS:
            raise ValueError(f"progress must be True, False or one of {', '.join(PROGRESS)}, not "
                             f"{self.progress!r}; {did_you_mean(str(self.progress), PROGRESS)}")

    @property
    def shown(self) -> str:
        """How progress is shown: one of PROGRESS."""
        if isinstance(self.progress, bool):
            return "auto" if self.progress and not self.quiet else "none"
        return "none" if self.quiet else self.progress


def split_keywords(keywords: Mapping[str, Any]) -> tuple[How, dict[str, Any]]:
    """Keywords as how to train, and settings. Raises ValueError."""
    names = {field.name for field in fields(How)}
    if not isinstance(keywords.get("decoder"), nn.Module):   # a backbone's text is a setting
        names.discard("decoder")
    how = {name: value for name, value in keywords.items() if name in names}
    return How(**how), {name: value for name, value in keywords.items() if name not in names}
