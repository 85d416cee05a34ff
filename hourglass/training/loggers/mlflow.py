"""MLflow: settings as parameters, figures as metrics, reconstructions as images."""

from pathlib import Path
from typing import Any

LONGEST = 500   # characters of a parameter, as MLflow allows in every version


class MLflow:
    """A run of MLflow, at the address that MLFLOW_TRACKING_URI or mlflow.set_tracking_uri says."""

    def __init__(self, name: str, settings: dict[str, Any]):
        import mlflow
        self.mlflow, self.run = mlflow, mlflow.start_run(run_name=name)
        mlflow.log_params({key: str(value)[:LONGEST] for key, value in settings.items()})

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        self.mlflow.log_metrics(row, step=epoch)
        if picture is not None:
            self.mlflow.log_artifact(str(picture), "reconstructions")

    def close(self) -> None:
        self.mlflow.end_run()


def start(folder: Path, name: str, settings: dict[str, Any]) -> MLflow:
    """A logger for the run in that folder."""
    return MLflow(name, settings)
