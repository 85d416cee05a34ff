"""A run: from settings to a folder of results."""

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from .animation import COLUMNS, is_framed, save_frame
from .autoencoder import Autoencoder, Parts
from .checkpoint import load_state_into, save_state
from .contracts import Progress
from .data import collect, split
from .data.images import Reading
from .data.source import Source
from .fit import Plan, State, Step, fit
from .folder import RunFolder, environment, is_run, new_folder
from .hardware import choose_device, choose_precision
from .memory import keep_freed_memory, quiet_collector
from .objective import Objective
from .settings import Settings, make_settings, read_toml
from .spec import optimisers, schedules, stops
from .summary import summarise
from .trained import describe, save_model

SHORTEST = 1.0      # seconds between two checkpoints, or
PATIENCE = 20.0     # as many times as long as the last one took to write
ENOUGH_STEPS = 8000
EPOCHS = (20, 400)  # the fewest and the most, if none are asked for
RESUMABLE = {"epochs", "minutes", "lr", "schedule", "stop", "device", "tensorboard"}
NEW_LEG = {"epochs", "lr", "schedule"}   # a change of these begins the schedule anew


@dataclass
class Training:
    """All that a run needs, made and checked before the first step."""

    settings: Settings
    folder: RunFolder
    source: Source
    parts: Parts
    step: Step
    optimiser: Optimizer
    fabric: Fabric
    plan: Plan
    reading: Reading
    record: dict[str, Any]
    state: State = field(default_factory=State)
    ended: str = ""             # why training ended
    interrupted: bool = False

    @property
    def notes(self) -> list[str]:
        """What should be said before training starts."""
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.source.splits.items())
        size = "x".join(map(str, self.source.shape))
        weights = sum(p.numel() for p in self.step.parameters() if p.requires_grad)
        return [*self.source.notes, f"{self.settings.data}: {counts} samples of {size}",
                f"{self.settings.model}: {self.parts.backbone}, {self.parts.bottleneck}, "
                f"{self.parts.likelihood}, loss {self.parts.loss}: {weights:,} parameters, "
                f"{self.settings.precision} on {self.fabric.device}"]


def prepare(
    settings: Settings, data: Any = None, y: Any = None, out: str | Path | None = None
) -> Training:
    """A new run, ready to start; raises ValueError for whatever cannot work."""
    settings = _with_whole_path(settings, data)
    source = load_source(settings, data, y)
    training = _assemble(settings, source, None)
    training.folder = new_folder(out)
    training.folder.settings.write_text(training.settings.to_toml())
    training.folder.write_record(training.record)
    return training


def resume(
    folder: RunFolder, changes: dict[str, Any], data: Any = None, y: Any = None
) -> Training:
    """A run as it was when it stopped, ready to go on; raises ValueError if it cannot."""
    kept = make_settings(read_toml(folder.settings))
    for name in changes:
        if name not in RESUMABLE and changes[name] != getattr(kept, name):
            raise ValueError(f"{name} cannot change when a run goes on; {', '.join(RESUMABLE)} can")
    settings = kept.with_(**changes)
    record = folder.read_record()
    if data is None and kept.data == IN_MEMORY:
        raise ValueError(f"{folder.path} was trained on an array in memory; resume it from Python, "
                         f"with hourglass.resume(run, data=array)")
    source = load_source(settings, data, y)
    if any(source.identity[k] != v for k, v in record["data"].items() if k != "path"):
        raise ValueError(f"the data in {settings.data} is not what {folder.path} was trained on; "
                         f"start a new run")
    training = _assemble(settings, source, folder)
    training.record = {**record, "resumed": training.record["environment"]}
    if folder.checkpoint.is_file():
        training.state = load_state_into(folder.checkpoint, training.step, training.optimiser)
    if any(getattr(settings, n) != getattr(kept, n) for n in NEW_LEG):
        training.state.leg = training.state.step
    _check_unfinished(training)
    folder.settings.write_text(settings.to_toml())
    return training


IN_MEMORY = "(an array in memory)"


def _with_whole_path(settings: Settings, data: Any) -> Settings:
    """The settings with a data path that holds from every folder."""
    if data is not None:
        return settings.with_(data=IN_MEMORY)
    path = Path(settings.data).expanduser()
    named = not path.exists() or "(" in settings.data
    return settings if named else settings.with_(data=str(path.resolve()))


