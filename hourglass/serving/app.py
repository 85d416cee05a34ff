"""The ASGI application: the operations of a served model, and their paths."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi.routing import APIRoute

from ..core.contracts import Collection
from ..data.sources.series import Series
from ..data.sources.table import Table
from ..inference.anomaly import Detector
from ..inference.trained import Trained
from .app_frame import framed, refuse_with
from .errors import Refusal
from .forecasts import Fitted, forecaster_for, put_forecast
from .image_operations import (
    put_compress,
    put_heatmap,
    put_nearest,
    put_prepare,
    why_no_compression,
)
from .limits import Limits
from .middleware import AccessControl
from .openapi import (
    Arrays,
    Classes,
    Codes,
    RecommendedItem,
    RecommendedItems,
    Scores,
    Served,
    form_body,
    json_body,
    works,
)
from .responses import Format, Pictures, as_json, choose_format, listed, pictures, records
from .schemas import History, array_intake, codes_type, json_intake, samples_type, wish_type
from .series_requests import own_units, reconstructed, scored
from .service import ModelService
from .uploads import SizedImages, UploadedSamples, image_intake, sized_intake

ABOUT = ("A trained autoencoder. Send images as multipart/form-data, in fields named images. The "
         "query parameter format or the Accept header chooses the form of images in answers: png "
         "(several as one sheet), zip, or json with each PNG in base64. Errors are "
         '{"error": "one sentence"}.')
Wanted = Annotated[Format, Query(alias="format", description="auto: by the Accept header, "
                                 "otherwise a PNG for one image and a zip for several")]
Packed = Annotated[Literal["auto", "zip", "json"], Query(
    alias="format", description="auto: by the Accept header, otherwise a PNG for one image and a "
    "zip for several, because their sizes differ")]
OF_THE_SERVER = frozenset({"/v1/model", "/v1/traffic"})
Accept = Annotated[str, Header(include_in_schema=False)]


def make_app(model: Trained, limits: Limits | None = None, door: AccessControl | None = None,
             priors: tuple[str, ...] = (), ahead: int = 0, shows_training: bool = False,
             fitted: Fitted | None = None) -> FastAPI:
    """Make the ASGI application that serves a model. `door` controls access; without it, anybody
    may ask.

    `priors` are those that clients may sample from. They are fitted now if needed. Default: the
    usual ones. `ahead` is the most steps of a series that clients may have forecast, by `fitted`,
    otherwise by what is fitted now. With `shows_training`, answers of /v1/nearest show training
    samples. Raises ValueError for an unknown prior, and for a model that cannot forecast.
    """
    limits = limits or Limits()
    forecaster = fitted or forecaster_for(model, ahead)
    desk = ModelService(model, limits, priors)
    app, router = framed(desk, door, ABOUT, Served)
    if desk.ranks:
        put_recommend(router, desk)
    else:
        put_operations(router, desk, shows_training)
    if forecaster is not None:
        put_forecast(router, desk, forecaster, ahead)
    refuse_others(router, desk, shows_training)
    app.include_router(router)
    return app


def put_operations(router: APIRouter, desk: ModelService, shows_training: bool) -> None:
    """Add the operations on samples that this model can do."""
    take, body = intake_of(desk)
    put_codes(router, desk, take, body)
    if desk.model.description.decoder:
        put_decode(router, desk)
        put_samples(router, desk, take, body)
    if desk.model.model.guesses_classes:
        put_classify(router, desk, take, body)
    if desk.detector is not None:
        put_score(router, desk, desk.detector, take, body)
        if desk.is_images:
            put_heatmap(router, desk, desk.detector, take, body)
    if desk.is_images and desk.model.description.decoder:
        put_restore(router, desk, body)
        if not why_no_compression():
            put_compress(router, desk, take, body)
    if desk.is_images:
        put_prepare(router, desk, take, body)
    if shows_training:
        put_nearest(router, desk, take, body)
    if desk.filler is not None and desk.model.description.decoder:
        put_impute(router, desk, take, body)


def put_recommend(router: APIRouter, desk: ModelService) -> None:
    """Add the operation that recommends items."""
    encoding = desk.model.description.encoding
    titles = encoding["titles"] or [""] * len(encoding["items"])

    @router.post("/recommend", responses=works(RecommendedItems, False),
                 openapi_extra=json_body(History))
    async def recommend(wish: Annotated[History, Depends(json_intake(History))]) -> Response:
        """The best items for a user, from those that the user has: {"items": [...], "n": 20}."""
        lists = await desk.batcher.alone(partial(desk.recommend, wish.items, wish.n))
        return as_json(RecommendedItems(notes=list(lists.notes), items=[
            RecommendedItem(item=encoding["items"][item], title=titles[item], score=float(score))
            for item, score in zip(lists.items[0].tolist(), lists.scores[0], strict=True)]))


def refuse_others(router: APIRouter, desk: ModelService, shows_training: bool) -> None:
    """Say why an operation of other models is not served by this one."""
    kind = desk.model.description.kind_in_words
    why = {"restore": f"it is for images, and this model was trained on {kind}",
           "impute": f"it is for tables and series, and this model was trained on {kind}",
           "forecast": (f"it is for series, and this model was trained on {kind}" if not
                        desk.is_series else "start the server with the most steps that clients "
                        "may ask for, as in --ahead 24"),
           "score": "no detector could be fitted, and the server has said why",
           "classify": "this model infers no classes",
           "heatmap": "no detector could be fitted, and the server has said why" if desk.is_images
           else f"it is for images, and this model was trained on {kind}",
           "prepare": f"it is for images, and this model was trained on {kind}",
           "compress": why_no_compression() if desk.is_images else
           f"it is for images, and this model was trained on {kind}",
           "nearest": "it shows training samples, so the server must be started with "
           "--show-training",
           "recommend": f"it is for ratings, and this model was trained on {kind}"}
    if desk.ranks:
        why = dict.fromkeys(
            ("encode", "decode", "reconstruct", "generate", "restore", "impute", "score",
             "classify", "heatmap", "compress", "nearest", "prepare"),
            "this model was trained on ratings; send what a user has to /v1/recommend")
    if not desk.model.description.decoder:
        why |= dict.fromkeys(("decode", "reconstruct", "generate", "restore", "impute", "score",
                              "heatmap", "compress"),
                             "this model is a classifier without a decoder")
    served = {route.path for route in router.routes if isinstance(route, APIRoute)}
    desk.operations = tuple(sorted(path.removeprefix("/v1/") for path in served - OF_THE_SERVER))
    for name, reason in why.items():
        if f"/v1/{name}" not in served:
            router.add_api_route(f"/{name}", refuse_with(f"/v1/{name} is not served: {reason}"),
                                 methods=["POST"], include_in_schema=False)


def intake_of(desk: ModelService) -> tuple[Callable[..., Any], dict[str, Any]]:
    """How this model's samples are sent: images as a form, all others as JSON."""
    if desk.is_images:
        return (image_intake(desk.model, desk.limits, desk.hands),
                form_body(desk.model, desk.limits))
    kind = samples_type(desk.model, desk.limits)
    return array_intake(desk.model, kind, "samples"), json_body(kind)


