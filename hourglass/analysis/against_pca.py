"""The model compared with PCA of as many components: a table, and advice if the model loses."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.split_data import Source
from ..inference.pca import MOST_VALUES, fit_pca, training_samples
from .snapshot import Snapshot, of_accuracy

NAMES = {"mse": "mse", "knn_accuracy": "k-NN accuracy", "linear_accuracy": "linear accuracy"}
HALF = 0.5   # share of the latent dimensions in use, below which the KL holds the others down


def put_beside(s: Snapshot, source: Source, most_values: int = MOST_VALUES) -> None:
    """Fit PCA to the training samples, up to a number of values, and apply it to the snapshot's.
    Fills `s.pca` and, if they can be compared, `s.pca_squared` and `s.pca_codes`."""
    numbers, values = s.words.shape[1] if len(s.words) else s.codes.shape[1], s.x[0].size
    if why := _left_out(source, numbers, values):
        s.pca = f"PCA is left out: {why}"
        return
    pca = fit_pca(training_samples(source, most_values), numbers)
    x = s.x.copy() if len(s.known) else s.x
    if len(s.known):
        x[~s.known] = np.nan
    s.pca_squared = s.of_known(np.nan_to_num(pca.squared_errors(x)))
    if len(s.y):
        codes = pca.encode(x[of_accuracy(len(s.x))])
        s.pca_codes = (codes / max(float(codes.std()), 1e-30)).astype(np.float16)
    s.pca = _about(len(pca.axes), numbers, pca.count, len(s.words) > 0)


def _left_out(source: Source, numbers: int, values: int) -> str:
    """Why the comparison with PCA is left out, as the end of a sentence; "" if it is not."""
    train = source.splits["train"]
    if train.encoder_input is not None:
        return "the model turns one kind of sample into another"
    if len(train) < 2:
        return "there is one training sample"
    if numbers >= values:
        return (f"a code of {numbers:,} numbers for samples of {values:,} need not compress; a "
                f"smaller bottleneck must")
    return ""


def _about(components: int, numbers: int, samples: int, discrete: bool) -> str:
    words = f"PCA with {components:,} components, fitted to {samples:,} training samples"
    if components < numbers:
        return f"{words}, which allow no more; the code has {numbers:,}"
    return words + (", one for each token of the code, though a token says less than a number"
                    if discrete else ", as many as the code has numbers")


def rows(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The compared metrics of the model and of PCA; {} if PCA was left out."""
    if "pca_mse" not in metrics:
        return {}
    return {who: {title: metrics[prefix + name] for name, title in NAMES.items()
                  if name in metrics and f"pca_{name}" in metrics}
            for who, prefix in (("model", ""), ("PCA", "pca_"))}


def verdict(record: Mapping[str, Any], width: int, folder: str) -> str:
    """One line that says in which metrics the model significantly loses to PCA, and what to try; ""
    if it does not. `width` is the number of values in a code."""
    metrics, between = record["metrics"], record["intervals"]
    if "pca_mse" not in metrics:
        return ""
    lost = [title for name, title in NAMES.items() if f"pca_{name}" in metrics and (
        between[name][0] > metrics["pca_mse"] if name == "mse" else
        between[name][1] < metrics[f"pca_{name}"])]
    if not lost:
        return ""
    named = " and ".join(filter(None, [", ".join(lost[:-1]), lost[-1]]))
    return f"The model loses to PCA in {named}. {_advice(record, width, folder)}"


def _advice(record: Mapping[str, Any], width: int, folder: str) -> str:
    metrics, epochs = record["metrics"], record["epochs"]
    if "kl" in metrics and metrics.get("active_units", width) < HALF * width:
        return (f"Only {metrics['active_units']:.0f} of {width} latent dimensions are in use: try "
                f"a smaller weight of the KL, such as --loss \"recon + 0.2 * kl\".")
    if record.get("best_epoch") == epochs or "minutes" in str(record.get("ended", "")):
        return (f"It was still learning: try more epochs, such as hourglass train {folder} "
                f"--resume --epochs {max(2 * epochs, 20)}.")
    if "kl" in metrics:
        return ("Its KL costs reconstruction: try a smaller weight, such as "
                "--loss \"recon + 0.2 * kl\", or --model ae.")
    return ("Try a smaller network (--backbone mlp), another learning rate (--lr 0.0003), or more "
            "training samples.")


def in_words(record: Mapping[str, Any]) -> list[str]:
    """The rows of a run's record as lines, and the verdict."""
    table = rows(record["metrics"])
    wide = max(map(len, table), default=0)
    lines = [f"{who:<{wide}}  " + ", ".join(f"{name} {value:.4g}" for name, value in row.items())
             for who, row in table.items()]
    about = record.get("pca", {})
    return [*lines, *filter(None, (about.get("about", ""), about.get("verdict", "")))]
