"""An entropy coder and adaptive integer tables; the same function writes a stream and reads it.

A model calls `code` with symbols when writing and with None when reading. It returns the symbols in
both cases, so that one function both compresses and decompresses.
"""

from typing import Any

import numpy as np

TOTAL = 1 << 20     # sum of a table's frequencies
SEEN = 1 << 10      # weight that one coded symbol adds
GROWTH = 8          # a table is rebuilt when its weight has grown by an eighth
RAW = 1 << 16       # uniform symbols are coded in parts below it


class Coder:
    """A range coder (Martin, 1979) that writes or reads 32-bit words.

    Raises ValueError for words that no coder wrote.
    """

    def __init__(self, words: np.ndarray | None = None):
        self.library = constriction()
        queue = self.library.stream.queue
        self.reads = words is not None
        self.stream = queue.RangeDecoder(words) if self.reads else queue.RangeEncoder()

    def code(self, model: Any, count: int, symbols: np.ndarray | None) -> np.ndarray:
        """Code `count` symbols by the model: write them, or read them if `symbols` is None."""
        if not self.reads:
            self.stream.encode(np.ascontiguousarray(symbols, np.int32), model)
            return np.asarray(symbols)
        try:
            read: np.ndarray = self.stream.decode(model, count)
        except (AssertionError, ValueError) as error:
            raise ValueError(f"its data does not come from a coder ({error})") from None
        return read

    def raw(self, count: int, below: int, symbols: np.ndarray | None) -> np.ndarray:
        """Code uniform symbols from 0 to below a number of at most 2**16."""
        return self.code(self.library.stream.model.Uniform(below), count, symbols)

    def words(self) -> np.ndarray:
        """The written data, as 32-bit words."""
        written: np.ndarray = self.stream.get_compressed()
        return written

    def check_end(self) -> None:
        """Raise ValueError if data is left that has not been read."""
        if not self.stream.maybe_exhausted():
            raise ValueError("it holds more data than it says")


def constriction() -> Any:
    """Import the library of entropy coders (Bamler, 2022, arXiv 2201.01741)."""
    try:
        import constriction
    except ImportError:
        raise ValueError("compression needs an extra: pip install 'hourglass[compress]'") from None
    return constriction


def frequencies(weights: np.ndarray) -> np.ndarray:
    """Integers from 1, (S,), that sum to TOTAL and are nearly proportional to the weights (S,)."""
    spare = TOTAL - len(weights)
    counts = weights * spare // weights.sum()
    counts[weights.argmax()] += spare - counts.sum()
    return counts + 1


def falling(size: int, centre: int, eighths: int, mass: int) -> np.ndarray:
    """Weights (size,) with about that sum that fall geometrically from the centre; `eighths` is the
    mean distance, in eighths of a step. They are integers, the same on every machine."""
    weights = np.zeros(size, np.int64)
    height, start = 1 << 40, max(eighths, 1)
    for away in range(max(centre, size - 1 - centre) + 1):
        for place in {centre - away, centre + away}:
            if 0 <= place < size:
                weights[place] = height
        height = height * start // (start + 8)
    return weights // max(int(weights.sum()) // mass, 1) + 1


class Tables:
    """A table of frequencies for each of K contexts, which adapts to the coded symbols.

    It begins with weights (K, S). Frequencies are integers that sum to a power of two, so shares
    are exact, and so is the coder's result on any machine.
    """

    def __init__(self, weights: np.ndarray):
        self.weights = weights.astype(np.int64)
        self.sums = self.weights.sum(1)
        self.due = np.zeros(len(weights), np.int64)
        self.models: list[Any] = [None] * len(weights)

    def code(self, coder: Coder, contexts: np.ndarray, symbols: np.ndarray | None) -> np.ndarray:
        """Code symbols (M,), each with the table of its context (M,). The tables adapt
        afterwards."""
        order = np.argsort(contexts, kind="stable")
        present, starts = np.unique(contexts[order], return_index=True)
        coded = np.empty(len(contexts), np.int64)
        for context, rows in zip(present, np.split(order, starts[1:]), strict=True):
            coded[rows] = values = coder.code(self._model(context, coder), len(rows),
                                              None if symbols is None else symbols[rows])
            self.weights[context] += SEEN * np.bincount(values, minlength=self.weights.shape[1])
            self.sums[context] += SEEN * len(rows)
        return coded

    def _model(self, context: int, coder: Coder) -> Any:
        if self.sums[context] >= self.due[context]:
            shares = frequencies(self.weights[context]) / TOTAL
            self.models[context] = coder.library.stream.model.Categorical(shares, perfect=False)
            self.due[context] = self.sums[context] * (GROWTH + 1) // GROWTH
        return self.models[context]
