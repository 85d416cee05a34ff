"""Lines of text from a prior; of molecules, as many valid ones as are asked for."""

from dataclasses import dataclass

from ..data.chemistry import molecule_of
from ..inference.line_uses import is_of_molecules, texts_of
from ..inference.trained import Trained
from .generate import GenerateOptions

TRIES = 20   # texts that are drawn at most for each molecule that is asked for


@dataclass(frozen=True)
class DrawnTexts:
    """Texts, their classes ("" without classes), and how many were drawn up to the last of them."""

    texts: list[str]
    kinds: list[str]
    drawn: int

    @property
    def left_out(self) -> str:
        """What is said of texts that were drawn and are not valid; "" if all are."""
        wrong = self.drawn - len(self.texts)
        return (f"{wrong:,} of {self.drawn:,} drawn texts are not valid molecules and are left out"
                if wrong else "")


def draw_texts(model: Trained, wish: GenerateOptions, prior: str) -> DrawnTexts:
    """As many texts as are wished for, in the order in which they were drawn. Molecules that are
    not valid are left out, and others are drawn. Raises ValueError if TRIES times as many are not
    enough."""
    needs_valid = is_of_molecules(model.description)
    kept: list[str] = []
    kinds: list[str] = []
    for times in range(TRIES):
        x, _, labels = model.draw(wish.n, wish.kind or None, wish.seed + times, prior,
                                  wish.temperature, top_k=wish.top_k)
        for place, text in enumerate(texts_of(model.description, x)):
            if not needs_valid or molecule_of(text) is not None:
                kept.append(text)
                kinds.append(model.classes[labels[place]] if len(labels) else "")
            if len(kept) == wish.n:
                return DrawnTexts(kept, kinds, times * wish.n + place + 1)
    raise ValueError(f"only {len(kept):,} of {TRIES * wish.n:,} drawn texts are valid molecules, "
                     f"and {wish.n:,} were asked for; train longer, or lower --temperature")
