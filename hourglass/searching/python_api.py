"""The Python function hg.search, and the two ways in which a search begins."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import is_silent, say
from ..core.exit_codes import INTERRUPTED
from ..core.files import check_empty
from ..tasks.python_words import for_python, voice
from .database import PASSWORD, password_of, without_password
from .move_study import move_study
from .study import Study
from .study_folder import (
    DATA,
    SearchOptions,
    StudyFolder,
    check_new,
    is_study,
    next_free,
    open_study,
)
from .study_setup import SearchPlan, begin_study, continue_study, values_of

OWN = ("target", "prune", "storage", "cluster")   # options that are not settings


def begin(
    settings: Mapping[str, Any], keywords: Mapping[str, Any], space: str = "", recipe: str = "",
    out: Path | None = None,
) -> SearchPlan:
    """Begin a new study. Raises ValueError."""
    if keywords.get("storage"):
        keywords = {**keywords, "storage": without_password(keywords["storage"])}
    values = values_of(recipe, space, settings)
    data = str(values.get("data") or "digits")
    if not values.get("data"):
        say("no data is named, so the digits of scikit-learn are searched: hourglass search digits")
    seed = str(values.get("seed") or 0)
    options = SearchOptions(**{**keywords, "seed": int(seed) if seed.isdecimal() else 0})
    place = out or next_free(data)
    check_new(place)
    return begin_study(place, options, {**values, "data": data})


def carry_on(path: str, keywords: Mapping[str, Any]) -> SearchPlan:
    """Go on with a study. Raises ValueError."""
    changes = {**keywords}
    storage = changes.pop("storage", "")
    folder = open_study(path, changes)
    if storage:
        move_study(folder, without_password(storage))
    plan = continue_study(folder)
    say(f"{path}: {len(plan.records().trials)} trials so far")
    return plan


@for_python
def search(
    data: Any = None, *, y: Any = None, out: str | Path | None = None, trials: int | None = None,
    minutes: float | None = None, metric: str | Sequence[str] = "", limit: str = "",
    workers: int = 1,
    **keywords: Any,
) -> Study:
    """Train many models and find the best. `data` is a source's name, a path, an array (N, ...)
    with labels y (N,), or the folder of a study, to continue it.

    Settings are keywords, as in hg.train, and their texts may have holes: "{4..64}" is a range,
    "{8|16|32}" are choices. Without a hole, a default space for the model is searched. Trials are
    runs in a folder, `out`, by default a new one under studies/; they are trained by processes of
    their own, `workers` at a time, until the number of `trials` (default: 50) or of `minutes`,
    or the `target`, is reached. `metric` is the objective on the validation split, such as
    "val_bce", or two objectives, such as "mse,parameters"; `objective` is another name for it.
    `limit` bounds the models to train, such as "parameters <= 4723".

    Further keywords: `space` (a TOML file with settings), `recipe`, `target`, `prune` ("asha",
    "hyperband", "median" or "none"), `storage` (a database's URL), `cluster` (a TOML file of a
    cluster's jobs), `parts` (files that register parts of your own) and `quiet`. Raises
    ValueError for what cannot work, and KeyboardInterrupt where Ctrl-C ended the search, which
    `search(folder)` continues.

        >>> import hourglass as hg
        >>> study = hg.search("digits", model="ae({2..8})", backbone="mlp(16)", epochs=1,
        ...                   trials=2, out="study", quiet=True)
        >>> study.best.model().encode("digits").shape[0]
        1797
    """
    with voice(bool(keywords.pop("quiet", False))):
        metric = metric or keywords.pop("objective", "")
        metric = metric if isinstance(metric, str) else ",".join(metric)
        if isinstance(keywords.get("space"), Mapping):
            raise ValueError("space is a TOML file. Give settings as keywords, such as "
                             "lr='{1e-4..1e-2}'")
        options: dict[str, Any] = {"trials": trials, "minutes": minutes, "metric": metric, "limit":
                                   limit, **{n: keywords.pop(n) for n in OWN if n in keywords}}
        files = keywords.pop("parts", ())
        plugins = [str(f) for f in ([files] if isinstance(files, str | Path) else files)]
        if options.get("storage"):
            options["storage"] = without_password(str(options["storage"]))
        flags = [word for name, value in options.items() if value not in (None, "")
                 for word in (f"--{name}", str(value))]
        flags += ["--workers", str(workers)] + [w for f in plugins for w in ("--plugin", f)]
        if isinstance(data, str | Path) and is_study(data):
            if keywords or out is not None or y is not None:
                wrong = next(iter(keywords), "out" if out is not None else "y")
                raise ValueError(f"{data} is a study, whose settings cannot change: leave out "
                                 f"{wrong}, or start a new study with another out")
            _command([str(data), *flags], str(options.get("storage") or StudyFolder(
                Path(data)).read()[0].storage))
            return Study(data)
        flags += [word for name in ("space", "recipe") if keywords.get(name)
                  for word in (f"--{name}", str(keywords.pop(name)))]
        place = Path(out) if out is not None else next_free(
            str(data) if isinstance(data, str | Path) else "array")
        named = _named(data, y, place)
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "settings.toml"
            settings.write_text(_as_toml({**keywords, **({"data": named} if named else {})}))
            _command(["--settings", str(settings), "--out", str(place), *flags],
                     str(options.get("storage") or ""))
        return Study(place)


def _named(data: Any, y: Any, place: Path) -> str:
    """The data's name. Samples in memory are written into the study's folder, where every process
    and a continued search find them."""
    if data is None or isinstance(data, str | Path):
        if y is not None:
            raise ValueError("labels y go with data in memory, but data is a name or a path")
        return str(data or "")
    x = np.asarray(data)
    if x.dtype.kind not in "uifb" or x.ndim < 2:
        raise ValueError(f"a search takes a name, a path or an array of numbers (N, ...), not "
                         f"{type(data).__name__}; save it to a file first")
    check_empty(place, "out")
    place.mkdir(parents=True, exist_ok=True)
    arrays = {"x": x} if y is None else {"x": x, "y": np.asarray(y)}
    np.savez(place / DATA, **arrays)  # type: ignore[arg-type]
    say(f"the samples are kept in {place / DATA}")
    return str(place / DATA)


def _as_toml(values: Mapping[str, Any]) -> str:
    texts = {name: value if isinstance(value, bool | int | float) else str(value)
             for name, value in values.items() if value is not None}
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
                   for name, value in texts.items())


def _command(words: list[str], storage: str) -> None:
    """Search in a new process: only one without threads and GPU may fork the trials'. A password
    of the storage is in its environment, where no list of processes shows it. Raises ValueError
    with its message."""
    password = {PASSWORD: password_of(storage)} if storage and password_of(storage) else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "hourglass", "search", *words], text=True, errors="replace",
        env={**os.environ, **password},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        process_group=0)   # Ctrl-C reaches this process alone, which passes it on once
    last = ""
    assert process.stderr is not None
    while True:
        try:
            for line in process.stderr:
                last = line.rstrip()
                if not is_silent() and not last.startswith("hourglass: "):
                    say(last)
            break
        except KeyboardInterrupt:   # it stops the trials, and they write their checkpoints
            process.send_signal(signal.SIGINT)
    code = process.wait()
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise ValueError(last.removeprefix("hourglass: ") or f"the search ended with code {code}")
