"""Conditioning on the class of x, which is known or inferred."""

import math

import torch
from torch import Tensor, nn


class LabelCondition(nn.Module):
    """Adds the class to the encoder's h and to the decoder's h. This equals appending maps of the
    one-hot class to h, and to z (Sohn et al., 2015)."""

    def __init__(self, classes: int, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        if classes < 2:
            raise ValueError("condition 'label' needs data with two classes or more: one folder "
                             "per class, a table's column, as in table('rows.csv', label='kind'), "
                             "labels y, or a source with classes")
        self.forth = nn.Sequential(nn.Embedding(classes, math.prod(code)), nn.Unflatten(1, code))
        self.back = nn.Sequential(nn.Embedding(classes, math.prod(back)), nn.Unflatten(1, back))
        for table in (self.forth[0], self.back[0]):
            nn.init.normal_(table.weight, std=0.02)  # type: ignore[arg-type]

    def labels_and_logits(self, h: Tensor, y: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The classes y (B,), and no logits."""
        return y, None

    def encoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *code), y (B,) -> h with the class added."""
        return h + self.forth(_given(y))

    def decoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *back), y (B,) -> h with the class added."""
        return h + self.back(_given(y))


class InferredLabel(nn.Module):
    """Like `LabelCondition` for known classes. Unknown ones (-1, or no y) are inferred from the
    encoder's h, by q(y|x) (model M2 of Kingma et al., 2014, arXiv 1406.5298)."""

    def __init__(self, classes: int, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        self.label = LabelCondition(classes, code, back)
        self.classify = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(code), HIDDEN), nn.ReLU(),
                                      nn.Linear(HIDDEN, classes))

    def encoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *code), y (B,) -> h with the class added."""
        return self.label.encoding(h, y)

    def decoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *back), y (B,) -> h with the class added."""
        return self.label.decoding(h, y)

    def labels_and_logits(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Classes (B,), and the logits of q(y|x), (B, K)."""
        logits = self.classify(h)
        guess = logits.argmax(1)
        return guess if y is None else torch.where(y < 0, guess, y), logits


class ClassifierHead(nn.Module):
    """q(y|x) from the encoder's h, for a classifier. Its codes do not depend on classes."""

    def __init__(self, classes: int, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        width = math.prod(code)
        self.classify = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(width, affine=False),
                                      nn.Linear(width, HIDDEN), nn.ReLU(),
                                      nn.Linear(HIDDEN, classes))

    def labels_and_logits(self, h: Tensor, y: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The classes y (B,), and the logits of q(y|x), (B, K)."""
        return y, self.classify(h)

    def encoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *code), unchanged."""
        return h

    def decoding(self, h: Tensor, y: Tensor | None) -> Tensor:
        """h (B, *back), unchanged."""
        return h


Condition = LabelCondition | InferredLabel | ClassifierHead
CONDITIONS: dict[str, type[Condition]] = {"label": LabelCondition, "inferred": InferredLabel,
                                          "classifier": ClassifierHead}
HIDDEN = 128   # hidden units of a classifier


def _given(y: Tensor | None) -> Tensor:
    if y is None:
        raise ValueError("this model is conditional: it needs the class of every sample")
    return y
