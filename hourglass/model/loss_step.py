"""One training step: the model and its loss in one forward pass."""

from dataclasses import replace

from torch import Tensor, nn

from ..core.contracts import Output
from ..core.part_contracts import Ranks, offers
from .autoencoder import Autoencoder
from .objective import Objective
from .posterior_stats import moments


class Step(nn.Module):
    """Model and loss in one forward pass, so that loss terms which call the model again use the
    same precision."""

    def __init__(self, model: Autoencoder, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective
        self.single: set[str] = set()   # weights that are single numbers, while they are shared
        # shares of items and tokens have no squared error
        self.ranks = offers(model.likelihood, Ranks) or model.of_tokens

    def forward(
        self, x: Tensor, y: Tensor | None = None, encoder_input: Tensor | None = None,
        known: Tensor | None = None, properties: Tensor | None = None, closely: bool = False,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss to minimise and the mean losses of a batch, where "loss" is the model's.

        x is (B, *shape), y (B,), properties (B, P). With `closely`, also the squared error per
        value and statistics of the posterior."""
        out: Output = self.model(x, y, True, encoder_input, known)
        if properties is not None:
            out = replace(out, properties=properties)
        loss, parts = self.objective(out, self.model)
        means = {"loss": loss, **{name: part.mean() for name, part in parts.items()}}
        if self.objective.moving:
            means["selection"] = self.objective.selection(out, parts).detach()
        if closely:
            means |= moments(out.latent) if self.ranks else {
                **_squared_errors(out), **moments(out.latent)}
            if out.latent.guess is not None and y is not None:
                means["class_error"] = (out.latent.guess.argmax(1) != y).float().mean()
        against = self.objective.rival_losses(out, self.model)
        return sum(against.values(), loss), means | against


def _squared_errors(out: Output) -> dict[str, Tensor]:
    """Squared error per observed value, and over the hidden ones."""
    squared, known = (out.px.mean - out.x).square(), out.known
    mse = squared.mean() if known is None else (squared * known).sum() / known.sum()
    return {"mse": mse, **_hidden_error(squared, out)}


def _hidden_error(squared: Tensor, out: Output) -> dict[str, Tensor]:
    """Squared error per value over the values hidden from the encoder, if there are any."""
    if out.hidden is None:
        return {}
    counted = out.hidden.float() if out.known is None else out.hidden * out.known
    return {"hidden_mse": (squared * counted).sum() / counted.sum().clamp(min=1)}
