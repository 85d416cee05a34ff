"""The addresses of runs: the list, one run, its pictures, notes and the trash."""

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ..core.files import is_link, open_regular
from ..serving.errors import Refusal
from . import latent, samples
from .models import check_order
from .notes import write_notes
from .run_details import about_figures, details_of, progress_of
from .state import KNOWN, Name, Studio, Text
from .trash import in_trash, put_away, put_back, remove

FRAME = re.compile(r"\d{1,9}\.png")
FIGURE = re.compile(r"\w{1,80}\.(png|gif)")
KINDS = {".png": "image/png", ".gif": "image/gif"}
SOON = 0.5   # seconds after the list, which imports would hold up
REQUEST = 2**20          # characters of a note that is read at all
LARGEST_PICTURE = 64 * 2**20   # bytes


class Notes(BaseModel):
    """A run's note and tags."""

    model_config = KNOWN

    note: Annotated[str, Len(0, REQUEST)]
    tags: list[Text]


def _keyed(studio: Studio, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Jobs with the key that their run has once it is there, in place of its path."""
    return [{"key": studio.catalogue.key_of(Path(job.pop("out"))), **job} for job in jobs
            if Path(job["out"]).is_relative_to(studio.roots.home)]


def put_runs(router: APIRouter, studio: Studio) -> None:
    """Add the list of runs, and the news of it."""
    @router.get("/runs")
    async def runs(keys: Annotated[str, Query(max_length=20_000)] = "") -> dict[str, Any]:
        """All runs and studies, or those of these keys, separated by commas; and which events
        they include."""
        await studio.events.look()
        asyncio.get_running_loop().call_later(SOON, studio.warm)
        entries, chosen = studio.catalogue.entries, set(filter(None, keys.split(",")))
        return {"runs": [entry for key, entry in list(entries.items())
                         if not chosen or key in chosen],
                "folder": str(studio.roots.home), "whole": studio.catalogue.whole,
                "seen": studio.events.place,
                "waiting": _keyed(studio, studio.jobs.waiting()),
                "failed": _keyed(studio, studio.jobs.failed())}

    @router.get("/events")
    async def events(request: Request) -> StreamingResponse:
        """What changes in the folder, as server-sent events."""
        seen = request.headers.get("last-event-id", "")[:40]
        return StreamingResponse(studio.events.stream(seen), media_type="text/event-stream")

    @router.get("/trash")
    async def trash() -> dict[str, Any]:
        """What lies in the trash."""
        return {"runs": await asyncio.to_thread(in_trash, studio.jobs)}

    @router.post("/trash/{number}/restore")
    async def restore(number: str) -> dict[str, str]:
        """Put a run back from the trash."""
        path = put_back(studio.jobs, number)
        await studio.events.look()
        return {"key": studio.catalogue.key_of(path)}

    @router.delete("/trash/{number}")
    async def delete(number: str) -> dict[str, str]:
        """Delete a run in the trash for good."""
        await asyncio.to_thread(remove, studio.jobs, number)
        return {}


def put_run(router: APIRouter, studio: Studio) -> None:
    """Add the routes of one run: its facts, and a person's note and tags."""
    @router.get("/runs/{key}")
    async def run(key: str) -> dict[str, Any]:
        """Settings, metrics and sections of a run."""
        path = studio.catalogue.run(key)
        answer = await asyncio.to_thread(details_of, path, studio.jobs.of(path))
        return {**answer, "entry": studio.catalogue.entry(key)}

    @router.get("/runs/{key}/progress")
    async def progress(key: str, after: Annotated[int, Query(ge=0, le=10**9)] = 0
                       ) -> dict[str, Any]:
        """The rows of the history from a number on, the frames and the log."""
        path = studio.catalogue.run(key)
        answer = await asyncio.to_thread(progress_of, path, after, studio.jobs.of(path),
                                         studio.jobs)
        return {**answer, "entry": studio.catalogue.entry(key)}

    @router.put("/runs/{key}/notes")
    async def notes(key: str, sent: Notes) -> dict[str, str]:
        """Write a run's note and tags into its folder."""
        write_notes(studio.catalogue.place(key).path, sent.note, sent.tags)
        await studio.events.look()
        return {}

    @router.post("/runs/{key}/trash")
    async def trash(key: str) -> dict[str, str]:
        """Move a run to the trash."""
        if studio.catalogue.place(key).kind == "trial":
            raise ValueError("this is a trial of a search, which needs it unchanged")
        path = studio.catalogue.place(key).path
        if studio.jobs.of(path, "serve").alive:
            raise ValueError("this run is being served; stop its server first")
        if studio.jobs.of(path, "points").alive:
            raise ValueError("samples of this run are being placed; stop that first")
        if studio.catalogue.entry(key).get("state") in ("training", "writing"):
            raise ValueError("this run is being trained; stop it first")
        if path == studio.roots.home:
            raise ValueError("this run is the studio's own folder; open the studio on the folder "
                             "above it")
        number = put_away(studio.jobs, path)
        await studio.events.look()
        return {"number": number}


def put_pictures(router: APIRouter, studio: Studio) -> None:
    """Add the pictures of a run."""
    @router.get("/figures")
    async def figures() -> dict[str, str]:
        """What each figure of a report shows."""
        texts: dict[str, str] = await studio.slowly(about_figures)
        return texts

    @router.get("/runs/{key}/frames/{name}")
    async def frame(key: str, name: str) -> Response:
        """A frame of reconstructions in training."""
        return picture_in(studio.catalogue.run(key) / "frames", name, FRAME)

    @router.get("/runs/{key}/figures/{name}")
    async def figure(key: str, name: str) -> Response:
        """A picture of the report."""
        return picture_in(studio.catalogue.run(key) / "figures", name, FIGURE)

    @router.get("/runs/{key}/samples")
    async def listed(key: str, order: str = "worst", count: Annotated[int, Query(ge=1, le=400)]
                     = 24, label: Annotated[int | None, Query(ge=0, le=10**6)] = None,
                     everything: bool = False) -> dict[str, Any]:
        """Samples by their errors: the worst, the best or the first; of the split that the report
        looked at, or of all data."""
        check_order(order, samples.ORDERS)
        s = await studio.aside(studio.look_at, key, everything)
        rows = samples.rows_of(s, order, count, label)
        return {"samples": samples.about_samples(s, rows), "image": s.x.ndim == 4,
                "lines": s.kind == "lines", "split": s.split, "count": len(s.x), "total": s.total,
                "classes": [samples.printable(name) for name in s.classes]}

    @router.get("/runs/{key}/neighbours/{row}")
    async def neighbours(key: str, row: int, count: Annotated[int, Query(ge=1, le=100)] = 11,
                         everything: bool = False) -> dict[str, Any]:
        """A sample, and those whose codes are nearest to it, with the distances of their codes."""
        s = await studio.aside(studio.look_at, key, everything)
        rows, distances = latent.neighbours_of(s, row, count)
        return {"samples": samples.about_samples(s, rows), "distances": distances,
                "image": s.x.ndim == 4}

    @router.get("/runs/{key}/strip")
    async def strip(key: str, rows: Annotated[str, Query(max_length=4000)],
                    everything: bool = False, split: Name = "") -> Response:
        """Inputs, reconstructions and errors of these samples, side by side; of those that the
        report looked at, of all data, or of a split."""
        numbers = samples.numbers_in(rows)
        s = await studio.aside(studio.look_at, key, everything, split, numbers)
        if split:
            numbers = list(range(len(numbers)))
        samples.check_numbers(s, numbers)
        if s.x.ndim != 4:
            return Response(samples.lines_of(s, numbers), media_type="application/json")
        content = await studio.aside(samples.strip, s, numbers)
        return Response(content, media_type="image/png")


def picture_in(folder: Path, name: str, pattern: re.Pattern[str]) -> Response:
    """A picture in a folder of a run. Raises Refusal for another name, a link or no such file."""
    path = folder / name
    if not pattern.fullmatch(name) or is_link(path):
        raise Refusal(404, "a run has no picture of that name")
    try:
        with open_regular(path) as file:
            content = file.read(LARGEST_PICTURE)
    except OSError:
        raise Refusal(404, "a run has no picture of that name") from None
    return Response(content, media_type=KINDS[path.suffix])
