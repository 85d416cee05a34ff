"""The addresses of searches: their form, one study, and what continues and combines it."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from ..run.settings import Settings
from . import search_form
from .jobs import in_shell
from .processes import lock_holders
from .routes_train import Value
from .run_details import printable_lines
from .state import KNOWN, Studio, Text
from .studies import about_study, held_trials

FOLDER = "studies"   # of new searches, in the studio's folder


class SearchWish(BaseModel):
    """What the form of a search holds: settings, some with holes, and the search's options."""

    model_config = KNOWN

    settings: dict[Text, Value]
    options: dict[Text, Value] = {}
    name: Text = ""
    whole: bool = False   # whether the data is read for the check, too


class Further(BaseModel):
    """The limits with which a search is continued."""

    model_config = KNOWN

    options: dict[Text, Value] = {}


class Combined(BaseModel):
    """How the trials of a study are combined into an ensemble."""

    model_config = KNOWN

    size: int = 10
    how: Text = "greedy"
    name: Text = ""


def put_search(router: APIRouter, studio: Studio) -> None:
    """Add the form of a search, and what starts one."""
    @router.post("/search/check")
    async def check(wish: SearchWish) -> dict[str, Any]:
        """The holes and the command, or what is wrong. `whole` also reads the data and makes the
        smallest and largest models, as the command does before its first trial."""
        answer: dict[str, Any] = await studio.slowly(
            search_form.check_search_form, wish.settings, wish.options, studio.roots,
            studio.sources, wish.whole)
        return answer

    @router.post("/search")
    async def start(wish: SearchWish) -> dict[str, str]:
        """Start a search. It is a process of its own, and outlives the studio."""
        checked = await studio.slowly(
            search_form.check_search_form, wish.settings, wish.options, studio.roots,
            studio.sources, True)
        if not checked["ok"]:
            raise ValueError(checked["error"])
        data, settings = search_form.given_to(wish.settings, studio.roots)
        if settings.get("begin") and Path(settings["begin"]) not in {
                place.path for place in studio.catalogue.places.values()}:
            raise ValueError(f"{settings['begin']} is not a run of this studio")
        out = studio.jobs.claim(wish.name, studio.roots.home / FOLDER)
        words = [*search_form.search_words(settings, wish.options), f"--out={out}", "--", data]
        studio.jobs.start_in(out, "search", words)
        await studio.events.look()
        return {"name": out.name, "key": studio.catalogue.key_of(out)}


def put_study(router: APIRouter, studio: Studio) -> None:
    """Add a study's page, and what continues it and combines its trials."""
    @router.get("/studies/{key}")
    async def study(key: str) -> dict[str, Any]:
        """Trials, holes, importance, the front, and what runs now."""
        path = _study(studio, key)
        details: dict[str, Any] = await asyncio.to_thread(_read, studio, path)
        job = studio.jobs.of(path)
        return {**details, "entry": studio.catalogue.entry(key),
                "command": job.command if job.pid else _shell(details, path),
                "log": printable_lines(studio.jobs.log_of(job))}

    @router.post("/studies/{key}/continue")
    async def further(key: str, sent: Further) -> dict[str, str]:
        """Continue a search, perhaps with other limits."""
        path = _idle_study(studio, key)
        search_form.asked_from(sent.options)
        await studio.aside(_check_own, path)
        studio.jobs.start("search", [*search_form.search_words({}, sent.options), "--", str(path)],
                          path)
        await studio.events.look()
        return {}

    @router.post("/studies/{key}/ensemble")
    async def ensemble(key: str, sent: Combined) -> dict[str, str]:
        """Combine the finished trials into an ensemble, a new run."""
        path = _study(studio, key)
        if not 1 <= sent.size <= 1000 or sent.how not in ("greedy", "uniform", "stacked"):
            raise ValueError("an ensemble has 1 to 1000 members, and its weights are greedy, "
                             "uniform or stacked")
        out = studio.jobs.claim(sent.name)
        words = ["ensemble", f"--size={sent.size}", f"--how={sent.how}", f"--out={out}", "--",
                 str(path)]
        studio.jobs.start_in(out, "ensemble", words)
        await studio.events.look()
        return {"name": out.name, "key": studio.catalogue.key_of(out)}


def _shell(details: dict[str, Any], path: Path) -> str:
    """The command of a search that the studio did not start."""
    settings = {name: value for name, value in details["settings"].items()
                if name in Settings.model_fields and name != "data"}
    options = {name: value for name, value in details["asked"].items()
               if name not in ("seed", "prune")}
    options["metric"] = ",".join(aim["name"] for aim in details["aims"])
    words = [*search_form.search_words(settings, options), f"--out={path}",
             str(details["settings"].get("data", ""))]
    return f"hourglass {in_shell(words)}"


def _read(studio: Studio, path: Path) -> dict[str, Any]:
    records, weights = studio.studies.of(path)
    return about_study(path, records, weights, studio.catalogue.key_of,
                       studio.jobs.of(path).alive)


def _study(studio: Studio, key: str) -> Path:
    """The folder of a study. Raises ValueError."""
    place = studio.catalogue.place(key)
    if place.kind != "study":
        raise ValueError("this is a run, not a search")
    return place.path


def _idle_study(studio: Studio, key: str) -> Path:
    """The folder of a study that no process conducts. Raises ValueError."""
    path = _study(studio, key)
    if studio.jobs.of(path).alive or held_trials(path, lock_holders()):
        raise ValueError("this search runs already")
    return path


def _check_own(path: Path) -> None:
    """Raise ValueError for a study that would load code or ask a database."""
    from ..searching.study_folder import StudyFolder
    options, _ = StudyFolder(path).read()
    if options.plugins or options.storage:
        what = "a plug-in" if options.plugins else "a database"
        raise ValueError(f"this search uses {what}, which the studio does not. Continue it from a "
                         f"shell: hourglass search {path}")
