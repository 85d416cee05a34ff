"""The encoder or the decoder of a run as a plain PyTorch module."""

from pathlib import Path

from torch import Tensor, nn

from ..core.contracts import Scale
from ..model.autoencoder import Autoencoder
from ..run.folder import open_run
from ..run.weights import read_model


def load_half(run: str | Path, half: str) -> "Half":
    """Load only the encoder (x -> z) or only the decoder (z -> mean of x) of a run. A conditional
    model's half also takes the class indices. The weights of the other half are not read.

        >>> import hourglass as hg, torch
        >>> model = hg.train("digits", model="ae(8)", epochs=1, out="run", report=False, quiet=True)
        >>> encoder = hg.load_half("run", "encoder")
        >>> encoder(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 8])
    """
    folder = open_run(run)
    prefixes = {"encoder": ("encoder.", "bottleneck."),
                "decoder": ("decoder.", "bottleneck.", "likelihood.")}
    prefixes = {name: (*starts, "condition.") for name, starts in prefixes.items()}
    if half not in prefixes:
        raise ValueError(f"a model has an encoder and a decoder, not {half!r}")
    model, description = read_model(folder, prefixes[half])
    return Half(model, half, description.shape, description.scale).eval()


class Half(nn.Module):
    """The encoder or the decoder of an autoencoder as a plain module from tensor to tensor."""

    def __init__(self, model: Autoencoder, half: str, shape: tuple[int, ...], scale: Scale):
        super().__init__()
        if half == "encoder":
            del model.decoder
        else:
            del model.encoder
        self.shape, self.scale = shape, scale   # of one x; how the data was scaled
        self.model, self.side = model, half   # nn.Module has its own `half`

    def forward(self, t: Tensor, y: Tensor | None = None) -> Tensor:
        if self.side == "encoder":
            return self.model.encode(t, y)[0].z
        return self.model.decode(t, y).mean
