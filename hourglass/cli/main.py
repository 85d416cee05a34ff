"""The command line: train, summary, report, reconstruct, list, and what joins all commands."""

import contextlib
import io
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.exceptions import TyperException

from ..core.console import is_first, say
from ..core.output_names import ESCAPED, harmless
from ..core.registry import REGISTRIES, kind_of_part
from ..run.aliases import own_words
from ..run.settings import Settings, chosen_recipe, make_settings, recipes
from .apply import use_commands
from .compare import compare_commands
from .data import data_commands
from .evaluate import evaluate_commands
from .finetune import finetune_commands
from .latent import latent_commands
from .named_command import with_named_command
from .options import Blur, Data, Device, Images, Out, Recipe, Run, Sharpen
from .plugin_flag import plugins_of
from .serve import serve_commands
from .settings_flags import takes_settings

app = typer.Typer(
    name="hourglass", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(latent_commands)
app.add_typer(compare_commands)
app.add_typer(use_commands)
app.add_typer(finetune_commands)
app.add_typer(evaluate_commands)
app.add_typer(serve_commands)
app.add_typer(data_commands, name="data")

@app.callback(invoke_without_command=True)
def start(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    plugin: Annotated[str, typer.Option(
        metavar="FILE", help="A Python file or module that registers parts of your own, such as "
                             "parts.py. It may stand anywhere in a command.")] = "",
) -> None:
    """Train an autoencoder on your data, look at the report, and use the model.

    Start with: hourglass train digits
    """
    if version:
        from importlib.metadata import version as version_of
        print(version_of("hourglass"))
        raise typer.Exit()


BAD_USE, FAILED, INTERRUPTED = 2, 1, 130


TYPED = [name for name in Settings.model_fields if name != "data"]


@app.command()
@takes_settings(TYPED)
def train(
    data: Data = "", recipe: Recipe = "", out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in folder "
                                         "DATA.")] = False,
    report: Annotated[bool, typer.Option(help="Write a report after training.")] = True,
    settings: Any = None,
) -> None:
    """Train an autoencoder and write a report.

    Examples: hourglass train mnist; hourglass train photos/ --size 64 --model "ae(64)";
    hourglass train runs/1 --resume --epochs 60
    """
    chosen = make_settings({}) if resume else _settings(data, recipe, settings)
    say(f"reading {data or 'the data'} ...")   # before the imports, which take seconds
    from ..run.folder import is_run, open_run
    from ..tasks.run_training import Looks, driven, follow
    from ..training.setup import prepare
    from ..training.setup import resume as resume_training
    from ..training.train import run
    if resume:
        if not data or recipe or out:
            raise ValueError("--resume needs a run's folder, and takes neither --recipe nor --out: "
                             "hourglass train runs/1 --resume --epochs 60")
        training = resume_training(open_run(data), settings)
    else:
        if data and is_run(Path(data)):
            raise ValueError(f"{data} is a run. To continue it, add --resume")
        training = prepare(chosen, out=out)
    looks: Looks = "report" if report else "comparison"
    code = 0
    try:
        follow(driven(training, run(training), looks, looks if report else "codes"),
               training.plan.epochs)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if is_first():
        print(training.folder.report if report and training.folder.report.is_file() else
              training.folder.path)
    if code:
        raise SystemExit(code)   # typer's code means: not reported yet


@app.command()
@takes_settings(TYPED)
def summary(data: Data = "", recipe: Recipe = "", settings: Any = None) -> None:
    """Show a model's layers, sizes and costs, for train's arguments or for a run.

    Example: hourglass summary mnist --recipe tutorial_cae
    """
    from ..model.summary import as_text, summarise
    from ..run.folder import RunFolder, is_run
    from ..run.load_data import load_source
    from ..run.settings import with_whole_path
    from ..run.suited import suited
    if data and is_run(Path(data)):   # whose settings name its data for good
        chosen = _settings("", str(RunFolder(Path(data)).settings), settings)
    else:
        chosen = with_whole_path(_settings(data, recipe, settings))
    source = load_source(chosen)
    parts, _ = suited(chosen, source)
    costs = summarise(parts, source.shape, chosen.optimiser, len(source.classes))
    print(as_text(costs, chosen.batch_size))


@app.command()
def report(
    run: Run,
    priors: Annotated[str, typer.Option(help="Priors to sample from, instead of the usual ones, "
                                        "such as own;flow;diffusion. This evaluates the model "
                                        "again.")] = "",
    features: Annotated[str, typer.Option(help="Feature extractor for Fréchet distances: an ONNX "
                                          "file, such as Inception's.")] = "",
    device: Device = "cpu",
) -> None:
    """Write a run's figures and report again. Only its options need the model and data.

    Examples: hourglass report runs/1; hourglass report runs/1 --priors "flow;mixture(5)"
    """
    from ..analysis.report import write_report
    from ..core.device import choose_device
    from ..run.folder import open_run
    chosen = [text.strip() for text in priors.split(";") if text.strip()]
    print(write_report(open_run(run), chosen, features, str(choose_device(device))))


