"""The command `hourglass generate`: new samples from a prior over the latent codes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .one_process import one_process_of
from .options import Blur, Device, Run, Shards, Sharpen

SAMPLES = Path("samples.png")


def generate(
    run: Run,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of samples.")] = 40,
    kind: Annotated[str, typer.Option("--class", "--label", help="Class of the samples; or "
                                      "several, such as 0,1,2, with one row each.")] = "",
    prior: Annotated[str, typer.Option(help="Prior to sample codes from: own, per_class, kde, "
                                       "mixture, flow, diffusion, ... (see: hourglass list "
                                       "priors). auto: the run's --prior, or one that suits the "
                                       "model.")] = "auto",
    temperature: Annotated[float, typer.Option(
        min=0, max=100, help="Sampling temperature. Below 1: more typical samples. Above 1: more "
                             "varied.")] = 1,
    prompt: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        "--prompt", help="What the samples should show, for a run of latent diffusion. Several "
        "prompts get a row each.", show_default=False)] = None,
    negative: Annotated[str, typer.Option(help="What the samples should not show, with a "
                                          "--prompt.")] = "",
    to: Annotated[str, typer.Option("--to", help="Second prompt: with the same noise, samples go "
                                    "from --prompt to this one.")] = "",
    guidance: Annotated[Optional[float], typer.Option(  # noqa: UP045
        min=0, max=100, help="How closely samples follow the prompt or class: 1 as the data does, "
        "larger more. Default: 4 with a prompt, otherwise 1.", show_default=False)] = None,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Steps of latent diffusion.")] = 20,
    sampler: Annotated[str, typer.Option(help="Sampler of latent diffusion: dpm, heun or "
                                         "euler.")] = "dpm",
    image: Annotated[str, typer.Option(help="Image to change, instead of drawing anew, for a run "
                                       "of latent diffusion.")] = "",
    strength: Annotated[Optional[float], typer.Option(  # noqa: UP045
        min=0, max=1, help="With --image, the share of it that is noise at first: 0.2 changes "
        "little, 1 everything. Default: 0.6; with a --mask 1.", show_default=False)] = None,
    mask: Annotated[str, typer.Option(help="With --image, another image of its size: the part that "
                                      "is white here is generated anew. The rest stays.")] = "",
    top_k: Annotated[int, typer.Option(
        "--top-k", min=0, help="Lines of text only: draw each token from this many, the most "
                               "probable. Default: all.", show_default=False)] = 0,
    where: Annotated[str, typer.Option(
        help="Molecules only: conditions of their properties, such as \"logP=2..3, qed>0.7\". The "
             "search in latent space says how many it drew.", show_default=False)] = "",
    radius: Annotated[str, typer.Option(
        help="Instead of from a prior, sample codes at these distances from the origin, such as "
             "0.5,1,2,3,5,8. A row for each: left, codes in a box of that half-width; right, codes "
             "on a sphere of that radius.")] = "",
    grid: Annotated[str, typer.Option(
        help="Instead of sampling, decode a square grid of codes: 8 for -8 to 8 in each direction "
             "(for a VAE, in standard deviations of the prior), or such as "
             "grid(limit=8, side=30).")] = "",
    sharpen: Sharpen = 0, blur: Blur = 0,
    nearest: Annotated[bool, typer.Option("--nearest", help="Show the nearest training sample "
                                          "below each sample.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png for one sheet, a folder for one "
                                      "file per sample, a .npy for an array. For a table: a "
                                      ".csv or .parquet. For lines of text: a .txt or .csv; by "
                                      "default they are printed. For molecules: also a .png or "
                                      ".svg.")] = SAMPLES,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    shards: Shards = 0,
    device: Device = "cpu",
) -> None:
    """Generate new samples from a prior over the latent codes.

    Examples: hourglass generate runs/1; hourglass generate runs/1 --class 7 --prior flow -n 100
    -o sevens/; hourglass generate runs/1 --class 0,1,2; hourglass generate runs/1 --radius
    0.5,1,2,3,5,8; hourglass generate runs/2 --prompt "a smiling cat" --guidance 4 -n 16
    """
    from ..tasks.generate import GenerateOptions
    from ..tasks.generate import generate as generate_samples
    from ..tasks.grid import draw_grid, read_grid
    from ..tasks.prompts import PromptOptions
    from ..tasks.radius_sweep import SweepOptions, sweep
    from ..tasks.sharpen_and_blur import Finish
    prompts = PromptOptions(tuple(prompt or ()), negative, to, guidance, steps, sampler, image,
                            strength, mask)
    if (grid or radius or prior.startswith("grid")) and prompts.is_told:
        raise ValueError("--grid and --radius decode codes that no prompt chooses; leave one out")
    model = load_run(run, device, doing="generating")
    if model.description.kind == "lines":
        _generate_lines(model, GenerateOptions(
            n, kind, prior, temperature, seed, sharpen, nearest, blur, top_k=top_k), out,
            bool(grid or radius or shards or prompts.is_told), where)
        return
    if where:
        raise ValueError("--where is for models of molecules; leave it out")
    if top_k:
        raise ValueError("--top-k is for models of lines of text; leave it out")
    prior, grid = ("auto", prior) if prior.startswith("grid") else (prior, grid)
    if grid or radius:
        if shards:
            raise ValueError("--grid and --radius make one picture; leave --shards out")
        one_process_of("generate --grid" if grid else "generate --radius")
    if grid:
        options = replace(read_grid(grid), kind=kind, finish=Finish(sharpen, blur))
        if radius or nearest or prior != "auto":
            raise ValueError("--grid decodes a grid of codes and samples no prior; use only "
                             "--class (conditional models), --sharpen, --blur and -o with it")
        tell(draw_grid(model, options, out))
        tell(out)
        return
    if radius:
        if nearest or prior != "auto":
            raise ValueError("--radius samples boxes and shells, not a prior; use only --class "
                             "(conditional models), --sharpen, --blur, --seed and -o with it")
        tell(sweep(model, _numbers(radius), out, SweepOptions(kind, seed, Finish(sharpen, blur))))
        tell(out)
        return
    wish = GenerateOptions(n, kind, prior, temperature, seed, sharpen, nearest, blur, prompts)
    for line in generate_samples(model, wish, out, shards):
        tell(line)


def _generate_lines(model: Any, wish: Any, out: Path, others: bool, where: str) -> None:
    """Print lines of text, or write them if -o names a file for them."""
    from ..tasks.write_lines import generate_lines
    if others:
        raise ValueError("--grid, --radius, --shards and prompts are not for models of lines of "
                         "text; leave them out")
    one_process_of("generate on lines of text")
    for line in generate_lines(model, wish, None if out == SAMPLES else out, where):
        tell(line)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < 1e6 for number in numbers):
        raise ValueError(f"--radius takes numbers above 0 and below a million, separated by "
                         f"commas, such as 0.5,1,2, not {text!r}")
    return numbers
