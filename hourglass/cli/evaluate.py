"""The command `hourglass evaluate`: log-likelihood and disentanglement of a trained model."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Run

Generation = Annotated[bool, typer.Option("--generation", help="Measure how far samples of the "
                                          "prior are from the split instead: Fréchet and kernel "
                                          "distance, precision, recall, density, coverage.")]
Reconstruction = Annotated[bool, typer.Option("--reconstruction", help="Measure how far the "
                                              "reconstructions are from the split instead, by the "
                                              "same distances.")]
Probes = Annotated[bool, typer.Option("--probes", help="Guess the classes of the split's samples "
                                      "from their codes instead, and from the features of an "
                                      "extractor: by neighbours and by a linear model.")]
Points = Annotated[bool, typer.Option("--points", help="Place all samples of the split in the "
                                      "latent space instead, up to a million, with their "
                                      "errors. The studio shows them.")]
Features = Annotated[str, typer.Option(help="Feature extractor for distances and probes, such as "
                                       "efficientnet_lite0 (the default for images, where it is "
                                       "installed), classifier, onnx:PATH or run:PATH.")]
PriorOfSamples = Annotated[str, typer.Option("--prior", help="Prior of --generation: auto, own, "
                                             "mixture(10), flow, ...")]


def evaluate(
    run: Run,
    nll: Annotated[int, typer.Option(min=1, help="Codes per sample for -log p(x) by importance "
                                     "sampling. Papers use 5000, which takes long.")] = 200,
    ais: Annotated[int, typer.Option(min=0, help="Steps of annealed importance sampling, a tighter "
                                     "and much slower estimate. 0: none.")] = 0,
    chains: Annotated[int, typer.Option(min=1, help="Chains per sample for --ais.")] = 8,
    split: Annotated[str, typer.Option(help="Split to evaluate: train, val, test or holdout. "
                                       "Default: the first of test, val and train that "
                                       "exists.")] = "",
    limit: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=1, help="Largest number of samples; they are taken evenly from the split.")] = None,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="Also write a .csv with one row per sample.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the codes.")] = 0,
    factors: Annotated[bool, typer.Option("--factors", help="Measure disentanglement instead, for "
                                          "data with known factors (dsprites, or a .npz with "
                                          "factors).")] = False,
    leave_out: Annotated[str, typer.Option(help="Factors to leave out of --factors, separated by "
                                           "commas, such as shape.")] = "",
    generation: Generation = False,
    reconstruction: Reconstruction = False,
    probes: Probes = False,
    points: Points = False,
    features: Features = "",
    prior: PriorOfSamples = "auto",
    device: Device = "cpu",
) -> None:
    """Estimate -log p(x) of unseen samples, in nats and bits, with the ELBO and its parts.

    For a model without a posterior, such as ae, the errors of the reconstructions are printed. The
    report shows the result from now on.

    Examples: hourglass evaluate runs/1 --nll 5000; hourglass evaluate runs/1 --nll 5000 --ais 500
    --limit 100; hourglass evaluate runs/1 --generation --reconstruction; hourglass evaluate
    runs/sprites --factors --leave-out shape
    """
    kinds = [name for name, chosen in (("generation", generation),
                                       ("reconstruction", reconstruction),
                                       ("probes", probes)) if chosen]
    if (features or prior != "auto") and not kinds:
        raise ValueError("--features and --prior are for --generation, --reconstruction and "
                         "--probes; pass one of them too")
    if kinds:
        _print_by_features(run, kinds, (features, prior, split, limit), out, device)
        return
    if points:
        from ..tasks.place_samples import place_samples
        tell(*place_samples(load_run(run, device, doing="placing samples"), split, limit))
        return
    if factors:
        from ..tasks.disentangle import disentangle
        left_out = tuple(filter(None, map(str.strip, leave_out.split(","))))
        disentangled = disentangle(load_run(run, device, doing="disentangling"), leave_out=left_out)
        tell(*disentangled.lines())
        return
    from ..inference.log_likelihood.estimate import LikelihoodOptions
    from ..tasks.evaluate import evaluate as evaluate_model
    wish = LikelihoodOptions(nll, ais, chains, split, limit, seed)
    result = evaluate_model(load_run(run, device), wish, out)
    for line in [*result.lines, f"in {result.seconds:.0f} s", *([str(out)] if out else [])]:
        tell(line)


def _print_by_features(
    run: Path, kinds: list[str], options: tuple[str, str, str, Optional[int]],  # noqa: UP045
    out: Optional[Path], device: str,  # noqa: UP045
) -> None:
    from typing import cast

    from ..core.contracts import Evaluation
    from ..tasks.probe_codes import probes_of
    from ..tasks.set_distances import DistanceOptions, Of, distances_of
    if out is not None and len(kinds) > 1:
        raise ValueError("-o takes one table; pass --generation, --reconstruction or --probes "
                         "alone")
    model = load_run(run, device, doing="measuring by features")
    features, _, split, limit = options
    for kind in kinds:
        result: Evaluation = (
            probes_of(model, features, split, limit, out) if kind == "probes" else
            distances_of(model, DistanceOptions(cast(Of, kind), *options), out))
        for line in [*result.lines, f"in {result.seconds:.0f} s", *([str(out)] if out else [])]:
            tell(line)
