"""What is sent as JSON: its types, made for one model, and how they are read."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le, Len
from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from ..core.contracts import Collection
from ..core.hints import did_you_mean
from ..data.collect import collect_like
from ..data.read_image import Reading
from ..data.rows import as_frame
from ..data.sources.table import from_frame
from ..inference.line_uses import is_of_lines
from ..inference.prompted import MOST_STEPS, NAME, DenoiserPrior, DiffusionWish
from ..inference.trained import Trained
from ..model.noise_levels import SAMPLERS
from ..tasks.tables import is_table
from .errors import refuse_body
from .limits import Limits
from .series_requests import from_rows, from_windows, is_over_time, most_steps
from .uploads import UploadedSamples, check_classes, check_type

JSON = "application/json"
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
FARTHEST = 1e6     # of a code's numbers from 0: beyond, decoders overflow
MOST_ITEMS = 10_000   # of a user
LARGEST = 1e12     # of a sample's
NOT_EMPTY = r"[^\s\x00-\x20\x7f-\xa0]"   # a character that is seen
Name = Annotated[str, Len(1, 500)]   # of a column
Line = Annotated[str, Field(min_length=1, max_length=10_000, pattern=NOT_EMPTY)]
Cell = Annotated[float, Ge(-LARGEST), Le(LARGEST)] | bool | Annotated[str, Len(0, 2000)] | None


def as_whole(value: Any) -> Any:
    """3.0 as 3: JSON knows numbers only."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def numbers(shape: tuple[int, ...], most: int, far: float, gaps: bool = False) -> Any:
    """The type of a limited number of arrays of that shape, as nested lists. Numbers lie between
    -`far` and `far`; with `gaps`, null is allowed."""
    kind: Any = Annotated[float, Ge(-far), Le(far)]
    kind = kind | None if gaps else kind
    for length in reversed(shape):
        kind = Annotated[list[kind], Len(length, length)]
    return Annotated[list[kind], Len(1, most)]


Whole = BeforeValidator(as_whole)


def one_of(names: tuple[str, ...]) -> Any:
    """The type of a text that is one of these."""
    return Literal[names]


def _classes_of(model: Trained, most: int) -> dict[str, Any]:
    """The field of classes of a conditional model; others have none."""
    if model.model.condition is None:
        return {}
    kind: Any = Annotated[list[one_of(model.classes)], Len(1, most)]  # type: ignore[misc]
    words = "one for all, or one each"
    if model.model.guesses_classes:
        return {"classes": (kind | None, Field(None, description=f"{words}; inferred if left out"))}
    return {"classes": (kind, Field(description=words))}


def codes_type(model: Trained, limits: Limits, code: tuple[int, ...]) -> type[BaseModel]:
    """{"codes": (N, D) or (N, D, H, W)}, with classes for conditional models."""
    schema: type[BaseModel] = create_model(
        "CodesToDecode", __config__=STRICT, codes=(numbers(code, limits.samples, FARTHEST), ...),
        **_classes_of(model, limits.samples))
    return schema


def samples_type(model: Trained, limits: Limits) -> type[BaseModel]:
    """{"samples": (N, D) or (N, T, C)}, with classes for conditional models; of a table its rows,
    {"column": number, text, truth value or null}, in its own units, or as the model sees them; of a
    series its rows too. Windows (N, T, C) of a series are in its own units, null is missing. Lines
    are texts."""
    channels, *places = model.shape
    kind: Any = (Annotated[list[Line], Len(1, limits.samples)] if is_of_lines(model.description)
                 else numbers((*places, channels), limits.samples, LARGEST, is_over_time(model)))
    most = {"table": limits.samples, "series": most_steps(model, limits)}
    if model.description.kind in most:
        kind |= Annotated[list[dict[Name, Cell]], Len(1, most[model.description.kind])]
    schema: type[BaseModel] = create_model("Samples", __config__=STRICT, samples=(kind, ...),
                                           **_classes_of(model, limits.samples))
    return schema


def rows_of(model: Trained, rows: list[dict[str, Any]]) -> Collection:
    """Rows of a table that were sent by column, encoded; what a row leaves out is missing. Raises
    ValueError for columns that there are not."""
    encoding = model.description.encoding
    used = [column["name"] for column in encoding["columns"]]
    known = dict.fromkeys([*used, *encoding.get("order", [])])
    wrong = next((name for row in rows for name in row if name not in known), None)
    if wrong is not None:
        raise ValueError(f"there is no column {wrong!r}; {did_you_mean(wrong, known)}")
    there = [name for name in known if name in used or any(name in row for row in rows)]
    label = encoding["label"]
    drop = [label] if label in there and any(row.get(label) is None for row in rows) else []
    frame = as_frame([{name: row.get(name) for name in there if name not in drop} for row in rows])
    return from_frame(frame).encode(encoding)


