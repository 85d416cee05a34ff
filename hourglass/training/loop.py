"""The training loop."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..core.contracts import Batch, Clock, Progress
from ..data.split_data import Source, Split, shuffled
from ..model.loss_step import Step
from ..model.posterior_stats import Posterior
from .cuda_graph import CapturedStep
from .early_stopping import Stopping, still_falling
from .lagging import INFORMATION, hold_decoder, holds_decoder
from .lr_schedules import Schedule
from .ranking_loss import NAME, is_ranked, missed_ndcg
from .sharding import is_sharded
from .validation import EVALUATION_BATCH, evaluate, together

if TYPE_CHECKING:   # checkpoints are also read without training
    from lightning_fabric import Fabric

SETTLED = 500          # steps before the posterior is judged, unless
ALMOST = 0.8           # this share of the run is over
LOOKED_AT = 5000       # training samples whose posteriors are measured if there is no val split


@dataclass(frozen=True)
class TrainingPlan:
    """Options of `fit`. With several processes, `batch_size` is that of each one."""

    epochs: int
    batch_size: int
    seed: int
    schedule: Schedule
    stopping: Stopping
    minutes: float | None = None
    clip: float | None = None
    augment: Callable[[Tensor], Tensor] = lambda x: x
    lag: int = 1   # steps of the encoder for each of the decoder


@dataclass
class State:
    """The state of a training. At every yield of `fit`, it holds all that is needed to continue."""

    epoch: int = 1                                          # current epoch
    batch: int = 0                                          # finished batches of this epoch
    step: int = 0                                           # finished batches in total
    leg: int = 0                                            # step at which the schedule began
    lr: float = 0.0                                         # of the last batch
    seconds: float = 0.0                                    # total time
    epoch_seconds: float = 0.0                              # time of this epoch's batches
    seen: int = 0                                           # samples of this epoch
    sums: dict[str, Tensor] = field(default_factory=dict)   # losses, summed over this epoch
    history: list[dict[str, float]] = field(default_factory=list)
    factors: list[list[float]] = field(default_factory=list)   # KL per latent dimension, per epoch
    best: dict[str, Tensor] = field(default_factory=dict)   # weights of the best epoch
    best_epoch: int = 0
    ramping: int = 0                                        # epochs that ended within a ramp
    pieces: int = 1                                         # pieces of a batch that fit in memory
    trouble: str = ""                                       # last note on the posterior
    cut: dict[str, float] = field(default_factory=dict)     # row of an epoch that time cut short
    cut_is_best: bool = False                               # whether that epoch is the best

    @property
    def rows(self) -> list[dict[str, float]]:
        """The values of every whole epoch, and of one that was cut short."""
        return [*self.history, *([self.cut] if self.cut else [])]

    @property
    def kept(self) -> dict[str, Tensor]:
        """The best weights; {} if the current weights are the best."""
        return {} if self.cut_is_best else self.best

    @property
    def kept_epoch(self) -> float:
        """The epoch of those weights, with a fraction for one that was cut short."""
        return self.cut["epoch"] if self.cut_is_best else self.best_epoch

    def losses(self, monitor: str) -> list[float]:
        """The monitored value of every past epoch."""
        return [row[monitor] for row in self.history]

    def add(self, sums: dict[str, Tensor], count: int) -> None:
        """Add a batch's losses."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0) + value
        self.seen, self.batch, self.step = self.seen + count, self.batch + 1, self.step + 1


class Parties(NamedTuple):
    """What takes part in a step. `forward` is the step as Fabric wraps it, for training."""

    step: Step
    forward: nn.Module
    optimiser: Optimizer
    fabric: "Fabric"
    captured: CapturedStep | None = None   # on a GPU