@app.command()
def reconstruct(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures; for a table, a "
                                      ".csv or .parquet file.")] = Path("out"),
    own_size: Annotated[Optional[bool], typer.Option(  # noqa: UP045
        "--own-size/--resize", help="Keep each image's size, or resize it to the training size. "
        "Only models without a dense layer can keep sizes. Default: as in training.",
        show_default=False)] = None,
    sharpen: Sharpen = 0, blur: Blur = 0,
    show: Annotated[str, typer.Option(help="Channels to show in pictures, such as 3,2,1, or all. "
                                      "Default: the run's setting.")] = "",
    device: Device = "cpu",
) -> None:
    """Reconstruct images, or a table's rows, with a trained model and write the results.

    Images become PNGs. Images with more bits or channels than a PNG holds also become TIFFs, in
    the data's units.

    Examples: hourglass reconstruct runs/1 photos/ -o out/; hourglass reconstruct runs/2 rows.csv
    -o reconstructed.csv
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.reconstruct import ReconstructOptions
    from ..tasks.reconstruct import reconstruct as reconstruct_images
    from ..tasks.tables import is_table, reconstruct_table
    model = load(run, str(choose_device(device)))
    if is_table(model):
        if sharpen or blur or own_size:
            raise ValueError("--sharpen, --blur and --own-size are for images, and this model was "
                             "trained on a table")
        print("\n".join(reconstruct_table(model, images, out)))
        return
    found = reconstruct_images(model, images, out, ReconstructOptions(Finish(sharpen, blur),
                                                                      own_size, show))
    after = (f", {found['mse_finished']:.5g} after sharpening and blurring"
             if "mse_finished" in found else "")
    print(f"{found['images']:.0f} images in {out}, mean squared error {found['mse']:.5g}{after}")


@app.command(name="list")
def list_parts(
    kind: Annotated[str, typer.Argument(help="Kind of part: models, backbones, losses, priors, "
                                        "recipes, ... Default: all.")] = "",
) -> None:
    """List the parts by name, with their arguments and a description.

    Examples: hourglass list models; hourglass list losses
    """
    kinds = [*REGISTRIES, "recipes"]
    chosen = kind_of_part(kind, kinds) if kind else ""
    for name in [chosen] if chosen else kinds:
        print(f"{name}")
        rows = _recipe_rows() if name == "recipes" else [
            (REGISTRIES[name].signature(part), REGISTRIES[name].about(part))
            for part in REGISTRIES[name].parts]
        for signature, about in rows:
            print(f"  {signature}\n      {about}")


def _recipe_rows() -> list[tuple[str, str]]:
    return [(name, " ".join(line.lstrip("# ") for line in path.read_text().splitlines()
                            if line.startswith("#"))) for name, path in recipes().items()]


def _settings(data: str, recipe: str, given: dict[str, Any]) -> Settings:
    """Settings from a recipe, overridden by the flags and then by the argument DATA."""
    values = {**(chosen_recipe(recipe) if recipe else {}), **own_words(given, say)}
    return make_settings({**values, "data": data} if data else values)


def main() -> None:
    """Run a command. A wrong argument gives one or two lines and exit code 2."""
    for stream in (sys.stdout, sys.stderr):   # names of files may be no text
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):   # of one that was led elsewhere meanwhile
                stream.reconfigure(errors=ESCAPED)
    try:
        words, plugins = plugins_of(sys.argv[1:])
        if plugins:
            from ..core.plugins import load_parts  # which brings torch
            load_parts(plugins)
        words = words or ["--help"]
        code = with_named_command(app, words)(words, standalone_mode=False)
        if code == INTERRUPTED:
            _fail("interrupted", INTERRUPTED)
    except TyperException as error:
        code = _fail(getattr(error, "format_message", error.__str__)(), BAD_USE)
    except (ValueError, OSError) as error:
        code = _fail(_message(error), BAD_USE)
    except FloatingPointError as error:
        code = _fail(str(error), FAILED)
    except (RecursionError, OverflowError):
        code = _fail("a number is too large, or a text or file is nested too deeply", BAD_USE)
    except MemoryError as error:
        code = _fail(f"this needs more memory than there is. {error}", FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)


def _message(error: Exception) -> str:
    import errno
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return (f"the disk is full ({error.filename or 'while writing'}). Free some space, then "
                f"give the command again; add --resume to continue a run")
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror or error}"
    return str(error)


def _fail(message: str, code: int) -> int:
    which = "" if is_first() else f" (process {os.environ['RANK']})"
    if which:
        time.sleep(3)   # if the first process fails too, it reports the error and ends this one
    print(harmless(f"hourglass{which}: {' '.join(message.split())}"), file=sys.stderr)
    return code
