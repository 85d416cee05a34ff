"""Data that checks of the forms need, read once for many checks of the same form."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:   # it brings PyTorch, and the studio is to start at once
    from ..data.split_data import Source
    from ..run.settings import Settings

LARGEST = 2**29   # bytes of samples that stay in memory between two checks


@dataclass
class HeldSource:
    """The data of the last check. It is read again once the file or folder has changed."""

    key: str = ""
    source: "Source | None" = None

    def load(self, settings: "Settings") -> "Source":
        """The data of these settings, read and split. Raises ValueError."""
        from ..run.load_data import data_key, load_source
        key = f"{data_key(settings)} {_changed(settings.data)}"
        if self.source is None or self.key != key:
            self.source = None   # before the next one is in memory, too
            self.key, self.source = key, load_source(settings)
        source = self.source
        if _bytes(source) > LARGEST:
            self.source = None
        return source


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def _bytes(source: "Source") -> int:
    return max((int(getattr(split.x, "nbytes", LARGEST + 1)) for split in source.splits.values()),
               default=0)
