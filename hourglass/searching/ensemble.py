"""An ensemble of runs on the same data, weighted, as a run of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from torch import Tensor, nn

from ..analysis.metrics.bootstrap import Estimate, of_mean
from ..analysis.report import write_report
from ..core.console import say
from ..core.files import write_whole
from ..core.hints import did_you_mean
from ..data.split_data import Source
from ..inference.trained import Trained, load
from ..model.older_texts import FORMAT
from ..model.parts import Parts
from ..run.folder import RunFolder, environment
from ..run.new_folder import begun
from ..run.weights import make_model, save_model
from ..tasks.model import Model
from ..tasks.python_words import for_python
from .ensemble_members import Member, members_of, predictions, runs_in, split_of, unseen_rows
from .ensemble_weights import WAYS, How, Loss, Predictions, losses_of

SIZE = 10
USUAL: How = "greedy"


@dataclass(frozen=True)
class EnsembleOptions:
    """How an ensemble is chosen."""

    size: int = SIZE          # most members, counted as often as greedy takes them
    how: How = USUAL
    loss: Loss | None = None   # None: bce if all members are Bernoulli, otherwise mse


@dataclass
class Ensemble:
    """An ensemble: its run, its members with weights, its losses and those of the best member."""

    folder: RunFolder
    loss: Loss
    how: How
    members: list[tuple[str, float, float]]   # run, weight, loss on the samples that chose
    best: str                                 # the run that is best alone
    tried: int                                # runs that could have been chosen
    # by split: of the ensemble, of the best run alone, and the first minus the second
    losses: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    chosen_on: str = "test"

    def lines(self) -> list[str]:
        """What to print."""
        lines = [f"{len(self.members)} of {self.tried} runs, {self.how}, chosen by {self.loss} on "
                 f"the {self.chosen_on} samples:",
                 *(f"  {weight:6.1%}  {loss:.5g}  {run}" for run, weight, loss in self.members)]
        for split, estimates in self.losses.items():
            whole, alone, less = (
                estimates[name] for name in ("ensemble", "best run", "difference"))
            lines.append(f"{split}: {self.loss} {whole.value:.5g} ({whole.low:.5g} to "
                         f"{whole.high:.5g}), {alone.value:.5g} of {self.best} alone; difference "
                         f"{less.value:+.3g} ({less.low:+.3g} to {less.high:+.3g})")
        if "holdout" not in self.losses:
            lines.append(f"the weights were chosen on these {self.chosen_on} samples, so the "
                         f"ensemble's loss there is slightly too good; for an unbiased loss, train "
                         f"the runs with --holdout 0.1")
        return lines


@for_python
def ensemble(
    runs: Sequence[str | Path | Trained | Model] | str | Path, *, size: int = SIZE,
    how: str = USUAL, loss: str = "", out: str | Path | None = None, report: bool = True,
) -> Model:
    """Combine runs on the same data into a weighted ensemble, which is a run of its own.

    `runs` are runs, or folders of them, such as a study's. `how` is "greedy" (Caruana et al., 2004,
    with replacement), "uniform" or "stacked" (least squares; Breiman, 1996); the weights are chosen
    by the `loss`, "mse" or "bce", on the test split. At most `size` members are taken. Codes are
    the members' codes side by side, (N, D), reconstructions their weighted mean. Raises ValueError.

        >>> import hourglass as hg
        >>> runs = [hg.train("digits", model=f"ae({dim})", epochs=1, report=False, quiet=True)
        ...         for dim in (4, 8)]
        >>> both = hg.ensemble(runs, how="uniform", report=False)
        >>> both.encode("digits").shape
        (1797, 12)
    """
    places = [runs] if isinstance(runs, str | Path) else [
        run if isinstance(run, str | Path) else run.folder.path for run in runs]
    combined = combine(places, out, options_of(size, how, loss), report)
    for line in combined.lines():
        say(line)
    return Model(load(combined.folder.path))


def options_of(size: int, how: str, loss: str) -> EnsembleOptions:
    """The options, checked. Raises ValueError."""
    if how not in WAYS:
        raise ValueError(f"an ensemble is greedy, uniform or stacked, not {how!r}; "
                         f"{did_you_mean(how, WAYS)}")
    if loss and loss not in get_args(Loss):
        raise ValueError(f"an ensemble is chosen by the loss mse or bce, not {loss!r}")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size must be a whole number from 1, not {size!r}")
    return EnsembleOptions(size, how, loss or None)  # type: ignore[arg-type]


def combine(
    runs: Sequence[str | Path], out: str | Path | None, options: EnsembleOptions,
    report: bool = True, device: str = "cpu",
) -> Ensemble:
    """Choose weights, write the run, and measure it. Raises ValueError."""
    paths = runs_in(runs)
    with begun(out) as folder:   # before predicting, so that an --out in use is refused at once
        combined = _combined(members_of(paths, device), folder, options)
    if report:
        say("writing the report ...")
        write_report(folder)
    return combined


def _combined(members: Sequence[Member], folder: RunFolder, options: EnsembleOptions) -> Ensemble:
    """Choose weights, measure the ensemble, and write it as a run into the folder."""
    source, rows = unseen_rows(members)
    chosen_on = "test" if "test" in rows else "val"
    if chosen_on not in rows:
        raise ValueError("no sample was kept out of the training of all runs, so nothing can "
                         "choose the weights; train them with the same --seed, or with --test 0.1")
    if chosen_on == "val":
        say("there is no test split, so the weights are chosen on the validation samples, which "
            "training has also been stopped by")
    loss = _loss(members, options.loss)
    seen = predictions(members, split_of(source, rows[chosen_on], len(members)))
    weights = WAYS[options.how](seen, loss, options.size)
    alone = [float(losses_of(mean, seen, loss).mean()) for mean in seen.means]
    kept = [int(k) for k in np.argsort(-weights) if weights[k] > 0]
    best = int(np.argmin(alone))
    losses = {chosen_on: _beside(seen, weights, best, loss)}
    if "holdout" in rows:
        every = list(dict.fromkeys([*kept, best]))
        part = split_of(source, rows["holdout"], len(every))
        losses["holdout"] = _beside(predictions([members[k] for k in every], part),
                                    weights[every], every.index(best), loss)
    combined = Ensemble(folder, loss, options.how, [
        (members[k].name, float(weights[k]), alone[k]) for k in kept], members[best].name,
        len(members), losses, chosen_on)
    _write(combined, [members[k] for k in kept], weights[kept], source)
    return combined


def _loss(members: Sequence[Member], requested: Loss | None) -> Loss:
    """The requested loss, if it suits. By default, the loss that all members were trained by."""
    binary = all(member.model.description.parts.likelihood == "bernoulli" for member in members)
    if requested == "bce" and not members[0].model.description.bounded:
        raise ValueError("the loss bce is for values from 0 to 1; use mse")
    return requested or ("bce" if binary else "mse")


def _beside(
    seen: Predictions, weights: np.ndarray, best: int, loss: Loss
) -> dict[str, Estimate]:
    """The losses of the ensemble and of the best run on these samples, and their difference, with
    intervals over samples. The weights (K,) are of all that predicted."""
    together = losses_of(seen.of(weights), seen, loss)
    alone = losses_of(seen.means[best], seen, loss)
    return {"ensemble": of_mean(together), "best run": of_mean(alone),
            "difference": of_mean(together - alone)}


def _parts(members: Sequence[Member], weights: np.ndarray) -> Parts:
    """The parts of the ensemble as texts."""
    parts = [member.model.description.parts for member in members]
    of = tuple((p.backbone, p.decoder, p.bottleneck, p.likelihood) for p in parts)
    likelihoods = tuple(p.likelihood for p in parts)
    return Parts(backbone=f"members({of!r})", bottleneck="identity",
                 likelihood=f"mixture_of({likelihoods!r}, {tuple(weights.tolist())!r})")


def _weights_of(members: Sequence[Member], network: nn.Module) -> dict[str, Tensor]:
    """All weights of the ensemble's network, from its members: each half of it has its own copy of
    a member's bottleneck."""
    homes = {"encoder": ["encoder.encoders"], "decoder": ["decoder.decoders"],
             "bottleneck": ["encoder.bottlenecks", "decoder.bottlenecks"],
             "likelihood": ["encoder.likelihoods", "likelihood.parts"]}
    weights: dict[str, Tensor] = {}
    for k, member in enumerate(members):
        for name, weight in member.model.model.state_dict().items():
            part, _, inner = name.partition(".")
            weights |= {f"{home}.{k}.{inner}": weight for home in homes[part]}
    return {name: weights[name] for name in network.state_dict()}


