"""The application: what can be asked of a served model, and where."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi.security import HTTPBearer

from ..data.table import Table
from ..inference.anomaly import Detector
from ..inference.trained import Trained
from .errors import answer_problems
from .limits import Limits
from .middleware import OPEN, Door, Guard
from .openapi import Arrays, Codes, Health, Scores, Served, form_body, json_body, refusals, works
from .responses import Format, Pictures, as_json, choose_format, listed, pictures, records
from .schemas import array_intake, codes_type, json_intake, samples_type, wish_type
from .service import Desk
from .uploads import Given, Sized, image_intake, sized_intake

ABOUT = ("A trained autoencoder. Images are sent as multipart/form-data, in fields named images; "
         "answers that are images come as the query parameter format or the Accept header says: "
         "png (several as a sheet), zip, or json with each PNG in base64. Errors are "
         '{"error": "one sentence"}.')
Wanted = Annotated[Format, Query(alias="format", description="auto: by the Accept header, else a "
                                 "PNG for one image and a zip of several")]
Packed = Annotated[Literal["auto", "zip", "json"], Query(
    alias="format", description="auto: by the Accept header, else a PNG for one image and a zip of "
    "several, for each has its own size")]
Accept = Annotated[str, Header(include_in_schema=False)]


def make_app(model: Trained, limits: Limits | None = None, door: Door | None = None,
             priors: tuple[str, ...] = ()) -> FastAPI:
    """The ASGI application that serves a model to whom the door lets in: everybody, if none is
    given.

    `priors` are those that clients may draw from, fitted already or now; without any, the usual
    ones. Raises ValueError for one that there is not.
    """
    limits, door = limits or Limits(), door or Door()
    desk = Desk(model, limits, priors)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.batcher.close()

    locked = [Depends(HTTPBearer(auto_error=False))] if door.token else []   # for the page
    app = FastAPI(title="Hourglass", version=version("hourglass"), description=ABOUT,
                  docs_url=None, redoc_url=None, lifespan=lifespan)   # their pages want a network
    app.state.desk = desk
    app.add_middleware(Guard, limits=limits, door=door, traffic=desk.traffic)
    answer_problems(app)

    @app.get(OPEN, responses={200: {"model": Health}, 503: {"model": Health}})
    async def health() -> Response:
        """Whether the server takes requests; needs no token."""
        answer = as_json(desk.health())
        answer.status_code = 503 if desk.traffic.draining else 200
        return answer

    router = APIRouter(prefix="/v1", dependencies=locked)
    about_model(router, desk)
    take, body = intake_of(desk)
    put_codes(router, desk, take, body)
    put_samples(router, desk, take, body)
    if desk.detector is not None:
        put_score(router, desk, desk.detector, take, body)
    if desk.is_images:
        put_restore(router, desk, body)
    if desk.is_table:
        put_impute(router, desk, take, body)
    app.include_router(router)
    return app


def intake_of(desk: Desk) -> tuple[Callable[..., Any], dict[str, Any]]:
    """How samples are sent to this model: images as a form, all else as JSON."""
    if desk.is_images:
        return (image_intake(desk.model, desk.limits, desk.hands),
                form_body(desk.model, desk.limits))
    kind = samples_type(desk.model, desk.limits)
    return array_intake(desk.model, kind, "samples"), json_body(kind)


def about_model(router: APIRouter, desk: Desk) -> None:
    """What is served."""
    @router.get("/model", responses={200: {"model": Served}, **refusals()})
    async def model() -> Response:
        """What the model is, what it takes, and the limits."""
        return as_json(desk.served())


def put_codes(
    router: APIRouter, desk: Desk, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Samples to codes and back."""
    @router.post("/encode", responses=works(Codes, False), openapi_extra=body)
    async def encode(given: Annotated[Given, Depends(take)]) -> Response:
        """The codes of samples: the posterior's mean, without noise."""
        z = await desk.batcher.together(desk.encode, given.x, given.y)
        return as_json(Codes(codes=listed(z), names=list(given.names), notes=list(given.notes)))

    kind = codes_type(desk.model, desk.limits, desk.code)

    @router.post("/decode", responses=samples_answer(desk), openapi_extra=json_body(kind))
    async def decode(given: Annotated[Given, Depends(array_intake(desk.model, kind, "codes"))],
                     wanted: Wanted = "auto", accept: Accept = "") -> Response:
        """What the decoder makes of codes."""
        x = await desk.batcher.together(desk.decode, given.x, given.y)
        return await send(desk, x, numbered(len(x)), choose_format(wanted, accept, len(x)))


