"""Read and split the data that settings name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..core.distributed import in_turn
from ..core.expressions import read
from ..core.part_contracts import OfCounts, offers
from ..core.registry import likelihoods
from ..data.binarise import binarise
from ..data.collect import collect, split
from ..data.fetch import cache_folder
from ..data.find import find_call
from ..data.label_masking import show_labels
from ..data.labels import check_judged, check_known
from ..data.split_data import Source
from .folder import RunFolder
from .settings import Settings

REMEMBERED: dict[str, Source] = {}   # by `data_key`


def load_source(settings: Settings, data: Any = None, y: Any = None) -> Source:
    """Read and split the settings' data, or the data in memory. The setting `data` is a text from
    `data.find.settle`. Raises ValueError."""
    if data is None and REMEMBERED and (key := data_key(settings)) in REMEMBERED:
        return replace(REMEMBERED[key], splits=dict(REMEMBERED[key].splits))
    samples = find_call(settings.data, settled=True) if data is None else data
    with in_turn(str(cache_folder() / "lock")):
        collection = collect(samples, settings.reading(), y)
    notes = check_known(collection.y, collection.classes, collection.parts,
                        settings.parts().condition == "inferred")
    source = split(collection, settings.shares(), settings.seed, settings.only,
                   of_counts(settings), settings.reading())
    if source.unseen == "train":
        check_judged(collection.y)
    source = replace(source, notes=(*source.notes, *notes))
    source = show_labels(binarise(source, settings.binarise), settings.labelled, settings.seed)
    if settings.val == "test":
        if "test" not in source.splits:
            raise ValueError("val is 'test', but there is no test split")
        if settings.only:
            raise ValueError("with --only, the test split has classes that training must not see, "
                             "so it cannot be used as --val test; use --val 0.1")
        source.splits["val"] = source.splits["test"]
    return source


def remember(settings: Settings) -> Source:
    """Read and split the settings' data, and keep it in memory: `load_source` then gives the same
    to this process and to those that it forks, at once, until `forget`. Raises ValueError."""
    forget()
    source = REMEMBERED[data_key(settings)] = load_source(settings)
    return source


def forget() -> None:
    """Let go of the data that `remember` keeps."""
    REMEMBERED.clear()


def data_key(settings: Settings) -> str:
    """All that decides how the data is read and split."""
    return repr((settings.data, settings.reading(), settings.val, settings.shares(), settings.seed,
                 settings.only, settings.binarise, settings.labelled, of_counts(settings),
                 settings.parts().condition == "inferred"))


def check_same(source: Source, kept: Mapping[str, Any], name: str, folder: RunFolder) -> None:
    """Raise ValueError where a source is not the data that a run knows as `kept`. Data in memory
    has no `name`; the message then says what differs."""
    now = source.identity
    different = [key for key, value in kept.items() if key != "path" and now.get(key) != value]
    if not different:
        return
    if name:
        raise ValueError(f"the data in {name} has changed since {folder.path} was trained; start a "
                         f"new run")
    phrases = {"samples": "samples", "shape": "as the shape of a sample", "splits": "as splits"}
    messages = [f"it has {now.get(key)} {words}, and training had {kept[key]}"
                for key, words in phrases.items() if key in different][:1] or ["its values differ"]
    raise ValueError(f"the data has changed since {folder.path} was trained: {messages[0]}. Give "
                     f"the same x, and the same y= and val= if training had them")


def of_counts(settings: Settings) -> bool:
    """Whether the likelihood is one for counts. Counts are not scaled."""
    text = settings.parts().likelihood
    part: Any = None if text == "auto" else likelihoods.parts.get(read(text).name)
    return offers(part, OfCounts) and bool(part.counts)
