"""Choose the device, precision and memory layout of a run."""

import os
from typing import TYPE_CHECKING, Any, Literal

import torch

from .distributed import local_rank, processes, processes_here
from .precision import has_bf16

if TYPE_CHECKING:   # it imports as slowly as torch, and only training needs it
    from lightning_fabric import Fabric

Layout = Literal["auto", "channels_last", "contiguous"]

# below this many multiply-adds per sample, casting to bf16 costs as much as it saves
WORTH_BF16 = 3_000_000


def choose_device(text: str) -> torch.device:
    """The device that the text names. "auto" is CUDA if there is one, then MPS, then the CPU."""
    if text == "auto":
        text = ("cuda" if torch.cuda.is_available() else
                "mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = text.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(),
              "mps": int(torch.backends.mps.is_available())}
    if kind not in counts or (number and not number.isdigit()):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:1 or mps, not {text!r}")
    if int(number or 0) >= counts[kind]:
        raise ValueError(f"this machine has no device {text!r}; it has "
                         f"{', '.join(k for k, n in counts.items() if n)}")
    if processes() > 1 and kind == "cuda":   # one GPU per process
        return torch.device(kind, local_rank())
    return torch.device(kind, int(number or 0)) if kind == "cuda" else torch.device(kind)


def choose_precision(text: str, device: torch.device, multiply_adds: int) -> str:
    """The precision. "auto" is bf16-mixed where the device supports it and it is faster."""
    if text != "auto":
        return text
    fast = multiply_adds >= WORTH_BF16 and has_bf16(device)
    return "bf16-mixed" if fast else "32-true"


def choose_layout(text: Layout, device: torch.device, is_images: bool) -> torch.memory_format:
    """The memory layout. "auto" is channels_last for images, except on MPS: oneDNN and cuDNN would
    convert every other layout at each layer."""
    fast = is_images and device.type != "mps"
    last = text == "channels_last" or (text == "auto" and fast)
    return torch.channels_last if last else torch.contiguous_format


def _unchanged(data: Any) -> Any:
    return data


def make_fabric(device: torch.device, precision: str) -> "Fabric":
    """Fabric on that device, for one process or for all that torchrun started."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision import MixedPrecision
    several = processes() > 1
    devices = processes_here() if several else [device.index] if device.type == "cuda" else 1
    fabric = Fabric(accelerator=device.type, precision=precision,  # type: ignore[arg-type]
                    devices=devices, num_nodes=processes() // processes_here(),
                    strategy="ddp" if several else "auto")
    plugin = fabric.strategy.precision
    if isinstance(plugin, MixedPrecision):
        # Fabric would round a batch to bf16: tokens from 257 on would be others, and targets
        # would lose digits. Autocast rounds what layers multiply.
        plugin.convert_input = _unchanged   # type: ignore[method-assign]
    if several:
        fabric.launch()
    return fabric


def memory_of(device: torch.device) -> int:
    """Memory of the device in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limit_memory(gibibytes: float | None, device: torch.device) -> str:
    """Limit the GPU memory that this process uses. Returns a note if there is no GPU."""
    if gibibytes is None:
        return ""
    if device.type != "cuda":
        return "max_memory limits nothing: it is for CUDA GPUs, and this run uses none"
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(gibibytes * 2**30 / total, 1.0), device)
    return ""
