"""A placeholder for the removed decoder of a classifier."""

from torch import Tensor, nn


class NoDecoder(nn.Module):
    """Takes the place of a removed decoder, and explains that in its error."""

    def __init__(self, origin: str):
        super().__init__()
        self.origin = origin

    def forward(self, h: Tensor, skips: tuple[Tensor, ...] = ()) -> Tensor:
        raise ValueError(f"this run is a classifier without a decoder. To reconstruct, generate or "
                         f"score, use the run that it was made from, {self.origin}")
