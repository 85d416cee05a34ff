"""The command line: what people ask for, as thin as it can be; heavy imports happen inside."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.exceptions import TyperException

from ..core.console import is_first, say
from ..core.hints import did_you_mean
from ..core.registry import REGISTRIES
from ..run.aliases import own_words
from ..run.settings import Settings, chosen_recipe, make_settings, recipes
from .apply import use_commands
from .compare import compare_commands
from .data import data_commands
from .evaluate import evaluate_commands
from .finetune import finetune_commands
from .latent import Blur, Sharpen, latent_commands
from .options import Device, Run
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
def start(version: Annotated[bool, typer.Option("--version", help="print it and end")] = False
          ) -> None:
    """Train an autoencoder on your data, see what it learnt, and put it to work.

    Start with: hourglass train digits
    """
    if version:
        from importlib.metadata import version as version_of
        print(version_of("hourglass"))
        raise typer.Exit()


BAD_USE, FAILED, INTERRUPTED = 2, 1, 130


TYPED = [name for name in Settings.model_fields if name != "data"]
Data = Annotated[str, typer.Argument(
    help="digits (if none is given), mnist, ... (see: hourglass list sources), or a folder, an "
         "archive, an image, a .npy or .npz", show_default=False)]
Recipe = Annotated[str, typer.Option(help="settings from a recipe, by name or from a TOML file")]
Out = Annotated[Optional[Path], typer.Option(  # noqa: UP045
    "--out", "-o", help="folder for the results; else the next number under runs/")]


@app.command()
@takes_settings(TYPED)
def train(
    data: Data = "", recipe: Recipe = "", out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run DATA")] = False,
    report: Annotated[bool, typer.Option(help="look at what was learnt, and report")] = True,
    settings: Any = None,
) -> None:
    """Train an autoencoder and write a report.

    Examples: hourglass train mnist; hourglass train photos/ --size 64 --model "ae(64)";
    hourglass train runs/1 --resume --epochs 60
    """
    chosen = make_settings({}) if resume else _settings(data, recipe, settings)
    say(f"reading {data or 'the data'} ...")   # before the imports, which take seconds
    from ..core.distributed import part_ways
    from ..inference.imputation import filled_in
    from ..run.folder import is_run, open_run
    from ..training.progress import show
    from ..training.setup import prepare
    from ..training.setup import resume as go_on
    from ..training.train import run
    if resume:
        if not data or recipe or out:
            raise ValueError("--resume takes the run's folder and settings that may change, as in "
                             "hourglass train runs/1 --resume --epochs 60")
        training = go_on(open_run(data), settings)
    else:
        if data and is_run(Path(data)):
            raise ValueError(f"{data} is a run; to go on with it, add --resume")
        training = prepare(chosen, out=out)
    for note in training.notes:
        say(note)
    show(run(training), training.plan.epochs)
    part_ways()
    if not is_first():
        return
    if training.ended:
        say(f"ended: {training.ended}")
    if report:
        _report(training)
    elif not training.interrupted:
        from ..analysis.analyse import compared_with_pca, settle
        settle(training)
        for line in compared_with_pca(training):
            say(line)
    for line in filled_in(training.folder):
        say(line)
    if not report:
        print(training.folder.path)
    if training.interrupted:
        say(f"to go on: hourglass train {training.folder.path} --resume")
        raise SystemExit(INTERRUPTED)   # typer's own means that nothing was said yet


def _report(training: Any) -> None:
    from ..analysis.against_pca import in_words
    from ..analysis.report import finish
    say("looking at what was learnt ...")
    try:
        metrics = finish(training)
    except KeyboardInterrupt:
        say(f"interrupted; what was learnt is kept: hourglass report {training.folder.path}")
        raise SystemExit(INTERRUPTED) from None
    say("; ".join(f"{name} {value:.5g}" for name, value in metrics.items()
                  if "/" not in name and not name.startswith("pca_")))
    for line in in_words(training.folder.read_record()):
        say(line)
    print(training.folder.report)


@app.command()
@takes_settings(TYPED)
def summary(data: Data = "", recipe: Recipe = "", settings: Any = None) -> None:
    """Show a model's layers, sizes and costs; takes what train takes, or a run.

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
    priors: Annotated[str, typer.Option(help="look again, at draws from these priors in place of "
                                        "the usual ones, such as own;flow;diffusion")] = "",
    features: Annotated[str, typer.Option(help="compare draws by this network's features: an ONNX "
                                          "file, such as Inception's")] = "",
    device: Device = "cpu",
) -> None:
    """Draw a run's figures and report again; needs neither model nor data, but for its options.

    Examples: hourglass report runs/1; hourglass report runs/1 --priors "flow;mixture(5)"
    """
    from ..analysis.report import write_report
    from ..core.device import choose_device
    from ..run.folder import open_run
    wanted = [text.strip() for text in priors.split(";") if text.strip()]
    print(write_report(open_run(run), wanted, features, str(choose_device(device))))


