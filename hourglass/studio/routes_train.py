"""The addresses that start and stop work: trainings, their form, reports."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ..run.folder import RunFolder
from ..run.settings import Settings
from . import form, form_costs
from .entries import settings_in
from .processes import holder_of, lock_holders, stop
from .run_details import data_size_in, flags_of, printable_lines
from .state import KNOWN, Studio, Text

Value = Text | int | float | bool | None


class Wish(BaseModel):
    """What a form holds: settings by name, data among them, and the run's name."""

    model_config = KNOWN

    settings: dict[Text, Value]
    name: Text = ""


class More(BaseModel):
    """How far to continue a run."""

    model_config = KNOWN

    epochs: int | None = None


def put_form(router: APIRouter, studio: Studio) -> None:
    """Add the form of a training."""
    @router.get("/form")
    async def schema() -> dict[str, Any]:
        """The settings in groups, and the data sets that need no file."""
        return {"groups": form.schema(), "sets": form.SETS, "recipes": form.recipes()}

    @router.get("/parts")
    async def parts() -> dict[str, Any]:
        """All parts by kind, and the gallery of named models."""
        return {"parts": await studio.slowly(form.parts),
                "models": await studio.slowly(form.named_models)}

    @router.get("/recipes/{name}")
    async def recipe(name: str) -> dict[str, Any]:
        """The settings of a recipe of Hourglass."""
        from ..run.settings import chosen_recipe, recipes
        if name not in recipes():
            raise ValueError("there is no such recipe")
        return {"settings": chosen_recipe(name)}

    @router.post("/check")
    async def check(wish: Wish) -> dict[str, Any]:
        """The composed model and the command, or what is wrong with the form."""
        answer: dict[str, Any] = await studio.slowly(form.check, wish.settings, studio.roots)
        return answer


    @router.post("/costs")
    async def costs(wish: Wish) -> dict[str, Any]:
        """Parameters, multiply-adds, memory and layers of the form's model, for its data."""
        answer: dict[str, Any] = await studio.slowly(form_costs.costs_of_form, wish.settings,
                                                     studio.roots, studio.sources)
        return answer

    @router.post("/preview", response_class=Response,
                 responses={200: {"content": {"image/png": {}}}})
    async def preview(wish: Wish) -> Response:
        """Training samples, a row each: original, augmented and corrupted."""
        content = await studio.slowly(form_costs.previewed, wish.settings, studio.roots,
                                      studio.sources)
        return Response(content, media_type="image/png")


def put_jobs(router: APIRouter, studio: Studio) -> None:
    """Add what starts trainings, and the logs of those that failed."""
    @router.post("/train")
    async def train(wish: Wish) -> dict[str, str]:
        """Start a training. It is a process of its own, and outlives the studio."""
        settings = await studio.slowly(form.settings_from, wish.settings, studio.roots)
        _check_start(studio, settings)
        out = studio.jobs.claim(wish.name)
        words = ["train", *flags_of(settings.model_dump()), f"--out={out}", "--", settings.data]
        studio.jobs.start_in(out, "train", words)
        await studio.events.look()
        return {"name": out.name, "key": studio.catalogue.key_of(out)}

    @router.get("/jobs/{log}/log")
    async def log(log: str) -> dict[str, str]:
        """The log of a command that has failed."""
        job = next((job for job in studio.jobs.read() if Path(job.log).stem == log), None)
        if job is None:
            raise ValueError("there is no such log any more")
        return {"log": printable_lines(studio.jobs.log_of(job)), "command": job.command}

    @router.delete("/jobs/{log}")
    async def forget(log: str) -> dict[str, str]:
        """Remove a failed command from the list."""
        await asyncio.to_thread(studio.jobs.forget, log)
        studio.events.tell([""])
        return {}


def put_run_jobs(router: APIRouter, studio: Studio) -> None:
    """Add what stops, continues and completes the run of a key."""
    @router.post("/runs/{key}/stop")
    async def stop_run(key: str) -> dict[str, str]:
        """Ask a training to stop after its current batch."""
        place = studio.catalogue.place(key)
        path = place.path
        pid = studio.catalogue.trainer(place, lock_holders())
        job = studio.jobs.of(path)
        if pid <= 0 and not job.alive:
            raise ValueError("this run is not being trained" if not pid else
                             "this system does not tell which process trains; stop it where it was "
                             "started")
        stop(pid if pid > 0 else job.pid)
        return {}

    @router.post("/runs/{key}/resume")
    async def resume(key: str, more: More) -> dict[str, str]:
        """Continue a training, to more epochs if they are given."""
        path = _idle(studio, key)
        if studio.catalogue.place(key).kind == "trial":
            raise ValueError("this is a trial of a search; continue the search instead")
        flags = [f"--epochs={more.epochs}"] if more.epochs is not None else []
        studio.jobs.start("resume", ["train", *flags, "--resume", "--", str(path)], path)
        await studio.events.look()
        return {}

    @router.post("/runs/{key}/report")
    async def report(key: str) -> dict[str, str]:
        """Write the report of a run, which looks at the model first if that is needed."""
        path = _idle(studio, key)
        studio.jobs.start("report", ["report", "--", str(path)], path)
        await studio.events.look()
        return {}

    @router.get("/runs/{key}/settings")
    async def settings(key: str) -> dict[str, Any]:
        """The settings of a run, as the form of a new one takes them."""
        path = studio.catalogue.run(key)
        job = studio.jobs.of(path)
        words = job.words if job.kind == "train" else ()
        shape, count = data_size_in(path)
        return {"settings": await studio.slowly(form.given_in, settings_in(RunFolder(path)),
                                                shape, words, count)}


def _idle(studio: Studio, key: str) -> Path:
    """The folder of a run that nothing trains. Raises ValueError."""
    path = studio.catalogue.run(key)
    if holder_of(path / "lock", lock_holders()) or studio.jobs.of(path).alive:
        raise ValueError("this run is being trained already")
    return path


def _check_start(studio: Studio, settings: Settings) -> None:
    """Raise ValueError for a warm start from a path that is not a run of the studio."""
    if settings.begin:
        path = studio.roots.resolve(settings.begin)
        if path not in {place.path for place in studio.catalogue.places.values()}:
            raise ValueError(f"{settings.begin} is not a run of this studio")
