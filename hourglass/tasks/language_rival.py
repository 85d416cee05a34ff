"""Compare a model of lines of text with a language model of the same size: does the code help?"""

from dataclasses import replace
from typing import Any

import torch

from ..core.console import say
from ..core.expressions import read
from ..inference.line_uses import is_of_lines
from ..inference.trained import Trained, load
from ..run.folder import RunFolder, is_run, open_run, read_settings, unfinished
from ..run.settings import IN_MEMORY, Settings, make_settings
from ..training.setup import prepare, resume
from ..training.train import run
from .reconstructed import reconstruction_of
from .run_training import driven, follow

FOLDER = "language_model"   # of the run's folder
LINES = 1000                # most lines of the unseen split that both are measured on


def beside_language_model(model: Trained, minutes: float | None = None) -> list[str]:
    """Train the decoder of a run of lines without its code, for as many epochs, or `minutes` at
    most; measure both on the same unseen lines; and keep the result with the run, for its report.
    It is trained once, and kept in the run's folder. Returns lines to print. Raises ValueError for
    a model without a code or of other data, and if the data is gone."""
    settings = _settings(model, minutes)
    rival, record = _trained(model, settings)
    source = model.source().to(model.device, torch.contiguous_format)
    ours, theirs = (reconstruction_of(network, source, source.unseen, LINES)
                    for network in (model, rival))
    metrics = ours.metrics
    lead = theirs.metrics["nats"] - metrics["bound"]
    kl = metrics.get("kl", 0.0)
    words = [
        f"{ours.split}, {ours.samples:,} lines: -ELBO {metrics['bound']:.5g} nats a line, KL "
        f"{kl:.4g}, mutual information {metrics.get('mutual_information', 0.0):.4g}, active "
        f"dimensions {metrics.get('active_units', 0.0):.0f}",
        f"a language model of the same size (the decoder without the code, {record['epochs']} "
        f"epochs, {record['seconds']:,.0f} s): {theirs.metrics['nats']:.5g} nats a line",
        f"the bound is {abs(lead):.4g} nats {'better' if lead > 0 else 'worse'}; -log p(x) is "
        f"below the bound, see hourglass evaluate"]
    model.cache.keep_evaluation("language model of the same size", {
        "split": ours.split, "samples": ours.samples, "bound": metrics["bound"], "kl": kl,
        "language_model": theirs.metrics["nats"], "epochs": record["epochs"],
        "seconds": record["seconds"], "words": words})
    return words


def _settings(model: Trained, minutes: float | None) -> Settings:
    """The settings of the language model: those of the run, without a code. Raises ValueError."""
    parts, about = model.description.parts, "a language model of the same size is compared with " \
        "a model of lines of text with a code"
    if not is_of_lines(model.description) or parts.bottleneck == "nothing":
        raise ValueError(f"{about}, such as text_vae(32), and this is another model")
    settings = make_settings(read_settings(model.folder.settings))
    if settings.data == IN_MEMORY:
        raise ValueError(f"{about}, and is trained on the same data, which was in memory and is "
                         f"gone; train on a file")
    epochs = int(model.folder.read_record()["epochs"])
    backbone = read(parts.backbone)
    heard = {name: value for name, value in backbone.kwargs.items() if name != "word_dropout"}
    return settings.with_(model="ae", backbone=str(replace(backbone, kwargs=heard)), decoder="",
                          bottleneck="nothing", likelihood="", loss="recon", prior="", begin="",
                          epochs=max(epochs, 1), minutes=minutes)


def _trained(model: Trained, settings: Settings) -> tuple[Trained, dict[str, Any]]:
    """The language model and its record: trained now, resumed, or as the run's folder has it."""
    path = model.folder.path / FOLDER
    folder = RunFolder(path)
    there = folder.read_record() if is_run(path) else {}
    if not there or unfinished(folder, there):
        training = resume(open_run(path), {}) if there else prepare(settings, out=path)
        say(f"training a language model of the same size in {path}, for {settings.epochs} epochs"
            + (f" or {settings.minutes:g} minutes" if settings.minutes else "") + " ...")
        follow(driven(training, run(training), "codes"), training.plan.epochs)
    return load(path, str(model.device)), folder.read_record()
