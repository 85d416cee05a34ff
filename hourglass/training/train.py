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
from .sharding import Sharded, copied, shard, unsharded, whole

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
                training.further_notes += [note for note in progress.notes if note != state.trouble]
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
            if not training.settings.shard_model:   # others may not be here, to give their share
                save_weights(training)
            raise
        except GeneratorExit:   # the caller stops early
            save(training)
            gather(training)
            raise
        else:
            save(training)
            gather(training)
        finally:
            close_loggers(training.loggers)
            if training.lock:
                training.lock.close()


def _log(training: Training, progress: Progress) -> None:
    if progress.row:
        log_epoch(training.loggers, progress.epoch, progress.row,
                  training.folder.frames / f"{progress.epoch:05}.png")


def parties_of(training: Training) -> Parties:
    """The step's parts, as Fabric sets them up, or shared among all processes."""
    if training.settings.shard_model and not training.over:
        step, state = training.step, training.state
        training.template = copied(step)
        shard(step, training.optimiser, training.fabric.device)
        state.sums = {name: total.to(training.fabric.device) for name, total in state.sums.items()}
        return Parties(step, Sharded(step, training.fabric), training.optimiser, training.fabric)
    forward, optimiser = training.fabric.setup(_compiled(training), training.optimiser)
    return Parties(training.step, forward, optimiser, training.fabric,
                   _captured(training, forward))


def _captured(training: Training, forward: nn.Module) -> CapturedStep | None:
    """The step as one CUDA graph, if device and settings allow it."""
    settings, fabric = training.settings, training.fabric
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    whole = settings.lag == 1   # a graph's gradients stay where they are
    if not (alone and settings.cuda_graph and whole) or settings.compile or settings.max_memory:
        return None
    return CapturedStep(training.step, forward, fabric.backward)


def anyone(came: bool, fabric: Fabric) -> bool:
    """Whether any process got the signal, so that all stop after the same batch."""
    if fabric.world_size == 1:
        return came
    flag = torch.tensor(float(came), device=fabric.device)
    return float(fabric.all_reduce(flag, reduce_op="sum")) > 0  # type: ignore[arg-type]


def gather(training: Training) -> None:
    """Replace shared weights by complete ones in CPU memory, because only the first process needs
    them from here on. All processes must call this together."""
    if training.template is not None:
        training.state.best = whole(training.state.best, training.step.single)
        training.step, training.template = unsharded(training.step, training.template), None
        training.source = training.source.to(torch.device("cpu"), torch.contiguous_format)


def _keeper(training: Training) -> Callable[[Progress], None]:
    """Make a function that writes frames and checkpoints in the first process."""
    if training.settings.shard_model:
        return _keeper_of_all(training)
    if not is_first():
        return lambda progress: None
    source = training.source
    watched = source.splits[source.unseen]
    samples = watched.batch(watched.evenly(COLUMNS))
    samples = replace(samples, encoder_input=corrupted(training.step.model.corrupt, samples.seen).x)
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


def _keeper_of_all(training: Training) -> Callable[[Progress], None]:
    """The same for shared weights: all processes write a checkpoint together, when the first one
    says so. No frames are drawn, because that would need all weights in one process."""
    saved, took = time.monotonic(), 0.0

    def keep(progress: Progress) -> None:
        nonlocal saved, took
        now = time.monotonic()
        if anyone(is_first() and now - saved > max(SHORTEST, PATIENCE * took), training.fabric):
            save(training)
            saved, took = time.monotonic(), time.monotonic() - now
    return keep


def save(training: Training) -> None:
    """Save checkpoint, best weights and history, in the first process. Where the weights are
    shared, all processes must call this together."""
    if not is_first() and training.template is None:
        return
    save_state(training.folder.checkpoint, training.state, training.step, training.optimiser)
    save_weights(training)


def save_weights(training: Training) -> None:
    """Save the weights to use (of the best epoch, or the last) and the history, as `save` does."""
    if not is_first() and training.template is None:
        return
    state, folder = training.state, training.folder
    best = state.kept if training.plan.stopping.restore_best else {}
    weights = whole(best or training.step.state_dict(), training.step.single)
    if not is_first():
        return
    description = describe(training.parts, training.source, training.settings.reading())
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
