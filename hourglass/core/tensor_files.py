"""Tensors and texts in one safetensors file, written whole and checked when read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from .files import open_regular, read_file, write_whole

CHECKSUM = "sha256"   # key of the checksum; older files have none
LONGEST_HEADER = 100_000_000   # bytes, as the format allows


def save_tensors(path: Path, tensors: Mapping[str, Tensor], texts: dict[str, str]) -> None:
    """Write tensors and texts as one safetensors file, with a checksum of both."""
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    content = save(plain)
    start, header = _header(content)
    header["__metadata__"] = dict(sorted(texts.items()))
    checksum = _checksum(header, memoryview(content)[start:])
    header["__metadata__"][CHECKSUM] = checksum
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)   # the format aligns tensors to 8 bytes
    write_whole(path, b"".join([len(head).to_bytes(8, "little"), head,
                                memoryview(content)[start:]]))


def load_tensors(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors whose names begin with the prefix, and the texts.

    The file is read, checked and copied, so later changes of the file have no effect. Raises
    ValueError for an incomplete file or a wrong checksum.
    """
    try:
        content = read_file(path)
        start, header = _header(content)
        texts = dict(header.get("__metadata__", {}))
        checksum = texts.pop(CHECKSUM, None)
        if checksum is not None and checksum != _checksum(header, memoryview(content)[start:]):
            raise ValueError("its checksum is wrong: the file was changed or damaged")
        tensors = load(content)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{path} is not a complete weights file ({why})") from None
    return {name: t for name, t in tensors.items() if name.startswith(prefix)}, texts


def load_texts(path: Path) -> dict[str, str]:
    """Read only the texts of a file, without a check. Raises ValueError."""
    try:
        with open_regular(path) as file:
            head = file.read(8)
            return dict(_header(head + file.read(_length(head)))[1].get("__metadata__", {}))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a complete weights file ({error})") from None


def _length(content: bytes) -> int:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > LONGEST_HEADER:
        raise ValueError("its header is damaged")
    return size


def _header(content: bytes) -> tuple[int, dict[str, Any]]:
    """The offset of the tensors, and the header: names, shapes and texts."""
    start = 8 + _length(content)
    try:
        header = json.loads(content[8:start])
    except ValueError:
        raise ValueError("its header is damaged") from None
    if start > len(content) or not isinstance(header, dict):
        raise ValueError("its header is damaged")
    return start, header


def _checksum(header: dict[str, Any], tensors: memoryview) -> str:
    texts = {k: v for k, v in header.get("__metadata__", {}).items() if k != CHECKSUM}
    described = json.dumps({**header, "__metadata__": texts}, sort_keys=True)
    digest = hashlib.sha256(described.encode())
    digest.update(tensors)
    return digest.hexdigest()
