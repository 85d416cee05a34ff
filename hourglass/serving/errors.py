"""Refused requests: a status, and one sentence that says what is right."""

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from ..core.hints import did_you_mean
from ..core.wording import agree

AGAIN = {"Retry-After": "1"}
LONGEST = 300   # most characters of an error message


class Problem(BaseModel):
    """The answer to a refused request."""

    error: str


class Refusal(HTTPException):
    """Raised while a request is handled; becomes its answer."""


def problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a refused request, in ASCII, as it may quote text that is not Unicode."""
    text = agree(" ".join(sentence.split()))
    text = text if len(text) <= LONGEST else text[:LONGEST - 3] + "..."
    return Response(json.dumps({"error": text}), status, headers, "application/json")


def in_words(errors: list[Any], known: list[str]) -> str:
    """The first error that pydantic found, as a sentence."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no {place!r}; {did_you_mean(place, known)}"
    if first["type"] == "json_invalid":
        return f"the body is not JSON: {first['ctx']['error']}"
    return f"{place or 'the body'}: {first['msg']}"


def refuse_body(error: ValidationError, known: list[str]) -> Refusal:
    """Refuse a JSON body: status 400 if it is not JSON at all, otherwise 422."""
    errors = error.errors(include_url=False, include_input=False)
    broken = errors[0]["type"] == "json_invalid"
    return Refusal(400 if broken else 422, in_words(errors, known))


def answer_problems(app: FastAPI) -> None:
    """Answer all errors in one form, and never with a traceback."""
    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        sentences = {404: f"there is no {request.url.path}; /openapi.json lists all paths",
                     405: f"{request.url.path} does not take {request.method}"}
        said = error.detail if isinstance(error, Refusal) else (
            sentences.get(error.status_code, error.detail))
        return problem(error.status_code, said, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def unfit(request: Request, error: RequestValidationError) -> Response:
        return problem(422, in_words(list(error.errors()), []))

    @app.exception_handler(ValueError)   # wrong requests, as everywhere in Hourglass
    async def wrong(request: Request, error: ValueError) -> Response:
        return problem(422, str(error))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return problem(500, "the server failed on this request; its log says why")
