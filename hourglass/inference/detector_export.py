"""Export a saved detector of images as ONNX: images in, scores and heat maps out."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.contracts import Images, Rule
from ..core.expressions import read
from ..core.features import Extractor, as_images, features
from ..core.files import write_out
from ..core.registry import detectors
from .anomaly import Fitted
from .detectors.feature_neighbours import feature_knn
from .detectors.patch_features import State, averaged, check_digest, stride_places
from .detectors.patch_gaussian import patch_gaussian
from .detectors.patch_neighbours import RAW, patch_knn, state_of_stride
from .onnx_export import as_onnx, check_packages

SUFFIX, TRIED, CLOSE = ".onnx", 3, 1e-3
SHORTEST = 1e-6   # of a patch's features, before they are scaled to length 1

Judged = tuple[Tensor, Tensor | None]   # scores (B,), heat (B, h, w)
Judge = Callable[[tuple[Tensor, ...], Tensor], Judged]   # of an extractor's maps and vector


def export_detector(
    fitted: Fitted, threshold: float, score: Callable[[Images], np.ndarray], out: Path
) -> list[str]:
    """Write a fitted detector as ONNX: images x (B, 3, H, W) in [0, 1], of one size -> score (B,)
    as `detect` writes them, and heat (B, h, w) if it has maps, in which 1 is the threshold. It is
    compared with
    `score` if ONNX Runtime is installed. Returns lines to print. Raises ValueError."""
    if out.suffix.lower() != SUFFIX:
        raise ValueError(f"an exported detector is a {SUFFIX} file, not {out.name!r}")
    check_packages()
    name, options = _options_of(fitted.text)
    extractor, side = _extractor_of(fitted.state, options)
    judge = JUDGES[name](fitted.state, options, extractor)
    outputs = ("score", "heat") if fitted.rule.places else ("score",)
    content = as_onnx(_Scores(extractor.network, judge, threshold),
                      {"x": torch.rand(2, 3, side, side)}, *outputs)
    lines = [f"x (B, 3, {side}, {side}) float32 in [0, 1]: images brought to {side} by {side} "
             f"pixels, bilinear and antialiased; grey ones three times",
             f"score (B,): abnormal above {threshold:.5g}, the threshold"
             + ("; heat (B, h, w): 1 is the threshold" if fitted.rule.places else "")]
    if name == "feature_knn":
        lines.append("feature_knn itself keeps the shape of images, so scores are those of the "
                     "detector for square images alone")
    try:
        import onnxruntime  # noqa: F401
        worst = _difference(content, score, side)
        lines.append(f"largest relative difference from the detector's scores: {worst:.2g}")
    except ImportError:
        lines.append("not compared with the detector; for that: pip install 'hourglass[features]'")
    write_out(out, content)
    return lines


def _options_of(text: str) -> tuple[str, dict[str, Any]]:
    """The name and options of a detector that can be exported. Raises ValueError."""
    call = read(text)
    if call.name not in RULES:
        raise ValueError(f"{call.name} cannot be exported as ONNX; {', '.join(RULES)} can. To use "
                         f"it elsewhere, give its file to hourglass detect or hourglass serve")
    given = inspect.signature(RULES[call.name]).bind(**detectors.check(call))
    given.apply_defaults()
    options = given.arguments
    strides = list(options.get("strides", ()))
    if not options["size"] or not options.get("square", True) or strides != sorted(strides) or (
            call.name == "patch_knn" and len(strides) == 1 and not options["top"]):
        raise ValueError("only detectors with a size and ascending strides, and of patch_knn with "
                         "square=True and a top above 0, can be exported; fit such a detector, "
                         "and save it")
    return call.name, options


def _extractor_of(state: State, options: dict[str, Any]) -> tuple[Extractor, int]:
    """The extractor, and the side in pixels of the images that it takes. Raises ValueError."""
    extractor = features(options["features"], device="cpu")
    check_digest(state, extractor)
    if not extractor.differentiable:
        raise ValueError(f"{extractor.text} is ONNX already and cannot be exported again; fit "
                         f"the detector with another extractor")
    if extractor.size is not None or extractor.channels != 3:
        raise ValueError(f"{extractor.text} takes images of its own size or of one channel; a "
                         f"detector of it cannot be exported")
    return extractor, extractor.sides((1, 1), (options["size"],) * 2)[0]


class _Scores(nn.Module):
    """x (B, 3, side, side) -> scores (B,), and heat (B, h, w) if the detector has maps."""

    def __init__(self, network: nn.Module, judge: Judge, threshold: float):
        super().__init__()
        self.network, self.judge, self.threshold = network, judge, threshold

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        score, heat = self.judge(*self.network(x))
        if heat is None:
            return (score,)
        largest = heat.amax((1, 2)).clamp(min=1e-12)
        return score, heat * (score / largest / max(self.threshold, 1e-12))[:, None, None]


def _judge_by_bank(state: State, options: dict[str, Any], extractor: Extractor) -> Judge:
    """As `patch_knn` scores and draws."""
    chosen = [*dict.fromkeys(stride_places(extractor, options["strides"]))]
    fitted = [_tensors(state_of_stride(i, state)) for i in range(len(chosen))]

    def distances(patches: list[Tensor], unit: bool) -> Tensor:
        """How abnormal each patch is (B, h, w), averaged over strides."""
        total: Any = 0
        for features_of, own in zip(patches, fitted, strict=True):
            plain = unit and RAW in own
            flat = (features_of if plain else _whitened(features_of, own)).flatten(0, 2)
            bank = own[RAW if plain else "bank"]
            if unit:
                flat, bank = (functional.normalize(part, dim=-1, eps=SHORTEST)
                              for part in (flat, bank))
            squares = flat.square().sum(1)[:, None] + bank.square().sum(1) - 2 * flat @ bank.T
            away = (flat - bank[squares.argmin(1)]).square().sum(1).sqrt()
            mean, spread = own["usual"][0 if unit else 1]
            scaled = ((away - mean) / spread).unflatten(0, features_of.shape[:3])
            total = total + _at_places(scaled[:, None], patches[0])[:, 0]
        return (total / len(patches)).clamp(min=0)

    def judge(maps: tuple[Tensor, ...], vector: Tensor) -> Judged:
        patches = [averaged(maps[i]).permute(0, 2, 3, 1) for i in chosen]
        away = distances(patches, options["unit"])
        heat = distances(patches, False) if options["unit"] else away
        return _highest(away, options["top"]), heat
    return judge


def _whitened(x: Tensor, own: dict[str, Tensor]) -> Tensor:
    """Features (..., K) as the detector's state has them."""
    return (x - own["mean"]) @ own["white"] if "white" in own else x


