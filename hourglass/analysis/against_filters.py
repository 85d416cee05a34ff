"""A model that restores, compared with filters and with the corrupted samples: who is better."""

from collections.abc import Mapping
from typing import Any

from .report_sections import MAKERS
from .snapshot import CORRUPTED, RESTORED

END = "_psnr"


def ratios(metrics: Mapping[str, float]) -> dict[str, float]:
    """PSNR in dB by what made the images: the model, filters, or nothing. {} without images."""
    psnr = {name.removesuffix(END): value for name, value in metrics.items()
             if name.endswith(END) and name.removesuffix(END) in MAKERS}
    return psnr if RESTORED in psnr else {}


def verdict(record: Mapping[str, Any], folder: str) -> str:
    """One line that says what to try, if a simpler method significantly restores better than the
    model; "" otherwise."""
    psnr = ratios(record["metrics"])
    others = {name: value for name, value in psnr.items() if name != RESTORED}
    if not others:
        return ""
    best = max(others, key=lambda name: others[name])
    if record["intervals"][RESTORED + END][1] >= others[best]:
        return ""
    who = "the corrupted images themselves" if best == CORRUPTED else MAKERS[best]
    return (f"The model restores worse than {who}: {psnr[RESTORED]:.4g} dB, against "
            f"{others[best]:.4g}. Try more epochs, such as hourglass train {folder} --resume "
            f"--epochs {max(4 * int(record['epochs']), 4)}.")


def in_words(record: Mapping[str, Any]) -> list[str]:
    """PSNR of all ways in one line, best first, and the verdict of the record."""
    psnr = ratios(record["metrics"])
    if len(psnr) < 2:
        return []
    names = {**MAKERS, RESTORED: "the model", CORRUPTED: "nothing"}
    line = ", ".join(f"{names[name]} {psnr[name]:.4g}" for name in sorted(
        psnr, key=lambda name: -psnr[name]))
    return [f"PSNR of restored images, dB: {line}", *filter(None, [record.get("restoring", "")])]
