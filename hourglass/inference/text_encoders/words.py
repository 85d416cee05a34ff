"""A bag of words: a text is the set of its words, whose meaning the denoiser learns."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...core.hints import Count
from ...core.registry import text_encoders

WORD = re.compile(r"[^\W_]+")
EMPTY = frozenset(("a", "an", "the", "of", "with", "and", "in", "on", "to", "is"))


@text_encoders.add("words")
class Words:
    """A bag of the `most` frequent words of the captions, each with a vector that training learns.
    It knows no other words, and no order. It needs no package."""

    def __init__(self, captions: Iterable[str], most: Count = 4000):
        counts = Counter(word for text in captions for word in words_of(text))
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:most]
        self.remembers = tuple(sorted(kept))
        self.number = {word: i for i, word in enumerate(self.remembers)}
        self.size = max(1, len(kept))

    def features(self, texts: Sequence[str]) -> Tensor:
        """(N, size): of each known word of a text the same number, with a norm in all of 10 for
        texts with one known word or more."""
        features = torch.zeros(len(texts), self.size)
        for row, text in enumerate(texts):
            known = sorted({self.number[word] for word in words_of(text) if word in self.number})
            features[row, known] = 10 / max(len(known), 1) ** 0.5
        return features

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words that no caption had."""
        return tuple(dict.fromkeys(word for word in words_of(text) if word not in self.number))


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without the s of a plural. Articles and similar words are
    left out, unless the text has no other words (the class A)."""
    words = [word.lower() for word in WORD.findall(text)]
    content = [word for word in words if word not in EMPTY] or words
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
            for word in content]
