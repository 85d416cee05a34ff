"""Few labels: a classifier trained on the encoder of a run, and its accuracy."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor

from ..analysis.metrics.bootstrap import Estimate, of_mean
from ..core.console import say
from ..data.augmentations import augmenter
from ..data.label_masking import show_labels
from ..data.split_data import Source, Split
from ..inference.batches import batches
from ..inference.classifier import (
    BATCH,
    CONDITION,
    STEPS,
    ClassifierTraining,
    as_classifier,
    fit_classifier,
    guesses,
)
from ..inference.recommending import check_samples
from ..inference.trained import Trained, load
from ..model.older_texts import FORMAT
from ..run.description import NOT_KEPT
from ..run.folder import RunFolder, environment, read_settings
from ..run.keywords import Text
from ..run.load_data import load_source
from ..run.new_folder import begun
from ..run.settings import READING, Settings, make_settings
from ..run.weights import save_model
from .model import Model
from .python_words import for_python, voice
from .signatures import with_fields

NEIGHBOURS = 5


@dataclass
class Finetuned:
    """A classifier, and its accuracy on samples that training did not see."""

    folder: RunFolder
    labels: int
    split: str                                               # the split of the accuracy
    accuracy: dict[str, Estimate] = field(default_factory=dict)   # ours, and that of others

    def lines(self) -> list[str]:
        """What to print."""
        shares = [f"{name} {share.value:.1%} (95 %: {share.low:.1%} to {share.high:.1%})"
                  for name, share in self.accuracy.items()]
        return [f"trained on {self.labels:,} labels; of the {self.split} samples are right: "
                f"{', '.join(shares)}" if shares else f"trained on {self.labels:,} labels; no "
                f"sample is left to try it on"]


class FinetuneKeywords(TypedDict, total=False):
    """What hg.finetune takes, besides the data; see FinetuneOptions."""

    labels: int | None
    frozen: bool
    augment: Text
    steps: int
    epochs: int | None
    seed: int


@dataclass(frozen=True)
class FinetuneOptions:
    """Options for training a classifier."""

    labels: int | None = None
    frozen: bool = False
    augment: str = ""
    steps: int = STEPS
    seed: int = 0
    epochs: int | None = None   # passes over the labelled samples, in place of steps

    def steps_of(self, labels: int) -> int:
        """The number of steps for this number of labelled samples."""
        return self.steps if self.epochs is None else self.epochs * -(-labels // BATCH)


@for_python
@with_fields(FinetuneOptions)
def finetune(
    run: str | Path | Trained | Model, data: Any = None, *, y: Any = None,
    out: str | Path | None = None, quiet: bool = False, **keywords: Unpack[FinetuneKeywords],
) -> Model:
    """Train a classifier on a run's encoder, without its decoder, as a new run that `classify`
    takes. How much it gets right is printed, and is in the `metrics` of the model.

    `data` are samples with classes, by default those of the run. `labels` is the number of labelled
    samples from their training split, balanced over classes; by default all. `frozen` keeps the
    encoder unchanged. `augment` varies the samples, as in training. Training takes `steps` of one
    batch each, or `epochs` over the labelled samples. Raises ValueError.

        >>> import hourglass as hg
        >>> model = hg.train("digits", epochs=1, report=False, quiet=True)
        >>> classifier = hg.finetune(model, labels=100, steps=10, quiet=True)
        >>> len(classifier.classify("digits"))
        1797
        >>> list(classifier.metrics)
        ['accuracy of the classifier', 'accuracy of nearest neighbours of codes']
    """
    run = run.trained if isinstance(run, Model) else run
    options: dict[str, Any] = {**keywords, "augment": str(keywords.get("augment", ""))}
    with voice(quiet):
        tuned = finetuned(run, data, y, out, FinetuneOptions(**options))
        for line in tuned.lines():
            say(line)
    return Model(load(tuned.folder.path))


def finetuned(
    run: str | Path | Trained, data: Any, y: Any, out: str | Path | None, choice: FinetuneOptions
) -> Finetuned:
    """The work of `finetune`. Returns the folder and the accuracy of the classifier."""
    model = run if isinstance(run, Trained) else load(run)
    _check(model, choice)
    with begun(out) as folder:   # before training, so that an --out in use is refused at once
        return _trained(model, data, y, folder, choice)


def _check(model: Trained, choice: FinetuneOptions) -> None:
    """Raises ValueError for a run or options that no classifier can be made with."""
    check_samples(model.description, "finetuning")
    if not isinstance(choice.steps, int) or choice.steps < 10:
        raise ValueError(f"steps must be a whole number from 10, not {choice.steps!r}")
    if choice.epochs is not None and (not isinstance(choice.epochs, int) or choice.epochs < 1):
        raise ValueError(f"epochs must be a whole number from 1, not {choice.epochs!r}")
    if model.description.parts.condition == CONDITION:
        raise ValueError(f"{model.folder.path} is a classifier already; finetune the run that it "
                         f"was made of, {model.description.origin}")


def _trained(
    model: Trained, data: Any, y: Any, folder: RunFolder, choice: FinetuneOptions
) -> Finetuned:
    """Train the classifier, measure it, and write it as a run into the folder."""
    settings = _settings(model, data, choice)
    source, rows = labelled_rows(_source(model, data, y, settings), choice)
    source = source.to(model.device, torch.channels_last)
    parts = model.description.parts
    network = as_classifier(model.model, parts, len(source.classes), str(model.folder.path))
    augment = augmenter(choice.augment, source.low, source.high) if choice.augment else None
    fit_classifier(network, source.splits["train"], rows,
                   ClassifierTraining(choice.frozen, choice.steps_of(len(rows)), choice.seed,
                                      augment))
    tuned = Finetuned(folder, len(rows), *_compared(model, network, source, rows))
    origin = str(model.folder.path.resolve())
    texts = {**vars(parts), "condition": CONDITION}
    save_model(folder.model, network, network.state_dict(), replace(
        model.description, texts=texts, format=FORMAT, decoder=False, origin=origin,
        classes=tuple(source.classes)))
    folder.write_settings(settings.to_toml())
    folder.write_record({
        "environment": environment(str(model.device)), "data": source.identity,
        "from": origin, "labels": tuned.labels, "frozen": choice.frozen,
        "steps": choice.steps_of(len(rows)), "ended": "", "split": tuned.split,
        "metrics": {f"accuracy of {name}": share.value
                    for name, share in tuned.accuracy.items()},
        "intervals": {f"accuracy of {name}": [share.low, share.high]
                      for name, share in tuned.accuracy.items()},
        "parameters": {"whole": sum(p.numel() for p in network.parameters())}})
    return tuned


def _settings(model: Trained, data: Any, choice: FinetuneOptions) -> Settings:
    """The run's, of other data if that is named; images are read as the run's were."""
    kept = make_settings(read_settings(model.folder.settings))
    if data is None:
        return kept
    reading = {name: getattr(model.description.reading, name) for name in READING
               if name not in NOT_KEPT}
    named = {"data": str(data)} if isinstance(data, str | Path) else {}
    return kept.with_(**named, **reading, only="", labelled=None, val=0.0, test=kept.test or 0.1)


def _source(model: Trained, data: Any, y: Any, settings: Settings) -> Source:
    if data is None:
        return model.source()
    source = load_source(settings, None if isinstance(data, str | Path) else data, y)
    for note in source.notes:
        say(note)
    if source.shape != model.shape:
        raise ValueError(f"this model takes samples of shape {model.shape}, not {source.shape}")
    return source


def labelled_rows(source: Source, choice: FinetuneOptions) -> tuple[Source, Tensor]:
    """The source, and which rows of its training split show their class; raises ValueError."""
    train = source.splits["train"]
    if train.y is None or len(source.classes) < 2:
        raise ValueError("a classifier needs samples of two classes or more: a folder for each, a "
                         "table's column, or labels y; name them as in hourglass finetune RUN DATA")
    if choice.labels is None:
        return source, torch.arange(len(train))
    source = show_labels(source, choice.labels, choice.seed)
    shown = source.splits["train"].shown
    assert shown is not None   # for labels were counted
    return source, torch.nonzero(shown[train.index.cpu()]).flatten()


def _compared(
    model: Trained, network: Any, source: Source, rows: Tensor
) -> tuple[str, dict[str, Estimate]]:
    """How right the classifier is, and the nearest neighbours among the same labelled samples'
    codes; of the split that training knew least of, without those samples."""
    name = source.unseen
    split = source.splits[name]
    others = torch.arange(len(split))
    if name == "train":
        others = others[~torch.isin(others, rows)]
    if not len(others):
        return name, {}
    truth = _labels(split, others)
    right = {"the classifier": guesses(network, split, others).numpy() == truth}
    if model.model.condition is None:
        right["nearest neighbours of codes"] = _neighbours(model, source, rows, others) == truth
    return name, {who: of_mean(hit.astype(float)) for who, hit in right.items()}


def _labels(split: Split, rows: Tensor) -> np.ndarray:
    assert split.y is not None   # of a set that has classes
    labels: np.ndarray = split.y.cpu()[split.index.cpu()[rows]].numpy()
    return labels


def _neighbours(model: Trained, source: Source, rows: Tensor, others: Tensor) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier
    train, unseen = source.splits["train"], source.splits[source.unseen]
    known, queries = (_codes(model, *part) for part in ((train, rows), (unseen, others)))
    count = min(NEIGHBOURS, max(1, len(rows) // len(source.classes)))
    classifier = KNeighborsClassifier(count).fit(known, _labels(train, rows))
    predicted: np.ndarray = classifier.predict(queries)
    return predicted


@torch.no_grad()
def _codes(model: Trained, split: Split, rows: Tensor) -> np.ndarray:
    parts = [model.model.encode(batch.seen)[0].z.cpu() for batch in batches(
        split, rows, "encoding")]
    codes: np.ndarray = torch.cat(parts).flatten(1).float().numpy()
    return codes
