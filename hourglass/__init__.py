"""Hourglass: a workbench for autoencoders.

    import hourglass as hg
    model = hg.train("mnist", model="ae(32)")
    codes = model.encode("photos/")
"""

from typing import Any

_PUBLIC = {
    "train": "tasks.train",
    "resume": "tasks.train",
    "report": "tasks.train",
    "load": "inference.trained",
    "load_half": "inference.encoder_decoder",
    "finetune": "tasks.finetune",
    "Trained": "inference.trained",
}
__all__ = ["Trained", "finetune", "load", "load_half", "report", "resume", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: torch alone takes a second."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hourglass' has no attribute {name!r}")
    from importlib import import_module
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
