"""Train a classifier on a trained encoder, without its decoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.console import track
from ..core.random_numbers import seeded
from ..core.registry import schedules
from ..data.split_data import Split
from ..model.autoencoder import Autoencoder, initialise
from ..model.conditioning import ClassifierHead
from ..model.no_decoder import NoDecoder
from ..model.parts import Parts
from .batches import batches

CONDITION = "classifier"   # marks such a model in its parts
LR = 1e-3                  # of the head; the encoder's is lower, so that it changes less
SLOWER = 0.3
DECAY = 0.01
SCHEDULE = "one_cycle(rise=0.1)"
BATCH = 128
STEPS = 1000
SMOOTHING = 0.05           # label smoothing, as few labels are easily memorised


@dataclass(frozen=True)
class ClassifierTraining:
    """Options for training a classifier."""

    frozen: bool = False    # whether the encoder stays unchanged
    steps: int = STEPS
    seed: int = 0
    augment: Callable[[Tensor], Tensor] | None = None


def as_classifier(model: Autoencoder, parts: Parts, classes: int, origin: str) -> Autoencoder:
    """A model with this model's encoder and bottleneck, an untrained classifier head and no
    decoder, on the same device."""
    own = replace(parts, condition=CONDITION)
    with seeded(0):
        classifier = Autoencoder(own, model.shape, classes)
        classifier.condition.apply(initialise)  # type: ignore[union-attr]
    classifier.decoder = NoDecoder(origin)
    theirs = {name: value for name, value in model.state_dict().items()
              if not name.startswith(("decoder.", "condition."))}
    classifier.load_state_dict(theirs, strict=False)
    return classifier.to(next(model.parameters()).device)


def fit_classifier(model: Autoencoder, split: Split, rows: Tensor,
                   training: ClassifierTraining) -> None:
    """Train the head, and the encoder unless it is frozen, on these labelled rows of a split: by
    cross-entropy and AdamW, with a learning rate that falls to 0. Raises FloatingPointError."""
    # This is not training's loop: that one trains what the objective of an autoencoder measures,
    # by epochs, with validation and checkpoints. A head on few labels takes seconds, has no labels
    # left to validate on, and its number of steps must not depend on how many labels there are.
    with seeded(training.seed, split.device):
        _fit(model, split, rows, training)


def _fit(model: Autoencoder, split: Split, rows: Tensor, training: ClassifierTraining) -> None:
    head: nn.Module = model.condition.classify  # type: ignore[union-attr, assignment]
    groups: list[dict[str, Any]] = [{"params": list(head.parameters()), "lr": LR}]
    if not training.frozen:
        groups.append({"params": list(model.encoder.parameters()), "lr": SLOWER * LR})
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)
    schedule, rates = schedules.make(SCHEDULE), [group["lr"] for group in groups]
    hidden = _features(model, split, rows) if training.frozen and not training.augment else None
    labels = split.batch(rows).y
    assert labels is not None   # checked by the caller
    size, generator = min(BATCH, len(rows)), torch.Generator().manual_seed(training.seed)
    for step in track(range(training.steps), training.steps, "training the classifier"):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * schedule(step / training.steps, [])
        model.train()
        if training.frozen:
            model.encoder.eval()
        some = torch.randperm(len(rows), generator=generator)[:size]
        h = hidden[some] if hidden is not None else _hidden(model, split, rows[some], training)
        loss = F.cross_entropy(head(h), labels[some], label_smoothing=SMOOTHING)
        if not torch.isfinite(loss):
            raise FloatingPointError("the classifier's loss is not finite; check the data's "
                                     "range, or train with --frozen")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()


def _hidden(model: Autoencoder, split: Split, rows: Tensor, training: ClassifierTraining) -> Tensor:
    x = split.batch(rows).seen
    x = training.augment(x) if training.augment else x
    with torch.set_grad_enabled(not training.frozen):
        return model.hidden(x)[0].float()


@torch.no_grad()
def _features(model: Autoencoder, split: Split, rows: Tensor) -> Tensor:
    """The encoder's features of these rows, (N, *code)."""
    model.eval()
    return torch.cat([model.hidden(batch.seen)[0].float() for batch in batches(
        split, rows, "encoding", BATCH)])


@torch.no_grad()
def guesses(model: Autoencoder, split: Split, rows: Tensor) -> Tensor:
    """The predicted class of each of these rows, (N,)."""
    head: ClassifierHead = model.condition  # type: ignore[assignment]
    model.eval()
    return torch.cat([head.classify(model.hidden(batch.seen)[0].float()).argmax(1).cpu()
                      for batch in batches(split, rows, "classifying", BATCH)])