def fit(parties: Parties, source: Source, plan: TrainingPlan, state: State) -> Iterator[Progress]:
    """Train from `state` on, yielding after every batch and every epoch.

    Raises FloatingPointError, with every term's value, for a loss that is not finite.
    """
    step, _, optimiser, fabric, captured = parties
    train, rates = source.splits["train"], [group["lr"] for group in optimiser.param_groups]
    monitor, stopped, pieces = plan.stopping.monitor, "", state.pieces
    state.cut, state.cut_is_best = {}, False   # training continues from the cut
    while state.epoch <= plan.epochs and not stopped:
        batches = shuffled(train, plan.batch_size, plan.seed, state.epoch, fabric.world_size)
        past = state.losses(monitor)
        for rows in batches[state.batch:]:
            started = time.monotonic()
            factor = plan.schedule(_share(state, plan, len(batches), state.leg), past)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            state.lr = optimiser.param_groups[0]["lr"]
            step.objective.at(_clock(state, plan, len(batches)))
            if not (step.training and step.model.training):   # setting it asks every module
                step.train()
            state.add(*_learn(parties, train, rows, plan, state))
            _take_time(state, fabric, started, bool(plan.minutes))
            yield Progress(state.epoch, state.batch, len(batches), state.seen, state.sums,
                           notes=_smaller(state, pieces) + (captured.notes() if captured else ()))
            pieces = state.pieces
            if is_over(state, plan):
                break
        epoch, batch, seen, sums = state.epoch, state.batch, state.seen, state.sums
        best, notes = _end_epoch(parties, source, plan, state, len(batches))
        stopped = stop_reason(state, plan)
        if state.epoch > plan.epochs or is_over(state, plan):
            notes += _still_falling(state, plan)
        yield Progress(epoch, batch, len(batches), seen, sums, state.rows[-1], best, stopped,
                       notes)
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate


def is_over(state: State, plan: TrainingPlan) -> bool:
    """Whether the time limit is reached."""
    return plan.minutes is not None and state.seconds > 60 * plan.minutes


def _learn(
    parties: Parties, train: Split, rows: Tensor, plan: TrainingPlan, state: State
) -> tuple[dict[str, Tensor], int]:
    """Take one optimiser step on this process' part of the rows. Returns sums of losses.

    If the device's memory is too small, the batch is split into smaller and smaller pieces. Their
    gradients add up to the same.
    """
    _, forward, optimiser, fabric, _ = parties
    own = rows[fabric.global_rank::fabric.world_size]
    while True:
        try:
            sums = _add_gradients(parties, train, own, len(rows), plan, state)
            break
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if fabric.world_size > 1 or len(own) < 4 * state.pieces:
                raise ValueError(f"the device's memory is too small ({str(error)[:80]}); use a "
                                 f"smaller --batch-size or --size, or --device cpu") from None
        state.pieces *= 2
        if fabric.device.type == "cuda":
            torch.cuda.empty_cache()
    if holds_decoder(plan.lag, state.step, state.history):
        hold_decoder(parties.step.model)
    if plan.clip and is_sharded(parties.step):
        torch.nn.utils.clip_grad_norm_(parties.step.parameters(), plan.clip)
    elif plan.clip:
        fabric.clip_gradients(forward, optimiser, max_norm=plan.clip)
    optimiser.step()
    return sums, len(own)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """CUDA has its own class for this error, other devices only a message."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)


def _add_gradients(
    parties: Parties, train: Split, own: Tensor, together: int, plan: TrainingPlan, state: State
) -> dict[str, Tensor]:
    """Add the gradient of the mean loss over all processes' rows. `together` counts them, `own`
    counts those of this process. Returns sums of losses."""
    _, forward, optimiser, fabric, captured = parties
    optimiser.zero_grad()
    names, sums = tuple[str, ...](), torch.zeros(())
    for piece in own.chunk(state.pieces):
        batch = train.batch(piece, grey=True)
        x, encoder_input = varied(batch, plan.augment)
        y = batch.y if batch.y_observed is None else batch.y_observed
        inputs = (x, y, encoder_input, batch.known, batch.properties)
        whole = captured if state.pieces == 1 else None
        output = whole(inputs) if whole else None
        if output is None:
            with whole.watching() if whole else nullcontext():
                output = forward(*inputs)
                share = len(piece) * fabric.world_size / together
                fabric.backward(output[0] if share == 1 else output[0] * share)
        loss, losses = output
        if fabric.device.type == "cpu" or state.step % 50 == 0:
            check_finite(loss, losses)   # on other devices, each check would wait for the device
        names = tuple(losses)
        means = torch.stack([value.detach() for value in losses.values()])   # one launch, not many
        sums = sums + means * len(piece)
    return dict(zip(names, sums.unbind(), strict=True))


def varied(batch: Batch, augment: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
    """x and the encoder's input, augmented together so that both move alike."""
    if batch.encoder_input is None:
        return augment(batch.x), None
    both = augment(torch.cat([batch.x, batch.encoder_input], 1))
    x, encoder_input = (torch.empty_like(batch.x).copy_(part) for part in both.chunk(2, 1))
    return x, encoder_input


