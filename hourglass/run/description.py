"""The description of a model in its weights file: typed here, JSON in the file."""

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from ..core.contracts import Scale
from ..data.read_image import Reading
from ..data.split_data import Source
from ..model.older_texts import FORMAT, parts_of
from ..model.parts import Parts

# reading options that a model's file must not set: where to write, and how strictly to read
NOT_KEPT = frozenset({"store", "strict", "lenient"})
AS_THEY_ARE = Reading()
WORDS = {"table": "a table", "series": "a series", "windows": "windows of series",
         "ratings": "ratings", "lines": "lines of text"}
T = TypeVar("T")


@dataclass(frozen=True)
class Description:
    """All that is needed to make a model again, and to prepare new samples for it."""

    texts: dict[str, str]           # the model's parts by name, as they were typed
    shape: tuple[int, ...]          # of a sample as the model sees it: (C, H, W), (C, T) or (D,)
    factor: float = 1.0             # the model's input is the data times this
    bounded: bool = False           # whether the model sees numbers from 0 to 1 alone
    values: Scale | None = None     # how numbers are scaled; older runs know the factor alone
    reading: Reading = AS_THEY_ARE   # how images are brought to the model's size and channels
    classes: tuple[str, ...] = ()   # their names; the model counts them in this order
    encoding: dict[str, Any] = field(default_factory=dict)   # of tables and series; otherwise empty
    format: int = FORMAT            # of the texts
    decoder: bool = True            # False for a classifier, which has none
    origin: str = ""                # the run that a classifier was made of

    @cached_property
    def parts(self) -> Parts:
        """The parts in today's meaning; raises ValueError and TypeError for texts that have none.
        """
        return Parts(**parts_of({"parts": self.texts, "format": self.format}))

    @cached_property
    def scale(self) -> Scale:
        """How the data's numbers become those that the model sees."""
        if self.values is not None:
            return self.values
        if self.factor != 1:
            return Scale(0, self.factor, 0, 255, 8, what="8-bit images")
        return Scale(0, 1, 0, 1) if self.bounded else Scale()

    @property
    def kind(self) -> str:
        """"table", "series", "windows", "ratings" or "lines"; "" for other data."""
        return str(self.encoding.get("kind", ""))

    @property
    def kind_in_words(self) -> str:
        """The kind of the training data, in words."""
        return WORDS.get(self.kind) or ("images" if len(self.shape) == 3 else "vectors")

    def as_json(self) -> dict[str, Any]:
        """The same as the file holds it, in the order in which it does."""
        values = {} if self.values is None else {"values": vars(self.values)}
        classifier = {} if self.decoder else {"decoder": False, "from": self.origin}
        return {"format": self.format, "parts": self.texts, "shape": list(self.shape),
                "scale": self.factor, **values, "bounded": self.bounded,
                "reading": vars(self.reading), "classes": list(self.classes),
                "encoding": self.encoding, **classifier}


def describe(parts: Parts, source: Source, reading: Reading) -> Description:
    """The description of a model of these parts, trained on a source that was so read."""
    if len(source.shape) == 3:
        settled: dict[str, Any] = {"grey": source.shape[0] == 1}
        if source.shape[0] not in (1, 3):
            settled = {"grey": None, "channels": source.shape[0]}
        if not reading.size and not reading.pad and not reading.patches:
            settled["size"] = f"{source.shape[1]}x{source.shape[2]}"
        reading = Reading(**{**vars(reading), **settled, "strict": False})
    return Description(dict(vars(parts)), tuple(source.shape), source.scale.factor,
                       source.low >= 0 and source.high <= 1, source.scale, reading,
                       tuple(source.classes), source.encoding)


def description_in(text: str) -> Description:
    """The description that a file holds as JSON. Nothing of it is trusted: each entry is of its
    kind, and no path to write is among them. Raises ValueError."""
    try:
        return _checked(json.loads(text))
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        missing = isinstance(error, KeyError)
        raise ValueError(f"it has no {error}" if missing else str(error)) from None


def _checked(kept: dict[str, Any]) -> Description:
    shape = tuple(int(size) for size in kept["shape"])
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise ValueError(f"samples of shape {list(shape)}")
    return Description(
        {str(name): str(text) for name, text in kept["parts"].items()}, shape,
        float(kept["scale"]), bool(kept["bounded"]),
        _made(Scale, kept["values"]) if "values" in kept else None,
        _made(Reading, {name: value for name, value in kept["reading"].items()
                        if name in vars(AS_THEY_ARE) and name not in NOT_KEPT}),
        tuple(str(name) for name in kept["classes"]), dict(kept.get("encoding", {})),
        int(kept.get("format", 1)), kept.get("decoder") is not False, str(kept.get("from", "")))


def _made(kind: type[T], values: dict[str, Any]) -> T:
    """A dataclass of these values; raises ValueError and TypeError where one is of a wrong type."""
    from pydantic import ValidationError
    try:
        _types(kind).validate_json(json.dumps(values), strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{kind.__name__} {'.'.join(map(str, first['loc']))}: {first['msg']}"
                         ) from None
    return kind(**values)


@lru_cache(maxsize=4)
def _types(kind: type) -> Any:
    """What checks the types of a dataclass's values."""
    from pydantic import TypeAdapter
    return TypeAdapter(kind)
