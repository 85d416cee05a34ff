"""Tensors and texts as one safetensors file, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .files import write_whole


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: dict[str, str]) -> None:
    """Tensors and texts as one safetensors file."""
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_whole(path, save(plain, about))


def load_tensors(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors whose names begin with the prefix, and the texts; raises ValueError."""
    try:
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole file of weights ({error})") from None
