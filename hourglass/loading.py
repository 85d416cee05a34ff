"""The data that settings name, read and split."""

from typing import Any

from .data import collect, split
from .data.binary import binarise
from .data.fetch import cache_folder
from .data.source import Source
from .processes import in_turn
from .settings import Settings

IN_MEMORY = "(an array in memory)"   # what settings say of data that no text names


def load_source(settings: Settings, data: Any = None, y: Any = None) -> Source:
    """The settings' data, read and split; raises ValueError."""
    given = settings.data if data is None else data
    with in_turn(str(cache_folder() / "lock")):
        collection = collect(given, settings.reading(), y)
    source = binarise(split(collection, settings.shares(), settings.seed, settings.only),
                      settings.binarise)
    if settings.val == "test":
        if "test" not in source.splits:
            raise ValueError("val is 'test', but there is no test split")
        if settings.only:
            raise ValueError("val is 'test', but with only, the test has classes that training is "
                             "not to know of; use --val 0.1")
        source.splits["val"] = source.splits["test"]
    return source
