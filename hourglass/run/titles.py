"""The title of a run on pages and in notebooks."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

WITHIN = re.compile(r"\w+\(\s*(?:\w+=)?(['\"])(.*?)\1")   # the first text of a call


class MemberOf(NamedTuple):
    """A member of an ensemble, as its run.json names it."""

    run: str
    weight: float
    loss: float


def members_in(record: Mapping[str, Any]) -> list[MemberOf]:
    """The members of an ensemble; [] of any other run, and where the entry is damaged."""
    try:
        return [MemberOf(str(member["run"]), float(member["weight"]), float(member["loss"]))
                for member in record["ensemble"]["members"]]
    except (KeyError, TypeError, ValueError):
        return []


def model_of(settings: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The model as it was typed, such as vae(16), or that a run is an ensemble."""
    members = members_in(record)
    return f"ensemble of {len(members)}" if members else str(settings["model"])


def title_of(settings: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Model and data, such as vae(16) on faces."""
    return f"{model_of(settings, record)} on {data_of(settings)}"


def data_of(settings: Mapping[str, Any]) -> str:
    """A short name for the data: the last part of its path, also of a path within a call such as
    ratings('films/u.data', split='last')."""
    data = str(settings["data"])
    inside = WITHIN.match(data)
    return Path(inside[2] if inside else data).name or data
