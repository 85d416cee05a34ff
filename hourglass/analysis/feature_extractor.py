"""The judge: features that say how alike two sets of samples are, and which class a sample looks
like."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..core.features import call_of
from ..core.features import features as features_of
from ..core.hints import did_you_mean
from ..core.registry import extractors
from ..data.split_data import Source
from ..inference.features.classifier import (
    COMPONENTS_OF,
    FEATURES,
    LARGEST,
    at_most,
    has_labels,
    some_samples,
    trained_classifier,
)
from ..inference.features.classifier import (
    Classifier as Classifier,
)
from ..inference.features.onnx_file import file_mark, first_output, open_network

MANY = 100          # classes, beyond which there are too few samples of each

@dataclass(frozen=True)
class Judge:
    """A feature extractor for samples x (B, *shape), perhaps with a classifier."""

    name: str                                    # of the features, for the metrics' names
    about: str                                   # all its settings, in words
    features: Callable[[Tensor], Tensor]         # x -> (B, F)
    classify: Callable[[Tensor], Tensor] | None  # x -> (B,), where there are labels


def find_judge(source: Source, features: str = "") -> Judge:
    """The named feature extractor or ONNX file. By default, a classifier for images with labels,
    and principal components for other data."""
    if features and (":" in features or features.partition("(")[0] in extractors.parts):
        return _named(features, source)
    if features:
        return _from_file(Path(features), source)
    few = has_labels(source) and len(source.classes) <= MANY
    if len(source.shape) != 3 or not few:
        return _components(source)
    model, about = trained_classifier(source)
    return Judge("classifier", about, model.features, lambda x: model(x).argmax(1))


def _named(text: str, source: Source) -> Judge:
    """The vector of a feature extractor, such as "efficientnet_lite0"."""
    if len(source.shape) != 3:
        raise ValueError(f"{text} needs images, and this data has none")
    extractor = features_of(text, source)
    return Judge(call_of(text).name, f"features: the vector of {extractor.text}, digest "
                 f"{extractor.digest}: {extractor.about}", extractor.vector, None)


def _from_file(path: Path, source: Source) -> Judge:
    """A feature network, such as Inception: images (B, 3, H, W) in [0, 1] -> (B, F)."""
    if len(source.shape) != 3:
        raise ValueError(f"{path} needs images, and this data has none")
    if not path.is_file():
        raise ValueError(f"there is no file {path}, and no feature extractor of that name; "
                         f"{did_you_mean(str(path), extractors.parts)}")
    network, (_, channels, *size) = open_network(str(path), str(path))

    def look(x: Tensor) -> Tensor:
        x = x.mean(1, keepdim=True) if channels == 1 else x[:, :1].expand(-1, 3, -1, -1) if (
            x.shape[1] < 3) else x[:, :3]
        if all(isinstance(side, int) for side in size):
            x = functional.interpolate(x.float(), size, mode="bilinear", antialias=True)
        return first_output(network, x)

    sized = "x".join(map(str, size))
    return Judge(path.stem, f"features: the first output of {path.name} (sha256 "
                 f"{file_mark(str(path))}), images in [0, 1] brought to {sized} by antialiased "
                 f"bilinear interpolation", look, None)


def _components(source: Source) -> Judge:
    from sklearn.decomposition import PCA
    flat = _flat(some_samples(source, COMPONENTS_OF)).numpy()
    count = min(FEATURES, len(flat) - 1, flat.shape[1])
    pca = PCA(max(count, 1), svd_solver="randomized", random_state=0).fit(flat)
    mean, axes = (torch.from_numpy(v).float() for v in (pca.mean_, pca.components_))
    share = pca.explained_variance_ratio_.sum()
    of = f" at up to {LARGEST}x{LARGEST} pixels" if len(source.shape) == 3 else ""
    about = (f"features: {len(axes)} principal components of {len(flat):,} training samples{of}, "
             f"which hold {share:.1%} of the variance; there are no labels for a classifier")
    return Judge("components", about, lambda x: (_flat(x) - mean) @ axes.T, None)


def _flat(x: Tensor) -> Tensor:
    return (at_most(x) if x.ndim == 4 else x).flatten(1).float()
