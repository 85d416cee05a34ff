"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder, such as runs/1")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")]
Told = Annotated[str, typer.Option("--class", help="as which class a conditional model draws it")]
