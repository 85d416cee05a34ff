""""""

from typing import Any

from ..data.find import settle
from ..settings import Settings


def with_whole_path(settings: Settings, data: Any = None) -> Settings:
    """The settings with data that is named such that it holds from every folder."""
    if data is not None:
        return settings.with_(data=IN_MEMORY)
    return settings.with_(data=settle(settings.data))


IN_MEMORY = "(an array in memory)"   # what settings say of data that no text names
