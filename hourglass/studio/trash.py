"""The trash: runs that were put away, and can be put back."""

import json
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from ..core.files import read_file, write_whole
from .entries import run_entry
from .jobs import FOLDER, Jobs

WITHIN, ABOUT = "run", "trash.json"


def trash_of(jobs: Jobs) -> Path:
    """The folder of the trash."""
    return jobs.runs / FOLDER / "trash"


def put_away(jobs: Jobs, path: Path) -> str:
    """Move a run to the trash. Returns its number there. Raises ValueError where it cannot be
    moved."""
    number = secrets.token_hex(6)
    place = trash_of(jobs) / number
    place.mkdir(parents=True)
    write_whole(place / ABOUT, json.dumps({"from": str(path.relative_to(jobs.home)),
                                           "at": time.time()}))
    try:
        path.rename(place / WITHIN)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise ValueError(f"{path.name} cannot be moved to the trash ({error.strerror})") from None
    return number


def put_back(jobs: Jobs, number: str) -> Path:
    """Move a run from the trash to where it was. Raises ValueError if something is there now."""
    place = _place(jobs, number)
    target = (jobs.home / _about(place)["from"]).resolve()
    if not target.is_relative_to(jobs.home):
        raise ValueError("this run was not in the studio's folder")
    if target.exists():
        raise ValueError(f"{target.name} exists again; move or rename it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    (place / WITHIN).rename(target)
    shutil.rmtree(place, ignore_errors=True)
    return target


def remove(jobs: Jobs, number: str) -> None:
    """Delete a run in the trash for good. Raises ValueError if it is not there."""
    shutil.rmtree(_place(jobs, number))


def in_trash(jobs: Jobs) -> list[dict[str, Any]]:
    """What lies in the trash, the newest first."""
    entries = []
    for place in trash_of(jobs).glob("*"):
        try:
            about = _about(place)
            entry = run_entry(place / WITHIN)
            entries.append({"number": place.name, "from": str(about["from"]),
                            "at": float(about["at"]), "title": entry["title"]})
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(entries, key=lambda item: -item["at"])


def _place(jobs: Jobs, number: str) -> Path:
    place = trash_of(jobs) / number
    if not (number.isalnum() and number.isascii()) or not (place / WITHIN).is_dir():
        raise ValueError("this run is not in the trash any more")
    return place


def _about(place: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(read_file(place / ABOUT)))
    except OSError:
        raise ValueError("this run is not in the trash any more") from None
