"""What a search aims at: names of objectives, and which values of them are better."""

from dataclasses import dataclass

AUROC = "auroc"
COSTS = ("parameters", "multiply_adds", "memory", "seconds")   # seconds of training
GREATER = frozenset({"psnr", "ssim", "explained_variance", "knn_accuracy", "linear_accuracy",
                     "active_units", "accuracy", AUROC})   # of the measured ones, those to maximise


@dataclass(frozen=True)
class Aim:
    """One objective: a column of the history, a metric that is measured on val, or a cost."""

    name: str

    @property
    def greater(self) -> bool:
        """Whether it is maximised."""
        return self.name in GREATER

    @property
    def direction(self) -> str:
        """The direction in Optuna's words."""
        return "maximize" if self.greater else "minimize"

    @property
    def is_column(self) -> bool:
        """Whether every epoch has a value."""
        return self.name.startswith(("val_", "train_"))

    @property
    def is_measured(self) -> bool:
        """Whether it is measured after training."""
        return not self.is_column and self.name not in COSTS

    def better(self, value: float, than: float) -> bool:
        """Whether one value is better than another one."""
        return value > than if self.greater else value < than
