"""Translate the texts of older runs to their current meaning."""

from collections.abc import Mapping
from typing import Any

from ..core.expressions import Call, read
from ..core.registry import backbones

FORMAT = 2   # from here, kernel=(3, 5) is height and width; before, one kernel per block


def backbone_of(text: str, kept: Mapping[str, Any]) -> str:
    """The backbone that a run's text means. `kept` holds the format's version."""
    if kept.get("format", 1) >= FORMAT or "(" not in text:
        return text
    call = read(text)
    options = backbones.check(call)
    if call.name == "spectral":
        return str(Call(call.name, (), {**options, "of": backbone_of(options.get("of", ""), kept)}))
    kernel = options.get("kernel")
    if isinstance(kernel, tuple) and len(kernel) == 2 and kernel[0] != kernel[1]:
        kernels = tuple((k, k) if isinstance(k, int) else k for k in kernel)
        return str(Call(call.name, (), {**options, "kernel": kernels}))
    return text


def parts_of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A model's parts by name, from the description in its file."""
    parts = dict(kept["parts"])
    return {**parts, **{name: backbone_of(parts[name], kept)
                        for name in ("backbone", "decoder") if parts.get(name)}}