def put_codes(
    router: APIRouter, desk: ModelService, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Add the operation that encodes."""
    @router.post("/encode", responses=works(Codes, False), openapi_extra=body)
    async def encode(uploaded: Annotated[UploadedSamples, Depends(take)]) -> Response:
        """The codes of samples: the posterior's mean, without noise."""
        z = await desk.batcher.together(desk.encode, uploaded.x, uploaded.y)
        return as_json(Codes(
            codes=listed(z), names=list(uploaded.names), notes=list(uploaded.notes)))


def put_decode(router: APIRouter, desk: ModelService) -> None:
    """Add the operation that decodes."""
    kind = codes_type(desk.model, desk.limits, desk.code)

    @router.post("/decode", responses=samples_answer(desk), openapi_extra=json_body(kind))
    async def decode(uploaded: Annotated[UploadedSamples,
                                         Depends(array_intake(desk.model, kind, "codes"))],
                     file_format: Wanted = "auto", accept: Accept = "") -> Response:
        """Decode codes."""
        x = await desk.batcher.together(desk.decode, uploaded.x, uploaded.y)
        return await send(desk, x, numbered(len(x)), choose_format(file_format, accept, len(x)))


def put_samples(
    router: APIRouter, desk: ModelService, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Add the operations that reconstruct and generate."""
    @router.post("/reconstruct", responses=samples_answer(desk), openapi_extra=body)
    async def reconstruct(uploaded: Annotated[UploadedSamples, Depends(take)],
                          file_format: Wanted = "auto", accept: Accept = "") -> Response:
        """Reconstruct samples. Rows of a series come back as rows, in the order of time."""
        if (series := series_in_rows(uploaded)) is not None:
            frame = await desk.batcher.alone(partial(reconstructed, desk.model, series))
            return as_json(Arrays(samples=records(frame), notes=list(uploaded.notes)))
        x = await desk.batcher.together(desk.reconstruct, uploaded.x, uploaded.y)
        if desk.is_table:
            return as_json(Arrays(samples=records(desk.model.in_units(x, uploaded.collection)),
                                  notes=list(uploaded.notes)))
        chosen = choose_format(file_format, accept, len(x))
        return await send(desk, x, uploaded.names, chosen, uploaded.notes)

    kind = wish_type(desk.model, desk.limits, desk.priors)

    @router.post("/generate", responses=samples_answer(desk), openapi_extra=json_body(kind))
    async def generate(wish: Annotated[Any, Depends(json_intake(kind))],
                       file_format: Wanted = "auto", accept: Accept = "") -> Response:
        """Generate samples. The same request gives the same samples."""
        try:
            x, notes = await desk.draw(wish)
        except ValueError as error:   # a prompt that cannot be read, or too few valid molecules
            raise Refusal(422, str(error)) from None
        return await send(desk, x, numbered(len(x)), choose_format(file_format, accept, len(x)),
                          notes)


def put_classify(
    router: APIRouter, desk: ModelService, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Add the operation that predicts classes."""
    @router.post("/classify", responses=works(Classes, False), openapi_extra=body)
    async def classify(uploaded: Annotated[UploadedSamples, Depends(take)]) -> Response:
        """Predict the class of each sample."""
        shares = await desk.batcher.together(desk.guess, uploaded.x, uploaded.y)
        names = desk.model.classes
        return as_json(Classes(
            classes=[names[kind] for kind in shares.argmax(1)],
            probabilities=[dict(zip(names, row, strict=True)) for row in listed(shares)],
            names=list(uploaded.names), notes=list(uploaded.notes)))


def put_score(router: APIRouter, desk: ModelService, detector: Detector, take: Callable[..., Any],
              body: dict[str, Any]) -> None:
    """Add the operation that scores anomalies."""
    @router.post("/score", responses=works(Scores, False), openapi_extra=body)
    async def score(uploaded: Annotated[UploadedSamples, Depends(take)]) -> Response:
        """Anomaly scores of samples, by the detector and threshold saved with the run; of rows of a
        series, the score of each step, in the order of time."""
        if (series := series_in_rows(uploaded)) is not None:
            return as_json(Scores(**await desk.batcher.alone(partial(
                scored, desk.model, series, desk.knows_normal))))
        scores = await desk.batcher.together(desk.score, uploaded.x, uploaded.y)
        return as_json(Scores(
            scores=listed(scores), probabilities=listed(detector.probability(scores)),
            abnormal=detector.verdict(scores).tolist(), threshold=detector.threshold,
            detector=detector.text, names=list(uploaded.names), notes=list(uploaded.notes)))


def put_restore(router: APIRouter, desk: ModelService, body: dict[str, Any]) -> None:
    """Add the operation that restores images."""
    take = sized_intake(desk.model, desk.limits, desk.hands)

    @router.post("/restore", responses=works(Pictures, True), openapi_extra=body)
    async def restore(uploaded: Annotated[SizedImages, Depends(take)],
                      file_format: Packed = "auto", accept: Accept = "") -> Response:
        """Restore images: undo the corruption of training. Each image keeps its size."""
        y = uploaded.y
        x = await asyncio.gather(*(
            desk.batcher.together(desk.restore, image[None], y[i:i + 1] if y else None)
            for i, image in enumerate(uploaded.images)))
        kind = choose_format(file_format, accept, len(x))
        response: Response = await desk.by_hand(
            pictures, [image[0] for image in x], uploaded.names,
            "zip" if kind == "png" and len(x) > 1 else kind, uploaded.notes)
        return response


def put_impute(
    router: APIRouter, desk: ModelService, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Add the operation that fills in missing cells of rows, and gaps of series."""
    @router.post("/impute", responses=works(Arrays, False), openapi_extra=body)
    async def impute(uploaded: Annotated[UploadedSamples, Depends(take)]) -> Response:
        """Fill in what is null or left out: cells of a table's rows, or gaps of a series in rows
        or windows. Rows of a series come back in the order of time."""
        if (series := series_in_rows(uploaded)) is not None:
            frame = await desk.batcher.alone(partial(desk.fill_series, series))
            return as_json(Arrays(samples=records(frame), notes=list(uploaded.notes)))
        x = await desk.batcher.together(desk.fill, uploaded.x, uploaded.y)
        if desk.is_series:
            return as_json(Arrays(samples=listed(x), notes=list(uploaded.notes)))
        collection = uploaded.collection
        if collection is not None and isinstance(collection.raw, Table):
            frame = collection.raw.filled(collection.encoding, x)
        else:
            frame = desk.model.in_units(x)
        return as_json(Arrays(samples=records(frame), notes=list(uploaded.notes)))


def samples_answer(desk: ModelService) -> dict[int | str, dict[str, Any]]:
    """The answers of operations that return samples."""
    return works(Pictures if desk.is_images else Arrays, desk.is_images)


def numbered(count: int) -> tuple[str, ...]:
    """Names for images without names."""
    return tuple(f"{i:05}.png" for i in range(count))


def series_in_rows(upload: UploadedSamples) -> Collection | None:
    """The series, if its rows were sent."""
    collection = upload.collection
    return collection if collection is not None and isinstance(collection.raw, Series) else None


async def send(desk: ModelService, x: np.ndarray, names: tuple[str, ...], kind: str,
               notes: tuple[str, ...] = ()) -> Response:
    """Answer with samples (N, ...) in the format that the client chose."""
    if desk.is_table:
        return as_json(Arrays(samples=records(desk.model.in_units(x))))
    if desk.is_lines:
        return as_json(Arrays(samples=desk.model.in_units(x), notes=list(notes)))
    if not desk.is_images:
        return as_json(Arrays(samples=listed(own_units(desk.model, x)), notes=list(notes)))
    response: Response = await desk.by_hand(pictures, x, names, kind, notes)
    return response
