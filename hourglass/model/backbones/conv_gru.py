"""Convolutions that read a line of tokens, and a GRU that writes it."""

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from ...core.tokens import PAD
from .layers import Skips
from .recurrent import RecurrentWriter
from .token_layers import TokenInput

KERNELS, CHANNELS = (9, 9, 11), (9, 9, 10)   # of Gomez-Bombarelli et al., for ZINC


@backbones.add("conv_gru")
def conv_gru(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 488, layers: Count = 3,
    embedding: Count = 64, dropout: Rate = 0.0, word_dropout: Rate = 0.0,
) -> Backbone:
    """Three convolutions that read a whole line of tokens, and a GRU of `layers` layers and `width`
    states that writes it token by token, as for molecules (Gomez-Bombarelli et al., 2018, arXiv
    1610.02415). `embedding` is the size of a token's vector; `dropout` and `word_dropout` are as
    for `gru`."""
    if len(shape) != 1 or len(out) != 2:
        raise ValueError(f"the backbone conv_gru needs lines of text or molecules, not samples of "
                         f"shape {shape}")
    writer = RecurrentWriter(nn.GRU, TokenInput(out[0], embedding, dropout, word_dropout),
                             (width, embedding, layers), out, dropout)
    return Backbone(ConvReader(out, width), writer, (width,))


class ConvReader(nn.Module):
    """Token indices x (B, T) -> h (B, width), from all places; no skips."""

    reads_tokens = True

    def __init__(self, out: tuple[int, ...], width: int):
        super().__init__()
        self.size, length = out
        layers: list[nn.Module] = []
        before = self.size
        for channels, kernel in zip(CHANNELS, KERNELS, strict=True):
            layers += [nn.Conv1d(before, channels, kernel, padding=kernel // 2), nn.ReLU()]
            before = channels
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.leave = nn.Sequential(nn.Linear(before * length, width), nn.ReLU())

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        known = (x != PAD)[:, None]   # padding is 0 in each channel
        hot = nn.functional.one_hot((x.long() - 1).clamp(min=0), self.size).transpose(1, 2)
        h: Tensor = self.leave(self.convolutions(torch.where(known, hot, 0).to(self.dtype)))
        return h, ()

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.parameters()).dtype
