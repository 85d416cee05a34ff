"""The frame of every served application: its door, its health, its traffic, and refused paths."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from .. import __version__
from .batching import Batcher
from .errors import Refusal, answer_problems
from .limits import Limits
from .middleware import OPEN, AccessControl, Guard, Traffic
from .openapi import Health, OperationTally, Requests, refusals
from .responses import as_json


class Desk(Protocol):
    """What the frame needs of what is served."""

    limits: Limits
    traffic: Traffic
    batcher: Batcher

    def health(self) -> Health:
        """Whether requests are taken."""
        ...

    def served(self) -> BaseModel:
        """What is served."""
        ...


def framed(
    desk: Desk, door: AccessControl | None, about: str, served: type[BaseModel]
) -> tuple[FastAPI, APIRouter]:
    """An application with /health, /v1/model and /v1/traffic, and the router for its operations,
    which is included once they are there. `served` is the type of what /v1/model answers."""
    door = door or AccessControl()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.batcher.close()

    locked = [Depends(HTTPBearer(auto_error=False))] if door.token else []   # for the API page
    app = FastAPI(title="Hourglass", version=__version__, description=about,
                  docs_url=None, redoc_url=None, lifespan=lifespan)   # these pages need a network
    app.state.desk = desk
    app.add_middleware(Guard, limits=desk.limits, door=door, traffic=desk.traffic)
    answer_problems(app)

    @app.get(OPEN, responses={200: {"model": Health}, 503: {"model": Health}})
    async def health() -> Response:
        """Whether the server takes requests. Needs no token."""
        answer = as_json(desk.health())
        answer.status_code = 503 if desk.traffic.draining else 200
        return answer

    router = APIRouter(prefix="/v1", dependencies=locked)

    @router.get("/model", responses={200: {"model": served}, **refusals()})
    async def model() -> Response:
        """The model, its inputs, and the limits."""
        return as_json(desk.served())

    @router.get("/traffic", responses={200: {"model": Requests}, **refusals()})
    async def traffic() -> Response:
        """How often each operation was asked for, and how long its answers took."""
        return as_json(requests_of(desk.traffic))
    return app, router


def health_of(traffic: Traffic, model: str, device: object) -> Health:
    """Whether requests are taken."""
    return Health(status="draining" if traffic.draining else "ready", model=model,
                  device=str(device), version=__version__)


def requests_of(traffic: Traffic) -> Requests:
    """How often each operation was asked for, and how long its answers took."""
    tally = traffic.tally
    tallies = [OperationTally(
        operation=name, answered=answers.answered, refused=answers.refused, last=answers.last,
        median=answers.quantile(0.5), p95=answers.quantile(0.95), longest=answers.quantile(1))
        for name, answers in sorted(tally.operations.items())]
    return Requests(since=tally.since, inside=traffic.inside - 1, operations=tallies)


def refuse_with(sentence: str) -> Callable[[], Any]:
    """An operation that refuses every request with this sentence."""
    async def refuse() -> Response:
        raise Refusal(404, sentence)
    return refuse
