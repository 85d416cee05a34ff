"""The entropy coder, and integer tables that learn: the same walk writes a stream and reads it.

Whoever models the symbols calls `code` with them when writing and with None when reading, and gets
the symbols back either way: one function is both the compressor and its inverse.
"""

from typing import Any

import numpy as np

TOTAL = 1 << 20     # what the frequencies of a table sum to
SEEN = 1 << 10      # what a symbol that was seen adds to its weight
GROWTH = 8          # a table is made anew when an eighth has been added to it
RAW = 1 << 16       # symbols that are coded as they are come in parts below it


class Coder:
    """A range coder (Martin, 1979) that writes, or one that reads what was written, 32-bit words.

    Raises ValueError for words that no coder wrote.
    """

    def __init__(self, words: np.ndarray | None = None):
        self.library = constriction()
        queue = self.library.stream.queue
        self.reads = words is not None
        self.stream = queue.RangeDecoder(words) if self.reads else queue.RangeEncoder()

    def code(self, model: Any, count: int, symbols: np.ndarray | None) -> np.ndarray:
        """So many symbols by the model: written, or read where there are none yet, (count,)."""
        if not self.reads:
            self.stream.encode(np.ascontiguousarray(symbols, np.int32), model)
            return np.asarray(symbols)
        try:
            read: np.ndarray = self.stream.decode(model, count)
        except (AssertionError, ValueError) as error:
            raise ValueError(f"its data are not what a coder writes ({error})") from None
        return read

    def raw(self, count: int, below: int, symbols: np.ndarray | None) -> np.ndarray:
        """The same of symbols from 0 that are all as likely, below a number up to 2**16."""
        return self.code(self.library.stream.model.Uniform(below), count, symbols)

    def words(self) -> np.ndarray:
        """What was written, as 32-bit words."""
        written: np.ndarray = self.stream.get_compressed()
        return written

    def check_end(self) -> None:
        """Raises ValueError where more was written than has been read."""
        if not self.stream.maybe_exhausted():
            raise ValueError("it holds more data than it says")


def constriction() -> Any:
    """The library of entropy coders (Bamler, 2022, arXiv 2201.01741)."""
    try:
        import constriction
    except ImportError:
        raise ValueError("compression needs an extra: pip install 'hourglass[compress]'") from None
    return constriction


def frequencies(weights: np.ndarray) -> np.ndarray:
    """Whole numbers from 1, (S,), that sum to TOTAL, nearly as the weights (S,) are."""
    spare = TOTAL - len(weights)
    each = weights * spare // weights.sum()
    each[weights.argmax()] += spare - each.sum()
    return each + 1


def falling(size: int, centre: int, eighths: int, mass: int) -> np.ndarray:
    """Weights (size,) of about that sum which fall by the same factor with every step away from
    the centre; the mean step is so many eighths. In whole numbers, the same on every machine."""
    weights = np.zeros(size, np.int64)
    height, start = 1 << 40, max(eighths, 1)
    for away in range(max(centre, size - 1 - centre) + 1):
        for place in {centre - away, centre + away}:
            if 0 <= place < size:
                weights[place] = height
        height = height * start // (start + 8)
    return weights // max(int(weights.sum()) // mass, 1) + 1


class Tables:
    """A table of frequencies for each of K contexts, which learns from what has been coded.

    They begin with weights (K, S). Frequencies are whole numbers that sum to a power of two, so
    that as shares they are exact, and so is all that the coder makes of them, on any machine.
    """

    def __init__(self, weights: np.ndarray):
        self.weights = weights.astype(np.int64)
        self.sums = self.weights.sum(1)
        self.due = np.zeros(len(weights), np.int64)
        self.models: list[Any] = [None] * len(weights)

    def code(self, coder: Coder, contexts: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        """Code symbols (M,), each by the table of its context (M,); the tables learn after all."""
        order = np.argsort(contexts, kind="stable")
        present, starts = np.unique(contexts[order], return_index=True)
        coded = np.empty(len(contexts), np.int64)
        for context, rows in zip(present, np.split(order, starts[1:]), strict=True):
            coded[rows] = found = coder.code(self._model(context, coder), len(rows),
                                             None if symbols is None else symbols[rows])
            self.weights[context] += SEEN * np.bincount(found, minlength=self.weights.shape[1])
            self.sums[context] += SEEN * len(rows)
        return coded

    def _model(self, context: int, coder: Coder) -> Any:
        if self.sums[context] >= self.due[context]:
            shares = frequencies(self.weights[context]) / TOTAL
            self.models[context] = coder.library.stream.model.Categorical(shares, perfect=False)
            self.due[context] = self.sums[context] * (GROWTH + 1) // GROWTH
        return self.models[context]
