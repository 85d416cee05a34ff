"""Transformers for lines of tokens and for series."""

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from ...core.tokens import PAD
from .layers import Skips
from .token_layers import (
    Choose,
    TokenHead,
    TokenInput,
    check_sequence,
    log_probs_by_prefix,
    trimmed,
    with_positions,
    write_by_prefix,
)

EXPANSION = 4   # width of a block's hidden layer, as a multiple


@backbones.add("transformer")
def transformer(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 128, depth: Count = 2,
    heads: Count = 4, dropout: Rate = 0.1, word_dropout: Rate = 0.0, one_by_one: bool = True,
) -> Backbone:
    """Transformer (Vaswani et al., 2017, arXiv 1706.03762) for lines of text and series: `depth`
    blocks of self-attention with `heads` heads in the encoder, whose mean over the line is the
    code, and as many in the decoder.

    Of a line, the decoder writes token by token and sees the code at each, or all tokens at once
    with one_by_one=False. `word_dropout` is the share of earlier tokens that training hides from
    the decoder. Of a series, the decoder gives all steps at once.
    """
    if width % heads or width % 2:
        raise ValueError(f"the backbone transformer needs an even width that is a multiple of its "
                         f"{heads} heads, not {width}")
    blocks = (width, depth, heads, dropout)
    if not check_sequence("transformer", shape, out):
        if word_dropout:
            raise ValueError("word_dropout hides tokens of text, and this data is a series; leave "
                             "it out")
        return Backbone(StepReader(shape[0], blocks), WriterAtOnce(out, blocks), (width,))
    reader = AttentionReader(TokenInput(out[0], width, dropout), blocks)
    if one_by_one:
        enter = TokenInput(out[0], width, dropout, word_dropout)
        return Backbone(reader, AttentionWriter(enter, blocks, out), (width,))
    if word_dropout:
        raise ValueError("word_dropout is for a decoder that writes token by token; leave it out, "
                         "or one_by_one=False")
    return Backbone(reader, AllTokensWriter(out, blocks), (width,))


class AttentionReader(nn.Module):
    """Token indices x (B, T) -> h (B, width), the mean over each line's tokens; no skips."""

    reads_tokens = True

    def __init__(self, enter: nn.Module, blocks: tuple[int, int, int, float]):
        super().__init__()
        self.enter, self.blocks = enter, _blocks(*blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        ids = trimmed(x)
        padding = ids == PAD
        padding = padding & ~padding.all(1, keepdim=True)   # attention needs a place
        h = self.blocks(with_positions(self.enter(ids)), src_key_padding_mask=padding)
        known = (~padding)[..., None].to(h.dtype)
        return (h * known).sum(1) / known.sum(1), ()


class StepReader(nn.Module):
    """x (B, C, T) -> h (B, width), the mean over all steps; no skips."""

    def __init__(self, channels: int, blocks: tuple[int, int, int, float]):
        super().__init__()
        self.enter, self.blocks = nn.Linear(channels, blocks[0]), _blocks(*blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        states: Tensor = self.blocks(with_positions(self.enter(x.transpose(1, 2))))
        return states.mean(1), ()


class AttentionWriter(nn.Module):
    """h (B, width), tokens (B, T) -> log probability (B, S) of the first S of them, each given
    those before it."""

    def __init__(self, enter: nn.Module, blocks: tuple[int, int, int, float],
                 out: tuple[int, ...]):
        super().__init__()
        self.size, self.length = out
        self.enter, self.code = enter, nn.Linear(blocks[0], blocks[0])
        self.blocks, self.head = _blocks(*blocks), TokenHead(blocks[0], self.size)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        return log_probs_by_prefix(self, h, x)

    def read(self, h: Tensor, ids: Tensor) -> Tensor:
        """The state (B, S, width) after each of the tokens (B, S)."""
        places = ids.shape[1]
        hidden = torch.ones(places, places, dtype=torch.bool, device=ids.device).triu(1)
        read = with_positions(self.enter(ids)) + self.code(h)[:, None]
        states: Tensor = self.blocks(read, mask=hidden, is_causal=True)
        return states

    def write(self, h: Tensor, choose: Choose) -> Tensor:
        """Tokens (B, length), which `choose` takes from logits (B, size) one by one."""
        return write_by_prefix(self, h, self.length, choose)


class WriterAtOnce(nn.Module):
    """h (B, width) -> the likelihood's parameters (B, *out), from h at every place."""

    def __init__(self, out: tuple[int, ...], blocks: tuple[int, int, int, float]):
        super().__init__()
        self.places, self.blocks = out[1], _blocks(*blocks)
        self.leave = nn.Linear(blocks[0], out[0])

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        read = with_positions(h[:, None].expand(-1, self.places, -1))
        params: Tensor = self.leave(self.blocks(read)).transpose(1, 2)
        return params


class AllTokensWriter(nn.Module):
    """h (B, width) -> logits (B, size, T) of all tokens of a line."""

    makes_tokens = True

    def __init__(self, out: tuple[int, ...], blocks: tuple[int, int, int, float]):
        super().__init__()
        self.all = WriterAtOnce(out, blocks)

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        params: Tensor = self.all(h)
        return params


def _blocks(width: int, depth: int, heads: int, dropout: float) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, heads, EXPANSION * width, dropout, "gelu",
                                       batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
