"""The ASGI application of a kept detector: scores and heat maps of images, without a run."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Response
from pydantic import BaseModel, Field

from ..analysis.figures.heatmaps import beside_threshold
from ..core.features import as_floats, on_device
from ..core.features import features as features_of
from ..inference.image_detector import ImageDetector
from .app import Packed
from .app_frame import framed, health_of, refuse_with
from .batching import Batcher
from .limits import Limits
from .middleware import AccessControl, Traffic
from .openapi import Health, Scores, images_body, works
from .responses import Pictures, as_json, choose_format, listed, pictures
from .uploads import SizedImages, photo_intake

ABOUT = ("A detector of abnormal images. Send images of any sizes as multipart/form-data, in "
         'fields named images. Errors are {"error": "one sentence"}.')
OF_RUNS = ("classify", "compress", "decode", "encode", "forecast", "generate", "impute", "nearest",
           "prepare", "recommend", "reconstruct", "restore")


class ServedDetector(BaseModel):
    """The served detector."""

    detector: str = Field(description="name, as in hourglass detect --detector")
    features: str = Field(description="the feature extractor, and the digest of its weights")
    threshold: float = Field(description="images with a higher score are abnormal")
    rule: str = Field(description="how the threshold was chosen, as in --threshold")
    normal: int = Field(description="number of normal images that set the threshold")
    operations: list[str]
    limits: dict[str, float]


class DetectorService:
    """What all requests to one detector share."""

    def __init__(self, detector: ImageDetector, limits: Limits, device: str):
        self.detector, self.limits, self.device = detector, limits, device
        self.traffic, self.batcher = Traffic(), Batcher(limits.together, limits.linger)
        self.hands = ThreadPoolExecutor(os.cpu_count(), "pictures")
        self.operations = ("heatmap", "score") if detector.has_maps else ("score",)
        with on_device(device):
            self.features = str(features_of(detector.fitted.rule.features))

    def health(self) -> Health:
        """Whether requests are taken."""
        return health_of(self.traffic, self.detector.text, self.device)

    def served(self) -> ServedDetector:
        """What is served."""
        own = self.detector
        return ServedDetector(
            detector=own.text, features=self.features, threshold=own.threshold,
            rule=own.threshold_text, normal=len(own.fitted.normal),
            operations=list(self.operations), limits=vars(self.limits))

    def score(self, images: list[np.ndarray]) -> np.ndarray:
        """How abnormal each image is, (N,)."""
        with on_device(self.device):
            return np.concatenate([self.detector.score(image[None]) for image in images])

    def drawn(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Each image in grey, with abnormal regions in colour."""
        usual, overlays = self.detector.usual_heat, []
        with on_device(self.device):
            for image in images:
                heat = self.detector.look(image)[1]
                assert heat is not None   # the operation is offered only then
                overlays.append(beside_threshold(as_floats(image)[None], heat[None], usual)[0])
        return overlays


def make_detector_app(
    detector: ImageDetector, limits: Limits | None = None, door: AccessControl | None = None,
    device: str = "cpu",
) -> FastAPI:
    """Make the ASGI application that serves a kept detector. `door` controls access; without it,
    anybody may ask."""
    desk = DetectorService(detector, limits or Limits(), device)
    app, router = framed(desk, door, ABOUT, ServedDetector)
    take = photo_intake(desk.limits, desk.hands)
    put_score(router, desk, take)
    why = dict.fromkeys(OF_RUNS, "a detector alone is served here, and not a run")
    if detector.has_maps:
        put_heatmap(router, desk, take)
    else:
        why["heatmap"] = f"{detector.text} looks at whole images and has no maps"
    for name, reason in why.items():
        router.add_api_route(f"/{name}", refuse_with(f"/v1/{name} is not served: {reason}"),
                             methods=["POST"], include_in_schema=False)
    app.include_router(router)
    return app


def put_score(router: APIRouter, desk: DetectorService, take: Any) -> None:
    """Add the operation that scores images."""
    @router.post("/score", responses=works(Scores, False), openapi_extra=images_body(desk.limits))
    async def score(uploaded: Annotated[SizedImages, Depends(take)]) -> Response:
        """Anomaly scores of images, and verdicts by the detector's threshold."""
        detector = desk.detector
        scores = await desk.batcher.alone(partial(desk.score, uploaded.images))
        return as_json(Scores(
            scores=listed(scores), probabilities=listed(detector.probability(scores)),
            abnormal=detector.verdict(scores).tolist(), threshold=detector.threshold,
            detector=detector.text, names=list(uploaded.names)))


def put_heatmap(router: APIRouter, desk: DetectorService, take: Any) -> None:
    """Add the operation that shows where images are abnormal."""
    @router.post("/heatmap", responses=works(Pictures, True),
                 openapi_extra=images_body(desk.limits))
    async def heatmap(uploaded: Annotated[SizedImages, Depends(take)],
                      file_format: Packed = "auto") -> Response:
        """Images in grey at their own size, with abnormal regions in colour. A line surrounds what
        lies above the threshold."""
        overlays = await desk.batcher.alone(partial(desk.drawn, uploaded.images))
        kind = choose_format(file_format, "", len(overlays))
        return pictures(overlays, uploaded.names,
                        "zip" if kind == "png" and len(overlays) > 1 else kind)