def check_finite(loss: Tensor, losses: dict[str, Tensor]) -> None:
    """Raise FloatingPointError, with every term's value, if the loss is not finite."""
    if not math.isfinite(loss.item()):
        values = ", ".join(f"{name} {value.item():.6g}" for name, value in losses.items())
        raise FloatingPointError(
            f"the loss is not finite ({values}); try a smaller --lr, --clip 1 or --precision "
            f"32-true, and check the data's range")


def _take_time(state: State, fabric: "Fabric", started: float, shared: bool) -> None:
    """Count the time of a batch. Where time decides anything, all processes count the same."""
    took = time.monotonic() - started
    state.epoch_seconds += took
    state.seconds += took
    if shared and fabric.world_size > 1:
        state.seconds = float(fabric.broadcast(torch.tensor(state.seconds)))


def _smaller(state: State, pieces: int) -> tuple[str, ...]:
    """A note that a batch was split into more pieces than before."""
    if state.pieces == pieces:
        return ()
    return (f"out of memory: each batch is now split into {state.pieces} pieces, whose gradients "
            f"are added; a smaller --batch-size would be faster",)


def _clock(state: State, plan: TrainingPlan, batches: int) -> Clock:
    return Clock(state.step, batches, _share(state, plan, batches, 0))


def _share(state: State, plan: TrainingPlan, batches: int, begun: int) -> float:
    """The share of the run that is over, from 0 to 1. Counts from step `begun`."""
    steps = (state.step - begun) / max(plan.epochs * batches - begun, 1)
    return min(max(steps, state.seconds / (60 * plan.minutes) if plan.minutes else 0.0), 1.0)


def _end_epoch(
    parties: Parties, source: Source, plan: TrainingPlan, state: State, batches: int
) -> tuple[bool, tuple[str, ...]]:
    """Evaluate, write the epoch's row, keep its weights if they are the best; begin the next one.
    Returns whether they are the best, and notes.

    An epoch that time cut short stays open: its row is stored as `state.cut`, and a resumed run
    continues with the next batch as if nothing had been measured.
    """
    started, (step, _, _, fabric, _) = time.monotonic(), parties
    clock, whole = _clock(state, plan, batches), state.batch == batches
    ramping = step.objective.is_ramping(clock)
    sums, seen = together(state.sums, state.seen, fabric)
    row = {"epoch": state.epoch if whole else state.epoch - 1 + state.batch / batches,
           **_train_row(sums, seen)}
    losses, posterior = _evaluated(parties, source, state.pieces)
    row |= {f"val_{name}": value for name, value in losses.items()}
    row |= _per_value(step, row, source)
    early = ramping or state.epoch < 2 or (state.step < SETTLED and clock.share < ALMOST)
    notes = _look(step, state, row, posterior, quietly=early) if posterior else ()
    if posterior and plan.lag > 1:
        row[INFORMATION] = posterior.information
    row["lr"] = state.lr
    row["images_per_second"] = seen / state.epoch_seconds
    state.seconds += time.monotonic() - started
    row["seconds"] = state.seconds
    ramped = state.epoch if ramping else state.ramping
    values = [*state.losses(plan.stopping.monitor), row[plan.stopping.monitor]]
    # a ranking is the same measure at every weight of the KL
    ranked = plan.stopping.monitor == f"val_{NAME}"
    best = plan.stopping.best(values, 0 if ranked else ramped) == len(values)
    if not whole:
        state.cut, state.cut_is_best = row, best
        return best and not ramping, notes
    state.history.append(row)
    if posterior:
        state.factors.append([round(value, 5) for value in posterior.kl.tolist()])
    state.ramping = ramped
    if best:
        state.best = {name: value.detach().clone() for name, value in step.state_dict().items()}
        state.best_epoch = state.epoch
    state.epoch, state.batch, state.seen, state.sums = state.epoch + 1, 0, 0, {}
    state.epoch_seconds = 0.0
    return best and not ramping, notes