def _judge_by_gaussians(state: State, options: dict[str, Any], extractor: Extractor) -> Judge:
    """As `patch_gaussian` scores and draws."""
    chosen = [*dict.fromkeys(stride_places(extractor, options["strides"]))]
    own, rows = _tensors(state), torch.from_numpy(state["rows"])
    inverse = torch.linalg.solve_triangular(
        own["root"], torch.eye(len(rows)).expand_as(own["root"]), upper=False)

    def judge(maps: tuple[Tensor, ...], vector: Tensor) -> Judged:
        patches = [averaged(maps[i]) for i in chosen]
        first = patches[0].permute(0, 2, 3, 1)
        joined = torch.cat([_at_places(part, first) for part in patches], 1)[:, rows]
        away = joined.flatten(2).permute(2, 1, 0) / own["std"][:, None] - own["mean"][..., None]
        heat = (inverse @ away).square().sum(1).sqrt().T.unflatten(1, first.shape[1:3])
        return _highest(heat, options["top"]), heat
    return judge


def _judge_by_vectors(state: State, options: dict[str, Any], extractor: Extractor) -> Judge:
    """As `feature_knn` scores."""
    own = _tensors(state)
    known, k = own["vectors"], min(options["k"], len(state["vectors"]))

    def judge(maps: tuple[Tensor, ...], vector: Tensor) -> Judged:
        x = functional.normalize(vector, dim=1)
        x = _whitened(x, own)
        squares = x.square().sum(1)[:, None] + known.square().sum(1) - 2 * x @ known.T
        rows = squares.topk(k, largest=False).indices
        return (x[:, None] - known[rows]).square().sum(2).sqrt().mean(1), None
    return judge


def _tensors(state: State) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in state.items()}


def _at_places(maps: Tensor, first: Tensor) -> Tensor:
    """Maps (B, K, h, w) with as many places as the first patches (B, H, W, K)."""
    return functional.interpolate(maps, first.shape[1:3], mode="bilinear")


def _highest(heat: Tensor, top: float) -> Tensor:
    """The mean of the highest share of each map's values, (B,)."""
    count = max(1, round(top * heat.shape[1] * heat.shape[2]))
    return heat.flatten(1).topk(count).values.mean(1)


RULES: dict[str, Callable[..., Rule]] = {
    "patch_knn": patch_knn, "patch_gaussian": patch_gaussian, "feature_knn": feature_knn}
JUDGES: dict[str, Callable[[State, dict[str, Any], Extractor], Judge]] = {
    "patch_knn": _judge_by_bank, "patch_gaussian": _judge_by_gaussians,
    "feature_knn": _judge_by_vectors}


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
