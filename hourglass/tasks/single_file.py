"""A run as one safetensors file: the weights, and all that a model in use needs besides."""

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.files import is_link, read_file, write_out, write_whole
from ..core.tensor_files import load_tensors, save_tensors
from ..data.fetch import cache_folder
from ..run.folder import RunFolder, is_run

TEXTS = ("settings.toml", "run.json", "history.csv", "kl_factors.csv", "evaluation.json",
         "detectors/chosen.json", "detectors/usual.json")
KEPT = "kept:"    # before the name of a file of tensors that was found for the weights
FILES = "files"   # the text that holds the run's texts
NAME = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*\.safetensors")
OWN = ("model.safetensors", "checkpoint.safetensors", "denoiser/checkpoint.safetensors")
SUFFIX = ".safetensors"


def save_file(folder: RunFolder, path: Path) -> None:
    """Write a run's model as one file: the weights under the names that a torch module gives them,
    settings, history and fitted priors. Raises ValueError for another suffix."""
    if path.suffix != SUFFIX:
        raise ValueError(f"a model is a {SUFFIX} file, such as "
                         f"{path.with_suffix(SUFFIX).name}; not {path.name}")
    tensors, texts = load_tensors(folder.model)
    files = {name: read_file(folder.path / name).decode() for name in TEXTS
             if (folder.path / name).is_file() and not is_link(folder.path / name)}
    kept = {f"{KEPT}{name}": _as_tensor(file) for file in sorted(folder.path.rglob(f"*{SUFFIX}"))
            if (name := file.relative_to(folder.path).as_posix()) not in OWN
            and NAME.fullmatch(name) and not is_link(file)}
    save_tensors(path, {**tensors, **kept}, {**texts, FILES: json.dumps(files)})


def _as_tensor(file: Path) -> Tensor:
    return torch.from_numpy(np.frombuffer(read_file(file), np.uint8).copy())


def content_of(folder: RunFolder) -> bytes:
    """The content of such a file."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.safetensors"
        save_file(folder, path)
        return path.read_bytes()


def open_content(content: bytes) -> RunFolder:
    """The run that such a file's content holds."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.safetensors"
        write_whole(path, content, wait=False)
        return open_file(path)


def open_file(path: Path) -> RunFolder:
    """The run that such a file holds, in a folder of the cache. Raises ValueError for a file that
    is not whole, or was not written by `save_file`."""
    try:
        content = read_file(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    place = cache_folder() / "models" / hashlib.sha256(content).hexdigest()[:24]
    if not is_run(place):
        tensors, texts = load_tensors(path)
        if FILES not in texts or "hourglass" not in texts:
            raise ValueError(f"{path} holds weights alone. Load the folder of the run, or a file "
                             f"that model.save('model.safetensors') wrote")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
            _unpack(RunFolder(Path(temporary) / "run"), tensors, texts)
            if not is_run(place):   # another process may have been faster
                shutil.move(Path(temporary) / "run", place)
    return RunFolder(place)


def _unpack(folder: RunFolder, tensors: dict[str, Tensor], texts: dict[str, str]) -> None:
    folder.path.mkdir()
    for name, text in _texts(texts.pop(FILES)).items():
        if name in TEXTS:   # a name may be a path to somewhere else
            write_out(folder.path / name, text)
    weights = {name: t for name, t in tensors.items() if not name.startswith(KEPT)}
    save_tensors(folder.model, weights, texts)
    for name, tensor in tensors.items():
        file = name.removeprefix(KEPT)
        if name.startswith(KEPT) and NAME.fullmatch(file) and file not in OWN:
            write_out(folder.path / file, tensor.numpy().tobytes())
    if not is_run(folder.path):
        raise ValueError("this file of weights is damaged: it lacks the run's settings")


def _texts(listing: str) -> dict[str, str]:
    """The texts of a file by name; raises ValueError."""
    try:
        return {str(name): str(text) for name, text in json.loads(listing).items()}
    except (ValueError, AttributeError, RecursionError):
        raise ValueError("this file of weights is damaged: its list of files cannot be read"
                         ) from None
