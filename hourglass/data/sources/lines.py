"""Lines of text as sequences of tokens: words, names, sentences, or sequences of residues."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.contracts import Collection, Scale
from ...core.expressions import Call, read
from ...core.hints import Count, did_you_mean
from ...core.registry import sources
from ...core.size_limits import check_room
from ..labels import numbered
from ..read_image import Reading
from ..text_files import TextLines, read_lines
from ..vocabulary import UNITS, Level, Unit, learnt, tokens_of, vocabulary_of

KIND = "lines"
LONGEST = {"word": 80}   # default limits, in tokens


@dataclass(frozen=True)
class Lines:
    """Lines of text, not yet in tokens: training decides which tokens are known."""

    texts: list[str]
    level: Unit
    limit: int                     # most tokens of a line
    most: int = 10_000             # tokens of the vocabulary
    lower: bool = False
    y: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    own: dict[str, np.ndarray] = field(default_factory=dict)   # splits of its own, as indices
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)   # further entries of the encoding
    shown: tuple[str, ...] = ()    # names of the lines, where they are not the texts
    properties: dict[str, np.ndarray] = field(default_factory=dict)   # (N,) of each line

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """The splits that the files' names say; {} if the samples may be split at random."""
        return self.own

    def learn(self, train: np.ndarray) -> Collection:
        """Learn the vocabulary from the training lines, and write all lines in it."""
        vocabulary, notes = learnt([self.texts[i] for i in train.tolist()], self.level,
                                   self.limit + 1, self.most, self.lower)
        encoding = {"kind": KIND, "level": self.level, "length": vocabulary.length,
                    "lower": self.lower, "tokens": list(vocabulary.tokens), **self.about}
        collection = self.encode(encoding)
        about = (f"{len(vocabulary.tokens):,} different {vocabulary.unit}, lines of up to "
                 f"{self.limit} {vocabulary.unit}")
        of_encoding = collection.notes[len(self.notes):]
        return replace(collection, notes=[*self.notes, about, *notes, *of_encoding])

    def encode(self, encoding: Mapping[str, Any]) -> Collection:
        """Write the lines in the vocabulary of an encoding."""
        if encoding["kind"] != KIND:
            raise ValueError(f"this model was trained on a {encoding['kind']}, not on lines of "
                             f"text")
        vocabulary = vocabulary_of(encoding)
        check_room(8 * len(self.texts) * vocabulary.length, f"{len(self.texts):,} lines of "
                   f"{vocabulary.length - 1} {vocabulary.unit}: choose a smaller limit=, which")
        x, notes = vocabulary.indices(self.texts)
        scale = Scale(0, 1, 0, vocabulary.size, what=f"{vocabulary.unit} as token indices")
        names = self.shown or tuple(self.texts)
        return Collection(x, self.y, self.classes, names, self.own, raw=self,
                          notes=[*self.notes, *notes], identity=dict(self.identity),
                          encoding=dict(encoding), scale=scale, properties=self.properties)


@sources.add("lines", example="lines('words.txt', level='word')")
def lines(
    reading: Reading, path: str, level: Level = "character", limit: Count | None = None,
    vocabulary: Count = 10_000, lower: bool = False, column: str = "", label: str = "",
) -> Collection:
    """Lines of text as sequences of tokens: each line of a text file is a sample, as is each
    sequence of a FASTA file.

    `path` is a file, or a folder or zip of text files: files named train, valid and test are
    splits, otherwise each file is a class. Of a table, `column` holds the lines and `label` the
    classes. A token is a "character", a "byte" or a "word" between blanks. Lines with more than
    `limit` tokens are cut (default: the longest line, at most 200 characters or 80 words). The
    `vocabulary` most frequent tokens of the training lines are known, and all others count as
    unknown. `lower` brings all to lower case. The loss leaves out what pads short lines.
    """
    text_lines = read_lines(path, column, label, raw=level == "byte")
    identity = {"path": path, "level": level, "limit": limit, "vocabulary": vocabulary,
                "lower": lower}
    return whole(lines_of_texts(text_lines, identity, level, limit, vocabulary, lower))


