"""The form of a search: settings with holes, what `hourglass search` checks, and its command."""

from collections.abc import Mapping
from typing import Any

from ..run.settings import Settings
from .form import check_data, refused_form, typed
from .held_sources import HeldSource
from .jobs import in_shell
from .roots import Roots
from .run_details import in_fields

OPTIONS = ("metric", "trials", "minutes", "target", "limit", "prune", "workers")


def given_to(values: Mapping[str, Any], roots: Roots) -> tuple[str, dict[str, Any]]:
    """The data, and the settings that a form holds, some of them texts with holes. Raises
    ValueError for data or files outside the studio's folders."""
    settings = {name: typed(name, value) for name, value in values.items()
                if value not in ("", None)}
    data = roots.data(str(settings.pop("data", "")))
    roots.check_texts(str(value) for value in settings.values())
    if settings.get("begin"):
        settings["begin"] = str(roots.resolve(str(settings["begin"])))
    for name in ("minutes", "tensorboard"):
        if name in settings:
            raise ValueError(f"{name}: a search has no such setting. The limit in minutes is that "
                             f"of the whole search")
    return data, settings


def asked_from(options: Mapping[str, Any]) -> Any:
    """The options of a search from its form. Raises ValueError."""
    from ..searching.study_folder import SearchOptions
    values = {name: value for name, value in options.items() if value not in ("", None)}
    wrong = [name for name in values if name not in OPTIONS]
    if wrong:
        raise ValueError(f"a search has no option {wrong[0]!r}")
    workers = values.pop("workers", 1)
    if not isinstance(workers, int) or not 1 <= workers <= 64:
        raise ValueError(f"workers: a whole number from 1 to 64, not {workers!r}")
    for name in ("trials", "minutes", "target"):
        if name in values and (isinstance(values[name], bool)
                               or not isinstance(values[name], int | float)):
            raise ValueError(f"{name}: a number, not {values[name]!r}")
    if "trials" in values and values["trials"] != int(values["trials"]):
        raise ValueError(f"trials: a whole number, not {values['trials']!r}")
    return SearchOptions(**{"prune": "asha", **values})


def check_search_form(values: Mapping[str, Any], options: Mapping[str, Any], roots: Roots,
                      sources: HeldSource, whole: bool) -> dict[str, Any]:
    """What is wrong with a form of a search and, where it is known, in which setting; or its holes
    and its command. With `whole`, the data is read, and the smallest and largest models are
    made."""
    try:
        data, settings = given_to(values, roots)
        check_data(data)
        search_options = asked_from(options)
        holes = _holes_of({**settings, "data": data})
        lines: list[str] = []
        if whole:
            from ..searching.study_setup import check_search
            check_search(search_options, {**settings, "data": data}, lines.append, sources.load)
    except (ValueError, TypeError, RecursionError) as error:
        return refused_form(error, values)
    named = str(values.get("data", "")).strip()
    return {"ok": True, **holes, "lines": [in_fields(line) for line in lines], "whole": whole,
            "command": f"hourglass {in_shell([*search_words(settings, options), named])}"}


def _holes_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The holes and how many configurations there are. Raises ValueError for a text that no
    training could take, at either end of its holes."""
    from ..searching.space import at_end, read_space
    from ..training.part_checks import check_texts  # which brings torch
    space = read_space(settings, lambda text: None)
    for high in (False, True):
        check_texts(space.settings(at_end(high)))
    count = space.count
    return {"holes": {name: str(hole) for name, hole in space.holes.items()},
            "count": count if count < float("inf") else None}


def search_words(settings: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """The words of the command `hourglass search`, without its data and folder."""
    words = ["search"]
    for name, value in settings.items():
        flag = Settings.model_fields[name].flag
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words.append(f"{flag}={value}")
    return words + [f"--{name}={value:g}" if isinstance(value, float) else f"--{name}={value}"
                    for name, value in options.items() if value not in ("", None)]