def put_samples(
    router: APIRouter, desk: Desk, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Samples to samples, and new ones."""
    @router.post("/reconstruct", responses=samples_answer(desk), openapi_extra=body)
    async def reconstruct(given: Annotated[Given, Depends(take)],
                          wanted: Wanted = "auto", accept: Accept = "") -> Response:
        """Samples through the bottleneck and back."""
        x = await desk.batcher.together(desk.reconstruct, given.x, given.y)
        if desk.is_table:
            return as_json(Arrays(samples=records(desk.model.in_units(x, given.found)),
                                  notes=list(given.notes)))
        return await send(desk, x, given.names, choose_format(wanted, accept, len(x)))

    kind = wish_type(desk.model, desk.limits, desk.priors)

    @router.post("/generate", responses=samples_answer(desk), openapi_extra=json_body(kind))
    async def generate(wish: Annotated[Any, Depends(json_intake(kind))],
                       wanted: Wanted = "auto", accept: Accept = "") -> Response:
        """New samples; the same for the same request."""
        x = await desk.draw(wish)
        return await send(desk, x, numbered(len(x)), choose_format(wanted, accept, len(x)))


def put_score(router: APIRouter, desk: Desk, detector: Detector, take: Callable[..., Any],
              body: dict[str, Any]) -> None:
    """How abnormal samples are."""
    @router.post("/score", responses=works(Scores, False), openapi_extra=body)
    async def score(given: Annotated[Given, Depends(take)]) -> Response:
        """How abnormal each sample is, by the detector and the threshold kept with the run."""
        found = await desk.batcher.together(desk.score, given.x, given.y)
        return as_json(Scores(
            scores=listed(found), probabilities=listed(detector.probability(found)),
            abnormal=detector.verdict(found).tolist(), threshold=detector.threshold,
            detector=detector.text, names=list(given.names), notes=list(given.notes)))


def put_restore(router: APIRouter, desk: Desk, body: dict[str, Any]) -> None:
    """Images at their own size."""
    take = sized_intake(desk.model, desk.limits, desk.hands)

    @router.post("/restore", responses=works(Pictures, True), openapi_extra=body)
    async def restore(given: Annotated[Sized, Depends(take)],
                      wanted: Packed = "auto", accept: Accept = "") -> Response:
        """Images with what the model was trained to undo undone, each at its own size."""
        x = await asyncio.gather(*(
            desk.batcher.together(desk.restore, image[None], given.y[i:i + 1] if given.y else None)
            for i, image in enumerate(given.images)))
        kind = choose_format(wanted, accept, len(x))
        found: Response = await desk.by_hand(pictures, [image[0] for image in x], given.names,
                                             "zip" if kind == "png" and len(x) > 1 else kind)
        return found


def put_impute(
    router: APIRouter, desk: Desk, take: Callable[..., Any], body: dict[str, Any]
) -> None:
    """Rows of a table with what is missing filled in."""
    @router.post("/impute", responses=works(Arrays, False), openapi_extra=body)
    async def impute(given: Annotated[Given, Depends(take)]) -> Response:
        """Rows of a table, with cells that are null or left out filled in."""
        x = await desk.batcher.together(desk.fill, given.x, given.y)
        found = given.found
        frame = desk.model.in_units(x) if found is None or not isinstance(found.raw, Table) else (
            found.raw.filled(found.encoding, x))
        return as_json(Arrays(samples=records(frame), notes=list(given.notes)))


def samples_answer(desk: Desk) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation that gives samples."""
    return works(Pictures if desk.is_images else Arrays, desk.is_images)


def numbered(count: int) -> tuple[str, ...]:
    """Names of files that have none."""
    return tuple(f"{i:05}.png" for i in range(count))


async def send(desk: Desk, x: np.ndarray, names: tuple[str, ...], kind: str) -> Response:
    """Samples (N, ...) as the client wants them."""
    if desk.is_table:
        return as_json(Arrays(samples=records(desk.model.in_units(x))))
    if not desk.is_images:
        return as_json(Arrays(samples=listed(x)))
    found: Response = await desk.by_hand(pictures, x, names, kind)
    return found
