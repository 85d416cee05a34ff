"""Lines of text from a prior; of molecules, as many valid ones as are asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.chemistry import molecule_of
from .line_uses import is_of_molecules, texts_of
from .trained import Trained

TRIES = 20   # texts that are drawn at most for each molecule that is asked for


@dataclass(frozen=True)
class DrawnLines:
    """Lines as tokens x (N, T), their texts and classes ("" without classes), and how many were
    drawn up to the last of them."""

    x: np.ndarray
    texts: list[str]
    kinds: list[str]
    drawn: int

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is said of texts that were drawn and are not valid; () if all are."""
        wrong = self.drawn - len(self.texts)
        return (f"{wrong:,} of {self.drawn:,} drawn texts are not valid molecules and are left out",
                ) if wrong else ()


def draw_lines(
    model: Trained, n: int, y: Any, seed: int, prior: str, temperature: float = 1.0, top_k: int = 0
) -> DrawnLines:
    """n lines, in the order in which they were drawn; arguments as of `model.draw`. Molecules that
    are not valid are left out, and others are drawn. Raises ValueError if TRIES times as many are
    not enough."""
    needs_valid = is_of_molecules(model.description)
    kept: list[tuple[np.ndarray, str, str]] = []
    for times in range(TRIES):
        x, _, labels = model.draw(n, y, seed + times, prior, temperature, top_k=top_k)
        for place, text in enumerate(texts_of(model.description, x)):
            if not needs_valid or molecule_of(text) is not None:
                kept.append((x[place], text,
                             model.classes[labels[place]] if len(labels) else ""))
            if len(kept) == n:
                lines, texts, kinds = zip(*kept, strict=True)
                return DrawnLines(np.stack(lines), list(texts), list(kinds), times * n + place + 1)
    raise ValueError(f"only {len(kept):,} of {TRIES * n:,} drawn texts are valid molecules, and "
                     f"{n:,} were asked for; train longer, or lower the temperature")
