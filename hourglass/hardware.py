"""Choosing the device and the precision that a run computes in."""

import torch

# below so many multiply-adds per sample, casting to bf16 costs what it saves
WORTH_BF16 = 3_000_000


def choose_device(text: str) -> torch.device:
    """The device that the text names; "auto" is CUDA, else MPS, else the CPU."""
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else
                            "mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = text.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(),
              "mps": int(torch.backends.mps.is_available())}
    if kind not in counts or (number and not number.isdigit()):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:1 or mps, not {text!r}")
    if int(number or 0) >= counts[kind]:
        raise ValueError(f"this machine has no device {text!r}; it has "
                         f"{', '.join(k for k, n in counts.items() if n)}")
    return torch.device(kind, int(number or 0)) if kind == "cuda" else torch.device(kind)


def choose_precision(text: str, device: torch.device, multiply_adds: int) -> str:
    """The precision asked for; "auto" is bf16-mixed where the device has it and it pays."""
    if text != "auto":
        return text
    fast = multiply_adds >= WORTH_BF16 and _has_bf16(device)
    return "bf16-mixed" if fast else "32-true"


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        probe = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(probe())
    return False