def _write(
    combined: Ensemble, members: Sequence[Member], weights: np.ndarray, source: Source
) -> None:
    """Write the run's files. The weights come last, because only a folder with weights is a run."""
    folder, first, parts = combined.folder, members[0], _parts(members, weights)
    description = replace(first.model.description, texts=dict(vars(parts)), format=FORMAT)
    network = make_model(description)
    network.load_state_dict(_weights_of(members, network))
    settings = first.settings.with_(**{**vars(parts), "model": "ae", "condition": "none"})
    write_whole(folder.settings, settings.to_toml())
    folder.write_record({
        "environment": environment(str(first.model.device)), "data": source.identity,
        "parameters": _sums(members, "parameters"),
        "multiply_adds": _sums(members, "multiply_adds"), "ended": "", "seconds": 0,
        "ensemble": {
            "how": combined.how, "loss": combined.loss, "chosen_on": combined.chosen_on,
            "best": combined.best,
            "members": [{"run": str(Path(run).resolve()), "weight": weight, "loss": loss}
                        for run, weight, loss in combined.members],
            "losses": {split: {name: list(estimate) for name, estimate in estimates.items()}
                       for split, estimates in combined.losses.items()}}})
    save_model(folder.model, network, network.state_dict(), description)


def _sums(members: Sequence[Member], entry: str) -> dict[str, Any]:
    """The sums of the members' costs."""
    costs = [member.model.folder.read_record().get(entry, {}) for member in members]
    names = dict.fromkeys(name for figures in costs for name in figures)
    return {name: sum(figures.get(name, 0) for figures in costs) for name in names}
