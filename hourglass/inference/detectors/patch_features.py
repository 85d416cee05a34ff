"""Features of patches of images, as the detectors of features use them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...core.console import say, track
from ...core.contracts import Images, Rule, Seen
from ...core.features import Extractor, features, looked_up, resized

EXTRACTOR, SIZE, STRIDES = "efficientnet_lite0", 320, (8, 16)
AROUND = 3          # patches a side that a patch's features are averaged over
TOGETHER = 8        # images of one size that are looked at together
POOL = 40_000       # most patches of training images that are kept to fit to
FEW = 8             # images from which a progress bar is shown
NARROW = 0.05       # of the mean variance, added to each before patches are whitened
NONE = "a detector of features needs images of normal samples; there are none"

State = dict[str, np.ndarray]
Pool = tuple[np.ndarray, np.ndarray]   # features (N, K), and the numbers of their images (N,)


@dataclass(frozen=True)
class PatchFeatures:
    """How to compute features of patches: an extractor, the images' longer side in pixels (0 keeps
    their size), and the strides of its maps. `square` images lose their aspect ratio, so that all
    have the same places."""

    extractor: str = EXTRACTOR
    size: int = SIZE
    strides: tuple[int, ...] = STRIDES
    square: bool = False

    def __post_init__(self) -> None:
        if not self.strides:
            raise ValueError("a detector of patches needs at least one stride of the extractor's "
                             "maps, as in strides=(8, 16)")

    def load_extractor(self) -> Extractor:
        """The extractor. Raises ValueError."""
        return features(self.extractor)

    def each(self, images: Images) -> Iterator[tuple[np.ndarray, ...]]:
        """Features (h, w, K) of the patches of each image (H, W, C): a map for each stride, from
        the extractor's map of the nearest one, averaged over 3x3 patches."""
        extractor = self.load_extractor()
        nearest = stride_places(extractor, self.strides)
        mark = f"{extractor} patches {self.size} {nearest} {self.square}"
        for some in in_groups(images):
            yield from looked_up(some, mark, lambda new: self._look(
                extractor, new, dict.fromkeys(nearest)))

    @torch.inference_mode()
    def _look(
        self, extractor: Extractor, images: np.ndarray, chosen: Iterable[int]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        size = (self.size, self.size) if self.square else self.size
        maps = extractor.maps(images, size or None)
        return zip(*(averaged(maps[i]).permute(0, 2, 3, 1).float().cpu().numpy()
                     for i in chosen), strict=True)

    def of(self, images: Images) -> Iterator[np.ndarray]:
        """Features (h, w, K) of the patches of each image: all maps at the size of the first."""
        for maps in self.each(images):
            first = maps[0].shape[:2]
            yield np.concatenate([at_size(feature_map, (first[0], first[1]))
                                  for feature_map in maps], -1)

    def sample(self, images: Images, seed: int) -> np.ndarray:
        """Features (N, K) of patches of training images, all maps at the size of the first: of all
        patches, or of POOL of them, as many of each image. Raises ValueError without images."""
        return _pooled(((patches,) for patches in self.of(images)), len(images), seed)[0][0]

    def samples(self, images: Images, seed: int) -> list[Pool]:
        """Sampled features of each map separately: features (N, K), and the index of each one's
        image (N,)."""
        return _pooled(self.each(images), len(images), seed)


def stride_places(extractor: Extractor, strides: Iterable[int]) -> list[int]:
    """The numbers of the extractor's maps that are nearest to these strides. Raises ValueError for
    an extractor without maps."""
    extractor.check_maps()
    return [int(np.abs(np.array(extractor.strides) - stride).argmin()) for stride in strides]


def say_nearest(extractor: Extractor, strides: Iterable[int]) -> None:
    """Say which strides the extractor has no map of, and that the nearest map stands in."""
    lacking = [str(stride) for stride in strides if stride not in extractor.strides]
    if lacking and extractor.strides:
        say(f"{extractor.text} has maps at strides of {', '.join(map(str, extractor.strides))}, "
            f"and none at {', '.join(lacking)}: the nearest are used")


def _pooled(every: Iterable[tuple[np.ndarray, ...]], count: int, seed: int) -> list[Pool]:
    """Features of all patches of `count` images' maps (h, w, K), or of POOL of them."""
    if not count:
        raise ValueError(NONE)
    draw, most = np.random.default_rng(seed), max(1, POOL // count)
    some: list[list[np.ndarray]] = []
    for maps in every:
        some.append([])
        for feature_map in maps:
            flat = feature_map.reshape(-1, feature_map.shape[-1])
            some[-1].append(flat if len(flat) <= most else
                            flat[np.sort(draw.choice(len(flat), most, replace=False))])
    return [(np.concatenate(parts)[:max(POOL, count)],
             np.repeat(np.arange(count), [len(part) for part in parts])[:max(POOL, count)])
            for parts in zip(*some, strict=True)]


def at_size(values: np.ndarray, places: tuple[int, int]) -> np.ndarray:
    """Values (h, w, ...) of places, interpolated to (H, W, ...); antialiased where they shrink."""
    if values.shape[:2] == places:
        return values
    flat = np.ascontiguousarray(values.reshape(*values.shape[:2], -1), np.float32)
    interpolated: np.ndarray = resized(
        torch.from_numpy(flat).permute(2, 0, 1)[None], places)[0].permute(1, 2, 0).numpy()
    return interpolated.reshape(*places, *values.shape[2:])


def in_groups(images: Images) -> Iterator[np.ndarray]:
    """Images in their order, a few of one size at a time, (N, H, W, C). Many get a progress bar."""
    every: Iterator[Any] = (images[i] for i in range(len(images)))
    if len(images) > FEW:
        every = track(every, len(images), "looking at images")
    for _, alike in groupby(every, key=np.shape):
        while some := list(islice(alike, TOGETHER)):
            yield np.stack(some)


def averaged(maps: Tensor) -> Tensor:
    """Maps (B, K, h, w), averaged over 3x3 patches."""
    return functional.avg_pool2d(maps, AROUND, 1, AROUND // 2, count_include_pad=False)


def scale_of(patches: np.ndarray) -> State:
    """Mean and standard deviation of each channel of patches (N, K)."""
    std = patches.std(0)
    return {"mean": patches.mean(0), "std": np.maximum(std, 1e-3 * max(float(std.mean()), 1e-6))}


def scaled(patches: np.ndarray, state: State) -> np.ndarray:
    """Patches (..., K) in standard deviations of the training patches."""
    standardised: np.ndarray = ((patches - state["mean"]) / state["std"]).astype(np.float32)
    return standardised


def whitening_of(patches: np.ndarray) -> State:
    """Mean of patches (N, K), and the matrix (K, K) that makes their principal components alike
    wide; those that are far narrower than the others stay narrow."""
    state = scale_of(patches)
    standard = scaled(patches, state)
    values, axes = np.linalg.eigh(standard.T.astype(np.float64) @ standard / len(standard))
    values = np.maximum(values, 0)
    narrowest = NARROW * max(float(values.mean()), 1e-6)
    white = axes / np.sqrt(values + narrowest) / state["std"][:, None]
    return {"mean": state["mean"], "white": white.astype(np.float32)}


def whitened(patches: np.ndarray, state: State) -> np.ndarray:
    """Patches (..., K) whitened."""
    projected: np.ndarray = (patches - state["mean"]).astype(np.float32) @ state["white"]
    return projected


def directions(patches: np.ndarray) -> np.ndarray:
    """Patches (..., K) scaled to length 1."""
    units: np.ndarray = patches / np.maximum(np.linalg.norm(patches, axis=-1, keepdims=True), 1e-6)
    return units


def rule_of(
    read: PatchFeatures, fit: Callable[[Images], State],
    judge: Callable[[Any, State], tuple[np.ndarray, float]], by_stride: bool = False,
    draw: Callable[[Any, State], np.ndarray] | None = None,
    extend: Callable[[Images, State], State] | None = None,
) -> Rule:
    """The detector that `judge` makes of an image's features (h, w, K), or of a map of each stride:
    how abnormal each patch is (h, w), and the image's score. `draw` may give another map (h, w). In
    a heat map (H, W), the score is the largest value. `extend` gives what more images change."""
    look: Callable[[Images], Iterator[Any]] = read.each if by_stride else read.of

    def fitted(codes: np.ndarray, calibration: Seen) -> State:
        return {**fit(calibration.train_images), "digest": digest_array(read.load_extractor())}

    def first(codes: np.ndarray, calibration: Seen) -> State:
        say_nearest(read.load_extractor(), read.strides)
        return fitted(codes, calibration)

    def refit(seen: Seen, state: State) -> State:
        return fitted(np.empty((0, 0)), seen)

    def extended(seen: Seen, state: State) -> State:
        assert extend is not None
        check_digest(state, read.load_extractor())
        return {**state, **extend(seen.images, state)}

    def score(seen: Seen, state: State) -> np.ndarray:
        check_digest(state, read.load_extractor())
        return np.array([judge(patches, state)[1] for patches in look(seen.images)], np.float64)

    def places(seen: Seen, state: State) -> np.ndarray:
        check_digest(state, read.load_extractor())
        maps = []
        for image, patches in zip(seen.images, look(seen.images), strict=True):
            heat, value = judge(patches, state)
            heat = heat if draw is None else draw(patches, state)
            maps.append(_at_size(heat, np.shape(image)[:2], value))
        return np.stack(maps)
    return Rule(first, score, codes=False, maps=frozenset({"images"}), places=places,
                features=read.extractor, refit=refit,
                extend=None if extend is None else extended)


def digest_array(extractor: Extractor) -> np.ndarray:
    """An extractor's digest as an array, which is kept with the detector of its features."""
    return np.frombuffer(extractor.digest.encode(), np.uint8).copy()


def check_digest(state: State, extractor: Extractor) -> None:
    """Raise ValueError if a detector was fitted to the features of another network."""
    if not np.array_equal(state["digest"], digest_array(extractor)):
        raise ValueError(f"the detector was fitted to features of another network than "
                         f"{extractor}; fit it again, with the same feature extractor")


def _at_size(heat: np.ndarray, size: tuple[int, ...], value: float) -> np.ndarray:
    """A map (h, w) at an image's size (H, W), whose largest value is the image's score."""
    whole: Any = torch.from_numpy(np.asarray(heat, np.float32))[None, None]
    interpolated: np.ndarray = functional.interpolate(
        whole, (size[0], size[1]), mode="bilinear", align_corners=False)[0, 0].numpy()
    largest = float(interpolated.max())
    return interpolated * (value / largest) if largest > 0 else interpolated


def highest_share(heat: np.ndarray, top: float) -> float:
    """The mean of the highest share `top` of the values of a map (h, w), at least of one value."""
    flat = np.sort(heat, axis=None)
    return float(flat[-max(1, round(top * len(flat))):].mean())
