"""What evaluations of a run have found, kept with it: evaluation.json."""

import json
from pathlib import Path
from typing import Any

from ..core.files import write_whole
from ..run.folder import RunFolder, digest


def keep_evaluation(folder: RunFolder, name: str, found: dict[str, Any]) -> None:
    """Keep what was found of the run's weights under that name, beside other evaluations of them;
    `words` are sentences for the report. Where the folder cannot be written, nothing."""
    held = {**kept_evaluations(folder), name: found}
    try:
        text = json.dumps({"model": digest(folder), "found": held}, indent=2)
        write_whole(_path(folder), text + "\n")
    except OSError:
        pass


def kept_evaluations(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """By name, what was found of the weights that the run has now."""
    try:
        held = json.loads(_path(folder).read_text())
        found = held["found"] if held["model"] == digest(folder) else {}
        return {str(name): dict(each) for name, each in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):   # none, or damaged
        return {}


def _path(folder: RunFolder) -> Path:
    return folder.path / "evaluation.json"
