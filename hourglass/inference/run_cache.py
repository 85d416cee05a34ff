"""Results for a run, saved in its folder under the digest of its weights."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..core.checksums import stamped, unstamped
from ..core.console import say
from ..core.expressions import read
from ..core.files import read_file, write_whole
from ..core.part_contracts import OnlyDrawn, offers
from ..core.registry import Registry
from ..core.tensor_files import load_tensors, save_tensors
from ..run.folder import RunFolder, digest

WEIGHTS = "model"   # key of the weights' digest in a file
EVALUATIONS = "evaluation.json"
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError,
           RecursionError)   # possible errors from a damaged file
UNWRITABLE: set[str] = set()   # folders that have had a note

Found = TypeVar("Found")
Texts = dict[str, str]


@dataclass(frozen=True)
class RunCache:
    """The files of a run with results of its weights. All results can be computed again: a file
    that is damaged, or belongs to other weights, is ignored; in a folder that cannot be written, or
    that holds other weights by now, nothing is saved. Raises ValueError for a link instead of a
    folder.
    """

    folder: RunFolder
    weights: str   # digest of the weights in memory

    def is_current(self) -> bool:
        """Whether the folder still holds these weights. Another process may have trained them
        further, or moved the folder."""
        try:
            return digest(self.folder) == self.weights
        except ValueError:
            return False

    def keep_tensors(
        self, name: str, tensors: Mapping[str, Tensor | np.ndarray], texts: Texts
    ) -> None:
        """Save tensors or arrays and texts as the file `name`, such as codes.safetensors."""
        plain = {key: torch.from_numpy(np.ascontiguousarray(values))
                 if isinstance(values, np.ndarray) else values for key, values in tensors.items()}
        self._keep(name, lambda: save_tensors(self.folder.path / name, plain,
                                              {**texts, WEIGHTS: self.weights}))

    def kept_tensors(
        self, name: str, make: Callable[[dict[str, Tensor], Texts], Found], marked: bool = False
    ) -> Found | None:
        """The result of `make` on the saved tensors and texts; None without any, or if `make`
        fails. Older files, whose names are `marked` with the digest, do not contain it."""
        path = self.folder.path / name
        try:
            if path.is_symlink() or not path.is_file():
                return None
            tensors, texts = load_tensors(path)
            its_own = texts.get(WEIGHTS, self.weights if marked else "")
            return make(tensors, texts) if its_own == self.weights else None
        except DAMAGED:
            return None

    def keep_values(self, name: str, values: Mapping[str, Any]) -> None:
        """Keep what JSON can hold as the file `name`, such as detectors/usual.json."""
        text = json.dumps(stamped({WEIGHTS: self.weights, **values}), indent=2)
        self._keep(name, lambda: write_whole(self.folder.path / name, text + "\n"))

    def kept_values(self, name: str, make: Callable[[dict[str, Any]], Found]) -> Found | None:
        """The result of `make` on the saved values, as in `kept_tensors`."""
        try:
            values, changed = unstamped(json.loads(read_file(self.folder.path / name)))
            return make(values) if values[WEIGHTS] == self.weights and not changed else None
        except DAMAGED:
            return None

    def marked_name(self, where: str, parts: Registry, text: str) -> str:
        """The file's name for a part fitted to the weights. It depends on the weights and on the
        part's options, except those that change only its use."""
        call = read(text)
        options = parts.check(call)
        part: Any = parts.parts[call.name]
        only_used = part.only_drawn if offers(part, OnlyDrawn) else ()
        fitted = sorted((name, value) for name, value in options.items() if name not in only_used)
        mark = hashlib.sha256(f"{call.name} {fitted} {self.weights}".encode()).hexdigest()[:8]
        return f"{where}/{call.name}-{mark}.safetensors"

    def keep_evaluation(self, name: str, result: dict[str, Any]) -> None:
        """Save a result under that name, with the other evaluations. `words` are sentences for the
        report."""
        self.keep_values(EVALUATIONS, {"found": {**self.evaluations(), name: result}})

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """The saved results, by name."""
        return self.kept_values(EVALUATIONS, lambda values: {
            str(name): dict(evaluation) for name, evaluation in values["found"].items()}) or {}

    def _keep(self, name: str, write: Callable[[], None]) -> None:
        """Write a file if possible; otherwise print a note, once per folder."""
        if not self.is_current():
            return
        try:
            if "/" in name:
                self.folder.subfolder(name.partition("/")[0])
            write()
        except OSError as error:
            if str(self.folder.path) not in UNWRITABLE:
                UNWRITABLE.add(str(self.folder.path))
                say(f"{self.folder.path / name} cannot be written ({error.strerror}), so results "
                    f"for this run are not saved, and are computed again next time")


def cache_of(folder: RunFolder) -> RunCache:
    """The cache of the weights in a folder. Raises ValueError if there are none."""
    return RunCache(folder, digest(folder))


def kept_evaluations(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """The saved evaluations of a run's current weights, by name. Others are left out, with a note.
    """
    evaluations = cache_of(folder).evaluations() if folder.model.is_file() else {}
    if not evaluations and (folder.path / EVALUATIONS).exists():
        say(f"{folder.path / EVALUATIONS} is damaged, or of other weights, and is left out; to "
            f"evaluate again: hourglass evaluate {folder.path}")
    return evaluations
