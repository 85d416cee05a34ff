"""Train a denoiser on latents, by the same loop, checkpoints and interrupts as autoencoders."""

import logging
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, cast

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from ..core.console import is_first
from ..core.contracts import Progress
from ..core.device import choose_device, choose_precision, make_fabric
from ..core.expressions import Call, read
from ..core.malloc import keep_freed_memory
from ..core.registry import optimisers, schedules, stops
from ..data.split_data import Source
from ..model.diffusion_step import Conditions, DiffusionStep
from ..model.latent_diffusion import LatentDiffusion
from ..run.denoiser_file import DenoiserDescription, save_denoiser
from ..run.diffusion_settings import DiffusionSettings
from ..run.folder import RunFolder
from ..run.suited import LARGEST_BATCH
from .checkpoint import check_own, load_state_into, save_state
from .interrupts import Interrupts
from .loop import Parties, State, TrainingPlan, fit, is_over
from .setup import enough_epochs
from .train import PATIENCE, SHORTEST, anyone

AMONG = 3       # epochs whose mean validation loss is compared
RISEN = 0.05    # relative rise that shows overfitting: training samples are learnt by heart


@dataclass
class DiffusionTraining:
    """Everything that the training of a denoiser needs. `folder` is that of the denoiser, in the
    folder of its run."""

    settings: DiffusionSettings
    folder: RunFolder
    source: Source               # latents, with the numbers of their samples as labels
    about: DenoiserDescription
    step: DiffusionStep
    optimiser: Optimizer
    fabric: Fabric
    plan: TrainingPlan
    record: dict[str, Any]
    state: State = field(default_factory=State)
    ended: str = ""
    interrupted: bool = False
    lock: IO[str] | None = None
    further_notes: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Notes to print before training starts."""
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.source.splits.items())
        size = "x".join(map(str, self.source.shape))
        weights = sum(p.numel() for p in self.step.model.parameters())
        text = f", texts by {self.about.text}" if self.about.text else ""
        classes = f", {self.about.classes} classes" if self.about.classes else ""
        several = f", {self.fabric.world_size} processes" if self.fabric.world_size > 1 else ""
        return [*self.further_notes, f"latents of {size}: {counts}{classes}{text}",
                f"{self.about.denoiser}, {self.about.noising}: {weights:,} parameters on "
                f"{self.fabric.device}{several}"]

    @property
    def by_heart(self) -> str:
        """A sentence that says so if the kept weights have learnt training samples by heart, or
        ""."""
        rows = self.state.rows
        return "" if self.plan.stopping.restore_best else learnt_by_heart(
            [row["epoch"] for row in rows], [row.get("val_loss", math.nan) for row in rows],
            str(self.folder.path.parent))


def fabric_of(settings: DiffusionSettings) -> Fabric:
    """Fabric for such a training, in all of its processes. Raises ValueError for a device that is
    not there."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = choose_device(settings.shared.device)
    return make_fabric(device, choose_precision(settings.shared.precision, device, 0))


def prepare_diffusion(
    settings: DiffusionSettings, source: Source, conditions: Conditions,
    about: DenoiserDescription, folder: RunFolder, fabric: Fabric,
) -> DiffusionTraining:
    """Prepare the training of a denoiser. Raises ValueError for settings that have no meaning."""
    keep_freed_memory()
    shared, device = settings.shared, fabric.device
    torch.manual_seed(shared.seed)
    model = about.make()
    _standardise(model, source)
    step = DiffusionStep(model.to(device), conditions, settings.ema)
    torch.manual_seed(shared.seed + 1_000_003 * fabric.global_rank)
    own = [p for p in model.parameters() if p.requires_grad]
    optimiser: Optimizer = optimisers.make(shared.optimiser, own, shared.lr)
    if fabric.world_size > 1 and not model.texts:   # or the processes would wait for its gradient
        model.words.requires_grad_(False)
        model.wordless.requires_grad_(False)
    stopping = stops.make(shared.stop)
    if "val" not in source.splits and stopping.monitor.startswith("val_"):
        stopping = stops.make(_with_monitor(shared.stop, "train_loss"))
    if stopping.monitor not in ("val_loss", "train_loss"):
        raise ValueError(f"latent diffusion has val_loss and train_loss to monitor, not "
                         f"{stopping.monitor!r}")
    count, batch = len(source.splits["train"]), shared.batch_size or LARGEST_BATCH
    together = batch * fabric.world_size
    if count < 2 * fabric.world_size and fabric.world_size > 1:
        raise ValueError(f"{fabric.world_size} processes cannot share {count} training samples")
    plan = TrainingPlan(shared.epochs or enough_epochs(count, together), batch,
                        shared.seed, schedules.make(shared.schedule),
                        stopping.for_epochs_of(count, together), shared.minutes, shared.clip)
    return DiffusionTraining(settings.with_(epochs=plan.epochs, batch_size=batch), folder,
                             source.to(device, torch.contiguous_format), about, step, optimiser,
                             fabric, plan, {})


