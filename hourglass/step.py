"""One step of a training: the model and its loss in one forward pass."""

from torch import Tensor, nn

from .autoencoder import Autoencoder
from .contracts import Output
from .objective import Objective
from .posterior import moments


class Step(nn.Module):
    """Model and objective in one forward pass, so that terms which call the model again have the
    same precision."""

    def __init__(self, model: Autoencoder, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(
        self, x: Tensor, y: Tensor | None = None, closely: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """x (B, *shape), y (B,) -> total and mean losses; looked at `closely`, also the squared
        error per value, and what the posterior does."""
        out: Output = self.model(x, y, draw=True)
        loss, parts = self.objective(out, self.model)
        means = {"loss": loss, **{name: part.mean() for name, part in parts.items()}}
        if closely:
            means |= {"mse": (out.px.mean - out.x).square().mean(), **moments(out.latent)}
        return loss, means
