"""What was found for a run, kept in its folder under the digest of its weights."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..core.console import say
from ..core.expressions import read
from ..core.files import read_file, write_whole
from ..core.part_contracts import OnlyDrawn, offers
from ..core.registry import Registry
from ..core.tensor_files import load_tensors, save_tensors
from ..run.folder import RunFolder, digest

WEIGHTS = "model"   # the text under which a file holds the digest of the weights
EVALUATIONS = "evaluation.json"
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError,
           RecursionError)   # what comes of making something of a damaged file
UNWRITABLE: set[str] = set()   # folders of which that was said

Found = TypeVar("Found")
Texts = dict[str, str]


@dataclass(frozen=True)
class RunCache:
    """The files of a run that hold what was found of its weights. All of it can be found again: a
    file that is damaged, or is of other weights, counts as none; a folder that cannot be written,
    or holds other weights by now, keeps nothing. Raises ValueError for a link in place of a folder.
    """

    folder: RunFolder
    weights: str   # the digest of those in memory

    def is_current(self) -> bool:
        """Whether the folder still holds these weights: another process may have trained them on,
        or moved it away."""
        try:
            return digest(self.folder) == self.weights
        except ValueError:
            return False

    def keep_tensors(
        self, name: str, tensors: Mapping[str, Tensor | np.ndarray], texts: Texts
    ) -> None:
        """Keep tensors or arrays and texts as the file `name`, such as codes.safetensors."""
        plain = {key: torch.from_numpy(np.ascontiguousarray(values))
                 if isinstance(values, np.ndarray) else values for key, values in tensors.items()}
        self._keep(name, lambda: save_tensors(self.folder.path / name, plain,
                                              {**texts, WEIGHTS: self.weights}))

    def kept_tensors(
        self, name: str, make: Callable[[dict[str, Tensor], Texts], Found], marked: bool = False
    ) -> Found | None:
        """What `make` makes of the tensors and texts that were kept so; None where there are none,
        or `make` fails. Older files whose names are `marked` with the digest do not hold it."""
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
        text = json.dumps({WEIGHTS: self.weights, **values}, indent=2)
        self._keep(name, lambda: write_whole(self.folder.path / name, text + "\n"))

    def kept_values(self, name: str, make: Callable[[dict[str, Any]], Found]) -> Found | None:
        """What `make` makes of the values that were kept so, as `kept_tensors` gives it."""
        try:
            values = json.loads(read_file(self.folder.path / name))
            return make(values) if values[WEIGHTS] == self.weights else None
        except DAMAGED:
            return None

    def marked_name(self, where: str, parts: Registry, text: str) -> str:
        """The file's name for a part that is fitted to the weights: it tells the part's options,
        but for those that change only how it is used, and the weights."""
        call = read(text)
        options = parts.check(call)
        part: Any = parts.parts[call.name]
        only_used = part.only_drawn if offers(part, OnlyDrawn) else ()
        fitted = sorted((name, value) for name, value in options.items() if name not in only_used)
        mark = hashlib.sha256(f"{call.name} {fitted} {self.weights}".encode()).hexdigest()[:8]
        return f"{where}/{call.name}-{mark}.safetensors"

    def keep_evaluation(self, name: str, found: dict[str, Any]) -> None:
        """Keep what was found under that name, beside other evaluations; `words` are sentences for
        the report."""
        self.keep_values(EVALUATIONS, {"found": {**self.evaluations(), name: found}})

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """By name, what was found."""
        return self.kept_values(EVALUATIONS, lambda values: {
            str(name): dict(each) for name, each in values["found"].items()}) or {}

    def _keep(self, name: str, write: Callable[[], None]) -> None:
        """Write a file where that can be; where it cannot, say so, once for a folder."""
        if not self.is_current():
            return
        try:
            if "/" in name:
                self.folder.subfolder(name.partition("/")[0])
            write()
        except OSError as error:
            if str(self.folder.path) not in UNWRITABLE:
                UNWRITABLE.add(str(self.folder.path))
                say(f"{self.folder.path / name} cannot be written ({error.strerror}), so what is "
                    f"found for this run is not kept: it is found again next time")


def cache_of(folder: RunFolder) -> RunCache:
    """The cache of the weights that a folder holds now; raises ValueError where there are none."""
    return RunCache(folder, digest(folder))


def kept_evaluations(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """By name, what was found of the weights that a run has now."""
    return cache_of(folder).evaluations() if folder.model.is_file() else {}