def learnt_by_heart(epochs: Sequence[float], losses: Sequence[float], run: str) -> str:
    """A sentence that says so if the validation loss fell and has risen since by a share RISEN or
    more, or "". Means of three epochs are compared, because each has its own noise."""
    if len(losses) < 2 * AMONG:
        return ""
    means = [sum(losses[i:i + AMONG]) / AMONG for i in range(len(losses) - AMONG + 1)]
    best = min(range(len(means)), key=means.__getitem__)
    if not means[-1] > (1 + RISEN) * means[best]:
        return ""
    return (f"the validation loss was lowest around epoch {epochs[best + AMONG // 2]:g} "
            f"({means[best]:.3g}) and has risen to {means[-1]:.3g}: training samples are learnt by "
            f"heart, so draws may be copies of them. To see it: hourglass generate {run} "
            f"--nearest. More data or a shorter training helps, as does --stop early, which keeps "
            f"the epoch with the lowest loss")


def _with_monitor(text: str, monitor: str) -> str:
    call = read(text)
    return str(Call(call.name, call.args, {**call.kwargs, "monitor": monitor}))


def _standardise(model: LatentDiffusion, source: Source) -> None:
    """Set the mean and standard deviation of latents, per channel, over the training split."""
    train = source.splits["train"]
    total, squares, seen = 0.0, 0.0, 0   # type: Any, Any, int
    for batch in train.batches(500):
        x = batch.x.double().transpose(0, 1).flatten(1)   # (C, ...)
        total, squares, seen = total + x.sum(1), squares + x.square().sum(1), seen + x.shape[1]
    mean = total / seen
    std = (squares / seen - mean.square()).clamp(min=1e-12).sqrt()
    model.mean.copy_(mean.view_as(model.mean))
    model.std.copy_(std.view_as(model.std))


def resume_state(training: DiffusionTraining) -> None:
    """Go on from the checkpoint. Raises ValueError for a damaged one, and for a training that has
    ended."""
    check_own(training.folder)
    training.state = load_state_into(training.folder.checkpoint, training.step,
                                     training.optimiser)
    state, plan = training.state, training.plan
    above = training.folder.path.parent
    if state.epoch > plan.epochs:
        raise ValueError(f"this latent diffusion has finished its {state.epoch - 1} epochs. To "
                         f"continue: hourglass train {above} --resume --epochs "
                         f"{2 * (state.epoch - 1)}")
    if is_over(state, plan):
        raise ValueError(f"this latent diffusion has used its {plan.minutes:g} minutes. To "
                         f"continue: hourglass train {above} --resume --minutes "
                         f"{2 * (plan.minutes or 0):g}")


def run_diffusion(training: DiffusionTraining) -> Generator[Progress]:
    """Train, yield progress and save the results. Ctrl-C stops training after the current batch,
    and keeps what was trained. Raises FloatingPointError for a loss that is not finite."""
    step: Any = training.step
    forward, optimiser = training.fabric.setup(training.step, training.optimiser)
    parties = Parties(step, forward, cast(Optimizer, optimiser), training.fabric)
    saved, took = time.monotonic(), 0.0
    with Interrupts() as interrupts:
        try:
            for progress in fit(parties, training.source, training.plan, training.state):
                if progress.row:
                    training.ended = progress.stopped
                now = time.monotonic()
                if now - saved > max(SHORTEST, PATIENCE * took):
                    save_diffusion(training)
                    saved, took = time.monotonic(), time.monotonic() - now
                yield progress
                if anyone(interrupts.came, training.fabric):
                    training.interrupted, training.ended = True, "interrupted"
                    break
        except (FloatingPointError, ValueError, OSError):   # it cannot continue
            _save_weights(training)
            raise
        except GeneratorExit:   # the caller stops early
            save_diffusion(training)
            raise
        else:
            save_diffusion(training)
        finally:
            if training.lock:
                training.lock.close()


def save_diffusion(training: DiffusionTraining) -> None:
    """Save checkpoint, averaged weights and history, in the first process."""
    if is_first():
        save_state(training.folder.checkpoint, training.state, training.step, training.optimiser)
        _save_weights(training)


def _save_weights(training: DiffusionTraining) -> None:
    if not is_first():
        return
    state = training.state
    best = state.kept if training.plan.stopping.restore_best else {}
    state_dict = best or training.step.state_dict()
    start = "averaged."
    weights = {name.removeprefix(start): value for name, value in state_dict.items()
               if name.startswith(start)}
    if all(math.isfinite(w.sum().item()) for w in weights.values()):
        save_denoiser(training.folder.model, weights, training.about)
    training.folder.write_history(state.rows)
    state_of = {"epochs": state.rows[-1]["epoch"] if state.rows else 0, "steps": state.step,
                "seconds": round(state.seconds, 2), "ended": training.ended}
    training.folder.write_record({**training.record, **state_of})
