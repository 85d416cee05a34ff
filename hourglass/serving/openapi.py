"""The types of bodies and answers, and their descriptions for the OpenAPI page."""

from typing import Any

from pydantic import BaseModel, Field

from ..inference.trained import Trained
from .errors import Problem
from .limits import Limits
from .multipart import MULTIPART
from .responses import EncodedImage
from .schemas import JSON

WHY = {400: "the body is not a form or not JSON, or the server has another name",
       401: "the token is missing or wrong",
       408: "the request did not arrive in time", 413: "too many bytes or pixels",
       415: "another content type, or not an image of a known format",
       422: "the content is wrong", 503: "too many requests, or the server is "
       "shutting down", 504: "the model took too long"}
BINARY = {"schema": {"type": "string", "format": "binary"}}
IMAGE_TYPES = ("image/png, image/jpeg, image/webp, image/gif, image/bmp, image/tiff, image/avif, "
               "image/jp2, image/x-portable-anymap")

NOTES: Any = Field([], description="notes on what was sent, such as values outside the range of "
                                   "training")


class Health(BaseModel):
    """Whether the server takes requests."""

    status: str = Field(description="ready, or draining (no more requests are taken)")
    model: str
    device: str
    version: str


class Served(BaseModel):
    """The served model."""

    model: str = Field(description="name, as in hourglass train --model")
    parts: dict[str, str]
    data: str = Field(description="the training data")
    kind: str = Field(description="images, arrays, table (rows), series (rows or windows), "
                                  "windows, or lines (texts)")
    columns: list[dict[str, Any]] = Field([], description="columns of a table or series: names, "
                                          "kinds (number, date, category, time or unit) and values "
                                          "of categories")
    shape: list[int] = Field(description="shape of a sample; C, H, W for images")
    code: list[int] = Field(description="shape of a code")
    classes: list[str]
    conditional: bool = Field(description="whether it needs classes")
    priors: list[str] = Field(description="priors to sample from")
    operations: list[str] = Field([], description="what is served, such as reconstruct")
    prompts: bool = Field(False, description="whether samples can be asked for by a prompt")
    samplers: list[str] = Field([], description="samplers of latent diffusion, if it is there")
    lossless: bool = Field(False, description="whether images can be compressed without loss")
    rounded: bool = Field(False, description="whether compression has a quality; tokens have none")
    limits: dict[str, float]


class OperationTally(BaseModel):
    """How often one operation was asked for, and how long its last 1,000 answers took."""

    operation: str = Field(description="its path, such as /v1/reconstruct; other for the rest")
    answered: int
    refused: int = Field(description="answers with a status from 400 on")
    last: float = Field(description="time of the last answer, in seconds since 1970")
    median: float | None = Field(description="seconds")
    p95: float | None = Field(description="seconds within which 95 % of the answers were ready")
    longest: float | None = Field(description="seconds")


class Requests(BaseModel):
    """The requests since the server started. Those of /health and of this are not counted."""

    since: float = Field(description="start of the server, in seconds since 1970")
    inside: int = Field(description="requests under way")
    operations: list[OperationTally]


class Codes(BaseModel):
    """Codes (N, D), or maps (N, D, H, W)."""

    codes: list[Any]
    names: list[str] = []
    notes: list[str] = NOTES


class Arrays(BaseModel):
    """Samples (N, D), or windows (N, T, C) in their own units; rows of a table or series by column,
    in its units; lines as texts."""

    samples: list[Any]
    notes: list[str] = NOTES


class CompressedImages(BaseModel):
    """Images in one compressed file, and as they come out of it."""

    file: str = Field(description="the file in base64; hourglass decompress reads it")
    bytes: int = Field(description="size of the file")
    png: int = Field(description="bytes of the same images as PNG files; 0 if unknown")
    bits_per_pixel: float
    exact: bool = Field(description="whether every pixel comes back")
    psnr: list[float | None] = Field(description="of each image, in dB; null if it is exact")
    ssim: float | None = Field(description="mean over images; null for small or exact ones")
    images: list[EncodedImage]
    notes: list[str] = NOTES


