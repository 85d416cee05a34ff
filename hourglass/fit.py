"""The training loop."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from .autoencoder import Autoencoder
from .contracts import Output, Progress
from .data.source import Source, Split, shuffled
from .objective import Objective
from .schedules import Schedule
from .stopping import Stopping

EVALUATION_SEED = 0    # of the noise in which losses are compared from epoch to epoch
EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Plan:
    """What `fit` is to do."""

    epochs: int
    batch_size: int
    seed: int
    schedule: Schedule
    stopping: Stopping
    minutes: float | None = None
    clip: float | None = None


@dataclass
class State:
    """Where training is: at every yield of `fit`, all that is needed to go on from there."""

    epoch: int = 1                                          # the one in progress
    batch: int = 0                                          # batches done in it
    step: int = 0                                           # batches done in all
    leg: int = 0                                            # the step at which the schedule began
    lr: float = 0.0                                         # of the last batch
    seconds: float = 0.0                                    # spent in all
    epoch_seconds: float = 0.0                              # spent on this epoch's batches
    seen: int = 0                                           # samples in this epoch
    sums: dict[str, Tensor] = field(default_factory=dict)   # of losses over this epoch's samples
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)   # weights of the best epoch
    best_epoch: int = 0

    def losses(self, monitor: str) -> list[float]:
        """The monitored figure of every past epoch."""
        return [row[monitor] for row in self.history]

    def add(self, losses: dict[str, Tensor], count: int) -> None:
        """Count a batch's mean losses in."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach() * count
        self.seen, self.batch, self.step = self.seen + count, self.batch + 1, self.step + 1


class Step(nn.Module):
    """Model and objective in one forward pass, so that terms which call the model again have the
    same precision."""

    def __init__(self, model: Autoencoder, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor, errors: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """x (B, *shape) -> total and mean losses; with `errors`, the squared error per value."""
        out: Output = self.model(x, draw=True)
        loss, parts = self.objective(out, self.model)
        means = {"loss": loss, **{name: part.mean() for name, part in parts.items()}}
        if errors:
            means["mse"] = (out.px.mean - out.x).square().mean()
        return loss, means


def fit(
    step: nn.Module, optimiser: Optimizer, source: Source, plan: Plan, fabric: Fabric, state: State
) -> Iterator[Progress]:
    """Train on from `state`, yielding after every batch and every epoch.

    Raises FloatingPointError, with every term's value, for a loss that is not finite.
    """
    train, rates = source.splits["train"], [group["lr"] for group in optimiser.param_groups]
    monitor, stopped = plan.stopping.monitor, ""
    while state.epoch <= plan.epochs and not stopped:
        batches = shuffled(train, plan.batch_size, plan.seed, state.epoch)
        past = state.losses(monitor)
        for rows in batches[state.batch:]:
            started = time.monotonic()
            factor = plan.schedule(_share(state, plan, len(batches)), past)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            state.lr = optimiser.param_groups[0]["lr"]
            step.train()
            loss, losses = step(train.batch(rows).x)
            if fabric.device.type == "cpu" or state.step % 50 == 0:
                check_finite(loss, losses)   # elsewhere each look would wait for the device
            optimiser.zero_grad()
            fabric.backward(loss)
            if plan.clip:
                fabric.clip_gradients(step, optimiser, max_norm=plan.clip)
            optimiser.step()
            state.add(losses, len(rows))
            state.epoch_seconds += time.monotonic() - started
            state.seconds += time.monotonic() - started
            yield Progress(state.epoch, state.batch, len(batches), state.seen, state.sums)
            if plan.minutes and state.seconds > 60 * plan.minutes:
                break
        row, batch = _close_epoch(step, source, plan, state), state.batch
        stopped = _end(state, plan)
        yield Progress(state.epoch - 1, batch, len(batches), state.seen, state.sums, row,
                       state.best_epoch == state.epoch - 1, stopped)
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate


def check_finite(loss: Tensor, losses: dict[str, Tensor]) -> None:
    """Raises FloatingPointError, with every term's value, if the loss is not finite."""
    if not math.isfinite(loss.item()):
        values = ", ".join(f"{name} {value.item():.6g}" for name, value in losses.items())
        raise FloatingPointError(
            f"the loss is not finite ({values}); try a smaller --lr, --clip 1, or --precision "
            f"32-true, and look at the data's range")


def _share(state: State, plan: Plan, batches: int) -> float:
    """How much of the schedule's part of the run is over, from 0 to 1."""
    steps = (state.step - state.leg) / max(plan.epochs * batches - state.leg, 1)
    return min(max(steps, state.seconds / (60 * plan.minutes) if plan.minutes else 0.0), 1.0)


def _close_epoch(step: nn.Module, source: Source, plan: Plan, state: State) -> dict[str, float]:
    """Evaluate, write the epoch's row and keep its weights if they are the best; begin the next."""
    started = time.monotonic()
    row: dict[str, float] = {"epoch": state.epoch}
    row |= {f"train_{name}": float(total) / state.seen for name, total in state.sums.items()}
    check_finite(torch.tensor(row["train_loss"]), {k: torch.tensor(v) for k, v in row.items()})
    if "val" in source.splits:
        row |= {f"val_{name}": v for name, v in evaluate(step, source.splits["val"]).items()}
    row |= _per_value(step, row, math.prod(source.shape))
    row["lr"] = state.lr
    row["images_per_second"] = state.seen / state.epoch_seconds
    state.seconds += time.monotonic() - started
    row["seconds"] = state.seconds
    state.history.append(row)
    if plan.stopping.best(state.losses(plan.stopping.monitor)) == state.epoch:
        state.best = {name: value.detach().clone() for name, value in step.state_dict().items()}
        state.best_epoch = state.epoch
    state.epoch, state.batch, state.seen, state.sums = state.epoch + 1, 0, 0, {}
    state.epoch_seconds = 0.0
    return row


def _per_value(step: nn.Module, row: dict[str, float], values: int) -> dict[str, float]:
    """The tutorials' mean error per value beside each split's reconstruction term."""
    return {f"{split}_{name}": error for split in ("train", "val") if f"{split}_recon" in row
            for name, error in step.model.likelihood.per_value(  # type: ignore[union-attr, operator]
                row[f"{split}_recon"], values).items()}


def _end(state: State, plan: Plan) -> str:
    if plan.minutes and state.seconds > 60 * plan.minutes:
        return f"{plan.minutes:g} minutes are over"
    return plan.stopping.reason(state.losses(plan.stopping.monitor))


@torch.no_grad()
def evaluate(step: nn.Module, split: Split, size: int = EVALUATION_BATCH) -> dict[str, float]:
    """Mean losses over a split as they are trained, each sample counted once, in the same noise
    at every call; not compiled, for its batches have many sizes."""
    step.eval()
    sums: dict[str, Tensor] = {}
    devices: Sequence[torch.device] = [split.device] if split.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.compiler.set_stance("force_eager"):
        torch.manual_seed(EVALUATION_SEED)
        for batch in split.batches(size):
            _, losses = step(batch.x, errors=True)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + value * len(batch.x)
    return {name: float(total) / len(split) for name, total in sums.items()}
