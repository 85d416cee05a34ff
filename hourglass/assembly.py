"""From settings to all that a run needs, made and checked before its first step."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from .autoencoder import Autoencoder, Parts
from .checkpoint import load_state_into
from .data import collect, split
from .data.source import Source
from .fit import Plan, State, Step
from .folder import RunFolder, check_space, environment, new_folder
from .hardware import choose_device, choose_precision
from .memory import keep_freed_memory
from .objective import Objective
from .settings import Settings, make_settings, read_toml
from .spec import did_you_mean, optimisers, schedules, stops
from .summary import summarise

ENOUGH_STEPS = 8000
EPOCHS = (20, 400)  # the fewest and the most, if none are asked for
RESUMABLE = {"epochs", "minutes", "lr", "schedule", "stop", "device", "tensorboard"}
NEW_LEG = {"epochs", "lr", "schedule"}   # a change of these begins the schedule anew
SMALL_FILES = 2**20   # bytes of report, figures and the like
COPIES = 10   # of the weights in checkpoint (Adam's two, the best) and model, old and new
IN_MEMORY = "(an array in memory)"


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
    record: dict[str, Any]
    state: State = field(default_factory=State)
    ended: str = ""             # why training ended
    interrupted: bool = False
    lock: IO[str] | None = None   # held for as long as this lives

    @property
    def notes(self) -> list[str]:
        """What should be said before training starts."""
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.source.splits.items())
        size = "x".join(map(str, self.source.shape))
        weights = self.record["parameters"]["whole"]
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
    weights = training.record["parameters"]["whole"]
    check_space(training.folder.path, SMALL_FILES + 4 * COPIES * weights)
    training.lock = training.folder.lock()
    training.folder.settings.write_text(training.settings.to_toml())
    training.folder.write_record(training.record)
    return training


def resume(
    folder: RunFolder, changes: dict[str, Any], data: Any = None, y: Any = None
) -> Training:
    """A run as it was when it stopped, ready to go on; raises ValueError if it cannot."""
    kept = make_settings(read_toml(folder.settings))
    settings = kept.with_(**changes)
    for name in set(changes) - RESUMABLE:
        if getattr(settings, name) != getattr(kept, name):
            raise ValueError(f"{name} cannot change when a run goes on; "
                             f"{', '.join(sorted(RESUMABLE))} can")
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
    training.lock = folder.lock()
    folder.settings.write_text(settings.to_toml())
    return training


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
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)   # we say it ourselves
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
    _check_monitor(stopping.monitor, step)
    plan = Plan(epochs, settings.batch_size, settings.seed,
                schedules.make(settings.schedule), stopping, settings.minutes, settings.clip)
    used = settings.with_(precision=precision, epochs=epochs, **vars(parts))
    record = {"environment": environment(str(device)), "data": source.identity,
              "parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
    return Training(used, folder or RunFolder(Path()), source.to(device), parts, step, optimiser,
                    fabric, plan, record)


def _check_monitor(monitor: str, step: Step) -> None:
    losses = ["loss", *step.objective.weights, "mse", *step.model.likelihood.per_value(0.0, 1)]
    known = [f"{split}_{name}" for split in ("val", "train") for name in dict.fromkeys(losses)]
    if monitor not in known:
        raise ValueError(f"there is no figure {monitor!r} to monitor; "
                         f"{did_you_mean(monitor, known)}")


def _enough_epochs(samples: int, batch_size: int) -> int:
    """Epochs that make up ENOUGH_STEPS, within reason."""
    fewest, most = EPOCHS
    return min(max(round(ENOUGH_STEPS * batch_size / samples), fewest), most)


def _check_unfinished(training: Training) -> None:
    state, plan = training.state, training.plan
    done = state.epoch - 1
    if done >= plan.epochs:
        raise ValueError(f"this run is through {done} epochs; to go on, give it more, as with "
                         f"--epochs {2 * done}")
    reason = plan.stopping.reason(state.losses(plan.stopping.monitor)) if state.history else ""
    if reason:
        raise ValueError(f"this run has stopped: {reason}; to go on, add --stop none or a larger "
                         f"patience")
