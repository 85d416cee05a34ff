"""Operations on images beyond reconstruction: heat maps, compressed files; and near samples."""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from fastapi import APIRouter, Depends, Query, Response

from ..analysis.figures.heatmaps import beside_threshold
from ..core.contracts import Collection
from ..inference.anomaly import Detector
from ..inference.compression.codec import CompressionOptions, compression_options
from ..inference.compression.entropy_coder import constriction
from ..tasks.compress import Packed, keeps_pixels, pack
from ..tasks.nearest_training import NearCodes
from .openapi import BINARY, CompressedImages, NearSample, NearSamples, works
from .responses import (
    NOTES_HEADER,
    Format,
    Pictures,
    as_header,
    as_json,
    as_png_file,
    choose_format,
    encoded,
    listed,
    pictures,
    records,
)
from .service import ModelService
from .uploads import UploadedSamples

MOST_NEAR = 100   # training samples for each that was sent
Take = Callable[..., Any]


def put_heatmap(router: APIRouter, desk: ModelService, detector: Detector, take: Take,
                body: dict[str, Any]) -> None:
    """Add the operation that shows where images are abnormal."""
    def drawn(x: np.ndarray, y: list[str] | None) -> np.ndarray:
        return beside_threshold(x, detector.maps(Collection(x), y), detector.usual_heat)

    @router.post("/heatmap", responses=works(Pictures, True), openapi_extra=body)
    async def heatmap(uploaded: Annotated[UploadedSamples, Depends(take)],
                      file_format: Annotated[Format, Query(alias="format")] = "auto") -> Response:
        """Images in grey, with abnormal regions in colour. A line surrounds what lies above the
        threshold."""
        overlays = await desk.batcher.together(drawn, uploaded.x, uploaded.y)
        kind = choose_format(file_format, "", len(overlays))
        answer: Response = await desk.by_hand(
            pictures, overlays, uploaded.names, kind, uploaded.notes)
        return answer


def put_prepare(router: APIRouter, desk: ModelService, take: Take, body: dict[str, Any]) -> None:
    """Add the operation that shows images as the model takes them."""
    @router.post("/prepare", responses=works(Pictures, True), openapi_extra=body)
    async def prepare(uploaded: Annotated[UploadedSamples, Depends(take)],
                      file_format: Annotated[Format, Query(alias="format")] = "auto") -> Response:
        """Images as the model takes them: in its size and colours, before it sees them."""
        kind = choose_format(file_format, "", len(uploaded.x))
        answer: Response = await desk.by_hand(
            pictures, uploaded.x, uploaded.names, kind, uploaded.notes)
        return answer


@dataclass(frozen=True)
class CompressionQuery:
    """How to compress, as parameters of the address."""

    quality: Annotated[float, Gt(0), Lt(100), Query(
        description="rounding codes adds at most 100 - quality percent to the squared error")] = 95
    lossless: Annotated[bool, Query(description="keep every pixel")] = False
    wanted: Annotated[Literal["json", "file"], Query(
        alias="format", description="json: sizes, errors, the file and the decompressed images; "
        "file: the file alone")] = "json"

    @property
    def options(self) -> CompressionOptions:
        """As the codec takes them."""
        return compression_options(self.quality, None, self.lossless)


def put_compress(router: APIRouter, desk: ModelService, take: Take, body: dict[str, Any]) -> None:
    """Add the operation that compresses images."""
    answers = works(CompressedImages, False)
    answers[200]["content"] = {"application/octet-stream": BINARY}

    @router.post("/compress", responses=answers, openapi_extra=body)
    async def compress(uploaded: Annotated[UploadedSamples, Depends(take)],
                       query: Annotated[CompressionQuery, Depends()]) -> Response:
        """Compress images into one file, and decompress it to measure errors."""
        x = uploaded.x
        if keeps_pixels(desk.model):   # which the codec takes as bytes
            x = np.rint(x * 255).clip(0, 255).astype(np.uint8)
        collection = Collection(x, names=uploaded.names)
        packed = await desk.batcher.alone(
            partial(pack, desk.model, collection, uploaded.y, query.options))
        if query.wanted == "file":
            headers = {NOTES_HEADER: as_header(uploaded.notes)} if uploaded.notes else {}
            return Response(packed.content, media_type="application/octet-stream", headers={
                "Content-Disposition": 'attachment; filename="images.hg"', **headers})
        return as_json(await desk.by_hand(described, packed, uploaded))


def described(packed: Packed, upload: UploadedSamples) -> CompressedImages:
    """A compressed file with its sizes, errors and images."""
    worth = np.float32(1 / 255 if packed.again.dtype == np.uint8 else 1)
    sizes, pixels = packed.sizes, packed.sizes.pixels or math.prod(upload.x.shape[:3])
    return CompressedImages(
        file=base64.b64encode(packed.content).decode(), bytes=sizes.compressed, png=sizes.png,
        bits_per_pixel=8 * sizes.compressed / pixels, exact=math.isinf(sizes.psnr),
        psnr=[float(ratio) if math.isfinite(ratio) else None for ratio in packed.psnr],
        ssim=sizes.ssim, images=encoded(list(packed.again * worth), upload.names),
        notes=list(upload.notes))


def put_nearest(router: APIRouter, desk: ModelService, take: Take, body: dict[str, Any]) -> None:
    """Add the operation that finds near training samples."""
    @router.post("/nearest", responses=works(NearSamples, False), openapi_extra=body)
    async def nearest(uploaded: Annotated[UploadedSamples, Depends(take)],
                      n: Annotated[int, Ge(1), Le(MOST_NEAR), Query(
                          description="how many for each")] = 8) -> Response:
        """The training samples whose codes are nearest to those of samples."""
        z = await desk.batcher.together(desk.encode, uploaded.x, uploaded.y)
        near = await desk.batcher.alone(partial(desk.training.nearest, z, n))
        gone = ("the training data is gone, so near samples have no names or pictures",)
        return as_json(NearSamples(
            nearest=await desk.by_hand(listed_near, near, desk),
            names=list(uploaded.names), notes=[*uploaded.notes, *(gone if near.x is None else ())]))


def listed_near(neighbours: NearCodes, desk: ModelService) -> list[list[NearSample]]:
    """Near samples, with their pictures if they are images, and the values of rows."""
    def picture(i: int, k: int) -> str | None:
        if not desk.is_images or neighbours.x is None:
            return None
        return base64.b64encode(as_png_file(neighbours.x[i, k])).decode()
    values = _values(neighbours, desk)
    return [[NearSample(row=int(row), distance=float(distance), name=name, png=picture(i, k),
                        values=values[i * neighbours.rows.shape[1] + k], **{"class": kind})
             for k, (row, distance, name, kind) in enumerate(zip(
                 neighbours.rows[i], neighbours.distances[i], neighbours.names[i],
                 neighbours.kinds[i], strict=True))]
            for i in range(len(neighbours.rows))]


def _values(neighbours: NearCodes, desk: ModelService) -> Sequence[Any]:
    """Near samples of tables and arrays in their own units, one after the other; None for others.
    """
    if neighbours.x is None or neighbours.x.ndim != 3 or desk.is_lines:
        return [None] * neighbours.rows.size
    x = neighbours.x.reshape(-1, neighbours.x.shape[-1])
    rows: Sequence[Any] = records(desk.model.in_units(x)) if desk.is_table else listed(x)
    return rows


def why_no_compression() -> str:
    """Why images cannot be compressed here; "" if they can."""
    try:
        constriction()
    except ValueError as error:
        return str(error)
    return ""
