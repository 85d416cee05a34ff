"""Texts as token indices and back; a token is a character, byte or word of the training texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..core.tokens import END, FIRST, PAD, UNKNOWN
from .chemistry import smiles_of, split_selfies, split_smiles

Level = Literal["character", "byte", "word"]
Unit = Literal["character", "byte", "word", "selfies", "smiles"]   # the last two: of molecules
UNITS = {"character": "characters", "byte": "bytes", "word": "words",
         "selfies": "SELFIES symbols", "smiles": "SMILES tokens"}
OF_MOLECULES = ("selfies", "smiles")
UNKNOWN_WORD = "<unk>"         # as benchmarks write it, and
UNKNOWN_CHARACTER = "\ufffd"   # as Unicode does


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model knows, and the length of its lines."""

    level: Unit
    tokens: tuple[str, ...]   # the first has the index FIRST
    length: int               # of a line, in tokens, with the one that ends it
    lower: bool = False       # whether texts are brought to lower case

    @property
    def size(self) -> int:
        """How many tokens a decoder chooses from: all but padding."""
        return len(self.tokens) + FIRST - 1

    @property
    def unit(self) -> str:
        """What a token is, in the plural."""
        return UNITS[self.level]

    def indices(self, texts: Sequence[str]) -> tuple[np.ndarray, list[str]]:
        """Token indices (N, T) of texts as float32, NaN after a line's end; and a note on unknown
        tokens. A line that is too long is cut, without an end."""
        place = {token: i for i, token in enumerate(self.tokens, FIRST)}
        indices = np.full((len(texts), self.length), np.nan, np.float32)
        unknown = Counter[str]()
        for row, text in enumerate(texts):
            split = tokens_of(text, self.level, self.lower)
            numbers = [place.get(token, UNKNOWN) for token in split[:self.length - 1]]
            unknown.update(token for token, number in zip(split, numbers, strict=False)
                           if number == UNKNOWN and token != UNKNOWN_WORD)
            line = numbers if len(split) >= self.length else [*numbers, END]
            indices[row, :len(line)] = line
        return indices, self._of_unknown(unknown)

    def _of_unknown(self, unknown: Counter[str]) -> list[str]:
        if not unknown:
            return []
        some = ", ".join(repr(token) for token, _ in unknown.most_common(3))
        return [f"not in the vocabulary, and so unknown: {unknown.total():,} {self.unit}, "
                f"such as {some}"]

    def texts(self, indices: np.ndarray) -> list[str]:
        """The texts of token indices (N, T), each up to its end; of SELFIES, the SMILES."""
        unknown = UNKNOWN_WORD if self.level == "word" else UNKNOWN_CHARACTER
        names = ["", "", unknown, *self.tokens]
        texts = []
        for row in np.nan_to_num(indices).astype(np.int64).tolist():
            ends = [i for i, number in enumerate(row) if number in (PAD, END)]
            texts.append(self._joined([names[number] for number in row[:min(ends, default=None)]]))
        return texts

    def _joined(self, tokens: list[str]) -> str:
        if self.level == "selfies":
            return smiles_of("".join(token for token in tokens if token != UNKNOWN_CHARACTER))
        if self.level == "byte":
            return "".join(tokens).encode("latin-1", "replace").decode("utf-8", "replace")
        return (" " if self.level == "word" else "").join(tokens)


def tokens_of(text: str, level: Unit, lower: bool = False) -> list[str]:
    """The tokens of a text."""
    text = text.lower() if lower else text
    if level == "word":
        return text.split()
    if level == "byte":
        return list(text.encode(errors="surrogateescape").decode("latin-1"))
    if level in OF_MOLECULES:
        return split_selfies(text) if level == "selfies" else split_smiles(text)
    return list(text)


def learnt(
    texts: Sequence[str], level: Unit, length: int, most: int, lower: bool = False
) -> tuple[Vocabulary, list[str]]:
    """The vocabulary of training texts: the `most` frequent tokens, in order of frequency; and a
    note on what it leaves out."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokens_of(text, level, lower))
    counts.pop(UNKNOWN_WORD, None)
    order = sorted(counts, key=lambda token: (-counts[token], token))
    kept, left = order[:most], order[most:]
    notes = []
    if left:
        share = sum(counts[token] for token in left) / counts.total()
        notes.append(f"the vocabulary has the {most:,} most frequent {UNITS[level]}; {len(left):,} "
                     f"others, {share:.2%} of the text, count as unknown; change it with "
                     f"vocabulary=")
    return Vocabulary(level, tuple(kept), length, lower), notes


def vocabulary_of(encoding: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary in the encoding of a trained model. Raises ValueError for one that is none."""
    level, length = encoding.get("level"), encoding.get("length")
    tokens = encoding.get("tokens")
    if level not in UNITS or not isinstance(length, int) or not isinstance(tokens, list):
        raise ValueError("the encoding of its lines is damaged")
    return Vocabulary(level, tuple(map(str, tokens)), length, bool(encoding.get("lower")))
