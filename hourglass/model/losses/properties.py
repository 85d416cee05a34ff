"""A loss term that predicts properties of the samples from their codes."""

from torch import Tensor, nn

from ...core.contracts import Output
from ...core.registry import terms


@terms.add("properties", example="properties('logP')")
class PropertyPredictor(nn.Module):
    """Half the squared error of properties that a linear layer predicts from the code, each in
    standard deviations of training: in nats, for a Gaussian of that variance. Codes are then
    ordered by these properties, so that a move along a direction changes them (Gomez-Bombarelli et
    al., 2018, arXiv 1610.02415, with a deeper network). `names` are columns of numbers of the data,
    such as ('logP', 'qed'). A missing value counts nothing, nor do data without properties."""

    def __init__(self, model: nn.Module, names: str | tuple[str, ...]):
        super().__init__()
        self.names = (names,) if isinstance(names, str) else tuple(names)
        self.predict = nn.Linear(model.sample_prior(1).numel(), len(self.names))  # type: ignore[operator]

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        predicted = self.predict(out.latent.z.flatten(1).float())
        if out.properties is None:
            return 0 * predicted.sum(1)
        error = (predicted - out.properties.nan_to_num()) * out.properties.isfinite()
        return error.square().sum(1) / 2
