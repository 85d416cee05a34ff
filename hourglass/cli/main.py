"""The command line: the list of commands, and what joins them."""

import contextlib
import io
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import TyperException

from .. import __version__
from ..core.console import is_first
from ..core.exit_codes import BAD_USE, FAILED, INTERRUPTED
from ..core.output_names import ESCAPED, harmless
from ..core.wording import agree
from .classify import classify
from .compare import compare
from .compress import compress
from .data import data_commands
from .decompress import decompress
from .detect import detect
from .embed import embed
from .ensemble import ensemble
from .evaluate import evaluate
from .explore import explore
from .export import export
from .finetune import finetune
from .generate import generate
from .impute import impute
from .list import list_parts
from .morph import morph
from .named_command import with_named_command
from .one_process import share_work
from .plugin_flag import plugins_of
from .recommend import recommend
from .reconstruct import reconstruct
from .repeated_options import CommandThatSaysRepeats
from .report import report
from .restore import restore
from .score import score
from .search import search
from .serve import serve
from .studio import studio
from .summary import summary
from .train import train
from .vary import vary

# in the order of the help; each stands in the file of its name
COMMANDS: dict[str, Callable[..., None]] = {
    "train": train, "summary": summary, "report": report, "reconstruct": reconstruct,
    "list": list_parts, "generate": generate, "morph": morph, "vary": vary, "explore": explore,
    "compare": compare, "search": search, "ensemble": ensemble, "restore": restore,
    "score": score, "detect": detect, "impute": impute, "recommend": recommend, "embed": embed,
    "classify": classify, "compress": compress, "decompress": decompress, "finetune": finetune,
    "evaluate": evaluate, "serve": serve, "export": export, "studio": studio,
}

FLAG_NAME = re.compile("^--[a-z]+(?:_[a-z]+)+(?==|$)")

app = typer.Typer(
    name="hourglass", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]})
for name, command in COMMANDS.items():
    app.command(name, cls=CommandThatSaysRepeats)(command)
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
        print(__version__)
        raise typer.Exit()


def main() -> None:
    """Run a command. A wrong argument gives one or two lines and exit code 2."""
    for stream in (sys.stdout, sys.stderr):   # names of files may be no text
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):   # it may have been redirected
                stream.reconfigure(errors=ESCAPED)
    try:
        words, plugins = plugins_of([FLAG_NAME.sub(_dashed, word) for word in sys.argv[1:]])
        share_work(words)
        if plugins:
            from ..core.plugins import load_parts  # which brings torch
            load_parts(plugins)
        words = words or ["--help"]
        code = with_named_command(app, words)(words, standalone_mode=False)
        if code == INTERRUPTED:
            _fail("interrupted", INTERRUPTED)
    except TyperException as error:
        code = _fail(_of_use(error), BAD_USE)
    except (ValueError, OSError) as error:
        code = _fail(_message(error), BAD_USE)
    except FloatingPointError as error:
        code = _fail(str(error), FAILED)
    except (RecursionError, OverflowError):
        code = _fail("a number is too large, or a text or file is nested too deeply", BAD_USE)
    except MemoryError as error:
        code = _fail(f"this needs more memory than there is. {error}", FAILED)
    except RuntimeError as error:
        match = re.search(r"can't allocate memory: you tried to allocate (\d+) bytes", str(error))
        if not match:
            raise
        code = _fail(f"this needs {int(match[1]) / 2**30:,.1f} GiB of memory at once, more than "
                     f"there is. Use fewer or smaller samples, or a smaller model", BAD_USE)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted", INTERRUPTED)
    sys.exit(code or 0)


def _dashed(match: re.Match[str]) -> str:
    """A flag as it is named here: --batch_size, as other tools have it, is --batch-size."""
    return match[0].replace("_", "-")


def _of_use(error: TyperException) -> str:
    """A message for wrong words of a command. Flags of other tools are answered."""
    said = str(getattr(error, "format_message", error.__str__)())
    flag = str(getattr(error, "option_name", "") or "")
    if not said.startswith("No such option") or not flag.startswith("--"):
        return said
    from ..core.other_words import known_by
    from ..run.aliases import answered
    from ..run.settings import Settings
    name = flag[2:].replace("-", "_")
    near = known_by(name, [*Settings.model_fields])
    answer = answered(name) or (
        f"did you mean {Settings.model_fields[near[0]].flag}?" if near else "")
    return f"no such option: {flag}; {answer}" if answer else said


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
    print(agree(harmless(f"hourglass{which}: {' '.join(message.split())}")), file=sys.stderr)
    return code