def _train_row(sums: dict[str, Tensor], seen: int) -> dict[str, float]:
    """Mean losses over `seen` samples. Raises FloatingPointError for one that is not finite."""
    names = sorted(sums, key=lambda name: name != "loss")   # loss first, also in a resumed run
    row = {f"train_{name}": float(sums[name]) / seen for name in names}
    check_finite(torch.tensor(row["train_loss"]), {k: torch.tensor(v) for k, v in row.items()})
    return row


def _evaluated(
    parties: Parties, source: Source, pieces: int
) -> tuple[dict[str, float], Posterior | None]:
    """The losses on val, if there is one, and the posterior there or on training samples. Uses
    smaller batches if training batches are split."""
    size, model = max(1, EVALUATION_BATCH // pieces), parties.step.model
    if "val" in source.splits:
        losses, posterior = evaluate(parties.step, source.splits["val"], parties.fabric, size)
        if is_ranked(model, source):
            losses[NAME] = missed_ndcg(model, source.splits["val"])
        return losses, posterior
    if "kl" not in parties.step.objective.terms:
        return {}, None
    return {}, evaluate(parties.step, source.splits["train"], parties.fabric, size, LOOKED_AT)[1]


def _look(
    step: Step, state: State, row: dict[str, float], posterior: Posterior, quietly: bool
) -> tuple[str, ...]:
    """Add the posterior's values to the epoch's row. Returns a note on it, once."""
    weights = step.objective.weights
    split = "val" if "val_kl" in row else "train"
    if f"{split}_kl" in row:
        row["kl_share"] = weights["kl"] * row[f"{split}_kl"] / row[f"{split}_loss"]
    row |= posterior.row()
    trouble = "" if quietly else posterior.trouble(weights.get("kl", 0.0), step.objective.ramps)
    new = trouble.partition(":")[0] != state.trouble.partition(":")[0]
    state.trouble = trouble
    return (trouble,) if trouble and new else ()


def _per_value(step: Step, row: dict[str, float], source: Source) -> dict[str, float]:
    """The mean error per observed value, as in Keras tutorials, for each split's reconstruction
    term. Left out if the term does not count all observed values."""
    if step.objective.only_hidden:
        return {}
    values = {name: math.prod(source.shape) * part.known for name, part in source.splits.items()
              if not (part.gaps and name == "train")}   # other values miss in a cut epoch
    return {f"{split}_{name}": error for split in values if f"{split}_recon" in row
            for name, error in step.model.likelihood.per_value(
                row[f"{split}_recon"], values[split]).items()}


def stop_reason(state: State, plan: TrainingPlan) -> str:
    """Why training ends after the last epoch, before all of them are done; "" if it does not."""
    if is_over(state, plan):
        cut = f", {state.batch} batches into epoch {state.epoch}" if state.cut else ""
        return f"the time limit of {plan.minutes:g} minutes is reached{cut}"
    return plan.stopping.reason(state.losses(plan.stopping.monitor), state.ramping)


def _still_falling(state: State, plan: TrainingPlan) -> tuple[str, ...]:
    """A note for a run whose loss was still falling at its end."""
    more = (f"--minutes {2 * plan.minutes:g}" if is_over(state, plan) and plan.minutes else
            f"--epochs {2 * plan.epochs}")
    note = still_falling(state.rows, plan.stopping.monitor)
    return (f"{note}; to continue, resume the run with {more}",) if note else ()
