"""The class of x as a condition: what makes encoder and decoder know which class they deal with."""

import math

from torch import Tensor, nn


class LabelCondition(nn.Module):
    """Adds what a class brings to the encoder's h and to the decoder's: the same maps as of its
    one-hot code beside h, and beside z (Sohn et al., 2015)."""

    def __init__(self, classes: int, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        if classes < 2:
            raise ValueError("condition 'label' needs data with at least two classes: a folder for "
                             "each, labels y, or a source that has them")
        self.forth = nn.Sequential(nn.Embedding(classes, math.prod(code)), nn.Unflatten(1, code))
        self.back = nn.Sequential(nn.Embedding(classes, math.prod(back)), nn.Unflatten(1, back))
        for table in (self.forth[0], self.back[0]):
            nn.init.normal_(table.weight, std=0.02)  # type: ignore[arg-type]

    def encoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *code), y (B,) -> h, of that class."""
        return h + self.forth(_given(y))

    def decoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *back), y (B,) -> h, of that class."""
        return h + self.back(_given(y))


def _given(y: Tensor | None) -> Tensor:
    if y is None:
        raise ValueError("this model is conditional: it needs the class of every sample")
    return y
