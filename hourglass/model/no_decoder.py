"""What stands where a decoder was thrown away."""

from torch import Tensor, nn


class NoDecoder(nn.Module):
    """Stands where a decoder was thrown away, and says so."""

    def __init__(self, origin: str):
        super().__init__()
        self.origin = origin

    def forward(self, h: Tensor, skips: tuple[Tensor, ...] = ()) -> Tensor:
        raise ValueError(f"this run is a classifier: its decoder was thrown away. To reconstruct, "
                         f"generate or score, use the run that it was made of, {self.origin}")
