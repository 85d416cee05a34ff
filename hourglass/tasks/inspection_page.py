"""The page of an inspection: scores, figures by kind of defect, and the most abnormal images."""

import io
import json
from pathlib import Path

import numpy as np

from ..analysis.html import embedded, template
from ..core.features import as_floats
from ..core.features import features as features_of
from ..core.files import write_out
from ..core.output_names import printable
from ..data.photos import LazyImages
from ..inference.anomaly import extractors_of
from ..inference.image_detector import ImageDetector
from .heatmaps import heat_picture
from .score import Verdicts

SHOWN = 20         # most abnormal images
LARGEST = 1200     # pixels of a picture's longer side
WORDS = {"auroc": "images: chance that an abnormal one scores higher than a normal one",
         "average_precision": "images: mean precision over all recalls",
         "f1": "images: F1 at the threshold of the detector",
         "pixel_auroc": "pixels: chance that one of a defect scores higher than another",
         "region_overlap": "pixels: mean share of each defect's region that is found, over false "
                           "positive rates to 0.3 (PRO)"}


def write_page(
    out: Path, detector: ImageDetector, verdicts: Verdicts, photos: LazyImages,
    y: np.ndarray | None,
) -> None:
    """Write one HTML file that needs no network: metrics with intervals, scores with a threshold to
    move, the verdicts of each kind of defect, and the most abnormal images with their maps. `y`
    (N,) is 1 for abnormal images of `photos`, if classes are known."""
    rows = {printable(name): row for row, name in enumerate(photos.names)}
    seen = [rows[name] for name in verdicts.names]
    kinds = [photos.classes[photos.y[row]] if photos.y is not None and photos.classes else ""
             for row in seen]
    data = {"scores": verdicts.scores.tolist(), "kinds": kinds, "threshold": detector.threshold,
            "abnormal": None if y is None else y[seen].astype(int).tolist()}
    highest = np.argsort(-verdicts.scores, kind="stable")[:SHOWN]
    pictures = [{"name": verdicts.names[i], "kind": kinds[i], "score": float(verdicts.scores[i]),
                 "picture": _picture(detector, photos[seen[i]])} for i in highest]
    features = ", ".join(str(features_of(name)) for name in extractors_of(detector.text))
    write_out(out, template("inspection").render(
        place=photos.place, count=len(seen), unreadable=verdicts.unreadable, detector=detector.text,
        threshold=detector.threshold, rule=detector.threshold_text,
        normal=len(detector.fitted.normal), features=features,
        metrics=[(name, WORDS.get(name, name), estimate)
                 for name, estimate in verdicts.right.items()],
        kinds=verdicts.kinds, figures=[name for name in WORDS if any(
            name in kind.figures for kind in verdicts.kinds.values())],
        pictures=pictures, data=json.dumps(data).replace("<", "\\u003c")))


def _picture(detector: ImageDetector, image: np.ndarray) -> str:
    """An image next to its heat map, or alone if the detector has none."""
    from PIL import Image

    from ..core.image_grid import shown
    from .write_images import as_picture
    values = as_floats(image)
    _, heat = detector.look(image)
    drawn = as_picture(shown(values[None], flat=True)[0]) if heat is None else (
        heat_picture(values, heat, detector.usual_heat))
    drawn.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    drawn.convert("RGB").save(buffer, "webp", quality=85)
    return embedded(buffer.getvalue(), "webp")
