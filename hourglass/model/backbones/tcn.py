"""Temporal convolutional networks, for lines of tokens and for series."""

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


@backbones.add("tcn")
def tcn(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 128, depth: Count = 4,
    kernel: Count = 3, dropout: Rate = 0.1, word_dropout: Rate = 0.0,
) -> Backbone:
    """Temporal convolutional network (Bai et al., 2018, arXiv 1803.01271) for lines of text and
    series: `depth` residual blocks of two convolutions that see earlier places only, each block
    twice as far apart as the one before it. The code is the mean over the sequence.

    Of a line, the decoder writes token by token and sees the code at each. `word_dropout` is the
    share of earlier tokens that training hides from it. It sees 2 (kernel - 1) (2^depth - 1) places
    back. Of a series, the decoder gives all steps at once.
    """
    if width % 2:
        raise ValueError(f"the backbone tcn needs an even width, not {width}")
    sizes = (width, depth, kernel, dropout)
    if check_sequence("tcn", shape, out):
        return Backbone(ConvolutionReader(TokenInput(out[0], width, dropout), sizes),
                        ConvolutionWriter(TokenInput(out[0], width, dropout, word_dropout), sizes,
                                          out), (width,))
    if word_dropout:
        raise ValueError("word_dropout hides tokens of text, and this data is a series; leave it "
                         "out")
    return Backbone(StepConvolutions(shape[0], sizes), AllSteps(out, sizes), (width,))


class CausalBlock(nn.Module):
    """h (B, width, T) -> like h: each place from itself and earlier places."""

    def __init__(self, width: int, kernel: int, apart: int, dropout: float):
        super().__init__()
        def layer() -> nn.Module:
            return nn.Sequential(nn.ZeroPad1d(((kernel - 1) * apart, 0)),
                                 nn.Conv1d(width, width, kernel, dilation=apart), nn.ReLU(),
                                 nn.Dropout(dropout))
        self.layers = nn.Sequential(layer(), layer())

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = h + self.layers(h)
        return out


class ConvolutionReader(nn.Module):
    """Token indices x (B, T) -> h (B, width), the mean over each line's tokens; no skips."""

    reads_tokens = True

    def __init__(self, enter: nn.Module, sizes: tuple[int, int, int, float]):
        super().__init__()
        self.enter, self.blocks = enter, _blocks(*sizes)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        ids = trimmed(x)
        h = self.blocks(self.enter(ids).transpose(1, 2))
        known = (ids != PAD)[:, None].to(h.dtype)
        return (h * known).sum(2) / known.sum(2).clamp(min=1), ()


class ConvolutionWriter(nn.Module):
    """h (B, width), tokens (B, T) -> log probability (B, S) of the first S of them, each given
    those before it."""

    def __init__(self, enter: nn.Module, sizes: tuple[int, int, int, float], out: tuple[int, ...]):
        super().__init__()
        self.size, self.length = out
        self.enter, self.code = enter, nn.Linear(sizes[0], sizes[0])
        self.blocks, self.head = _blocks(*sizes), TokenHead(sizes[0], self.size)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        return log_probs_by_prefix(self, h, x)

    def read(self, h: Tensor, ids: Tensor) -> Tensor:
        """The state (B, S, width) after each of the tokens (B, S)."""
        read = self.enter(ids) + self.code(h)[:, None]
        states: Tensor = self.blocks(read.transpose(1, 2)).transpose(1, 2)
        return states

    def write(self, h: Tensor, choose: Choose) -> Tensor:
        """Tokens (B, length), which `choose` takes from logits (B, size) one by one."""
        return write_by_prefix(self, h, self.length, choose)


class StepConvolutions(nn.Module):
    """x (B, C, T) -> h (B, width), the mean over all steps; no skips."""

    def __init__(self, channels: int, sizes: tuple[int, int, int, float]):
        super().__init__()
        self.enter, self.blocks = nn.Conv1d(channels, sizes[0], 1), _blocks(*sizes)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        entered = with_positions(self.enter(x).transpose(1, 2)).transpose(1, 2)
        states: Tensor = self.blocks(entered)
        return states.mean(2), ()


class AllSteps(nn.Module):
    """h (B, width) -> the likelihood's parameters (B, *out), from h at every step."""

    def __init__(self, out: tuple[int, ...], sizes: tuple[int, int, int, float]):
        super().__init__()
        self.steps, self.blocks = out[1], _blocks(*sizes)
        self.leave = nn.Conv1d(sizes[0], out[0], 1)

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        read = with_positions(h[:, None].expand(-1, self.steps, -1))
        params: Tensor = self.leave(self.blocks(read.transpose(1, 2)))
        return params


def _blocks(width: int, depth: int, kernel: int, dropout: float) -> nn.Module:
    return nn.Sequential(*(CausalBlock(width, kernel, 2**i, dropout) for i in range(depth)))
