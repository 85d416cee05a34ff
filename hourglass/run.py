"""A run: trains what was assembled, and keeps what was learnt in its folder."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .animation import COLUMNS, is_framed, save_frame
from .assembly import Training
from .checkpoint import save_state
from .contracts import Progress
from .fit import fit
from .interrupts import Interrupts
from .memory import quiet_collector
from .trained import describe, save_model

SHORTEST = 1.0      # seconds between two checkpoints, or
PATIENCE = 20.0     # as many times as long as the last one took to write


def run(training: Training) -> Iterator[Progress]:
    """Train, yielding progress, and keep what was learnt on disk. Stops after the batch in which
    Ctrl-C came. Raises FloatingPointError for a loss that is not finite, the best weights kept."""
    state, source = training.state, training.source
    step, optimiser = training.fabric.setup(_compiled(training), training.optimiser)
    log = _tensorboard(training)
    watched = source.splits[source.unseen]
    samples = watched.batch(torch.linspace(0, len(watched) - 1, min(COLUMNS, len(watched))).long())
    saved, took = time.monotonic(), 0.0
    with Interrupts() as interrupts, quiet_collector():
        try:
            for progress in fit(step, optimiser, source, training.plan, training.fabric, state):
                if progress.row:
                    training.ended = progress.stopped
                    log(progress.row)
                    if len(source.shape) == 3 and is_framed(progress.epoch):
                        save_frame(training.step.model, samples.x, training.folder.frames /
                                   f"{progress.epoch:05}.png", f"epoch {progress.epoch}")
                now = time.monotonic()
                if now - saved > max(SHORTEST, PATIENCE * took):
                    save(training)
                    saved, took = time.monotonic(), time.monotonic() - now
                yield progress
                if interrupts.came:
                    training.interrupted, training.ended = True, "interrupted"
                    break
        except FloatingPointError:
            save_weights(training)
            raise
        except GeneratorExit:   # whoever watches has seen enough
            save(training)
            raise
        else:
            save(training)
        finally:
            if training.lock:
                training.lock.close()


def save(training: Training) -> None:
    """Checkpoint, the best weights, and the history so far."""
    save_state(training.folder.checkpoint, training.state, training.step, training.optimiser)
    save_weights(training)


def save_weights(training: Training) -> None:
    """The weights to use (the best epoch's, or the last ones) and the history."""
    state, folder = training.state, training.folder
    best = state.best if training.plan.stopping.restore_best else {}
    about = describe(training.parts, training.source, training.settings.reading())
    weights = best or training.step.state_dict()
    if all(math.isfinite(w.sum().item()) for w in weights.values()):
        save_model(folder.model, training.step.model, weights, about)
    folder.write_history(state.history)


def _compiled(training: Training) -> nn.Module:
    step: nn.Module = training.step
    if training.settings.compile:
        step = torch.compile(step, dynamic=False)  # type: ignore[assignment]
    return step


def _tensorboard(training: Training) -> Any:
    """A function that logs an epoch's row to TensorBoard, if the settings say so."""
    if not training.settings.tensorboard:
        return lambda row: None
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ValueError("tensorboard needs an extra: pip install 'hourglass[log]'") from None
    writer = SummaryWriter(str(training.folder.path / "tensorboard"))

    def log(row: dict[str, float]) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, int(row["epoch"]))
        writer.flush()
    return log
