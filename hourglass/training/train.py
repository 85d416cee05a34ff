"""Train a prepared run and save the results in its folder."""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch import nn

from ..core.console import is_first
from ..core.contracts import Progress
from ..model.corruptions import corrupted
from ..run.description import describe
from ..run.weights import save_model
from .checkpoint import save_state
from .cuda_graph import CapturedStep
from .interrupts import Interrupts
from .loggers import close_loggers, log_epoch
from .loop import Parties, fit
from .preview_frames import COLUMNS, is_framed, save_frame
from .setup import Training

SHORTEST = 1.0      # least seconds between two checkpoints, or
PATIENCE = 20.0     # this many times as long as the last one took to write


def run(training: Training) -> Generator[Progress]:
    """Train, yield progress and save the results. Ctrl-C stops training after the current batch.

    Raises FloatingPointError for a loss that is not finite, ValueError for too small a device, and
    OSError if data or disk fail; the best weights are saved."""
    fabric, state = training.fabric, training.state
    parties = parties_of(training)
    keep = _keeper(training)
    with Interrupts() as interrupts:
        try:
            for progress in () if training.over else fit(parties, training.source, training.plan,
                                                         state):
                # notes on the posterior may be outdated soon; the report has the final one
                training.told += [note for note in progress.notes if note != state.trouble]
                if progress.row:
                    training.ended = progress.stopped
                keep(progress)
                try:
                    yield progress
                finally:   # after the caller's callbacks, which may add to the row
                    _log(training, progress)
                if anyone(interrupts.came, fabric):
                    training.interrupted, training.ended = True, "interrupted"
                    break
        except (FloatingPointError, ValueError, OSError):   # it cannot continue
            save_weights(training)
            raise
        except GeneratorExit:   # the caller stops early
            save(training)
            raise
        else:
            save(training)
        finally:
            close_loggers(training.loggers)
            if training.lock:
                training.lock.close()


def _log(training: Training, progress: Progress) -> None:
    if progress.row:
        log_epoch(training.loggers, progress.epoch, progress.row,
                  training.folder.frames / f"{progress.epoch:05}.png")


def parties_of(training: Training) -> Parties:
    """The step's parts, as Fabric sets them up."""
    forward, optimiser = training.fabric.setup(_compiled(training), training.optimiser)
    return Parties(training.step, forward, optimiser, training.fabric,
                   _captured(training, forward))


def _captured(training: Training, forward: nn.Module) -> CapturedStep | None:
    """What makes a step one CUDA graph, where that may be asked for."""
    settings, fabric = training.settings, training.fabric
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    if not (alone and settings.cuda_graph) or settings.compile or settings.max_memory:
        return None
    return CapturedStep(training.step, forward, fabric.backward)


def anyone(came: bool, fabric: Fabric) -> bool:
    """Whether any process got the signal, so that all stop after the same batch."""
    if fabric.world_size == 1:
        return came
    flag = torch.tensor(float(came), device=fabric.device)
    return float(fabric.all_reduce(flag, reduce_op="sum")) > 0  # type: ignore[arg-type]


def _keeper(training: Training) -> Callable[[Progress], None]:
    """Make a function that writes frames and checkpoints in the first process."""
    if not is_first():
        return lambda progress: None
    source = training.source
    watched = source.splits[source.unseen]
    samples = watched.batch(watched.evenly(COLUMNS))
    seen = samples.x if samples.given is None else samples.given
    samples = replace(samples, given=corrupted(training.step.model.corrupt, seen).x)
    saved, took = time.monotonic(), 0.0

    def keep(progress: Progress) -> None:
        nonlocal saved, took
        if progress.row and len(source.shape) == 3 and is_framed(progress.epoch):
            frame = training.folder.subfolder("frames") / f"{progress.epoch:05}.png"
            save_frame(training.step.model, samples, frame,
                       f"epoch {round(progress.row['epoch'], 2):g}")
        now = time.monotonic()
        if now - saved > max(SHORTEST, PATIENCE * took):
            save(training)
            saved, took = time.monotonic(), time.monotonic() - now
    return keep


def save(training: Training) -> None:
    """Save checkpoint, best weights and history, in the first process."""
    if not is_first():
        return
    save_state(training.folder.checkpoint, training.state, training.step, training.optimiser)
    save_weights(training)


def save_weights(training: Training) -> None:
    """Save the weights to use (of the best epoch, or the last) and the history."""
    if not is_first():
        return
    state, folder = training.state, training.folder
    best = state.kept if training.plan.stopping.restore_best else {}
    description = describe(training.parts, training.source, training.settings.reading())
    weights = best or training.step.state_dict()
    if all(math.isfinite(w.sum().item()) for w in weights.values()):
        of_model = {name.removeprefix("model."): w for name, w in weights.items()}
        save_model(folder.model, training.step.model, of_model, description)
    folder.write_history(state.rows)
    folder.write_factors(state.factors)


def _compiled(training: Training) -> nn.Module:
    step: nn.Module = training.step
    if training.settings.compile:
        step = torch.compile(step, dynamic=False)  # type: ignore[assignment]
    return step
