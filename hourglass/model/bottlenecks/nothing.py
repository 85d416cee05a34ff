"""A bottleneck that passes nothing on: the decoder is a language model, without a code."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.registry import bottlenecks


@bottlenecks.add("nothing")
class Nothing(nn.Module):
    """A code of one number, always 0, that the decoder does not see. Of lines of text, the decoder
    is then a language model, to compare models with a code with; of other data, it gives the
    mean."""

    confined = False
    nothing = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        self.back = back

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        return Latent(0 * h.flatten(1)[:, :1])

    def expand(self, z: Tensor) -> Tensor:
        """Zeros (B, *back) for codes z (B, 1)."""
        return z.new_zeros(len(z), *self.back)

    def sample_prior(self, n: int) -> Tensor:
        return torch.zeros(n, 1)
