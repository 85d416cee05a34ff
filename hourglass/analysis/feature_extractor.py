"""The judge: a network whose features say how alike two sets of samples are, and which class a
sample looks like; trained here, on the set's own labels, and kept for the next run."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.console import track
from ..core.noise import seeded
from ..core.tensor_files import load_tensors, save_tensors
from ..data.fetch import cache_folder
from ..data.source import Source
from ..inference.batches import batches

LARGEST = 32        # pixels: images are averaged down to this
FEATURES = 64
STEPS, BATCH = 300, 128
AT_ONCE = 500       # samples that are looked at together
MANY = 100          # classes, beyond which there are too few samples of each
COMPONENTS_OF = 4000   # samples from which principal components, or means, are taken
VERSION = 2         # of the classifier; another one is trained anew


@dataclass(frozen=True)
class Judge:
    """What looks at samples x (B, *shape)."""

    name: str                                    # of the features, for the metrics' names
    about: str                                   # all its settings, in words
    features: Callable[[Tensor], Tensor]         # x -> (B, F)
    classify: Callable[[Tensor], Tensor] | None  # x -> (B,), where there are labels


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


def find_judge(source: Source, features: str = "") -> Judge:
    """The network of an ONNX file if one is given; otherwise a classifier for images with labels;
    otherwise principal components."""
    if features:
        return _from_file(Path(features), source)
    train = source.splits["train"]
    kinds = 0 if train.y is None else int((train.y[train.index].unique() >= 0).sum())
    few = kinds >= 2 and len(source.classes) <= MANY
    return _classifier(source) if len(source.shape) == 3 and few else _components(source)


def _from_file(path: Path, source: Source) -> Judge:
    """A feature network, such as Inception: images (B, 3, H, W) in [0, 1] -> (B, F). An ONNX file
    describes a network and can run nothing else."""
    try:
        import onnxruntime
    except ImportError:
        raise ValueError("features of an ONNX file need an extra: pip install "
                         "'hourglass[features]'") from None
    if len(source.shape) != 3:
        raise ValueError(f"{path} looks at images, and this data has none")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        _, channels, *size = given.shape
    except Exception as error:   # of onnxruntime's many kinds, with no base of their own
        raise ValueError(f"{path} is no ONNX network of one input (B, C, H, W): "
                         f"{str(error)[:200]}") from None

    def look(x: Tensor) -> Tensor:
        x = x.mean(1, keepdim=True) if channels == 1 else x[:, :1].expand(-1, 3, -1, -1) if (
            x.shape[1] < 3) else x[:, :3]
        if all(isinstance(side, int) for side in size):
            x = functional.interpolate(x.float(), size, mode="bilinear", antialias=True)
        found = torch.from_numpy(session.run(None, {given.name: x.numpy()})[0])
        return found.flatten(1)

    sized = "x".join(map(str, size))
    mark = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Judge(path.stem, f"features: the first output of {path.name} (sha256 {mark}), images in "
                 f"[0, 1] brought to {sized} by antialiased bilinear interpolation", look, None)


def _classifier(source: Source) -> Judge:
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
            model.eval().settle(_some(source, COMPONENTS_OF))
            texts = {"accuracy": f"{_accuracy(model.eval(), source):.4f}"}
            path.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(path, model.state_dict(), texts)
    model.eval()
    about = (f"features: {FEATURES} of a convolutional classifier, standardised; it was trained "
             f"for {STEPS} steps on the training split at up to {LARGEST}x{LARGEST} pixels, and "
             f"names {float(texts['accuracy']):.1%} of the {source.unseen} samples rightly")
    return Judge("classifier", about, model.features, lambda x: model(x).argmax(1))


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


def _components(source: Source) -> Judge:
    from sklearn.decomposition import PCA
    flat = _flat(_some(source, COMPONENTS_OF)).numpy()
    count = min(FEATURES, len(flat) - 1, flat.shape[1])
    found = PCA(max(count, 1), svd_solver="randomized", random_state=0).fit(flat)
    mean, axes = (torch.from_numpy(v).float() for v in (found.mean_, found.components_))
    share = found.explained_variance_ratio_.sum()
    of = f" at up to {LARGEST}x{LARGEST} pixels" if len(source.shape) == 3 else ""
    about = (f"features: {len(axes)} principal components of {len(flat):,} training samples{of}, "
             f"which hold {share:.1%} of the variance; there are no labels for a classifier")
    return Judge("components", about, lambda x: (_flat(x) - mean) @ axes.T, None)


def _some(source: Source, most: int) -> Tensor:
    """Training samples, evenly spread, images averaged down (N, ...)."""
    split = source.splits["train"]
    some = (batch.x.cpu() for batch in batches(split, split.evenly(most), "reading", AT_ONCE))
    return torch.cat([at_most(x) if x.ndim == 4 else x for x in some])


def _flat(x: Tensor) -> Tensor:
    return (at_most(x) if x.ndim == 4 else x).flatten(1).float()
