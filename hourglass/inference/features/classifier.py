"""A classifier that is trained here, on a set's own labels, and kept for the next time."""

import hashlib
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.console import track
from ...core.features import Extractor, Looked, digest_of, frozen
from ...core.random_numbers import seeded
from ...core.registry import extractors
from ...core.tensor_files import load_tensors, save_tensors
from ...data.fetch import cache_folder
from ...data.split_data import Source
from ..batches import batches

LARGEST = 32        # pixels: images are averaged down to this
FEATURES = 64
STEPS, BATCH = 300, 128
AT_ONCE = 500       # samples that are looked at together
COMPONENTS_OF = 4000   # samples from which principal components, or means, are taken
VERSION = 2         # of the classifier; another one is trained anew


class Classifier(nn.Module):
    """x (B, C, H, W), at most 32x32 -> class scores (B, K); `features` are the layer before."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, classes: int):
        super().__init__()
        widths = (channels, 32, 64, 128)
        self.layers = nn.Sequential(*(
            layer for n, m in pairwise(widths)
            for layer in (nn.Conv2d(n, m, 3, 2, 1), nn.BatchNorm2d(m), nn.ReLU())))
        self.reduce = nn.LazyLinear(FEATURES)
        self.decide = nn.Linear(FEATURES, classes)
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("std", torch.ones(FEATURES))

    def features(self, x: Tensor) -> Tensor:
        """Features (B, 64) of the last layer but one, standardised, so that distances do not depend
        on the scale of the network."""
        return (self._raw(x) - self.mean) / self.std

    def _raw(self, x: Tensor) -> Tensor:
        h: Tensor = self.reduce(self.layers(at_most(x)).flatten(1))
        return h

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.decide(functional.relu(self._raw(x)))
        return scores

    @torch.inference_mode()
    def settle(self, x: Tensor) -> None:
        """Learn the features' mean and width from samples x (N, C, H, W)."""
        raw = torch.cat([self._raw(chunk) for chunk in x.split(AT_ONCE)])
        self.mean.copy_(raw.mean(0))
        self.std.copy_(raw.std(0).clamp(min=1e-6))


def at_most(x: Tensor) -> Tensor:
    """Images (B, C, H, W) averaged down to at most 32 pixels a side."""
    if max(x.shape[-2:]) <= LARGEST:
        return x
    scale = LARGEST / max(x.shape[-2:])
    height, width = (max(1, round(side * scale)) for side in x.shape[-2:])
    return functional.adaptive_avg_pool2d(x, (height, width))


@extractors.add("classifier")
def classifier(source: Any) -> Extractor:
    """A small convolutional classifier, trained on the labels of the data itself at up to 32x32
    pixels, and kept for the next time: maps at strides of 2, 4 and 8 pixels of these, and a
    standardised vector of 64."""
    if not isinstance(source, Source) or len(source.shape) != 3 or not has_labels(source):
        raise ValueError("the feature extractor classifier needs images with labels to train on; "
                         "give labelled data, or use another one, such as efficientnet_lite0")
    if source.shape[0] not in (1, 3) or not (source.low >= 0 and source.high <= 1):
        raise ValueError("the feature extractor classifier needs images of one or three channels "
                         "in [0, 1]; use another one, such as efficientnet_lite0")
    model, about = trained_classifier(source)
    channels, height, width = source.shape
    shrunk = max(1.0, max(height, width) / LARGEST)
    strides = tuple(round(shrunk * 2 ** i) for i in range(1, 4))
    return Extractor("classifier", digest_of(model.state_dict()), about, frozen(_WithMaps(model)),
                     channels, strides, 1, (height, width))


class _WithMaps(nn.Module):
    """x (B, C, H, W) -> the map after each layer, and the features (B, 64)."""

    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Looked:
        h, maps = at_most(x), []
        for layer in self.model.layers:
            h = layer(h)
            if isinstance(layer, nn.ReLU):
                maps.append(h)
        return tuple(maps), self.model.features(x)


def has_labels(source: Source) -> bool:
    """Whether training samples of at least two classes have a label."""
    train = source.splits["train"]
    return train.y is not None and int((train.y[train.index].unique() >= 0).sum()) >= 2


def trained_classifier(source: Source) -> tuple[Classifier, str]:
    """The classifier of a labelled source, trained now or kept from before, and its settings in
    words."""
    splits = source.identity["splits"]
    mark = json.dumps([VERSION, source.identity["digest"], splits, len(source.classes)])
    path = _kept(hashlib.sha256(mark.encode()).hexdigest()[:16])
    with seeded(0):
        model = Classifier(source.shape[0], len(source.classes))
        model(torch.zeros(2, *source.shape))   # the lazy layer learns its size
        if path.is_file():
            weights, texts = load_tensors(path)
            model.load_state_dict(weights)
        else:
            _train(model, source)
            model.eval().settle(some_samples(source, COMPONENTS_OF))
            texts = {"accuracy": f"{_accuracy(model.eval(), source):.4f}"}
            path.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(path, model.state_dict(), texts)
    model.eval()
    about = (f"features: {FEATURES} of a convolutional classifier, standardised; it was trained "
             f"for {STEPS} steps on the training split at up to {LARGEST}x{LARGEST} pixels, and "
             f"names {float(texts['accuracy']):.1%} of the {source.unseen} samples rightly")
    return model, about


def _kept(mark: str) -> Path:
    return cache_folder() / "judges" / f"{mark}.safetensors"


def _train(model: Classifier, source: Source) -> None:
    split = source.splits["train"]
    if split.y is not None:
        split = replace(split, index=split.index[split.y[split.index] >= 0])   # who have a label
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=STEPS)
    for _ in track(range(STEPS), STEPS, "training the judge"):
        batch = split.batch(torch.randint(len(split), (min(BATCH, max(2, len(split))),)))
        assert batch.y is not None
        loss = functional.cross_entropy(model(batch.x.cpu()), batch.y.cpu())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.inference_mode()
def _accuracy(model: Classifier, source: Source) -> float:
    split = source.splits[source.unseen]
    rows = split.evenly(5000)
    right = 0
    for batch in batches(split, rows, "classifying", AT_ONCE):
        assert batch.y is not None
        right += int((model(batch.x.cpu()).argmax(1) == batch.y.cpu()).sum())
    return right / len(rows)


def some_samples(source: Source, most: int) -> Tensor:
    """Training samples, evenly spread, images averaged down (N, ...)."""
    split = source.splits["train"]
    some = (batch.x.cpu() for batch in batches(split, split.evenly(most), "reading", AT_ONCE))
    return torch.cat([at_most(x) if x.ndim == 4 else x for x in some])


