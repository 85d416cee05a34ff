"""Imports of PyTorch and matplotlib, by one thread at a time: two that begin at once would see half
of each other's modules."""

from threading import Lock

ONE = Lock()


def import_all() -> None:
    """Import what most pages need, before a thread of its own uses any of it."""
    with ONE:
        from ..analysis import take_snapshot  # noqa: F401
        from ..inference import kept_onnx, trained  # noqa: F401   which bring torch
        from ..run import load_data, suited  # noqa: F401
        from ..searching import importances, open_records  # noqa: F401
        from ..serving import app  # noqa: F401
        from ..tasks import explore, export, inspect_data, write_images  # noqa: F401
        from ..training import part_checks  # noqa: F401