def load_source(settings: Settings, data: Any = None, y: Any = None) -> Source:
    """The settings' data, read and split; raises ValueError."""
    given = settings.data if data is None else data
    source = split(collect(given, settings.reading(), y), settings.shares(), settings.seed)
    if settings.val == "test":
        if "test" not in source.splits:
            raise ValueError("val is 'test', but there is no test split")
        source.splits["val"] = source.splits["test"]
    return source


def _assemble(settings: Settings, source: Source, folder: RunFolder | None) -> Training:
    keep_freed_memory()
    device = choose_device(settings.device)
    parts = settings.parts().fitted(source.shape, source.low, source.high)
    costs = summarise(parts, source.shape, settings.optimiser)
    precision = choose_precision(settings.precision, device, costs.multiply_adds["whole"])
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)   # we say it ourselves
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(accelerator=device.type, precision=precision,  # type: ignore[arg-type]
                    devices=[device.index] if device.type == "cuda" else 1)
    torch.manual_seed(settings.seed)
    model = Autoencoder(parts, source.shape).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step = Step(model, Objective(parts.loss, model))
    weights = [p for p in step.parameters() if p.requires_grad]
    optimiser = optimisers.make(settings.optimiser, weights, settings.lr)
    stopping = stops.make(settings.stop)
    if "val" not in source.splits and stopping.monitor.startswith("val_"):
        stopping = type(stopping)(**{**vars(stopping), "monitor": "train_loss"})
    epochs = settings.epochs or _enough_epochs(len(source.splits["train"]), settings.batch_size)
    plan = Plan(epochs, settings.batch_size, settings.seed,
                schedules.make(settings.schedule), stopping, settings.minutes, settings.clip)
    used = settings.with_(precision=precision, epochs=epochs, **vars(parts))
    record = {"environment": environment(str(device)), "data": source.identity,
              "parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    return Training(used, folder or RunFolder(Path()), source.to(device), parts, step, optimiser,
                    fabric, plan, settings.reading(), record)


def _enough_epochs(samples: int, batch_size: int) -> int:
    """Epochs that make up ENOUGH_STEPS, within reason."""
    fewest, most = EPOCHS
    return min(max(round(ENOUGH_STEPS * batch_size / samples), fewest), most)


def _check_unfinished(training: Training) -> None:
    state, plan = training.state, training.plan
    if state.epoch > plan.epochs:
        raise ValueError(f"this run is through its {plan.epochs} epochs; to go on, give it more, "
                         f"as with --epochs {2 * plan.epochs}")
    reason = plan.stopping.reason(state.losses(plan.stopping.monitor)) if state.history else ""
    if reason:
        raise ValueError(f"this run has stopped: {reason}; to go on, add --stop none or a larger "
                         f"patience")


class Interrupts:
    """Turns the first Ctrl-C or termination signal into a flag; the second one acts at once."""

    def __init__(self) -> None:
        self.came = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


def run(training: Training) -> Iterator[Progress]:
    """Train, yielding progress, and keep what was learnt on disk. Stops after the batch in which
    Ctrl-C came. Raises FloatingPointError for a loss that is not finite, the best weights kept."""
    state, source = training.state, training.source
    step, optimiser = training.fabric.setup(_compiled(training), training.optimiser)
    log = _tensorboard(training)
    watched = source.splits.get("test", source.splits.get("val", source.splits["train"]))
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
        save(training)


def save(training: Training) -> None:
    """Checkpoint, the best weights, and the history so far."""
    save_state(training.folder.checkpoint, training.state, training.step, training.optimiser)
    save_weights(training)


def save_weights(training: Training) -> None:
    """The weights to use (the best epoch's, or the last ones) and the history."""
    state, folder = training.state, training.folder
    best = state.best if training.plan.stopping.restore_best else {}
    about = describe(training.parts, training.source, training.reading)
    weights = best or training.step.state_dict()
    if all(math.isfinite(w.sum().item()) for w in weights.values()):
        save_model(folder.model, training.step.model, weights, about)
    folder.write_history(state.history)


def _compiled(training: Training) -> nn.Module:
    step: nn.Module = training.step
    return torch.compile(step, dynamic=False) if training.settings.compile else step  # type: ignore[return-value]


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


def finish(training: Training) -> dict[str, float]:
    """Look at what was learnt: snapshot, metrics, figures and report; returns the metrics."""
    from .reports import look, write_report
    metrics = look(training)
    write_report(training.folder)
    return metrics


__all__ = ["Training", "finish", "is_run", "load_source", "prepare", "resume", "run"]
