"""Prepare a training from its settings: check everything before the first step."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from ..core.console import is_first, say
from ..core.device import (
    choose_device,
    choose_layout,
    choose_precision,
    limit_memory,
    make_fabric,
)
from ..core.files import check_space
from ..core.hints import did_you_mean
from ..core.malloc import keep_freed_memory
from ..core.registry import (
    optimisers,
    schedules,
    stops,
)
from ..data.augmentations import augmenter
from ..data.binarise import anew
from ..data.properties import with_properties
from ..data.split_data import Source
from ..model.autoencoder import Autoencoder
from ..model.loss_step import Step
from ..model.objective import Objective
from ..model.older_texts import FORMAT, backbone_of
from ..model.parts import Parts
from ..model.summary import summarise
from ..run.aliases import own_words, with_dim
from ..run.folder import RunFolder, environment, read_settings, unfinished
from ..run.load_data import check_same, load_source
from ..run.new_folder import begun
from ..run.plugins_used import check_parts, used_parts
from ..run.settings import IN_MEMORY, Settings, make_settings, with_whole_path
from ..run.suited import batch_size_for, model_for, suited
from ..run.weights import read_description
from .checkpoint import check_own, load_state_into
from .initial_bias import begin_at_mean
from .initial_units import begin_standardised
from .loggers import Logger, start_loggers
from .loop import State, TrainingPlan, is_over, stop_reason, varied
from .loss_checks import effective_beta, features_used, negative_weights, ramps_too_long
from .memory_check import check_memory
from .own_decoder import remarks
from .part_checks import check_prior, check_texts
from .ranking_loss import NAME, is_ranked
from .sharding import check_losses, sharers_of
from .shown_channels import check_show, notes_on_show
from .warm_start import begin_with, settings_of

SELECTION = "selection"   # the loss without the terms that change in training
ENOUGH_STEPS = 8000
EPOCHS = (20, 400)  # smallest and largest default number
RESUMABLE = {"epochs", "minutes", "lr", "schedule", "stop", "device", "cuda_graph", "tensorboard",
             "show", "shard_model"}
NEW_LEG = {"epochs", "lr", "schedule"}   # a change of these restarts the schedule
ENDS = NEW_LEG | {"minutes", "stop"}     # a change of these asks for more, or for less
SMALL_FILES = 2**20   # bytes of report, figures and other small files
FEW_SAMPLES = 32   # that an own decoder is tried with
COPIES = 10   # of the weights: checkpoint (with Adam's two and the best) and model, old and new


@dataclass
class Training:
    """Everything that a run needs, checked before the first step."""

    settings: Settings
    folder: RunFolder
    source: Source
    parts: Parts
    step: Step
    optimiser: Optimizer
    fabric: Fabric
    plan: TrainingPlan
    record: dict[str, Any]
    state: State = field(default_factory=State)
    ended: str = ""             # why training ended
    over: bool = False          # whether no step is left: only what follows the last one is
    interrupted: bool = False
    lock: IO[str] | None = None   # held until this object is deleted
    template: Step | None = None  # a copy with whole weights, while they are shared
    further_notes: list[str] = field(default_factory=list)   # further notes, also for the report
    loggers: dict[str, Logger] = field(default_factory=dict)   # of the first process

    @property
    def notes(self) -> list[str]:
        """Notes to print before training starts."""
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.source.splits.items())
        size = "x".join(map(str, self.source.shape))
        weights = self.record["parameters"]["whole"]
        several = f", {self.fabric.world_size} processes" if self.fabric.world_size > 1 else ""
        shared = ", which share the model" if self.settings.shard_model else ""
        beta = [self.record["beta"]] if self.record.get("beta") else []
        scale = [] if self.source.encoding else [self.source.scale.words]
        scale += notes_on_show(self.settings.show, self.source.shape)
        return [*self.source.notes, f"{self.settings.data}: {counts} samples of {size}", *scale,
                *self.further_notes,
                *beta,
                f"{self.settings.model}: {self.parts.backbone}, {self.parts.bottleneck}, "
                f"{self.parts.likelihood}, loss {self.parts.loss}: {weights:,} parameters, "
                f"{self.settings.precision} and {self.settings.layout} on "
                f"{self.fabric.device}{several}{shared}"]


def prepare(
    settings: Settings, data: Any = None, y: Any = None, out: str | Path | None = None,
    overwrite: bool = False, loggers: Iterable[str] = (),
) -> Training:
    """Prepare a new run; with `overwrite`, in place of the run in `out`. Start its loggers. Raises
    ValueError for anything that cannot work, and then leaves no folder."""
    settings = settings_of(with_whole_path(settings, data), data is not None)
    check_texts(settings)
    source = load_source(settings, data, y)
    check_show(settings.show, source.shape)
    training = _assemble(settings, source, None)
    if settings.begin:
        training.further_notes.append(begin_with(settings.begin, training.step.model))
    if is_first():
        with begun(out, overwrite) as training.folder:
            weights = training.record["parameters"]["whole"]
            check_space(training.folder.path, SMALL_FILES + 4 * COPIES * weights)
            training.lock = training.folder.lock()
            training.loggers = _started(training, loggers)
            training.folder.write_settings(training.settings.to_toml())
            training.folder.write_record(training.record)
    training.folder = RunFolder(Path(training.fabric.broadcast(str(training.folder.path))))
    return training


def resume(
    folder: RunFolder, changes: dict[str, Any], data: Any = None, y: Any = None,
    finished: bool = False, loggers: Iterable[str] = (),
) -> Training:
    """Prepare to continue a stopped run; a run whose training has ended only if it may be
    `finished`. Raises ValueError if that is impossible."""
    lock = folder.lock() if is_first() else None   # before reading anything that may change
    try:
        training = _resumed(folder, changes, data, y)
        why = "" if finished or training.over else finished_by(training)
        if why:
            raise ValueError(why)
        if is_first():
            training.loggers = _started(training, loggers)
    except BaseException:
        if lock:
            lock.close()
        raise
    training.lock = lock
    if is_first():
        folder.write_settings(training.settings.to_toml())
    return training


def _started(training: Training, names: Iterable[str]) -> dict[str, Logger]:
    """Start the loggers of these names, and the one that the settings ask for."""
    settings = training.settings
    every = dict.fromkeys([*names, *["tensorboard"] * settings.tensorboard])
    return start_loggers(every, training.folder.path, settings.model_dump())


def _resumed(folder: RunFolder, changes: dict[str, Any], data: Any, y: Any) -> Training:
    record = folder.read_record()
    check_parts(record)
    texts = read_settings(folder.settings)
    kept = make_settings({**texts, "backbone": backbone_of(texts.get("backbone", ""), record)})
    changes = with_dim(own_words(changes, say), kept.model)
    settings = kept.with_(**changes)
    for name in set(changes) - RESUMABLE:
        if getattr(settings, name) != getattr(kept, name):
            raise ValueError(f"{name} cannot change when a run is resumed; only "
                             f"{', '.join(sorted(RESUMABLE))} can")
    if data is None and kept.data == IN_MEMORY:
        raise ValueError(f"{folder.path} was trained on an array in memory; resume it from Python, "
                         f"with hourglass.resume(run, data=array)")
    source = load_source(settings, data, y)
    if folder.model.is_file():   # its order of classes counts
        with suppress(ValueError):   # a damaged file is written again
            source = source.with_classes(read_description(folder).classes)
    check_same(source, record["data"], "" if data is not None else settings.data, folder)
    training = _assemble(settings, source, folder)
    training.record = {**record, "resumed": training.record["environment"]}
    if not folder.checkpoint.is_file() and (folder.model.exists() or folder.read_history()):
        raise ValueError(f"{folder.path} has weights or a history but no checkpoint, so its "
                         f"training cannot be resumed. To train from its weights: hourglass "
                         f"train {settings.data} --from {folder.path} --out NEW")
    if folder.checkpoint.is_file():
        check_own(folder)
        training.state = load_state_into(folder.checkpoint, training.step, training.optimiser)
        training.plan = _as_before(training.plan, training.state)
    changed = {name for name in RESUMABLE if getattr(settings, name) != getattr(kept, name)}
    if changed & NEW_LEG:
        training.state.leg = training.state.step
    if not changed & ENDS and _lacks_end(training):
        training.over, training.ended = True, stop_reason(training.state, training.plan)
        training.further_notes.append("its training had ended when it was stopped; the last steps "
                                      "follow now")
    training.settings = settings
    return training


def _as_before(plan: TrainingPlan, state: State) -> TrainingPlan:
    """The plan. Runs of older versions keep the loss as their monitored value."""
    monitor = plan.stopping.monitor
    if not state.history or monitor in state.history[0]:
        return plan
    return replace(plan, stopping=replace(plan.stopping,
                                          monitor=monitor.replace(SELECTION, "loss")))


def _assemble(settings: Settings, source: Source, folder: RunFolder | None) -> Training:
    keep_freed_memory()
    device = choose_device(settings.device)
    sharers = sharers_of(settings, device)
    batch = batch_size_for(settings, source)
    parts, suits = suited(settings, source)
    classes = len(source.classes)
    costs = summarise(parts, source.shape, settings.optimiser, classes)
    check_memory(costs, device, min(batch, len(source.splits["train"])), sharers)
    if parts.condition != "none":
        _check_classes(source)
    if settings.labelled and parts.condition != "inferred":
        raise ValueError("labelled hides classes, so it needs a model that infers them, such as "
                         "--model semi_supervised_vae")
    precision = choose_precision(settings.precision, device, costs.multiply_adds["whole"])
    layout = choose_layout(settings.layout, device, len(source.shape) == 3)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)   # we report it ourselves
    fabric = make_fabric(device, precision)
    torch.manual_seed(settings.seed)
    where = torch.device("cpu") if sharers > 1 else device   # until it is shared
    model = Autoencoder(parts, source.shape, classes, settings.initial).to(where)
    model.to(memory_format=layout)  # type: ignore[call-overload]
    step = Step(model, Objective(parts.loss, model))
    check_prior(parts.prior, model, classes)
    torch.manual_seed(settings.seed + 1_000_003 * fabric.global_rank)   # each its own noise
    optimiser = _optimiser(settings, step)
    if sharers > 1:
        check_losses(step)
    source = with_properties(source, step.objective.properties).to(where, layout)
    if settings.initial == "data":
        begin_standardised(model, source.splits["train"])
        begin_at_mean(model, source.splits["train"])
    plan = _plan(settings, source, step, fabric.world_size, batch)
    used = settings.with_(precision=precision, epochs=plan.epochs, batch_size=batch, **vars(parts),
                          model=model_for(settings, source),
                          layout=str(layout).rpartition(".")[2].removesuffix("_format"))
    record = {"format": FORMAT, "environment": environment(str(device)), "data": source.identity,
              "parameters": costs.parameters, "multiply_adds": costs.multiply_adds,
              "beta": effective_beta(step.objective, source.shape)}
    if own := used_parts([*vars(used).values(), settings.model]):
        record["own_parts"] = own
    batches = len(source.splits["train"]) / (batch * fabric.world_size)
    some = source.splits["train"]
    notes = [*suits, *_selected(step, plan), *remarks(model, some.batch(some.evenly(FEW_SAMPLES))),
             *ramps_too_long(step.objective, plan.epochs, batches),
             *negative_weights(step.objective), *features_used(step.objective, source),
             _too_wide(model, parts, source.shape), limit_memory(settings.max_memory, device)]
    return Training(used, folder or RunFolder(Path()), source.to(device, layout), parts, step,
                    optimiser, fabric, plan, record, further_notes=[note for note in notes if note])


def _selected(step: Step, plan: TrainingPlan) -> list[str]:
    """A note on the value that epochs are compared by, if it is not the loss."""
    if plan.stopping.monitor == f"val_{NAME}":
        return ["epochs are compared by how they rank the held-out items of the validation users: "
                f"val_{NAME} is 1 - NDCG@100"]
    if not plan.stopping.monitor.endswith(SELECTION):
        return []
    rivals, moving = step.objective.rivals, step.objective.moving
    weighed = [name for name in moving if name not in rivals]
    what = [*([f"the discriminator of {', '.join(rivals)}"] if rivals else []),
            *([f"the weight that {', '.join(weighed)} learns"] if weighed else [])]
    return [f"epochs are compared by {plan.stopping.monitor}: the loss without the terms that "
            f"{' and '.join(what)} changes"]


def _optimiser(settings: Settings, step: Step) -> Optimizer:
    """The optimiser of the model's weights, and of each discriminator's at its own rate."""
    rivals = step.objective.rival_weights()
    theirs = {id(p) for weights, _ in rivals for p in weights}
    own = [p for p in step.parameters() if p.requires_grad and id(p) not in theirs]
    optimiser: Optimizer = optimisers.make(settings.optimiser, own, settings.lr)
    for weights, rate in rivals:
        optimiser.add_param_group({"params": weights, "lr": optimiser.defaults["lr"] * rate})
    return optimiser


def _too_wide(model: Autoencoder, parts: Parts, shape: tuple[int, ...]) -> str:
    """A warning if the code can hold a whole vector, so that nothing need be learnt."""
    as_it_is = parts.corruption == "none" or parts.corruption.startswith("holes")
    if len(shape) != 1 or not as_it_is or model.bottleneck.confined or model.of_tokens:
        return ""
    width = model.sample_prior(1).numel()
    return "" if width < shape[0] else (
        f"a code of {width} numbers can hold every number of a sample, so the model may "
        f"just copy; a smaller code such as --bottleneck 'plain({max(1, shape[0] // 3)})' helps")


def _plan(
    settings: Settings, source: Source, step: Step, processes: int, batch: int
) -> TrainingPlan:
    """Options of `fit`, checked: the monitored value exists, augmentations fit the samples."""
    train, stopping = source.splits["train"], stops.make(settings.stop)
    if "val" not in source.splits and stopping.monitor.startswith("val_"):
        stopping = replace(stopping, monitor="train_loss")
    if step.objective.moving and stopping.monitor in ("val_loss", "train_loss"):
        stopping = replace(stopping, monitor=stopping.monitor.replace("loss", SELECTION))
    ranked = is_ranked(step.model, source)
    if ranked and stopping.monitor == "val_loss":
        stopping = replace(stopping, monitor=f"val_{NAME}")
    if train.gaps and stopping.monitor == "val_loss" and source.encoding.get("explicit"):
        stopping = replace(stopping, monitor="val_hidden_mse")   # of hidden values
    _check_monitor(stopping.monitor, step, train.gaps, ranked)
    if settings.lag > 1 and "kl" not in step.objective.terms:
        raise ValueError("lag is for models with a posterior and a KL in the loss, such as "
                         "vae(16); leave it out")
    if len(train) < 2 * processes and processes > 1:
        raise ValueError(f"{processes} processes cannot share {len(train)} training samples")
    augment = _augmenter(settings, source)
    with torch.random.fork_rng():
        varied(train.batch(torch.arange(min(2, len(train))), grey=True), augment)
    epochs = settings.epochs or enough_epochs(len(train), batch * processes)
    stopping = stopping.for_epochs_of(len(train), batch * processes)
    return TrainingPlan(epochs, batch, settings.seed, schedules.make(settings.schedule),
                        stopping, settings.minutes, settings.clip, augment, settings.lag)


def _augmenter(settings: Settings, source: Source) -> Callable[[Tensor], Tensor]:
    """The augmentation of training samples at each step, followed by dynamic binarisation. Raises
    ValueError if one would undo the other."""
    augment = augmenter(settings.augment, source.low, source.high)
    if settings.augment and source.splits["train"].gaps and len(source.shape) == 3:
        raise ValueError("augment moves pixels, and cannot move the mask of missing ones (NaN); "
                         "leave --augment out, or fill in the pixels")
    if settings.augment and settings.binarise in ("fixed", "threshold"):
        raise ValueError(f"augment would make grey values of images that binarise "
                         f"{settings.binarise} has made 0 and 1; use --binarise dynamic, which is "
                         f"applied after it")
    return (lambda x: anew(augment(x))) if source.splits["train"].grey is not None else augment


def _check_classes(source: Source) -> None:
    """Raise ValueError if a conditional model would meet a class that training lacks."""
    there = {name: set(split.y[split.index].tolist()) for name, split in source.splits.items()
             if split.y is not None}
    for name, kinds in there.items():
        unseen = sorted(kinds - there["train"])
        if unseen:
            raise ValueError(f"the class {source.classes[unseen[0]]!r} is in {name} but not in "
                             f"train, so a conditional model cannot learn it; put samples of it "
                             f"into train, or leave the class out")


def _check_monitor(monitor: str, step: Step, gaps: bool, ranked: bool) -> None:
    losses = ["loss", *([SELECTION] if step.objective.moving else []), *step.objective.terms]
    whole = not step.objective.only_hidden
    errors = ["mse", *(step.model.likelihood.per_value(0.0, 1) if whole else ())]
    known = list(dict.fromkeys([f"{split}_{name}" for split in ("val", "train") for name in (
        losses if gaps and split == "train" else [*losses, *errors])]))
    known += [f"val_{NAME}"] * ranked + ["val_hidden_mse"] * gaps
    if monitor not in known:
        raise ValueError(f"there is no value {monitor!r} to monitor; "
                         f"{did_you_mean(monitor, known)}")


def enough_epochs(samples: int, batch_size: int) -> int:
    """Epochs that give about ENOUGH_STEPS steps, within EPOCHS."""
    fewest, most = EPOCHS
    return min(max(round(ENOUGH_STEPS * batch_size / samples), fewest), most)


def finished_by(training: Training) -> str:
    """Why a run's training has ended, and how to continue it; "" if it has not."""
    state, plan, path = training.state, training.plan, training.folder.path
    done, reason = state.epoch - 1, stop_reason(state, plan)
    look = "" if "metrics" in training.record else f"; for its report: hourglass report {path}"
    if done >= plan.epochs:
        return (f"this run has finished its {done} epochs. To continue, pass --epochs "
                f"{2 * done}{look}")
    if is_over(state, plan):
        return (f"this run has used its {plan.minutes:g} minutes. To continue, pass --minutes "
                f"{2 * (plan.minutes or 0):g}{look}")
    return (f"this run has stopped: {reason}. To continue, pass --stop none or a larger "
            f"patience{look}" if reason else "")


def _lacks_end(training: Training) -> bool:
    """Whether a training that is over was stopped before its end was written."""
    return bool(finished_by(training) and unfinished(training.folder, training.record))