@app.command()
def reconstruct(
    run: Run,
    images: Annotated[str, typer.Argument(help="a folder, an archive, an array or a source")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the pictures; of a table, a "
                                      ".csv or .parquet")] = Path("out"),
    own_size: Annotated[Optional[bool], typer.Option(  # noqa: UP045
        "--own-size/--resize", help="keep files at their own size, which takes a model without a "
        "dense layer; default: where training images kept theirs", show_default=False)] = None,
    sharpen: Sharpen = 0, blur: Blur = 0,
    show: Annotated[str, typer.Option(help="channels that pictures show, such as 3,2,1, or all; "
                                      "else as the run's settings say")] = "",
    device: Device = "cpu",
) -> None:
    """Pass images, or a table's rows, through a trained model and write what comes out: PNGs and,
    where these would lose depth or channels, TIFFs in the data's own units; of a table, rows.

    Examples: hourglass reconstruct runs/1 photos/ -o out/; hourglass reconstruct runs/2 rows.csv
    -o again.csv
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.reconstruct import Manner
    from ..tasks.reconstruct import reconstruct as pass_through
    from ..tasks.tables import is_table, reconstruct_table
    model = load(run, str(choose_device(device)))
    if is_table(model):
        if sharpen or blur or own_size:
            raise ValueError("--sharpen, --blur and --own-size are for images, and this model was "
                             "trained on a table")
        print("\n".join(reconstruct_table(model, images, out)))
        return
    found = pass_through(model, images, out, Manner(Finish(sharpen, blur), own_size, show))
    after = f", {found['mse_finished']:.5g} so finished" if "mse_finished" in found else ""
    print(f"{found['images']:.0f} images in {out}, mean squared error {found['mse']:.5g}{after}")


@app.command(name="list")
def list_parts(
    kind: Annotated[str, typer.Argument(help="models, backbones, terms, recipes, ...")] = "",
) -> None:
    """List every part by name, with its arguments and what it is.

    Example: hourglass list models
    """
    kinds = [*REGISTRIES, "recipes"]
    wanted = kind if kind in kinds or not kind else f"{kind}s"
    if wanted and wanted not in kinds:
        raise ValueError(f"no kind of part is named {kind!r}; {did_you_mean(kind, kinds)}")
    for name in [wanted] if wanted else kinds:
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
    """Settings from a recipe, then the flags, then the data named first."""
    values = {**(chosen_recipe(recipe) if recipe else {}), **own_words(given, say)}
    return make_settings({**values, "data": data} if data else values)


def main() -> None:
    """Run a command; errors of use are a line or two and exit code 2."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
        if code == INTERRUPTED:
            _fail("interrupted", INTERRUPTED)
    except TyperException as error:
        code = _fail(getattr(error, "format_message", error.__str__)(), BAD_USE)
    except (ValueError, OSError) as error:
        code = _fail(_words(error), BAD_USE)
    except FloatingPointError as error:
        code = _fail(str(error), FAILED)
    except (RecursionError, OverflowError):
        code = _fail("a number is too large, or a text or file is nested too deep", BAD_USE)
    except MemoryError as error:
        code = _fail(f"this needs more memory than there is. {error}", FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)


def _words(error: Exception) -> str:
    import errno
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return (f"the disk is full ({error.filename or 'while writing'}); free some, then "
                f"give the command again; a run that had begun goes on with --resume")
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror or error}"
    return str(error)


def _fail(message: str, code: int) -> int:
    which = "" if is_first() else f" (process {os.environ['RANK']})"
    if which:
        time.sleep(3)   # if the first process fails too, it says so, and this one is ended by then
    print(f"hourglass{which}: {' '.join(message.split())}", file=sys.stderr)
    return code
