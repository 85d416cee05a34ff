"""What was found for a run, kept in its folder under the digest of its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.console import say
from ..core.files import read_file, write_whole
from ..core.tensor_files import load_tensors, save_tensors
from ..run.folder import RunFolder, digest

WEIGHTS = "model"   # the text under which a file holds the digest of the weights


def keep_tensors(
    folder: RunFolder, name: str, tensors: Mapping[str, Tensor], texts: dict[str, str]
) -> None:
    """Keep tensors and texts as the file `name`, such as priors/own.safetensors. Where the folder
    cannot be written, that is said, and they are found again next time."""
    try:
        if "/" in name:
            folder.subfolder(name.partition("/")[0])
        save_tensors(folder.path / name, tensors, {**texts, WEIGHTS: digest(folder)})
    except OSError as error:
        say(f"{folder.path / name} is not kept ({error.strerror}); it is computed again next time")


def kept_tensors(folder: RunFolder, name: str) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """What was kept so of the weights that the run has now; None where there is nothing, or the
    file is damaged."""
    try:
        if (folder.path / name).is_symlink() or not (folder.path / name).is_file():
            return None
        tensors, texts = load_tensors(folder.path / name)
    except ValueError:
        return None
    return (tensors, texts) if texts.get(WEIGHTS) == digest(folder) else None


def keep_evaluation(folder: RunFolder, name: str, found: dict[str, Any]) -> None:
    """Keep what was found of the run's weights under that name, beside other evaluations of them;
    `words` are sentences for the report. Where the folder cannot be written, nothing."""
    held = {**kept_evaluations(folder), name: found}
    try:
        text = json.dumps({"model": digest(folder), "found": held}, indent=2)
        write_whole(_path(folder), text + "\n")
    except OSError as error:
        say(f"{_path(folder)} is not kept ({error.strerror})")


def kept_evaluations(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """By name, what was found of the weights that the run has now."""
    try:
        held = json.loads(read_file(_path(folder)))
        found = held["found"] if held["model"] == digest(folder) else {}
        return {str(name): dict(each) for name, each in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):   # damaged
        return {}


def _path(folder: RunFolder) -> Path:
    return folder.path / "evaluation.json"
