"""Recurrent networks, GRU and LSTM, for lines of tokens and for series."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Depth, Rate
from ...core.registry import backbones
from ...core.tokens import END, PAD
from .layers import Skips
from .token_layers import (
    Choose,
    TokenHead,
    TokenInput,
    before,
    check_sequence,
    ends_of,
    trimmed,
)

State = Any   # of a GRU a tensor (L, B, H), of an LSTM two


@backbones.add("gru")
def gru(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 256, embedding: Count = 128,
    layers: Count = 1, dropout: Rate = 0.0, word_dropout: Rate = 0.0,
    encoder_layers: Depth = 0, bidirectional: bool = False,
) -> Backbone:
    """Gated recurrent units (Cho et al., 2014, arXiv 1406.1078) that read and write a sequence, for
    lines of text and series.

    `width` is the size of the state, in `layers` layers; `embedding` is the size of a token's
    vector. Of a line, the decoder writes token by token and sees the code at each (Bowman et al.,
    2016, arXiv 1511.06349). `dropout` applies to what layers read and write. `word_dropout` is the
    share of earlier tokens that training hides from the decoder. The encoder has `encoder_layers`
    layers (0: as many as the decoder), and if `bidirectional` a half of its state reads the
    sequence backwards. Of a series, the decoder gives all steps from the code alone.
    """
    return _recurrent("gru", nn.GRU, shape, out, (width, embedding, layers),
                      (dropout, word_dropout), (encoder_layers or layers, bidirectional))


@backbones.add("lstm")
def lstm(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 256, embedding: Count = 128,
    layers: Count = 1, dropout: Rate = 0.0, word_dropout: Rate = 0.0,
    encoder_layers: Depth = 0, bidirectional: bool = False,
) -> Backbone:
    """Long short-term memory (Hochreiter & Schmidhuber, 1997) that reads and writes a sequence, for
    lines of text and series; options as for `gru`."""
    return _recurrent("lstm", nn.LSTM, shape, out, (width, embedding, layers),
                      (dropout, word_dropout), (encoder_layers or layers, bidirectional))


def _recurrent(
    name: str, cell: Any, shape: tuple[int, ...], out: tuple[int, ...],
    sizes: tuple[int, int, int], dropouts: tuple[float, float], reading: tuple[int, bool],
) -> Backbone:
    width, embedding, layers = sizes
    if reading[1] and width % 2:
        raise ValueError(f"a bidirectional {name} has an even width, a half for each direction, "
                         f"not {width}")
    dropout, word_dropout = dropouts
    if check_sequence(name, shape, out):
        return Backbone(
            RecurrentReader(cell, TokenInput(out[0], embedding, dropout), embedding, width,
                            reading),
            RecurrentWriter(cell, TokenInput(out[0], embedding, dropout, word_dropout), sizes, out,
                       dropout), (width,))
    if word_dropout:
        raise ValueError("word_dropout hides tokens of text, and this data is a series; leave it "
                         "out")
    return Backbone(SeriesReader(cell, shape[0], width, reading),
                    SeriesWriter(cell, width, layers, out, dropout), (width,))


def _cells(
    cell: Any, inputs: int, width: int, reading: tuple[int, bool]
) -> tuple[nn.Module, nn.Module | None]:
    """The cells that read forwards and, if asked for, backwards, with half of the width each."""
    layers, bidirectional = reading
    if not bidirectional:
        return cell(inputs, width, layers, batch_first=True), None
    one, other = (cell(inputs, width // 2, layers, batch_first=True) for _ in range(2))
    return one, other


def _at(states: Tensor, places: Tensor) -> Tensor:
    """States (B, S, D) of (B, T, D) at places (B, S)."""
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[2]))


class RecurrentReader(nn.Module):
    """Token indices x (B, T) -> the state h (B, width) at each line's end, no skips."""

    reads_tokens = True

    def __init__(self, cell: Any, enter: nn.Module, embedding: int, width: int,
                 reading: tuple[int, bool]):
        super().__init__()
        self.enter = enter
        self.cell, self.back = _cells(cell, embedding, width, reading)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        ids = trimmed(x)
        read, last = self.enter(ids), (ends_of(ids) - 1).clamp(min=0)[:, None]
        h = _at(self.cell(read)[0], last)
        if self.back is None:
            return h[:, 0], ()
        places = torch.arange(ids.shape[1], device=ids.device)
        backwards = _at(read, (last - places).clamp(min=0))   # from each line's own end
        return torch.cat([h, _at(self.back(backwards)[0], last)], 2)[:, 0], ()


class RecurrentWriter(nn.Module):
    """h (B, width), tokens (B, T) -> log probability (B, S) of the first S of them, each given
    those before it."""

    def __init__(self, cell: Any, enter: nn.Module, sizes: tuple[int, int, int],
                 out: tuple[int, ...], dropout: float):
        super().__init__()
        width, embedding, layers = sizes
        self.size, self.length = out
        self.enter, self.several = enter, cell is nn.LSTM
        self.code = nn.Linear(width, embedding)          # added to each token
        self.start = nn.Linear(width, layers * width)    # the first state
        self.cell = cell(embedding, width, layers, batch_first=True)
        self.layers = layers
        self.dropout = nn.Dropout(dropout)
        self.head = TokenHead(width, self.size)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        ids = trimmed(x)
        states, _ = self.cell(self.enter(before(ids)) + self.code(h)[:, None], self._begun(h))
        log_probs: Tensor = self.head(self.dropout(states), ids)
        return log_probs

    def _begun(self, h: Tensor) -> State:
        state = self.start(h).unflatten(1, (self.layers, -1)).tanh().transpose(0, 1).contiguous()
        return (state, torch.zeros_like(state)) if self.several else state

    def write(self, h: Tensor, choose: Choose) -> Tensor:
        """Tokens (B, length), which `choose` takes from logits (B, size) one by one."""
        state, code = self._begun(h), self.code(h)[:, None]
        token = torch.full((len(h),), PAD, device=h.device)
        done, written = token != PAD, []
        for _ in range(self.length):
            out, state = self.cell(self.enter(token[:, None]) + code, state)
            token = choose(self.head.logits(self.dropout(out[:, 0]))).masked_fill(done, PAD)
            written.append(token)
            done = done | (token == END)
            if done.all():
                break
        tokens = torch.stack(written, 1)
        return nn.functional.pad(tokens, (0, self.length - tokens.shape[1]), value=PAD)


class SeriesReader(nn.Module):
    """x (B, C, T) -> the last state h (B, width), no skips."""

    def __init__(self, cell: Any, channels: int, width: int, reading: tuple[int, bool]):
        super().__init__()
        self.cell, self.back = _cells(cell, channels, width, reading)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        steps = x.transpose(1, 2)
        h = self.cell(steps)[0][:, -1]
        if self.back is None:
            return h, ()
        return torch.cat([h, self.back(steps.flip(1))[0][:, -1]], 1), ()


class SeriesWriter(nn.Module):
    """h (B, width) -> the likelihood's parameters (B, *out), from h at every step."""

    def __init__(self, cell: Any, width: int, layers: int, out: tuple[int, ...], dropout: float):
        super().__init__()
        self.steps = out[1]
        self.cell = cell(width, width, layers, batch_first=True)
        self.dropout, self.leave = nn.Dropout(dropout), nn.Linear(width, out[0])

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        states, _ = self.cell(h[:, None].expand(-1, self.steps, -1))
        params: Tensor = self.leave(self.dropout(states)).transpose(1, 2)
        return params