def lines_of_texts(
    text_lines: TextLines, identity: dict[str, Any], level: Unit = "character",
    limit: int | None = None, vocabulary: int = 10_000, lower: bool = False,
    about: dict[str, Any] | None = None,
) -> Lines:
    """Lines out of texts. The default limit is the longest line, up to a bound for the level."""
    texts = text_lines.texts
    lengths = np.array([len(tokens_of(text, level, lower)) for text in texts])
    longest = int(lengths.max())
    chosen = limit or min(longest, LONGEST.get(level, 200))
    notes = list(text_lines.notes)
    if longest > chosen:
        row = int(lengths.argmax())
        unit = UNITS[level]
        notes.append(f"{int((lengths > chosen).sum()):,} of {len(lengths):,} lines are longer than "
                     f"{chosen} {unit} and are cut; the longest has {longest:,} "
                     f"({texts[row][:20]!r} ...)" + (
                         "; change it with limit=" if identity else ", as the model was trained"))
    y, classes = numbered([name or None for name in text_lines.labels] or None, len(texts))
    own = {name: np.flatnonzero(np.array(text_lines.splits) == name)
           for name in dict.fromkeys(text_lines.splits)}
    digest = hashlib.sha256("\n".join(texts).encode(errors="surrogateescape")).hexdigest()
    return Lines(texts, level, chosen, vocabulary, lower, y, classes, own, tuple(notes),
                 {**identity, "digest": digest}, about or {})


def whole(lines: Lines) -> Collection:
    """All lines, with the vocabulary of all, until they are split."""
    return lines.learn(np.arange(len(lines.texts)))


def lengths_of(collection: Collection) -> Any:
    """The number of tokens (N,) of each line, as a tensor; None for other data."""
    import torch
    if collection.encoding.get("kind") != KIND:
        return None
    return torch.from_numpy(np.isfinite(collection.x).sum(1))


def of_texts(texts: Any, y: Any = None, **options: Any) -> Collection:
    """Lines in memory, each a text; options as for `lines`. Raises ValueError."""
    checked = sources.check(Call(KIND, ("",), options))
    text_lines = TextLines(as_texts(texts))
    options = {name: checked[name] for name in ("level", "limit", "vocabulary", "lower")
               if name in options}
    raw = lines_of_texts(text_lines, {"lines": len(text_lines.texts), **options}, **options)
    labels, classes = numbered(y, len(text_lines.texts))
    return whole(replace(raw, y=labels, classes=classes))


def as_texts(texts: Any) -> list[str]:
    """Texts in memory as a list: a list, an array or a column. Raises ValueError for others, and
    for an empty text."""
    if isinstance(texts, str | bytes | Mapping) or not hasattr(texts, "__iter__"):
        raise ValueError(f"lines in memory are a list of texts, not a {type(texts).__name__}")
    items = list(texts.tolist() if hasattr(texts, "tolist") else texts)
    wrong = next((i for i, text in enumerate(items) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ValueError(f"line {wrong} is not a text but a {type(items[wrong]).__name__}; leave "
                         f"it out, or make it a text with str()")
    empty = [str(i) for i, text in enumerate(items) if not text.strip()]
    if empty or not items:
        raise ValueError(f"line {empty[0]} is empty; leave empty lines out" if empty else
                         "there is no line; give a list of texts")
    return [text.strip() for text in items]


def lines_like(data: Any, encoding: Mapping[str, Any]) -> Collection:
    """Lines in a file, folder, source or list, in the vocabulary of a trained model. Raises
    ValueError."""
    level: Level = encoding["level"]
    limit, lower = int(encoding["length"]) - 1, bool(encoding.get("lower"))
    if not isinstance(data, str | Path):
        text_lines = TextLines(as_texts(data))
        return lines_of_texts(text_lines, {}, level, limit, lower=lower).encode(encoding)
    call = _as_call(str(data))
    options = {"path": str(data)} if call is None else sources.check(call)
    if call is None and not Path(data).expanduser().exists():
        raise ValueError(f"there is no file or folder {data}. A text itself is given in a list, "
                         f"from Python: model.encode(['some text'])")
    text_lines = read_lines(str(options["path"]), str(options.get("column", "")),
                            str(options.get("label", "")), raw=level == "byte")
    return lines_of_texts(text_lines, {}, level, limit, lower=lower).encode(encoding)


def _as_call(data: str) -> Call | None:
    """The call of the source `lines` in a text, if it is one. Raises ValueError for another
    source."""
    if Path(data).expanduser().exists():
        return None
    try:
        call = read(data)
    except ValueError:
        return None
    if call.name not in sources.parts:
        return None
    if call.name != KIND:
        raise ValueError(f"this model was trained on lines of text, so it cannot use {data}; "
                         f"{did_you_mean('lines', ['lines'])}")
    return call
