"""PatchCore of anomalib and of Hourglass, with the same network, maps, images and number of kept
patches: AUROC of images and pixels, overlap of regions, and seconds on one core.

    PYTHON benchmarks/against_anomalib.py [--set tiles] [--good 100] [--test 300] [--patches 4000]
        [--strides 8 16] [--seeds 2]

PYTHON is an environment with Hourglass, its extra `features`, and anomalib 2.7. The sets are
HOURGLASS_DATA/inspection/*.zip. Images are brought to 320 by 320 pixels, and maps to the images'
own size. anomalib keeps a tenth of all patches by default, which takes hours without a GPU; here
it keeps as many as Hourglass does for a stride. Its network is replaced by Hourglass' one.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from defects import boards
from feature_defects import FIGURES, balanced, cells, some

from hourglass.analysis.metrics.detection import separation
from hourglass.analysis.metrics.regions import count, edges_of, pixel_separation
from hourglass.core.features import as_images, features, resized
from hourglass.data.photos import LazyImages, open_photos
from hourglass.inference.image_detector import fit_image_detector
from hourglass.tasks.masks import find_masks, with_masks

SIZE, SAMPLED = 320, 4000
Look = Callable[[np.ndarray], tuple[float, np.ndarray]]   # image -> its score, and its map (H, W)


class Maps(torch.nn.Module):
    """The maps of Hourglass' extractor at some strides, as anomalib asks for them."""

    def __init__(self, strides: list[int]):
        super().__init__()
        self.extractor = features("efficientnet_lite0")
        self.strides = strides

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        maps = dict(zip(self.extractor.strides, self.extractor.maps(x), strict=True))
        return {str(stride): maps[stride] for stride in self.strides}


def of_anomalib(good: LazyImages, strides: list[int], patches: int, seed: int) -> Look:
    """anomalib's PatchCore, fitted to normal images."""
    torch.manual_seed(seed)
    model = PatchcoreModel([str(stride) for stride in strides], "resnet18", pre_trained=False)
    model.feature_extractor = Maps(strides)
    model.train()
    for image in good:
        model(as_input(image))
    total = sum(len(each) for each in model.embedding_store)
    model.subsample_embedding((patches + 0.5) / total)
    print(f"anomalib keeps {len(model.memory_bank):,} of {total:,} patches", file=sys.stderr)
    model.eval()

    @torch.inference_mode()
    def look(image: np.ndarray) -> tuple[float, np.ndarray]:
        found = model(as_input(image))
        heat = torch.nn.functional.interpolate(found.anomaly_map, image.shape[:2], mode="bilinear")
        return float(found.pred_score), heat[0, 0].numpy()
    return look


def as_input(image: np.ndarray) -> torch.Tensor:
    """An image (H, W, C) as anomalib's model takes it, (1, 3, SIZE, SIZE)."""
    return resized(as_images(image[None]), (SIZE, SIZE)).expand(-1, 3, -1, -1)


def of_hourglass(good: LazyImages, text: str) -> Look:
    """A detector of Hourglass, fitted to four fifths for its threshold, and then to all."""
    return fit_image_detector(text, "quantile(0.99)", good).look


def measured(fit: Callable[[], Look], new: LazyImages, y: np.ndarray,
             masks: dict[int, np.ndarray | None]) -> tuple[dict[str, float], float, float]:
    """Figures with intervals, and processor seconds of fitting and of scoring."""
    begun = time.process_time()
    look = fit()
    fitted = time.process_time()
    looks = [look(image) for image in new]
    seconds = fitted - begun, time.process_time() - fitted
    edges = edges_of(np.concatenate([heat.ravel()[:: -(-heat.size // SAMPLED)]
                                     for _, heat in looks]), len(looks))

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row, mask in masks.items():
            heat = looks[row][1]
            yield heat, np.zeros(heat.shape, bool) if mask is None else mask
    figures = separation(np.array([score for score, _ in looks]), y)
    return (figures | (pixel_separation(count(pairs(), edges)) if masks else {}), *seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--set", choices=["tiles", "boards"], default="tiles")
    parser.add_argument("--good", type=int, default=100, help="most normal images")
    parser.add_argument("--test", type=int, default=300, help="most test images")
    parser.add_argument("--patches", type=int, default=4000, help="patches that each keeps")
    parser.add_argument("--strides", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--seeds", type=int, default=2, help="seeds of anomalib's coreset")
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = Path(os.environ["HOURGLASS_DATA"]) / "inspection"
    with TemporaryDirectory() as folder, ExitStack() as stack:
        photos = open_photos(source / "magnetic_tile.zip" if options.set == "tiles" else boards(
            source / "deeppcb.zip", Path(folder) / "boards"), stack)
        good, new = (photos.some(photos.splits[part]) for part in ("train", "test"))
        good, new = some(good, options.good), balanced(new, options.test, "good")
        y = (new.y != new.classes.index("good")).astype(int)
        found = find_masks(photos.place, "", stack)
        masks = {} if found is None else with_masks(new.names, y, found)
        table(options, good, new, y, masks)


def table(options: argparse.Namespace, good: LazyImages, new: LazyImages, y: np.ndarray,
          masks: dict[int, np.ndarray | None]) -> None:
    """Print a row for each detector."""
    kept, strides = options.patches, tuple(options.strides)
    own = {text: lambda text=text: of_hourglass(good, text) for text in (
        f"patch_knn(patches={kept})", f"patch_knn(patches={kept}, strides={strides})",
        f"patch_knn(patches={kept}, strides={strides}, unit=False, top=0.0)")}
    theirs = {f"anomalib PatchCore {strides}, seed {seed}": lambda seed=seed: of_anomalib(
        good, list(strides), kept, seed) for seed in range(options.seeds)}
    print(f"{len(good)} normal images, {len(new)} new ones, {y.sum()} of them abnormal\n\n"
          f"| detector | {' | '.join(FIGURES)} | seconds to fit | to score |\n|{'---|' * 7}")
    for name, fit in (own | theirs).items():
        figures, fitting, scoring = measured(fit, new, y, masks)
        print(f"| `{name}` | {cells(figures)} | {fitting:.0f} | {scoring:.0f} |", flush=True)


if __name__ == "__main__":
    main()
