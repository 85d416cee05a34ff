"""The loss: a formula over terms, such as "recon + 4 * kl"."""

from torch import Tensor, nn

from .contracts import Output
from .spec import read_sum, terms


class Objective(nn.Module):
    """Weighs terms, and a bottleneck's own penalties with them.

    Every term gives (B,), summed over dimensions; the total is the mean over the batch.
    """

    def __init__(self, formula: str, model: nn.Module):
        super().__init__()
        calls = read_sum(formula)
        names = [call.name for _, call in calls]
        if len(set(names)) < len(names):
            raise ValueError(f"{formula!r} has a term twice")
        self.weights = {call.name: weight for weight, call in calls}
        self.terms = {call.name: terms.build(call, model) for _, call in calls}
        self.learned = nn.ModuleList(t for t in self.terms.values() if isinstance(t, nn.Module))

    def forward(self, out: Output, model: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, a scalar, and {name: (B,)} of its unweighted parts."""
        parts = {name: term(out, model) for name, term in self.terms.items()}
        parts.update(out.latent.penalties)
        for name, part in parts.items():
            if part.shape != out.x.shape[:1]:
                raise TypeError(f"term {name!r} gave {tuple(part.shape)}, not {(len(out.x),)}")
        weighed = [self.weights.get(name, 1.0) * part for name, part in parts.items()]
        return sum(weighed[1:], weighed[0]).mean(), parts
