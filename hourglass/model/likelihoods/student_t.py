"""Student's t likelihood, which is robust to outliers."""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.hints import Positive
from ...core.registry import likelihoods
from .common import EVERYWHERE, Elementwise, mean_of

Freedom = Annotated[float, Gt(1)]   # there is no mean at 1 and below
BEGUN = 5.0                         # initial learned degrees of freedom


@likelihoods.add("student_t")
class StudentT(nn.Module):
    """Student's t with `df` degrees of freedom, robust to outliers (Lange et al., 1989; in VAEs:
    Takahashi et al., 2018). 'learned' learns one value for all of x."""

    support = EVERYWHERE
    discrete = False

    def __init__(self, df: Freedom | Literal["learned"] = 5.0,
                 scale: Positive | Literal["learned"] = 1.0):
        super().__init__()
        above_one = (BEGUN if isinstance(df, str) else df) - 1
        raw = above_one + math.log(-math.expm1(-above_one))   # the inverse of softplus
        self.raw_df = nn.Parameter(torch.tensor(raw), requires_grad=df == "learned")
        self.log_scale = nn.Parameter(
            torch.tensor(0.0 if isinstance(scale, str) else math.log(scale)),
            requires_grad=scale == "learned")

    def forward(self, params: Tensor) -> Distribution:
        df = 1 + nn.functional.softplus(self.raw_df)
        constant = (torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2)
                    - (math.pi * df).log() / 2 - self.log_scale)
        width = df.sqrt() * self.log_scale.exp()

        def log_prob(x: Tensor) -> Tensor:
            return constant - (df + 1) / 2 * torch.log1p(((x - params) / width).square())
        return Elementwise(params.shape, log_prob, lambda: params)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        return mean_of(x, known)

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}
