"""Export a saved patch_knn detector as ONNX: images in, scores and heat maps out."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.contracts import Images
from ..core.expressions import read
from ..core.features import Extractor, as_images, features
from ..core.files import write_out
from ..core.registry import detectors
from .anomaly import Fitted
from .detectors.patch_features import State, averaged, check_digest, stride_places
from .detectors.patch_neighbours import patch_knn, state_of_stride
from .onnx_export import as_onnx, check_packages

SUFFIX, TRIED, CLOSE = ".onnx", 3, 1e-3
SHORTEST = 1e-6   # of a patch's features, before they are scaled to length 1


def export_detector(
    fitted: Fitted, threshold: float, score: Callable[[Images], np.ndarray], out: Path
) -> list[str]:
    """Write a fitted detector as ONNX: images x (B, 3, H, W) in [0, 1], of one size -> score (B,)
    as `detect` writes them, and heat (B, h, w), in which 1 is the threshold. It is compared with
    `score` if ONNX Runtime is installed. Returns lines to print. Raises ValueError."""
    if out.suffix.lower() != SUFFIX:
        raise ValueError(f"an exported detector is a {SUFFIX} file, not {out.name!r}")
    check_packages()
    network = _Scores(fitted.state, threshold, _options_of(fitted.text))
    side = network.side
    content = as_onnx(network, {"x": torch.rand(2, 3, side, side)}, "score", "heat")
    lines = [f"x (B, 3, {side}, {side}) float32 in [0, 1]: images brought to {side} by {side} "
             f"pixels, bilinear and antialiased; grey ones three times",
             f"score (B,): abnormal above {threshold:.5g}, the threshold; "
             f"heat (B, h, w): 1 is the threshold"]
    try:
        import onnxruntime  # noqa: F401
        worst = _difference(content, score, side)
        lines.append(f"largest relative difference from the detector's scores: {worst:.2g}")
    except ImportError:
        lines.append("not compared with the detector; for that: pip install 'hourglass[features]'")
    write_out(out, content)
    return lines


def _options_of(text: str) -> dict[str, Any]:
    """The options of a patch_knn detector that can be exported. Raises ValueError."""
    call = read(text)
    if call.name != "patch_knn":
        raise ValueError(f"{call.name} cannot be exported as ONNX, and patch_knn can; to use it "
                         f"elsewhere, give its file to hourglass detect")
    bound = inspect.signature(patch_knn).bind(**detectors.check(call))
    bound.apply_defaults()
    options = bound.arguments
    strides = options["strides"]
    if not options["square"] or not options["size"] or list(strides) != sorted(strides) or (
            len(strides) == 1 and not options["top"]):
        raise ValueError("only patch_knn with square=True, a size, ascending strides and a top "
                         "above 0 can be exported; fit such a detector, and save it")
    return options


class _Scores(nn.Module):
    """x (B, 3, side, side) -> scores (B,), heat (B, h, w), as `patch_knn` computes them."""

    def __init__(self, state: State, threshold: float, options: dict[str, Any]):
        super().__init__()
        extractor: Extractor = features(options["features"], device="cpu")
        check_digest(state, extractor)
        if not extractor.differentiable:
            raise ValueError(f"{extractor.text} is ONNX already and cannot be exported again; fit "
                             f"the detector with another extractor")
        self.side = extractor.sides((1, 1), (options["size"],) * 2)[0]
        if extractor.size is not None or extractor.channels != 3:
            raise ValueError(f"{extractor.text} takes images of its own size or of one channel; a "
                             f"detector of it cannot be exported")
        self.network, self.unit, self.top = extractor.network, options["unit"], options["top"]
        self.chosen = [*dict.fromkeys(stride_places(extractor, options["strides"]))]
        self.threshold = threshold
        self.fitted = [{name: torch.from_numpy(np.asarray(value, np.float32))
                        for name, value in state_of_stride(i, state).items()}
                       for i in range(len(self.chosen))]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.network(x)[0]
        patches = [averaged(maps[i]).permute(0, 2, 3, 1) for i in self.chosen]
        away = self._distances(patches, self.unit)
        highest = max(1, round(self.top * away.shape[1] * away.shape[2]))
        score = away.flatten(1).topk(highest).values.mean(1)
        heat = self._distances(patches, False) if self.unit else away
        largest = heat.amax((1, 2)).clamp(min=1e-12)
        return score, heat * (score / largest / max(self.threshold, 1e-12))[:, None, None]

    def _distances(self, patches: list[Tensor], unit: bool) -> Tensor:
        """How abnormal each patch is (B, h, w), averaged over strides."""
        total: Any = 0
        for features_of, own in zip(patches, self.fitted, strict=True):
            flat = ((features_of - own["mean"]) @ own["white"]).flatten(0, 2)
            bank = own["bank"]
            if unit:
                flat, bank = (functional.normalize(part, dim=-1, eps=SHORTEST)
                              for part in (flat, bank))
            squares = flat.square().sum(1)[:, None] + bank.square().sum(1) - 2 * flat @ bank.T
            away = (flat - bank[squares.argmin(1)]).square().sum(1).sqrt()
            mean, spread = own["usual"][0 if unit else 1]
            scaled = ((away - mean) / spread).unflatten(0, features_of.shape[:3])
            total = total + functional.interpolate(
                scaled[:, None], patches[0].shape[1:3], mode="bilinear")[:, 0]
        return (total / len(patches)).clamp(min=0)


def _difference(
    content: bytes, score: Callable[[Images], np.ndarray], side: int
) -> float:
    """The largest relative difference of scores from those of `score`. Raises ValueError if it is
    large."""
    import onnxruntime
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (TRIED, side, side, 3), np.uint8)
    right = score(images)
    scores = session.run(None, {"x": as_images(images).numpy()})[0]
    worst = float((np.abs(scores - right) / np.maximum(1, np.abs(right))).max())
    if not worst <= CLOSE:
        raise ValueError(f"the detector as ONNX differs by {worst:.2g}, so it is not written")
    return worst
