"""The addresses of a run's latent space: points, samples of it, classes made of them, a decoder."""

import asyncio
import base64
from functools import partial
from typing import Annotated, Any

from annotated_types import Len
from fastapi import APIRouter, Response
from pydantic import BaseModel

from . import latent, placed, samples
from .chosen import as_lines, check_codes, chosen_csv
from .made_classes import make_class
from .page_decoder import decoder_of
from .processes import stop
from .state import KNOWN, Name, Studio, Text

BYTES, CSV = "application/octet-stream", "text/csv"


class Chosen(BaseModel):
    """Samples by their numbers, and whether their codes are wanted."""

    model_config = KNOWN

    rows: Annotated[list[int], Len(1, 10**6)]
    codes: bool
    split: Text = ""


class NewClass(BaseModel):
    """Samples by their numbers, and the class that they get."""

    model_config = KNOWN

    rows: Annotated[list[int], Len(1, 10**6)]
    name: Text
    split: Text = ""


class SplitToPlace(BaseModel):
    """A split of a run's data."""

    model_config = KNOWN

    split: Text


def put_latent(router: APIRouter, studio: Studio) -> None:
    """Add the latent space of a run. Samples are those that its report looked at, or those of a
    `split`."""
    @router.get("/runs/{key}/latent")
    async def points(key: str, split: Name = "") -> Response:
        """Points, classes, errors and directions."""
        s = await studio.aside(studio.look_at, key)
        placed_points = await studio.aside(placed.points_of, s, studio.catalogue.run(key),
                                           split) if split else None
        return Response(await studio.aside(latent.latent_of, s, placed_points), media_type=BYTES)

    @router.get("/runs/{key}/inputs")
    async def inputs(key: str) -> dict[str, str]:
        """A digest of the samples that the report looked at."""
        s = await studio.aside(studio.look_at, key)
        return {"digest": await asyncio.to_thread(latent.inputs_digest, s)}

    @router.get("/runs/{key}/sample/{row}")
    async def sample(key: str, row: int, split: Name = "") -> dict[str, Any]:
        """The name and class of a sample, and a small picture of it."""
        s = await studio.aside(studio.look_at, key, False, split, [row])
        one = latent.one_of(s, 0 if split else row)
        picture = await studio.aside(latent.thumbnail, one)
        return {**samples.about_samples(one, [0])[0], "row": row,
                "webp": base64.b64encode(picture).decode()}

    @router.get("/runs/{key}/codes/{row}")
    async def code(key: str, row: int, split: Name = "") -> dict[str, Any]:
        """The code of a sample."""
        s = await studio.aside(studio.look_at, key, False, split, [row])
        return {"code": latent.code_of(s, 0 if split else row)}

    @router.get("/runs/{key}/decoder", response_class=Response, responses={
        200: {"content": {BYTES: {}}}})
    async def decoder(key: str) -> Response:
        """The run's decoder as ONNX, for the page."""
        content = await studio.slowly(decoder_of, studio.catalogue.run(key))
        return Response(content, media_type=BYTES)

    @router.post("/runtime")
    async def runtime() -> dict[str, list[str]]:
        """Have what runs ONNX in the page ready; it is downloaded at first use."""
        return {"files": await studio.aside(studio.runtime.prepare)}


def put_chosen(router: APIRouter, studio: Studio) -> None:
    """Add what is made of the samples that a person chose in the latent space."""
    @router.post("/runs/{key}/chosen", response_class=Response, responses={
        200: {"content": {CSV: {}}}})
    async def chosen(key: str, sent: Chosen) -> Response:
        """These samples as the text of a .csv file."""
        s = await studio.aside(studio.look_at, key)
        text = await studio.aside(_chosen_in_split, studio, key, sent) if sent.split else (
            await asyncio.to_thread(chosen_csv, s, sent.rows, sent.codes))
        return Response(text, media_type=CSV)

    @router.post("/runs/{key}/classes")
    async def classes(key: str, sent: NewClass) -> dict[str, Any]:
        """Give these samples a class, in files that a classifier learns from."""
        run = studio.catalogue.run(key)
        s = await studio.aside(studio.look_at, key)
        look = partial(studio.by_split.look, run, sent.split) if sent.split else None
        files: dict[str, Any] = await studio.slowly(make_class, studio.roots.home, run, s,
                                                    sent.rows, sent.name, sent.split, look)
        return files


def _chosen_in_split(studio: Studio, key: str, sent: Chosen) -> str:
    """Chosen samples of a split as a table; only their codes are computed anew."""
    run, s = studio.catalogue.run(key), studio.look_at(key)
    check_codes(s, len(sent.rows), sent.codes)
    points = placed.points_of(s, run, sent.split)
    names = studio.by_split.names(run, sent.split, sent.rows)
    about = placed.about_points(points, s.classes, sent.rows, names)
    codes = studio.by_split.look(run, sent.split, sent.rows).codes if sent.codes else None
    return as_lines(about, codes)


def put_placing(router: APIRouter, studio: Studio) -> None:
    """Add what places all samples of a split, and tells how far that is."""
    @router.get("/runs/{key}/points")
    async def splits(key: str) -> dict[str, Any]:
        """How many samples each split has, and how many of them are placed."""
        counts: dict[str, Any] = await studio.aside(placed.splits_of, studio.jobs,
                                                    studio.catalogue.run(key))
        return counts

    @router.post("/runs/{key}/points")
    async def place(key: str, sent: SplitToPlace) -> dict[str, str]:
        """Start the process that places the samples of a split."""
        run = studio.catalogue.run(key)
        counts = await studio.aside(placed.splits_of, studio.jobs, run)
        if sent.split not in [each["name"] for each in counts["splits"]]:
            raise ValueError("this run has no such split")
        if counts["running"]:
            raise ValueError(f"the samples of the split {counts['running']} are being placed; "
                             f"wait, or stop that")
        studio.jobs.start("points", placed.words_of(run, sent.split), run)
        studio.events.tell([""])
        return {}

    @router.delete("/runs/{key}/points")
    async def end(key: str) -> dict[str, str]:
        """Stop the process that places samples."""
        job = studio.jobs.of(studio.catalogue.run(key), "points")
        if not job.alive:
            raise ValueError("no samples of this run are being placed")
        stop(job.pid)
        studio.events.tell([""])
        return {}