def wish_type(model: Trained, limits: Limits, priors: dict[str, bool]) -> type[BaseModel]:
    """What to draw: {"n": 1, "class": "7", "prior": "auto", "temperature": 1, "seed": 0}; the class
    only with `priors` that know any."""
    knowing = [text for text, knows in priors.items() if knows]
    kind: Any = one_of(model.classes) if knowing else None
    unknowing: Any = {"not": {"required": ["class", "prior"], "properties": {
        "class": {"type": "string"}, "prior": {"enum": [p for p in priors if p not in knowing]}}}}
    fields: Any = {"kind": (kind | None, Field(None, alias="class"))} if knowing else {}
    if NAME in priors:
        fields |= _told_of(model)
    if is_of_lines(model.description):
        fields |= {"top_k": (Annotated[int, Ge(0), Le(10**6), Whole], Field(
            0, description="draw each token from the most probable ones; 0 takes all"))}
    some = 0 < len(knowing) < len(priors)
    schema: type[BaseModel] = create_model(
        "Wish", __config__=ConfigDict(**STRICT, json_schema_extra=unknowing if some else None),
        n=(Annotated[int, Ge(1), Le(limits.samples), Whole], 1),
        prior=(one_of(("auto", *priors)), "auto"),
        temperature=(Annotated[float, Ge(0), Le(100)], 1.0),
        seed=(Annotated[int, Ge(0), Le(2**32 - 1), Whole], 0),
        **fields)
    return schema


def _told_of(model: Trained) -> dict[str, Any]:
    """The fields of latent diffusion: of prompts only where it was trained with texts."""
    fields: dict[str, Any] = {
        "guidance": (Annotated[float, Ge(0), Le(100)] | None, Field(
            None, description="1 follows the class or prompt as the data does, more is closer; by "
            "default 4 with a prompt, otherwise 1")),
        "steps": (Annotated[int, Ge(1), Le(MOST_STEPS), Whole], 20),
        "sampler": (one_of(tuple(SAMPLERS)), "dpm")}
    if takes_prompts(model):
        text = Annotated[str, Len(1, 1000)] | None
        fields |= {"prompt": (text, Field(None, description="what samples should show")),
                   "negative": (text, Field(None, description="what they should not show, with a "
                                            "prompt"))}
    return fields


def takes_prompts(model: Trained) -> bool:
    """Whether samples can be asked for by a prompt."""
    if not model.sampler.has_denoiser():
        return False
    prior = model.prior(NAME)
    return isinstance(prior, DenoiserPrior) and prior.encoder is not None


def samplers_of(model: Trained) -> list[str]:
    """The samplers of latent diffusion that can be asked for; none without it."""
    return list(SAMPLERS) if model.sampler.has_denoiser() else []


def diffusion_wish(body: BaseModel) -> DiffusionWish | None:
    """What a request asks of latent diffusion; None for nothing."""
    sent = {name: getattr(body, name, None) for name in (
        "prompt", "negative", "guidance", "steps", "sampler")}
    values = {name: value for name, value in sent.items() if value is not None}
    if not values:
        return None
    prompt = values.pop("prompt", None)
    return DiffusionWish(prompts=() if prompt is None else (prompt,), **values)


class History(BaseModel):
    """What a user has: items by id or title, or items with ratings; and how many to recommend."""

    model_config = STRICT

    items: Annotated[list[Name], Len(1, MOST_ITEMS)] | Annotated[
        dict[Name, Annotated[float, Ge(-LARGEST), Le(LARGEST)]], Len(1, MOST_ITEMS)]
    n: Annotated[int, Ge(1), Le(1000), Whole] = 20


def json_intake(kind: type[BaseModel]) -> Callable[[Request], Awaitable[Any]]:
    """Reads a JSON body of that type; raises Refusal."""
    known = [field.alias or name for name, field in kind.model_fields.items()]

    async def read(request: Request) -> Any:
        check_type(request, JSON)
        body = await request.body()
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            raise refuse_body(error, known) from None
    return read


def array_intake(
    model: Trained, kind: type[BaseModel], field: str
) -> Callable[[Request], Awaitable[UploadedSamples]]:
    """Reads the numbers, or the rows of a table or series, of a JSON body of that type, as
    float32."""
    read = json_intake(kind)

    async def take(request: Request) -> UploadedSamples:
        return sent_samples(model, await read(request), field)
    return take


def sent_samples(model: Trained, body: Any, field: str) -> UploadedSamples:
    """The samples in that field of a body, as the model takes them."""
    sent = getattr(body, field)
    y = check_classes(model, getattr(body, "classes", None) or [], len(sent))
    if isinstance(sent[0], str):
        lines = collect_like(sent, model.description.encoding)
        return UploadedSamples(lines.x, y, lines.names, tuple(lines.notes))
    rows = isinstance(sent[0], dict)
    if rows or (field == "samples" and is_over_time(model)):
        collection = from_windows(model, np.asarray(sent, np.float32)) if not rows else (
            rows_of if is_table(model) else from_rows)(model, sent)
        return UploadedSamples(collection.x, y, notes=tuple(collection.notes),
                               collection=collection)
    x = np.asarray(sent, np.float32)
    if field != "samples" or is_table(model):
        return UploadedSamples(x, y)
    with model.inputs.listening() as notes:   # scaled as training scaled
        return UploadedSamples(model.inputs.in_units(Collection(x), Reading()).x, y,
                               notes=tuple(notes))