class NearSample(BaseModel):
    """A training sample near to one that was sent."""

    row: int = Field(description="in the training split, from 0")
    distance: float = Field(description="of codes")
    name: str = Field(description="its file or text; empty if it has none")
    kind: str = Field(alias="class", description="its class; empty if it has none")
    png: str | None = Field(None, description="its picture in base64")
    values: dict[str, Any] | list[float] | None = Field(
        None, description="its values, of tables (by column) and arrays")


class NearSamples(BaseModel):
    """For each sample that was sent, the nearest training samples, the nearest first."""

    nearest: list[list[NearSample]]
    names: list[str] = []
    notes: list[str] = NOTES


class Classes(BaseModel):
    """The predicted classes of samples."""

    classes: list[str] = Field(description="the most probable class of each sample")
    probabilities: list[dict[str, float]] = Field(description="of every class, by its name")
    names: list[str] = []
    notes: list[str] = NOTES


class RecommendedItem(BaseModel):
    """An item that a user has not, and how well it suits."""

    item: str = Field(description="its id, as in the training data")
    title: str = Field("", description="empty if none is known")
    score: float = Field(description="its probability, or the predicted rating")


class RecommendedItems(BaseModel):
    """The best items, the best first."""

    items: list[RecommendedItem]
    notes: list[str] = Field([], description="notes on the history, such as unknown items")


class Scores(BaseModel):
    """Anomaly scores of samples, or of each step of a series that was sent as rows."""

    scores: list[float | None] = Field(description="higher is more abnormal; null if unknown")
    probabilities: list[float | None] = Field(
        description="share of normal samples with a lower score")
    abnormal: list[bool]
    threshold: float = Field(description="samples with a higher score are abnormal")
    detector: str = Field(description="name, as in hourglass score --detector")
    names: list[str] = Field([], description="of images; of a series' rows, the times")
    notes: list[str] = NOTES


def refusals(*also: int) -> dict[int | str, dict[str, Any]]:
    """The error answers that an operation can give."""
    return {code: {"model": Problem, "description": WHY[code]} for code in (400, 401, 503, *also)}


def works(answer: type[BaseModel], as_pictures: bool) -> dict[int | str, dict[str, Any]]:
    """All answers of an operation that uses the model."""
    content = {"image/png": BINARY, "application/zip": BINARY} if as_pictures else {}
    return {200: {"model": answer, "description": "the model's result", "content": content},
            **refusals(408, 413, 415, 422, 504)}


def form_body(model: Trained, limits: Limits) -> dict[str, Any]:
    """The request body of an operation on images."""
    fields, required = _images(limits), ["images"]
    if model.model.condition is not None:
        fields["classes"] = {"type": "array", "minItems": 1, "maxItems": limits.files,
                             "description": "one for all, or one per image",
                             "items": {"type": "string", "enum": list(model.classes)}}
        required += ["classes"] * (not model.model.guesses_classes)
    return _form(fields, required)


def images_body(limits: Limits) -> dict[str, Any]:
    """The request body of an operation on images of any sizes, without classes."""
    return _form(_images(limits), ["images"])


def _images(limits: Limits) -> dict[str, Any]:
    return {"images": {"type": "array", "minItems": 1, "maxItems": limits.files,
                       "items": {"type": "string", "format": "binary"}}}


def _form(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": fields, "required": required,
              "additionalProperties": False}
    encoding = {"images": {"contentType": IMAGE_TYPES}}
    return {"requestBody": {"required": True, "content": {
        MULTIPART: {"schema": schema, "encoding": encoding}}}}


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """The request body of an operation on numbers."""
    return {"requestBody": {"required": True, "content": {
        JSON: {"schema": kind.model_json_schema()}}}}
